//! What runs said whose screen went away, for those who look later: files beside the sockets.
//!
//! A log that nobody has been told of has an empty file beside it, which goes when somebody is.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::place::{files, host, host_of, make};

/// As many logs are kept.
const LOGS: usize = 10;

/// The most bytes of a log.
const LOG_SIZE: usize = 8 << 20;

/// The ending of logs' names.
const LOG: &str = "log";

/// The ending of the names of files that stand beside logs nobody has been told of.
const UNTOLD: &str = "untold";

/// How the last line of a log begins, which says how the run ended.
const ENDED: &str = "\nThe run ended at ";

/// The last line of a log is within so many bytes of its end.
const LAST: u64 = 256;

/// What a log has where some of it is missing.
const GAP: &[u8] = b"\n[this could not all be written]\n";

/// Takes what a run says when there is no screen any more.
pub(super) struct Log {
    /// Locked for as long as the run goes on.
    file: File,
    /// How many bytes it still takes.
    left: usize,
    /// The last text is not in it, or not all of it.
    gap: bool,
}

impl Log {
    /// A new log of a process in a folder; the oldest ones go. Names begin with the time, so that
    /// they are in its order.
    ///
    /// # Errors
    /// The folder takes no file.
    pub(super) fn create(folder: &Path, process: u32) -> io::Result<Self> {
        make(folder)?;
        let time = moment(&muster_store::timestamp());
        let path = folder.join(format!("{time}-{process}@{}.{LOG}", host()));
        let file = private().open(&path)?;
        // Where files cannot be locked, others may hear of it before the run is over.
        let _ = file.try_lock();
        // Without this it is found by those who ask for it.
        let _ = private().open(path.with_extension(UNTOLD));
        prune(folder);
        Ok(Self {
            file,
            left: LOG_SIZE,
            gap: false,
        })
    }

    /// Adds text, as long as there is room. A log that cannot be written, as on a full disk, holds
    /// nothing up.
    pub(super) fn add(&mut self, text: &[u8]) {
        if self.left == 0 {
            return;
        }
        let cut = &text[..text.len().min(self.left)];
        self.left -= cut.len();
        self.put(cut);
        if self.left == 0 {
            self.put(b"\nThe log is full. The run goes on.\n");
        }
    }

    /// Adds the last line, which says how the run ended, whether there is room or not.
    pub(super) fn finish(&mut self, code: u8) {
        let now = muster_store::timestamp();
        self.put(format!("{ENDED}{now} with exit code {code}.\n").as_bytes());
    }

    fn put(&mut self, text: &[u8]) {
        if self.gap && self.file.write_all(GAP).is_err() {
            return;
        }
        self.gap = self.file.write_all(text).is_err();
    }
}

/// How files are opened that only their owner may read.
fn private() -> std::fs::OpenOptions {
    let mut options = File::options();
    options.append(true).create(true).mode(0o600);
    options
}

/// A time as it is in names: down to the second, without what not all file systems take.
fn moment(time: &str) -> String {
    time.chars().take(19).filter(|c| *c != ':').collect()
}

/// Removes the oldest logs if there are too many.
fn prune(folder: &Path) {
    let logs = files(folder, LOG);
    for old in &logs[..logs.len().saturating_sub(LOGS)] {
        if !is_going_on(old) {
            let _ = std::fs::remove_file(old);
            let _ = std::fs::remove_file(old.with_extension(UNTOLD));
        }
    }
}

/// Whether the run of a log goes on.
fn is_going_on(log: &Path) -> bool {
    File::open(log)
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Whether a log says how its run ended: one that was killed, or that found no room on the disk,
/// has not written that.
pub(crate) fn tells_end(log: &Path) -> bool {
    last_bytes(log).is_ok_and(|bytes| {
        let text = String::from_utf8_lossy(&bytes);
        let line = text.rsplit_once(ENDED).map(|(_, line)| line);
        line.is_some_and(|line| line.ends_with('\n') && line.lines().count() == 1)
    })
}

fn last_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LAST)))?;
    let mut bytes = Vec::new();
    file.take(LAST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The newest log of a folder.
pub(crate) fn newest_log(folder: &Path) -> Option<PathBuf> {
    files(folder, LOG).pop()
}

/// The log of a run that this process of `user@host` began at this time, if it has one.
pub(crate) fn log_of(folder: &Path, process: u32, who: &str, began: &str) -> Option<PathBuf> {
    let (since, by) = (moment(began), format!("{process}@{}", host_of(who)));
    // Later runs may have had the same number.
    files(folder, LOG).into_iter().find(|path| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let time = name
            .strip_suffix(&by)
            .and_then(|rest| rest.strip_suffix('-'));
        time.is_some_and(|time| *time >= *since)
    })
}

/// Logs that nobody has been told of, of runs that are over.
pub(crate) fn untold(folder: &Path) -> Vec<PathBuf> {
    let logs = files(folder, UNTOLD).into_iter();
    logs.map(|note| note.with_extension(LOG))
        .filter(|log| log.exists() && !is_going_on(log))
        .collect()
}

/// Notes that somebody has been told of a log.
pub(crate) fn told(log: &Path) {
    // Otherwise somebody is told once more.
    let _ = std::fs::remove_file(log.with_extension(UNTOLD));
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn logs_are_bounded() {
        let home = tempfile::tempdir().unwrap();
        for process in 10..22 {
            Log::create(home.path(), process).unwrap();
        }
        assert_eq!(files(home.path(), LOG).len(), LOGS);
        assert_eq!(files(home.path(), UNTOLD).len(), LOGS);
        let mut log = Log::create(home.path(), 99).unwrap();
        log.left = 3;
        log.add(b"ab");
        log.add(b"cd");
        log.add(b"ef");
        let path = newest_log(home.path()).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(text, "abc\nThe log is full. The run goes on.\n");
    }

    #[test]
    fn full_logs_tell_how_the_run_ended() {
        let home = tempfile::tempdir().unwrap();
        let mut log = Log::create(home.path(), 10).unwrap();
        let path = newest_log(home.path()).unwrap();
        log.left = 3;
        log.add(b"abcd");
        assert!(!tells_end(&path));
        log.finish(1);
        assert!(tells_end(&path));
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.ends_with(" with exit code 1.\n"), "{text}");
    }

    #[test]
    fn only_the_last_line_tells_the_end() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("log");
        let check = |text: &str, expect: bool| {
            std::fs::write(&path, text).unwrap();
            assert_eq!(tells_end(&path), expect, "{text:?}");
        };
        let line = format!("{ENDED}2034-01-01T12:00:00Z with exit code 0.\n");
        check("", false);
        check("said", false);
        check(&format!("{}{line}", "said ".repeat(100)), true);
        // It could not all be written, or something else says such a thing.
        check(line.trim_end(), false);
        check(&format!("{line}said\n"), false);
        assert!(!tells_end(&home.path().join("missing")));
    }

    #[test]
    fn logs_of_runs_that_go_on_stay() {
        let home = tempfile::tempdir().unwrap();
        let going_on = Log::create(home.path(), 10).unwrap();
        for process in 11..30 {
            Log::create(home.path(), process).unwrap();
        }
        let kept = files(home.path(), LOG).len();
        assert_eq!(kept, LOGS + 1);
        drop(going_on);
        Log::create(home.path(), 30).unwrap();
        assert_eq!(files(home.path(), LOG).len(), LOGS);
    }

    #[test]
    fn logs_on_full_disks() {
        let file = || File::options().write(true).open("/dev/full").unwrap();
        let mut log = Log {
            file: file(),
            left: 100,
            gap: false,
        };
        log.add(b"lost");
        assert!(log.gap);
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("log");
        log.file = File::create(&path).unwrap();
        log.add(b"kept");
        log.add(b", too");
        let expect = [GAP, b"kept, too"].concat();
        assert_eq!(std::fs::read(path).unwrap(), expect);
    }

    #[test]
    fn logs_are_told_of_once_and_when_the_run_is_over() {
        let home = tempfile::tempdir().unwrap();
        let log = Log::create(home.path(), 10).unwrap();
        assert!(untold(home.path()).is_empty());
        drop(log);
        let found = untold(home.path());
        assert_eq!(found, files(home.path(), LOG));
        told(&found[0]);
        assert!(untold(home.path()).is_empty());
        assert!(found[0].exists());
    }

    #[test]
    fn logs_of_runs_are_found() {
        let home = tempfile::tempdir().unwrap();
        for name in [
            "2034-01-01T120000-7@here",
            "2034-01-02T120000-7@here",
            "2034-01-02T120000-17@here",
            "2034-01-02T130000-7@there",
        ] {
            std::fs::write(home.path().join(format!("{name}.{LOG}")), "").unwrap();
        }
        let check = |process: u32, who: &str, began: &str, expect: Option<&str>| {
            let found = log_of(home.path(), process, who, began);
            let name = found.map(|path| path.file_stem().unwrap().to_owned());
            assert_eq!(
                name.as_deref(),
                expect.map(AsRef::as_ref),
                "{process} {who} {began}"
            );
        };
        let first = Some("2034-01-01T120000-7@here");
        check(7, "root@here", "2034-01-01T11:00:00.5Z", first);
        check(7, "root@here", "2034-01-01T12:00:00.5Z", first);
        check(
            7,
            "root@here",
            "2034-01-01T12:00:01Z",
            Some("2034-01-02T120000-7@here"),
        );
        check(7, "root@here", "2034-01-02T12:00:01Z", None);
        check(
            7,
            "a@b@there",
            "2034-01-01T12:00:01Z",
            Some("2034-01-02T130000-7@there"),
        );
        check(8, "root@here", "2034-01-01T11:00:00Z", None);
    }
}
