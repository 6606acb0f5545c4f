//! Keys made of passphrases.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2::{self, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA512};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_store::SealError;
use serde::{Deserialize, Serialize};

use super::damaged;
use crate::Secret;
use crate::envelope::told;
use crate::secret::fill;
use crate::settings::{Hash, Passphrase, Pbkdf2};

const LEAST_PASSPHRASE: usize = 16;
const LEAST_ITERATIONS: u32 = 200_000;
/// Stored numbers are not authenticated before there is a key, so that they could ask for hours.
const MOST_ITERATIONS: u32 = 100_000_000;
const LONGEST: u32 = 1024;

/// What is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    salt: String,
    iterations: u32,
    hash_function: String,
    key_length: u32,
}

pub(super) fn check(settings: &Pbkdf2) -> Result<(), SealError> {
    let wrong = |reason: String| Err(SealError(reason));
    if let Passphrase::Given(passphrase) = &settings.passphrase {
        long_enough(passphrase, "The passphrase")?;
    }
    if !(LEAST_ITERATIONS..=MOST_ITERATIONS).contains(&settings.iterations) {
        return wrong(format!(
            "There must be at least {LEAST_ITERATIONS} iterations, and at most {MOST_ITERATIONS}."
        ));
    }
    for (what, length) in [
        ("key_length", settings.key_length),
        ("salt_length", settings.salt_length),
    ] {
        if !(1..=LONGEST).contains(&length) {
            return wrong(format!("{what} must be at least 1 and at most {LONGEST}."));
        }
    }
    Ok(())
}

fn long_enough(passphrase: &Secret, what: &str) -> Result<(), SealError> {
    if passphrase.bytes().len() >= LEAST_PASSPHRASE {
        return Ok(());
    }
    Err(SealError(format!(
        "{what} is too short: it needs {LEAST_PASSPHRASE} characters at least."
    )))
}

/// A key with a new salt, and what finds it again. `above` is the key of the provider that this
/// one is chained to.
pub(super) fn create(
    settings: &Pbkdf2,
    above: Option<&Secret>,
) -> Result<(Secret, Vec<u8>), SealError> {
    let mut salt = vec![0; settings.salt_length as usize];
    fill(&mut salt)?;
    let stored = Stored {
        salt: STANDARD.encode(salt),
        iterations: settings.iterations,
        hash_function: settings.hash.name().to_owned(),
        key_length: settings.key_length,
    };
    let given = match &settings.passphrase {
        Passphrase::Given(given) => Some(given),
        Passphrase::Chain(_) => None,
    };
    let key = derive(given, above, &stored)?;
    let stored = serde_json::to_vec(&stored).expect("text and numbers always become JSON");
    Ok((key, stored))
}

/// Whether a key was made as the settings say.
pub(super) fn is_as_set(settings: &Pbkdf2, stored: &[u8]) -> bool {
    let Ok(stored) = serde_json::from_slice::<Stored>(stored) else {
        return false;
    };
    let salt = STANDARD.decode(&stored.salt).unwrap_or_default();
    salt.len() == settings.salt_length as usize
        && stored.iterations == settings.iterations
        && stored.hash_function == settings.hash.name()
        && stored.key_length == settings.key_length
}

pub(super) fn recover(
    given: Option<&Secret>,
    above: Option<&Secret>,
    stored: &[u8],
) -> Result<Secret, SealError> {
    let stored: Stored = serde_json::from_slice(stored).map_err(|e| damaged(&told(&e)))?;
    derive(given, above, &stored)
}

fn derive(
    given: Option<&Secret>,
    above: Option<&Secret>,
    stored: &Stored,
) -> Result<Secret, SealError> {
    if let Some(above) = above {
        long_enough(above, "The key of the provider that it is chained to")?;
    }
    let passphrase = above.or(given);
    let passphrase = passphrase.ok_or_else(|| SealError("There is no passphrase.".to_owned()))?;
    let salt = STANDARD.decode(&stored.salt);
    let salt = salt.map_err(|_| damaged("the salt is not base64"))?;
    let algorithm = match Hash::named(&stored.hash_function) {
        Some(Hash::Sha256) => PBKDF2_HMAC_SHA256,
        Some(Hash::Sha512) => PBKDF2_HMAC_SHA512,
        None => return Err(damaged("its hash function is unknown")),
    };
    let iterations = NonZeroU32::new(stored.iterations).filter(|n| n.get() <= MOST_ITERATIONS);
    let iterations =
        iterations.ok_or_else(|| damaged("its number of iterations makes no sense"))?;
    if !(1..=LONGEST).contains(&stored.key_length) {
        return Err(damaged("the length of its key makes no sense"));
    }
    let mut key = zeroize::Zeroizing::new(vec![0; stored.key_length as usize]);
    pbkdf2::derive(algorithm, iterations, &salt, passphrase.bytes(), &mut key);
    Ok(Secret::wiped(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str) -> Pbkdf2 {
        Pbkdf2::new(Passphrase::Given(text.into()))
    }

    /// The first is of RFC 7914, section 11; the other is Python's `hashlib.pbkdf2_hmac`.
    #[test]
    fn vectors() {
        let check = |passphrase: &str, stored: &str, expect: &[u8]| {
            let passphrase = Secret::from(passphrase);
            let key = recover(Some(&passphrase), None, stored.as_bytes()).unwrap();
            assert_eq!(&key.bytes()[..8], expect, "{stored}");
        };
        check(
            "passwd",
            r#"{"salt":"c2FsdA==","iterations":1,"hash_function":"sha256","key_length":64}"#,
            &[0x55, 0xac, 0x04, 0x6e, 0x56, 0xe3, 0x08, 0x9f],
        );
        check(
            "correct horse battery staple",
            r#"{"salt":"AAECAwQFBgc=","iterations":1000,"hash_function":"sha512","key_length":32}"#,
            &VECTOR_SHA512,
        );
    }

    const VECTOR_SHA512: [u8; 8] = [0x6c, 0xa3, 0xcf, 0xc1, 0xa3, 0xce, 0x46, 0xcd];

    #[test]
    fn keys_are_found_again() {
        let settings = Pbkdf2 {
            iterations: 10,
            hash: Hash::Sha256,
            key_length: 24,
            salt_length: 5,
            ..given("0123456789abcdef")
        };
        let (key, stored) = create(&settings, None).unwrap();
        assert_eq!(key.bytes().len(), 24);
        let passphrase = Secret::from("0123456789abcdef");
        assert_eq!(recover(Some(&passphrase), None, &stored).unwrap(), key);
        assert_ne!(create(&settings, None).unwrap().0, key);
        let chained = create(&settings, Some(&Secret::new(vec![1; 32]))).unwrap();
        let found = recover(None, Some(&Secret::new(vec![1; 32])), &chained.1).unwrap();
        assert_eq!(found, chained.0);
        assert!(create(&settings, Some(&Secret::new(vec![1; 15]))).is_err());
    }

    #[test]
    fn settings_that_are_refused() {
        let check_one = |settings: Pbkdf2, expect: &str| {
            let error = check(&settings).unwrap_err();
            assert!(error.0.contains(expect), "{error}");
        };
        let good = given("0123456789abcdef");
        assert_eq!(check(&good), Ok(()));
        check_one(given("0123456789abcde"), "too short");
        check_one(
            Pbkdf2 {
                iterations: 199_999,
                ..good.clone()
            },
            "iterations",
        );
        check_one(
            Pbkdf2 {
                key_length: 0,
                ..good.clone()
            },
            "key_length",
        );
        check_one(
            Pbkdf2 {
                salt_length: u32::MAX,
                ..good.clone()
            },
            "salt_length",
        );
    }

    #[test]
    fn stored_numbers_that_make_no_sense() {
        let check = |stored: &str| {
            let passphrase = Secret::from("0123456789abcdef");
            let error = recover(Some(&passphrase), None, stored.as_bytes()).unwrap_err();
            assert!(error.0.contains("damaged"), "{error}");
        };
        check("");
        check(r#"{"salt":"?","iterations":1,"hash_function":"sha256","key_length":64}"#);
        check(r#"{"salt":"","iterations":0,"hash_function":"sha256","key_length":64}"#);
        check(r#"{"salt":"","iterations":4000000000,"hash_function":"sha256","key_length":64}"#);
        check(r#"{"salt":"","iterations":1,"hash_function":"sha1","key_length":64}"#);
        check(r#"{"salt":"","iterations":1,"hash_function":"sha256","key_length":4000000000}"#);
    }
}
