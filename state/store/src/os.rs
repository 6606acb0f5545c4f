//! What differs between operating systems.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

#[cfg(unix)]
pub(crate) use unix::*;

#[cfg(not(unix))]
pub(crate) use other::*;

/// Opens a file for reading and writing, made if it is not there. Only its owner may use it.
pub(crate) fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    restrict(&mut options);
    options.open(path)
}

/// Opens a file for reading and writing, if it is there.
pub(crate) fn open_existing(path: &Path) -> io::Result<Option<File>> {
    match OpenOptions::new().read(true).write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Writes a file as a whole: it has either its old bytes or the new ones, and for its owner
/// only. Whoever has it open keeps the old ones.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_by(path, &[bytes])
}

/// As [`replace`], with bytes in pieces.
pub(crate) fn replace_by(path: &Path, pieces: &[&[u8]]) -> io::Result<()> {
    prepared(path, pieces)?.persist(path).map_err(|e| e.error)?;
    sync_folder(folder_of(path))
}

/// Writes a new file as a whole, for its owner only. One that is there already stays as it is.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = prepared(path, &[bytes])?;
    file.persist_noclobber(path).map_err(|e| e.error)?;
    sync_folder(folder_of(path))
}

/// Bytes on disk in the folder of a file, without a name of their own yet.
fn prepared(path: &Path, pieces: &[&[u8]]) -> io::Result<tempfile::NamedTempFile> {
    let mut file = crate::temporary::file_in(folder_of(path))?;
    pieces.iter().try_for_each(|piece| file.write_all(piece))?;
    crate::disk::sync_all(file.as_file())?;
    Ok(file)
}

#[cfg(unix)]
mod unix {
    use std::fs::{File, OpenOptions, Permissions};
    use std::io;
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
    use std::path::Path;

    /// Readable and writable by the owner.
    const PRIVATE: u32 = 0o600;

    pub(super) fn restrict(options: &mut OpenOptions) {
        options.mode(PRIVATE);
    }

    /// Makes a folder that only its owner may use, if it is not there. The one that it is in has
    /// to be.
    pub(crate) fn make_private_folder(path: &Path) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;

        match std::fs::DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            made => made,
        }
    }

    /// Takes the file away from all but its owner. Somebody else's file stays as it is.
    pub(crate) fn make_private(file: &File) {
        let open = file.metadata().is_ok_and(|m| m.mode() & 0o077 != 0);
        if open {
            let _ = file.set_permissions(Permissions::from_mode(PRIVATE));
        }
    }

    /// Locks the whole file against every other open file; `false` if somebody holds it.
    ///
    /// The lock belongs to this open file, not to the process, so that it is not lost when some
    /// other part of the process closes the same file. It excludes the process locks that
    /// Terraform takes, and they exclude it.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) fn try_lock(file: &File) -> io::Result<bool> {
        try_lock_as(file, nix::libc::F_WRLCK)
    }

    /// Locks the whole file as [`try_lock`] does, beside others who share it in this way; `false`
    /// if somebody holds it alone. `None` if the system has no such locks.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) fn try_share(file: &File) -> io::Result<Option<bool>> {
        try_lock_as(file, nix::libc::F_RDLCK).map(Some)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn try_share(_: &File) -> io::Result<Option<bool>> {
        // Closing any file of the process that is the same one would end the lock.
        Ok(None)
    }

    /// Whether somebody has locked the file alone, or together with others. It is not locked for
    /// that.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) fn is_locked(file: &File) -> io::Result<bool> {
        use nix::fcntl::{FcntlArg, fcntl};
        use nix::libc::{F_UNLCK, F_WRLCK};

        let mut found = whole(F_WRLCK);
        fcntl(file, FcntlArg::F_OFD_GETLK(&mut found))?;
        Ok(i32::from(found.l_type) != F_UNLCK)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn is_locked(file: &File) -> io::Result<bool> {
        try_lock(file).map(|is_free| !is_free)
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn whole(kind: nix::libc::c_int) -> nix::libc::flock {
        nix::libc::flock {
            l_type: kind as _,
            l_whence: nix::libc::SEEK_SET as _,
            l_start: 0,
            l_len: 0,
            l_pid: 0,
        }
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn try_lock_as(file: &File, kind: nix::libc::c_int) -> io::Result<bool> {
        #[cfg(test)]
        crate::disk::faults::lock()?;
        use nix::fcntl::{FcntlArg, fcntl};

        match fcntl(file, FcntlArg::F_OFD_SETLK(&whole(kind))) {
            Ok(_) => Ok(true),
            Err(nix::Error::EAGAIN | nix::Error::EACCES) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Locks the whole file against other processes; `false` if somebody holds it.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn try_lock(file: &File) -> io::Result<bool> {
        use rustix::fs::{FlockOperation, fcntl_lock};

        match fcntl_lock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes all bytes at a place in a file.
    pub(crate) fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        #[cfg(test)]
        if let Err((error, fits)) = crate::disk::faults::write(bytes.len()) {
            std::os::unix::fs::FileExt::write_all_at(file, &bytes[..fits], at)?;
            return Err(error);
        }
        std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
    }

    /// Whether the path still leads to the open file.
    pub(crate) fn is_at(file: &File, path: &Path) -> bool {
        match (file.metadata(), std::fs::metadata(path)) {
            (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
            _ => false,
        }
    }

    /// Makes sure that the file can grow to `len` bytes, as far as the file system can tell.
    pub(crate) fn reserve(file: &File, len: u64) -> io::Result<()> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            use rustix::fs::{FallocateFlags, fallocate};
            use rustix::io::Errno;

            // Not every file system can reserve space; on others the writing will tell.
            if let Err(full @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) =
                fallocate(file, FallocateFlags::KEEP_SIZE, 0, len.max(1))
            {
                return Err(full.into());
            }
        }
        let _ = (file, len);
        Ok(())
    }

    /// Whether a lock was refused because the file system has none, as some that are reached over
    /// a network.
    pub(crate) fn has_no_locks(error: &io::Error) -> bool {
        use rustix::io::Errno;

        let errno = Errno::from_io_error(error);
        errno.is_some_and(|e| [Errno::NOLCK, Errno::OPNOTSUPP, Errno::NOSYS].contains(&e))
    }

    /// Whether there is a process of this number, on this machine.
    pub(crate) fn is_running(process: u32) -> bool {
        use rustix::process::{Pid, test_kill_process};

        let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
        // One that belongs to somebody else is there as well.
        pid.is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
    }

    /// Whether there is no process of this number on this machine, or only what is left of one.
    pub(crate) fn has_ended(process: u32) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        // Before the state is a name, which may hold anything.
        let state = stat.rsplit_once(") ").map(|(_, fields)| fields);
        state.is_some_and(|state| state.starts_with('Z')) || !is_running(process)
    }

    /// Makes new and renamed names in a folder last.
    pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
        crate::disk::sync_all(&File::open(folder)?)
    }

    pub(crate) fn host_name() -> String {
        nix::unistd::gethostname()
            .ok()
            .and_then(|name| name.into_string().ok())
            .unwrap_or_else(|| "localhost".into())
    }

    /// The name of the user that the process runs as, or the number if there is no name.
    pub(crate) fn user_name() -> String {
        use nix::unistd::{Uid, User};

        let uid = Uid::current();
        match User::from_uid(uid) {
            Ok(Some(user)) => user.name,
            _ => uid.to_string(),
        }
    }
}

#[cfg(not(unix))]
mod other {
    use std::fs::{File, OpenOptions, TryLockError};
    use std::io::{self, Write};
    use std::path::Path;

    pub(super) fn restrict(_: &mut OpenOptions) {}

    pub(crate) fn try_share(_: &File) -> io::Result<Option<bool>> {
        Ok(None)
    }

    pub(crate) fn is_locked(file: &File) -> io::Result<bool> {
        try_lock(file).map(|is_free| !is_free)
    }

    pub(crate) fn make_private_folder(path: &Path) -> io::Result<()> {
        match std::fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            made => made,
        }
    }

    pub(crate) fn make_private(_: &File) {}

    pub(crate) fn try_lock(file: &File) -> io::Result<bool> {
        match file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    pub(crate) fn write_at(mut file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        use std::io::{Seek, SeekFrom};

        file.seek(SeekFrom::Start(at))?;
        file.write_all(bytes)
    }

    pub(crate) fn is_at(_: &File, path: &Path) -> bool {
        path.exists()
    }

    pub(crate) fn reserve(_: &File, _: u64) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn has_no_locks(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::Unsupported
    }

    pub(crate) fn is_running(_: u32) -> bool {
        true
    }

    pub(crate) fn has_ended(_: u32) -> bool {
        false
    }

    pub(crate) fn sync_folder(_: &Path) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn host_name() -> String {
        std::env::var("COMPUTERNAME").unwrap_or_else(|_| "localhost".into())
    }

    pub(crate) fn user_name() -> String {
        std::env::var("USERNAME").unwrap_or_else(|_| "somebody".into())
    }
}
