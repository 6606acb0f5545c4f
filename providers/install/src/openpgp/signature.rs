//! Signatures.

use super::PgpError;
use super::key::{Hash, KeyId, PublicKey};
use super::packet::{Reader, new_length};

/// Kinds of signatures.
pub(super) const BINARY: u8 = 0x00;
pub(super) const SUBKEY_BINDING: u8 = 0x18;
pub(super) const PRIMARY_BINDING: u8 = 0x19;
pub(super) const DIRECT_KEY: u8 = 0x1f;
pub(super) const KEY_REVOCATION: u8 = 0x20;
pub(super) const SUBKEY_REVOCATION: u8 = 0x28;

/// A signature of version 4.
#[derive(Clone, Debug)]
pub(super) struct Signature<'a> {
    pub kind: u8,
    hash: Hash,
    /// The part of the packet that the signature covers itself.
    covered: &'a [u8],
    numbers: &'a [u8],
    /// Seconds since 1970.
    pub created: u32,
    /// Seconds after its creation at which it ends.
    pub lifetime: Option<u32>,
    /// Seconds after the creation of the key at which the key ends.
    pub key_lifetime: Option<u32>,
    /// Whether the key may sign data, where it is said.
    pub may_sign: Option<bool>,
    pub issuer: Option<KeyId>,
    /// The signature of a subkey over its primary key.
    pub embedded: Option<&'a [u8]>,
    /// Something that must be understood is not.
    critical: bool,
}

impl<'a> Signature<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, PgpError> {
        let mut reader = Reader(body);
        if reader.byte()? != 4 {
            return Err(PgpError::Unsupported(
                "signatures of another version than 4",
            ));
        }
        let (kind, _algorithm, hash) = (reader.byte()?, reader.byte()?, reader.byte()?);
        let hash = Hash::parse(hash).ok_or(PgpError::Unsupported("signatures with this digest"))?;
        let length = usize::from(reader.u16()?);
        let hashed = reader.take(length)?;
        let covered = &body[..6 + length];
        let length = usize::from(reader.u16()?);
        let unhashed = reader.take(length)?;
        // The first two bytes of the digest, a hint that is not needed.
        reader.take(2)?;
        let mut signature = Self {
            kind,
            hash,
            covered,
            numbers: reader.0,
            created: 0,
            lifetime: None,
            key_lifetime: None,
            may_sign: None,
            issuer: None,
            embedded: None,
            critical: false,
        };
        signature.read_subpackets(hashed, true)?;
        signature.read_subpackets(unhashed, false)?;
        Ok(signature)
    }

    /// Checks that a key made this over some data. SHA-1 is for statements of a key about itself.
    pub(super) fn verify(&self, key: &PublicKey, data: &[&[u8]]) -> Result<(), PgpError> {
        if self.critical {
            return Err(PgpError::Unsupported("signatures with this condition"));
        }
        if self.hash == Hash::Sha1 && self.kind == BINARY {
            return Err(PgpError::Unsupported("signatures with SHA-1"));
        }
        let mut message = data.concat();
        message.extend(self.covered);
        message.extend([4, 0xff]);
        message.extend((self.covered.len() as u32).to_be_bytes());
        key.verify(self.hash, &message, self.numbers)
    }

    fn read_subpackets(&mut self, area: &'a [u8], hashed: bool) -> Result<(), PgpError> {
        let mut reader = Reader(area);
        while !reader.0.is_empty() {
            let length = new_length(&mut reader)?;
            let mut body = Reader(reader.take(length)?);
            let tag = body.byte()?;
            self.read_subpacket(tag & 0x7f, tag & 0x80 != 0, body, hashed)?;
        }
        Ok(())
    }

    /// Only the issuer and an embedded signature may stand outside of what is signed: the first
    /// is a hint, and the second is checked by itself.
    fn read_subpacket(
        &mut self,
        tag: u8,
        critical: bool,
        mut body: Reader<'a>,
        hashed: bool,
    ) -> Result<(), PgpError> {
        match tag {
            2 if hashed => self.created = body.u32()?,
            3 if hashed => self.lifetime = Some(body.u32()?),
            9 if hashed => self.key_lifetime = Some(body.u32()?),
            16 => self.issuer = Some(key_id(body.take(8)?)),
            27 if hashed => {
                self.may_sign = Some(body.0.first().is_some_and(|flags| flags & 2 != 0))
            }
            32 => self.embedded = Some(body.0),
            33 if body.0.first() == Some(&4) => {
                let fingerprint = body
                    .0
                    .get(13..21)
                    .ok_or(PgpError::Malformed("a fingerprint is too short"))?;
                self.issuer = Some(key_id(fingerprint));
            }
            // Preferences, notes for people, and what has no bearing on detached signatures.
            2..=5 | 7 | 9 | 11 | 21..=35 => {}
            _ if critical && hashed => self.critical = true,
            _ => {}
        }
        Ok(())
    }
}

fn key_id(bytes: &[u8]) -> KeyId {
    let mut id = [0; 8];
    id.copy_from_slice(bytes);
    KeyId(id)
}
