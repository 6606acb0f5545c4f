//! `local-exec`: a command on this machine.

use std::fmt::Write;

use muster_plan::ProvisionFailure;
use tokio::process::Command;

use super::Job;
use super::process;
use crate::Str;

/// What runs a command when nothing else is asked for.
const SHELL: [&str; 2] = ["/bin/sh", "-c"];

/// Runs it.
pub(super) async fn run(job: &Job<'_>) -> Result<(), ProvisionFailure> {
    let arguments = job.arguments();
    let Some(text) = arguments.filled("command") else {
        return Err(ProvisionFailure {
            summary: "Invalid local-exec provisioner command".into(),
            detail: "The command is empty, so there is nothing to run.".into(),
        });
    };
    let mut words = arguments.list("interpreter").unwrap_or_default();
    if words.is_empty() {
        words = SHELL.map(Str::from).to_vec();
    }
    words.push(text.clone());
    let mut command = Command::new(&*words[0]);
    command.args(words[1..].iter().map(|w| &**w));
    let environment = arguments.map("environment");
    command.envs(environment.iter().map(|(k, v)| (&**k, &**v)));
    let working_dir = arguments.filled("working_dir");
    if let Some(dir) = &working_dir {
        command.current_dir(&**dir);
    }
    match arguments.bool("quiet") {
        Some(true) => job.print("local-exec: Executing: Suppressed by quiet=true"),
        _ => job.print(&format!("Executing: [{}]", quoted(&words))),
    }
    let shown = match job.hidden {
        None => format!("The command '{text}'"),
        Some(_) => "The command".into(),
    };
    let ended = match process::run(command, job.stop, |line| job.print(line)).await {
        Ok(ended) => ended,
        Err(error) => {
            let place = match &working_dir {
                Some(dir) => format!(" in {}", job.shown("working_dir", dir)),
                None => String::new(),
            };
            let program = job.shown("interpreter", &words[0]);
            let detail = format!("{shown} could not be run by {program}{place}: {error}.");
            return Err(job.failure(detail));
        }
    };
    job.check(&ended, &shown)
}

/// Words in quotes, as Terraform shows them.
fn quoted(words: &[Str]) -> String {
    let words: Vec<String> = words.iter().map(|word| quote(word)).collect();
    words.join(" ")
}

fn quote(word: &str) -> String {
    let mut out = String::with_capacity(word.len() + 2);
    out.push('"');
    for c in word.chars() {
        // Writing to a string does not fail.
        let _ = match c {
            '"' | '\\' => write!(out, "\\{c}"),
            '\n' => write!(out, "\\n"),
            '\r' => write!(out, "\\r"),
            '\t' => write!(out, "\\t"),
            '\u{7}' => write!(out, "\\a"),
            '\u{8}' => write!(out, "\\b"),
            '\u{b}' => write!(out, "\\v"),
            '\u{c}' => write!(out, "\\f"),
            c if c.is_ascii_control() => write!(out, "\\x{:02x}", u32::from(c)),
            c if c.is_control() => write!(out, "\\u{:04x}", u32::from(c)),
            c => write!(out, "{c}"),
        };
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes() {
        let check = |word: &str, expect: &str| assert_eq!(quote(word), expect);
        check("a b", r#""a b""#);
        check("print 'x'", r#""print 'x'""#);
        check(
            "\"\\\n\t\u{1b}\u{7f}\u{85}é",
            r#""\"\\\n\t\x1b\x7f\u0085é""#,
        );
        let words = [Str::from("/bin/sh"), Str::from("-c")];
        assert_eq!(quoted(&words), r#""/bin/sh" "-c""#);
    }
}
