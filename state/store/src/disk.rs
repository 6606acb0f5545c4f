//! Bytes that are on disk for sure, or are not.

use std::fs::File;
use std::io;

/// Returns when the bytes of a file are on disk.
pub(crate) fn sync_data(file: &File) -> io::Result<()> {
    #[cfg(test)]
    faults::sync()?;
    file.sync_data()
}

/// Returns when the bytes of a file are on disk, and all that is known of it.
pub(crate) fn sync_all(file: &File) -> io::Result<()> {
    #[cfg(test)]
    faults::sync()?;
    file.sync_all()
}

/// What goes wrong in a test, for what its own thread does.
#[cfg(test)]
pub(crate) mod faults {
    use std::cell::Cell;
    use std::io;

    use nix::libc::{EIO, ENOLCK, ENOSPC};

    thread_local! {
        static SYNCS: Cell<Option<u32>> = const { Cell::new(None) };
        static LONGEST_WRITE: Cell<usize> = const { Cell::new(usize::MAX) };
        static TORN_AT: Cell<usize> = const { Cell::new(0) };
        static NO_LOCKS: Cell<bool> = const { Cell::new(false) };
    }

    /// The sync after so many that go well fails; those after that go well.
    pub(crate) fn fail_sync_after(good: u32) {
        SYNCS.set(Some(good));
    }

    /// Whether a sync has failed since [`fail_sync_after`]. From now on none does.
    pub(crate) fn end() -> bool {
        SYNCS.take().is_none()
    }

    /// There is no room for so many bytes at a time, or more.
    pub(crate) fn fail_writes_from(length: usize) {
        LONGEST_WRITE.set(length);
    }

    /// So many bytes of a write are in the file when it fails; all but one, if it has no more.
    pub(crate) fn tear_writes_at(length: usize) {
        TORN_AT.set(length);
    }

    /// An error comes with the number of bytes that are written in spite of it.
    pub(crate) fn write(length: usize) -> Result<(), (io::Error, usize)> {
        match length >= LONGEST_WRITE.get() {
            true => {
                let fits = TORN_AT.get().min(length.saturating_sub(1));
                Err((io::Error::from_raw_os_error(ENOSPC), fits))
            }
            false => Ok(()),
        }
    }

    /// Files cannot be locked, or can be again.
    pub(crate) fn without_locks(without: bool) {
        NO_LOCKS.set(without);
    }

    pub(super) fn sync() -> io::Result<()> {
        match SYNCS.take() {
            Some(0) => Err(io::Error::from_raw_os_error(EIO)),
            left => {
                SYNCS.set(left.map(|n| n - 1));
                Ok(())
            }
        }
    }

    pub(crate) fn lock() -> io::Result<()> {
        match NO_LOCKS.get() {
            true => Err(io::Error::from_raw_os_error(ENOLCK)),
            false => Ok(()),
        }
    }
}
