//! Where runs that are going on can be found: sockets in a folder of the data directory that nobody
//! else may look into.
//!
//! The folder may be on a file system that several machines share, but a socket leads only to
//! processes of its own. So its name says which machine that is.

use std::fs::DirBuilder;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};

use crate::session;

/// Addresses of sockets may not be longer on all systems.
const LONGEST: usize = 100;

/// As many random characters are in the name of a socket.
const RANDOM: usize = 8;

/// As many characters of the name of a machine are in the name of a file.
const HOST: usize = 40;

/// Sockets of other machines are removed when they are so old: nobody else may ever do it.
const FORGOTTEN: Duration = Duration::from_secs(30 * 24 * 3600);

/// The ending of sockets' names.
const SOCKET: &str = "sock";

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
    /// Opens a door to this process in a folder, and in its data directory, which are made if they
    /// are not there. No other door ever has its name, not even that of a process with the same
    /// number in another container.
    ///
    /// # Errors
    /// The folder takes no sockets. Nothing is left of the attempt.
    pub(super) fn open(folder: &Path, process: u32) -> io::Result<(Self, UnixListener)> {
        let made = make(folder)?;
        forget(folder, FORGOTTEN);
        let random: String = muster_store::random_id().chars().take(RANDOM).collect();
        let door = Self {
            path: folder.join(format!("{process}-{random}@{}.{SOCKET}", host())),
            made,
        };
        // Only a socket that is listened to gets the name that others look for.
        let early = folder.join(format!(".{process}-{random}"));
        let listening = listen(&early).and_then(|listener| {
            std::fs::set_permissions(&early, PermissionsExt::from_mode(0o600))?;
            std::fs::rename(&early, &door.path)?;
            Ok(listener)
        });
        match listening {
            Ok(listener) => Ok((door, listener)),
            Err(error) => {
                let _ = std::fs::remove_file(&early);
                Err(error)
            }
        }
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
pub(super) fn make(folder: &Path) -> io::Result<Option<PathBuf>> {
    let around = folder.parent().filter(|around| !around.exists());
    if let Some(around) = around {
        std::fs::create_dir_all(around)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {
            std::fs::set_permissions(folder, PermissionsExt::from_mode(0o700))?;
        }
        Err(error) => return Err(error),
    }
    Ok(around.map(Path::to_owned))
}

/// The name of this machine, as it is in names of files.
pub(super) fn host() -> String {
    host_of(&muster_store::LockInfo::new("", "").who)
}

/// The name of the machine of `user@host`, as it is in names of files.
pub(super) fn host_of(who: &str) -> String {
    let host = who.rsplit_once('@').map_or(who, |(_, host)| host);
    let plain = |c: char| match c.is_ascii_alphanumeric() || matches!(c, '-' | '.') {
        true => c,
        false => '_',
    };
    host.chars().take(HOST).map(plain).collect()
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

/// The runs of a folder.
#[derive(Default)]
pub(crate) struct Found {
    /// Connections to those that can be reached.
    pub here: Vec<UnixStream>,
    /// Those on other machines, which may have ended without a word.
    pub elsewhere: Vec<Elsewhere>,
}

/// A run on another machine.
#[derive(Debug)]
pub(crate) struct Elsewhere {
    /// The process that carries it out.
    pub process: u32,
    /// The machine.
    pub host: String,
    /// The socket, which leads nowhere here.
    pub path: PathBuf,
}

/// All runs of a folder. What dead ones of this machine have left behind is removed.
pub(crate) fn going_on(folder: &Path) -> Found {
    let mut found = Found::default();
    let own = host();
    for path in files(folder, SOCKET) {
        let connected = short(&path).and_then(|(short, _folder)| UnixStream::connect(short));
        let gone = match connected {
            Ok(stream) => {
                found.here.push(stream);
                continue;
            }
            Err(error) => error.kind() == io::ErrorKind::ConnectionRefused,
        };
        match named(&path) {
            Some((process, host)) if host != own => found.elsewhere.push(Elsewhere {
                process,
                host,
                path,
            }),
            _ if gone => {
                let _ = std::fs::remove_file(&path);
            }
            _ => {}
        }
    }
    found
}

/// Removes sockets of other machines that are older than this.
fn forget(folder: &Path, age: Duration) {
    let own = host();
    for path in files(folder, SOCKET) {
        let is_other = named(&path).is_some_and(|(_, host)| host != own);
        let made = std::fs::symlink_metadata(&path).and_then(|found| found.modified());
        let since = made.ok().and_then(|made| made.elapsed().ok());
        if is_other && since.is_some_and(|since| since > age) {
            let _ = std::fs::remove_file(&path);
        }
    }
}

/// The process and the machine that the name of a socket tells.
fn named(path: &Path) -> Option<(u32, String)> {
    let name = path.file_stem()?.to_str()?;
    let (rest, host) = name.split_once('@')?;
    let (process, _) = rest.split_once('-')?;
    Some((process.parse().ok()?, host.to_owned()))
}

/// Files with this ending, in the order of their names.
pub(super) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    /// The processes of all runs that can be reached.
    fn processes(folder: &Path) -> Vec<u32> {
        let found = going_on(folder);
        let sockets = files(folder, SOCKET);
        assert_eq!(found.here.len() + found.elsewhere.len(), sockets.len());
        let reached = sockets.iter().map(|path| named(path).unwrap());
        let reached = reached.filter(|(_, machine)| *machine == host());
        reached.map(|(process, _)| process).collect()
    }

    #[test]
    fn doors_are_found_while_they_are_open() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("data/runs");
        assert!(processes(&folder).is_empty());
        let (one, _listener) = Door::open(&folder, 1).unwrap();
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&one.path), 0o600);
        let (two, _listener) = Door::open(&folder, 2).unwrap();
        assert_eq!(processes(&folder), [1, 2]);
        drop(two);
        assert_eq!(processes(&folder), [1]);
        drop(one);
        assert!(!home.path().join("data").exists(), "nothing is left");
    }

    #[test]
    fn doors_of_the_dead_are_removed() {
        let home = tempfile::tempdir().unwrap();
        let (door, listener) = Door::open(home.path(), 1).unwrap();
        drop(listener);
        assert!(processes(home.path()).is_empty());
        assert!(!door.path.exists());
        drop(door);
    }

    #[test]
    fn doors_of_other_machines_stay() {
        let home = tempfile::tempdir().unwrap();
        let (door, listener) = Door::open(home.path(), 7).unwrap();
        drop(listener);
        let there = home.path().join("7-12345678@build-3.example.sock");
        std::fs::rename(&door.path, &there).unwrap();
        let found = going_on(home.path()).elsewhere.pop().unwrap();
        assert_eq!((found.process, &*found.host), (7, "build-3.example"));
        assert_eq!(found.path, there);
        forget(home.path(), FORGOTTEN);
        assert!(there.exists());
    }

    #[test]
    fn doors_of_processes_with_the_same_number() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("runs");
        let (one, _listener) = Door::open(&folder, 7).unwrap();
        let (other, _listener) = Door::open(&folder, 7).unwrap();
        assert_eq!(processes(&folder), [7, 7]);
        drop(one);
        assert_eq!(processes(&folder), [7]);
        drop(other);
        assert!(!folder.exists());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn folders_with_long_names() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("f".repeat(200));
        let (_door, _listener) = Door::open(&folder, 1).unwrap();
        assert_eq!(processes(&folder), [1]);
    }

    #[test]
    fn places_that_take_no_doors() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("runs");
        std::fs::write(&file, "").unwrap();
        let before = mode(&file);
        assert!(Door::open(&file, 1).is_err());
        assert_eq!(mode(&file), before);
        // Sockets cannot be made, although the folder is there.
        let folder = home.path().join("data/runs");
        let made = make(&folder).unwrap();
        assert!(made.is_some());
        let door = Door {
            path: folder.join("1-x@y.sock"),
            made,
        };
        drop(door);
        assert!(!home.path().join("data").exists(), "nothing is left");
    }

    #[test]
    fn names_of_machines() {
        let check = |who: &str, expect: &str| assert_eq!(host_of(who), expect, "{who}");
        check("root@build-3.example", "build-3.example");
        check("a@b@c", "c");
        check("root@\u{e9}t\u{e9}/1", "_t__1");
        check(&format!("root@{}", "h".repeat(64)), &"h".repeat(HOST));
    }
}
