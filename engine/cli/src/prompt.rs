//! Questions to the person at the terminal.

use std::io::{self, BufRead, IsTerminal, Write};

use muster_config::Variable;

/// Whether there is somebody to ask.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal()
}

/// Asks a question and gives the answer without its line end; `None` when there is none.
pub(crate) fn ask(question: &str) -> Option<String> {
    let mut out = io::stdout().lock();
    let written = write!(out, "{question}").and_then(|()| out.flush());
    drop(out);
    written.ok()?;
    let mut line = String::new();
    match io::stdin().lock().read_line(&mut line) {
        Ok(n) if n > 0 => Some(line.trim_end_matches(['\r', '\n']).to_owned()),
        _ => None,
    }
}

/// Asks for the value of a variable, if there is somebody to ask.
pub(crate) fn variable(variable: &Variable) -> Option<String> {
    if !can_ask() {
        return None;
    }
    let description = match variable.description.as_str() {
        "" => String::new(),
        text => format!("  {text}\n\n"),
    };
    ask(&format!(
        "var.{}\n{description}  Enter a value: ",
        variable.name
    ))
}

/// Asks whether to go on: only `yes` will do.
pub(crate) fn confirm(question: &str) -> bool {
    let text = format!("\n{question}\n\n  Enter a value: ");
    ask(&text).is_some_and(|answer| answer == "yes")
}

/// Asks for approval: only `yes` will do. `None` when nobody answers.
pub(crate) fn approve(question: &str, explanation: &str) -> Option<bool> {
    let text = format!(
        "\n{question}\n  {explanation}\n  Only 'yes' will be accepted to approve.\n\n  Enter a value: "
    );
    ask(&text).map(|answer| answer == "yes")
}
