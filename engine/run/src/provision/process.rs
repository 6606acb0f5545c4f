//! A program whose output is shown line by line, and which ends when the run is stopped.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::Stop;

/// How long a program may take to end once it was asked to.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much of the last output is kept for messages, in bytes.
const KEPT: usize = 8 * 1024;

/// Longer lines are shown in pieces, in bytes.
const LONGEST_LINE: usize = 64 * 1024;

/// What became of a program.
pub(super) struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// The last of what it printed.
    pub output: String,
    /// It was asked to end.
    pub stopped: bool,
}

/// Runs a program in a process group of its own, with no input. What it and the programs that
/// it leaves behind print goes to `print`. It is interrupted when the run is stopped, and killed
/// when that does not help, or when the future is dropped.
///
/// # Errors
/// It could not be started.
pub(super) async fn run(
    mut command: Command,
    stop: &Stop,
    mut print: impl FnMut(&str),
) -> io::Result<Ended> {
    let (reader, writer) = io::pipe()?;
    command
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0);
    let mut group = Group::new(command.spawn()?);
    // The command holds the writing end too.
    drop(command);
    let mut reader = Receiver::from_owned_fd(OwnedFd::from(reader))?;
    let mut lines = Lines::default();
    let mut buffer = vec![0; 16 * 1024];
    let (mut status, mut open, mut stopped) = (None, true, false);
    // Set when the program is asked to end.
    let mut deadline: Option<Instant> = None;
    loop {
        if let (Some(status), false) = (status, open) {
            lines.finish(&mut print);
            group.ended();
            return Ok(Ended {
                status,
                output: lines.kept(),
                stopped,
            });
        }
        tokio::select! {
            found = reader.read(&mut buffer), if open => match found {
                Ok(0) | Err(_) => open = false,
                Ok(n) => lines.add(&buffer[..n], &mut print),
            },
            ended = group.child.wait(), if status.is_none() => status = Some(ended?),
            () = stop.requested(), if !stopped => {
                stopped = true;
                deadline = Some(Instant::now() + PATIENCE);
                group.signal(Signal::INT);
            }
            () = until(deadline) => {
                deadline = None;
                group.signal(Signal::KILL);
                open = false;
            }
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// A program and all those that it has started.
struct Group {
    child: Child,
    id: Option<Pid>,
}

impl Group {
    fn new(child: Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self {
            id: id.and_then(Pid::from_raw),
            child,
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(id) = self.id {
            // All of them may have ended in this moment.
            let _ = kill_process_group(id, signal);
        }
    }

    /// Nothing is left to be killed.
    fn ended(&mut self) {
        self.id = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Cuts output into lines.
#[derive(Default)]
struct Lines {
    line: Vec<u8>,
    /// The last byte was a carriage return: a newline after it belongs to it.
    returned: bool,
    kept: VecDeque<u8>,
}

impl Lines {
    fn add(&mut self, bytes: &[u8], print: &mut impl FnMut(&str)) {
        self.keep(bytes);
        for &byte in bytes {
            let after_return = std::mem::replace(&mut self.returned, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => self.end_line(print),
                _ => {
                    self.line.push(byte);
                    if self.line.len() >= LONGEST_LINE {
                        self.end_line(print);
                    }
                }
            }
        }
    }

    fn end_line(&mut self, print: &mut impl FnMut(&str)) {
        let line = std::mem::take(&mut self.line);
        print(String::from_utf8_lossy(&line).trim_end());
    }

    fn finish(&mut self, print: &mut impl FnMut(&str)) {
        if !self.line.is_empty() {
            self.end_line(print);
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(KEPT)..];
        let excess = (self.kept.len() + bytes.len()).saturating_sub(KEPT);
        self.kept.drain(..excess);
        self.kept.extend(bytes);
    }

    fn kept(&self) -> String {
        let bytes: Vec<u8> = self.kept.iter().copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(chunks: &[&str], expect: &[&str]) {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        let mut print = |line: &str| found.push(line.to_owned());
        for chunk in chunks {
            lines.add(chunk.as_bytes(), &mut print);
        }
        lines.finish(&mut print);
        assert_eq!(found, expect);
        assert_eq!(lines.kept(), chunks.concat());
    }

    #[test]
    fn lines() {
        check(&[], &[]);
        check(&["a\nb"], &["a", "b"]);
        check(&["a \t\n", "\n", " b"], &["a", "", " b"]);
        check(&["x\r\ny\rz\r", "\nlast\n"], &["x", "y", "z", "last"]);
        check(&["spl", "it\n"], &["split"]);
    }

    #[test]
    fn long_output_is_kept_in_part() {
        let mut lines = Lines::default();
        lines.add(&vec![b'a'; 100_000], &mut |_| {});
        lines.add(b"b", &mut |_| {});
        let kept = lines.kept();
        assert_eq!((kept.len(), kept.ends_with("ab")), (KEPT, true));
    }
}
