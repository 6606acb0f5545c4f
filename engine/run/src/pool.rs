//! The providers of a run: one process per provider configuration, started when first needed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::{BoxFuture, join_all};
use muster_addr::{ProviderAddr, ProviderConfigAddr};
use muster_provider::{Provider, ProviderError, Request, Response};
use muster_value::Value;
use tokio::sync::OnceCell;

/// Starts providers.
pub trait Launcher: Send + Sync {
    /// Starts one. Called once per provider configuration, and again when that changes.
    fn launch(
        &self,
        provider: ProviderAddr,
    ) -> BoxFuture<'_, Result<Arc<dyn Provider>, ProviderError>>;
}

type Slot = Arc<OnceCell<Result<Arc<dyn Provider>, ProviderError>>>;

/// See the module.
pub struct Pool {
    launcher: Arc<dyn Launcher>,
    slots: Mutex<HashMap<ProviderConfigAddr, Slot>>,
    /// What running providers were configured with, and what they said to that.
    configured: Mutex<HashMap<ProviderConfigAddr, (Value, Response)>>,
    /// Running providers without a configuration: for their schema or functions.
    bare: Mutex<HashMap<ProviderAddr, Slot>>,
}

impl Pool {
    /// A pool without a process.
    pub fn new(launcher: Arc<dyn Launcher>) -> Self {
        Self {
            launcher,
            slots: Mutex::default(),
            configured: Mutex::default(),
            bare: Mutex::default(),
        }
    }

    /// The provider of a configuration.
    ///
    /// # Errors
    /// It could not be started.
    pub async fn get(&self, addr: &ProviderConfigAddr) -> Result<Arc<dyn Provider>, ProviderError> {
        let slot = Arc::clone(lock(&self.slots).entry(addr.clone()).or_default());
        let started = slot.get_or_init(|| async {
            // A process that was, or is being, started for its schema goes on to serve.
            let idle = lock(&self.bare).remove(&addr.provider).unwrap_or_default();
            let launched = idle.get_or_init(|| self.launcher.launch(addr.provider.clone()));
            launched.await.clone()
        });
        started.await.clone()
    }

    /// Configures the provider of a configuration. A process is configured once, as some take it
    /// only once: for the same configuration it is not asked again, and for another one there is
    /// a new process.
    ///
    /// # Errors
    /// It could not be started, or does not answer.
    pub async fn configure(
        &self,
        addr: &ProviderConfigAddr,
        config: Value,
    ) -> Result<Response, ProviderError> {
        let known = lock(&self.configured).get(addr).cloned();
        match known {
            Some((before, said)) if before == config && went_well(&said) => return Ok(said),
            Some(_) => self.end(addr).await,
            None => {}
        }
        let provider = self.get(addr).await?;
        let request = Request::Configure {
            config: config.clone(),
        };
        let said = provider.call(request).await?;
        lock(&self.configured).insert(addr.clone(), (config, said.clone()));
        Ok(said)
    }

    /// Ends the provider of a configuration. The next one who needs it starts another.
    async fn end(&self, addr: &ProviderConfigAddr) {
        let slot = lock(&self.slots).remove(addr);
        if let Some(Ok(provider)) = slot.as_ref().and_then(|slot| slot.get()) {
            provider.shutdown().await;
        }
    }

    /// A provider for what needs no configuration.
    ///
    /// # Errors
    /// It could not be started.
    pub async fn bare(&self, addr: &ProviderAddr) -> Result<Arc<dyn Provider>, ProviderError> {
        let slot = Arc::clone(lock(&self.bare).entry(addr.clone()).or_default());
        slot.get_or_init(|| self.launcher.launch(addr.clone()))
            .await
            .clone()
    }

    fn running(&self) -> Vec<Arc<dyn Provider>> {
        let slots: Vec<Slot> = lock(&self.slots).values().cloned().collect();
        let bare: Vec<Slot> = lock(&self.bare).values().cloned().collect();
        slots
            .iter()
            .chain(&bare)
            .filter_map(|s| s.get()?.as_ref().ok().cloned())
            .collect()
    }

    /// Asks calls in flight to return soon.
    pub async fn stop(&self) {
        join_all(self.running().iter().map(|p| p.stop())).await;
    }

    /// Ends all providers.
    pub async fn shutdown(&self) {
        join_all(self.running().iter().map(|p| p.shutdown())).await;
    }
}

fn went_well(said: &Response) -> bool {
    matches!(said, Response::Done(diags) if !diags.has_errors())
}

/// Locks are held for a moment only, never while anything is awaited.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
