//! Directories: copied, and found behind links.

use std::io;
use std::path::{Component, Path, PathBuf};

/// More links are a circle.
const MOST_LINKS: usize = 40;

/// Copies what is in a directory into another. `keep` says which entries of the directory itself
/// are copied, by their names.
pub(crate) fn copy_into(from: &Path, to: &Path, keep: &dyn Fn(&str) -> bool) -> io::Result<()> {
    let mut left = vec![(from.to_owned(), to.to_owned())];
    let mut first = true;
    while let Some((from, to)) = left.pop() {
        std::fs::create_dir_all(&to)?;
        for entry in std::fs::read_dir(&from)? {
            let entry = entry?;
            let name = entry.file_name();
            if first && !keep(&name.to_string_lossy()) {
                continue;
            }
            let (path, place) = (entry.path(), to.join(&name));
            let kind = entry.file_type()?;
            if kind.is_symlink() {
                copy_link(&path, &place)?;
            } else if kind.is_dir() {
                left.push((path, place));
            } else if kind.is_file() {
                std::fs::copy(&path, &place)?;
            }
        }
        first = false;
    }
    Ok(())
}

#[cfg(unix)]
fn copy_link(from: &Path, to: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(std::fs::read_link(from)?, to)
}

#[cfg(not(unix))]
fn copy_link(from: &Path, to: &Path) -> io::Result<()> {
    match from.is_dir() {
        true => copy_into(from, to, &|_| true),
        false => std::fs::copy(from, to).map(|_| ()),
    }
}

/// The path of a directory with all links in it resolved. It stays relative as long as no link
/// is absolute.
pub(crate) fn resolved(path: &Path) -> io::Result<String> {
    let mut done = PathBuf::new();
    let mut left: Vec<PathBuf> = parts(path);
    let mut links = 0;
    while let Some(part) = left.pop() {
        if part == Path::new("..") && done.file_name().is_some() {
            done.pop();
            continue;
        }
        let next = done.join(&part);
        match std::fs::read_link(&next) {
            Ok(target) => {
                links += 1;
                if links > MOST_LINKS {
                    return Err(io::Error::other("there are too many links"));
                }
                if target.is_absolute() {
                    done = PathBuf::new();
                }
                left.extend(parts(&target));
            }
            Err(_) => done = next,
        }
    }
    let done = match done.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => done,
    };
    match std::fs::metadata(&done)?.is_dir() {
        true => Ok(done.to_string_lossy().into_owned()),
        false => Err(io::ErrorKind::NotADirectory.into()),
    }
}

/// The parts of a path, last ones first.
fn parts(path: &Path) -> Vec<PathBuf> {
    let plain = path.components().filter(|c| *c != Component::CurDir);
    plain.rev().map(|c| PathBuf::from(c.as_os_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("real/inner")).unwrap();
        std::fs::write(root.join("file"), "").unwrap();
        let link = |to: &str, at: &str| std::os::unix::fs::symlink(to, root.join(at)).unwrap();
        link("real", "link");
        link("../real/inner", "real/back");
        link("circle", "circle");
        let check = |path: &str, expect: Option<&str>| {
            let found = resolved(&root.join(path)).ok();
            let expect = expect.map(|e| root.join(e).to_string_lossy().into_owned());
            assert_eq!(found, expect, "{path}");
        };
        check("link/inner", Some("real/inner"));
        check("link/back", Some("real/inner"));
        check("link/../real", Some("real"));
        check("none", None);
        check("file", None);
        check("circle", None);
        assert_eq!(resolved(Path::new("./.")).unwrap(), ".");
        assert_eq!(resolved(Path::new("../.")).unwrap(), "..");
    }

    #[test]
    fn directories_are_copied_with_their_links() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        std::fs::create_dir_all(from.join("a/.b")).unwrap();
        std::fs::create_dir_all(from.join(".git")).unwrap();
        std::fs::write(from.join("a/.b/c"), "text").unwrap();
        std::os::unix::fs::symlink("a/.b", from.join("link")).unwrap();
        copy_into(&from, &to, &|name| !name.starts_with('.')).unwrap();
        assert_eq!(std::fs::read_to_string(to.join("link/c")).unwrap(), "text");
        assert!(to.join("link").is_symlink() && !to.join(".git").exists());
    }
}
