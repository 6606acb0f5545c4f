//! Commands that change things are two processes. The one that was started is the *screen*: it
//! shows what is said, asks what is asked and passes signals on. It starts the *owner*, which has
//! the plugins, the journal and the lock, in a session of its own, so that nothing that happens to
//! the screen and its terminal happens to the owner as well. An owner whose screen goes away
//! finishes what is in flight, records it, and ends in order.
//!
//! docs/decisions/owner-and-screen.md says why it is so.

mod frame;
mod handing;
mod log;
mod panics;
mod place;
mod screen;
mod serve;
mod tape;

use std::io::{self, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::commands::attach;
use frame::Frame;
pub(crate) use frame::Stream;
use log::Log;
pub(crate) use log::{log_of, newest_log, tells_end, told, untold};
use place::Door;
pub(crate) use place::{Elsewhere, folder, going_on, is_open};
pub(crate) use screen::{Printer, split};
pub(crate) use serve::{About, Answers, Attached, Part, hear};
use tape::Tape;

/// The argument that makes this program an owner.
const ARGUMENT: &str = "internal-owner";

/// The most bytes that are kept for those who attach later.
const KEPT: usize = 1 << 20;

/// How long those who are attached may take to see the end. Nobody waits who has been sent it.
const LAST_LOOK: Duration = Duration::from_secs(30);

/// What a log has after what was said before.
const ALONE: &str = "\nThe program that showed this run has ended. Operations in progress are finished, and nothing new is begun.\n";
const CLOSED: &str = "\nThe terminal that showed this run was closed.\n";
const UNSHOWN: &str = "\nThe program that showed this run has ended.\n";

/// What is said when a signal comes before anything has begun.
const EARLY: &str =
    "\nError: Interrupted\n\nThe run was stopped before anything had begun. Nothing was changed.\n";

/// Something that the screen has passed on, or that has happened to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// An interrupt, or a request to terminate.
    Interrupt,
    /// The terminal is closed.
    Hangup,
    /// There is no screen any more.
    Alone,
}

/// What this process is when it is an owner.
struct Owner {
    said: Mutex<Said>,
    tape: Tape,
    answers: Mutex<Receiver<Option<String>>>,
    requests: Mutex<Option<UnboundedReceiver<Request>>>,
    /// Somebody takes requests; before that nothing has begun.
    heeded: AtomicBool,
    door: Mutex<Option<Door>>,
    /// The process of the screen.
    screen: Option<u32>,
    /// Where the log goes, if there has to be one.
    folder: OnceLock<PathBuf>,
    /// The terminal was closed: whoever is to see what is said has to look into the log.
    unseen: AtomicBool,
}

/// Where what is said goes.
#[derive(Default)]
struct Said {
    screen: Option<UnixStream>,
    log: Option<Log>,
}

static OWNER: OnceLock<Owner> = OnceLock::new();

/// Makes this process an owner if its arguments say so, and takes what says so out of them.
///
/// # Errors
/// They say so, but no screen has started this process.
pub(crate) fn begin(args: &mut Vec<String>) -> io::Result<()> {
    if args.get(1).is_none_or(|arg| arg != ARGUMENT) {
        return Ok(());
    }
    args.remove(1);
    // The screen's end of a socket is in the place of standard input, which comes through it.
    let socket = UnixStream::from(rustix::io::fcntl_dupfd_cloexec(io::stdin(), 3)?);
    rustix::stdio::dup2_stdin(handing::take(&socket)?)?;
    // Nothing that the terminal does to its processes is meant for this one any more.
    rustix::process::setsid()?;
    let (answer, answers) = mpsc::channel();
    let (request, requests) = unbounded_channel();
    let owner = OWNER.get_or_init(|| Owner::new(answers, requests));
    owner.said().screen = Some(socket.try_clone()?);
    panics::take_over(owner);
    std::thread::Builder::new()
        .name("screen".to_owned())
        .spawn(move || owner.listen(socket, &answer, &request))?;
    Ok(())
}

/// Whether this process is an owner.
pub(crate) fn is_owner() -> bool {
    OWNER.get().is_some()
}

/// Leaves the arguments to the screen: they are not those of a run. False when there is none.
pub(crate) fn decline() -> bool {
    OWNER.get().is_some_and(|owner| {
        let mut said = owner.said();
        said.screen
            .as_mut()
            .is_some_and(|screen| Frame::Declined.send(screen).is_ok())
    })
}

/// Lets others find this run, if this process is an owner. A folder that takes no sockets keeps
/// nobody from running.
pub(crate) fn open(operation: &str, json: bool) {
    let Some(owner) = OWNER.get() else { return };
    let folder = folder();
    let about = About::new(operation, json, owner.screen);
    let opened = Door::open(&folder, about.process);
    // Even where the working directory is another one later.
    let absolute = std::path::absolute(&folder).unwrap_or(folder);
    owner.folder.get_or_init(|| absolute);
    let Ok((door, listener)) = opened else { return };
    if serve::start(listener, &owner.tape, about).is_ok() {
        *owner.door.lock().unwrap_or_else(|e| e.into_inner()) = Some(door);
    }
}

/// Says something, if this process is an owner; false if it is not. What is not `kept` is for the
/// screen alone.
pub(crate) fn say(stream: Stream, text: &[u8], kept: bool) -> bool {
    let Some(owner) = OWNER.get() else {
        return false;
    };
    let mut said = owner.said();
    owner.say(&mut said, stream, text, kept);
    true
}

/// Asks whoever is at the screen; `None` when nobody answers. Blocks until then.
pub(crate) fn ask(question: &str, hidden: bool) -> Option<String> {
    let owner = OWNER.get()?;
    let mut said = owner.said();
    let ask = Frame::Ask {
        question: question.as_bytes().to_vec(),
        hidden,
    };
    owner.put(&mut said, &ask.encode());
    owner
        .tape
        .push(frame::encode_text(Stream::Out, question.as_bytes()));
    drop(said);
    let answers = owner.answers.lock().unwrap_or_else(|e| e.into_inner());
    answers.recv().ok().flatten()
}

/// What comes from the screen, for the first one who wants it. `None` if this process is no owner.
pub(crate) fn requests() -> Option<UnboundedReceiver<Request>> {
    let owner = OWNER.get()?;
    let mut requests = owner.requests.lock().unwrap_or_else(|e| e.into_inner());
    owner.heeded.store(true, Ordering::SeqCst);
    requests.take()
}

/// Tells everybody that the run is over.
pub(crate) fn end(code: ExitCode) {
    let Some(owner) = OWNER.get() else { return };
    let code = u8::from(code != ExitCode::SUCCESS);
    owner.close();
    owner.tape.end(Frame::Ended(code).encode());
    let mut said = owner.said();
    if owner.unseen.load(Ordering::SeqCst) {
        owner.keep_log(&mut said, CLOSED);
    } else if said.screen.is_none() {
        owner.keep_log(&mut said, UNSHOWN);
    }
    if let Some(log) = &mut said.log {
        log.finish(code);
    }
    drop(said);
    owner.tape.wait_for_readers(LAST_LOOK);
}

impl Owner {
    fn new(answers: Receiver<Option<String>>, requests: UnboundedReceiver<Request>) -> Self {
        let screen = rustix::process::getppid();
        Self {
            said: Mutex::default(),
            tape: Tape::new(KEPT),
            answers: Mutex::new(answers),
            requests: Mutex::new(Some(requests)),
            heeded: AtomicBool::new(false),
            door: Mutex::default(),
            screen: screen.and_then(|screen| u32::try_from(screen.as_raw_nonzero().get()).ok()),
            folder: OnceLock::new(),
            unseen: AtomicBool::new(false),
        }
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// See [`say`].
    fn say(&self, said: &mut Said, stream: Stream, text: &[u8], kept: bool) {
        for piece in text.chunks(frame::PIECE) {
            let bytes = frame::encode_text(stream, piece);
            self.put(said, &bytes);
            if !kept {
                continue;
            }
            if self.unseen.load(Ordering::SeqCst) {
                self.keep_log(said, CLOSED);
            }
            if let Some(log) = &mut said.log {
                log.add(piece);
            }
            self.tape.push(bytes);
        }
    }

    /// Sends something to the screen, if there is one.
    fn put(&self, said: &mut Said, bytes: &[u8]) {
        if let Some(screen) = &mut said.screen
            && screen.write_all(bytes).is_err()
        {
            // It is of no use any more even if it is there still. Whoever listens to it learns of
            // that, and does what has to be done then.
            let _ = screen.shutdown(Shutdown::Both);
            said.screen = None;
        }
    }

    /// There is no screen any more. Where its output went, nobody waits for more.
    fn be_alone(&self, said: &mut Said) {
        said.screen = None;
        let mut null = std::fs::File::options();
        if let Ok(null) = null.read(true).write(true).open("/dev/null") {
            let _ = rustix::stdio::dup2_stdin(&null);
            let _ = rustix::stdio::dup2_stdout(&null);
            let _ = rustix::stdio::dup2_stderr(&null);
        }
        self.keep_log(said, ALONE);
    }

    /// What was said, and what is said from now on, goes to a log: nobody may see it otherwise.
    fn keep_log(&self, said: &mut Said, why: &str) {
        let Some(folder) = self.folder.get().filter(|_| said.log.is_none()) else {
            return;
        };
        let Ok(mut log) = Log::create(folder, std::process::id()) else {
            return;
        };
        let (gap, frames) = self.tape.frames();
        if gap {
            log.add(attach::GAP.as_bytes());
        }
        for bytes in frames {
            if let Ok(Some(Frame::Text(_, text))) = Frame::read(&mut &*bytes) {
                log.add(&text);
            }
        }
        log.add(why.as_bytes());
        said.log = Some(log);
    }

    /// Takes what the screen sends, until there is no screen any more.
    fn listen(
        &self,
        socket: UnixStream,
        answer: &Sender<Option<String>>,
        request: &UnboundedSender<Request>,
    ) {
        let mut from = BufReader::new(socket);
        loop {
            match Frame::read(&mut from) {
                Ok(Some(Frame::Answer(line))) => {
                    let _ = answer.send(line);
                }
                Ok(Some(Frame::Signal(number))) => {
                    self.leave_unless_heeded(EARLY);
                    self.pass_on(number, request);
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
        self.leave_unless_heeded("");
        let _ = request.send(Request::Alone);
        // Nobody answers any more.
        let _ = answer.send(None);
        // When the log says that nothing new is begun, that is so.
        futures::executor::block_on(crate::signals::current().requested());
        self.be_alone(&mut self.said());
    }

    fn pass_on(&self, signal: u8, request: &UnboundedSender<Request>) {
        let what = match signal {
            screen::HANGUP => {
                self.unseen.store(true, Ordering::SeqCst);
                Request::Hangup
            }
            _ => Request::Interrupt,
        };
        // Nobody takes requests any more when the run is over.
        let _ = request.send(what);
    }

    /// Before anybody takes requests, nothing has begun: then there is nothing to end in order.
    /// This is the last word.
    fn leave_unless_heeded(&self, word: &str) {
        if self.heeded.load(Ordering::SeqCst) {
            return;
        }
        self.close();
        // Who is saying something may have to wait for a screen that takes nothing.
        if let Ok(mut said) = self.said.try_lock() {
            self.say(&mut said, Stream::Err, word.as_bytes(), true);
        }
        std::process::exit(1);
    }

    /// Lets nobody find this run any more.
    fn close(&self) {
        drop(self.door.lock().unwrap_or_else(|e| e.into_inner()).take());
    }
}
