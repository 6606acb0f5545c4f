//! What a run has said lately, for those who come later.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// Frames in the order they were said. Old ones go when there are too many bytes.
pub(super) struct Tape {
    kept: Mutex<Kept>,
    changed: Condvar,
    /// The most bytes that are kept.
    most: usize,
}

#[derive(Default)]
struct Kept {
    frames: VecDeque<Arc<[u8]>>,
    /// How many frames have gone.
    gone: u64,
    bytes: usize,
    ended: bool,
    /// How many are reading along.
    readers: usize,
}

/// Reads a tape from what is left of its beginning to its end.
pub(super) struct Reader<'a> {
    tape: &'a Tape,
    /// How many frames came before the next one.
    at: u64,
}

/// What a reader gets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The next frame.
    Frame(Arc<[u8]>),
    /// Frames are missing here.
    Gap,
    /// There is no more, and there will not be.
    End,
}

impl Tape {
    pub(super) fn new(most: usize) -> Self {
        Self {
            kept: Mutex::default(),
            changed: Condvar::new(),
            most,
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Adds a frame.
    pub(super) fn push(&self, frame: Vec<u8>) {
        let mut kept = self.kept();
        kept.bytes += frame.len();
        kept.frames.push_back(frame.into());
        // What is left begins with a line.
        let mut cut = false;
        while (cut || kept.bytes > self.most) && kept.frames.len() > 1 {
            if let Some(old) = kept.frames.pop_front() {
                kept.bytes -= old.len();
                kept.gone += 1;
                cut = old.last() != Some(&b'\n');
            }
        }
        if kept.readers > 0 {
            self.changed.notify_all();
        }
    }

    /// Whether some frames have gone, and those that have not.
    pub(super) fn frames(&self) -> (bool, Vec<Arc<[u8]>>) {
        let kept = self.kept();
        (kept.gone > 0, kept.frames.iter().cloned().collect())
    }

    /// Adds the last frame.
    pub(super) fn end(&self, frame: Vec<u8>) {
        self.push(frame);
        self.kept().ended = true;
        self.changed.notify_all();
    }

    /// Waits until nobody is reading any more, or for as long as that.
    pub(super) fn wait_for_readers(&self, time: Duration) {
        let reading = |kept: &mut Kept| kept.readers > 0;
        let _ = self.changed.wait_timeout_while(self.kept(), time, reading);
    }

    /// One who reads along, unless there are so many already.
    pub(super) fn reader(&self, most: usize) -> Option<Reader<'_>> {
        let mut kept = self.kept();
        if kept.readers >= most {
            return None;
        }
        kept.readers += 1;
        Some(Reader { tape: self, at: 0 })
    }
}

impl Reader<'_> {
    /// Waits for what comes next.
    pub(super) fn next(&mut self) -> Next {
        let mut kept = self.tape.kept();
        loop {
            if self.at < kept.gone {
                self.at = kept.gone;
                return Next::Gap;
            }
            let index = usize::try_from(self.at - kept.gone).unwrap_or(usize::MAX);
            if let Some(frame) = kept.frames.get(index) {
                self.at += 1;
                return Next::Frame(Arc::clone(frame));
            }
            if kept.ended {
                return Next::End;
            }
            kept = match self.tape.changed.wait(kept) {
                Ok(kept) => kept,
                Err(poisoned) => poisoned.into_inner(),
            };
        }
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.tape.kept().readers -= 1;
        self.tape.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(tape: &Tape) -> Vec<Next> {
        let mut reader = tape.reader(1).unwrap();
        let mut found = Vec::new();
        while found.last() != Some(&Next::End) {
            found.push(reader.next());
        }
        found
    }

    fn frame(text: &str) -> Next {
        Next::Frame(text.as_bytes().into())
    }

    #[test]
    fn readers_get_what_is_left() {
        let tape = Tape::new(5);
        tape.push(b"a\n".to_vec());
        tape.push(b"b\n".to_vec());
        assert!(!tape.frames().0);
        tape.push(b"c\n".to_vec());
        tape.end(b"d".to_vec());
        let expect = [Next::Gap, frame("b\n"), frame("c\n"), frame("d"), Next::End];
        assert_eq!(all(&tape), expect);
        assert!(tape.frames().0);
    }

    #[test]
    fn lines_go_as_a_whole() {
        let tape = Tape::new(5);
        for text in ["a", "b", "c\n", "d", "e\n"] {
            tape.push(text.as_bytes().to_vec());
        }
        tape.end(b"f".to_vec());
        assert_eq!(
            all(&tape),
            [Next::Gap, frame("d"), frame("e\n"), frame("f"), Next::End]
        );
    }

    #[test]
    fn the_last_frame_stays_however_long_it_is() {
        let tape = Tape::new(1);
        tape.push(b"a".to_vec());
        tape.end(b"long".to_vec());
        assert_eq!(all(&tape), [Next::Gap, frame("long"), Next::End]);
    }

    #[test]
    fn readers_wait_for_more_and_are_waited_for() {
        let tape = Tape::new(100);
        tape.push(b"a".to_vec());
        std::thread::scope(|scope| {
            let mut reader = tape.reader(1).unwrap();
            assert!(tape.reader(1).is_none(), "one is enough here");
            assert_eq!(reader.next(), frame("a"));
            let waiting = scope.spawn(move || [reader.next(), reader.next()]);
            tape.end(b"b".to_vec());
            tape.wait_for_readers(Duration::from_secs(600));
            assert_eq!(waiting.join().unwrap(), [frame("b"), Next::End]);
        });
        assert!(tape.reader(1).is_some());
    }
}
