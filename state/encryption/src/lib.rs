//! Encryption of states and plan files, in the form of OpenTofu: files that one of the two wrote
//! can be read by the other.
//!
//! [`Settings`] say which key providers and methods there are, and [`Encryption`] makes a
//! [`Seal`] of them for each kind of file.

mod aes_gcm;
mod envelope;
mod keys;
mod mac;
mod seal;
mod secret;
mod settings;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use muster_store::{Seal, SealError};

pub use envelope::looks_encrypted;
pub use mac::{CODE_LEN, authenticate, is_authentic};
use seal::{TargetSeal, open_ended};
pub use secret::Secret;
pub use settings::{
    Addr, Age, AssumeRole, AwsCredentials, AwsKms, External, Hash, KeyProvider, KeySource, Method,
    Passphrase, Pbkdf2, RemoteStates, Settings, Target,
};

/// Makes seals. Each is made once, so that keys are fetched once.
#[derive(Debug)]
pub struct Encryption {
    settings: Arc<Settings>,
    /// See [`Self::renew`].
    renews: Arc<AtomicBool>,
    made: Mutex<BTreeMap<String, Arc<dyn Seal>>>,
}

impl Encryption {
    /// Nothing is checked or fetched before a seal is asked for.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings: Arc::new(settings),
            renews: Arc::default(),
            made: Mutex::default(),
        }
    }

    /// For states; `None` where nothing is said of them. This is where the key service is asked
    /// for the key to write with: before anything is changed.
    ///
    /// # Errors
    /// The settings are wrong, or there is no key.
    pub fn state(&self) -> Result<Option<Arc<dyn Seal>>, SealError> {
        self.made("state", self.settings.state.as_ref())
    }

    /// From now on whatever is written is encrypted with a new key, although the one of what was
    /// read would do. It is the same one for all that is written afterwards.
    pub fn renew(&self) {
        self.renews.store(true, Ordering::Relaxed);
    }

    /// Whether states are encrypted when they are written. No key is asked for.
    pub fn encrypts_states(&self) -> bool {
        let target = self.settings.state.as_ref();
        let method = target.and_then(|target| target.methods.first());
        let method = method.and_then(|method| self.settings.methods.get(method));
        method.is_some_and(|method| *method != Method::Unencrypted)
    }

    /// For plan files; `None` where nothing is said of them.
    ///
    /// # Errors
    /// As [`Self::state`].
    pub fn plan(&self) -> Result<Option<Arc<dyn Seal>>, SealError> {
        self.made("plan", self.settings.plan.as_ref())
    }

    /// For the state that a data source `terraform_remote_state` reads, by what a
    /// `remote_state_data_source` block calls the data source: `name`, `module.name` or
    /// `module.name[0]`. What is said of none of them is as the default says.
    ///
    /// # Errors
    /// As [`Self::state`].
    pub fn remote_state(&self, address: &str) -> Result<Option<Arc<dyn Seal>>, SealError> {
        let states = &self.settings.remote_states;
        match states.named.get(address) {
            Some(target) => self.made(&format!("remote_state_data_source.{address}"), Some(target)),
            None => self.made("remote_state_data_sources.default", states.default.as_ref()),
        }
    }

    /// Whether the settings make sense. No key is asked for.
    ///
    /// # Errors
    /// They do not.
    pub fn check(&self) -> Result<(), SealError> {
        let settings = &self.settings;
        let targets = [("state", &settings.state), ("plan", &settings.plan)];
        let remote = &settings.remote_states;
        let named = remote.named.iter().map(|(name, target)| (&**name, target));
        let targets = targets
            .into_iter()
            .filter_map(|(name, t)| Some((name, t.as_ref()?)));
        let default = remote.default.iter().map(|target| ("default", target));
        for (name, target) in targets.chain(default).chain(named) {
            TargetSeal::new(name, settings, target, &self.renews).map_err(open_ended)?;
        }
        Ok(())
    }

    fn made(
        &self,
        name: &str,
        target: Option<&Target>,
    ) -> Result<Option<Arc<dyn Seal>>, SealError> {
        let Some(target) = target else {
            return Ok(None);
        };
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seal) = made.get(name) {
            return Ok(Some(Arc::clone(seal)));
        }
        let seal = TargetSeal::new(name, &self.settings, target, &self.renews);
        let seal = seal.map_err(open_ended)?;
        // States of others are only read.
        if !name.starts_with("remote_state") {
            seal.fetch().map_err(open_ended)?;
        }
        let seal: Arc<dyn Seal> = Arc::new(seal);
        made.insert(name.to_owned(), Arc::clone(&seal));
        Ok(Some(seal))
    }
}

#[cfg(test)]
mod tests;
