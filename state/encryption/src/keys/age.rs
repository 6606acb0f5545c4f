//! Random keys that are wrapped to the public keys of age.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_store::SealError;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::age_file::{self, Identity, Recipient};
use super::damaged;
use crate::Secret;
use crate::envelope::told;
use crate::settings::Age;

/// Identities, one a line, where the settings say none.
const ENV: &str = "MUSTER_AGE_IDENTITY";
/// A file with them.
const ENV_FILE: &str = "MUSTER_AGE_IDENTITY_FILE";

/// What is stored: an age file that holds the key.
#[derive(Serialize, Deserialize)]
struct Stored {
    wrapped_key: String,
}

pub(super) fn check(settings: &Age) -> Result<(), SealError> {
    if settings.recipients.is_empty() {
        return Err(SealError("There are no recipients.".to_owned()));
    }
    recipients(settings)?;
    Ok(())
}

pub(super) fn create(settings: &Age) -> Result<(Secret, Vec<u8>), SealError> {
    let key = Secret::random(32)?;
    let file = age_file::encrypt(&key, &recipients(settings)?)?;
    let stored = Stored {
        wrapped_key: STANDARD.encode(file),
    };
    let stored = serde_json::to_vec(&stored).expect("text always becomes JSON");
    Ok((key, stored))
}

pub(super) fn recover(settings: &Age, stored: &[u8]) -> Result<Secret, SealError> {
    let stored: Stored = serde_json::from_slice(stored).map_err(|e| damaged(&told(&e)))?;
    let file = STANDARD.decode(&stored.wrapped_key);
    let file = file.map_err(|_| damaged("the age file is not base64"))?;
    age_file::decrypt(&file, &identities(settings)?)
}

fn recipients(settings: &Age) -> Result<Vec<Recipient>, SealError> {
    let recipients = settings.recipients.iter().zip(1..);
    recipients
        .map(|(text, number)| {
            let of = |error| SealError(format!("Recipient {number}: {error}"));
            Recipient::parse(text).map_err(of)
        })
        .collect()
}

fn identities(settings: &Age) -> Result<Vec<Identity>, SealError> {
    if let Some(secret) = &settings.identity {
        return parse(secret.bytes());
    }
    if let Some(path) = &settings.identity_file {
        return read(path);
    }
    if let Some(text) = std::env::var_os(ENV).filter(|text| !text.is_empty()) {
        return parse(&Zeroizing::new(text.into_encoded_bytes()));
    }
    if let Some(path) = std::env::var_os(ENV_FILE).filter(|path| !path.is_empty()) {
        return read(Path::new(&path));
    }
    Err(SealError(format!(
        "There is no identity to decrypt with. Set identity_file, {ENV} or {ENV_FILE}."
    )))
}

fn read(path: &Path) -> Result<Vec<Identity>, SealError> {
    let shown = match age_file::has_identity(&path.to_string_lossy()) {
        true => "a file, whose name is not shown because it looks like an identity,".into(),
        false => path.to_string_lossy(),
    };
    let bytes = std::fs::read(path).map_err(|error| {
        SealError(format!(
            "The identities in {shown} cannot be read: {error}."
        ))
    })?;
    parse(&Zeroizing::new(bytes)).map_err(|error| SealError(format!("{shown}: {error}")))
}

fn parse(bytes: &[u8]) -> Result<Vec<Identity>, SealError> {
    let text = std::str::from_utf8(bytes);
    let text = text.map_err(|_| SealError("Identities are not text.".to_owned()))?;
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let identities: Vec<Identity> = lines.map(Identity::parse).collect::<Result<_, _>>()?;
    match identities.is_empty() {
        true => Err(SealError("There are no identities in it.".to_owned())),
        false => Ok(identities),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made by another implementation of age.
    const IDENTITY: &str =
        "AGE-SECRET-KEY-1VUU9KWH5PPM24DM3NE5FCCZXL82JG7RY63M5NXREN74WWRTPA0XQ2WM5LM";
    const RECIPIENT: &str = "age1xvt8fzchu26snv8c0uvy30h00uarl7tuu53q3tmte8rhn2caddhqatmt5x";
    const WRAPPED: &str = concat!(
        "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBqNXJQTXl3WXVMYUJCUzZscGdRRFpGQjd4",
        "U2hLZHIyQk9QbkFnM3JEVEVFCmZmaWlPNTNWeXBzNGV3NFJSMTVoZEphNkVlSU1OSFZVYzdYeFc0",
        "NDg0QjAKLT4gLXQ5LWdyZWFzZSBRZ0cgVnBCUDZcaWkgV2VLVyBNSk87ZXYKVDVtcUh2SU01SGVs",
        "RHliWElac2Q4cndhRWpjdUtZTEMvVDBadWg1QVppUENPc2lCNmxxWFhJbTJvZ0EKLS0tIGVNaTIy",
        "aDZSNmNNWnN4N1BPTWdUNUhpWjErc2g1YitsU3RraVJSaVN4aXcK7t8ITh0qoXT0aaPsj2H6yNSP",
        "s0VTmqB4bjrKDA+b7RYRE80T0FeK2t91rGBLagZmHUkzJopfy+t9vnb27ymXlQ==",
    );

    fn age(identity: Option<&str>) -> Age {
        Age {
            recipients: vec![RECIPIENT.to_owned()],
            identity: identity.map(Secret::from),
            identity_file: None,
        }
    }

    #[test]
    fn files_of_other_implementations() {
        let stored = format!(r#"{{"wrapped_key":"{WRAPPED}"}}"#);
        let key = recover(&age(Some(IDENTITY)), stored.as_bytes()).unwrap();
        let expect: Vec<u8> = (0..32).collect();
        assert_eq!(key.bytes(), expect);
    }

    #[test]
    fn any_recipient_finds_the_key() {
        let settings = Age {
            recipients: vec![OTHER.1.to_owned(), RECIPIENT.to_owned()],
            ..age(None)
        };
        let (key, stored) = create(&settings).unwrap();
        let both = format!("# mine\n\n{}\n{IDENTITY}\n", OTHER.0);
        for identity in [IDENTITY, OTHER.0, &both] {
            assert_eq!(recover(&age(Some(identity)), &stored).unwrap(), key);
        }
        let (_, stored) = create(&age(None)).unwrap();
        let error = recover(&age(Some(OTHER.0)), &stored).unwrap_err();
        assert!(error.0.contains("None of the identities"), "{error}");
    }

    const OTHER: (&str, &str) = (
        "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33",
        "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa",
    );

    #[test]
    fn identities_are_found_in_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.txt");
        let settings = Age {
            identity_file: Some(path.clone()),
            ..age(None)
        };
        let (key, stored) = create(&settings).unwrap();
        let check = |text: &str, expect: &str| {
            std::fs::write(&path, text).unwrap();
            let error = recover(&settings, &stored).unwrap_err().0;
            assert!(error.contains(expect), "{error}");
            assert!(!error.contains("SECRET-KEY"), "{error}");
        };
        assert!(
            recover(&settings, &stored)
                .unwrap_err()
                .0
                .contains("cannot be read")
        );
        check("# nothing\n", "no identities");
        check(&IDENTITY[..70], "not an X25519 key");
        check(RECIPIENT, "not an X25519 key");
        std::fs::write(&path, format!("{IDENTITY}\n")).unwrap();
        assert_eq!(recover(&settings, &stored).unwrap(), key);
    }

    #[test]
    fn what_may_be_secret_is_not_shown() {
        let lower = IDENTITY.to_lowercase();
        let long = format!("# public key: {RECIPIENT}\n{IDENTITY}");
        for pasted in [IDENTITY, &lower, &IDENTITY[..40], &long] {
            let settings = Age {
                recipients: vec![RECIPIENT.to_owned(), pasted.to_owned()],
                ..age(None)
            };
            let error = check(&settings).unwrap_err().0;
            assert!(error.contains("Recipient 2: It is a secret key"), "{error}");
            let settings = Age {
                identity_file: Some(pasted.into()),
                ..age(None)
            };
            let stored = create(&settings).unwrap().1;
            let file_error = recover(&settings, &stored).unwrap_err().0;
            assert!(
                file_error.contains("looks like an identity"),
                "{file_error}"
            );
            for error in [error, file_error] {
                assert!(!error.to_lowercase().contains("1vuu9kwh5"), "{error}");
            }
        }
        let odd = Age {
            recipients: vec!["hunter2".to_owned()],
            ..age(None)
        };
        assert!(!check(&odd).unwrap_err().0.contains("hunter2"));
    }

    #[test]
    fn settings_that_are_refused() {
        let check_one = |recipients: &[&str], expect: &str| {
            let recipients = recipients.iter().map(|text| (*text).to_owned()).collect();
            let error = check(&Age {
                recipients,
                ..age(None)
            })
            .unwrap_err()
            .0;
            assert!(error.contains(expect), "{error}");
        };
        check_one(&[], "no recipients");
        check_one(&["ssh-ed25519 AAAA"], "not an X25519 recipient");
        check_one(
            &[RECIPIENT, &RECIPIENT[..60]],
            "Recipient 2: It is not an X25519 recipient",
        );
        assert_eq!(check(&age(None)), Ok(()));
    }
}
