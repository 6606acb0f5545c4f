//! Where a state goes that its own place takes no more.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// As many states of failed runs are kept side by side.
const MOST: u32 = 1000;

/// Writes a state to a new file in the folder, for its owner only, and on disk before anything
/// else happens. States that were rescued earlier stay as they are.
///
/// # Errors
/// The folder takes no file, either.
pub(crate) fn write(folder: &Path, state: &[u8]) -> io::Result<PathBuf> {
    let mut file = tempfile::Builder::new()
        .prefix(".errored-")
        .tempfile_in(folder)?;
    file.write_all(state)?;
    file.as_file().sync_all()?;
    for number in 0..MOST {
        let path = folder.join(match number {
            0 => "errored.tfstate".to_owned(),
            number => format!("errored-{number}.tfstate"),
        });
        match file.persist_noclobber(&path) {
            Ok(_) => {
                // The name is on disk only when the folder is.
                std::fs::File::open(folder)?.sync_all()?;
                return Ok(path.strip_prefix(".").unwrap_or(&path).to_owned());
            }
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => file = error.file,
            Err(error) => return Err(error.error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn earlier_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["errored.tfstate", "errored-1.tfstate", "errored-2.tfstate"];
        for name in names {
            let path = write(folder.path(), name.as_bytes()).unwrap();
            assert_eq!(path, folder.path().join(name));
        }
        for name in names {
            let path = folder.path().join(name);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), name);
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn folders_that_are_none() {
        assert!(write(Path::new("/dev/null"), b"x").is_err());
    }
}
