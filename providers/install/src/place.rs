//! Puts finished packages where they belong, as a whole or not at all.

use std::io;
use std::path::Path;

use tempfile::TempDir;

use crate::InstallError;

/// A directory for unfinished things below a directory, on the same file system.
///
/// # Errors
/// It cannot be made.
pub fn scratch(root: &Path) -> Result<TempDir, InstallError> {
    std::fs::create_dir_all(root).map_err(InstallError::file(root))?;
    let mut builder = tempfile::Builder::new();
    let dir = builder.prefix(".installing-").tempdir_in(root);
    dir.map_err(InstallError::file(root))
}

/// Moves a directory to a place, and what was there before into `scratch`.
///
/// # Errors
/// It cannot be moved.
pub fn place_directory(from: &Path, to: &Path, scratch: &Path) -> Result<(), InstallError> {
    put(to, scratch, || std::fs::rename(from, to)).map_err(InstallError::file(to))
}

/// Makes a place stand for a directory elsewhere.
///
/// # Errors
/// The link cannot be made.
pub fn place_link(target: &Path, at: &Path, scratch: &Path) -> Result<(), InstallError> {
    let target = std::path::absolute(target).map_err(InstallError::file(target))?;
    let target = target.canonicalize().map_err(InstallError::file(&target))?;
    put(at, scratch, || link(&target, at)).map_err(InstallError::file(at))
}

/// Runs `create` where nothing is. Others may do the same at the same time; the last one wins.
fn put(at: &Path, scratch: &Path, create: impl Fn() -> io::Result<()>) -> io::Result<()> {
    const ATTEMPTS: u32 = 20;
    if let Some(parent) = at.parent() {
        std::fs::create_dir_all(parent)?;
    }
    for attempt in 0.. {
        // A directory of its own: whatever is moved there meets nothing.
        let aside = tempfile::Builder::new().tempdir_in(scratch)?.keep();
        match std::fs::rename(at, aside.join("replaced")) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        match create() {
            Err(e) if is_taken(&e) && attempt < ATTEMPTS => {}
            result => return result,
        }
    }
    Ok(())
}

fn is_taken(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, DirectoryNotEmpty, NotADirectory};
    matches!(
        error.kind(),
        AlreadyExists | DirectoryNotEmpty | NotADirectory
    )
}

#[cfg(unix)]
fn link(target: &Path, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, at)
}

/// Links need a privilege elsewhere.
#[cfg(not(unix))]
fn link(target: &Path, at: &Path) -> io::Result<()> {
    std::fs::create_dir(at)?;
    for entry in std::fs::read_dir(target)? {
        let entry = entry?;
        let to = at.join(entry.file_name());
        if entry.path().is_dir() {
            link(&entry.path(), &to)?;
        } else {
            std::fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_and_links_replace_each_other() {
        let root = tempfile::tempdir().unwrap();
        let scratch = scratch(root.path()).unwrap();
        let at = root.path().join("a/b");
        let make = |name: &str| {
            let dir = root.path().join(name);
            std::fs::create_dir(&dir).unwrap();
            std::fs::write(dir.join("file"), name).unwrap();
            dir
        };
        let check =
            |expect: &str| assert_eq!(std::fs::read_to_string(at.join("file")).unwrap(), expect);
        place_directory(&make("one"), &at, scratch.path()).unwrap();
        check("one");
        let two = make("two");
        place_link(&two, &at, scratch.path()).unwrap();
        check("two");
        place_link(&make("three"), &at, scratch.path()).unwrap();
        check("three");
        place_directory(&make("four"), &at, scratch.path()).unwrap();
        check("four");
        assert_eq!(std::fs::read_to_string(two.join("file")).unwrap(), "two");
    }
}
