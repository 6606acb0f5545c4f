//! Files of the disk, as functions of the language see them.

use std::path::{Path, PathBuf};

use muster_lang::Files;

/// The largest file that a function reads.
const LIMIT: u64 = 256 * 1024 * 1024;

/// Files below a working directory, which relative paths start from.
#[derive(Clone, Debug)]
pub struct DiskFiles {
    cwd: PathBuf,
}

impl DiskFiles {
    /// Relative paths start from `cwd`.
    pub fn new(cwd: impl Into<PathBuf>) -> Self {
        Self { cwd: cwd.into() }
    }

    fn path(&self, path: &str) -> PathBuf {
        let expanded = match (path.strip_prefix('~'), self.home()) {
            (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => home + rest,
            _ => path.to_owned(),
        };
        self.cwd.join(expanded)
    }
}

impl Files for DiskFiles {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let full = self.path(path);
        let data = std::fs::metadata(&full).map_err(|e| describe(path, &e))?;
        if data.is_dir() {
            return Err(format!("{path} is a directory, not a file"));
        }
        if data.len() > LIMIT {
            return Err(format!(
                "{path} has {} bytes; the limit is {LIMIT}",
                data.len()
            ));
        }
        std::fs::read(&full).map_err(|e| describe(path, &e))
    }

    fn exists(&self, path: &str) -> Result<bool, String> {
        match std::fs::metadata(self.path(path)) {
            Ok(data) if data.is_file() => Ok(true),
            Ok(data) if data.is_dir() => Err(format!("{path} is a directory, not a file")),
            Ok(_) => Err(format!("{path} is not a regular file")),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(describe(path, &e)),
        }
    }

    fn walk(&self, dir: &str) -> Result<Vec<String>, String> {
        let root = self.path(dir);
        let mut found = Vec::new();
        let mut open = vec![root.clone()];
        while let Some(dir) = open.pop() {
            let entries = match std::fs::read_dir(&dir) {
                Ok(entries) => entries,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
                Err(e) => return Err(describe(&dir.to_string_lossy(), &e)),
            };
            for entry in entries.flatten() {
                let path = entry.path();
                match std::fs::metadata(&path) {
                    Ok(data) if data.is_dir() && !is_link(&path) => open.push(path),
                    Ok(data) if data.is_file() => found.extend(relative(&root, &path)),
                    _ => {}
                }
            }
        }
        found.sort();
        Ok(found)
    }

    fn home(&self) -> Option<String> {
        std::env::var("HOME").ok().filter(|h| !h.is_empty())
    }

    fn cwd(&self) -> String {
        self.cwd.to_string_lossy().into_owned()
    }

    fn now(&self) -> Option<std::time::SystemTime> {
        Some(std::time::SystemTime::now())
    }
}

fn is_link(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_symlink())
}

fn relative(root: &Path, path: &Path) -> Option<String> {
    let relative = path.strip_prefix(root).ok()?.to_str()?;
    Some(relative.replace('\\', "/"))
}

fn describe(path: &str, error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => format!("no file exists at {path}"),
        std::io::ErrorKind::PermissionDenied => format!("{path} may not be read by this user"),
        _ => format!("{path} cannot be read: {error}"),
    }
}
