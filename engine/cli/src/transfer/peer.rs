//! A state that another process of this program has. That process works in the
//! directory of the state, so that everything that is configured there holds: the backend, the
//! encryption, the workspace.

use std::ffi::OsString;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use muster_snapshot::Snapshot;
use muster_store::{End, Transfer};

use super::message::{Answer, Question, Ready, hear, say};
use super::serve::decode;
use super::{Where, absolute};
use crate::args::Locking;
use crate::error::{Failure, Outcome};

/// See the module. The lock is released, and the process ends, when this is dropped.
pub(super) struct Peer {
    child: Child,
    /// `None` once it was told to end.
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    ready: Ready,
    pending: Option<Transfer>,
    file: Option<PathBuf>,
}

impl Peer {
    /// Finds a state.
    pub(super) fn start(at: &Where, locking: &Locking) -> Outcome<Self> {
        check_folder(at)?;
        let started = command(at, locking).and_then(|mut command| command.spawn());
        let mut child = started.map_err(|error| lost(&error.to_string()))?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(lost("it has no standard input and output"));
        };
        let mut peer = Self {
            child,
            to: Some(to),
            from: BufReader::new(from),
            ready: Ready {
                place: String::new(),
                folder: Default::default(),
                workspace: String::new(),
                record: Default::default(),
                is_encrypted: false,
                is_bare: false,
            },
            pending: None,
            file: at.file.as_deref().map(absolute),
        };
        match peer.hear()? {
            Answer::Ready(ready) => peer.ready = ready,
            other => return Err(unexpected(&other)),
        }
        Ok(peer)
    }

    /// Takes the lock on it.
    pub(super) fn lock(&mut self) -> Outcome<()> {
        match self.ask(&Question::Lock)? {
            Answer::Locked(pending) => self.pending = pending.map(|found| *found),
            other => return Err(unexpected(&other)),
        }
        Ok(())
    }

    /// Whether it is encrypted when it is written.
    pub(super) fn is_encrypted(&self) -> bool {
        self.ready.is_encrypted
    }

    /// Whether it is the state of a directory without a configuration.
    pub(super) fn is_bare(&self) -> bool {
        self.ready.is_bare
    }

    /// How commands get to the state later.
    pub(super) fn end(&self) -> End {
        End {
            place: self.ready.place.clone(),
            folder: self.ready.folder.clone(),
            workspace: self.ready.workspace.clone(),
            file: self.file.clone(),
        }
    }

    /// The file that moves of its objects are recorded in.
    pub(super) fn record_path(&self) -> &Path {
        &self.ready.record
    }

    /// A move that was on record when the lock was taken.
    pub(super) fn pending(&self) -> Option<&Transfer> {
        self.pending.as_ref()
    }

    /// The state, if there is one.
    pub(super) fn read(&mut self) -> Outcome<Option<Snapshot>> {
        match self.ask(&Question::Read)? {
            Answer::State(text) => text.as_deref().map(decode).transpose(),
            other => Err(unexpected(&other)),
        }
    }

    /// Puts a move on record.
    pub(super) fn record(&mut self, transfer: &Transfer) -> Outcome<()> {
        self.tell(&Question::Record(Box::new(transfer.clone())))
    }

    /// Stores a state that was made from the one that was read.
    pub(super) fn write(&mut self, state: &Snapshot) -> Outcome<()> {
        let text = String::from_utf8_lossy(&muster_snapshot::encode(state)).into_owned();
        self.tell(&Question::Write(text))
    }

    /// Removes the record of a move.
    pub(super) fn clear(&mut self, id: &str) -> Outcome<()> {
        self.tell(&Question::Clear(id.to_owned()))
    }

    fn tell(&mut self, question: &Question) -> Outcome<()> {
        match self.ask(question)? {
            Answer::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    fn ask(&mut self, question: &Question) -> Outcome<Answer> {
        let said = match &mut self.to {
            Some(to) => say(to, question),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        };
        said.map_err(|error| lost(&error.to_string()))?;
        self.hear()
    }

    fn hear(&mut self) -> Outcome<Answer> {
        match hear(&mut self.from)? {
            Some(Answer::Failed { summary, detail }) => {
                Err(Failure::new(summary, format!("{detail}.")))
            }
            Some(answer) => Ok(answer),
            None => Err(lost("it ended")),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It releases its lock when nobody can ask it anything any more.
        self.to = None;
        let _ = self.child.wait();
    }
}

fn command(at: &Where, locking: &Locking) -> std::io::Result<Command> {
    let mut command = Command::new(crate::program::own()?);
    command.args(["state", "internal-peer"]);
    command.arg(format!("-lock={}", locking.lock.wanted));
    command.arg(format!("-lock-timeout={}", locking.lock.timeout));
    if let Some(file) = &at.file {
        command.arg(option("-state=", &absolute(file)));
    }
    match &at.backup {
        Some(none) if none.as_os_str() == "-" => {
            command.arg("-backup=-");
        }
        Some(backup) => {
            command.arg(option("-backup=", &absolute(backup)));
        }
        None => {}
    }
    if let Some(folder) = &at.folder {
        command.current_dir(folder);
    }
    match &at.workspace {
        Some(workspace) => command.env("TF_WORKSPACE", workspace),
        // What is selected here means nothing elsewhere.
        None if at.folder.is_some() => command.env_remove("TF_WORKSPACE"),
        None => &mut command,
    };
    // Options that people want for their own commands.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TF_CLI_ARGS") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    Ok(command)
}

fn option(name: &str, path: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push(path);
    option
}

/// A process that cannot be started says nothing of the directory that it should work in.
fn check_folder(at: &Where) -> Outcome<()> {
    let Some(folder) = &at.folder else {
        return Ok(());
    };
    std::fs::read_dir(folder).map(drop).map_err(|error| {
        let detail = format!(
            "The directory {} cannot be worked in: {error}.",
            folder.display()
        );
        Failure::new("Failed to move objects between states", detail)
    })
}

fn lost(reason: &str) -> Failure {
    let detail = format!("The process that has the other state cannot be asked: {reason}.");
    Failure::new("Failed to move objects between states", detail)
}

fn unexpected(answer: &Answer) -> Failure {
    lost(&format!("its answer is of another kind ({answer:?})"))
}
