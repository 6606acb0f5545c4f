//! Public keys.

use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{self, UnparsedPublicKey};

use super::PgpError;
use super::packet::Reader;
use crate::hash::hex;

/// The last half of a fingerprint, as signatures and people name keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyId(pub [u8; 8]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0).to_uppercase())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Functions that shorten a message before it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    pub(super) fn parse(number: u8) -> Option<Self> {
        match number {
            2 => Some(Self::Sha1),
            8 => Some(Self::Sha256),
            9 => Some(Self::Sha384),
            10 => Some(Self::Sha512),
            _ => None,
        }
    }

    fn digest(self, message: &[u8]) -> digest::Digest {
        let algorithm = match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, message)
    }
}

/// A public key of version 4.
#[derive(Clone, Debug)]
pub(super) struct PublicKey {
    /// Seconds since 1970.
    pub created: u32,
    pub id: KeyId,
    pub fingerprint: [u8; 20],
    /// The packet as signatures cover it.
    pub covered: Vec<u8>,
    material: Material,
}

#[derive(Clone, Debug)]
enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// With the signature as two numbers, over the digest.
    EdDsa(Vec<u8>),
    /// With the signature as 64 bytes, over the digest.
    Ed25519(Vec<u8>),
    Ecdsa(Curve, Vec<u8>),
    /// Keys that do not sign, or in a way that is not known.
    Other,
}

#[derive(Clone, Copy, Debug)]
enum Curve {
    P256,
    P384,
    P521,
}

impl PublicKey {
    pub(super) fn parse(body: &[u8]) -> Result<Self, PgpError> {
        let mut reader = Reader(body);
        if reader.byte()? != 4 {
            return Err(PgpError::Unsupported("keys of another version than 4"));
        }
        let created = reader.u32()?;
        let material = Material::parse(&mut reader)?;
        let length =
            u16::try_from(body.len()).map_err(|_| PgpError::Malformed("a key is too long"))?;
        let mut covered = vec![0x99];
        covered.extend(length.to_be_bytes());
        covered.extend(body);
        let mut fingerprint = [0; 20];
        fingerprint.copy_from_slice(Hash::Sha1.digest(&covered).as_ref());
        let mut id = [0; 8];
        id.copy_from_slice(&fingerprint[12..]);
        Ok(Self {
            created,
            id: KeyId(id),
            fingerprint,
            covered,
            material,
        })
    }

    /// Checks a signature, given as the part of its packet behind the first bytes of the digest.
    pub(super) fn verify(
        &self,
        hash: Hash,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), PgpError> {
        let mut reader = Reader(signature);
        let verified = match &self.material {
            Material::Rsa { n, e } => verify_rsa(n, e, hash, message, reader.mpi()?),
            Material::EdDsa(key) => {
                let numbers = two_numbers(&mut reader, 32)?;
                let digest = hash.digest(message);
                UnparsedPublicKey::new(&signature::ED25519, key).verify(digest.as_ref(), &numbers)
            }
            Material::Ed25519(key) => {
                let bytes = reader.take(64)?;
                let digest = hash.digest(message);
                UnparsedPublicKey::new(&signature::ED25519, key).verify(digest.as_ref(), bytes)
            }
            Material::Ecdsa(curve, key) => {
                let (algorithm, length) = match (curve, hash) {
                    (Curve::P256, Hash::Sha256) => (&signature::ECDSA_P256_SHA256_FIXED, 32),
                    (Curve::P384, Hash::Sha384) => (&signature::ECDSA_P384_SHA384_FIXED, 48),
                    (Curve::P521, Hash::Sha512) => (&signature::ECDSA_P521_SHA512_FIXED, 66),
                    _ => {
                        return Err(PgpError::Unsupported(
                            "signatures with this curve and digest",
                        ));
                    }
                };
                let numbers = two_numbers(&mut reader, length)?;
                UnparsedPublicKey::new(algorithm, key).verify(message, &numbers)
            }
            Material::Other => return Err(PgpError::Unsupported("keys of this kind")),
        };
        verified.map_err(|_| PgpError::Invalid)
    }
}

impl Material {
    fn parse(reader: &mut Reader<'_>) -> Result<Self, PgpError> {
        /// The object identifier of the curve in EdDSA keys.
        const ED25519: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01];
        let algorithm = reader.byte()?;
        match algorithm {
            1 | 3 => Ok(Self::Rsa {
                n: reader.mpi()?.to_owned(),
                e: reader.mpi()?.to_owned(),
            }),
            19 | 22 => {
                let length = usize::from(reader.byte()?);
                let curve = reader.take(length)?;
                let point = reader.mpi()?;
                match (algorithm, point) {
                    (22, [0x40, key @ ..]) if curve == ED25519 => Ok(Self::EdDsa(key.to_owned())),
                    (19, point) => Ok(match Curve::parse(curve) {
                        Some(curve) => Self::Ecdsa(curve, point.to_owned()),
                        None => Self::Other,
                    }),
                    _ => Ok(Self::Other),
                }
            }
            27 => Ok(Self::Ed25519(reader.take(32)?.to_owned())),
            _ => Ok(Self::Other),
        }
    }
}

impl Curve {
    fn parse(oid: &[u8]) -> Option<Self> {
        match oid {
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07] => Some(Self::P256),
            [0x2b, 0x81, 0x04, 0x00, 0x22] => Some(Self::P384),
            [0x2b, 0x81, 0x04, 0x00, 0x23] => Some(Self::P521),
            _ => None,
        }
    }
}

fn verify_rsa(
    n: &[u8],
    e: &[u8],
    hash: Hash,
    message: &[u8],
    number: &[u8],
) -> Result<(), aws_lc_rs::error::Unspecified> {
    let parameters = match hash {
        Hash::Sha1 => &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Hash::Sha384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Hash::Sha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
    };
    let padded = pad(number, n.len()).ok_or(aws_lc_rs::error::Unspecified)?;
    PublicKeyComponents { n, e }.verify(parameters, message, &padded)
}

/// Two numbers of `length` bytes each.
fn two_numbers(reader: &mut Reader<'_>, length: usize) -> Result<Vec<u8>, PgpError> {
    let mut numbers = Vec::with_capacity(2 * length);
    for _ in 0..2 {
        numbers.extend(pad(reader.mpi()?, length).ok_or(PgpError::Invalid)?);
    }
    Ok(numbers)
}

/// A number with zeros in front, so that it has a length.
fn pad(number: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut padded = vec![0; length.checked_sub(number.len())?];
    padded.extend(number);
    Some(padded)
}
