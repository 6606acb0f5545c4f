//! Which files are formatted, and how they are called.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// Whether a file is one to format, by its name.
pub(super) fn is_source(path: &Path) -> bool {
    const ENDINGS: [&str; 4] = [".tf", ".tfvars", ".tftest.hcl", ".tfmock.hcl"];
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Whether something in a directory is passed over: hidden things and copies that editors leave.
pub(super) fn is_ignored(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with('.') || name.ends_with('~') || (name.starts_with('#') && name.ends_with('#'))
}

/// A path as people see it: relative to the working directory.
pub(super) fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    relative(&here, path).display().to_string()
}

/// A path seen from a directory. Both are looked at as text only: links are not resolved.
fn relative(here: &Path, path: &Path) -> PathBuf {
    let whole = here.join(path);
    let (here, path) = (parts(here), parts(&whole));
    let common = here.iter().zip(&path).take_while(|(a, b)| a == b).count();
    let up = here[common..].iter().map(|_| OsStr::new(".."));
    let out: PathBuf = up.chain(path[common..].iter().copied()).collect();
    if out.as_os_str().is_empty() {
        return PathBuf::from(".");
    }
    out
}

fn parts(path: &Path) -> Vec<&OsStr> {
    let mut out = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => out.push(part),
            Component::ParentDir => _ = out.pop(),
            _ => {}
        }
    }
    out
}
