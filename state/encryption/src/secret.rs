//! Bytes that nobody may see.

use std::fmt;

use aws_lc_rs::rand;
use muster_store::SealError;
use zeroize::Zeroizing;

/// A key or a passphrase. It is wiped from memory when it goes away, and not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes bytes over; what they were copied from is the caller's.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Bytes that nobody can guess.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn random(len: usize) -> Result<Self, SealError> {
        let mut bytes = Zeroizing::new(vec![0; len]);
        fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Takes over what is wiped already.
    pub(crate) fn wiped(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes().to_vec())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Fills bytes with what nobody can guess.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), SealError> {
    rand::fill(bytes).map_err(|_| SealError("The system has no random numbers.".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", Some(Secret::from("hunter2")));
        assert_eq!(shown, "Some(Secret(..))");
    }

    #[test]
    fn random_secrets_differ() {
        let [a, b] = [(); 2].map(|()| Secret::random(32).unwrap());
        assert_eq!(a.bytes().len(), 32);
        assert_ne!(a, b);
    }
}
