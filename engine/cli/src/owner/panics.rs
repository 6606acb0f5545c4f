//! What the owner says when it panics: to the screen, to those who are attached, and to the log
//! where nobody looks at a screen.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic;
use std::sync::{MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use super::frame::Stream;
use super::{Owner, Said};

/// How long others may be at saying something. Whoever panics while it says something itself
/// would wait without end.
const PATIENCE: Duration = Duration::from_secs(2);

/// The pause between two looks whether they have said it.
const PAUSE: Duration = Duration::from_millis(2);

/// Lets the owner say what is said when a thread of this process panics.
pub(super) fn take_over(owner: &'static Owner) {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |found| {
        let text = text(&found.to_string());
        if !owner.say_at_once(&text) {
            before(found);
        }
    }));
}

/// What people see, and with it what the environment asks for.
fn text(what: &str) -> String {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("without a name");
    let mut text = format!(
        "\nError: muster itself has failed\n\nThis is a mistake in muster, not in your configuration. The thread {name} {what}\n"
    );
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        text += &format!("{trace}\n");
    }
    text
}

impl Owner {
    /// Says something from wherever; false if somebody is saying something else all the time.
    pub(super) fn say_at_once(&self, text: &str) -> bool {
        let Some(mut said) = self.said_soon(PATIENCE) else {
            return false;
        };
        self.say(&mut said, Stream::Err, text.as_bytes(), true);
        // It may have gone this very moment, and nobody may come to note it.
        if said.screen.is_none() {
            self.keep_log(&mut said, super::UNSHOWN);
        }
        said.log.is_some() || said.screen.is_some()
    }

    fn said_soon(&self, patience: Duration) -> Option<MutexGuard<'_, Said>> {
        let began = Instant::now();
        loop {
            match self.said.try_lock() {
                Ok(said) => return Some(said),
                Err(TryLockError::Poisoned(said)) => return Some(said.into_inner()),
                Err(TryLockError::WouldBlock) if began.elapsed() > patience => return None,
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc;

    use tokio::sync::mpsc::unbounded_channel;

    use super::super::newest_log;
    use super::*;

    fn owner() -> Owner {
        Owner::new(mpsc::channel().1, unbounded_channel().1)
    }

    #[test]
    fn panics_that_nobody_sees_are_in_the_log() {
        let home = tempfile::tempdir().unwrap();
        let owner = owner();
        owner.folder.set(home.path().to_owned()).unwrap();
        owner.say(&mut owner.said(), Stream::Out, b"before\n", true);
        assert!(newest_log(home.path()).is_none());
        assert!(owner.say_at_once(&text("panicked at here:\nwhy")));
        let log = std::fs::read_to_string(newest_log(home.path()).unwrap()).unwrap();
        assert!(log.starts_with("before\n"), "{log}");
        assert!(log.contains("panicked at here:\nwhy\n"), "{log}");
    }

    #[test]
    fn panics_are_shown() {
        let home = tempfile::tempdir().unwrap();
        let owner = owner();
        owner.folder.set(home.path().to_owned()).unwrap();
        let (here, mut there) = UnixStream::pair().unwrap();
        owner.said().screen = Some(here);
        assert!(owner.say_at_once("why"));
        drop(owner);
        let mut shown = Vec::new();
        there.read_to_end(&mut shown).unwrap();
        assert!(shown.ends_with(b"why"));
        assert!(newest_log(home.path()).is_none());
    }

    #[test]
    fn panics_where_something_is_being_said() {
        let owner = owner();
        let said = owner.said();
        assert!(owner.said_soon(Duration::ZERO).is_none());
        drop(said);
        assert!(owner.said_soon(Duration::ZERO).is_some());
        // There is neither a screen nor a log.
        assert!(!owner.say_at_once("why"));
    }

    /// Names the folder of the log of a process that panics.
    const FOLDER: &str = "TEST_FOLDER_OF_PANICS";
    /// What nobody may read anywhere.
    const SECRET: &str = "never-to-be-read";

    #[test]
    #[ignore = "another test runs it in a process of its own"]
    fn in_a_process_that_panics() {
        let Some(folder) = std::env::var_os(FOLDER) else {
            return;
        };
        let owner = super::super::OWNER.get_or_init(owner);
        owner.folder.set(folder.into()).unwrap();
        owner.say(&mut owner.said(), Stream::Out, b"before\n", true);
        take_over(owner);
        let thread = std::thread::Builder::new().name("worker".to_owned());
        let panicking = thread.spawn(|| {
            let password = muster_value::Value::string(SECRET).mark(muster_value::Marks::SENSITIVE);
            panic!("what is this\n{password:?}")
        });
        assert!(panicking.unwrap().join().is_err());
    }

    #[test]
    fn a_process_that_panics_leaves_a_log() {
        let home = tempfile::tempdir().unwrap();
        let test = "owner::panics::tests::in_a_process_that_panics";
        let ran = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", test, "--nocapture"])
            .env(FOLDER, home.path())
            .output()
            .unwrap();
        assert!(ran.status.success(), "{ran:?}");
        let log = std::fs::read_to_string(newest_log(home.path()).unwrap()).unwrap();
        for part in [
            "before\n",
            "Error: muster itself has failed",
            "The thread worker panicked at",
            "what is this\n",
        ] {
            assert!(log.contains(part), "{part:?} is not in:\n{log}");
        }
        assert!(!log.contains(SECRET), "{log}");
        // What people see elsewhere is the same, and not there twice.
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(!said.contains("what is this"), "{said}");
    }
}
