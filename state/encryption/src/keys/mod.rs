//! Key providers: each makes keys to encrypt with, and finds them again by the metadata that
//! were stored along with what was encrypted.

mod age;
mod age_file;
mod aws_http;
mod aws_kms;
mod external;
mod pbkdf2;

use std::collections::BTreeSet;

use muster_store::SealError;

use crate::Secret;
use crate::envelope::Metadata;
use crate::settings::{Addr, KeyProvider, KeySource, Passphrase, Settings};

/// A new key, and what finds it again.
pub(crate) struct Created {
    pub(crate) key: Secret,
    pub(crate) meta: Metadata,
}

/// Whether the settings of a provider make sense.
pub(crate) fn check(settings: &Settings, addr: &Addr) -> Result<(), SealError> {
    let mut seen = BTreeSet::new();
    let mut at = addr;
    loop {
        if !seen.insert(at) {
            return Err(of(at, &SealError("It is chained to itself.".to_owned())));
        }
        let checked = match &provider(settings, at)?.source {
            KeySource::Pbkdf2(settings) => pbkdf2::check(settings),
            KeySource::External(settings) => external::check(settings),
            KeySource::AwsKms(settings) => aws_kms::check(settings),
            KeySource::Age(settings) => age::check(settings),
        };
        checked.map_err(|error| of(at, &error))?;
        match upstream(settings, at)? {
            Some(next) => at = next,
            None => return Ok(()),
        }
    }
}

/// Whether a new key is made of what is here already, so that there is always one.
pub(crate) fn is_local(settings: &Settings, addr: &Addr) -> Result<bool, SealError> {
    let upstream = upstream(settings, addr)?;
    Ok(matches!(provider(settings, addr)?.source, KeySource::Pbkdf2(_)) && upstream.is_none())
}

/// Whether a key that these metadata stand for is as good as a new one: made of the passphrase
/// that is set, in the way that is set.
pub(crate) fn is_as_good(settings: &Settings, addr: &Addr, meta: &Metadata) -> bool {
    let (Ok(provider), Ok(true)) = (provider(settings, addr), is_local(settings, addr)) else {
        return false;
    };
    match (&provider.source, meta.get(&metadata_key(provider, addr))) {
        (KeySource::Pbkdf2(settings), Some(own)) => {
            meta.len() == 1 && pbkdf2::is_as_set(settings, own)
        }
        _ => false,
    }
}

/// Makes a key to encrypt with.
pub(crate) fn create(settings: &Settings, addr: &Addr) -> Result<Created, SealError> {
    let provider = provider(settings, addr)?;
    let below = upstream(settings, addr)?;
    let below = below.map(|addr| create(settings, addr)).transpose()?;
    let (above, mut meta) = match below {
        Some(below) => (Some(below.key), below.meta),
        None => (None, Metadata::new()),
    };
    let created = match &provider.source {
        KeySource::Pbkdf2(settings) => pbkdf2::create(settings, above.as_ref()),
        KeySource::External(settings) => external::create(settings),
        KeySource::AwsKms(settings) => aws_kms::create(settings),
        KeySource::Age(settings) => age::create(settings),
    };
    let (key, own) = created.map_err(|error| of(addr, &error))?;
    meta.insert(metadata_key(provider, addr), own);
    Ok(Created { key, meta })
}

/// Finds the key again that something was encrypted with.
pub(crate) fn recover(
    settings: &Settings,
    addr: &Addr,
    meta: &Metadata,
) -> Result<Secret, SealError> {
    let provider = provider(settings, addr)?;
    let above = upstream(settings, addr)?;
    let above = above
        .map(|addr| recover(settings, addr, meta))
        .transpose()?;
    let Some(own) = meta.get(&metadata_key(provider, addr)) else {
        let detail =
            "What was encrypted was not encrypted with its keys: the file says nothing of it.";
        return Err(of(addr, &SealError(detail.to_owned())));
    };
    let key = match &provider.source {
        KeySource::Pbkdf2(_) => pbkdf2::recover(passphrase(provider), above.as_ref(), own),
        KeySource::External(settings) => external::recover(settings, own),
        KeySource::AwsKms(settings) => aws_kms::recover(settings, own),
        KeySource::Age(settings) => age::recover(settings, own),
    };
    key.map_err(|error| of(addr, &error))
}

fn passphrase(provider: &KeyProvider) -> Option<&Secret> {
    match &provider.source {
        KeySource::Pbkdf2(settings) => match &settings.passphrase {
            Passphrase::Given(secret) => Some(secret),
            Passphrase::Chain(_) => None,
        },
        _ => None,
    }
}

fn provider<'a>(settings: &'a Settings, addr: &Addr) -> Result<&'a KeyProvider, SealError> {
    settings.key_providers.get(addr).ok_or_else(|| {
        SealError(format!(
            "There is no key provider \"{}\" \"{}\".",
            addr.kind, addr.name
        ))
    })
}

/// The provider that gives the passphrase of another one.
fn upstream<'a>(settings: &'a Settings, addr: &Addr) -> Result<Option<&'a Addr>, SealError> {
    Ok(match &provider(settings, addr)?.source {
        KeySource::Pbkdf2(settings) => match &settings.passphrase {
            Passphrase::Chain(upstream) => Some(upstream),
            Passphrase::Given(_) => None,
        },
        _ => None,
    })
}

fn metadata_key(provider: &KeyProvider, addr: &Addr) -> String {
    match &provider.alias {
        Some(alias) => alias.clone(),
        None => format!("key_provider.{addr}"),
    }
}

fn of(addr: &Addr, error: &SealError) -> SealError {
    SealError(format!("Key provider {addr}: {error}"))
}

/// What is wrong with stored metadata.
fn damaged(reason: &str) -> SealError {
    SealError(format!(
        "What the file says of its key is damaged: {reason}."
    ))
}
