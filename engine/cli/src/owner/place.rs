//! Where runs that are going on can be found: sockets in a folder of the data directory that nobody
//! else may look into.
//!
//! The folder may be on a file system that several machines share, but a socket leads only to
//! processes of its own. So its name says which machine that is. Containers may all have one name:
//! what tells them apart is in it too.

use std::fs::DirBuilder;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use sha2::{Digest, Sha256};

use crate::session;

/// Addresses of sockets may not be longer on all systems.
const LONGEST: usize = 100;

/// As many random characters are in the name of a socket.
const RANDOM: usize = 8;

/// As many characters of the name of a machine are in the name of a file.
const HOST: usize = 40;

/// What stands between the name of a machine and what tells it from others of that name.
const MARK: char = '+';

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
            path: folder.join(format!("{process}-{random}@{}.{SOCKET}", machine())),
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

/// This machine, or this container on it, for as long as it is not started again. Where the system
/// does not tell, it is known by its name alone.
fn machine() -> String {
    let boot = std::fs::read("/proc/sys/kernel/random/boot_id");
    let processes = std::fs::read_link("/proc/self/ns/pid");
    match (boot, processes) {
        (Ok(boot), Ok(processes)) => {
            marked(&host(), &[&boot, processes.as_os_str().as_encoded_bytes()])
        }
        _ => host(),
    }
}

/// The name of a machine with a short digest of what tells it from others of that name.
fn marked(host: &str, by: &[&[u8]]) -> String {
    let mut digest = Sha256::new();
    for part in by {
        digest.update(part);
        digest.update(b"\n");
    }
    let digest = digest.finalize();
    let short: String = digest[..4].iter().map(|b| format!("{b:02x}")).collect();
    format!("{host}{MARK}{short}")
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
    /// Those that can be reached.
    pub here: Vec<Here>,
    /// Those on other machines, which may have ended without a word.
    pub elsewhere: Vec<Elsewhere>,
}

/// A run that can be reached, whether it answers or not.
pub(crate) struct Here {
    /// The process that carries it out.
    pub process: u32,
    /// The connection to it.
    pub stream: UnixStream,
}

/// A run on another machine.
#[derive(Debug)]
pub(crate) struct Elsewhere {
    /// The process that carries it out.
    pub process: u32,
    /// The machine.
    pub host: String,
    /// That is the name of this machine as well: it is another container, or what this one was
    /// before it was started again.
    pub is_namesake: bool,
    /// The socket, which leads nowhere here.
    pub path: PathBuf,
}

/// All runs of a folder. What dead ones of this machine have left behind is removed.
pub(crate) fn going_on(folder: &Path) -> Found {
    let mut found = Found::default();
    let own = machine();
    for path in files(folder, SOCKET) {
        // What has another name is not ours.
        let Some((process, there)) = named(&path) else {
            continue;
        };
        let connected = short(&path).and_then(|(short, _folder)| UnixStream::connect(short));
        match connected {
            Ok(stream) => found.here.push(Here { process, stream }),
            Err(_) if there != own => {
                let name = there.split(MARK).next().unwrap_or_default();
                found.elsewhere.push(Elsewhere {
                    process,
                    host: name.to_owned(),
                    is_namesake: name == host(),
                    path,
                });
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                let _ = std::fs::remove_file(&path);
            }
            Err(_) => {}
        }
    }
    found
}

/// Whether somebody of this machine has left a run open here to be found: the process, which goes
/// on. Nobody is asked, as one that is stopped does not answer.
pub(crate) fn is_open(process: u32, who: &str) -> bool {
    is_open_in(&folder(), process, who)
}

fn is_open_in(folder: &Path, process: u32, who: &str) -> bool {
    let own = machine();
    let is_of = |path: &PathBuf| named(path).is_some_and(|(p, there)| p == process && there == own);
    let number = i32::try_from(process).ok();
    let goes_on = number
        .and_then(rustix::process::Pid::from_raw)
        .is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok());
    goes_on && host_of(who) == host() && files(folder, SOCKET).iter().any(is_of)
}

/// Removes sockets of other machines that are older than this.
fn forget(folder: &Path, age: Duration) {
    let own = machine();
    for path in files(folder, SOCKET) {
        let is_other = named(&path).is_some_and(|(_, there)| there != own);
        let made = std::fs::symlink_metadata(&path).and_then(|found| found.modified());
        let since = made.ok().and_then(|made| made.elapsed().ok());
        if is_other && since.is_some_and(|since| since > age) {
            let _ = std::fs::remove_file(&path);
        }
    }
}

/// The process and the machine, with its mark, that the name of a socket tells.
fn named(path: &Path) -> Option<(u32, String)> {
    let name = path.file_stem()?.to_str()?;
    let (rest, machine) = name.split_once('@')?;
    let (process, _) = rest.split_once('-')?;
    Some((process.parse().ok()?, machine.to_owned()))
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
        let reached = reached.filter(|(_, there)| *there == machine());
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
    fn runs_that_can_be_watched() {
        let home = tempfile::tempdir().unwrap();
        let own = std::process::id();
        let here = muster_store::LockInfo::new("", "").who;
        let check = |process: u32, who: &str, expect: bool| {
            let found = is_open_in(home.path(), process, who);
            assert_eq!(found, expect, "{process} {who}");
        };
        check(own, &here, false);
        let (door, _listener) = Door::open(home.path(), own).unwrap();
        check(own, &here, true);
        check(own, "root@elsewhere", false);
        check(own + 1, &here, false);
        check(0, &here, false);
        check(u32::MAX, &here, false);
        drop(door);
        check(own, &here, false);
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
        assert!(!found.is_namesake);
        assert_eq!(found.path, there);
        forget(home.path(), FORGOTTEN);
        assert!(there.exists());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn doors_of_containers_of_the_same_name_stay() {
        let home = tempfile::tempdir().unwrap();
        let other = marked(&host(), &[b"another boot", b"pid:[1]"]);
        for there in [other, host()] {
            let (door, listener) = Door::open(home.path(), 7).unwrap();
            drop(listener);
            let path = home.path().join(format!("7-12345678@{there}.sock"));
            std::fs::rename(&door.path, &path).unwrap();
            let found = going_on(home.path()).elsewhere.pop().unwrap();
            assert_eq!((found.process, found.host), (7, host()));
            assert!(found.is_namesake);
            assert!(path.exists(), "{there}");
            std::fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn marks_of_machines() {
        let check = |host: &str, boot: &str, processes: &str, expect: bool| {
            let found = marked(host, &[boot.as_bytes(), processes.as_bytes()]);
            let same = found == marked("here", &[b"a", b"pid:[1]"]);
            assert_eq!(same, expect, "{host} {boot} {processes}");
        };
        check("here", "a", "pid:[1]", true);
        check("here", "b", "pid:[1]", false);
        check("here", "a", "pid:[2]", false);
        check("there", "a", "pid:[1]", false);
        assert_eq!(machine(), machine());
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
