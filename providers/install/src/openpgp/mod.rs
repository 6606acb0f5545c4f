//! Checks detached OpenPGP signatures, as far as providers are signed with them: keys and
//! signatures of version 4 with RSA, EdDSA or ECDSA. The cryptography itself is that of the TLS
//! library.

mod certificate;
mod key;
mod packet;
mod signature;

use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) use certificate::Certificate;
pub use key::KeyId;
use packet::{SIGNATURE, dearmor, packets};
use signature::{BINARY, Signature};

/// A signature cannot be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PgpError {
    /// The data is not what it should be.
    #[error("the OpenPGP data is damaged: {0}")]
    Malformed(&'static str),
    /// Something is used that cannot be checked.
    #[error("{0} are not supported")]
    Unsupported(&'static str),
    /// The signature is of something else, or by somebody else.
    #[error("the signature does not fit")]
    Invalid,
    /// The key is none of the given ones.
    #[error("it is signed with none of the given keys")]
    UnknownKey,
    /// The owner of the key says that it is not to be used any more.
    #[error("the key was revoked")]
    Revoked,
    /// The key or the signature was not valid at the time.
    #[error("the key or the signature had ended, or had not begun")]
    Expired,
}

/// The key that a signature was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signer {
    /// The key itself, which may be a subkey.
    pub key: KeyId,
    /// The fingerprint of the primary key.
    pub fingerprint: [u8; 20],
}

/// Reads the keys in a file, armored or not.
pub(crate) fn read_keys(data: &[u8]) -> Result<Vec<Certificate>, PgpError> {
    Certificate::parse_all(&packets(&dearmor(data)?)?)
}

/// Checks a detached signature with some keys, and tells which of them made it.
pub(crate) fn verify(
    keys: &[Certificate],
    data: &[u8],
    signature: &[u8],
) -> Result<Signer, PgpError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |d| d.as_secs());
    let raw = dearmor(signature)?;
    let mut error = None;
    for packet in packets(&raw)?.iter().filter(|p| p.tag == SIGNATURE) {
        match Signature::parse(packet.body).and_then(|s| verify_one(keys, data, &s, now)) {
            Ok(signer) => return Ok(signer),
            // Of several signatures, one by an unknown key says the least.
            Err(e) if error.is_none_or(|old| old == PgpError::UnknownKey) => error = Some(e),
            Err(_) => {}
        }
    }
    Err(error.unwrap_or(PgpError::Malformed("there is no signature")))
}

fn verify_one(
    keys: &[Certificate],
    data: &[u8],
    signature: &Signature<'_>,
    now: u64,
) -> Result<Signer, PgpError> {
    if signature.kind != BINARY {
        return Err(PgpError::Unsupported(
            "signatures of another kind than of files",
        ));
    }
    let mut error = PgpError::UnknownKey;
    for certificate in keys {
        let Some(key) = signature.issuer.and_then(|id| certificate.find(id)) else {
            continue;
        };
        match signature
            .verify(key, &[data])
            .and_then(|()| certificate.check(key, signature, now))
        {
            Ok(()) => {
                return Ok(Signer {
                    key: key.id,
                    fingerprint: certificate.fingerprint(),
                });
            }
            Err(e) => error = e,
        }
    }
    Err(error)
}

#[cfg(test)]
mod tests;
