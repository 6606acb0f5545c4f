use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::StoreError;

/// Who holds a lock and what for, in the form that Terraform stores and shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct LockInfo {
    /// Names the lock.
    #[serde(rename = "ID")]
    pub id: String,
    /// What is being done: `OperationTypeApply`.
    pub operation: String,
    /// Anything else worth knowing.
    pub info: String,
    /// `user@host`.
    pub who: String,
    /// Version of the engine.
    pub version: String,
    /// When it was taken, in the form of RFC 3339.
    pub created: String,
    /// Which state; the store fills it in.
    pub path: String,
}

impl LockInfo {
    /// A lock of this user on this machine, from now on.
    pub fn new(operation: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            operation: operation.into(),
            // Terraform shows it, and has no field of its own for it.
            info: format!("process {}", std::process::id()),
            who: format!("{}@{}", crate::os::user_name(), crate::os::host_name()),
            version: version.into(),
            created: crate::time::now(),
            path: String::new(),
        }
    }

    /// Whether the process that has taken the lock was one of this machine, and has ended: what is
    /// left of it goes once what it was writing is on disk.
    pub fn is_left_behind(&self) -> bool {
        let process = self.info.strip_prefix("process ");
        let process = process.and_then(|number| number.parse().ok());
        let host = self.who.rsplit_once('@').map(|(_, host)| host);
        host == Some(&crate::os::host_name()) && process.is_some_and(crate::os::has_ended)
    }
}

/// Prints the lines that tell a person who holds the lock.
impl fmt::Display for LockInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let created = crate::time::to_seconds(&self.created);
        write!(
            f,
            "Lock Info:\n  ID:        {}\n  Path:      {}\n  Operation: {}\n  Who:       {}\n  \
             Version:   {}\n  Created:   {}\n  Info:      {}",
            self.id, self.path, self.operation, self.who, self.version, created, self.info
        )
    }
}

/// What gives a lock back.
pub type Unlock = Box<dyn FnOnce() -> Result<(), StoreError> + Send>;

/// A lock that is held. Dropping it gives it back; [`LockGuard::release`] also tells whether that
/// went well.
#[must_use = "the lock is given back when this is dropped"]
pub struct LockGuard {
    info: LockInfo,
    shared: bool,
    loss: LockLoss,
    unlock: Option<Unlock>,
}

impl LockGuard {
    /// A held lock and what gives it back, for whoever implements a store.
    pub fn new(
        info: LockInfo,
        unlock: impl FnOnce() -> Result<(), StoreError> + Send + 'static,
    ) -> Self {
        Self {
            info,
            shared: false,
            loss: LockLoss::default(),
            unlock: Some(Box::new(unlock)),
        }
    }

    /// The same lock, whose loss is told there.
    pub fn watched(mut self, loss: LockLoss) -> Self {
        self.loss = loss;
        self
    }

    /// The same lock, on a part of the state only.
    pub fn shared(mut self) -> Self {
        self.shared = true;
        self
    }

    /// The same lock, for whoever has to give it back in another way: `with` is given what does it.
    pub fn given_back(
        mut self,
        with: impl FnOnce(Unlock) -> Result<(), StoreError> + Send + 'static,
    ) -> Self {
        let unlock = self.unlock.take();
        self.unlock = unlock.map(|unlock| Box::new(move || with(unlock)) as Unlock);
        self
    }

    /// Whether others may hold locks on other parts of the state.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// What the lock says to others.
    pub fn info(&self) -> &LockInfo {
        &self.info
    }

    /// Whether the lock is still held, as far as the store has noticed.
    ///
    /// # Errors
    /// [`StoreError::LockLost`] if it is not.
    pub fn check(&self) -> Result<(), StoreError> {
        match &self.loss.inner().lost {
            None => Ok(()),
            Some((place, reason)) => Err(lost(place, reason)),
        }
    }

    /// Has something done, on another thread, as soon as the store notices that the lock is lost:
    /// at once if it has noticed that already. Replaces what was to be done before.
    pub fn on_loss(&self, act: impl FnOnce(StoreError) + Send + 'static) {
        self.loss.listen(Box::new(act));
    }

    /// Gives the lock back.
    ///
    /// # Errors
    /// The place cannot be reached; others may find it locked still.
    pub fn release(mut self) -> Result<(), StoreError> {
        self.unlock.take().map_or(Ok(()), |unlock| unlock())
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        if let Some(unlock) = self.unlock.take() {
            // There is nobody left to tell; whoever wants to know calls `release`.
            let _ = unlock();
        }
    }
}

/// Where a store tells that a lock is lost while it is needed, for whoever holds it.
#[derive(Clone, Default)]
pub struct LockLoss(Arc<Mutex<Loss>>);

/// What is done when a lock is lost.
type Act = Box<dyn FnOnce(StoreError) + Send>;

#[derive(Default)]
struct Loss {
    /// The state, and what is known of the reason.
    lost: Option<(String, String)>,
    act: Option<Act>,
}

impl LockLoss {
    /// Says that the lock on a state is lost. Only the first time counts.
    pub fn tell(&self, place: &str, reason: &str) {
        let mut inner = self.inner();
        if inner.lost.is_some() {
            return;
        }
        inner.lost = Some((place.to_owned(), reason.to_owned()));
        let act = inner.act.take();
        drop(inner);
        if let Some(act) = act {
            act(lost(place, reason));
        }
    }

    fn listen(&self, act: Act) {
        let mut inner = self.inner();
        let Some((place, reason)) = inner.lost.clone() else {
            inner.act = Some(act);
            return;
        };
        drop(inner);
        act(lost(&place, &reason));
    }

    fn inner(&self) -> MutexGuard<'_, Loss> {
        // What is in there stays valid whatever a panicking thread was doing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lost(place: &str, reason: &str) -> StoreError {
    StoreError::LockLost {
        place: place.to_owned(),
        reason: reason.to_owned(),
    }
}

impl fmt::Debug for LockGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockGuard")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_of_terraform_are_understood() {
        let text = r#"{"ID":"8cb1512b","Operation":"OperationTypeApply","Info":"","Who":"root@vm","Version":"1.11.4","Created":"2026-11-21T08:09:42.923300883Z","Path":"terraform.tfstate"}"#;
        let info: LockInfo = serde_json::from_str(text).unwrap();
        assert_eq!(info.who, "root@vm");
        assert_eq!(serde_json::to_string(&info).unwrap(), text);
        assert!(
            info.to_string()
                .contains("  Operation: OperationTypeApply\n"),
            "{info}"
        );
    }

    #[test]
    fn a_new_lock_names_its_holder() {
        let (a, b) = (LockInfo::new("plan", "1"), LockInfo::new("plan", "1"));
        assert_ne!(a.id, b.id);
        assert!(a.who.contains('@') && a.who.len() > 2, "{}", a.who);
    }

    #[test]
    fn the_loss_of_a_lock_is_told_once() {
        let loss = LockLoss::default();
        let guard = LockGuard::new(LockInfo::new("apply", "1"), || Ok(())).watched(loss.clone());
        let told = Arc::new(Mutex::new(Vec::new()));
        let listen = || {
            let told = told.clone();
            guard.on_loss(move |error| told.lock().unwrap().push(error.to_string()));
        };
        listen();
        guard.check().unwrap();
        loss.tell("there", "it has ended");
        loss.tell("there", "it has ended again");
        assert_eq!(
            *told.lock().unwrap(),
            ["the lock on there was lost: it has ended"]
        );
        // Whoever comes too late is told as well.
        listen();
        assert_eq!(told.lock().unwrap().len(), 2);
        assert!(matches!(guard.check(), Err(StoreError::LockLost { .. })));
    }

    #[test]
    fn a_lock_that_is_given_back_in_another_way_is_the_same_one() {
        let loss = LockLoss::default();
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = |what: &'static str| {
            let told = Arc::clone(&told);
            move || told.lock().unwrap().push(what)
        };
        let (inner, outer) = (tell("inner"), tell("outer"));
        let given_back = move || {
            inner();
            Ok(())
        };
        let guard = LockGuard::new(LockInfo::new("apply", "1"), given_back);
        let guard = guard.watched(loss.clone()).shared();
        let guard = guard.given_back(move |unlock| {
            outer();
            unlock()
        });
        assert!(guard.is_shared());
        loss.tell("there", "it has ended");
        assert!(matches!(guard.check(), Err(StoreError::LockLost { .. })));
        guard.release().unwrap();
        assert_eq!(*told.lock().unwrap(), ["outer", "inner"]);
    }
}
