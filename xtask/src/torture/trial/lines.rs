//! What engines print of the work on objects.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::Action;

/// What a line tells of an object, with its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told<'a> {
    /// Work on it was begun, of whatever kind.
    Begun(&'a str),
    /// It is done.
    Done(Action, &'a str),
}

/// What a line tells, if it is about the work on an object. Every line of a run is looked at, by
/// programs that are not optimized: so nothing is searched for but where words may begin.
pub(super) fn told(line: &str) -> Option<Told<'_>> {
    let bytes = line.as_bytes();
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == b':') {
        let at = from + at;
        from = at + 1;
        let Some(words) = bytes[from..].strip_prefix(b" ") else {
            continue;
        };
        // Before a colon is the end of a character.
        if BEGINNINGS.iter().any(|start| words.starts_with(start)) {
            return Some(Told::Begun(&line[..at]));
        }
        let done = Action::ALL.into_iter().find(|action| {
            let rest = words.strip_prefix(action.noun().as_bytes());
            rest.is_some_and(|rest| rest.starts_with(b" complete after "))
        });
        if let Some(action) = done {
            return Some(Told::Done(action, &line[..at]));
        }
    }
    None
}

/// What engines say when they begin.
const BEGINNINGS: [&[u8]; 3] = [b"Creating...", b"Modifying...", b"Destroying..."];

/// Addresses of objects whose result the engine has told of.
pub(super) fn done(action: Action, said: &str) -> BTreeSet<&str> {
    let told = said.lines().filter_map(told);
    let done = told.filter_map(|told| match told {
        Told::Done(what, addr) if what == action => Some(addr),
        _ => None,
    });
    done.collect()
}

/// Addresses of objects that work was begun on, of whatever kind.
pub(super) fn begun(said: &str) -> impl Iterator<Item = &str> {
    said.lines().filter_map(|line| match told(line)? {
        Told::Begun(addr) => Some(addr),
        Told::Done(..) => None,
    })
}

/// Addresses of creations of which the engine does not know what became.
pub(super) fn unresolved(said: &str) -> Vec<String> {
    let lines = said.lines().filter_map(|line| {
        // Few lines are about an error.
        line.as_bytes().contains(&b'E').then_some(())?;
        let (_, rest) = line.split_once("Error: Interrupted creation of ")?;
        Some(rest.split_once(" is unresolved")?.0.to_owned())
    });
    lines.collect()
}

/// How far a run is, by what it has printed up to now. Each line is read once.
pub(super) struct Progress {
    file: File,
    action: Action,
    /// The beginning of a line whose end is not there yet.
    rest: Vec<u8>,
    /// How many objects work was begun on.
    pub begun: usize,
    /// How many results were told of.
    pub done: usize,
}

impl Progress {
    /// Of what is being done by the run that prints into a file.
    pub(super) fn of(action: Action, output: &Path) -> io::Result<Self> {
        Ok(Self {
            file: File::open(output)?,
            action,
            rest: Vec::new(),
            begun: 0,
            done: 0,
        })
    }

    /// Reads what was printed since the last time.
    pub(super) fn look(&mut self) -> io::Result<&Self> {
        let start = self.rest.len();
        let read = self.file.read_to_end(&mut self.rest)?;
        if read == 0 {
            return Ok(self);
        }
        let end = self.rest[start..].iter().rposition(|byte| *byte == b'\n');
        let Some(end) = end.map(|end| start + end + 1) else {
            return Ok(self);
        };
        let rest = self.rest.split_off(end);
        let lines = std::mem::replace(&mut self.rest, rest);
        for line in String::from_utf8_lossy(&lines).lines() {
            match told(line) {
                Some(Told::Begun(_)) => self.begun += 1,
                Some(Told::Done(action, _)) if action == self.action => self.done += 1,
                _ => {}
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const SAID: &str = "a.b[0]: Creating...\na.b[0]: Creation complete after 0s [id=x-1]\na.c[\"k\"]: Modifying... [id=y]\na.c: Creation complete after 1s\n";

    #[test]
    fn lines_tell_addresses_and_ids() {
        assert_eq!(
            done(Action::Create, SAID),
            BTreeSet::from(["a.b[0]", "a.c"])
        );
        assert!(done(Action::Update, SAID).is_empty());
        assert!(begun(SAID).eq(["a.b[0]", "a.c[\"k\"]"]));
    }

    #[test]
    fn lines() {
        let check = |line: &str, expect: Option<Told<'_>>| assert_eq!(told(line), expect, "{line}");
        check("a: Destroying... [id=x]", Some(Told::Begun("a")));
        check(
            "a[\"\u{e9}: x:y\"]: Destruction complete after 0s",
            Some(Told::Done(Action::Destroy, "a[\"\u{e9}: x:y\"]")),
        );
        check(
            "a: Modifications complete after 0s [id=x]",
            Some(Told::Done(Action::Update, "a")),
        );
        check("a: Still creating... [10s elapsed]", None);
        check("a:Creating...", None);
        check("a: Creation complete", None);
        check("a:", None);
        check("", None);
    }

    #[test]
    fn unresolved_creations_are_named() {
        let said = "\n│ Error: Interrupted creation of a.b[1] is unresolved\n│ \n";
        assert_eq!(unresolved(said), ["a.b[1]"]);
    }

    #[test]
    fn progress_is_the_same_however_output_comes() {
        for piece in [1, 7, SAID.len()] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("said");
            let mut file = File::create(&path).unwrap();
            let mut progress = Progress::of(Action::Create, &path).unwrap();
            for bytes in SAID.as_bytes().chunks(piece) {
                file.write_all(bytes).unwrap();
                progress.look().unwrap();
            }
            assert_eq!((progress.begun, progress.done), (2, 2), "{piece}");
        }
    }
}
