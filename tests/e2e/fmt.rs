//! `fmt`: what it says and does, and that it gives what Terraform gives.

use std::path::Path;
use std::process::Command;

use crate::harness::{Ran, Work, root, skip};

const UGLY: &str = "a=1\nbb = 2\n";
const FINE: &str = "a  = 1\nbb = 2\n";

#[test]
fn files_are_written_and_named() {
    let work = Work::with(UGLY);
    work.write("fine.tf", FINE);
    work.write("sub/values.tfvars", UGLY);
    work.write(".hidden/main.tf", UGLY);
    assert_eq!(work.run(&["fmt"]).code(0).stdout, "main.tf\n");
    assert_eq!(work.read("main.tf"), FINE);
    let ran = work.run(&["fmt", "-recursive"]).code(0);
    assert_eq!(ran.stdout, "sub/values.tfvars\n");
    assert_eq!(work.read("sub/values.tfvars"), FINE);
    assert_eq!(work.read(".hidden/main.tf"), UGLY);
}

#[test]
fn check_and_diff_leave_files_alone() {
    let work = Work::with(UGLY);
    let ran = work.run(&["fmt", "-check"]).code(3);
    assert_eq!(ran.stdout, "main.tf\n");
    let ran = work.run(&["fmt", "-check", "-list=false"]).code(3);
    assert_eq!(ran.stdout, "");
    let ran = work.run(&["fmt", "-diff", "-write=false"]).code(0);
    let expect =
        "main.tf\n--- old/main.tf\n+++ new/main.tf\n@@ -1,2 +1,2 @@\n-a=1\n+a  = 1\n bb = 2\n";
    assert_eq!(ran.stdout, expect);
    assert_eq!(work.read("main.tf"), UGLY);
    work.write("main.tf", FINE);
    assert_eq!(work.run(&["fmt", "-check", "-diff"]).code(0).stdout, "");
}

/// `-list`, `-write`, `-check` and `-diff` together: what is printed for two files, of which the
/// first is not formatted, and for the first of them as standard input.
#[test]
fn options_together() {
    const NAME: &str = "main.tf\n";
    const DIFF: &str = "--- old/NAME\n+++ new/NAME\n@@ -1,2 +1,2 @@\n-a=1\n+a  = 1\n bb = 2\n";
    let named = |name: &str| DIFF.replace("NAME", name);
    let (file, stdin) = (named("main.tf"), named("<stdin>"));
    let both = format!("{NAME}{file}");
    let texts = format!("{FINE}{FINE}");
    // list, write, check, diff: files, standard input.
    let table: [(u8, &str, &str); 16] = [
        (0b0000, &texts, FINE),
        (0b0001, &file, &stdin),
        (0b0010, "", ""),
        (0b0011, "", ""),
        (0b0100, "", FINE),
        (0b0101, &file, &stdin),
        (0b0110, "", ""),
        (0b0111, "", ""),
        (0b1000, NAME, FINE),
        (0b1001, &both, &stdin),
        (0b1010, NAME, ""),
        (0b1011, &both, ""),
        (0b1100, NAME, FINE),
        (0b1101, &both, &stdin),
        (0b1110, NAME, ""),
        (0b1111, &both, ""),
    ];
    for (bits, files, text) in table {
        let flags = ["diff", "check", "write", "list"];
        let flags = flags.iter().enumerate();
        let flags: Vec<String> = flags
            .map(|(i, name)| format!("-{name}={}", bits >> i & 1 == 1))
            .collect();
        let mut args = vec!["fmt"];
        args.extend(flags.iter().map(String::as_str));
        let work = Work::with(UGLY);
        work.write("other.tf", FINE);
        let (write, check) = (bits & 0b0100 != 0, bits & 0b0010 != 0);
        let code = if check { 3 } else { 0 };
        assert_eq!(work.run(&args).code(code).stdout, files, "{args:?}");
        let after = if write && !check { FINE } else { UGLY };
        assert_eq!(work.read("main.tf"), after, "{args:?}");
        work.write("input", UGLY);
        let input = std::fs::File::open(work.path().join("input")).unwrap();
        args.push("-");
        let ran = Ran::new(&work.command(&args).stdin(input).output().unwrap());
        assert_eq!(ran.code(code).stdout, text, "{args:?}");
    }
}

#[test]
fn standard_input() {
    let work = Work::empty();
    work.write("input", "a=1");
    let fmt = |args: &[&str]| {
        let input = std::fs::File::open(work.path().join("input")).unwrap();
        Ran::new(&work.command(args).stdin(input).output().unwrap())
    };
    assert_eq!(fmt(&["fmt", "-"]).code(0).stdout, "a = 1\n");
    assert_eq!(fmt(&["fmt", "-check", "-"]).code(3).stdout, "");
    fmt(&["fmt", "-diff", "-"])
        .code(0)
        .says(&["--- old/<stdin>\n+++ new/<stdin>\n", "\n+a = 1\n"]);
    work.write("input", "a = {\n");
    fmt(&["fmt", "-"])
        .code(2)
        .says(&["Error: ", "on <stdin> line 1"]);
}

#[test]
fn files_with_errors_stay_as_they_are() {
    let work = Work::with(UGLY);
    work.write("bad.tf", "a={\n");
    work.write("latin.tf", b"a=\"\xe9\"\n");
    let ran = work.run(&["fmt"]).code(2);
    assert_eq!(ran.stdout, "main.tf\n");
    ran.says(&["on bad.tf line 1", "Invalid character encoding"]);
    assert_eq!(work.read("bad.tf"), "a={\n");
    work.write("main.tf", UGLY);
    let ran = work.run(&["fmt", "-check"]).code(2);
    assert_eq!(ran.stdout, "");
    work.run(&["fmt", "gone", "main.tf"])
        .code(2)
        .says(&["Error: No file or directory at gone"]);
    assert_eq!(work.read("main.tf"), UGLY);
    work.write("main.json", "{}");
    work.run(&["fmt", "main.json"])
        .code(2)
        .says(&["Error: Only .tf, .tfvars, and .tftest.hcl files can be processed"]);
}

/// Every file of the repository, and variants of each with other blanks, line ends and comments.
#[test]
fn terraform_formats_the_same() {
    let (theirs, ours) = (Work::empty(), Work::empty());
    let mut command = Command::new("terraform");
    theirs.prepare(&mut command, &["fmt", "-list=false", "files"]);
    command.env("CHECKPOINT_DISABLE", "1");
    if Command::new("terraform").arg("-version").output().is_err() {
        skip("terraform is not on PATH");
        return;
    }
    let mut names = Vec::new();
    let mut random = Random(1);
    for (i, text) in sources(&root()).iter().enumerate() {
        for variant in 0..4 {
            let name = format!("files/{i:04}-{variant}.tf");
            let text = if variant == 0 {
                text.clone()
            } else {
                mangle(text, &mut random)
            };
            theirs.write(&name, &text);
            ours.write(&name, &text);
            names.push((name, text));
        }
    }
    // Some variants have errors, and both leave those as they are.
    command.output().unwrap();
    ours.run(&["fmt", "-list=false", "files"]);
    let mut changed = 0;
    for (name, text) in &names {
        let formatted = theirs.read(name);
        assert_eq!(ours.read(name), formatted, "of:\n{text}");
        changed += usize::from(formatted != *text);
    }
    assert!(changed * 2 > names.len(), "{changed} of {}", names.len());
}

/// The text of every configuration file below a directory.
fn sources(dir: &Path) -> Vec<String> {
    let mut entries: Vec<_> = std::fs::read_dir(dir).unwrap().flatten().collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    let mut out = Vec::new();
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        if name == "target" || name.to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            out.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "tf" || e == "tfvars") {
            out.push(std::fs::read_to_string(path).unwrap());
        }
    }
    out
}

/// A generator of numbers that gives the same ones each time.
struct Random(u64);

impl Random {
    /// A number below another one.
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// Changes what formatting should not care about. Blanks of heredocs are changed too, which both
/// programs keep.
fn mangle(text: &str, random: &mut Random) -> String {
    let often = 1 + random.below(4);
    let mut out = String::new();
    for line in text.lines() {
        let line = match random.one_in(often) {
            true => line.trim_start(),
            false => line,
        };
        for c in line.chars() {
            match c {
                ' ' if random.one_in(often) => out.push_str("   "),
                '=' | ',' | '(' | '[' | '{' if random.one_in(often * 4) => {
                    out.extend([c, ' ']);
                    if random.one_in(8) {
                        out.push_str("/* c */ ");
                    }
                }
                ',' if random.one_in(8) => out.push_str(",\n"),
                c => out.push(c),
            }
        }
        match random.below(24) {
            0 => out.push_str(" # comment\n"),
            1 => out.push_str("// comment\n\n"),
            2 => out.push_str("\n# comment\n"),
            3 => out.push_str(" \n\n\n"),
            4 => out.push_str("\r\n"),
            _ => out.push('\n'),
        }
    }
    out
}
