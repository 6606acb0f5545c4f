use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use muster_snapshot::{JsonText, Snapshot};
use muster_store::{LocalBackend, LocalStore, LockInfo, StoreError};

use super::*;
use crate::backend::journaled;

/// A state that is written to a few times, and refuses to be from then on.
struct Worn {
    store: LocalStore,
    left: AtomicU32,
}

impl Store for Worn {
    fn describe(&self) -> String {
        self.store.describe()
    }

    fn lock(&self, info: LockInfo, timeout: Duration) -> Result<LockGuard, StoreError> {
        self.store.lock(info, timeout)
    }

    fn read(&self) -> Result<Option<Snapshot>, StoreError> {
        self.store.read()
    }

    fn write(&self, snapshot: &mut Snapshot) -> Result<bool, StoreError> {
        self.store.write(snapshot)
    }

    fn replace(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let left = &self.left;
        let used = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        match used {
            Ok(_) => self.store.replace(snapshot),
            Err(_) => Err(StoreError::Remote {
                place: self.describe(),
                action: "write",
                reason: "it is worn out".to_owned(),
            }),
        }
    }

    fn force_unlock(&self, id: &str) -> Result<(), StoreError> {
        self.store.force_unlock(id)
    }
}

fn place(folder: &Path, name: &str) -> LocalBackend {
    let folder = folder.join(name);
    LocalBackend {
        path: folder.join("terraform.tfstate"),
        workspace_dir: folder.join("terraform.tfstate.d"),
        ..LocalBackend::default()
    }
}

/// A state that says something.
fn state(says: &str) -> Snapshot {
    let mut state = Snapshot::new("1.2.3");
    let text = JsonText::parse(&format!("{says:?}")).unwrap();
    state.extra.push(("says".into(), text));
    state
}

/// Copies three workspaces, of which the last cannot be written, to where only the first is. The
/// first can be written so many times. Answers what is said.
fn copied(old: &LocalBackend, new: &LocalBackend, first: u32) -> String {
    for name in ["default", "a", "b"] {
        let store = old.store(name);
        store.replace(&state(&format!("old {name}"))).unwrap();
    }
    new.store("default").replace(&state("new")).unwrap();
    let times = [("default", first), ("a", 9), ("b", 0)];
    let mut pairs = times.map(|(name, times)| {
        let to = Worn {
            store: new.store(name),
            left: times.into(),
        };
        let journal = Journaled::path_beside(to.store.path());
        let codec = to.store.codec().clone();
        Pair {
            workspace: name.to_owned(),
            from: journaled(old.store(name)),
            replaced: to.read().unwrap(),
            to: Journaled::new(Box::new(to), journal, codec),
            is_new: name != "default",
        }
    });
    let failure = copy(new, &mut pairs, &args::Locking::default(), false).unwrap_err();
    let details = failure.diags.iter().map(|d| d.detail.to_string());
    details.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_was_copied_is_taken_back_when_something_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let [old, new] = ["old", "new"].map(|name| place(folder.path(), name));
    let said = copied(&old, &new, 9);
    assert!(said.contains("worn out"), "{said}");
    assert!(!said.contains("cannot be put back"), "{said}");
    assert_eq!(new.workspaces().unwrap(), ["default"]);
    let kept = new.store("default").read().unwrap().unwrap();
    assert_eq!(kept.extra, state("new").extra);
    // The old place has everything, and nobody is left to wait for.
    assert_eq!(old.workspaces().unwrap(), ["default", "a", "b"]);
    for store in ["default", "a", "b"].map(|name| old.store(name)) {
        assert!(store.read().unwrap().is_some(), "{}", store.describe());
        assert!(store.holder().unwrap().is_none(), "{}", store.describe());
    }
    assert!(new.store("default").holder().unwrap().is_none());
}

#[test]
fn what_cannot_be_taken_back_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let [old, new] = ["old", "new"].map(|name| place(folder.path(), name));
    let said = copied(&old, &new, 1);
    let path = new.path.display().to_string();
    assert!(said.contains("worn out"), "{said}");
    let expect = format!("{path} cannot be put back as it was");
    assert!(said.contains(&expect), "{said}");
    // The rest is taken back all the same.
    assert_eq!(new.workspaces().unwrap(), ["default"]);
    assert!(old.store("default").read().unwrap().is_some());
}
