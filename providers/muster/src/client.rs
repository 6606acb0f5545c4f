use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_sdk::{Diagnostic, Path};

use crate::driver::{Driver, DriverError, Manages};
use crate::ledger::{Entry, Ledger, Load};
use crate::model::{Capacity, Kind, Object, Resource, ZoneSpec, ZoneView};

/// What resources and data sources work with.
pub struct Client {
    driver: Arc<dyn Driver>,
    /// Zones of the plan in progress, by id; `None` for those that will go. An engine plans a
    /// zone before whatever refers to it, so what refers to it can look ahead.
    planned: Mutex<BTreeMap<String, Option<ZoneSpec>>>,
    /// What the plan in progress takes from zones.
    ledger: Mutex<Ledger>,
}

impl Client {
    /// Works with a driver.
    pub fn new(driver: Arc<dyn Driver>) -> Self {
        Self {
            driver,
            planned: Mutex::default(),
            ledger: Mutex::default(),
        }
    }

    /// The driver.
    pub fn driver(&self) -> &(dyn Driver + 'static) {
        &*self.driver
    }

    /// Remembers that a zone will be like this.
    pub fn plan_zone(&self, spec: ZoneSpec) {
        self.planned().insert(spec.id(), Some(spec));
    }

    /// Remembers that a zone will go.
    pub fn plan_zone_gone(&self, id: &str) {
        self.planned().insert(id.into(), None);
    }

    /// The zones as they will be when everything planned so far is done.
    ///
    /// # Errors
    /// When the driver cannot list its zones.
    pub async fn zones_ahead(&self) -> Result<Vec<ZoneView>, DriverError> {
        let mut views: BTreeMap<String, ZoneView> = BTreeMap::new();
        for zone in self.driver.zones().await? {
            let committed = zone.status.committed();
            let view = ZoneView {
                id: zone.id.clone(),
                spec: zone.spec,
                committed,
            };
            views.insert(zone.id, view);
        }
        for (id, spec) in self.planned().iter() {
            match spec {
                None => {
                    views.remove(id);
                }
                Some(spec) => {
                    let committed = views.get(id).map_or(Capacity::ZERO, |view| view.committed);
                    let view = ZoneView {
                        id: id.clone(),
                        spec: spec.clone(),
                        committed,
                    };
                    views.insert(id.clone(), view);
                }
            }
        }
        Ok(views.into_values().collect())
    }

    /// Remembers what an object will take once the plan in progress is done, which holds as long
    /// as nothing else is said of the object. `key` is what is unique to it among its kind;
    /// `ahead` are the zones as they will be, if they are at hand.
    ///
    /// # Errors
    /// [`DriverError::Capacity`] for `field` when the zones cannot hold it together with all that
    /// is planned so far; then it is not remembered. What the driver says when it cannot list its
    /// zones.
    pub(crate) async fn commit<K: Kind>(
        &self,
        key: &str,
        entry: Entry,
        field: &'static str,
        ahead: Option<&[ZoneView]>,
    ) -> Result<(), DriverError> {
        let takes = entry.takes;
        let loads = self.ledger().commit(K::NAME, key, entry);
        if loads.is_empty() {
            return Ok(());
        }
        let listed;
        let ahead = match ahead {
            Some(ahead) => ahead,
            None => {
                listed = self.zones_ahead().await?;
                &listed
            }
        };
        for load in loads {
            if let Some((resource, offer)) = load.lacks(&takes, ahead) {
                let mut ledger = self.ledger();
                let reason = overload(&load, (resource, offer), &ledger);
                ledger.release(K::NAME, key);
                return Err(DriverError::Capacity { field, reason });
            }
        }
        Ok(())
    }

    /// Remembers that an object will be gone, or that there is no telling what it takes.
    pub(crate) fn release<K: Kind>(&self, key: &str) {
        self.ledger().release(K::NAME, key);
    }

    /// Makes an object, or finds the one that the same token has made before.
    ///
    /// # Errors
    /// What the driver says, as a diagnostic.
    pub async fn create<K: Kind>(&self, token: &str, spec: K::Spec) -> Result<Object<K>, Diagnostic>
    where
        dyn Driver: Manages<K>,
    {
        let made = Manages::<K>::create(self.driver(), token, spec).await;
        made.map_err(|error| diagnostic(K::NAME, "creating", &error))
    }

    /// Looks at an object that is on record.
    ///
    /// # Errors
    /// What the driver says, as a diagnostic.
    pub async fn read<K: Kind>(&self, id: &str) -> Result<Option<Object<K>>, Diagnostic>
    where
        dyn Driver: Manages<K>,
    {
        let found = Manages::<K>::get(self.driver(), id).await;
        found.map_err(|error| diagnostic(K::NAME, "reading", &error))
    }

    /// Changes an object.
    ///
    /// # Errors
    /// What the driver says, as a diagnostic.
    pub async fn update<K: Kind>(&self, id: &str, spec: K::Spec) -> Result<Object<K>, Diagnostic>
    where
        dyn Driver: Manages<K>,
    {
        let changed = Manages::<K>::update(self.driver(), id, spec).await;
        changed.map_err(|error| diagnostic(K::NAME, "updating", &error))
    }

    /// Ends an object.
    ///
    /// # Errors
    /// What the driver says, as a diagnostic.
    pub async fn delete<K: Kind>(&self, id: &str) -> Result<(), Diagnostic>
    where
        dyn Driver: Manages<K>,
    {
        let gone = Manages::<K>::delete(self.driver(), id).await;
        gone.map_err(|error| diagnostic(K::NAME, "deleting", &error))
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn planned(&self) -> MutexGuard<'_, BTreeMap<String, Option<ZoneSpec>>> {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The most objects that an error lists.
const LISTED: usize = 5;

/// Says who wants how much of zones that cannot hold it.
fn overload(load: &Load, (resource, offer): (Resource, f64), ledger: &Ledger) -> String {
    let takers = ledger.takers(&load.zones, resource);
    let mut parts: Vec<String> = takers
        .iter()
        .take(LISTED)
        .map(|(kind, key, amount)| format!("{amount} for the {kind} {key:?}"))
        .collect();
    if takers.len() > LISTED {
        parts.push(format!("the rest for {} others", takers.len() - LISTED));
    }
    let (noun, verb) = match load.zones.len() {
        1 => ("zone", "offers"),
        _ => ("zones", "together offer"),
    };
    format!(
        "With this plan {} {unit} are needed in the {noun} {}, which {verb} {offer}: {}",
        load.takes.get(resource),
        load.zones.join(", "),
        parts.join(", "),
        unit = resource.attribute(),
    )
}

/// A driver's refusal as people should read it, with the attribute to blame.
pub(crate) fn diagnostic(kind: &str, doing: &str, error: &DriverError) -> Diagnostic {
    let summary = match error {
        DriverError::Capacity { .. } => "Insufficient Capacity".to_owned(),
        DriverError::Exists { .. } => "Object Already Exists".to_owned(),
        DriverError::InUse { .. } => "Object In Use".to_owned(),
        _ => format!("Error {doing} {kind}"),
    };
    let text = error.to_string();
    let mut detail = String::with_capacity(text.len() + 1);
    let mut chars = text.chars();
    detail.extend(chars.next().into_iter().flat_map(char::to_uppercase));
    detail.push_str(chars.as_str());
    detail.push('.');
    if let DriverError::Exists { .. } = error {
        detail.push_str(" Import it to manage it here, or choose another name.");
    }
    let mut diagnostic = Diagnostic::error(summary, detail);
    diagnostic.path = error.field().map(|field| Path::root().attr(field));
    diagnostic
}
