//! Objects are moved from one state to another. Each of the states is in the hands of a process of
//! its own, which has it under its lock; this one says what is done.
//!
//! The move is put on record on both sides first, at the new place before the old one: from then on
//! nobody else puts anything there. Then the objects are written to their new place, taken out of
//! the old one, and the records are removed. Whatever is killed in between leaves the objects in
//! both states at most, and a record that every command finds that takes the lock of one of them:
//! it finishes the move before it does anything else.

mod message;
mod peer;
mod serve;

use std::path::{Path, PathBuf};

use muster_addr::{InstanceAddr, Target};
use muster_lang::{Diagnostic, Diags};
use muster_snapshot::Snapshot;
use muster_store::{
    DEFAULT_WORKSPACE, End, Journaled, LockInfo, Moved, Progress, Side, Store, Transfer,
    instance_digest, to_seconds,
};

use crate::args::Locking;
use crate::commands::{state_edit, state_mv};
use crate::error::{Failure, Outcome};
use crate::session::TERRAFORM_VERSION;
use crate::view;
use peer::Peer;
pub(crate) use serve::{Serve, Where, serve};

/// What is moved, from where to where.
pub(crate) struct Request<'a> {
    pub from: Where,
    pub to: Where,
    pub locking: &'a Locking,
    /// What is moved, and the addresses that it gets.
    pub targets: (&'a Target, &'a Target),
    /// Also from a state that is encrypted to one that is not.
    pub allow_unencrypted: bool,
    /// Only find out whether it can be done.
    pub dry_run: bool,
}

/// What is moved: the addresses in the one state and in the other.
type Moves = Vec<(InstanceAddr, InstanceAddr)>;

/// Moves objects; tells which, and names the state that they are moved to.
///
/// # Errors
/// Nothing is moved, or the next command on one of the states finishes it.
pub(crate) fn transfer(request: &Request<'_>) -> Outcome<(Moves, String)> {
    let (mut source, mut destination) = both(request)?;
    if source.is_encrypted() && !destination.is_encrypted() && !request.allow_unencrypted {
        return Err(unencrypted(&destination.end()));
    }
    let mut here = source
        .read()?
        .ok_or_else(|| state_edit::missing(request.locking.state.as_deref()))?;
    let there = destination.read()?;
    if there.is_none() && destination.is_bare() {
        return Err(no_configuration(&destination.end()));
    }
    let mut there = there.unwrap_or_else(|| Snapshot::new(TERRAFORM_VERSION));
    let moves = state_mv::moves(&here, &there, request.targets.0, request.targets.1)?;
    let to = named(&destination.end());
    if request.dry_run {
        return Ok((moves, to));
    }
    let before = here.clone();
    for (old, new) in &moves {
        let taken = state_mv::take(&mut here, old);
        state_mv::put(&mut there, taken, new);
    }
    let record = record((source.end(), &before), (destination.end(), &there), &moves);
    destination.record(&record.at(Side::Destination))?;
    if let Err(failure) = source.record(&record) {
        // What is left of it is settled by the next command there.
        let _ = destination.clear(&record.id);
        return Err(failure);
    }
    destination.write(&there)?;
    source.write(&here)?;
    destination.clear(&record.id)?;
    source.clear(&record.id)?;
    Ok((moves, to))
}

/// A state as the one who chose it knows it: a file by its path, any other one also by the
/// directory that it is used in.
fn named(end: &End) -> String {
    match end.file {
        Some(_) => end.place.clone(),
        None => whole(end),
    }
}

fn unencrypted(destination: &End) -> Failure {
    let detail = format!(
        "The state that the objects are in is encrypted, and {} is not: whatever is secret in them would be stored in plain text. Have that state encrypted first, by an encryption block there, or move them all the same with -allow-unencrypted.",
        named(destination)
    );
    Failure::new("The other state is not encrypted", detail)
}

/// Nobody looks for objects where no command works.
fn no_configuration(destination: &End) -> Failure {
    let detail = format!(
        "The directory {} has no configuration and no state, so that nothing says where its state is to be kept. Write the configuration there first, with its backend and its encryption; or name a state file with -state-out.",
        destination.folder.display()
    );
    Failure::new("No configuration files", detail)
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
        let found = |peer: &Peer, at: &Where| {
            let pending = peer.pending().cloned()?;
            Some((pending, Open::new(at.clone(), peer.record_path())))
        };
        let pending = found(&source, &request.from);
        let Some((pending, open)) = pending.or_else(|| found(&destination, &request.to)) else {
            return Ok((source, destination));
        };
        drop((source, destination));
        settle(&pending, &open, request.locking)?;
    }
    let detail = "Others move objects to and from these states, and are interrupted again and again. Try it later.";
    Err(Failure::new("Interrupted move between states", detail))
}

/// The record for the source, made of the states as they are before and after.
fn record(
    (source, before): (End, &Snapshot),
    (destination, after): (End, &Snapshot),
    moves: &[(InstanceAddr, InstanceAddr)],
) -> Transfer {
    let info = LockInfo::new("state-mv", TERRAFORM_VERSION);
    let moved = |(from, to): &(InstanceAddr, InstanceAddr)| Moved {
        from: from.clone(),
        to: to.clone(),
        digest: instance_digest(before, from).unwrap_or_default(),
        written: instance_digest(after, to).unwrap_or_default(),
    };
    Transfer {
        id: info.id,
        who: info.who,
        created: info.created,
        source,
        destination,
        moves: moves.iter().map(moved).collect(),
        side: Side::Source,
    }
}

/// A state in which a record was found. It may be elsewhere by now than the record says.
pub(crate) struct Open {
    at: Where,
    record: PathBuf,
}

impl Open {
    fn new(at: Where, record: &Path) -> Self {
        let record = absolute(record);
        Self { at, record }
    }

    /// The state that a command works with, where it has found this record.
    pub(crate) fn here(locking: &Locking, record: &Path) -> Self {
        let at = Where {
            file: locking.state_out.clone().or_else(|| locking.state.clone()),
            ..Where::default()
        };
        Self::new(at, record)
    }

    /// One end of a move: this state if the record is a copy for that end, or else where the
    /// record says that it is.
    fn or_recorded(&self, transfer: &Transfer, side: Side, locking: &Locking) -> Outcome<Peer> {
        if transfer.side == side
            && let Ok(peer) = Peer::start(&self.at, locking)
            && peer.record_path() == self.record
        {
            return Ok(peer);
        }
        let end = match side {
            Side::Source => &transfer.source,
            Side::Destination => &transfer.destination,
        };
        Peer::start(&place(end), locking)
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// What became of a move that was interrupted.
enum Settled {
    /// It is done now.
    Finished,
    /// Nothing had been moved, and nothing is.
    GivenUp,
    /// The objects are in neither state any more.
    Gone,
    /// Somebody else has settled it meanwhile.
    Already,
}

/// Finishes a move that was interrupted, or gives it up if nothing was moved, and says so.
///
/// # Errors
/// One of the states cannot be reached, or both have been changed since. Nothing else can be done
/// with either of them until that is mended.
pub(crate) fn settle(transfer: &Transfer, open: &Open, locking: &Locking) -> Outcome<()> {
    let settled =
        finish(transfer, open, locking).map_err(|failure| unfinished(transfer, &failure))?;
    let (source, destination) = (whole(&transfer.source), whole(&transfer.destination));
    let told = match settled {
        Settled::Already => return Ok(()),
        Settled::Finished => format!(
            "The move was finished just now: they are in {destination}, and in {source} no longer."
        ),
        Settled::GivenUp => format!("Nothing had been moved yet: they are in {source}."),
        Settled::Gone => "They are in neither of the two states any more: others have changed these since, and there is nothing left to move.".to_owned(),
    };
    let detail = format!("{} {told}", begun(transfer));
    let warning = Diagnostic::warning("An earlier move of objects was settled", detail);
    view::warn(&warning.into());
    Ok(())
}

fn finish(transfer: &Transfer, open: &Open, locking: &Locking) -> Outcome<Settled> {
    let mut source = open.or_recorded(transfer, Side::Source, locking)?;
    let mut destination = open.or_recorded(transfer, Side::Destination, locking)?;
    source.lock()?;
    destination.lock()?;
    let on_record = |peer: &Peer| peer.pending().is_some_and(|found| found.id == transfer.id);
    if !on_record(&source) && !on_record(&destination) {
        return Ok(Settled::Already);
    }
    let mut here = source.read()?.unwrap_or_default();
    let there = destination.read()?.unwrap_or_default();
    let settled = match transfer.progress(&here, &there) {
        Progress::Begun => Settled::GivenUp,
        Progress::Gone => Settled::Gone,
        Progress::Written(left) => {
            for addr in &left {
                here.remove_instance(addr);
            }
            if !left.is_empty() {
                source.write(&here)?;
            }
            Settled::Finished
        }
        Progress::Unclear(addrs) => return Err(unclear(&addrs)),
    };
    // The side that has the objects goes on without the record first: the other one gains nothing
    // at these addresses that could be taken for them before it is gone there too.
    let mut ends = [&mut destination, &mut source];
    if matches!(settled, Settled::GivenUp) {
        ends.reverse();
    }
    for end in ends {
        end.clear(&transfer.id)?;
    }
    Ok(settled)
}

fn unclear(addrs: &[InstanceAddr]) -> Failure {
    let addrs: Vec<String> = addrs.iter().map(ToString::to_string).collect();
    let detail = format!(
        "One of the states, or both, have been changed since, so that it cannot be told which of them is right about {}",
        addrs.join(", ")
    );
    Failure::new("Unclear", detail)
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

/// A state, and the directory that it is used in.
fn whole(end: &End) -> String {
    let workspace = match end.workspace.as_str() {
        DEFAULT_WORKSPACE => String::new(),
        name => format!(", workspace {name}"),
    };
    format!(
        "{} (directory {}{workspace})",
        end.place,
        end.folder.display()
    )
}

/// What was begun, in a sentence.
fn begun(transfer: &Transfer) -> String {
    format!(
        "{} began to move {} from {} to {} at {}, and was interrupted.",
        transfer.who,
        objects(transfer),
        whole(&transfer.source),
        whole(&transfer.destination),
        to_seconds(&transfer.created)
    )
}

fn unfinished(transfer: &Transfer, failure: &Failure) -> Failure {
    let detail = format!(
        "{} The objects may be in both states, so that nothing is done with either of them before that is settled, and it cannot be: {}. Once that is mended, the next command settles it; of a directory that was renamed, that is a command in it. To settle it by hand, look at both states with muster state list, run muster recover -drop-move in each directory that there is, and before anything else take objects that are in both states out of one of them with muster state rm.",
        begun(transfer),
        failure.reason()
    );
    Failure::new("Interrupted move between states", detail)
}

/// Gives up the move that a state has on record, and tells what the state has of it.
///
/// # Errors
/// There is none, or its record cannot be removed.
pub(crate) fn give_up(store: &Journaled) -> Outcome<String> {
    if !store.transfer_path().exists() {
        let detail = "No move of objects from or to this state is on record.";
        return Err(Failure::new("Nothing to recover", detail));
    }
    let found = store.transfer();
    let state = store.read()?.unwrap_or_default();
    store.drop_transfer()?;
    let transfer = match found {
        Ok(Some(transfer)) => transfer,
        Ok(None) => return Ok("Somebody else has settled it meanwhile.".to_owned()),
        Err(error) => return Ok(format!("The record of the move is removed. {error}.")),
    };
    let (other, moves) = (
        match transfer.side {
            Side::Source => &transfer.destination,
            Side::Destination => &transfer.source,
        },
        transfer.moves.iter(),
    );
    let ours = moves.map(|moved| match transfer.side {
        Side::Source => &moved.from,
        Side::Destination => &moved.to,
    });
    let ours = ours.filter(|addr| state.instance(addr).is_some());
    let ours: Vec<String> = ours.map(ToString::to_string).collect();
    let has = match &ours[..] {
        [] => "nothing".to_owned(),
        some => some.join(", "),
    };
    Ok(format!(
        "{} The move is given up here; of its objects, this state has {has}. What {} has too is managed twice: take it out of one of the states with muster state rm, and give the move up there as well.",
        begun(&transfer),
        whole(other)
    ))
}

/// What people should know who look at a state without its lock.
pub(crate) fn warning(store: &Journaled) -> Diags {
    let Ok(Some(transfer)) = store.transfer() else {
        return Diags::new();
    };
    let detail = format!(
        "{} The objects may be in both states; the next command that takes the lock settles it.",
        begun(&transfer)
    );
    Diagnostic::warning("Interrupted move between states", detail).into()
}
