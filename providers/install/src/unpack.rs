//! Unpacks archives.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

/// More is no provider.
const MOST_FILES: usize = 20_000;

/// More bytes in all are no provider; the largest ones have less than a gigabyte.
const MOST_BYTES: u64 = 8 * 1024 * 1024 * 1024;

/// An archive cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It is no zip archive, or a damaged one.
    #[error("it is not a valid zip archive: {0}")]
    Archive(#[from] ZipError),
    /// A file would be put outside the directory, or is no plain file.
    #[error("it holds \"{0}\", which is not a file inside the package")]
    Name(String),
    /// It has more files or bytes than a package has.
    #[error("it is far larger than any provider")]
    Size,
    /// A file cannot be written.
    #[error("{} cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Unpacks an archive into a directory, which should be empty: no file is overwritten.
pub(crate) fn unpack(archive: &Path, dir: &Path) -> Result<(), UnpackError> {
    unpack_within(archive, dir, MOST_BYTES)
}

fn unpack_within(archive: &Path, dir: &Path, mut left: u64) -> Result<(), UnpackError> {
    let file = File::open(archive).map_err(ZipError::Io)?;
    let mut archive = ZipArchive::new(file)?;
    if archive.len() > MOST_FILES {
        return Err(UnpackError::Size);
    }
    for i in 0..archive.len() {
        let mut entry = archive.by_index(i)?;
        let path = dir.join(name_of(&entry)?);
        if entry.is_dir() {
            create_dir(&path)?;
        } else {
            left -= write(&mut entry, &path, left)?;
        }
    }
    Ok(())
}

/// The path of an entry. Only plain parts are allowed, on every system.
fn name_of<R: Read>(entry: &ZipFile<'_, R>) -> Result<PathBuf, UnpackError> {
    let name = entry.name()?;
    let refused = || UnpackError::Name(name.escape_debug().to_string());
    let trimmed = name.strip_suffix('/').unwrap_or(&name);
    let plain =
        |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', ':', '\0', '\n']);
    if !trimmed.split('/').all(plain) || entry.is_symlink() {
        return Err(refused());
    }
    Ok(trimmed.split('/').collect())
}

/// Writes an entry and gives its size, which may be `limit` at most.
fn write<R: Read>(entry: &mut ZipFile<'_, R>, path: &Path, limit: u64) -> Result<u64, UnpackError> {
    let failed = |source| UnpackError::Write {
        path: path.to_owned(),
        source,
    };
    if let Some(parent) = path.parent() {
        create_dir(parent)?;
    }
    let executable = entry.unix_mode().is_some_and(|mode| mode & 0o111 != 0)
        || path.file_name().is_some_and(|name| {
            // Archives from systems without the permission lack it.
            name.to_string_lossy().starts_with("terraform-provider-")
        });
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(if executable { 0o755 } else { 0o644 });
    }
    #[cfg(not(unix))]
    let _ = executable;
    let mut file = options.open(path).map_err(failed)?;
    let mut limited = entry.take(limit.saturating_add(1));
    match io::copy(&mut limited, &mut file) {
        Ok(size) if size > limit => Err(UnpackError::Size),
        Ok(size) => Ok(size),
        // What an archive does wrong shows as an error of reading.
        Err(e) if is_damage(&e) => Err(ZipError::Io(e).into()),
        Err(e) => Err(failed(e)),
    }
}

fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    matches!(
        error.kind(),
        InvalidData | InvalidInput | Other | UnexpectedEof
    )
}

fn create_dir(path: &Path) -> Result<(), UnpackError> {
    std::fs::create_dir_all(path).map_err(|source| UnpackError::Write {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// Unpacks an archive with some files.
    fn check(files: &[(&str, u32, &str)], limit: u64) -> Result<tempfile::TempDir, UnpackError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("archive.zip");
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        for (name, mode, text) in files {
            let options = SimpleFileOptions::default().unix_permissions(*mode);
            zip.start_file(*name, options).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
        let out = dir.path().join("out");
        unpack_within(&path, &out, limit).map(|()| dir)
    }

    #[test]
    fn files_keep_what_can_be_run() {
        use std::os::unix::fs::PermissionsExt;
        let files = [
            ("a/run", 0o755, "1"),
            ("a/read", 0o600, "2"),
            ("terraform-provider-x", 0, "3"),
        ];
        let dir = check(&files, 3).unwrap();
        for (name, expect, text) in [
            ("a/run", 0o111, "1"),
            ("a/read", 0, "2"),
            ("terraform-provider-x", 0o111, "3"),
        ] {
            let path = dir.path().join("out").join(name);
            assert_eq!(
                std::fs::metadata(&path).unwrap().permissions().mode() & 0o111,
                expect
            );
            assert_eq!(std::fs::read_to_string(path).unwrap(), text);
        }
    }

    #[test]
    fn files_outside_are_refused() {
        for name in ["../x", "a/../../x", "/x", "a//x", "a\\x", "c:x", "./x"] {
            let error = check(&[(name, 0o644, "")], 10).unwrap_err();
            assert!(matches!(error, UnpackError::Name(_)), "{name}: {error}");
        }
    }

    #[test]
    fn large_and_doubled_files_are_refused() {
        let zeros = "0".repeat(100_000);
        let files = [("a", 0o644, "1"), ("b", 0o644, zeros.as_str())];
        assert!(matches!(check(&files, 100_000), Err(UnpackError::Size)));
        assert!(check(&files, 100_001).is_ok());
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("x.zip"), "PK nonsense").unwrap();
        let error = unpack(&dir.path().join("x.zip"), dir.path()).unwrap_err();
        assert!(error.to_string().contains("not a valid zip"), "{error}");
    }
}
