//! The process that shows a run which another process carries out.

use std::io::{self, BufReader};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::SignalKind;

use super::frame::{Frame, Stream};
use super::{ARGUMENT, handing};
use crate::program;
use crate::prompt::{self, Hidden};
use crate::signals::{self, Listening};
use crate::view;

/// The number of the signal that the terminal is closed.
pub(super) const HANGUP: u8 = 1;

/// Commands that change things.
const COMMANDS: &[&str] = &["apply", "destroy", "refresh", "import"];

/// Carries out a command that changes things in another process, and shows what that one says.
/// `None` for other commands, and when there can be no other process: then this one does it all.
pub(crate) fn split(args: &[String]) -> Option<ExitCode> {
    if super::is_owner() || !COMMANDS.contains(&verb(args)?) {
        return None;
    }
    let runtime = Builder::new_current_thread().enable_io().build().ok()?;
    let (here, there) = UnixStream::pair().ok()?;
    handing::give(&here, io::stdin()).ok()?;
    // Before there is an owner, signals end this process, and nothing is lost.
    let signals = {
        let _inside = runtime.enter();
        signals::listen_to_all()
    };
    // All that this process needs is there before the owner is: it must not take an owner at work
    // for none. Signals that come meanwhile wait in the socket.
    let screen = Screen::new(here, runtime, signals)?;
    let owner = Command::new(program::own().ok()?)
        .arg(ARGUMENT)
        .args(std::env::args_os().skip(1))
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(there)))
        .spawn()
        .ok()?;
    screen.show(owner)
}

/// The command among some arguments.
fn verb(args: &[String]) -> Option<&str> {
    let mut args = args.iter().skip(1).map(String::as_str);
    loop {
        match args.next()? {
            "-chdir" | "--chdir" => drop(args.next()),
            flag if flag.starts_with('-') => {}
            verb => return Some(verb),
        }
    }
}

struct Screen {
    from: BufReader<UnixStream>,
    /// Asks somebody to read a line.
    questions: Sender<()>,
    /// Typing is kept off the screen meanwhile.
    hidden: Arc<Mutex<Option<Hidden>>>,
}

impl Screen {
    /// With the threads that send signals and answers to the owner. `None` if the system has no
    /// threads for that.
    fn new(socket: UnixStream, runtime: Runtime, signals: Listening) -> Option<Self> {
        let to = Arc::new(Mutex::new(socket.try_clone().ok()?));
        let (questions, asked) = channel();
        let hidden = Arc::default();
        let (answering, screen) = (Arc::clone(&to), Arc::clone(&hidden));
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        thread("signals")
            .spawn(move || runtime.block_on(pass_on(signals, &to)))
            .ok()?;
        thread("answers")
            .spawn(move || answer(&asked, &screen, &answering))
            .ok()?;
        Some(Self {
            from: BufReader::with_capacity(1 << 16, socket),
            questions,
            hidden,
        })
    }

    /// Shows what the owner says, to its end. `None` if it leaves the arguments to this process.
    fn show(mut self, mut owner: Child) -> Option<ExitCode> {
        let mut printer = Printer::default();
        let mut declined = false;
        while let Ok(Some(frame)) = Frame::read(&mut self.from) {
            match frame {
                Frame::Text(stream, text) => printer.add(stream, &text),
                Frame::Ask { question, hidden } => self.ask(&mut printer, &question, hidden),
                Frame::Declined => declined = true,
                _ => {}
            }
            if self.from.buffer().is_empty() {
                printer.flush();
            }
        }
        printer.flush();
        drop(lock(&self.hidden).take());
        let ended = owner.wait();
        match declined {
            true => None,
            false => Some(code_of(ended, owner.id())),
        }
    }

    fn ask(&self, printer: &mut Printer, question: &[u8], hidden: bool) {
        if hidden {
            *lock(&self.hidden) = Hidden::new();
        }
        printer.add(Stream::Out, question);
        printer.flush();
        // The thread lives as long as this process.
        let _ = self.questions.send(());
    }
}

/// Reads a line for each question.
fn answer(asked: &Receiver<()>, hidden: &Mutex<Option<Hidden>>, to: &Mutex<UnixStream>) {
    while asked.recv().is_ok() {
        let line = prompt::read_line();
        drop(lock(hidden).take());
        // An owner that is gone needs no answer.
        let _ = Frame::Answer(line).send(&mut *lock(to));
    }
}

/// Passes signals on, for as long as there is anybody to pass them on to.
async fn pass_on(mut signals: Listening, to: &Mutex<UnixStream>) {
    loop {
        let kind: SignalKind = signals.next().await;
        let number = u8::try_from(kind.as_raw_value()).unwrap_or_default();
        if Frame::Signal(number).send(&mut *lock(to)).is_err() {
            return;
        }
    }
}

/// The exit code of the owner; one that was killed leaves it to this process to say so.
fn code_of(ended: io::Result<std::process::ExitStatus>, process: u32) -> ExitCode {
    let how = match ended {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => return ExitCode::from(u8::try_from(code).unwrap_or(1)),
            (None, Some(signal)) => format!("It was killed by signal {signal}."),
            (None, None) => "It was killed.".to_owned(),
        },
        Err(error) => format!("How it ended is not known: {error}."),
    };
    errln!(
        "\nError: The process that carried out the run is gone\n\n{how} It was process {process}. What had been done is recorded; the next command tells what was in flight."
    );
    ExitCode::FAILURE
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(|e| e.into_inner())
}

/// Prints what comes in pieces, in few writes and in the order in which it comes.
#[derive(Default)]
pub(crate) struct Printer {
    waiting: Vec<u8>,
    stream: Option<Stream>,
}

impl Printer {
    /// So many bytes are not kept waiting.
    const MOST: usize = 1 << 16;

    /// Adds text, which is printed now or with later text.
    pub(crate) fn add(&mut self, stream: Stream, text: &[u8]) {
        if self.stream != Some(stream) || self.waiting.len() > Self::MOST {
            self.flush();
        }
        self.stream = Some(stream);
        self.waiting.extend(text);
    }

    /// Prints what is waiting.
    pub(crate) fn flush(&mut self) {
        let text = std::mem::take(&mut self.waiting);
        match self.stream {
            _ if text.is_empty() => {}
            Some(Stream::Err) => view::put_err_bytes(&text),
            Some(Stream::Out) | None => view::put_bytes(&text),
        }
        self.waiting = text;
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs() {
        let check = |typed: &str, expect: Option<&str>| {
            let args: Vec<String> = typed.split(' ').map(str::to_owned).collect();
            assert_eq!(verb(&args), expect, "{typed}");
        };
        check("muster", None);
        check("muster -version", None);
        check("muster apply -auto-approve", Some("apply"));
        check("muster -chdir=apply plan", Some("plan"));
        check("muster -chdir apply destroy x", Some("destroy"));
        check("muster --chdir", None);
        check("muster state apply", Some("state"));
    }
}
