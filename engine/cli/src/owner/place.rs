//! Where runs that are going on can be found, and what those said whose screen went away: files
//! in a folder of the data directory that nobody else may look into.

use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::session;

/// Addresses of sockets may not be longer on all systems.
const LONGEST: usize = 100;

/// As many logs are kept.
const LOGS: usize = 10;

/// The most bytes of a log.
const LOG_SIZE: usize = 8 << 20;

/// As many random characters are in the name of a socket.
const RANDOM: usize = 8;

/// The ending of sockets' names.
const SOCKET: &str = "sock";

/// The ending of logs' names.
const LOG: &str = "log";

/// The folder of the runs of this working directory.
pub(crate) fn folder() -> PathBuf {
    session::data_dir().join("runs")
}

/// Where a run can be found while it goes on. Closed when this is dropped.
pub(super) struct Door {
    path: PathBuf,
    /// The data directory, if it was made for this.
    made: Option<PathBuf>,
}

impl Door {
    /// Opens a door with a name that begins like this in a folder, and in its data directory,
    /// which are made if they are not there. No other door ever has its name, not even that of a
    /// process with the same number in another container.
    ///
    /// # Errors
    /// The folder takes no sockets.
    pub(super) fn open(folder: &Path, name: &str) -> io::Result<(Self, UnixListener)> {
        let made = make(folder)?;
        let random: String = muster_store::random_id().chars().take(RANDOM).collect();
        let path = folder.join(format!("{name}-{random}.{SOCKET}"));
        // Only a socket that is listened to gets the name that others look for.
        let early = folder.join(format!(".{name}-{random}"));
        let listener = listen(&early)?;
        std::fs::set_permissions(&early, PermissionsExt::from_mode(0o600))?;
        std::fs::rename(&early, &path)?;
        Ok((Self { path, made }, listener))
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // What is still in use stays.
        let _ = std::fs::remove_file(&self.path);
        let gone = self.path.parent().map(std::fs::remove_dir);
        if let (Some(made), Some(Ok(()))) = (&self.made, gone) {
            let _ = std::fs::remove_dir(made);
        }
    }
}

/// Makes the folder; gives the folder around it if that was not there, either.
fn make(folder: &Path) -> io::Result<Option<PathBuf>> {
    let around = folder.parent().filter(|around| !around.exists());
    if let Some(around) = around {
        std::fs::create_dir_all(around)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            std::fs::set_permissions(folder, PermissionsExt::from_mode(0o700))?;
        }
        Err(error) => return Err(error),
    }
    Ok(around.map(Path::to_owned))
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    let (short, _folder) = short(path)?;
    UnixListener::bind(short)
}

/// A way to a socket that is short enough to be an address, and what has to stay open for it.
fn short(path: &Path) -> io::Result<(PathBuf, Option<OwnedFd>)> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    if path.as_os_str().len() <= LONGEST {
        return Ok((path.to_owned(), None));
    }
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = rustix::fs::open(folder, flags, Mode::empty())?;
    let short = Path::new("/proc/self/fd").join(open.as_raw_fd().to_string());
    Ok((short.join(name), Some(open)))
}

/// Connections to all runs of a folder, by name. What dead ones left behind is removed.
pub(crate) fn going_on(folder: &Path) -> Vec<(String, UnixStream)> {
    let mut found = Vec::new();
    for path in files(folder, SOCKET) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let connected = short(&path).and_then(|(short, _folder)| UnixStream::connect(short));
        match connected {
            Ok(stream) => found.push((name.into_owned(), stream)),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                let _ = std::fs::remove_file(&path);
            }
            Err(_) => {}
        }
    }
    found
}

/// The newest log of a folder.
pub(crate) fn newest_log(folder: &Path) -> Option<PathBuf> {
    files(folder, LOG).pop()
}

/// Files with this ending, in the order of their names.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .collect();
    paths.sort();
    paths
}

/// Takes what a run says when there is no screen any more.
pub(super) struct Log {
    file: File,
    /// How many bytes it still takes.
    left: usize,
}

impl Log {
    /// A new log in a folder; the oldest ones go. Names begin with the time, so that they are in
    /// its order.
    ///
    /// # Errors
    /// The folder takes no file.
    pub(super) fn create(folder: &Path, name: &str) -> io::Result<Self> {
        make(folder)?;
        let now = muster_store::timestamp();
        // Down to the second, without what not all file systems take.
        let time: String = now.chars().take(19).filter(|c| *c != ':').collect();
        let path = folder.join(format!("{time}-{name}.{LOG}"));
        let mut options = File::options();
        let file = options.append(true).create(true).mode(0o600).open(path)?;
        let logs = files(folder, LOG);
        for old in &logs[..logs.len().saturating_sub(LOGS)] {
            let _ = std::fs::remove_file(old);
        }
        Ok(Self {
            file,
            left: LOG_SIZE,
        })
    }

    /// Adds text, as long as there is room. A log that cannot be written holds nothing up.
    pub(super) fn add(&mut self, text: &[u8]) {
        if self.left == 0 {
            return;
        }
        let cut = &text[..text.len().min(self.left)];
        self.left -= cut.len();
        let _ = self.file.write_all(cut);
        if self.left == 0 {
            let _ = self
                .file
                .write_all(b"\nThe log is full. The run goes on.\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    /// The names of all runs, without what is random in them.
    fn names(folder: &Path) -> Vec<String> {
        let found = going_on(folder).into_iter().map(|(name, _)| name);
        let fixed = found.map(|name| name.split('-').next().unwrap().to_owned());
        fixed.collect()
    }

    #[test]
    fn doors_are_found_while_they_are_open() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("data/runs");
        assert!(names(&folder).is_empty());
        let (one, _listener) = Door::open(&folder, "1").unwrap();
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&one.path), 0o600);
        let (two, _listener) = Door::open(&folder, "2").unwrap();
        assert_eq!(names(&folder), ["1", "2"]);
        drop(two);
        assert_eq!(names(&folder), ["1"]);
        drop(one);
        assert!(!home.path().join("data").exists(), "nothing is left");
    }

    #[test]
    fn doors_of_the_dead_are_removed() {
        let home = tempfile::tempdir().unwrap();
        let (door, listener) = Door::open(home.path(), "1").unwrap();
        drop(listener);
        assert!(names(home.path()).is_empty());
        assert!(!door.path.exists());
        drop(door);
    }

    #[test]
    fn doors_of_processes_with_the_same_number() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("runs");
        let (one, _listener) = Door::open(&folder, "7").unwrap();
        let (other, _listener) = Door::open(&folder, "7").unwrap();
        assert_eq!(names(&folder), ["7", "7"]);
        drop(one);
        assert_eq!(names(&folder), ["7"]);
        drop(other);
        assert!(!folder.exists());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn folders_with_long_names() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("f".repeat(200));
        let (_door, _listener) = Door::open(&folder, "1").unwrap();
        assert_eq!(names(&folder), ["1"]);
    }

    #[test]
    fn logs_are_bounded() {
        let home = tempfile::tempdir().unwrap();
        for name in 10..10 + LOGS + 2 {
            Log::create(home.path(), &name.to_string()).unwrap();
        }
        assert_eq!(files(home.path(), LOG).len(), LOGS);
        let mut log = Log::create(home.path(), "99").unwrap();
        log.left = 3;
        log.add(b"ab");
        log.add(b"cd");
        log.add(b"ef");
        let path = newest_log(home.path()).unwrap();
        assert_eq!(mode(&path), 0o600);
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(text, "abc\nThe log is full. The run goes on.\n");
    }
}
