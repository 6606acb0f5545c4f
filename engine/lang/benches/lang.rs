//! Figures of the language front end, one line each, for `cargo xtask bench lang`:
//!
//! - `parse FILE`: bytes a second, and bytes of memory per byte of source;
//! - `eval`: simple operations a second.

#![expect(
    clippy::disallowed_methods,
    reason = "a program that reads what it measures and has a clock"
)]

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_lang::{Diags, FileId, Files, Reference, Scope, eval, syntax};
use muster_value::Value;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["parse", file, ..] => parse(file),
        ["eval", ..] => evaluate(),
        _ => println!("give parse FILE or eval"),
    }
}

/// Parses a file five times; the fastest run counts, the first one's memory does.
fn parse(file: &str) {
    let text: Arc<str> = fs::read_to_string(file)
        .expect("the file can be read")
        .into();
    let before = memory("VmRSS");
    let mut best = Duration::MAX;
    let mut peak = 0;
    for run in 0..5 {
        let began = Instant::now();
        let (tree, diags) = syntax::parse_tree(FileId(0), &text);
        best = best.min(began.elapsed());
        assert!(!diags.has_errors(), "the file has errors");
        if run == 0 {
            peak = memory("VmHWM").saturating_sub(before);
        }
        drop(tree);
    }
    let size = text.len() as f64;
    println!("parse_bytes_per_second {:.0}", size / best.as_secs_f64());
    println!("parse_memory_per_byte {:.2}", peak as f64 / size);
}

/// A figure of this process from the kernel, in bytes; 0 where the kernel has none.
fn memory(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with(name));
    let kilobytes = line.and_then(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// Two variables and nothing else.
struct Names;

impl Scope for Names {
    fn resolve(&self, reference: &Reference) -> Result<Value, Diags> {
        match &reference.subject {
            muster_lang::Subject::Variable(name) if &**name == "x" => Ok(Value::int(7)),
            _ => Ok(Value::int(3)),
        }
    }

    fn files(&self) -> &dyn Files {
        self
    }
}

/// Five operations on numbers, two comparisons, a logical one, a conditional.
const EXPRESSION: &str = "(var.x * 3 + var.y - 1) % 5 > 2 && var.x != var.y ? var.x + 10 : var.y";
/// How many of them one evaluation carries out.
const OPERATIONS: u32 = 9;

fn evaluate() {
    let (raw, diags) = syntax::parse_expression(FileId(0), &EXPRESSION.into());
    assert!(!diags.has_errors(), "the expression has errors");
    let (expr, _) = raw.lower(&[]);
    let mut best = 0.0f64;
    for _ in 0..5 {
        let began = Instant::now();
        let rounds = 100_000;
        for _ in 0..rounds {
            assert!(eval(&expr, &Names, &[]).is_ok());
        }
        let operations = f64::from(OPERATIONS) * f64::from(rounds);
        best = best.max(operations / began.elapsed().as_secs_f64());
    }
    println!("operations_per_second {best:.0}");
}

impl Files for Names {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Err("there are no files".into())
    }

    fn exists(&self, _: &str) -> Result<bool, String> {
        Ok(false)
    }

    fn walk(&self, _: &str) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }

    fn home(&self) -> Option<String> {
        None
    }

    fn cwd(&self) -> String {
        "/".into()
    }
}
