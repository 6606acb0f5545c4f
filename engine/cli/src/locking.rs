//! The lock on a state.

mod left;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use muster_run::Stop;
use muster_store::{Journaled, LocalStore, LockGuard, LockInfo, Part, Store, StoreError};

use crate::args;
use crate::backend::{Opened, journaled};
use crate::error::{Failure, Outcome};
use crate::session::TERRAFORM_VERSION;
use crate::{owner, recovery, transfer};

/// The summary where a lock cannot be had.
const NOT_LOCKED: &str = "Error acquiring the state lock";

/// The pause between two attempts to lock.
const LOCK_PAUSE: Duration = Duration::from_millis(200);

/// What is kept of the states that were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backups {
    /// The state before the last command.
    Last,
    /// The state before each command, in a file of its own.
    Each,
}

/// The store that a command works with, where -state-out and -backup say something about a local
/// one. With -state-out the state is brought there first, and the file that it is read from stays
/// as it is.
pub(crate) fn redirected(
    opened: Opened,
    locking: &args::Locking,
    backups: Backups,
) -> Outcome<Journaled> {
    let Opened::Local(store) = opened else {
        // Who asks for a backup of an edit must not believe that there is one.
        if backups == Backups::Each && locking.backup.is_some() {
            let detail = "Backups are made of states in local files only. Leave the option out, or name such a file with -state.";
            return Err(Failure::new(
                "Invalid command line options: -backup",
                detail,
            ));
        }
        return Ok(opened.any());
    };
    let out = locking.state_out.as_deref().unwrap_or(store.path());
    if let Some(backup) = &locking.backup
        && [out, store.path()]
            .iter()
            .any(|state| is_same(state, backup))
    {
        // It would be written over with the state from before the command.
        let detail = format!(
            "{} is the state itself. Name another file, or write -backup=- for none.",
            backup.display()
        );
        return Err(Failure::new(
            "Invalid command line options: -backup",
            detail,
        ));
    }
    let redirected = match &locking.backup {
        None if backups == Backups::Each => LocalStore::with_backup(out, Some(dated(out))),
        None => LocalStore::new(out),
        Some(path) if path.as_os_str() == "-" => LocalStore::with_backup(out, None),
        Some(path) => LocalStore::with_backup(out, Some(path.clone())),
    };
    let redirected = redirected.with_codec(store.codec().clone());
    let (from, is_other) = (store.path().display().to_string(), out != store.path());
    let (store, redirected) = (journaled(store), journaled(redirected));
    if is_other && !store.in_flight()?.is_empty() {
        let detail = format!(
            "Creations that a run on {from} has begun were interrupted, and another state would not know of them. Let plan and apply find out about them first, without -state-out."
        );
        return Err(Failure::new("Interrupted creations are unresolved", detail));
    }
    if is_other && let Some(state) = store.read()? {
        let guard = lock(&redirected, locking, "state-out")?;
        redirected.replace(&state)?;
        if let Some(guard) = guard {
            guard.release()?;
        }
    }
    Ok(redirected)
}

/// Whether two paths name one file, which need not be there.
fn is_same(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        path.canonicalize().or_else(|_| {
            Ok(folder
                .canonicalize()?
                .join(path.file_name().unwrap_or_default()))
        })
    };
    let places: std::io::Result<_> = place(one).and_then(|one| Ok((one, place(other)?)));
    places.is_ok_and(|(one, other)| one == other)
}

/// The backup of a state that a command makes at this moment. The name has nanoseconds, so that
/// commands of the same second keep their own.
pub(crate) fn dated(state: &Path) -> PathBuf {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let moment = since.unwrap_or_default().as_nanos();
    let mut path = state.as_os_str().to_owned();
    path.push(format!(".{moment}.backup"));
    path.into()
}

/// Takes the lock on a state, if wanted.
pub(crate) fn lock(
    store: &dyn Store,
    locking: &args::Locking,
    operation: &str,
) -> Outcome<Option<LockGuard>> {
    match lock_timeout(locking)? {
        None => Ok(None),
        Some(timeout) => {
            let lock = || store.lock(LockInfo::new(operation, TERRAFORM_VERSION), timeout);
            Ok(Some(unless_moving(lock(), locking, lock)?))
        }
    }
}

/// What came of taking a lock. If a move to or from the state was interrupted, that is settled
/// first, and the lock is taken once more.
fn unless_moving(
    taken: Result<LockGuard, StoreError>,
    locking: &args::Locking,
    again: impl FnOnce() -> Result<LockGuard, StoreError>,
) -> Outcome<LockGuard> {
    match taken {
        Err(StoreError::Moving { transfer, record }) => {
            let open = transfer::Open::here(locking, &record);
            transfer::settle(&transfer, &open, locking)?;
            again().map_err(barred)
        }
        taken => taken.map_err(barred),
    }
}

/// Why a lock cannot be taken, and how to see what whoever has it does.
fn barred(error: StoreError) -> Failure {
    let (watched, left) = match &error {
        StoreError::Locked {
            place,
            holder: Some(holder),
        } => (watched_by(holder), left::told(place, holder)),
        _ => (None, None),
    };
    if let Some(left) = left {
        return Failure::new(NOT_LOCKED, left);
    }
    let failure = Failure::from(error);
    match watched {
        Some(command) => failure.explained(&format!("{command} shows how far it is.")),
        None => failure,
    }
}

/// As [`lock`], unless somebody asks to stop while another run has the lock.
pub(crate) async fn lock_until(
    stop: &Stop,
    store: &dyn Store,
    locking: &args::Locking,
    operation: &str,
) -> Outcome<Option<LockGuard>> {
    patiently(stop, locking, |timeout| {
        let info = LockInfo::new(operation, TERRAFORM_VERSION);
        store.lock(info, timeout)
    })
    .await
}

/// Takes a lock, unless somebody asks to stop while another run has it.
async fn patiently(
    stop: &Stop,
    locking: &args::Locking,
    lock: impl Fn(Duration) -> Result<LockGuard, StoreError>,
) -> Outcome<Option<LockGuard>> {
    let Some(timeout) = lock_timeout(locking)? else {
        return Ok(None);
    };
    let started = Instant::now();
    let mut is_told = false;
    loop {
        let waited_for = match lock(Duration::ZERO) {
            Err(StoreError::Locked { place, holder }) if started.elapsed() < timeout => {
                if !is_told {
                    errln!("{}", waiting(&place, holder.as_deref()));
                    is_told = true;
                }
                place
            }
            taken => {
                return Ok(Some(unless_moving(taken, locking, || {
                    lock(Duration::ZERO)
                })?));
            }
        };
        let left = timeout.saturating_sub(started.elapsed());
        tokio::select! {
            () = stop.requested() => return Err(given_up(&waited_for)),
            () = tokio::time::sleep(LOCK_PAUSE.min(left)) => {}
        }
    }
}

/// Says that somebody else has a lock, and how to see what they do.
fn waiting(place: &str, holder: Option<&LockInfo>) -> String {
    let whose = holder.map(|h| format!(" of {}", held_by(h)));
    let watched = holder.and_then(watched_by);
    let watched = watched.map(|command| format!(" {command} shows how far it is."));
    let left = || left::hint(place, holder?);
    format!(
        "Waiting for the lock{} on {place} ...{}",
        whose.unwrap_or_default(),
        watched.or_else(left).unwrap_or_default()
    )
}

/// Who has a lock, and what for where that is said.
fn held_by(holder: &LockInfo) -> String {
    match holder.info.is_empty() {
        true => holder.who.clone(),
        false => format!("{} ({})", holder.who, holder.info),
    }
}

/// Somebody asked to stop while another run had the lock.
fn given_up(place: &str) -> Failure {
    let detail = format!(
        "The run was stopped while another one had the lock on {place}. Nothing was changed."
    );
    Failure::new(NOT_LOCKED, detail)
}

/// As [`lock_until`], on a part of the state, or on everything if there is none.
pub(crate) async fn lock_part_until(
    stop: &Stop,
    store: &Journaled,
    locking: &args::Locking,
    operation: &str,
    part: Option<&Part>,
) -> Outcome<Option<LockGuard>> {
    let in_the_way = Mutex::new(None);
    let taken = patiently(stop, locking, |timeout| {
        let info = LockInfo::new(operation, TERRAFORM_VERSION);
        let taken = match part {
            Some(part) => store.lock_part(info, part, timeout),
            None => store.lock(info, timeout),
        };
        let found = match &taken {
            Err(StoreError::Locked { place, holder }) => Some((place.clone(), holder.clone())),
            _ => None,
        };
        *in_the_way.lock().unwrap_or_else(PoisonError::into_inner) = found;
        taken
    })
    .await;
    taken.map_err(|failure| {
        let found = in_the_way.into_inner();
        let found = found.unwrap_or_else(PoisonError::into_inner);
        // Who asks to stop need not know, and looking for what is left of others may take long.
        let Some((place, holder)) = found.filter(|_| !stop.is_requested()) else {
            return failure;
        };
        if let Some(holder) = &holder {
            if let Some(left) = left::told_by_journal(&place, holder, store) {
                return Failure::new(NOT_LOCKED, left);
            }
            if left::told(&place, holder).is_some() {
                return failure;
            }
        }
        let why = part.and_then(|_| recovery::must_be_alone(store));
        match why {
            Some(why) => failure.explained(&why),
            None => failure,
        }
    })
}

/// Takes the lock of whoever only makes a plan, if wanted: nothing is changed, so that it goes on
/// beside others that do.
pub(crate) async fn lock_to_plan(
    stop: &Stop,
    store: &Journaled,
    locking: &args::Locking,
) -> Outcome<Option<LockGuard>> {
    let nothing = Part::nothing();
    lock_part_until(stop, store, locking, "OperationTypePlan", Some(&nothing)).await
}

/// How a run that holds a lock can be watched, if it is one that goes on in this directory.
pub(crate) fn watched_by(holder: &LockInfo) -> Option<String> {
    let process = holder.info.strip_prefix("process ")?.parse().ok()?;
    // One that only waits to be collected answers nobody.
    if holder.is_left_behind() {
        return None;
    }
    owner::is_open(process, &holder.who).then(|| format!("`muster attach {process}`"))
}

/// How long to wait for a lock; `None` if none is wanted.
pub(crate) fn lock_timeout(locking: &args::Locking) -> Outcome<Option<Duration>> {
    if !locking.lock.wanted {
        return Ok(None);
    }
    let text = &locking.lock.timeout;
    let timeout = duration(text).ok_or_else(|| {
        let detail = format!("{text:?} is no value of -lock-timeout: write 30s, 5m or 1h.");
        Failure::new("Failed to parse command-line flags", detail)
    })?;
    Ok(Some(timeout))
}

/// `90s`, `1m30s`, `1h`, `500ms`.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest == "0" {
        return Some(total);
    }
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let end = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        rest = &rest[end..];
        total = total.checked_add(Duration::try_from_secs_f64(number * unit).ok()?)?;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use muster_snapshot::Snapshot;
    use muster_store::{Intent, IntentAction};

    use super::*;

    /// A state whose lock cannot be taken.
    struct Barred {
        /// Another run has it; otherwise the place cannot be reached.
        locked: bool,
        reads: Arc<AtomicUsize>,
    }

    impl Store for Barred {
        fn describe(&self) -> String {
            "there".to_owned()
        }

        fn lock(&self, _: LockInfo, _: Duration) -> Result<LockGuard, StoreError> {
            let place = self.describe();
            Err(match self.locked {
                true => StoreError::Locked {
                    place,
                    holder: None,
                },
                false => StoreError::Remote {
                    place,
                    action: "lock",
                    reason: "it is away".to_owned(),
                },
            })
        }

        fn read(&self) -> Result<Option<Snapshot>, StoreError> {
            self.reads.fetch_add(1, Ordering::Relaxed);
            Ok(None)
        }

        fn write(&self, _: &mut Snapshot) -> Result<bool, StoreError> {
            Ok(false)
        }

        fn replace(&self, _: &Snapshot) -> Result<(), StoreError> {
            Ok(())
        }

        fn force_unlock(&self, _: &str) -> Result<(), StoreError> {
            Ok(())
        }
    }

    /// The journal of a run that was killed while it made something.
    fn leave_journal(state: &Path) {
        let store = journaled(LocalStore::new(state));
        let journal = store.begin("apply", &Snapshot::new("1.2.3")).unwrap();
        let call = Intent {
            id: 0,
            addr: "x_y.a".parse().unwrap(),
            deposed: None,
            action: IntentAction::Create,
            provider: "provider[\"example.com/x/y\"]".parse().unwrap(),
            created: "2034-01-01T00:00:00Z".to_owned(),
            digest: String::new(),
            resume: None,
            identity: None,
            ids: Vec::new(),
            salt: String::new(),
            digests: Default::default(),
        };
        journal.intent(call).unwrap();
        journal.sync().unwrap();
    }

    #[test]
    fn a_backup_does_not_take_the_place_of_a_state() {
        let home = tempfile::tempdir().unwrap();
        let [state, other, link] = ["a.tfstate", "b.tfstate", "link"].map(|n| home.path().join(n));
        LocalStore::with_backup(&state, None)
            .replace(&Snapshot::new("1.2.3"))
            .unwrap();
        std::os::unix::fs::symlink(&state, &link).unwrap();
        let refused = |out: Option<&Path>, backup: &Path| {
            let locking = args::Locking {
                state_out: out.map(Path::to_owned),
                backup: Some(backup.to_owned()),
                ..args::Locking::default()
            };
            let opened = Opened::Local(LocalStore::new(&state));
            redirected(opened, &locking, Backups::Last).is_err()
        };
        let roundabout = home.path().join("./a.tfstate");
        for backup in [&state, &roundabout, &link] {
            assert!(refused(None, backup), "{}", backup.display());
            assert!(refused(Some(&other), backup), "{}", backup.display());
        }
        let fresh = home.path().join("fresh.tfstate");
        assert!(refused(Some(&fresh), &fresh));
        assert!(!refused(None, &other));
        assert!(!refused(None, Path::new("-")));
    }

    #[tokio::test]
    async fn what_is_left_is_looked_for_only_when_that_is_in_the_way() {
        let home = tempfile::tempdir().unwrap();
        let state = home.path().join("terraform.tfstate");
        leave_journal(&state);
        let check = async |locked: bool, is_stopped: bool, expect: bool| {
            let reads = Arc::<AtomicUsize>::default();
            let inner = Box::new(Barred {
                locked,
                reads: Arc::clone(&reads),
            });
            let store = Journaled::new(inner, Journaled::path_beside(&state), Default::default());
            let stop = Stop::default();
            if is_stopped {
                stop.request();
            }
            let locking = args::Locking {
                lock: args::Lock {
                    timeout: if is_stopped { "1h" } else { "0s" }.to_owned(),
                    ..args::Lock::default()
                },
                ..args::Locking::default()
            };
            let part = Part {
                writes: [].into(),
                reads: [].into(),
            };
            let taken = lock_part_until(&stop, &store, &locking, "apply", Some(&part)).await;
            let Err(failure) = taken else {
                panic!("nobody can have it");
            };
            let mut told = failure.diags.iter();
            let is_told = told.any(|d| d.detail.contains("left of a run that was killed"));
            assert_eq!(
                (is_told, reads.load(Ordering::Relaxed)),
                (expect, usize::from(expect))
            );
        };
        check(true, false, true).await;
        check(true, true, false).await;
        check(false, false, false).await;
    }

    #[test]
    fn durations() {
        let check = |text: &str, expect: Option<u64>| {
            assert_eq!(duration(text), expect.map(Duration::from_millis), "{text}");
        };
        check("30s", Some(30_000));
        check("1m30s", Some(90_000));
        check("500ms", Some(500));
        check("1.5h", Some(5_400_000));
        check("0", Some(0));
        check("", None);
        check("5", None);
        check("-5s", None);
        check("1e9h", None);
        check("5000000000000000h5000000000000000h", None);
    }
}
