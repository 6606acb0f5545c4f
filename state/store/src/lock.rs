use std::fmt;

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
}

/// Prints the lines that tell a person who holds the lock.
impl fmt::Display for LockInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Lock Info:\n  ID:        {}\n  Path:      {}\n  Operation: {}\n  Who:       {}\n  \
             Version:   {}\n  Created:   {}\n  Info:      {}",
            self.id, self.path, self.operation, self.who, self.version, self.created, self.info
        )
    }
}

/// What gives a lock back.
pub(crate) type Unlock = Box<dyn FnOnce() -> Result<(), StoreError> + Send>;

/// A lock that is held. Dropping it gives it back; [`LockGuard::release`] also tells whether that
/// went well.
#[must_use = "the lock is given back when this is dropped"]
pub struct LockGuard {
    info: LockInfo,
    shared: bool,
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
            unlock: Some(Box::new(unlock)),
        }
    }

    /// The same lock, on a part of the state only.
    pub fn shared(mut self) -> Self {
        self.shared = true;
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
}
