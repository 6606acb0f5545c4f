//! How one kind of file is encrypted.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_store::{About, Seal, SealError};
use serde::Deserialize;

use crate::envelope::{self, Envelope, Metadata};
use crate::keys::{self, Created};
use crate::settings::{Addr, Method, Settings, Target};
use crate::{Secret, aes_gcm};

/// The seal of a target. Keys are fetched once: those to encrypt with when it is made, those to
/// decrypt with when something is read that needs them.
pub(crate) struct TargetSeal {
    /// What it is for, such as `state`.
    name: String,
    settings: Arc<Settings>,
    target: Target,
    created: Mutex<Option<Arc<Created>>>,
    found: Mutex<BTreeMap<(Addr, Metadata), Secret>>,
    /// A new key is wanted whatever was read.
    renews: Arc<AtomicBool>,
    /// What the first key was found by that has opened something.
    proven: Mutex<Option<(Addr, Metadata)>>,
}

impl TargetSeal {
    /// Checks what the settings say of a target.
    pub(crate) fn new(
        name: &str,
        settings: &Arc<Settings>,
        target: &Target,
        renews: &Arc<AtomicBool>,
    ) -> Result<Self, SealError> {
        let seal = Self {
            name: name.to_owned(),
            settings: Arc::clone(settings),
            target: target.clone(),
            created: Mutex::default(),
            found: Mutex::default(),
            renews: Arc::clone(renews),
            proven: Mutex::default(),
        };
        seal.check()?;
        Ok(seal)
    }

    /// Fetches the key to write with, where that is not made of what is here already.
    pub(crate) fn fetch(&self) -> Result<(), SealError> {
        if let (_, Method::AesGcm { keys, .. }) = self.primary()?
            && !keys::is_local(&self.settings, keys)?
        {
            self.created(keys)?;
        }
        Ok(())
    }

    fn check(&self) -> Result<(), SealError> {
        let (primary, method) = self.primary()?;
        if self.target.enforced && *method == Method::Unencrypted {
            return Err(self.error(&format!(
                "encryption is enforced, but method.{primary} does not encrypt"
            )));
        }
        for addr in &self.target.methods {
            if let Method::AesGcm { keys, .. } = self.method(addr)? {
                keys::check(&self.settings, keys)?;
            }
        }
        Ok(())
    }

    fn primary(&self) -> Result<(&Addr, &Method), SealError> {
        let Some(addr) = self.target.methods.first() else {
            return Err(self.error("no method is set"));
        };
        Ok((addr, self.method(addr)?))
    }

    fn method(&self, addr: &Addr) -> Result<&Method, SealError> {
        let method = self.settings.methods.get(addr);
        method.ok_or_else(|| {
            self.error(&format!(
                "there is no method \"{}\" \"{}\"",
                addr.kind, addr.name
            ))
        })
    }

    fn error(&self, reason: &str) -> SealError {
        SealError(format!("Encryption of \"{}\": {reason}.", self.name))
    }

    /// The key to write with: one for all that this seal writes.
    fn created(&self, keys: &Addr) -> Result<Arc<Created>, SealError> {
        let mut slot = lock(&self.created);
        if let Some(created) = &*slot {
            return Ok(Arc::clone(created));
        }
        let created = match self.at_hand(keys) {
            Some(created) => created,
            None => keys::create(&self.settings, keys)?,
        };
        let created = Arc::new(created);
        // What was written here can be read again although the key service went away.
        let name = (keys.clone(), created.meta.clone());
        lock(&self.found).insert(name, created.key.clone());
        *slot = Some(Arc::clone(&created));
        Ok(created)
    }

    /// The key of what was read, if the provider would make a new one of the same passphrase with
    /// much work. So whatever is written of a state over time needs few keys to be read: parts of
    /// it are written by many runs, and with a salt for each of them it would take minutes to read
    /// them all. Each state still has a salt of its own, and nonces are random, which allows 2^32
    /// encryptions with one key; who needs more asks for a new one.
    fn at_hand(&self, keys: &Addr) -> Option<Created> {
        if self.renews.load(Ordering::Relaxed) {
            return None;
        }
        let proven = lock(&self.proven).clone();
        let (addr, meta) = proven.filter(|(addr, _)| addr == keys)?;
        let key = lock(&self.found).get(&(addr, meta.clone()))?.clone();
        keys::is_as_good(&self.settings, keys, &meta).then_some(Created { key, meta })
    }

    fn recovered(&self, keys: &Addr, meta: &Metadata) -> Result<Secret, SealError> {
        let name = (keys.clone(), meta.clone());
        let mut found = lock(&self.found);
        if let Some(key) = found.get(&name) {
            return Ok(key.clone());
        }
        let key = keys::recover(&self.settings, keys, meta)?;
        found.insert(name, key.clone());
        Ok(key)
    }

    fn sealed(&self, plain: &[u8], about: Option<About<'_>>) -> Result<Vec<u8>, SealError> {
        let (_, method) = self.primary()?;
        let Method::AesGcm { keys, aad } = method else {
            return Ok(plain.to_vec());
        };
        let created = self.created(keys)?;
        let data = aes_gcm::encrypt(&created.key, aad, plain)?;
        Ok(envelope::write(about, &created.meta, &data))
    }

    fn open_plain(&self, stored: &[u8]) -> Result<Vec<u8>, SealError> {
        for addr in &self.target.methods {
            if *self.method(addr)? == Method::Unencrypted {
                return Ok(stored.to_vec());
            }
        }
        Err(self.error(
            "it is in plain text, which is refused because anybody could have written it. To \
             encrypt what was there before, add a fallback with the method \"unencrypted\" until \
             it is written again",
        ))
    }

    fn open_sealed(&self, sealed: &Envelope) -> Result<Vec<u8>, SealError> {
        let mut reasons = Vec::new();
        for addr in &self.target.methods {
            let Method::AesGcm { keys, aad } = self.method(addr)? else {
                continue;
            };
            let opened = self
                .recovered(keys, &sealed.meta)
                .and_then(|key| aes_gcm::decrypt(&key, aad, &sealed.data));
            match opened {
                Ok(plain) => {
                    self.check_about(sealed.about.as_ref(), &plain)?;
                    let proof = || (keys.clone(), sealed.meta.clone());
                    lock(&self.proven).get_or_insert_with(proof);
                    return Ok(plain);
                }
                Err(error) => reasons.push(format!("method.{addr}: {error}")),
            }
        }
        Err(match reasons.is_empty() {
            true => self.error("it is encrypted, and no method that decrypts is set"),
            false => SealError(format!(
                "Encryption of \"{}\": it cannot be decrypted. {}",
                self.name,
                reasons.join(" ")
            )),
        })
    }

    /// What stands beside an encrypted state must be what stands in it.
    fn check_about(&self, about: Option<&(u64, String)>, plain: &[u8]) -> Result<(), SealError> {
        #[derive(Deserialize)]
        struct Inner {
            serial: Option<u64>,
            lineage: Option<String>,
        }
        let Some((serial, lineage)) = about else {
            return Ok(());
        };
        let same = serde_json::from_slice::<Inner>(plain).is_ok_and(|inner| {
            inner.serial == Some(*serial) && inner.lineage.as_deref().unwrap_or("") == lineage
        });
        match same {
            true => Ok(()),
            false => Err(self.error(
                "the serial number or the lineage beside the encrypted state is not the one in it: \
                 the file was changed",
            )),
        }
    }
}

impl Seal for TargetSeal {
    fn seal(&self, plain: &[u8], about: Option<About<'_>>) -> Result<Vec<u8>, SealError> {
        self.sealed(plain, about).map_err(open_ended)
    }

    fn open(&self, stored: &[u8]) -> Result<Vec<u8>, SealError> {
        let opened = envelope::read(stored).and_then(|read| match read {
            Some(sealed) => self.open_sealed(&sealed),
            None => self.open_plain(stored),
        });
        opened.map_err(open_ended)
    }
}

/// Reasons become parts of sentences.
pub(crate) fn open_ended(error: SealError) -> SealError {
    SealError(error.0.trim_end_matches('.').to_owned())
}

impl fmt::Debug for TargetSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TargetSeal")
            .field("name", &self.name)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

/// Nothing is half done where somebody panicked: values are put in whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
