use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use muster_snapshot::{JsonText, Snapshot};
use muster_store::{LocalBackend, LocalStore, LockGuard, LockInfo, StoreError};

use super::*;
use crate::backend::journaled;

/// A state that is written to a few times, and refuses to be from then on.
struct Worn {
    store: LocalStore,
    left: AtomicU32,
    /// Its locks cannot be given back.
    keeps_locks: bool,
}

fn worn_out(place: String, action: &'static str) -> StoreError {
    StoreError::Remote {
        place,
        action,
        reason: "it is worn out".to_owned(),
    }
}

impl Store for Worn {
    fn describe(&self) -> String {
        self.store.describe()
    }

    fn lock(&self, info: LockInfo, timeout: Duration) -> Result<LockGuard, StoreError> {
        let guard = self.store.lock(info, timeout)?;
        let (keeps_locks, place) = (self.keeps_locks, self.describe());
        Ok(guard.given_back(move |unlock| match keeps_locks {
            true => Err(worn_out(place, "unlock")),
            false => unlock(),
        }))
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
            Err(_) => Err(worn_out(self.describe(), "write")),
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

/// A place where a workspace is there if its state is, so that an empty one is stored.
struct Emptying(LocalBackend);

impl Backend for Emptying {
    fn describe(&self) -> String {
        self.0.describe()
    }

    fn workspaces(&self) -> Result<Vec<String>, StoreError> {
        self.0.workspaces()
    }

    fn create(&self, workspace: &str) -> Result<(), StoreError> {
        self.0.create(workspace)?;
        self.0.store(workspace).replace(&Snapshot::new("1.2.3"))
    }

    fn open(&self, workspace: &str) -> Result<Box<dyn Store>, StoreError> {
        self.0.open(workspace)
    }

    fn delete(&self, workspace: &str) -> Result<(), StoreError> {
        self.0.delete(workspace)
    }
}

/// Three workspaces of an old place that are to be copied to a new one, of which the last cannot
/// be written there. The first can be written so many times.
fn pairs(old: &LocalBackend, new: &LocalBackend, first: u32) -> [Pair; 3] {
    for name in ["default", "a", "b"] {
        let store = old.store(name);
        store.replace(&state(&format!("old {name}"))).unwrap();
    }
    let times = [("default", first), ("a", 9), ("b", 0)];
    times.map(|(name, times)| {
        let to = Worn {
            store: new.store(name),
            left: times.into(),
            keeps_locks: times == 0,
        };
        let journal = Journaled::path_beside(to.store.path());
        let codec = to.store.codec().clone();
        Pair {
            workspace: name.to_owned(),
            from: journaled(old.store(name)),
            replaced: to.read().unwrap(),
            to: Journaled::new(Box::new(to), journal, codec),
            is_new: name != "default",
            is_seen: false,
        }
    })
}

/// Copies what cannot be copied, and answers what is said.
fn failed(new: &dyn Backend, mut pairs: [Pair; 3]) -> String {
    let failure = copy(new, &mut pairs, &args::Locking::default(), false).unwrap_err();
    let details = failure.diags.iter().map(|d| d.detail.to_string());
    details.collect::<Vec<_>>().join("\n")
}

/// Copies to where only the first of the workspaces is.
fn copied(old: &LocalBackend, new: &LocalBackend, first: u32) -> String {
    new.store("default").replace(&state("new")).unwrap();
    failed(new, pairs(old, new, first))
}

#[test]
fn what_was_not_there_is_gone_again() {
    let folder = tempfile::tempdir().unwrap();
    let [old, new] = ["old", "new"].map(|name| place(folder.path(), name));
    let said = failed(&Emptying(new.clone()), pairs(&old, &new, 9));
    assert!(said.contains("worn out"), "{said}");
    assert!(!said.contains("cannot be put back"), "{said}");
    assert_eq!(new.workspaces().unwrap(), ["default"]);
    let kept = new.store("default").read().unwrap();
    assert_eq!(kept.map(|state| state.extra), Some(Vec::new()));
}

#[test]
fn a_workspace_that_somebody_else_uses_stays() {
    let folder = tempfile::tempdir().unwrap();
    let [old, new] = ["old", "new"].map(|name| place(folder.path(), name));
    let pairs = pairs(&old, &new, 9);
    // Somebody was quicker with the second one.
    new.create("a").unwrap();
    let info = LockInfo::new("test", "1.2.3");
    let guard = new.store("a").lock(info, Duration::ZERO).unwrap();
    let said = failed(&Emptying(new.clone()), pairs);
    guard.release().unwrap();
    assert!(said.contains("Another run holds the lock"), "{said}");
    assert!(!said.contains("cannot be put back"), "{said}");
    assert_eq!(new.workspaces().unwrap(), ["default", "a"]);
}

#[test]
fn locks_that_stay_are_told_each() {
    let folder = tempfile::tempdir().unwrap();
    let [old, new] = ["old", "new"].map(|name| place(folder.path(), name));
    let said = copied(&old, &new, 9);
    let expect = format!("The lock on {} was not given", new.store("b").describe());
    assert_eq!(said.matches(&expect).count(), 1, "{said}");
    assert_eq!(said.matches("muster force-unlock ").count(), 1, "{said}");
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
