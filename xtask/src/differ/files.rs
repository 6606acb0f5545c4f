//! Random files: those of this repository and a few lines with everything in them, mangled.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result};
use muster_lang::FileId;
use muster_lang::fmt::format;

use super::ours::{caught, refused};
use super::outcome::Outcome;
use super::random::Random;
use super::tree::Tree;

/// Files to begin with.
const SEEDS: [&str; 3] = [
    include_str!("seed.tf"),
    include_str!("fixtures.tf"),
    include_str!("../../../examples/quickstart/modules/web/main.tf"),
];

/// What is put between tokens, or takes the place of one.
const BITS: [&str; 46] = [
    " ",
    "  ",
    "\n",
    "\n\n",
    "\n\n\n",
    "\t",
    "\r\n",
    "",
    "",
    "=",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ",",
    ":",
    "?",
    ".",
    "...",
    "=>",
    "==",
    "!",
    "-",
    "*",
    "[*]",
    ".*",
    "\"",
    "\"a\"",
    "\"${a}\"",
    "\"${ a . b }\"",
    "a",
    "a.b",
    "1",
    "# c",
    "# c\n",
    "// d\n",
    "/* e */",
    "/* f\n g */",
    "<<EOT\n a\nEOT\n",
    "<<-EOT\n  a\n EOT\n",
    "for",
    "if",
    "null",
    "é",
];

/// A file.
pub(crate) fn generate(random: &mut Random) -> Tree {
    let mut parts = Vec::new();
    for _ in 0..1 + random.below(2) {
        let blocks = blocks(random.pick(&SEEDS));
        parts.extend(words(&blocks[random.below(blocks.len())]));
    }
    for _ in 0..random.below(12) {
        space(&mut parts, random);
    }
    // Most of these leave no file that is right.
    for _ in 0..random.below(4).min(random.below(4)) {
        mangle(&mut parts, random);
    }
    Tree::lines(&parts.concat())
}

/// The blocks of a file, each up to its closing brace.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks = vec![String::new()];
    for line in text.split_inclusive('\n') {
        if let Some(block) = blocks.last_mut() {
            block.push_str(line);
        }
        if line == "}\n" {
            blocks.push(String::new());
        }
    }
    blocks.retain(|block| !block.is_empty());
    blocks
}

/// Changes white space, or puts in a comment.
fn space(parts: &mut Vec<String>, random: &mut Random) {
    let at = random.below(parts.len());
    match random.below(8) {
        0 => parts.insert(
            at,
            random
                .pick(&["/* e */", "# c\n", "// d\n", "/* f\n g */", " # g\n"])
                .to_owned(),
        ),
        1 => parts.insert(at, random.pick(&BLANK).to_owned()),
        2 if parts[at] == "\n" => {
            parts[at] = random.pick(&["\r\n", "\n\n", " \n", "\n\t"]).to_owned()
        }
        _ if parts[at].trim().is_empty() && parts[at] != "\n" => {
            parts[at] = random.pick(&BLANK).to_owned();
        }
        _ => {}
    }
}

fn mangle(parts: &mut Vec<String>, random: &mut Random) {
    let at = random.below(parts.len());
    match random.below(5) {
        0 if parts.len() > 1 => drop(parts.remove(at)),
        1 => {
            let other = random.below(parts.len());
            parts.swap(at, other);
        }
        2 => parts[at] = random.pick(&BITS).to_owned(),
        3 => {
            let copy = parts[at].clone();
            parts.insert(random.below(parts.len()), copy);
        }
        _ => parts.insert(at, random.pick(&BITS).to_owned()),
    }
}

const BLANK: [&str; 7] = [" ", "", "  ", "\t", "    ", " ", "\n"];

/// A text cut into words, white space and single signs.
fn words(text: &str) -> Vec<String> {
    let class = |c: char| match c {
        '\n' => 0,
        c if c.is_whitespace() => 1,
        c if c.is_alphanumeric() || c == '_' => 2,
        _ => 3,
    };
    let mut parts: Vec<String> = Vec::new();
    let mut last = None;
    for c in text.chars() {
        let here = class(c);
        match parts
            .last_mut()
            .filter(|_| last == Some(here) && matches!(here, 1 | 2))
        {
            Some(part) => part.push(c),
            None => parts.push(c.into()),
        }
        last = Some(here);
    }
    parts
}

/// What muster's formatter makes of a file.
pub(crate) fn ours(text: &str) -> Outcome {
    caught(|| match format(FileId(0), &Arc::from(text)) {
        Ok(text) => Outcome::Text(text),
        Err(diags) => refused(&diags),
    })
}

/// What terraform's formatter makes of each of the files.
pub(crate) fn theirs(texts: &[String]) -> Result<Vec<Outcome>> {
    let dir = tempfile::tempdir()?;
    let path = |at: usize| dir.path().join(format!("f{at}.tf"));
    for (at, text) in texts.iter().enumerate() {
        std::fs::write(path(at), text)?;
    }
    let wrong = run(dir.path())?;
    let outcome = |(at, text): (usize, &String)| {
        let name = format!("f{at}.tf");
        if wrong.contains(&name) {
            return Ok(Outcome::Error(Vec::new()));
        }
        let now = std::fs::read(path(at))?;
        match String::from_utf8(now) {
            Ok(now) => Ok(Outcome::Text(now)),
            Err(_) => Ok(Outcome::Crash(format!("terraform breaks {text:?}"))),
        }
    };
    texts.iter().enumerate().map(outcome).collect()
}

/// Formats all files of a folder in place, and says which could not be.
fn run(dir: &Path) -> Result<Vec<String>> {
    let mut command = Command::new("timeout");
    command
        .args(["120", "terraform", "fmt", "-no-color", "-list=false"])
        .current_dir(dir)
        .env_remove("TF_CLI_CONFIG_FILE")
        .env("CHECKPOINT_DISABLE", "1");
    let output = command.output().context("terraform cannot be run")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let places = said.lines().filter_map(|line| line.split(" on ").nth(1));
    let names = places.filter_map(|place| place.split(" line").next());
    Ok(names.map(str::to_owned).collect())
}
