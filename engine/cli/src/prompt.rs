//! Questions to the person at the terminal.

use std::io::{self, BufRead, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use muster_config::Variable;
use muster_run::Stop;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::runtime::Handle;

use crate::owner;

/// Asks a question and gives the answer without its line end; `None` when there is none.
pub(crate) fn ask(question: &str) -> Option<String> {
    pose(question, false)
}

/// As [`ask`]; with `hidden`, and where another process has the terminal, that one keeps the
/// answer off the screen.
fn pose(question: &str, hidden: bool) -> Option<String> {
    let _asking = Asking::new();
    if owner::is_owner() {
        return owner::ask(question, hidden);
    }
    let mut out = io::stdout().lock();
    let written = write!(out, "{question}").and_then(|()| out.flush());
    drop(out);
    written.ok()?;
    read_line()
}

/// How many questions wait for an answer.
static ASKED: AtomicUsize = AtomicUsize::new(0);

/// A question waits for an answer while it lives.
struct Asking;

impl Asking {
    fn new() -> Self {
        ASKED.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        ASKED.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether a question waits for an answer: then nothing else goes on.
pub(crate) fn is_asking() -> bool {
    ASKED.load(Ordering::Relaxed) > 0
}

/// Reads a line and gives it without its line end; `None` when there is none.
pub(crate) fn read_line() -> Option<String> {
    let mut line = String::new();
    match io::stdin().lock().read_line(&mut line) {
        Ok(n) if n > 0 => Some(line.trim_end_matches(['\r', '\n']).to_owned()),
        _ => None,
    }
}

/// Keeps what is typed off the screen while it lives. Line ends still show, so that the next text
/// begins on a line of its own.
pub(crate) struct Hidden {
    before: Termios,
}

impl Hidden {
    /// `None` where standard input is no terminal.
    pub(crate) fn new() -> Option<Self> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        silent.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(io::stdin(), OptionalActions::Now, &silent).ok()?;
        Some(Self { before })
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// Whether the environment lets anybody be asked for values.
pub(crate) fn is_wanted() -> bool {
    std::env::var("TF_INPUT").map_or(true, |text| allows(&text))
}

/// What is no bool says nothing.
fn allows(text: &str) -> bool {
    !matches!(text, "0" | "f" | "F" | "false" | "FALSE" | "False")
}

/// Asks for the value of a variable. The answer may come from a pipe; `None` at its end, and when
/// somebody asks to stop meanwhile. A terminal does not show the answer where the variable is
/// sensitive. Must be called inside a runtime of several threads.
pub(crate) fn variable(variable: &Variable, stop: &Stop) -> Option<String> {
    let description = match variable.description.as_str() {
        "" => String::new(),
        text => format!("  {text}\n\n"),
    };
    let name = &variable.name;
    let question = format!("var.{name}\n{description}  Enter a value: ");
    // It is this function that shows the answers again, not the reader: that one may never come
    // to its end.
    let hides_here = variable.sensitive && !owner::is_owner();
    let _hidden = hides_here.then(Hidden::new);
    let sensitive = variable.sensitive;
    // Reading blocks; a request to stop must get through all the same.
    let answer = tokio::task::spawn_blocking(move || pose(&question, sensitive));
    let answer = async {
        tokio::select! {
            biased;
            () = stop.requested() => None,
            answer = answer => answer.unwrap_or_default(),
        }
    };
    tokio::task::block_in_place(|| Handle::current().block_on(answer))
}

/// Asks whether to go on: only `yes` will do.
pub(crate) fn confirm(question: &str) -> bool {
    let text = format!("\n{question}\n\n  Enter a value: ");
    ask(&text).is_some_and(|answer| answer == "yes")
}

/// Asks for approval: only `yes` will do. `None` when nobody answers. What is done then is told
/// apart from the question.
pub(crate) fn approve(question: &str, explanation: &str) -> Option<bool> {
    let text = format!(
        "\n{question}\n  {explanation}\n  Only 'yes' will be accepted to approve.\n\n  Enter a value: "
    );
    let is_approved = ask(&text)? == "yes";
    if is_approved {
        outln!("");
    }
    Some(is_approved)
}

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// There is nobody, or nobody any more.
    End,
    /// What was answered is neither `yes` nor `no`.
    Neither,
}

/// Asks what can be answered with `yes` or `no`, once more after another answer.
pub(crate) fn choose(question: &str, explanation: &str) -> Result<bool, Unanswered> {
    const AGAIN: &str = "\n  Please answer \"yes\" or \"no\".\n\n  Enter a value: ";
    let explanation = explanation.replace('\n', "\n  ");
    let mut text = format!("\n{question}\n  {explanation}\n\n  Enter a value: ");
    for _ in 0..2 {
        let answer = ask(&text).ok_or(Unanswered::End)?;
        match answer.trim().to_ascii_lowercase().as_str() {
            "yes" => return Ok(true),
            "no" => return Ok(false),
            _ => AGAIN.clone_into(&mut text),
        }
    }
    Err(Unanswered::Neither)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_that_the_environment_forbids() {
        for (text, expect) in [
            ("0", false),
            ("false", false),
            ("1", true),
            ("", true),
            ("no", true),
        ] {
            assert_eq!(allows(text), expect, "{text}");
        }
    }
}
