//! How states become bytes, and bytes states: in plain text, or sealed.

use std::fmt;
use std::sync::Arc;

use muster_snapshot::{Snapshot, StateError};

/// Encrypts what is stored, and decrypts it.
pub trait Seal: Send + Sync + fmt::Debug {
    /// Encrypts. With `about`, the result tells the serial number and the lineage of a state in
    /// plain text, so that states can be compared without a key.
    ///
    /// # Errors
    /// There is no key.
    fn seal(&self, plain: &[u8], about: Option<About<'_>>) -> Result<Vec<u8>, SealError>;

    /// Decrypts. What is not encrypted comes back as it is, where that is allowed.
    ///
    /// # Errors
    /// There is no key, it is not the right one, or the bytes were changed.
    fn open(&self, stored: &[u8]) -> Result<Vec<u8>, SealError>;
}

/// What of a state may be known to everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About<'a> {
    /// Its serial number.
    pub serial: u64,
    /// Its lineage.
    pub lineage: &'a str,
}

/// Why something cannot be encrypted or decrypted. The reason holds nothing secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SealError(pub String);

/// Why bytes are not a state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// They are not one.
    #[error(transparent)]
    State(#[from] StateError),
    /// They cannot be decrypted.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// What to say of encrypted bytes where nothing is encrypted.
pub(crate) const SEALED: &str = "It is encrypted, and nothing says how: there is no encryption of states in the configuration, and none in TF_ENCRYPTION";

/// Whether bytes that are not what they should be are encrypted.
pub(crate) fn is_sealed(stored: &[u8]) -> bool {
    const SIGN: &[u8] = b"\"encryption_version\"";
    stored.windows(SIGN.len()).any(|window| window == SIGN)
}

/// The bytes of an encrypted state.
fn sealed(seal: &dyn Seal, snapshot: &Snapshot) -> Result<Vec<u8>, SealError> {
    let about = About {
        serial: snapshot.serial,
        lineage: &snapshot.lineage,
    };
    seal.seal(&muster_snapshot::encode(snapshot), Some(about))
}

/// Makes bytes of states and states of bytes. In plain text unless a [`Seal`] is given.
#[derive(Clone, Debug, Default)]
pub struct Codec(Option<Arc<dyn Seal>>);

impl Codec {
    /// Encrypts whatever is stored.
    pub fn sealed(seal: Arc<dyn Seal>) -> Self {
        Self(Some(seal))
    }

    /// Whether what is stored is encrypted.
    pub fn is_sealed(&self) -> bool {
        self.0.is_some()
    }

    /// The bytes of a state.
    ///
    /// # Errors
    /// They cannot be encrypted.
    pub fn encode(&self, snapshot: &Snapshot) -> Result<Vec<u8>, SealError> {
        match &self.0 {
            Some(seal) => sealed(&**seal, snapshot),
            None => Ok(muster_snapshot::encode(snapshot)),
        }
    }

    /// As [`Codec::encode`], in pieces that stand one behind the other.
    ///
    /// # Errors
    /// They cannot be encrypted.
    pub fn encode_pieces(&self, snapshot: &Snapshot) -> Result<Vec<Vec<u8>>, SealError> {
        match &self.0 {
            Some(seal) => Ok(vec![sealed(&**seal, snapshot)?]),
            None => Ok(muster_snapshot::encode_pieces(snapshot)),
        }
    }

    /// The state that bytes stand for.
    ///
    /// # Errors
    /// They stand for none, or cannot be decrypted.
    pub fn decode(&self, stored: &[u8]) -> Result<Snapshot, CodecError> {
        match &self.0 {
            Some(seal) => Ok(muster_snapshot::decode(&seal.open(stored)?)?),
            None => muster_snapshot::decode(stored).map_err(|error| match is_sealed(stored) {
                true => SealError(SEALED.to_owned()).into(),
                false => error.into(),
            }),
        }
    }

    /// Other bytes as they are stored.
    ///
    /// # Errors
    /// They cannot be encrypted.
    pub fn seal(&self, plain: Vec<u8>) -> Result<Vec<u8>, SealError> {
        match &self.0 {
            Some(seal) => seal.seal(&plain, None),
            None => Ok(plain),
        }
    }

    /// Other bytes as they were before they were stored.
    ///
    /// # Errors
    /// They cannot be decrypted.
    pub fn open(&self, stored: Vec<u8>) -> Result<Vec<u8>, SealError> {
        match &self.0 {
            Some(seal) => seal.open(&stored),
            None => Ok(stored),
        }
    }
}
