//! What the process that moves objects and those that have the states say to each other, a line
//! of JSON each.

use std::io::{BufRead, Write};
use std::path::PathBuf;

use muster_store::Transfer;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Failure, Outcome};

/// What a process that has a state is asked.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Question {
    /// Take the lock, which is released when the process ends.
    Lock,
    /// Give the state.
    Read,
    /// Put a move on record.
    Record(Box<Transfer>),
    /// Store a state, in the form of state files.
    Write(String),
    /// Remove the record of the move with this id.
    Clear(String),
}

/// What it answers. The first answer comes unasked.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// It knows its state.
    Ready(Ready),
    /// It has the lock, and this move is on record.
    Locked(Option<Box<Transfer>>),
    /// A state in the form of state files, if there is one.
    State(Option<String>),
    /// It is done.
    Done,
    /// It is not done, and why.
    Failed {
        /// In a few words.
        summary: String,
        /// In sentences.
        detail: String,
    },
}

/// What a process says of its state.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ready {
    /// Names the state for people.
    pub place: String,
    /// The directory that it works in.
    pub folder: PathBuf,
    /// The workspace.
    pub workspace: String,
    /// The file that moves of its objects are recorded in, as an absolute path.
    pub record: PathBuf,
    /// It is encrypted when it is written.
    pub is_encrypted: bool,
    /// It is the state of a directory without a configuration.
    pub is_bare: bool,
}

impl From<Failure> for Answer {
    fn from(failure: Failure) -> Self {
        let summary = failure.diags.iter().next().map(|d| d.summary.clone());
        Self::Failed {
            summary: summary.unwrap_or_else(|| "The state cannot be used".to_owned()),
            detail: failure.reason(),
        }
    }
}

/// Says something.
pub(super) fn say(to: &mut impl Write, message: &impl Serialize) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}

/// Hears something; nothing when the other one has ended.
pub(super) fn hear<T: DeserializeOwned>(from: &mut impl BufRead) -> Outcome<Option<T>> {
    let mut line = String::new();
    let read = from.read_line(&mut line);
    let broken = |reason: String| {
        let detail = format!("Another process of this program says something odd: {reason}.");
        Failure::new("Failed to move objects between states", detail)
    };
    match read {
        Ok(0) => Ok(None),
        Ok(_) => serde_json::from_str(&line)
            .map(Some)
            .map_err(|error| broken(error.to_string())),
        Err(error) => Err(broken(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard() {
        let mut line = Vec::new();
        say(&mut line, &Question::Write("{\n}".into())).unwrap();
        say(&mut line, &Question::Read).unwrap();
        let mut from = &line[..];
        let written = hear::<Question>(&mut from).unwrap().unwrap();
        assert!(matches!(written, Question::Write(text) if text == "{\n}"));
        assert!(matches!(hear(&mut from), Ok(Some(Question::Read))));
        assert!(matches!(hear::<Question>(&mut from), Ok(None)));
        assert!(hear::<Question>(&mut &b"odd\n"[..]).is_err());
    }

    #[test]
    fn failures_keep_their_words() {
        let answer = Answer::from(Failure::new("No", "Because."));
        assert!(matches!(
            answer,
            Answer::Failed { summary, detail } if summary == "No" && detail == "Because"
        ));
    }
}
