//! Directories in packages, which may be patterns: `*/modules/x`.

use std::path::{Path, PathBuf};

use crate::ModuleError;

/// Finds a directory in a package, and gives its path in it. Each part may be a pattern, which
/// exactly one directory has to be like.
pub(crate) fn find(package: &Path, subdir: &str, registry: bool) -> Result<String, ModuleError> {
    let missing = || ModuleError::NoSubdir {
        subdir: subdir.to_owned(),
        registry,
    };
    let mut found = vec![PathBuf::new()];
    for part in subdir.split('/').filter(|part| !part.is_empty()) {
        let mut next = Vec::new();
        for dir in &found {
            if part.contains(['*', '?', '[']) {
                next.extend(alike(package, dir, part));
            } else {
                next.push(dir.join(part));
            }
        }
        next.retain(|dir| package.join(dir).is_dir());
        found = next;
    }
    let path = match found.as_slice() {
        [] => return Err(missing()),
        [path] => path,
        _ => return Err(ModuleError::ManySubdirs(subdir.to_owned())),
    };
    let whole = package.canonicalize().map_err(ModuleError::file(package))?;
    let part = package.join(path).canonicalize();
    // A link in the package could lead anywhere.
    if !part.is_ok_and(|part| part.starts_with(whole)) {
        return Err(missing());
    }
    Ok(path.to_string_lossy().into_owned())
}

/// The directories in a directory whose names are like a pattern.
fn alike(package: &Path, dir: &Path, pattern: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(package.join(dir)).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut found: Vec<PathBuf> = names
        .filter(|name| !name.starts_with('.') && matches(pattern.as_bytes(), name.as_bytes()))
        .map(|name| dir.join(name))
        .collect();
    found.sort();
    found
}

/// Whether a name is like a pattern of `*`, `?`, `[abc]`, `[a-z]` and plain bytes.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    // The last star, and how far it reaches.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, n));
            p += 1;
        } else if let Some(size) = one(&pattern[p..], name[n]) {
            p += size;
            n += 1;
        } else if let Some((at, reach)) = star {
            star = Some((at, reach + 1));
            (p, n) = (at + 1, reach + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

/// The length of the first part of a pattern if a byte is like it.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'[', rest @ ..] => {
            let end = rest.iter().position(|b| *b == b']')?;
            let mut set = &rest[..end];
            let mut found = false;
            loop {
                set = match set {
                    [from, b'-', to, more @ ..] => {
                        found |= (*from..=*to).contains(&byte);
                        more
                    }
                    [single, more @ ..] => {
                        found |= *single == byte;
                        more
                    }
                    [] => break,
                };
            }
            found.then_some(end + 2)
        }
        [plain, ..] if *plain == byte => Some(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_like_patterns() {
        let check = |pattern: &str, name: &str, expect: bool| {
            let found = matches(pattern.as_bytes(), name.as_bytes());
            assert_eq!(found, expect, "{pattern} {name}");
        };
        check("*", "anything", true);
        check("*", "", true);
        check("a*c", "abc", true);
        check("a*c", "abcd", false);
        check("a*b*c", "a-b-b-c", true);
        check("*-?", "x-y-z", true);
        check("[a-c]x[yz]", "bxz", true);
        check("[a-c]x", "dx", false);
        check("", "a", false);
        check("[a", "a", false);
        check(&"*a".repeat(20), &"a".repeat(200), true);
        check(&format!("{}b", "*a".repeat(20)), &"a".repeat(2000), false);
    }

    #[test]
    fn one_directory_has_to_fit() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("top/sub")).unwrap();
        std::fs::create_dir_all(dir.path().join("also")).unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        std::os::unix::fs::symlink("/", dir.path().join("top/out")).unwrap();
        let check = |subdir: &str, expect: Option<&str>| {
            let found = find(dir.path(), subdir, false).ok();
            assert_eq!(found.as_deref(), expect, "{subdir}");
        };
        check("", Some(""));
        check("top/sub", Some("top/sub"));
        check("t*/s?b", Some("top/sub"));
        check("*/sub", Some("top/sub"));
        check("*", None);
        check("file", None);
        check("none", None);
        check("top/out", None);
        check("top/out/etc", None);
    }
}
