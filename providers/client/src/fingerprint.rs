//! The checksum of a program. Programs are large, so it is remembered for as long as size, time
//! and identity of the file stay the same.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::cache::write;

#[derive(Serialize, Deserialize, PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    device: u64,
    inode: u64,
}

#[derive(Serialize, Deserialize)]
struct Known {
    stamp: Stamp,
    checksum: String,
}

/// The SHA-256 of a program, in hexadecimal digits.
pub(crate) fn fingerprint(program: &Path, folder: &Path) -> io::Result<String> {
    let stamp = stamp(program)?;
    let name = hex(&Sha256::digest(program.as_os_str().as_encoded_bytes()));
    let note = folder.join(format!("{name}.program"));
    let known = fs::read(&note)
        .ok()
        .and_then(|b| serde_json::from_slice::<Known>(&b).ok());
    if let Some(known) = known.filter(|k| k.stamp == stamp) {
        return Ok(known.checksum);
    }
    let mut digest = Sha256::new();
    io::copy(&mut fs::File::open(program)?, &mut digest)?;
    let checksum = hex(&digest.finalize());
    let known = Known {
        stamp,
        checksum: checksum.clone(),
    };
    if let Ok(bytes) = serde_json::to_vec(&known) {
        // Without the note the next run works it out again.
        let _ = write(&note, &bytes);
    }
    Ok(checksum)
}

fn stamp(program: &Path) -> io::Result<Stamp> {
    let data = fs::metadata(program)?;
    Ok(Stamp {
        size: data.len(),
        modified: (data.mtime(), data.mtime_nsec()),
        changed: (data.ctime(), data.ctime_nsec()),
        device: data.dev(),
        inode: data.ino(),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_program_has_another_checksum() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("p");
        fs::write(&program, "one").unwrap();
        let first = fingerprint(&program, dir.path()).unwrap();
        assert_eq!(fingerprint(&program, dir.path()).unwrap(), first);
        fs::write(&program, "other").unwrap();
        assert_ne!(fingerprint(&program, dir.path()).unwrap(), first);
        assert!(fingerprint(&dir.path().join("none"), dir.path()).is_err());
    }
}
