//! Workspaces that are deleted while others want them.

use super::*;
use crate::{Backend, Part};

/// A last guard: nobody waits that long.
const LONG: Duration = Duration::from_secs(300);

fn backend(place: &Place) -> LocalBackend {
    LocalBackend {
        path: place.state(),
        workspace_dir: place.path("terraform.tfstate.d"),
        ..LocalBackend::default()
    }
}

fn wait(store: &LocalStore, part: Option<&Part>, timeout: Duration) -> Result<(), StoreError> {
    let info = LockInfo::new("OperationTypeApply", "1.11.4");
    let guard = match part {
        Some(part) => store.lock_part(info, part, timeout),
        None => store.lock(info, timeout),
    };
    guard.map(drop)
}

fn check_deleted(tried: Result<(), StoreError>, place: &Place) {
    assert!(
        matches!(tried, Err(StoreError::Deleted { .. })),
        "{tried:?}"
    );
    assert_eq!(backend(place).workspaces().unwrap(), ["default"]);
    let folder = place.path("terraform.tfstate.d");
    assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
}

#[test]
fn waiting_does_not_bring_a_deleted_workspace_back() {
    let part = Part::default();
    for part in [None, Some(&part)] {
        let place = Place::new();
        let backend = backend(&place);
        let held = lock(&backend.store("x")).unwrap();
        let waiting = backend.store("x");
        let tried = wait(&waiting, part, Duration::ZERO);
        assert!(matches!(tried, Err(StoreError::Locked { .. })), "{tried:?}");
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| wait(&waiting, part, LONG));
            backend.delete("x").unwrap();
            held.release().unwrap();
            check_deleted(waits.join().unwrap(), &place);
        });
    }
}

#[test]
fn who_has_read_a_state_does_not_begin_another_one() {
    let place = Place::new();
    let backend = backend(&place);
    let store = backend.store("x");
    // One that is not there yet is made by whoever wants it.
    assert_eq!(store.read().unwrap(), None);
    let held = lock(&store).unwrap();
    written(&store, "\"mine\"");
    held.release().unwrap();
    let later = backend.store("x");
    later.read().unwrap().unwrap();
    backend.delete("x").unwrap();
    check_deleted(wait(&later, None, Duration::ZERO), &place);
    // A new one is nobody's state yet.
    backend.create("x").unwrap();
    wait(&later, None, Duration::ZERO).unwrap();
}

#[test]
fn who_writes_without_a_lock_does_not_bring_a_deleted_workspace_back() {
    let place = Place::new();
    let backend = backend(&place);
    let store = backend.store("x");
    // A first write makes the folder, also without a lock.
    assert_eq!(store.read().unwrap(), None);
    let state = written(&store, "\"mine\"");
    let other = backend.store("x");
    let mut next = other.read().unwrap().unwrap();
    says(&mut next, "\"theirs\"");
    backend.delete("x").unwrap();
    check_deleted(other.write(&mut next).map(drop), &place);
    check_deleted(store.replace(&next), &place);
    assert_eq!(next.serial, state.serial);
    // A workspace of that name that somebody makes afterwards is another one.
    backend.create("x").unwrap();
    backend.store("x").replace(&next).unwrap();
}

#[test]
fn a_lock_of_a_deleted_workspace_leaves_a_new_one_alone() {
    let place = Place::new();
    let backend = backend(&place);
    let old = lock(&backend.store("x")).unwrap();
    backend.delete("x").unwrap();
    let new = lock(&backend.store("x")).unwrap();
    old.release().unwrap();
    let holder = backend.store("x").holder().unwrap().flatten().unwrap();
    assert_eq!(holder, *new.info());
}

#[test]
fn what_is_left_of_deleted_workspaces_is_removed_later() {
    let place = Place::new();
    let backend = backend(&place);
    let left = place.path("terraform.tfstate.d/.deleted#1");
    let check = |tidy: &dyn Fn()| {
        fs::create_dir_all(&left).unwrap();
        fs::write(left.join("terraform.tfstate"), "{}").unwrap();
        assert!(
            !backend
                .workspaces()
                .unwrap()
                .iter()
                .any(|n| n.contains('#'))
        );
        tidy();
        assert!(!left.exists());
    };
    check(&|| backend.tidy());
    check(&|| backend.create("y").unwrap());
    assert_eq!(backend.workspaces().unwrap(), ["default", "y"]);
}
