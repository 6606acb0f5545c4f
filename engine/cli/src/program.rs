//! The program of this process.

use std::io;
use std::path::{Path, PathBuf};

/// Stands for the program of whoever uses it, on Linux, whatever became of its file.
const RUNNING: &str = "/proc/self/exe";

/// What starts this program once more. Its file may have been replaced or removed since this
/// process was started, as by an upgrade: then it is still this version, because what starts each
/// other has to understand each other. Where the system does not offer that, it is the file; so it
/// is when the file is replaced between this look at it and the start.
///
/// # Errors
/// The system does not tell.
pub(crate) fn own() -> io::Result<PathBuf> {
    let file = std::env::current_exe()?;
    let running = Path::new(RUNNING);
    match is_same(&file, running) {
        Some(false) => Ok(running.to_owned()),
        // Processes have better names by their file.
        Some(true) | None => Ok(file),
    }
}

/// Whether two paths lead to the same file; none if the second one leads nowhere.
#[cfg(unix)]
fn is_same(file: &Path, running: &Path) -> Option<bool> {
    use std::os::unix::fs::MetadataExt as _;

    let id = |path: &Path| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.dev(), found.ino()))
    };
    let running = id(running)?;
    Some(id(file) == Some(running))
}

#[cfg(not(unix))]
fn is_same(_: &Path, _: &Path) -> Option<bool> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn files_that_were_replaced_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let check = |file: &str, running: &str, expect: Option<bool>| {
            let found = is_same(&path(file), &path(running));
            assert_eq!(found, expect, "{file} {running}");
        };
        for name in ["program", "other"] {
            std::fs::write(path(name), name).unwrap();
        }
        std::os::unix::fs::symlink("program", path("running")).unwrap();
        check("program", "running", Some(true));
        check("other", "running", Some(false));
        check("program (deleted)", "running", Some(false));
        check("program", "nothing", None);
    }

    #[test]
    fn a_program_that_is_where_it_was_is_started_by_its_name() {
        assert_eq!(own().unwrap(), std::env::current_exe().unwrap());
    }
}
