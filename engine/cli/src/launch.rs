//! Starts the plugins of a run.

use muster_store::Store;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::future::BoxFuture;
use muster_addr::{InstanceAddr, InstanceKey, ProviderAddr, Str};
use muster_client::{Client, ClientOptions, PluginSpec};
use muster_config::version::Constraints;
use muster_provider::{BackendFault, Builtin, Provider, ProviderError, RemoteStates};
use muster_snapshot::Snapshot;
use muster_value::Value;

use crate::backend::Place;
use crate::log::{self, Level};
use muster_run::Launcher;

use crate::install::{Absent, Finder, Found, Missing};

/// The argument that makes this program the muster provider.
pub(crate) const PLUGIN_ARGUMENT: &str = "internal-plugin-muster";

/// Knows how to start every provider of a run.
pub(crate) struct Plugins {
    finder: Finder,
    constraints: BTreeMap<ProviderAddr, Vec<Constraints>>,
    reattach: HashMap<ProviderAddr, muster_client::Reattach>,
    options: ClientOptions,
    found: Mutex<HashMap<ProviderAddr, Result<Found, Missing>>>,
}

impl Plugins {
    /// Plugins that `finder` finds, in versions that the constraints allow.
    pub(crate) fn new(
        finder: Finder,
        constraints: BTreeMap<ProviderAddr, Vec<Constraints>>,
    ) -> Result<Self, ProviderError> {
        let reattach = muster_client::reattach_from_env()?;
        let options = ClientOptions {
            cache_dir: cache_dir(),
            log: log::of_plugins(),
            ..ClientOptions::default()
        };
        Ok(Self {
            finder,
            constraints,
            reattach,
            options,
            found: Mutex::default(),
        })
    }

    /// The program of a provider.
    pub(crate) fn find(&self, addr: &ProviderAddr) -> Result<Found, Missing> {
        let mut found = self.found.lock().unwrap_or_else(|e| e.into_inner());
        let entry = found.entry(addr.clone()).or_insert_with(|| {
            let constraints = self.constraints.get(addr).map_or(&[][..], Vec::as_slice);
            self.finder.find(addr, constraints)
        });
        entry.clone()
    }

    /// Which of the providers that the configuration needs, and of those that the state alone
    /// needs, cannot be started or are not what the configuration asks for.
    pub(crate) fn absent<'a>(
        &self,
        wanted: impl IntoIterator<Item = &'a ProviderAddr>,
        stored: impl IntoIterator<Item = &'a ProviderAddr>,
    ) -> Absent {
        let mut absent = Absent::default();
        let started = |addr: &&ProviderAddr| !addr.is_builtin() && !self.is_development(addr);
        for addr in wanted.into_iter().filter(started) {
            let asked = self.constraints.get(addr).map_or(&[][..], Vec::as_slice);
            if let Err(reason) = self.find(addr) {
                absent.add(addr, reason);
            } else if let Some(version) = self.finder.refused(addr, asked) {
                absent.refuse(addr, version.clone(), self.constraints(addr));
            }
        }
        for addr in stored.into_iter().filter(started) {
            if let Err(reason) = self.find(addr) {
                absent.add_stored(addr, reason);
            }
        }
        absent
    }

    /// The places that programs are in.
    pub(crate) fn finder(&self) -> &Finder {
        &self.finder
    }

    /// What is asked of the version of a provider.
    pub(crate) fn constraints(&self, addr: &ProviderAddr) -> Constraints {
        let all = self.constraints.get(addr).into_iter().flatten().cloned();
        all.reduce(Constraints::and).unwrap_or_default()
    }

    /// Whether a provider is a development build or runs already.
    pub(crate) fn is_development(&self, addr: &ProviderAddr) -> bool {
        self.finder.is_override(addr) || self.reattach.contains_key(addr)
    }

    async fn start(&self, addr: ProviderAddr) -> Result<Arc<dyn Provider>, ProviderError> {
        if addr.is_builtin() {
            return Ok(Arc::new(Builtin::new(Arc::new(States))));
        }
        if let Some(reattach) = self.reattach.get(&addr) {
            let client = Client::reattach(reattach.clone(), self.options.clone()).await?;
            return Ok(Arc::new(client));
        }
        let found = self.find(&addr);
        let found = found.map_err(|reason| ProviderError::Start(reason.to_string()))?;
        let (program, args) = match found {
            Found::Embedded => {
                let own = crate::program::own().map_err(|e| {
                    ProviderError::Start(format!("this program's own path is not known: {e}"))
                })?;
                (own, vec![PLUGIN_ARGUMENT.into()])
            }
            Found::Override(program) | Found::Installed { program, .. } => (program, Vec::new()),
        };
        log::log(Level::Info, || {
            format!("provider: starting {addr}: {}", program.display())
        });
        let spec = PluginSpec {
            program,
            args,
            source: addr,
            ..PluginSpec::default()
        };
        Ok(Arc::new(Client::start(spec, self.options.clone()).await?))
    }
}

/// States of other configurations.
struct States;

impl RemoteStates for States {
    fn check(&self, backend: &str, settings: Option<&Value>) -> Result<(), BackendFault> {
        Place::of_object(backend, settings).map(drop)
    }

    fn outputs(
        &self,
        backend: &str,
        settings: Option<&Value>,
        workspace: &str,
        reader: Option<&InstanceAddr>,
    ) -> Result<Option<BTreeMap<Str, Value>>, String> {
        let place = Place::of_object(backend, settings).map_err(|fault| match fault {
            BackendFault::Type(reason) | BackendFault::Settings(reason) => reason,
        })?;
        let place = place.read_by(reader.map(names_of).unwrap_or_default());
        let state = place.state(workspace).map_err(|failure| failure.reason())?;
        let state = state.any().read().map_err(|e| e.to_string())?;
        let outputs = |state: Snapshot| {
            let outputs = state.outputs.into_iter();
            outputs.map(|(name, o)| (name, o.value)).collect()
        };
        Ok(state.map(outputs))
    }
}

/// What an `encryption` block may call a data source, the most exact name first: by its name, after
/// those of the modules that it is in, and with its key if it has one.
fn names_of(reader: &InstanceAddr) -> Vec<String> {
    let modules = reader.resource.module.0.iter();
    let mut name: String = modules.map(|step| format!("{}.", step.name)).collect();
    name.push_str(&reader.resource.resource.name);
    match reader.key {
        InstanceKey::None => vec![name],
        _ => vec![format!("{name}{}", reader.key), name],
    }
}

impl Launcher for Plugins {
    fn launch(
        &self,
        addr: ProviderAddr,
    ) -> BoxFuture<'_, Result<Arc<dyn Provider>, ProviderError>> {
        self.start(addr).boxed()
    }
}

/// Where schemas of providers are kept between runs.
fn cache_dir() -> Option<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME").filter(|v| !v.is_empty()) {
        Some(dir) => PathBuf::from(dir),
        None => crate::cli_config::home()?.join(".cache"),
    };
    Some(base.join("muster").join("schemas"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_readers() {
        let check = |address: &str, expect: &[&str]| {
            let address = address.parse().unwrap();
            assert_eq!(names_of(&address), expect, "{address}");
        };
        let kind = "data.terraform_remote_state";
        check(&format!("{kind}.net"), &["net"]);
        check(&format!("{kind}.net[0]"), &["net[0]", "net"]);
        check(
            &format!("module.a[\"x\"].module.b.{kind}.net[\"k\"]"),
            &["a.b.net[\"k\"]", "a.b.net"],
        );
    }
}
