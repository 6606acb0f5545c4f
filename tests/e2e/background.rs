//! Programs that run while a test goes on.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::harness::{Ran, Work};

/// How long something may take that takes a moment on an idle machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A program that runs; killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    /// The process that does the work, once somebody has asked for it.
    owner: Option<u32>,
    output: tempfile::TempDir,
}

impl Running {
    /// Starts the program, with its output in files.
    pub(crate) fn start(mut command: Command) -> Self {
        let output = tempfile::tempdir().unwrap();
        let file = |name: &str| File::create(output.path().join(name)).unwrap();
        command.stdout(file("stdout")).stderr(file("stderr"));
        let child = command.spawn().unwrap();
        Self {
            child,
            owner: None,
            output,
        }
    }

    /// Starts muster.
    pub(crate) fn muster(work: &Work, args: &[&str]) -> Self {
        Self::start(work.command(args))
    }

    fn text(&self, name: &str) -> String {
        let bytes = std::fs::read(self.output.path().join(name)).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until it has printed the text.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) {
        self.wait_for_in("stdout", text);
    }

    /// Waits until it has printed the text where errors go.
    #[track_caller]
    pub(crate) fn wait_for_error(&mut self, text: &str) {
        self.wait_for_in("stderr", text);
    }

    #[track_caller]
    fn wait_for_in(&mut self, name: &str, text: &str) {
        wait_until(text, || {
            let printed = self.text(name);
            let ended = self.child.try_wait().unwrap().is_some();
            assert!(
                printed.contains(text) || !ended,
                "{text:?} was not printed:\n{printed}\n{}",
                self.text("stderr")
            );
            printed.contains(text)
        });
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn end(&mut self) -> Ran {
        wait_until("the end of the program", || !self.runs());
        let status = self.child.wait().unwrap();
        Ran {
            code: status.code().unwrap_or(-1),
            stdout: self.text("stdout"),
            stderr: self.text("stderr"),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The process that does the work: the one that was started, or another one that it started
    /// for it.
    pub(crate) fn engine(&mut self) -> u32 {
        let owner = descendants(self.pid()).into_iter().find(|id| is_owner(*id));
        self.owner = owner.or(self.owner);
        self.owner.unwrap_or(self.pid())
    }

    /// The plugins and other programs that it started.
    pub(crate) fn plugins(&self) -> Vec<u32> {
        let mut found = descendants(self.pid());
        found.retain(|id| !is_owner(*id));
        found
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let engine = self.engine();
        if self.owner.is_some_and(lives) {
            kill_if_there(engine);
        }
        if self.runs() {
            // It may end by itself just now.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Waits until something is so; fails when that takes too long.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sends a signal.
pub(crate) fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Ends a process that may have ended by itself.
fn kill_if_there(pid: u32) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let _ = rustix::process::kill_process(pid, Signal::KILL);
}

/// All processes that a process started, and that those started.
fn descendants(of: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let all: Vec<(u32, u32)> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, parent(pid)?)))
        .collect();
    let mut found = vec![of];
    let mut at = 0;
    while let Some(next) = found.get(at).copied() {
        let children = all.iter().filter(|(_, parent)| *parent == next);
        found.extend(children.map(|(pid, _)| *pid));
        at += 1;
    }
    found.split_off(1)
}

/// Whether a process carries out what another one shows.
fn is_owner(pid: u32) -> bool {
    let path = Path::new("/proc").join(pid.to_string()).join("cmdline");
    let line = std::fs::read(path).unwrap_or_default();
    line.split(|byte| *byte == 0).nth(1) == Some(b"internal-owner")
}

/// Whether a process still does anything; one that only waits to be collected does not.
pub(crate) fn lives(pid: u32) -> bool {
    stat(pid).is_some_and(|fields| !fields.starts_with('Z'))
}

fn parent(pid: u32) -> Option<u32> {
    stat(pid)?.split(' ').nth(1)?.parse().ok()
}

/// The fields of a process from its state on; before it is a name that may hold anything.
fn stat(pid: u32) -> Option<String> {
    let path = Path::new("/proc").join(pid.to_string()).join("stat");
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.rsplit_once(") ")?.1.to_owned())
}
