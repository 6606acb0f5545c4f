//! What is encrypted here and with which keys: what the configuration and `TF_ENCRYPTION` say.

mod settings;

use std::borrow::Cow;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use muster_config::{Encryption as Said, Module};
use muster_encryption::Encryption;
use muster_lang::{Diagnostic, Diags, Sources};
use muster_store::{About, Codec, Seal, SealError};

use crate::error::Outcome;
use crate::session::Disk;

/// The inside of an `encryption` block.
const ENV: &str = "TF_ENCRYPTION";
const NOT_SHOWN: &str = "(not shown)";
const SUMMARY: &str = "Encryption is not possible";
const MISSING_VALUE: &str = "No value for required variable";

/// What was said, and what was made of it.
#[derive(Debug, Default)]
struct Current {
    said: Option<Said>,
    made: OnceLock<Result<Option<Arc<Encryption>>, Diags>>,
}

/// Of the configuration that was loaded last.
static CURRENT: Mutex<Option<Arc<Current>>> = Mutex::new(None);

/// What the environment says, for those who load configurations.
pub(crate) fn from_environment() -> Option<(String, String)> {
    let text = std::env::var(ENV)
        .ok()
        .filter(|text| !text.trim().is_empty());
    Some((ENV.to_owned(), text?))
}

/// Sources whose lines may be shown. Where the environment says how to encrypt, that is often one
/// line, with the passphrase in it.
pub(crate) fn presentable(sources: &Sources) -> Cow<'_, Sources> {
    if sources.files().iter().all(|file| &*file.name != ENV) {
        return Cow::Borrowed(sources);
    }
    let mut shown = Sources::default();
    for file in sources.files() {
        match &*file.name {
            ENV => shown.add(file.name.clone(), hidden(&file.text)),
            _ => shown.add(file.name.clone(), Arc::clone(&file.text)),
        };
    }
    Cow::Owned(shown)
}

/// A text with lines as long as those of another one, so that places in it are the same.
fn hidden(text: &str) -> String {
    let line = |line: &str| match line.len() > NOT_SHOWN.len() {
        true => format!("{NOT_SHOWN:0$}", line.len()),
        false => " ".repeat(line.len()),
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Keeps what a configuration says, for everything that is read and written from now on.
pub(crate) fn remember(root: &Module) {
    replace(root.encryption.clone());
}

/// Keeps what the configuration in a plan says, where the working directory says nothing: keys may
/// be other ones than when the plan was made.
pub(crate) fn remember_if_unknown(root: &Module) {
    if current().said.is_none() {
        remember(root);
    }
}

fn replace(said: Option<Said>) -> Arc<Current> {
    let current = Arc::new(Current {
        said,
        ..Current::default()
    });
    let mut slot = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
    *slot = Some(Arc::clone(&current));
    current
}

/// Where no configuration was loaded yet, the one of the working directory counts, as far as it
/// can be read.
fn current() -> Arc<Current> {
    let known = CURRENT
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    known.unwrap_or_else(|| {
        let mut sources = Sources::default();
        let (config, _) = muster_config::load(".", &Disk, &mut sources);
        replace(config.root().encryption.clone())
    })
}

impl Current {
    fn encryption(&self) -> Result<Option<Arc<Encryption>>, Diags> {
        let made = self.made.get_or_init(|| {
            let Some(said) = &self.said else {
                return Ok(None);
            };
            let settings = settings::of(said)?;
            Ok(Some(Arc::new(Encryption::new(settings))))
        });
        made.clone()
    }

    fn diagnostic(&self, error: &SealError) -> Diags {
        let span = self.said.as_ref().map(|said| said.span);
        Diagnostic::error(SUMMARY, format!("{error}."))
            .at_opt(span)
            .into()
    }
}

/// How states become bytes. Keys are fetched when the first state is read or written, or by
/// [`ready`].
pub(crate) fn state_codec() -> Codec {
    let current = current();
    match current
        .said
        .as_ref()
        .is_some_and(|said| said.state.is_some())
    {
        true => Codec::sealed(Arc::new(Later(current, Kind::State))),
        false => Codec::default(),
    }
}

/// As [`state_codec`], for the state that a data source reads which may be called by these names,
/// the most exact one first.
pub(crate) fn remote_codec(names: &[String]) -> Codec {
    let current = current();
    let Some(said) = &current.said else {
        return Codec::default();
    };
    let named = names.iter().find(|name| said.remote.contains_key(&***name));
    let kind = match named {
        Some(name) => Kind::Remote(name.clone()),
        None if said.remote_default.is_some() => Kind::Remote(String::new()),
        None => return Codec::default(),
    };
    Codec::sealed(Arc::new(Later(current, kind)))
}

/// Fetches the keys for states.
///
/// # Errors
/// The settings are wrong, or there is no key.
pub(crate) fn ready() -> Outcome<()> {
    let current = current();
    if let Some(encryption) = current.encryption()? {
        encryption
            .state()
            .map_err(|error| current.diagnostic(&error))?;
    }
    Ok(())
}

/// Whether states are encrypted when they are written.
///
/// # Errors
/// What is said makes no sense.
pub(crate) fn encrypts_states() -> Outcome<bool> {
    let encryption = current().encryption()?;
    Ok(encryption.is_some_and(|encryption| encryption.encrypts_states()))
}

/// Has whatever is written from now on encrypted with a new key.
///
/// # Errors
/// What is said makes no sense.
pub(crate) fn renew() -> Outcome<()> {
    if let Some(encryption) = current().encryption()? {
        encryption.renew();
    }
    Ok(())
}

/// What is wrong with what is said, as far as that shows without keys and without the values of
/// variables that nobody has given.
pub(crate) fn check() -> Diags {
    let current = current();
    match current.encryption() {
        Ok(None) => Diags::new(),
        Ok(Some(encryption)) => match encryption.check() {
            Ok(()) => Diags::new(),
            Err(error) => current.diagnostic(&error),
        },
        Err(diags) => {
            let diags = diags.into_iter();
            Diags(diags.filter(|d| d.summary != MISSING_VALUE).collect())
        }
    }
}

/// What plan files are sealed with, if anything is said of them.
///
/// # Errors
/// As [`ready`].
pub(crate) fn plan_seal() -> Outcome<Option<Arc<dyn Seal>>> {
    let current = current();
    let Some(encryption) = current.encryption()? else {
        return Ok(None);
    };
    let seal = encryption.plan();
    Ok(seal.map_err(|error| current.diagnostic(&error))?)
}

/// What something is encrypted for.
#[derive(Clone, Debug)]
enum Kind {
    State,
    /// What the data source is called that reads it; nothing stands for any other one.
    Remote(String),
}

/// A seal that is made when it is needed.
#[derive(Debug)]
struct Later(Arc<Current>, Kind);

impl Later {
    fn made(&self) -> Result<Arc<dyn Seal>, SealError> {
        let told = |diags: Diags| {
            let details = diags.iter().map(|d| d.detail.to_string());
            SealError(details.collect::<Vec<_>>().join(" "))
        };
        let none = || SealError("Nothing says how it is encrypted.".to_owned());
        let encryption = self.0.encryption().map_err(told)?.ok_or_else(none)?;
        let seal = match &self.1 {
            Kind::State => encryption.state()?,
            Kind::Remote(name) => encryption.remote_state(name)?,
        };
        seal.ok_or_else(none)
    }
}

impl Seal for Later {
    fn seal(&self, plain: &[u8], about: Option<About<'_>>) -> Result<Vec<u8>, SealError> {
        self.made()?.seal(plain, about)
    }

    fn open(&self, stored: &[u8]) -> Result<Vec<u8>, SealError> {
        self.made()?.open(stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_environment_says_is_not_shown() {
        let mut sources = Sources::default();
        sources.add("main.tf", "a = 1\n");
        assert!(matches!(presentable(&sources), Cow::Borrowed(_)));
        let text = "key_provider \"pbkdf2\" \"k\" {\n  passphrase = \"höchst geheim\"\n}\n";
        let id = sources.add(ENV, text);
        let shown = presentable(&sources);
        assert_eq!(&*shown.files()[0].text, "a = 1\n");
        let hidden = &shown.get(id).unwrap().text;
        assert!(
            !hidden.contains("geheim") && hidden.contains(NOT_SHOWN),
            "{hidden}"
        );
        let ends = |text: &str| {
            text.match_indices('\n')
                .map(|(at, _)| at)
                .collect::<Vec<_>>()
        };
        assert_eq!((hidden.len(), ends(hidden)), (text.len(), ends(text)));
    }
}
