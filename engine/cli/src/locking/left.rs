//! Locks that killed runs have left behind, where locks do not end with the process that took them.

use muster_store::{Journaled, LockInfo, Recovery};

use crate::backend::{Kind, kind_at};

/// Why it is known that a run is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// Its journal is here, and nobody writes to it any more.
    Journal,
    /// This machine has no such process any more.
    Process,
}

/// That the lock on a state was left behind, and what to do about it; `None` if that is not known.
pub(super) fn told(place: &str, holder: &LockInfo) -> Option<String> {
    let kind = kind_at(place)?;
    let is_gone = holder.is_left_behind();
    is_gone.then(|| words(place, holder, kind, Known::Process))
}

/// As [`told`], where the journal of the run may be here: it tells also when another process has
/// the number by now.
pub(super) fn told_by_journal(place: &str, holder: &LockInfo, store: &Journaled) -> Option<String> {
    let kind = kind_at(place)?;
    // Looking for what runs have left may take long, and those of others left nothing here.
    let is_ours = holder.who == LockInfo::new("", "").who;
    let is_here = is_ours && store.interrupted().iter().any(|run| is_of(run, holder));
    is_here.then(|| words(place, holder, kind, Known::Journal))
}

/// Whether a journal is that of the run which took a lock: it is begun under the lock.
fn is_of(left: &Recovery, holder: &LockInfo) -> bool {
    left.run.as_ref().is_some_and(|run| {
        process(holder) == Some(run.process)
            && run.who == holder.who
            && run.created >= holder.created
    })
}

fn process(holder: &LockInfo) -> Option<u32> {
    holder.info.strip_prefix("process ")?.parse().ok()
}

fn words(place: &str, holder: &LockInfo, kind: &Kind, known: Known) -> String {
    let why = match known {
        Known::Journal => "by a run that was killed, and whose journal is here".to_owned(),
        Known::Process => format!(
            "by a run that is gone: there is no {} on this machine any more",
            holder.info
        ),
    };
    let advice = match kind.has_leases() {
        true => "It ends by itself `lock_lease` seconds after that run has last prolonged it, 60 if the backend block says nothing: run the command again then, or wait here with -lock-timeout.".to_owned(),
        false => {
            let unlock = format!("`muster force-unlock {}` takes the lock away", holder.id);
            match known {
                Known::Journal => format!(
                    "{unlock}, and the next command here goes on with what that run has recorded."
                ),
                // A container may have the name of its machine.
                Known::Process => format!(
                    "If the run does not go on in a container, whose processes are not seen from here, {unlock}."
                ),
            }
        }
    };
    format!("The lock on {place} was left behind {why}. {advice}\n\n{holder}")
}

/// As [`told`] in a few words, for whoever waits.
pub(super) fn hint(place: &str, holder: &LockInfo) -> Option<String> {
    let kind = kind_at(place)?;
    holder.is_left_behind().then(|| match kind.has_leases() {
        true => " The run that took it is gone, and the lock ends by itself.".to_owned(),
        false => format!(
            " The run that took it is gone: `muster force-unlock {}` takes the lock away.",
            holder.id
        ),
    })
}

#[cfg(test)]
mod tests {
    use muster_store::RunInfo;

    use super::*;

    #[test]
    fn what_to_do_depends_on_how_locks_end() {
        let holder = LockInfo {
            id: "the-id".to_owned(),
            ..LockInfo::new("apply", "1.2.3")
        };
        let check = |kind: &str, known: Known, has: &str, has_not: &str| {
            let text = words("there", &holder, Kind::find(kind).unwrap(), known);
            assert!(text.starts_with("The lock on there was left behind by a run that "));
            assert!(text.contains(has) && !text.contains(has_not), "{text}");
        };
        for kind in ["s3", "http", "pg"] {
            let by_hand = "`muster force-unlock the-id` takes the lock away";
            check(kind, Known::Journal, by_hand, "container");
            check(kind, Known::Process, by_hand, "journal");
            check(kind, Known::Process, "container", "lock_lease");
        }
        for known in [Known::Journal, Known::Process] {
            check(
                "postgres",
                known,
                "`lock_lease` seconds after",
                "force-unlock",
            );
        }
    }

    #[test]
    fn journals_of_the_runs_that_took_locks() {
        let holder = LockInfo::new("apply", "1.2.3");
        let check = |who: &str, process: u32, created: &str, expect: bool| {
            let run = RunInfo {
                who: who.to_owned(),
                process,
                created: created.to_owned(),
                ..RunInfo::default()
            };
            let left = Recovery {
                run: Some(run),
                ..Recovery::default()
            };
            assert_eq!(is_of(&left, &holder), expect, "{who} {process} {created}");
        };
        let own = std::process::id();
        check(&holder.who, own, &holder.created, true);
        check(&holder.who, own, "2999-01-01T00:00:00Z", true);
        check(&holder.who, own, "2001-01-01T00:00:00Z", false);
        check(&holder.who, own + 1, &holder.created, false);
        check("jane@elsewhere", own, &holder.created, false);
        assert!(!is_of(&Recovery::default(), &holder));
    }

    #[test]
    fn locks_on_files_end_with_their_holders() {
        let gone = LockInfo {
            info: format!("process {}", i32::MAX),
            ..LockInfo::new("apply", "1.2.3")
        };
        assert!(gone.is_left_behind());
        assert_eq!(told("terraform.tfstate", &gone), None);
        assert_eq!(hint("terraform.tfstate", &gone), None);
    }
}
