//! Checksums that addresses name: `?checksum=sha256:...`.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::Digest;

use crate::{ModuleError, shown};

/// A checksum that a file must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checksum {
    algorithm: Algorithm,
    /// In lower-case hexadecimal digits.
    digits: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Md5,
    Sha1,
    Sha256,
    Sha512,
}

impl Checksum {
    /// Reads `ALGORITHM:DIGITS`, or digits alone, whose number tells the algorithm.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let (algorithm, digits) = match text.split_once(':') {
            Some(("md5", digits)) => (Algorithm::Md5, digits),
            Some(("sha1", digits)) => (Algorithm::Sha1, digits),
            Some(("sha256", digits)) => (Algorithm::Sha256, digits),
            Some(("sha512", digits)) => (Algorithm::Sha512, digits),
            Some(("file", _)) => return Err("checksums in files of their own are not supported"),
            Some(_) => return Err("the checksum is not one of md5, sha1, sha256 and sha512"),
            None => match text.len() {
                32 => (Algorithm::Md5, text),
                40 => (Algorithm::Sha1, text),
                64 => (Algorithm::Sha256, text),
                128 => (Algorithm::Sha512, text),
                _ => return Err("no algorithm has a checksum of this length"),
            },
        };
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err("the checksum is not in hexadecimal digits");
        }
        Ok(Self {
            algorithm,
            digits: digits.to_lowercase(),
        })
    }

    /// Refuses a file that has another checksum.
    pub(crate) fn check(&self, path: &Path, address: &str) -> Result<(), ModuleError> {
        let sum = match self.algorithm {
            Algorithm::Md5 => sum::<md5::Md5>(path),
            Algorithm::Sha1 => sum::<sha1::Sha1>(path),
            Algorithm::Sha256 => sum::<sha2::Sha256>(path),
            Algorithm::Sha512 => sum::<sha2::Sha512>(path),
        };
        let found = sum.map_err(ModuleError::file(path))?;
        if found == self.digits {
            return Ok(());
        }
        Err(ModuleError::Checksum {
            address: shown(address),
            expected: self.digits.clone(),
            found,
        })
    }
}

fn sum<D: Digest>(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut digest = D::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        let size = file.read(&mut piece)?;
        if size == 0 {
            break;
        }
        digest.update(&piece[..size]);
    }
    let bytes = digest.finalize();
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_hold_or_not() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        let check = |text: &str, expect: bool| {
            let sum = Checksum::parse(text).unwrap();
            let result = sum.check(file.path(), "https://u:pw@e.com/x");
            assert_eq!(result.is_ok(), expect, "{text}");
            if let Err(error) = result {
                assert!(!error.to_string().contains("pw"));
            }
        };
        check("md5:900150983cd24fb0d6963f7d28e17f72", true);
        check("900150983CD24FB0D6963F7D28E17F72", true);
        check("a9993e364706816aba3e25717850c26c9cd0d89d", true);
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        check(sha256, true);
        check(&format!("sha256:{sha256}"), true);
        check("sha256:00", false);
        check("sha512:00", false);
        for wrong in ["", "sha3:00", "00", "sha1:xyz", "file:x", "md5:"] {
            assert!(Checksum::parse(wrong).is_err(), "{wrong}");
        }
    }
}
