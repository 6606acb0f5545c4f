//! Shows a run to those who attach to it.

use std::io::{self, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::frame::{Frame, Stream};
use super::place::Here;
use super::tape::{Next, Tape};

/// As many may be attached at a time.
const MOST: usize = 32;

/// How long runs may take to say what they are.
const PATIENCE: Duration = Duration::from_secs(30);

/// After so long it is told who has not answered yet.
const HINT: Duration = Duration::from_secs(2);

/// How long nobody is let in after the system had no means to let somebody in.
const PAUSE: Duration = Duration::from_secs(1);

/// What is known of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct About {
    /// The process that carries it out.
    pub process: u32,
    /// The process that was started, and shows it.
    #[serde(default)]
    pub screen: Option<u32>,
    /// The command, as `apply`.
    pub operation: String,
    /// When it began.
    pub began: String,
    /// Whether it says JSON documents.
    pub json: bool,
    /// So many are attached to it that nobody else is let in.
    #[serde(default)]
    pub full: bool,
}

impl About {
    /// About a run of this process that begins now, and that the other one shows.
    pub(super) fn new(operation: &str, json: bool, screen: Option<u32>) -> Self {
        Self {
            process: std::process::id(),
            screen,
            operation: operation.to_owned(),
            began: muster_store::timestamp(),
            json,
            full: false,
        }
    }

    /// Whether this is its number: that of the process that carries it out, or of the one that
    /// was started.
    pub(crate) fn is_of(&self, process: u32) -> bool {
        self.process == process || self.screen == Some(process)
    }
}

/// Lets everybody in who comes to the door, as long as this process lives.
///
/// # Errors
/// The system has no thread for it.
pub(super) fn start(listener: UnixListener, tape: &'static Tape, about: About) -> io::Result<()> {
    let first = First::new(&about)?;
    let thread = std::thread::Builder::new().name("door".to_owned());
    thread.spawn(move || let_in(listener.incoming(), PAUSE, &first, tape))?;
    Ok(())
}

/// The first frame that somebody gets.
#[derive(Clone)]
struct First {
    usual: Arc<[u8]>,
    /// When there are too many already.
    full: Arc<[u8]>,
}

impl First {
    fn new(about: &About) -> io::Result<Self> {
        let full = About {
            full: true,
            ..about.clone()
        };
        let frame = |about: &About| -> io::Result<Arc<[u8]>> {
            Ok(Frame::About(serde_json::to_vec(about)?).encode().into())
        };
        Ok(Self {
            usual: frame(about)?,
            full: frame(&full)?,
        })
    }
}

/// Lets visitors in. That one could not come in keeps no later one out.
fn let_in(
    visitors: impl Iterator<Item = io::Result<UnixStream>>,
    pause: Duration,
    first: &First,
    tape: &'static Tape,
) {
    for visitor in visitors {
        match visitor {
            Ok(visitor) => {
                let first = first.clone();
                // Without a thread nobody is let in.
                let _ = std::thread::Builder::new()
                    .name("visitor".to_owned())
                    .spawn(move || show(&visitor, &first, tape));
            }
            // This one has gone away already.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            // Too many files are open, say: whoever waits at the door is let in later.
            Err(_) => std::thread::sleep(pause),
        }
    }
}

/// Shows all that is on the tape to somebody, who may go away at any time.
fn show(mut visitor: &UnixStream, first: &First, tape: &Tape) -> io::Result<()> {
    let Some(mut reader) = tape.reader(MOST) else {
        return visitor.write_all(&first.full);
    };
    visitor.write_all(&first.usual)?;
    loop {
        match reader.next() {
            Next::Frame(bytes) => visitor.write_all(&bytes)?,
            Next::Gap => Frame::Gap.send(visitor)?,
            Next::End => return Ok(()),
        }
    }
}

/// What somebody gets who is attached to a run.
pub(crate) enum Part {
    /// Something that it says.
    Text(Stream, Vec<u8>),
    /// Something that it has said is not kept any more.
    Gap,
    /// It is over, with this exit code.
    Ended(u8),
    /// It is gone without a word.
    Gone,
}

/// A connection to a run.
pub(crate) struct Attached {
    /// The run.
    pub about: About,
    from: BufReader<UnixStream>,
}

impl Attached {
    /// Hears what run there is at the other end, which may take so long to say that.
    ///
    /// # Errors
    /// None that is understood; see [`is_silence`].
    fn new(stream: UnixStream, patience: Duration) -> io::Result<Self> {
        stream.set_read_timeout(Some(patience))?;
        let mut from = BufReader::with_capacity(1 << 16, stream);
        match Frame::read(&mut from)? {
            Some(Frame::About(document)) => {
                from.get_ref().set_read_timeout(None)?;
                Ok(Self {
                    about: serde_json::from_slice(&document)?,
                    from,
                })
            }
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Waits for what comes next.
    pub(crate) fn next(&mut self) -> Part {
        loop {
            match Frame::read(&mut self.from) {
                Ok(Some(Frame::Text(stream, text))) => return Part::Text(stream, text),
                Ok(Some(Frame::Gap)) => return Part::Gap,
                Ok(Some(Frame::Ended(code))) => return Part::Ended(code),
                // What a later version may say.
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return Part::Gone,
            }
        }
    }

    /// Whether something is there already that comes next.
    pub(crate) fn has_more(&self) -> bool {
        !self.from.buffer().is_empty()
    }
}

/// What came of asking runs what they are.
#[derive(Default)]
pub(crate) struct Answers {
    /// Those that have answered.
    pub runs: Vec<Attached>,
    /// The processes of those that say nothing.
    pub silent: Vec<u32>,
}

/// Asks all at the same time what they are, until they have answered, or the wanted one has. Those
/// that have not answered soon are told to `tell`, once.
pub(crate) fn hear(runs: Vec<Here>, wanted: Option<u32>, tell: impl FnOnce(&[u32])) -> Answers {
    ask_for(runs, wanted, (HINT, PATIENCE), tell)
}

fn ask_for(
    runs: Vec<Here>,
    wanted: Option<u32>,
    (hint, patience): (Duration, Duration),
    tell: impl FnOnce(&[u32]),
) -> Answers {
    let mut asked: Vec<u32> = runs.iter().map(|run| run.process).collect();
    let (answer, answers) = channel();
    for Here { process, stream } in runs {
        let answer = answer.clone();
        // Without a thread it is as if that one had gone.
        let _ = std::thread::Builder::new()
            .name("question".to_owned())
            .spawn(move || {
                // Nobody listens any more when the wanted one has answered.
                let _ = answer.send((process, Attached::new(stream, patience)));
            });
    }
    drop(answer);
    let mut found = Answers::default();
    let soon = Instant::now() + hint;
    let mut tell = Some(tell);
    loop {
        let left = soon.saturating_duration_since(Instant::now());
        let next = match &tell {
            Some(_) => answers.recv_timeout(left),
            None => answers.recv().map_err(RecvTimeoutError::from),
        };
        let (process, answer) = match next {
            Ok(answered) => answered,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                if let Some(tell) = tell.take() {
                    asked.sort_unstable();
                    tell(&asked);
                }
                continue;
            }
        };
        asked.retain(|asked| *asked != process);
        match answer {
            Ok(run) => {
                let is_wanted = wanted.is_some_and(|wanted| run.about.is_of(wanted));
                found.runs.push(run);
                if is_wanted {
                    break;
                }
            }
            Err(error) if is_silence(&error) => found.silent.push(process),
            // One that ends this very moment says nothing any more.
            Err(_) => {}
        }
    }
    found.runs.sort_by_key(|run| run.about.process);
    found.silent.sort_unstable();
    found
}

/// Whether nobody has said anything for as long as there was patience.
fn is_silence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs of these processes that say nothing, and their ends.
    fn stopped(processes: [u32; 2]) -> (Vec<Here>, Vec<UnixStream>) {
        let runs = processes.map(|process| {
            let (stream, there) = UnixStream::pair().unwrap();
            (Here { process, stream }, there)
        });
        runs.into_iter().unzip()
    }

    #[test]
    fn runs_that_do_not_answer_are_named() {
        let (mut runs, ends) = stopped([9, 7]);
        let (stream, there) = UnixStream::pair().unwrap();
        runs.push(Here { process: 8, stream });
        // It ends.
        drop(there);
        let times = [10, 10].map(Duration::from_millis).into();
        let found = ask_for(runs, None, times, |_| {});
        assert!(found.runs.is_empty());
        assert_eq!(found.silent, [7, 9]);
        drop(ends);
    }

    #[test]
    fn runs_that_have_not_answered_soon_are_told_of() {
        let (runs, ends) = stopped([9, 7]);
        let mut told = Vec::new();
        let times = (Duration::ZERO, Duration::from_secs(600));
        let found = ask_for(runs, None, times, |silent| {
            told = silent.to_vec();
            // They end.
            drop(ends);
        });
        assert_eq!(told, [7, 9]);
        assert!(found.runs.is_empty() && found.silent.is_empty());
    }

    #[test]
    fn the_wanted_run_answers_although_others_do_not() {
        let (mut runs, ends) = stopped([1, 2]);
        let (stream, mut there) = UnixStream::pair().unwrap();
        let about = About::new("apply", false, Some(4711));
        there.write_all(&First::new(&about).unwrap().usual).unwrap();
        runs.push(Here { process: 3, stream });
        // Who asked one after the other would wait for those before it.
        let times = [60, 60].map(Duration::from_secs).into();
        let found = ask_for(runs, Some(4711), times, |_| panic!("it has answered"));
        assert_eq!(found.runs[0].about, about);
        assert!(found.silent.is_empty());
        drop(ends);
    }

    #[test]
    fn one_who_could_not_come_in_keeps_nobody_out() {
        let tape: &'static Tape = Box::leak(Box::new(Tape::new(100)));
        tape.push(Frame::Text(Stream::Out, b"said".to_vec()).encode());
        tape.end(Frame::Ended(0).encode());
        let about = About::new("apply", false, Some(4711));
        let first = First::new(&about).unwrap();
        let (here, there) = UnixStream::pair().unwrap();
        let visitors = [
            Err(io::Error::other("too many files")),
            Err(io::ErrorKind::ConnectionAborted.into()),
            Ok(there),
        ];
        let_in(visitors.into_iter(), Duration::ZERO, &first, tape);
        let mut attached = Attached::new(here, PATIENCE).unwrap();
        assert_eq!(attached.about, about);
        assert!(matches!(attached.next(), Part::Text(Stream::Out, text) if text == b"said"));
        assert!(matches!(attached.next(), Part::Ended(0)));
    }

    #[test]
    fn what_is_not_kept_is_no_word_of_the_run() {
        let tape: &'static Tape = Box::leak(Box::new(Tape::new(100)));
        let text = |text: &[u8]| Frame::Text(Stream::Err, text.to_vec()).encode();
        tape.push(text(&[b'\n'; 100]));
        // The run may say what stands for a gap.
        let words = crate::commands::attach::GAP.as_bytes();
        tape.push(text(words));
        tape.end(Frame::Ended(0).encode());
        let first = First::new(&About::new("apply", false, None)).unwrap();
        let (here, there) = UnixStream::pair().unwrap();
        show(&there, &first, tape).unwrap();
        let mut attached = Attached::new(here, PATIENCE).unwrap();
        assert!(matches!(attached.next(), Part::Gap));
        assert!(matches!(attached.next(), Part::Text(Stream::Err, text) if text == words));
        assert!(matches!(attached.next(), Part::Ended(0)));
    }

    #[test]
    fn one_too_many_is_told_so() {
        let tape: &'static Tape = Box::leak(Box::new(Tape::new(100)));
        let inside: Vec<_> = (0..MOST).map(|_| tape.reader(MOST).unwrap()).collect();
        let first = First::new(&About::new("apply", false, None)).unwrap();
        let come = || {
            let (here, there) = UnixStream::pair().unwrap();
            let first = first.clone();
            std::thread::spawn(move || show(&there, &first, tape));
            Attached::new(here, PATIENCE).unwrap()
        };
        assert!(come().about.full);
        drop(inside);
        assert!(!come().about.full);
        tape.end(Frame::Ended(0).encode());
    }

    #[test]
    fn runs_have_the_numbers_of_both_processes() {
        let about = About::new("apply", false, Some(4711));
        for (process, expect) in [(std::process::id(), true), (4711, true), (1, false)] {
            assert_eq!(about.is_of(process), expect, "{process}");
        }
        let told = r#"{"process":7,"operation":"apply","began":"","json":false}"#;
        let earlier: About = serde_json::from_str(told).unwrap();
        assert!(earlier.is_of(7));
    }
}
