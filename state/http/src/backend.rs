use std::sync::Arc;

use muster_store::{Backend, Codec, DEFAULT_WORKSPACE, Settings, Store, StoreError};

use crate::client::Client;
use crate::config::Config;
use crate::store::HttpStore;

/// One state behind an HTTP server. There are no workspaces but the default one.
#[derive(Debug)]
pub struct HttpBackend {
    client: Arc<Client>,
    codec: Codec,
}

impl HttpBackend {
    /// The backend with these arguments, and those that stand in the environment. Nothing is
    /// asked of the server yet.
    ///
    /// # Errors
    /// [`StoreError::Setting`] if an argument is missing or wrong; the system has no way to make
    /// connections.
    pub fn open(settings: &Settings, codec: Codec) -> Result<Box<dyn Backend>, StoreError> {
        let config = Config::new(settings, &|name| std::env::var(name).ok())?;
        let client = Arc::new(Client::new(config)?);
        Ok(Box::new(Self { client, codec }))
    }

    fn only_default<T>(&self) -> Result<T, StoreError> {
        Err(StoreError::Unsupported {
            place: self.describe(),
            what: "have workspaces other than the default one",
        })
    }
}

impl Backend for HttpBackend {
    fn describe(&self) -> String {
        self.client.place()
    }

    fn workspaces(&self) -> Result<Vec<String>, StoreError> {
        Ok(vec![DEFAULT_WORKSPACE.to_owned()])
    }

    fn create(&self, _workspace: &str) -> Result<(), StoreError> {
        self.only_default()
    }

    fn open(&self, workspace: &str) -> Result<Box<dyn Store>, StoreError> {
        if workspace != DEFAULT_WORKSPACE {
            return self.only_default();
        }
        Ok(Box::new(HttpStore::new(
            Arc::clone(&self.client),
            self.codec.clone(),
        )))
    }

    fn delete(&self, _workspace: &str) -> Result<(), StoreError> {
        self.only_default()
    }
}
