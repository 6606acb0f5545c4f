use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::*;
use crate::{conformance, disk, os};

mod races;
mod workspaces;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn state(&self) -> PathBuf {
        self.path("terraform.tfstate")
    }

    fn open(&self) -> LocalStore {
        LocalStore::new(self.state())
    }

    /// The files, but for the history.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = entries
            .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name != ".terraform.tfstate.history")
            .collect();
        names.sort();
        names
    }
}

fn says(snapshot: &mut Snapshot, text: &str) {
    snapshot.checks = muster_snapshot::JsonText::parse(text).ok();
}

fn written(store: &LocalStore, text: &str) -> Snapshot {
    let mut snapshot = store
        .read()
        .unwrap()
        .unwrap_or_else(|| Snapshot::new("1.11.4"));
    says(&mut snapshot, text);
    assert!(store.write(&mut snapshot).unwrap());
    snapshot
}

fn lock(store: &LocalStore) -> Result<LockGuard, StoreError> {
    store.lock(
        LockInfo::new("OperationTypeApply", "1.11.4"),
        Duration::ZERO,
    )
}

#[test]
fn conforms_to_what_stores_must_do() {
    conformance::run(|case| {
        let place = Place::new();
        let path = place.state();
        case(&|| Box::new(LocalStore::new(&path)));
    });
}

#[test]
#[cfg(target_os = "linux")]
fn locks_parts() {
    conformance::parts(|case| {
        let place = Place::new();
        let path = place.state();
        case(&|| Box::new(LocalStore::new(&path)));
        let left: Vec<_> = place.names();
        let expect = ["terraform.tfstate", "terraform.tfstate.backup"];
        assert!(
            left.iter().all(|name| expect.contains(&&**name)),
            "{left:?}"
        );
    });
}

#[test]
fn a_lock_leaves_nothing_behind() {
    let place = Place::new();
    let store = place.open();
    let held = lock(&store).unwrap();
    assert_eq!(
        place.names(),
        [".terraform.tfstate.lock.info", "terraform.tfstate"]
    );
    let info: LockInfo =
        serde_json::from_slice(&fs::read(place.path(".terraform.tfstate.lock.info")).unwrap())
            .unwrap();
    assert_eq!(info, *held.info());
    drop(held);
    assert_eq!(place.names(), Vec::<String>::new());
}

#[test]
fn a_link_to_a_state_that_is_not_there_yet_stays_a_link() {
    let place = Place::new();
    let link = place.path("link.tfstate");
    std::os::unix::fs::symlink(place.state(), &link).unwrap();
    // A plan takes the lock, and writes nothing.
    lock(&LocalStore::new(&link)).unwrap().release().unwrap();
    assert!(link.is_symlink() && !place.state().exists());
    let new = written(&LocalStore::new(&link), "1");
    assert_eq!(place.open().read().unwrap(), Some(new));
}

#[test]
fn what_is_locked_is_written_to_only_while_it_is_the_state() {
    let gone: fn(&Place) = |place| fs::remove_file(place.state()).unwrap();
    let replaced: fn(&Place) = |place| {
        fs::rename(place.state(), place.path("away")).unwrap();
        fs::write(place.state(), "").unwrap();
    };
    for change in [gone, replaced] {
        let place = Place::new();
        let store = place.open();
        let _held = lock(&store).unwrap();
        change(&place);
        let mut new = Snapshot::new("1.11.4");
        let refused = store.write(&mut new);
        assert!(
            matches!(refused, Err(StoreError::Replaced { .. })),
            "{refused:?}"
        );
        assert_eq!(new.serial, 0);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_in_the_place_of_the_folder_for_locks_is_told() {
    let place = Place::new();
    fs::write(place.path(".terraform.tfstate.locks"), "").unwrap();
    let info = LockInfo::new("OperationTypeApply", "1.11.4");
    let refused = place
        .open()
        .lock_part(info, &Part::nothing(), Duration::ZERO);
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("is not a folder"), "{refused}");
}

#[test]
fn a_lock_file_that_was_left_behind_does_not_lock() {
    let place = Place::new();
    fs::write(place.path(".terraform.tfstate.lock.info"), "{}").unwrap();
    lock(&place.open()).unwrap().release().unwrap();
    assert_eq!(place.names(), Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn what_a_killed_process_still_locks_is_waited_for() {
    let place = Place::new();
    let store = place.open();
    let held = lock(&store).unwrap();
    let mut info = held.info().clone();
    let refused = lock(&place.open());
    assert!(matches!(refused, Err(StoreError::Locked { .. })));
    let mut ended = Command::new("true").spawn().unwrap();
    ended.wait().unwrap();
    info.info = format!("process {}", ended.id());
    let text = serde_json::to_vec(&info).unwrap();
    fs::write(place.path(".terraform.tfstate.lock.info"), text).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(300));
            drop(held);
        });
        lock(&place.open()).unwrap().release().unwrap();
    });
}

#[test]
fn the_backup_is_the_state_before_the_run() {
    let place = Place::new();
    let store = place.open();
    written(&store, "1");
    assert_eq!(place.names(), ["terraform.tfstate"]);
    let before = fs::read(place.state()).unwrap();
    let next_run = place.open();
    let _held = lock(&next_run).unwrap();
    written(&next_run, "2");
    written(&next_run, "3");
    assert_eq!(
        fs::read(place.path("terraform.tfstate.backup")).unwrap(),
        before
    );
}

#[test]
fn a_backup_may_go_elsewhere_or_nowhere() {
    let place = Place::new();
    written(&place.open(), "1");
    let elsewhere = Some(place.path("old"));
    written(&LocalStore::with_backup(place.state(), elsewhere), "2");
    written(&LocalStore::with_backup(place.state(), None), "3");
    assert_eq!(place.names(), ["old", "terraform.tfstate"]);
}

#[test]
fn the_last_serial_number_is_no_trouble() {
    let place = Place::new();
    let mut state = Snapshot {
        serial: u64::MAX,
        ..Snapshot::new("1.11.4")
    };
    place.open().replace(&state).unwrap();
    for text in ["1", "2"] {
        says(&mut state, text);
        assert!(place.open().write(&mut state).unwrap());
        assert_eq!(place.open().read().unwrap().as_ref(), Some(&state));
    }
}

#[test]
fn large_states_come_back_as_they_were() {
    let place = Place::new();
    let store = place.open();
    let mut state = written(&store, "[0]");
    let provider = "provider[\"example.com/x/y\"]".parse().unwrap();
    let text = format!("{{\"v\":\"{}\"}}", "x".repeat(300));
    let object = muster_snapshot::Object {
        attributes: muster_snapshot::Attributes::Json(
            muster_snapshot::JsonText::parse(&text).unwrap(),
        ),
        ..muster_snapshot::Object::encode(&muster_value::Value::NULL, &muster_value::Type::Dynamic)
            .unwrap()
    };
    for n in 0..3000 {
        let addr = format!("x_y.z[{n}]").parse().unwrap();
        state.put(&addr, &provider, object.clone());
    }
    // In the place of another state, where there was nothing, and from the history.
    assert!(store.write(&mut state).unwrap());
    assert!(place.open().read().unwrap().unwrap() == state);
    let beside = LocalStore::new(place.path("new.tfstate"));
    let mut moved = Snapshot {
        serial: 0,
        ..state.clone()
    };
    assert!(beside.write(&mut moved).unwrap());
    assert!(fs::read(beside.path()).unwrap() == muster_snapshot::encode(&moved));
    let large = state.serial;
    written(&store, "[1]");
    assert!(place.open().version(large).unwrap().unwrap() == state);
}

#[test]
fn folders_are_made_when_they_are_needed() {
    let place = Place::new();
    let store = LocalStore::new(place.path("terraform.tfstate.d/dev/terraform.tfstate"));
    assert_eq!(store.read().unwrap(), None);
    assert_eq!(place.names(), Vec::<String>::new());
    let _held = lock(&store).unwrap();
    written(&store, "1");
    assert_eq!(place.names(), ["terraform.tfstate.d"]);
}

#[cfg(unix)]
#[test]
fn states_and_backups_are_for_their_owner_only() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let place = Place::new();
    written(&place.open(), "1");
    fs::set_permissions(place.state(), fs::Permissions::from_mode(0o644)).unwrap();
    written(&place.open(), "2");
    for name in ["terraform.tfstate", "terraform.tfstate.backup"] {
        assert_eq!(
            fs::metadata(place.path(name)).unwrap().mode() & 0o777,
            0o600,
            "{name}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_write_keeps_the_file_that_others_wait_for() {
    use std::os::unix::fs::MetadataExt;
    let place = Place::new();
    written(&place.open(), "1");
    let before = fs::metadata(place.state()).unwrap().ino();
    written(&place.open(), "[2,2,2,2]");
    written(&place.open(), "3");
    assert_eq!(fs::metadata(place.state()).unwrap().ino(), before);
}

#[test]
fn a_corrupt_state_is_never_touched() {
    let place = Place::new();
    let text = "{\"version\": 4, \"resour";
    fs::write(place.state(), text).unwrap();
    fs::write(place.path("terraform.tfstate.backup"), "{}").unwrap();
    let store = place.open();
    let _held = lock(&store).unwrap();
    let error = store.read().unwrap_err().to_string();
    assert!(
        error.contains("it has been cut off. An earlier state is in"),
        "{error}"
    );
    assert!(store.write(&mut Snapshot::new("1")).is_err());
    assert_eq!(fs::read_to_string(place.state()).unwrap(), text);
}

#[test]
fn what_cannot_be_written_leaves_the_old_state_whole() {
    let place = Place::new();
    let before = written(&place.open(), "1");
    // A folder where the new state should go stands for a disk that is full.
    fs::create_dir_all(place.path(".terraform.tfstate.new/x")).unwrap();
    let store = place.open();
    let mut snapshot = before.clone();
    says(&mut snapshot, "2");
    let refused = store.write(&mut snapshot);
    assert!(
        matches!(refused, Err(StoreError::NotWritten { .. })),
        "{refused:?}"
    );
    assert_eq!(snapshot.serial, before.serial);
    assert_eq!(store.read().unwrap(), Some(before));
}

#[test]
fn an_interrupted_write_is_finished() {
    let place = Place::new();
    let old = written(&place.open(), "1");
    let mut new = old.clone();
    says(&mut new, "2");
    new.serial += 1;
    let bytes = muster_snapshot::encode(&new);
    fs::write(place.path(".terraform.tfstate.new"), &bytes).unwrap();
    assert_eq!(
        place.open().read().unwrap(),
        Some(old),
        "nothing was written over yet"
    );

    let mut torn = fs::read(place.state()).unwrap();
    torn[0] = 0;
    fs::write(place.state(), &torn).unwrap();
    assert_eq!(place.open().read().unwrap().as_ref(), Some(&new));
    lock(&place.open()).unwrap().release().unwrap();
    assert_eq!(fs::read(place.state()).unwrap(), bytes);
    assert_eq!(place.names(), ["terraform.tfstate"]);
}

/// A write of another state than `old` was interrupted: that one, whole in no other place than the
/// file beside the state.
fn interrupted(place: &Place, old: &Snapshot) -> Snapshot {
    let mut new = old.clone();
    says(&mut new, "[2]");
    new.serial += 1;
    let bytes = muster_snapshot::encode(&new);
    fs::write(place.path(".terraform.tfstate.new"), bytes).unwrap();
    fs::write(place.state(), "\0 half of it").unwrap();
    new
}

#[test]
fn an_interrupted_write_that_cannot_be_finished_loses_nothing() {
    for good in 0.. {
        let place = Place::new();
        let new = interrupted(&place, &written(&place.open(), "1"));
        disk::faults::fail_sync_after(good);
        let locked = lock(&place.open()).map(drop);
        let failed = disk::faults::end();
        assert_eq!(locked.is_err(), failed, "sync {good}: {locked:?}");
        assert_eq!(place.open().read().unwrap().as_ref(), Some(&new), "{good}");
        if !failed {
            assert_eq!(place.names(), ["terraform.tfstate"]);
            break;
        }
    }
}

#[test]
fn a_write_after_one_that_stopped_half_way_loses_nothing() {
    for good in 0.. {
        let place = Place::new();
        let old = written(&place.open(), "1");
        let store = place.open();
        let _held = lock(&store).unwrap();
        let before = interrupted(&place, &old);
        let mut new = before.clone();
        says(&mut new, "3");
        disk::faults::fail_sync_after(good);
        let result = store.write(&mut new);
        let failed = disk::faults::end();
        let is_new = match &result {
            Ok(written) => *written,
            Err(StoreError::HalfWritten { .. }) => true,
            Err(StoreError::NotWritten { .. } | StoreError::Io { .. }) => false,
            Err(other) => panic!("{other}"),
        };
        let seen = place.open().read().unwrap().unwrap();
        let expect = if is_new { &new } else { &before };
        assert_eq!(seen.checks, expect.checks, "sync {good}: {result:?}");
        if !failed {
            assert!(is_new && place.names().len() == 3, "{:?}", place.names());
            break;
        }
    }
}

#[test]
fn an_interrupted_write_without_the_new_state_is_corrupt() {
    let place = Place::new();
    fs::write(place.state(), "\0{}").unwrap();
    fs::write(place.path(".terraform.tfstate.new"), "{\"version\": 4").unwrap();
    let read = place.open().read();
    assert!(matches!(read, Err(StoreError::Corrupt { .. })), "{read:?}");
}

#[test]
fn where_the_first_write_was_interrupted_there_is_nothing() {
    let place = Place::new();
    fs::write(place.state(), "\u{1}\n  \"version\": 4").unwrap();
    assert_eq!(place.open().read().unwrap(), None);
    let store = place.open();
    let _held = lock(&store).unwrap();
    assert_eq!(fs::read(place.state()).unwrap(), b"", "as it was before");
    assert_eq!(store.read().unwrap(), None);
    let state = written(&store, "1");
    assert_eq!(place.open().read().unwrap(), Some(state));
}

#[test]
fn who_begins_anew_beside_a_history_may_be_interrupted() {
    let place = Place::new();
    let mut state = with_instances(1, 1);
    assert!(place.open().write(&mut state).unwrap());
    fs::remove_file(place.state()).unwrap();
    fs::write(place.state(), "\u{1}\n").unwrap();
    assert_eq!(place.open().read().unwrap(), None);
    let store = place.open();
    let held = lock(&store).unwrap();
    assert_eq!(store.read().unwrap(), None);
    held.release().unwrap();
    assert!(!place.state().exists(), "as before that write");
    // One that was emptied otherwise is no state that begins.
    fs::write(place.state(), "").unwrap();
    assert!(place.open().read().is_err());
}

#[test]
fn a_first_write_whose_sync_fails_leaves_nothing_or_the_state() {
    for good in 0.. {
        let place = Place::new();
        let store = place.open();
        let held = lock(&store).unwrap();
        let mut state = Snapshot::new("1.11.4");
        disk::faults::fail_sync_after(good);
        let result = store.write(&mut state);
        if !disk::faults::end() {
            assert!(result.unwrap() && good > 2, "{good} syncs");
            break;
        }
        let expect = result.is_ok().then(|| state.clone());
        let is_told = matches!(result, Ok(true) | Err(StoreError::NotWritten { .. }));
        assert!(is_told, "{result:?}");
        assert_eq!(state.serial, u64::from(expect.is_some()));
        assert_eq!(place.open().read().unwrap(), expect, "sync {good}");
        held.release().unwrap();
        written(&place.open(), "1");
    }
}

#[test]
fn readers_without_the_lock_never_see_half_a_state() {
    let place = Place::new();
    let (short, long) = ("1", format!("[{}1]", "1,".repeat(50_000)));
    written(&place.open(), short);
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let read = place.open().read().unwrap().unwrap();
                let checks = read.checks.unwrap();
                assert!(checks.as_str() == short || checks.as_str() == long);
            }
        });
        let store = place.open();
        for _ in 0..15 {
            written(&store, &long);
            written(&store, short);
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

const CHILD: &str = "MUSTER_STORE_TEST_LOCK";

/// Not a test of its own: the process that [`locks_of_other_processes_count`] starts.
#[cfg(unix)]
#[test]
fn child_that_holds_a_process_lock() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    let file = os::open_private(Path::new(&path)).unwrap();
    rustix::fs::fcntl_lock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    println!("\nlocked");
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[cfg(unix)]
#[test]
fn locks_of_other_processes_count() {
    let place = Place::new();
    written(&place.open(), "1");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--nocapture",
            "local::tests::child_that_holds_a_process_lock",
        ])
        .env(CHILD, place.state())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map(Result::unwrap).any(|line| line == "locked"));
    let store = place.open();
    let refused = lock(&store);
    assert!(
        matches!(refused, Err(StoreError::Locked { holder: None, .. })),
        "{refused:?}"
    );
    drop(child.stdin.take());
    child.wait().unwrap();
    let _held = lock(&store).unwrap();
    // Reading through another open file does not give the lock away.
    place.open().read().unwrap();
    let file = os::open_private(&place.state()).unwrap();
    let stolen =
        rustix::fs::fcntl_lock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive);
    assert!(stolen.is_err());
}

#[test]
fn a_write_whose_sync_fails_leaves_the_old_state_or_the_new_one() {
    for good in 0.. {
        let place = Place::new();
        let old = written(&place.open(), "1");
        let store = place.open();
        let held = lock(&store).unwrap();
        let mut new = old.clone();
        says(&mut new, "2");
        disk::faults::fail_sync_after(good);
        let result = store.write(&mut new);
        if !disk::faults::end() {
            assert!(result.unwrap() && good > 4, "{good} syncs");
            break;
        }
        let told = match &result {
            Ok(written) => *written,
            Err(StoreError::NotWritten { .. } | StoreError::Io { .. }) => false,
            Err(StoreError::HalfWritten { complete, .. }) => {
                assert!(complete.exists());
                true
            }
            Err(other) => panic!("{other}"),
        };
        // For everybody who looks, and after a crash.
        let seen = place.open().read().unwrap().unwrap();
        assert_eq!(
            seen.checks,
            if told { &new } else { &old }.checks,
            "sync {good}: {result:?}"
        );
        held.release().unwrap();
        let next = place.open();
        let _held = lock(&next).unwrap();
        assert_eq!(next.read().unwrap(), Some(seen));
        written(&next, "3");
        assert_eq!(
            place.open().read().unwrap().unwrap().checks,
            next.read().unwrap().unwrap().checks
        );
    }
}

#[test]
fn a_lock_file_from_the_future_does_not_lock() {
    let place = Place::new();
    let mut info = LockInfo::new("apply", "1");
    info.created = "2999-01-01T00:00:00Z".into();
    let text = serde_json::to_vec(&info).unwrap();
    fs::write(place.path(".terraform.tfstate.lock.info"), text).unwrap();
    lock(&place.open()).unwrap().release().unwrap();
}

/// A state with so many instances of three times so many bytes each.
fn with_instances(count: usize, thirds: usize) -> Snapshot {
    use muster_snapshot::{Attributes, JsonText, Object};
    use muster_value::{Type, Value};

    let provider = "provider[\"example.com/x/y\"]".parse().unwrap();
    let mut state = Snapshot::new("1.11.4");
    for n in 0..count {
        let text = format!("{{\"text\":\"{}\"}}", format!("{n:03}").repeat(thirds));
        let object = Object {
            attributes: Attributes::Json(JsonText::parse(&text).unwrap()),
            ..Object::encode(&Value::NULL, &Type::Dynamic).unwrap()
        };
        let addr = format!("x_y.a[{n}]").parse().unwrap();
        state.put(&addr, &provider, object);
    }
    state
}

#[test]
fn large_states_are_states() {
    let place = Place::new();
    let mut state = with_instances(200, 67_000);
    assert!(place.open().write(&mut state).unwrap());
    let whole = fs::read(place.state()).unwrap();
    assert!(whole.len() > 40_000_000, "{}", whole.len());
    assert_eq!(place.open().read().unwrap().as_ref(), Some(&state));
    fs::write(place.state(), &whole[..whole.len() / 4 * 3]).unwrap();
    let store = place.open();
    let Err(StoreError::Corrupt { reason, .. }) = store.read() else {
        panic!("it is cut off");
    };
    assert!(reason.to_string().contains("cut off"), "{reason}");
    let kept = store.version(1).unwrap().unwrap();
    assert!(kept == state, "the history has it");
}
