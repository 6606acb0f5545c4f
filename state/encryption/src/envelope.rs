//! The file that encrypted bytes are kept in: JSON, as OpenTofu writes it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_store::{About, SealError};
use serde::{Deserialize, Serialize};

const VERSION: &str = "v0";

/// What keys were made from, by the key of the provider's metadata.
pub(crate) type Metadata = BTreeMap<String, Vec<u8>>;

/// The file. States tell their serial number and lineage in it; other files have neither.
#[derive(Debug, Serialize, Deserialize)]
struct Raw<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    serial: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    lineage: Option<Cow<'a, str>>,
    #[serde(default)]
    meta: BTreeMap<String, String>,
    #[serde(borrow)]
    encrypted_data: Cow<'a, str>,
    #[serde(borrow)]
    encryption_version: Cow<'a, str>,
}

/// What such a file holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) about: Option<(u64, String)>,
    pub(crate) meta: Metadata,
    pub(crate) data: Vec<u8>,
}

/// Writes a file.
pub(crate) fn write(about: Option<About<'_>>, meta: &Metadata, data: &[u8]) -> Vec<u8> {
    let encoded = |bytes: &Vec<u8>| STANDARD.encode(bytes);
    let raw = Raw {
        serial: about.map(|a| a.serial),
        lineage: about.map(|a| a.lineage.into()),
        meta: meta.iter().map(|(k, v)| (k.clone(), encoded(v))).collect(),
        encrypted_data: STANDARD.encode(data).into(),
        encryption_version: VERSION.into(),
    };
    serde_json::to_vec(&raw).expect("text and numbers always become JSON")
}

/// Reads a file; `None` where it is in plain text.
///
/// # Errors
/// It is encrypted, but was cut or changed, or a later version made it.
pub(crate) fn read(stored: &[u8]) -> Result<Option<Envelope>, SealError> {
    if !looks_encrypted(stored) {
        return Ok(None);
    }
    let wrong = |reason: &str| SealError(format!("The encrypted file is damaged: {reason}."));
    let raw: Raw<'_> = serde_json::from_slice(stored).map_err(|error| wrong(&told(&error)))?;
    if raw.encryption_version != VERSION {
        return Err(SealError(format!(
            "The file is encrypted in the form {:?}, and only {VERSION:?} is known.",
            raw.encryption_version.chars().take(40).collect::<String>()
        )));
    }
    let decode = |text: &str| {
        let bytes = STANDARD.decode(text);
        bytes.map_err(|_| wrong("what should be base64 is not"))
    };
    let meta = raw.meta.iter().map(|(k, v)| Ok((k.clone(), decode(v)?)));
    let meta = meta.collect::<Result<_, SealError>>()?;
    let about = match (raw.serial, raw.lineage) {
        (Some(serial), Some(lineage)) => Some((serial, lineage.into_owned())),
        (None, None) => None,
        _ => return Err(wrong("it has a serial number or a lineage, but not both")),
    };
    Ok(Some(Envelope {
        about,
        meta,
        data: decode(&raw.encrypted_data)?,
    }))
}

/// Whether bytes were encrypted: by whatever version, and maybe damaged since.
pub fn looks_encrypted(stored: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Sign {
        #[serde(default)]
        encryption_version: Option<serde::de::IgnoredAny>,
    }
    if !stored.trim_ascii_start().starts_with(b"{") {
        return false;
    }
    match serde_json::from_slice::<Sign>(stored) {
        Ok(sign) => sign.encryption_version.is_some(),
        // A file that was cut is still not plain text.
        Err(_) => {
            has_member(stored, b"\"encrypted_data\"") && !has_member(stored, b"\"resources\"")
        }
    }
}

fn has_member(stored: &[u8], name: &[u8]) -> bool {
    stored.windows(name.len()).any(|window| window == name)
}

/// What is wrong with JSON, without any of it.
pub(crate) fn told(error: &serde_json::Error) -> String {
    format!(
        "it is not the JSON that it should be, at line {} column {}",
        error.line(),
        error.column()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABOUT: About<'_> = About {
        serial: 7,
        lineage: "3f-\"a\"",
    };

    #[test]
    fn the_form_of_files() {
        let meta = Metadata::from([("key_provider.pbkdf2.main".to_owned(), b"{}".to_vec())]);
        let check = |about: Option<About<'_>>, expect: &str| {
            let bytes = write(about, &meta, b"secret");
            assert_eq!(std::str::from_utf8(&bytes).unwrap(), expect);
            let found = read(&bytes).unwrap().unwrap();
            assert_eq!(found.meta, meta);
            assert_eq!(found.data, b"secret");
            assert_eq!(found.about, about.map(|a| (a.serial, a.lineage.to_owned())));
        };
        let rest = r#""meta":{"key_provider.pbkdf2.main":"e30="},"encrypted_data":"c2VjcmV0","encryption_version":"v0"}"#;
        check(None, &format!("{{{rest}"));
        check(
            Some(ABOUT),
            &format!(r#"{{"serial":7,"lineage":"3f-\"a\"",{rest}"#),
        );
    }

    #[test]
    fn plain_text_is_told_apart() {
        let check = |text: &str, expect: bool| {
            assert_eq!(looks_encrypted(text.as_bytes()), expect, "{text}");
        };
        check("", false);
        check("{}", false);
        check("[1]", false);
        check(r#"{"version":4,"serial":1,"lineage":"x"}"#, false);
        check(
            r#"{"version":4,"outputs":{"a":{"value":"\"encrypted_data\""#,
            false,
        );
        check(r#"{"version":4,"resources":["encrypted_data"#, false);
        check(r#"{"encryption_version":"v9"}"#, true);
        check(r#"{"meta":{},"encrypted_data":"AAAA"#, true);
    }

    #[test]
    fn damaged_files() {
        let check = |text: &str, expect: &str| {
            let error = read(text.as_bytes()).unwrap_err();
            assert!(error.0.contains(expect), "{text}: {error}");
        };
        check(
            r#"{"encrypted_data":"AAAA","encryption_version":"v1"}"#,
            "in the form \"v1\"",
        );
        check(
            r#"{"encrypted_data":"A","encryption_version":"v0"}"#,
            "base64",
        );
        check(r#"{"encryption_version":"v0"}"#, "line 1");
        check(r#"{"encrypted_data":"AAAA"#, "line 1");
        check(
            r#"{"serial":1,"encrypted_data":"AAAA","encryption_version":"v0"}"#,
            "not both",
        );
        check(
            r#"{"meta":{"a":"?"},"encrypted_data":"AAAA","encryption_version":"v0"}"#,
            "base64",
        );
    }
}
