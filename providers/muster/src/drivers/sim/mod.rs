//! The embedded simulator: a small cloud in a file.
//!
//! It is stricter than the real ones: capacity is counted to the last core, names are unique,
//! nothing may refer to what is not there, and nothing that others need can go.

mod kinds;
mod spread;
mod store;
mod tokens;
mod world;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::FutureExt;
use futures::future::BoxFuture;

use self::store::WorldFile;
use self::world::{Kept, World};
use crate::driver::{Driver, DriverError, Manages};
use crate::model::{Kind, Object, Zone, ZoneToken};

type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The simulator.
#[derive(Clone)]
pub struct Sim {
    file: WorldFile,
    clock: Clock,
    latency: Duration,
}

impl Sim {
    /// A world kept in a file, which need not be there yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let clock = || {
            let since = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
        };
        Self {
            file: WorldFile::new(path.into()),
            clock: Arc::new(clock),
            latency: Duration::ZERO,
        }
    }

    /// The same world with another clock, in seconds since the epoch.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The same world in which every change takes this long, as it would in a real cloud.
    #[must_use]
    pub fn with_latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&World, i64) -> Result<T, DriverError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, DriverError>> {
        let (file, now) = (self.file.clone(), (self.clock)());
        blocking(move || file.read(|world| look(world, now))).boxed()
    }

    fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut World, i64) -> Result<T, DriverError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, DriverError>> {
        let (file, now, latency) = (self.file.clone(), (self.clock)(), self.latency);
        async move {
            if !latency.is_zero() {
                tokio::time::sleep(latency).await;
            }
            blocking(move || file.write(|world| change(world, now))).await
        }
        .boxed()
    }
}

/// Runs file work where it does not hold up other calls.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DriverError> + Send + 'static,
) -> Result<T, DriverError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(DriverError::Refused(
            "the simulator failed in the middle of a call".into(),
        ))
    })
}

impl<K: Kept> Manages<K> for Sim {
    fn create<'a>(
        &'a self,
        token: &'a str,
        spec: K::Spec,
    ) -> BoxFuture<'a, Result<Object<K>, DriverError>> {
        let token = token.to_owned();
        self.write(move |world, now| {
            let id = world::create::<K>(world, &token, spec, now)?;
            existing(world, &id, now)
        })
    }

    fn get<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Object<K>>, DriverError>> {
        let id = id.to_owned();
        self.read(move |world, now| Ok(object(world, &id, now)))
    }

    fn update<'a>(
        &'a self,
        id: &'a str,
        spec: K::Spec,
    ) -> BoxFuture<'a, Result<Object<K>, DriverError>> {
        let id = id.to_owned();
        self.write(move |world, now| {
            world::update::<K>(world, &id, spec, now)?;
            existing(world, &id, now)
        })
    }

    fn delete<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), DriverError>> {
        let id = id.to_owned();
        self.write(move |world, now| world::delete::<K>(world, &id, now))
    }
}

impl Driver for Sim {
    fn name(&self) -> &'static str {
        "sim"
    }

    fn zones(&self) -> BoxFuture<'_, Result<Vec<Object<Zone>>, DriverError>> {
        self.read(|world, now| {
            let ids = world.zones.keys();
            Ok(ids.filter_map(|id| object(world, id, now)).collect())
        })
    }

    fn open_token<'a>(
        &'a self,
        zone: &'a str,
        lasts: u64,
    ) -> BoxFuture<'a, Result<ZoneToken, DriverError>> {
        let zone = zone.to_owned();
        self.write(move |world, now| tokens::open(world, &zone, lasts, now))
    }

    fn renew_token<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<i64, DriverError>> {
        let id = id.to_owned();
        self.write(move |world, now| tokens::renew(world, &id, now))
    }

    fn close_token<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), DriverError>> {
        let id = id.to_owned();
        self.write(move |world, now| {
            tokens::close(world, &id, now);
            Ok(())
        })
    }

    fn set_credential<'a>(
        &'a self,
        zone: &'a str,
        credential: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(), DriverError>> {
        let (zone, credential) = (zone.to_owned(), credential.map(str::to_owned));
        self.write(move |world, _| tokens::set_credential(world, &zone, credential.as_deref()))
    }
}

fn object<K: Kept>(world: &World, id: &str, now: i64) -> Option<Object<K>> {
    Some(Object {
        id: id.into(),
        spec: K::records(world).get(id)?.spec.clone(),
        status: K::status(world, id, now)?,
    })
}

fn existing<K: Kept>(world: &World, id: &str, now: i64) -> Result<Object<K>, DriverError> {
    object(world, id, now).ok_or_else(|| DriverError::NotFound {
        kind: <K as Kind>::NAME,
        id: id.into(),
    })
}

#[cfg(test)]
mod tests;
