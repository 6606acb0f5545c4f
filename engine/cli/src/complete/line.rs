//! The words of a command line: which command they are for, and what may come next.

use std::path::PathBuf;

use clap::{Arg, ArgAction, Command, CommandFactory};

use super::values::{self, Place};
use super::{Kind, Offer, Word};
use crate::args::Cli;
use crate::help;

/// What has been typed before the cursor.
pub(super) struct Line {
    command: Command,
    /// The words that lead to the command.
    path: Vec<String>,
    /// Names of options that are there.
    given: Vec<String>,
    /// The option whose value comes next.
    pending: Option<Arg>,
    /// How many words are neither commands nor options.
    positionals: usize,
    /// No options come any more.
    is_plain: bool,
    /// Where states are looked for.
    place: Place,
}

impl Line {
    /// Makes sense of the words behind the program.
    pub(super) fn new(words: &[String]) -> Self {
        let mut line = Self {
            command: Cli::command(),
            path: Vec::new(),
            given: Vec::new(),
            pending: None,
            positionals: 0,
            is_plain: false,
            place: Place::default(),
        };
        for word in words {
            line.push(word);
        }
        line
    }

    fn push(&mut self, word: &str) {
        if let Some(option) = self.pending.take() {
            return self.note(&option, word);
        }
        if self.is_option(word) {
            return self.push_option(word);
        }
        if word == "--" {
            self.is_plain = true;
            return;
        }
        if self.takes_command() {
            // Behind this comes the command that is to be explained.
            if word == "help" {
                return;
            }
            if let Some(command) = self.command.find_subcommand(word).cloned() {
                self.path.push(command.get_name().to_owned());
                self.command = command;
                return;
            }
        }
        self.positionals += 1;
    }

    fn push_option(&mut self, word: &str) {
        let name = word.trim_start_matches('-');
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (name, None),
        };
        self.given.push(name.to_owned());
        let Some(option) = self.option(name) else {
            return;
        };
        match value {
            Some(value) => self.note(&option, value),
            None if takes_word(&option) => self.pending = Some(option),
            None => {}
        }
    }

    /// Keeps what says where states are.
    fn note(&mut self, option: &Arg, value: &str) {
        let value = Some(value.to_owned());
        match option.get_id().as_str() {
            "chdir" => self.place.folder = value.map(PathBuf::from),
            "state" => self.place.file = value.map(PathBuf::from),
            "to_dir" => self.place.other = value.map(PathBuf::from),
            _ => {}
        }
    }

    fn is_option(&self, word: &str) -> bool {
        !self.is_plain && word.len() > 1 && word.starts_with('-') && word != "--"
    }

    fn takes_command(&self) -> bool {
        self.command.has_subcommands() && self.positionals == 0 && !self.is_plain
    }

    fn option(&self, name: &str) -> Option<Arg> {
        let mut options = self.command.get_arguments();
        let found = options.find(|arg| !name.is_empty() && arg.get_long() == Some(name));
        found.cloned()
    }

    /// What may be in the place of a word that begins so.
    pub(super) fn offer(&self, current: &str) -> Offer {
        if let Some(option) = &self.pending {
            return self.values(option, String::new());
        }
        if current.starts_with('-') && !self.is_plain {
            let name = current.trim_start_matches('-');
            let value = name.split_once('=').and_then(|(name, _)| self.option(name));
            return match (value, current.find('=')) {
                (Some(option), Some(at)) => self.values(&option, current[..=at].to_owned()),
                (None, Some(_)) => Offer::default(),
                (_, None) => self.options(if current.starts_with("--") { "--" } else { "-" }),
            };
        }
        let mut offer = match self.positional() {
            Some(argument) => self.values(argument, String::new()),
            None => Offer::default(),
        };
        if self.takes_command() {
            offer.words.extend(self.commands());
        }
        let is_open = offer.kind == Kind::Words && offer.words.is_empty();
        match is_open && current.is_empty() && self.positional().is_none() && !self.is_plain {
            true => self.options("-"),
            false => offer,
        }
    }

    /// The argument without a name that comes next.
    fn positional(&self) -> Option<&Arg> {
        let mut arguments = self.command.get_positionals();
        let next = arguments.nth(self.positionals);
        // The last of them may take all that follow.
        next.or_else(|| {
            let last = self.command.get_positionals().last();
            last.filter(|arg| matches!(arg.get_action(), ArgAction::Append))
        })
    }

    fn values(&self, arg: &Arg, prefix: String) -> Offer {
        let (kind, words) = values::of(arg, &self.path.join(" "), &self.place);
        Offer {
            kind,
            prefix,
            words,
        }
    }

    fn commands(&self) -> Vec<Word> {
        let shown = self.command.get_subcommands().filter(|c| !c.is_hide_set());
        let word = |command: &Command| Word {
            text: command.get_name().to_owned(),
            meaning: command
                .get_about()
                .map(ToString::to_string)
                .unwrap_or_default(),
        };
        let mut words: Vec<Word> = shown.map(word).collect();
        words.sort_by(|a, b| a.text.cmp(&b.text));
        words
    }

    /// The options that are not there yet, with so many dashes.
    fn options(&self, dashes: &str) -> Offer {
        let is_new = |arg: &&Arg| {
            let is_repeated = matches!(arg.get_action(), ArgAction::Append);
            is_repeated || !self.given.iter().any(|name| arg.get_long() == Some(name))
        };
        let shown = self
            .command
            .get_arguments()
            .filter(|arg| help::is_shown(arg));
        let word = |arg: &Arg| {
            let name = arg.get_long().unwrap_or_default();
            let end = if wants_value(arg) { "=" } else { "" };
            Word {
                text: format!("{dashes}{name}{end}"),
                meaning: arg.get_help().map(ToString::to_string).unwrap_or_default(),
            }
        };
        let mut words: Vec<Word> = shown.filter(is_new).map(word).collect();
        let mut general = vec![("help", "Show help")];
        if self.path.is_empty() {
            general.push(("version", "Show the version"));
        }
        words.extend(general.into_iter().map(|(name, meaning)| Word {
            text: format!("{dashes}{name}"),
            meaning: meaning.to_owned(),
        }));
        words.sort_by(|a, b| a.text.cmp(&b.text));
        Offer {
            words,
            ..Offer::default()
        }
    }
}

/// Whether the word behind an option is its value.
fn takes_word(arg: &Arg) -> bool {
    arg.get_action().takes_values() && !arg.is_require_equals_set()
}

/// Whether an option says nothing without a value. Bools that are true anyway are for saying
/// that they are not.
fn wants_value(arg: &Arg) -> bool {
    let is_true = || arg.get_default_values().iter().any(|value| value == "true");
    takes_word(arg) || arg.get_action().takes_values() && is_true()
}
