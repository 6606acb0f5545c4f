//! The states of all workspaces.

use std::sync::Arc;

use bytes::Bytes;
use muster_snapshot::Snapshot;
use muster_store::{Backend, Codec, DEFAULT_WORKSPACE, LockInfo, Settings, Store, StoreError};

use crate::bridge::Bridge;
use crate::bucket::{Bucket, Condition, Put};
use crate::config::Config;
use crate::desk::Desk;
use crate::fault::Fault;
use crate::lock::Lock;
use crate::service::Service;
use crate::store::S3Store;
use crate::table::Table;

/// The version that the state of a new workspace is said to be written by, as Terraform does it:
/// nothing is in it that another version could not read.
const WRITTEN_BY: &str = "1.11.4";

/// States in a bucket: one object for the default workspace, and for each other one an object
/// under a prefix that has its name.
pub struct S3Backend {
    config: Config,
    codec: Codec,
    bridge: Arc<Bridge>,
    bucket: Bucket,
}

impl S3Backend {
    /// The backend that the arguments of a block, and what stands for them in the environment,
    /// describe. Nothing is asked yet, unless only some accounts are allowed.
    ///
    /// # Errors
    /// [`StoreError::Setting`] if an argument is missing or makes no sense.
    pub fn open(settings: &Settings, codec: Codec) -> Result<Box<dyn Backend>, StoreError> {
        let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let config = Config::new(settings, &env)?;
        Ok(Box::new(Self::new(config, codec)?))
    }

    pub(crate) fn new(config: Config, codec: Codec) -> Result<Self, StoreError> {
        let place = format!("s3://{}", config.bucket);
        let unreachable = |reason: String| StoreError::Remote {
            place: place.clone(),
            action: "open",
            reason,
        };
        let bridge = Bridge::start().map_err(|e| unreachable(e.to_string()))?;
        let opened = bridge.run({
            let config = config.clone();
            async move {
                let service = Service::new(&config).await?;
                let checked = service.keyring().check_account(&config.identity).await;
                Ok::<_, StoreError>((service, checked))
            }
        });
        let (service, checked) = opened.ok_or_else(|| unreachable(Desk::lost().to_string()))??;
        checked.map_err(|fault| unreachable(fault.to_string()))?;
        let who = LockInfo::new("", "").who;
        Ok(Self {
            bucket: Bucket::new(service, &config, &who),
            bridge: Arc::new(bridge),
            config,
            codec,
        })
    }

    fn key(&self, workspace: &str) -> Result<String, StoreError> {
        let Config {
            key,
            workspace_prefix: prefix,
            ..
        } = &self.config;
        match workspace {
            DEFAULT_WORKSPACE => Ok(key.clone()),
            "" | "." | ".." => Err(self.unsupported("have workspaces without a name")),
            _ if workspace.contains('/') => {
                Err(self.unsupported("have workspaces with a slash in their name"))
            }
            _ if prefix.is_empty() => Ok(format!("{workspace}/{key}")),
            _ => Ok(format!("{prefix}/{workspace}/{key}")),
        }
    }

    fn desk(&self, workspace: &str) -> Result<Desk, StoreError> {
        let key = self.key(workspace)?;
        let id = format!("{}/{key}", self.config.bucket);
        let table = self.config.lock_table.clone().map(|name| Table {
            service: self.bucket.service.clone(),
            name,
        });
        Ok(Desk {
            place: format!("s3://{id}"),
            lock: Lock {
                bucket: self.bucket.clone(),
                file: self.config.lock_file.then(|| format!("{key}.tflock")),
                table,
                id,
            },
            key,
        })
    }

    #[cfg(test)]
    pub(crate) fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    pub(crate) fn run<T: Send + 'static>(
        &self,
        action: &'static str,
        job: impl Future<Output = Result<T, Fault>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let result = self.bridge.run(job).unwrap_or_else(|| Err(Desk::lost()));
        result.map_err(|fault| StoreError::Remote {
            place: self.describe(),
            action,
            reason: fault.to_string(),
        })
    }

    fn unsupported(&self, what: &'static str) -> StoreError {
        StoreError::Unsupported {
            place: self.describe(),
            what,
        }
    }
}

impl Backend for S3Backend {
    fn describe(&self) -> String {
        format!("s3://{}/{}", self.config.bucket, self.config.key)
    }

    fn workspaces(&self) -> Result<Vec<String>, StoreError> {
        let mut prefix = self.config.workspace_prefix.clone();
        if !prefix.is_empty() {
            prefix.push('/');
        }
        let bucket = self.bucket.clone();
        let wanted = prefix.clone();
        let keys = self.run("list the workspaces of", async move {
            bucket.list(&wanted).await
        })?;
        let name = |key: &String| {
            let (name, rest) = key.strip_prefix(&prefix)?.split_once('/')?;
            (rest == self.config.key && !name.is_empty()).then(|| name.to_owned())
        };
        let mut names: Vec<_> = keys.iter().filter_map(name).collect();
        names.retain(|name| name != DEFAULT_WORKSPACE);
        names.sort();
        names.insert(0, DEFAULT_WORKSPACE.to_owned());
        Ok(names)
    }

    /// A workspace is there if its state is: an empty one is stored.
    fn create(&self, workspace: &str) -> Result<(), StoreError> {
        if workspace == DEFAULT_WORKSPACE {
            return Ok(());
        }
        let desk = self.desk(workspace)?;
        let snapshot = Snapshot {
            serial: 1,
            ..Snapshot::new(WRITTEN_BY)
        };
        let bytes = self.codec.encode(&snapshot);
        let bytes = bytes.map_err(|reason| StoreError::Seal {
            place: desk.place.clone(),
            reason,
        })?;
        self.run("make a workspace in", async move {
            let bytes = Bytes::from(bytes);
            match desk.put(bytes.clone(), &Condition::Absent).await? {
                Put::Done => desk.record(&bytes).await,
                // It is there already, or an attempt before made it.
                Put::Refused => match desk.object().await? {
                    Some(found) if found.bytes == bytes => desk.record(&bytes).await,
                    _ => Ok(()),
                },
            }
        })
    }

    fn open(&self, workspace: &str) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(S3Store::new(
            self.desk(workspace)?,
            self.codec.clone(),
            self.bridge.clone(),
        )))
    }

    fn delete(&self, workspace: &str) -> Result<(), StoreError> {
        if workspace == DEFAULT_WORKSPACE {
            return Err(self.unsupported("let go of the default workspace"));
        }
        let desk = self.desk(workspace)?;
        self.run("delete a workspace of", async move { desk.delete().await })
    }
}
