//! Decides whether an archive is what its publisher released.

use std::fmt;

use crate::hash::{hex, parse_sha256};
use crate::openpgp::{self, KeyId};
use crate::{Hash, InstallError};

/// The fingerprint of the key that HashiCorp signs its providers with.
const HASHICORP: &str = "c874011f0ab405110d02105534365d9472d7468f";

/// How it is known that a package is the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// The checksums are signed with a key of HashiCorp.
    SignedByHashiCorp,
    /// The checksums are signed with a key that the registry has for the publisher.
    SelfSigned(KeyId),
    /// The checksum is the one that the source gives.
    Checksum,
    /// The checksum is one in the lock file; the source gives none.
    Locked,
    /// Nobody vouches for the package.
    Unauthenticated,
}

impl fmt::Display for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignedByHashiCorp => f.write_str("signed by HashiCorp"),
            Self::SelfSigned(key) => write!(f, "self-signed, key ID {key}"),
            Self::Checksum => f.write_str("verified checksum"),
            Self::Locked => f.write_str("verified by the lock file"),
            Self::Unauthenticated => f.write_str("unauthenticated"),
        }
    }
}

/// What a source says about an archive.
#[derive(Clone, Debug)]
pub(crate) enum Promise {
    /// Nothing.
    None,
    /// Checksums, one of which it has. Not empty.
    Hashes(Vec<Hash>),
    /// A list of checksums, and signatures of it.
    Sums(Box<Sums>),
}

/// The checksums of a release.
#[derive(Clone, Debug)]
pub(crate) struct Sums {
    /// The name of the archive in the list.
    pub file_name: String,
    /// The checksum of the archive itself.
    pub sha256: [u8; 32],
    /// `SHA256SUMS`.
    pub document: Vec<u8>,
    pub signature: Vec<u8>,
    /// Armored keys of the publisher. Without any, there is no signature to be checked.
    pub keys: Vec<String>,
}

/// What an archive was found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub authentication: Authentication,
    /// Further checksums of the release that can be trusted, of other platforms too.
    pub hashes: Vec<Hash>,
}

impl Promise {
    /// Checks what can be known of an archive by its checksum. `Hashes` of contents are left to
    /// [`Promise::check_contents`].
    pub(crate) fn check_archive(
        &self,
        package: &str,
        sha256: &[u8; 32],
    ) -> Result<Verdict, InstallError> {
        match self {
            Self::None => Ok(Verdict {
                authentication: Authentication::Unauthenticated,
                hashes: Vec::new(),
            }),
            Self::Hashes(hashes) => {
                let found = Hash::of_archive(sha256);
                if hashes.contains(&found)
                    || hashes.iter().any(Hash::is_contents) && !hashes.iter().any(Hash::is_archive)
                {
                    return Ok(Verdict {
                        authentication: Authentication::Checksum,
                        hashes: Vec::new(),
                    });
                }
                Err(mismatch(package, &list(hashes), &found))
            }
            Self::Sums(sums) => sums.check(package, sha256),
        }
    }

    /// Checks the contents, where a source gave checksums of nothing else.
    pub(crate) fn check_contents(
        &self,
        package: &str,
        contents: &Hash,
    ) -> Result<(), InstallError> {
        match self {
            Self::Hashes(hashes)
                if !hashes.iter().any(Hash::is_archive) && !hashes.contains(contents) =>
            {
                Err(mismatch(package, &list(hashes), contents))
            }
            _ => Ok(()),
        }
    }
}

impl Sums {
    fn check(&self, package: &str, sha256: &[u8; 32]) -> Result<Verdict, InstallError> {
        if self.sha256 != *sha256 {
            return Err(mismatch(
                package,
                &hex(&self.sha256),
                &Hash::of_archive(sha256),
            ));
        }
        let sums = |reason| InstallError::Sums {
            package: package.to_owned(),
            reason,
        };
        let lines = lines(&self.document).ok_or_else(|| sums("the list cannot be read"))?;
        let Some((listed, _)) = lines.iter().find(|(_, name)| *name == self.file_name) else {
            return Err(sums("the package is not in the list"));
        };
        if listed != sha256 {
            return Err(sums("the list has another checksum for the package"));
        }
        let hashes = lines.iter().map(|(sum, _)| Hash::of_archive(sum)).collect();
        Ok(Verdict {
            authentication: self.check_signature(package)?,
            hashes,
        })
    }

    fn check_signature(&self, package: &str) -> Result<Authentication, InstallError> {
        if self.keys.is_empty() {
            return Ok(Authentication::Checksum);
        }
        let refused = |reason| InstallError::Signature {
            package: package.to_owned(),
            reason,
        };
        let mut keys = Vec::new();
        let mut unreadable = None;
        for key in &self.keys {
            // A key that cannot be read is no reason to ignore the others.
            match openpgp::read_keys(key.as_bytes()) {
                Ok(found) => keys.extend(found),
                Err(error) => unreadable = Some(error),
            }
        }
        if let (true, Some(error)) = (keys.is_empty(), unreadable) {
            return Err(refused(error));
        }
        let signer = openpgp::verify(&keys, &self.document, &self.signature).map_err(refused)?;
        if hex(&signer.fingerprint) == HASHICORP {
            return Ok(Authentication::SignedByHashiCorp);
        }
        Ok(Authentication::SelfSigned(signer.key))
    }
}

/// The checksums and names in a list as `sha256sum` writes it.
fn lines(document: &[u8]) -> Option<Vec<([u8; 32], &str)>> {
    let text = std::str::from_utf8(document).ok()?;
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let (sum, name) = line.split_once(char::is_whitespace)?;
            let name = name.trim_start().trim_start_matches('*').trim_end();
            Some((parse_sha256(sum)?, name))
        })
        .collect()
}

fn list(hashes: &[Hash]) -> String {
    let texts: Vec<&str> = hashes.iter().map(Hash::as_str).collect();
    texts.join(", ")
}

fn mismatch(package: &str, expected: &str, found: &Hash) -> InstallError {
    InstallError::Checksum {
        package: package.to_owned(),
        expected: expected.to_owned(),
        found: found.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::sha256_of;

    fn read(name: &str) -> Vec<u8> {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/openpgp");
        std::fs::read(format!("{dir}/{name}")).unwrap()
    }

    /// The list in the test data has the checksum of this text.
    const ARCHIVE: &str = "x";

    fn sums(keys: &[&str]) -> Sums {
        let key = |name: &&str| String::from_utf8(read(name)).unwrap();
        Sums {
            file_name: "terraform-provider-fake_1.0.0_linux_amd64.zip".to_owned(),
            sha256: sum(ARCHIVE),
            document: read("SHA256SUMS"),
            signature: read("rsa.sig"),
            keys: keys.iter().map(key).collect(),
        }
    }

    fn sum(text: &str) -> [u8; 32] {
        sha256_of(&mut text.as_bytes()).unwrap()
    }

    fn check(sums: Sums, archive: &str) -> Result<Verdict, InstallError> {
        Promise::Sums(Box::new(sums)).check_archive("a.zip", &sum(archive))
    }

    #[test]
    fn signed_lists_are_believed() {
        let verdict = check(sums(&["ed25519.asc", "rsa.asc"]), ARCHIVE).unwrap();
        assert!(
            verdict
                .authentication
                .to_string()
                .starts_with("self-signed, key ID ")
        );
        assert_eq!(verdict.hashes, [Hash::of_archive(&sum(ARCHIVE))]);
        let verdict = check(sums(&[]), ARCHIVE).unwrap();
        assert_eq!(verdict.authentication, Authentication::Checksum);
    }

    #[test]
    fn every_contradiction_is_refused() {
        let keys = &["rsa.asc"];
        assert!(matches!(
            check(sums(keys), "y"),
            Err(InstallError::Checksum { .. })
        ));
        let other = Sums {
            sha256: sum("y"),
            ..sums(keys)
        };
        assert!(matches!(check(other, "y"), Err(InstallError::Sums { .. })));
        let other = Sums {
            file_name: "b.zip".to_owned(),
            ..sums(keys)
        };
        assert!(matches!(
            check(other, ARCHIVE),
            Err(InstallError::Sums { .. })
        ));
        let other = sums(&["ed25519.asc"]);
        assert!(matches!(
            check(other, ARCHIVE),
            Err(InstallError::Signature { .. })
        ));
        let other = Sums {
            signature: Vec::new(),
            ..sums(keys)
        };
        assert!(matches!(
            check(other, ARCHIVE),
            Err(InstallError::Signature { .. })
        ));
        let mut document = read("SHA256SUMS");
        document.extend(b"\n");
        let other = Sums {
            document,
            ..sums(keys)
        };
        assert!(matches!(
            check(other, ARCHIVE),
            Err(InstallError::Signature { .. })
        ));
        let other = Sums {
            keys: vec!["nonsense".to_owned()],
            ..sums(keys)
        };
        assert!(matches!(
            check(other, ARCHIVE),
            Err(InstallError::Signature { .. })
        ));
    }

    #[test]
    fn listed_checksums_are_held_against_archive_or_contents() {
        let archive = Hash::of_archive(&sum(ARCHIVE));
        let contents = Hash::parse("h1:abc=").unwrap();
        let other = Hash::parse("h1:def=").unwrap();
        let both = |hashes: &[&Hash]| {
            let promise = Promise::Hashes(hashes.iter().map(|h| (*h).clone()).collect());
            let archive = promise
                .check_archive("a.zip", &sum(ARCHIVE))
                .map(|v| v.authentication);
            archive
                .and_then(|a| promise.check_contents("a.zip", &contents).map(|()| a))
                .ok()
        };
        assert_eq!(both(&[&archive]), Some(Authentication::Checksum));
        assert_eq!(both(&[&archive, &other]), Some(Authentication::Checksum));
        assert_eq!(both(&[&contents]), Some(Authentication::Checksum));
        assert_eq!(both(&[&other]), None);
        assert_eq!(both(&[&Hash::of_archive(&sum("y")), &contents]), None);
        assert_eq!(both(&[&Hash::parse("h9:x").unwrap()]), None);
    }
}
