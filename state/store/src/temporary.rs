//! Files that are being written and have no name of their own yet.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tempfile::NamedTempFile;

use crate::os;

/// What their names start with; the number of the process follows, and a dash.
const START: &str = ".tmp-";
/// One that is younger may belong to a process of another machine.
const YOUNG: Duration = Duration::from_secs(60);

/// Folders that were looked through.
static SEEN: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A new file in a folder. The first one in each also removes those that processes have left
/// behind when they were killed.
pub(crate) fn file_in(folder: &Path) -> io::Result<NamedTempFile> {
    let is_first = SEEN
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(folder.to_owned());
    if is_first {
        remove_stale(folder, SystemTime::now());
    }
    tempfile::Builder::new()
        .prefix(&format!("{START}{}-", std::process::id()))
        .tempfile_in(folder)
}

fn remove_stale(folder: &Path, now: SystemTime) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(process_of);
        let modified = entry.metadata().and_then(|m| m.modified()).ok();
        let age = modified.and_then(|modified| now.duration_since(modified).ok());
        let is_stale = process.is_some_and(|process| !os::is_running(process))
            && age.is_some_and(|age| age >= YOUNG);
        if is_stale {
            // Whoever comes next tries again.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn process_of(name: &str) -> Option<u32> {
    let (process, _) = name.strip_prefix(START)?.split_once('-')?;
    process.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_killed_processes_have_left_goes() {
        let folder = tempfile::tempdir().unwrap();
        // Numbers of processes are below this.
        let gone = format!("{START}{}-x", i32::MAX);
        let ours = format!("{START}{}-x", std::process::id());
        let names = [&gone, &ours, ".tmp-else", "other"];
        for name in names {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let left = || {
            let entries = std::fs::read_dir(folder.path()).unwrap();
            let mut names: Vec<_> = entries
                .map(|e| e.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        let all = left();
        remove_stale(folder.path(), SystemTime::now());
        assert_eq!(left(), all, "they are young");
        remove_stale(folder.path(), SystemTime::now() + YOUNG);
        let rest: Vec<_> = all.into_iter().filter(|name| *name != gone).collect();
        assert_eq!(left(), rest);
        assert_eq!(
            process_of(
                file_in(folder.path())
                    .unwrap()
                    .path()
                    .file_name()
                    .unwrap()
                    .to_str()
                    .unwrap()
            ),
            Some(std::process::id())
        );
    }
}
