//! AES-GCM, with the nonce in front of the encrypted bytes.

use aws_lc_rs::aead::{
    AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, NONCE_LEN, Nonce,
    UnboundKey,
};
use muster_store::SealError;

use crate::Secret;
use crate::secret::fill;

/// Encrypts, with a nonce that was not there before.
pub(crate) fn encrypt(key: &Secret, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
    let key = unbound(key)?;
    let mut nonce = [0; NONCE_LEN];
    fill(&mut nonce)?;
    let mut bytes = Vec::with_capacity(NONCE_LEN + plain.len() + key.algorithm().tag_len());
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(plain);
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag = key.seal_in_place_separate_tag(
        nonce,
        Aad::from(aad),
        bytes.get_mut(NONCE_LEN..).unwrap_or_default(),
    );
    let tag = tag.map_err(|_| SealError("The bytes cannot be encrypted.".to_owned()))?;
    bytes.extend_from_slice(tag.as_ref());
    Ok(bytes)
}

/// Decrypts.
pub(crate) fn decrypt(key: &Secret, aad: &[u8], stored: &[u8]) -> Result<Vec<u8>, SealError> {
    let key = unbound(key)?;
    let wrong = || SealError("The key is not the right one, or the bytes were changed.".to_owned());
    let (nonce, rest) = stored.split_first_chunk().ok_or_else(wrong)?;
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let mut plain = rest.to_vec();
    let len = key
        .open_in_place(nonce, Aad::from(aad), &mut plain)
        .map_err(|_| wrong())?
        .len();
    plain.truncate(len);
    Ok(plain)
}

fn unbound(key: &Secret) -> Result<LessSafeKey, SealError> {
    let algorithm = algorithm(key.bytes().len())?;
    let key = UnboundKey::new(algorithm, key.bytes());
    let key = key.map_err(|_| SealError("The key cannot be used.".to_owned()))?;
    Ok(LessSafeKey::new(key))
}

fn algorithm(key_length: usize) -> Result<&'static Algorithm, SealError> {
    match key_length {
        16 => Ok(&AES_128_GCM),
        24 => Ok(&AES_192_GCM),
        32 => Ok(&AES_256_GCM),
        len => Err(SealError(format!(
            "AES-GCM needs a key of 16, 24 or 32 bytes, and the key provider gives one of {len}."
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<_> = text.as_bytes().chunks(2).collect();
        let byte = |d: &&[u8]| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap();
        digits.iter().map(byte).collect()
    }

    /// Cases of the specification of GCM (McGrew and Viega), appendix B.
    #[test]
    fn published_vectors() {
        let check = |key: &str, nonce: &str, aad: &str, sealed: &str, plain: &str| {
            let stored = [hex(nonce), hex(sealed)].concat();
            let found = decrypt(&Secret::new(hex(key)), &hex(aad), &stored).unwrap();
            assert_eq!(found, hex(plain), "{key}");
        };
        let zeros = "00000000000000000000000000000000";
        check(
            zeros,
            &zeros[..24],
            "",
            "58e2fccefa7e3061367f1d57a4e7455a",
            "",
        );
        check(
            zeros,
            &zeros[..24],
            "",
            "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf",
            zeros,
        );
        check(
            &zeros.repeat(2)[..48],
            &zeros[..24],
            "",
            "98e7247c07f0fe411c267e4384b0f6002ff58d80033927ab8ef4d4587514f0fb",
            zeros,
        );
        check(
            &zeros.repeat(2),
            &zeros[..24],
            "",
            "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
            zeros,
        );
    }

    #[test]
    fn what_was_encrypted_comes_back() {
        for len in [16, 24, 32] {
            let key = Secret::random(len).unwrap();
            for plain in [&b""[..], b"x", &[7; 5000]] {
                let stored = encrypt(&key, b"aad", plain).unwrap();
                assert_eq!(stored.len(), plain.len() + 28);
                assert_eq!(decrypt(&key, b"aad", &stored).unwrap(), plain);
                assert!(decrypt(&key, b"other", &stored).is_err());
                assert_ne!(encrypt(&key, b"aad", plain).unwrap(), stored);
            }
        }
    }

    #[test]
    fn what_cannot_be_decrypted() {
        let check = |key: &[u8], stored: &[u8], expect: &str| {
            let error = decrypt(&Secret::new(key.to_vec()), b"", stored).unwrap_err();
            assert!(error.0.contains(expect), "{error}");
        };
        check(&[0; 32], b"", "not the right one");
        check(&[0; 32], &[0; 12], "not the right one");
        check(&[0; 32], &[0; 100], "not the right one");
        check(&[0; 15], &[0; 100], "gives one of 15");
        assert!(encrypt(&Secret::new(vec![0; 64]), b"", b"").is_err());
    }
}
