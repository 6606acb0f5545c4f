//! Objects are moved from one state to another. Each of the states is in the hands of a process of
//! its own, which has it under its lock; this one says what is done.
//!
//! The move is put on record on both sides first. Then the objects are written to their new place,
//! taken out of the old one, and the records are removed. Whatever is killed in between leaves
//! the objects in both states at most, and a record that every command finds that takes the lock
//! of one of them: it finishes the move before it does anything else.

mod message;
mod peer;
mod serve;

use muster_addr::{InstanceAddr, Target};
use muster_lang::{Diagnostic, Diags};
use muster_snapshot::Snapshot;
use muster_store::{End, Journaled, LockInfo, Moved, Progress, Transfer, instance_digest};

use crate::args::Locking;
use crate::commands::state_mv;
use crate::error::{Failure, Outcome};
use crate::session::TERRAFORM_VERSION;
use peer::Peer;
pub(crate) use serve::{Serve, Where, serve};

/// What is moved, from where to where.
pub(crate) struct Request<'a> {
    pub from: Where,
    pub to: Where,
    pub locking: &'a Locking,
    /// What is moved, and the addresses that it gets.
    pub targets: (&'a Target, &'a Target),
    /// Only find out whether it can be done.
    pub dry_run: bool,
}

/// Moves objects; tells how many, and to where.
///
/// # Errors
/// Nothing is moved, or the next command on one of the states finishes it.
pub(crate) fn transfer(request: &Request<'_>) -> Outcome<(usize, String)> {
    let (mut source, mut destination) = both(request)?;
    let mut here = source
        .read()?
        .ok_or_else(crate::commands::state_edit::missing)?;
    let there = destination.read()?;
    let mut there = there.unwrap_or_else(|| Snapshot::new(TERRAFORM_VERSION));
    let moves = state_mv::moves(&here, &there, request.targets.0, request.targets.1)?;
    let to = destination.place().to_owned();
    if request.dry_run {
        return Ok((moves.len(), to));
    }
    let record = record(source.end(), destination.end(), &moves, &here);
    source.record(&record)?;
    destination.record(&record)?;
    for (old, new) in &moves {
        let taken = state_mv::take(&mut here, old);
        state_mv::put(&mut there, taken, new);
    }
    destination.write(&there)?;
    source.write(&here)?;
    destination.clear(&record.id)?;
    source.clear(&record.id)?;
    Ok((moves.len(), to))
}

/// Both states under their locks. Moves to or from them that were interrupted are settled first.
fn both(request: &Request<'_>) -> Outcome<(Peer, Peer)> {
    // Each of them may have one on record, with a third state each.
    for _ in 0..3 {
        let mut source = Peer::start(&request.from, request.locking)?;
        let mut destination = Peer::start(&request.to, request.locking)?;
        if source.end() == destination.end() {
            let detail = "Both are the same state. To give objects another address in it, leave the option out.";
            return Err(Failure::new("Invalid command line options", detail));
        }
        source.lock()?;
        destination.lock()?;
        let pending = source.pending().or(destination.pending()).cloned();
        let Some(pending) = pending else {
            return Ok((source, destination));
        };
        drop((source, destination));
        settle(&pending, request.locking)?;
    }
    let detail = "Others move objects to and from these states, and are interrupted again and again. Try it later.";
    Err(Failure::new("Interrupted move between states", detail))
}

fn record(
    source: End,
    destination: End,
    moves: &[(InstanceAddr, InstanceAddr)],
    state: &Snapshot,
) -> Transfer {
    let info = LockInfo::new("state-mv", TERRAFORM_VERSION);
    let moved = |(from, to): &(InstanceAddr, InstanceAddr)| Moved {
        from: from.clone(),
        to: to.clone(),
        digest: instance_digest(state, from).unwrap_or_default(),
    };
    Transfer {
        id: info.id,
        who: info.who,
        created: info.created,
        source,
        destination,
        moves: moves.iter().map(moved).collect(),
    }
}

/// Finishes a move that was interrupted, or gives it up if nothing was moved, and says so.
///
/// # Errors
/// One of the states cannot be reached, or both have been changed since. Nothing else can be done
/// with either of them until that is mended.
pub(crate) fn settle(transfer: &Transfer, locking: &Locking) -> Outcome<()> {
    let finished = finish(transfer, locking).map_err(|failure| unfinished(transfer, &failure))?;
    let (many, source, destination) = (
        objects(transfer),
        &transfer.source.place,
        &transfer.destination.place,
    );
    let begun = format!(
        "{} began to move {many} from {source} to {destination} at {}, and was interrupted.",
        transfer.who, transfer.created
    );
    match finished {
        None => {}
        Some(true) => errln!(
            "Warning: {begun} The move was finished just now: they are in {destination}, and in {source} no longer.\n"
        ),
        Some(false) => {
            errln!("Warning: {begun} Nothing had been moved yet: they are in {source}.\n")
        }
    }
    Ok(())
}

/// Whether the objects have arrived; nothing if somebody else has settled it meanwhile.
fn finish(transfer: &Transfer, locking: &Locking) -> Outcome<Option<bool>> {
    let mut source = Peer::start(&place(&transfer.source), locking)?;
    let mut destination = Peer::start(&place(&transfer.destination), locking)?;
    source.lock()?;
    destination.lock()?;
    let on_record = |peer: &Peer| peer.pending().is_some_and(|found| found.id == transfer.id);
    if !on_record(&source) && !on_record(&destination) {
        return Ok(None);
    }
    let mut here = source.read()?.unwrap_or_default();
    let there = destination.read()?.unwrap_or_default();
    let arrived = match transfer.progress(&here, &there) {
        Progress::Begun => false,
        Progress::Written(left) => {
            for addr in &left {
                here.remove_instance(addr);
            }
            if !left.is_empty() {
                source.write(&here)?;
            }
            true
        }
        Progress::Unclear(addrs) => {
            let addrs: Vec<String> = addrs.iter().map(ToString::to_string).collect();
            let detail = format!(
                "Both states have been changed since, so that it cannot be told which of them is right about {}",
                addrs.join(", ")
            );
            return Err(Failure::new("Unclear", detail));
        }
    };
    destination.clear(&transfer.id)?;
    source.clear(&transfer.id)?;
    Ok(Some(arrived))
}

fn place(end: &End) -> Where {
    Where {
        folder: Some(end.folder.clone()),
        workspace: Some(end.workspace.clone()),
        file: end.file.clone(),
        backup: None,
    }
}

fn objects(transfer: &Transfer) -> String {
    match &transfer.moves[..] {
        [only] => only.from.to_string(),
        [first, rest @ ..] => format!("{} and {} more", first.from, rest.len()),
        [] => "nothing".to_owned(),
    }
}

fn unfinished(transfer: &Transfer, failure: &Failure) -> Failure {
    let detail = format!(
        "{} began to move {} from {} to {} at {}, and was interrupted. The objects may be in both states, so that nothing is done with either of them before that is settled, and it cannot be: {}. Once that is mended, the next command settles it. To settle it by hand, take the objects out of one of the states with another program, and remove the files that end in .move beside both states, or in .terraform/journals of their directories.",
        transfer.who,
        objects(transfer),
        transfer.source.place,
        transfer.destination.place,
        transfer.created,
        failure.reason()
    );
    Failure::new("Interrupted move between states", detail)
}

/// What people should know who look at a state without its lock.
pub(crate) fn warning(store: &Journaled) -> Diags {
    let Ok(Some(transfer)) = store.transfer() else {
        return Diags::new();
    };
    let detail = format!(
        "{} began to move {} from {} to {} at {}, and was interrupted. The objects may be in both states; the next command that takes the lock settles it.",
        transfer.who,
        objects(&transfer),
        transfer.source.place,
        transfer.destination.place,
        transfer.created
    );
    Diagnostic::warning("Interrupted move between states", detail).into()
}
