//! Saved plans as they lie on disk: encrypted where the configuration says so, and else with a
//! code at their end that only those can make who have the key of the working directory.

use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use muster_encryption::{CODE_LEN, Secret, authenticate, is_authentic, looks_encrypted};
use muster_lang::{Diagnostic, Diags};

use crate::encryption;
use crate::error::{Failure, Outcome};
use crate::session::data_dir;

/// What stands in front of the code.
const MAGIC: &[u8; 8] = b"MUSTERMC";
const PURPOSE: &str = "muster saved plan";
/// How encrypted plans begin, and encrypted states do not: those tell their serial number first.
const ENCRYPTED: &[u8] = b"{\"meta\":";
/// A key that several working directories share.
const ENV: &str = "MUSTER_PLAN_KEY";
const LEAST_KEY: usize = 16;
const SUMMARY: &str = "Failed to read plan file";
const PLAIN: &str = "The plan is in plain text, so that anybody could have written it, and plans are to be encrypted here. Make a new plan with plan -out.";

/// Whether a file that begins like this is an encrypted plan.
pub(crate) fn begins(start: &[u8]) -> bool {
    start.starts_with(ENCRYPTED)
}

/// A plan as it is saved.
///
/// # Errors
/// There is no key.
pub(crate) fn seal(plan: Vec<u8>) -> Outcome<Vec<u8>> {
    let failed = |reason: String| Failure::new("Failed to write plan file", reason);
    let mut bytes = match encryption::plan_seal()? {
        Some(seal) => seal
            .seal(&plan, None)
            .map_err(|e| failed(format!("{e}.")))?,
        None => plan,
    };
    if looks_encrypted(&bytes) {
        return Ok(bytes);
    }
    let key = match given_key()? {
        Some(key) => key,
        None => own_key().map_err(|error| {
            failed(format!(
                "The key that plans are authenticated with cannot be kept: {error}."
            ))
        })?,
    };
    let code = authenticate(&key, PURPOSE, &bytes);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&code);
    Ok(bytes)
}

/// The plan that was saved as these bytes, and what is to be said about it.
///
/// # Errors
/// It was changed, or cannot be decrypted, or must not be in plain text.
pub(crate) fn open(mut bytes: Vec<u8>) -> Outcome<(Vec<u8>, Diags)> {
    let failed = |reason: String| Failure::new(SUMMARY, reason);
    let seal = encryption::plan_seal()?;
    let is_encrypted = looks_encrypted(&bytes);
    match (seal, is_encrypted) {
        (Some(seal), _) => {
            bytes = seal.open(&bytes).map_err(|error| {
                failed(match is_encrypted {
                    true => format!("{error}."),
                    // What there was before can be read as it is, but plans are not kept so long.
                    false => PLAIN.to_owned(),
                })
            })?;
        }
        (None, true) => {
            let detail = "The plan is encrypted, and neither an encryption block nor TF_ENCRYPTION says how.";
            return Err(failed(detail.to_owned()));
        }
        (None, false) => {}
    }
    match is_encrypted {
        true => Ok((bytes, Diags::new())),
        false => authenticated(bytes),
    }
}

/// The plan without its code, which is looked at.
fn authenticated(mut bytes: Vec<u8>) -> Outcome<(Vec<u8>, Diags)> {
    let failed = |reason: &str| Failure::new(SUMMARY, reason);
    let end = bytes.len().saturating_sub(MAGIC.len() + CODE_LEN);
    let Some(code) = bytes[end..].strip_prefix(MAGIC) else {
        return Err(failed(
            "The plan is cut, or was not written by this program: the code at its end is missing. Make a new plan with plan -out.",
        ));
    };
    let Some(key) = known_key()? else {
        bytes.truncate(end);
        let detail = format!(
            "The plan was made in another working directory, so that nobody can tell whether it was changed since. Set {ENV} to the same secret where plans are made and where they are applied, or encrypt plans."
        );
        let warning = Diagnostic::warning("Saved plan cannot be authenticated", detail);
        return Ok((bytes, warning.into()));
    };
    if !is_authentic(&key, PURPOSE, &bytes[..end], code) {
        let detail = format!(
            "The plan was changed after it was made, or made in another working directory or with another {ENV}. Make a new plan with plan -out; where plans are made in one directory and applied in another, set {ENV} to the same secret in both."
        );
        return Err(failed(&detail));
    }
    bytes.truncate(end);
    Ok((bytes, Diags::new()))
}

/// The key that plans were authenticated with, if there is one here.
fn known_key() -> Outcome<Option<Secret>> {
    if let Some(key) = given_key()? {
        return Ok(Some(key));
    }
    read_key(&key_path()).map_err(|error| {
        let detail = format!("The key that plans are authenticated with cannot be read: {error}.");
        Failure::new(SUMMARY, detail)
    })
}

fn given_key() -> Outcome<Option<Secret>> {
    let Some(text) = std::env::var(ENV).ok().filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.len() < LEAST_KEY {
        let detail = format!("{ENV} is too short: it needs {LEAST_KEY} characters at least.");
        return Err(Failure::new("Invalid plan key", detail));
    }
    Ok(Some(Secret::from(text.as_str())))
}

fn key_path() -> PathBuf {
    data_dir().join("plan.key")
}

/// The key of the working directory, made where there is none yet.
fn own_key() -> io::Result<Secret> {
    let path = key_path();
    if let Some(key) = read_key(&path)? {
        return Ok(key);
    }
    let folder = data_dir();
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)?;
    let key = Secret::random(CODE_LEN).map_err(|error| io::Error::other(error.to_string()))?;
    // Temporary files are for their owner only, and stay so when they are renamed.
    let mut file = tempfile::NamedTempFile::new_in(&folder)?;
    file.write_all(key.bytes())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(&path) {
        Ok(_) => Ok(key),
        // Another run was faster.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            read_key(&path)?.ok_or(error.error)
        }
        Err(error) => Err(error.error),
    }
}

fn read_key(path: &Path) -> io::Result<Option<Secret>> {
    match std::fs::read(path) {
        Ok(bytes) if bytes.len() == CODE_LEN => Ok(Some(Secret::new(bytes))),
        Ok(_) => Err(io::Error::other(format!("{} is damaged", path.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
