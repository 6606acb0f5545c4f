//! What may follow the words of a command line, for the completion of shells.
//!
//! The scripts that `completion` prints have no tables of commands and options: they run this
//! program with [`ARGUMENT`] in front, the name of the shell, and the words up to the cursor. It
//! answers with a line that says what is wanted there, and a line for each word that fits.

mod bash;
mod declared;
mod line;
mod values;

use std::fmt::Write as _;
use std::process::ExitCode;

use line::Line;

/// The argument with which the scripts run this program.
pub(crate) const ARGUMENT: &str = "internal-complete";

/// What may stand at the cursor.
#[derive(Debug, Default, PartialEq)]
struct Offer {
    kind: Kind,
    /// The part of the word at the cursor that stays: the name of an option, with `=`.
    prefix: String,
    /// What may follow the prefix.
    words: Vec<Word>,
}

/// Who knows the words.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Kind {
    /// This program.
    #[default]
    Words,
    /// The shell: names of files.
    Files,
    /// The shell: names of directories.
    Directories,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Files => "files",
            Self::Directories => "directories",
        }
    }
}

/// A word that fits. One that ends with an equals sign goes on behind it.
#[derive(Clone, Debug, PartialEq)]
struct Word {
    text: String,
    /// What it means; may be empty.
    meaning: String,
}

impl Word {
    fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            meaning: String::new(),
        }
    }
}

/// Prints what may stand at the end of the words of a shell. Whatever goes wrong, nothing is said
/// of it: people are in the middle of typing.
pub(crate) fn run(args: &[String]) -> ExitCode {
    let text = match args {
        [shell, line, breaks] if shell == "bash" => {
            let typed = bash::Typed::new(line, breaks);
            let offer = offer(&typed.words, &typed.current);
            print(&offer, |word| {
                typed.quoted(&format!("{}{word}", offer.prefix))
            })
        }
        // It says what the words mean, and sets the prefix aside itself.
        [shell, words @ .., current] if shell == "zsh" => {
            print(&offer(words, current), str::to_owned)
        }
        // It gives the last word as it is typed.
        [shell, words @ .., current] if shell == "fish" => {
            let offer = offer(words, &bash::Typed::new(current, "").current);
            print(&offer, |word| format!("{}{word}", offer.prefix))
        }
        _ => String::new(),
    };
    out!("{text}");
    ExitCode::SUCCESS
}

/// What may stand in the place of the last word, behind others. The first is not the program.
fn offer(words: &[String], current: &str) -> Offer {
    let mut offer = Line::new(words).offer(current);
    let rest = current
        .strip_prefix(offer.prefix.as_str())
        .unwrap_or(current);
    let fits = |word: &Word| {
        // The answer has a line for each.
        word.text.starts_with(rest) && !word.text.contains(char::is_control)
    };
    offer.words.retain(fits);
    offer
}

fn print(offer: &Offer, as_typed: impl Fn(&str) -> String) -> String {
    let mut text = format!("{}\n", offer.kind.name());
    for word in &offer.words {
        let meaning = word.meaning.split('\n').next().unwrap_or_default();
        let _ = writeln!(text, "{}\t{meaning}", as_typed(&word.text));
    }
    text
}

#[cfg(test)]
mod tests;
