//! Checksums of packages as lock files have them.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A checksum of a package with its scheme.
///
/// `h1:` is of the files in a package, however they are packed; `zh:` is of a zip archive. Other
/// schemes are kept as they are and match nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(String);

impl Hash {
    /// Parses `SCHEME:VALUE`.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, value) = text.split_once(':')?;
        let plain = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
        (plain(scheme) && plain(value)).then(|| Self(text.to_owned()))
    }

    /// The `zh:` form of the SHA-256 of an archive.
    pub fn of_archive(sha256: &[u8; 32]) -> Self {
        Self(format!("zh:{}", hex(sha256)))
    }

    /// Whether it is the checksum of a zip archive.
    pub fn is_archive(&self) -> bool {
        self.0.starts_with("zh:")
    }

    /// Whether it is the checksum of a package's files.
    pub fn is_contents(&self) -> bool {
        self.0.starts_with("h1:")
    }

    /// The text with its scheme.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The `h1:` checksum of an unpacked package: the SHA-256 of a list of the SHA-256 and name of
/// every file, sorted by name.
pub fn hash_directory(dir: &Path) -> io::Result<Hash> {
    let mut files = Vec::new();
    list(dir, String::new(), &mut files)?;
    files.sort();
    let mut summary = digest::Context::new(&digest::SHA256);
    for (name, path) in files {
        let sum = sha256_of(&mut File::open(path)?)?;
        summary.update(format!("{}  {name}\n", hex(&sum)).as_bytes());
    }
    let text = STANDARD.encode(summary.finish().as_ref());
    Ok(Hash(format!("h1:{text}")))
}

/// The `zh:` checksum of an archive.
pub fn hash_archive(path: &Path) -> io::Result<Hash> {
    Ok(Hash::of_archive(&sha256_of(&mut File::open(path)?)?))
}

/// The SHA-256 of everything that can be read.
pub(crate) fn sha256_of(from: &mut dyn Read) -> io::Result<[u8; 32]> {
    let mut sum = Sha256::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(sum.finish()),
            Ok(n) => sum.update(&buffer[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// A SHA-256 in the making.
pub(crate) struct Sha256(digest::Context);

impl Sha256 {
    pub(crate) fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        let mut sum = [0; 32];
        sum.copy_from_slice(self.0.finish().as_ref());
        sum
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads hexadecimal digits of either case. `None` when there are not exactly 64.
pub(crate) fn parse_sha256(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut sum = [0; 32];
    for (byte, at) in sum.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(sum)
}

/// Files below a directory under their names, with `/` between the parts.
fn list(dir: &Path, prefix: String, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    let mut folders = vec![(dir.to_owned(), prefix)];
    while let Some((dir, prefix)) = folders.pop() {
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            let Some(name) = entry
                .file_name()
                .to_str()
                .filter(|n| !n.contains('\n'))
                .map(str::to_owned)
            else {
                let text = format!(
                    "{}: the name cannot be part of a package",
                    entry.path().display()
                );
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            };
            let name = format!("{prefix}{name}");
            if entry.file_type()?.is_dir() {
                folders.push((entry.path(), format!("{name}/")));
            } else {
                files.push((name, entry.path()));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_hash_as_terraform_has_it() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("LICENSE.txt"), "lic\n").unwrap();
        let program = dir.path().join("terraform-provider-fake_v1.1.0_x5");
        std::fs::write(program, "#!/bin/sh\necho hi 1.1.0\n").unwrap();
        let expect = "h1:4RhByDtEimuXXrArJX48J0wOvCGIbL2Cd99kx7rQJs8=";
        assert_eq!(hash_directory(dir.path()).unwrap().as_str(), expect);
    }

    #[test]
    fn names_are_sorted_across_folders() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("a")).unwrap();
        std::fs::write(dir.path().join("a/b"), "1").unwrap();
        std::fs::write(dir.path().join("a.txt"), "2").unwrap();
        let lines = format!("{}  a.txt\n{}  a/b\n", hex(&sum("2")), hex(&sum("1")));
        let expect = format!("h1:{}", STANDARD.encode(sum(&lines)));
        assert_eq!(hash_directory(dir.path()).unwrap().as_str(), expect);
    }

    #[test]
    fn hexadecimal_digits_are_read_back() {
        let check = |text: &str, expect: bool| {
            let parsed = parse_sha256(text);
            assert_eq!(
                parsed.map(|sum| hex(&sum) == text.to_lowercase()),
                expect.then_some(true)
            );
        };
        check(&"0aF9".repeat(16), true);
        check(&"0aF9".repeat(15), false);
        check(&"+1F9".repeat(16), false);
        check(&"é".repeat(32), false);
    }

    #[test]
    fn a_hash_has_a_scheme() {
        let check =
            |text: &str, expect: bool| assert_eq!(Hash::parse(text).is_some(), expect, "{text}");
        check("h1:abc=", true);
        check("h9:new", true);
        check("abc", false);
        check(":abc", false);
        check("h1:a\"b", false);
    }

    fn sum(text: &str) -> [u8; 32] {
        sha256_of(&mut text.as_bytes()).unwrap()
    }
}
