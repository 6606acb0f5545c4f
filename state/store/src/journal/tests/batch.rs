//! Records that are written in one piece.

use super::*;
use crate::StoreError;

/// A run that is about to make so many objects, which have names of one length.
fn begun(place: &Place, count: usize) -> (Journal, Snapshot, Vec<(u64, InstanceAddr)>) {
    let state = Snapshot::new("1.2.3");
    let journal = place.open().begin("apply", &state).unwrap();
    let intents = (0..count).map(|n| {
        let at = format!("x_y.r{n:06}");
        let id = journal.intent(intent(&at, IntentAction::Create)).unwrap();
        (id, addr(&at))
    });
    let intents = intents.collect();
    (journal, state, intents)
}

fn add(batch: &mut Batch, state: &mut Snapshot, (id, at): &(u64, InstanceAddr)) {
    put(state, &at.to_string(), "one");
    batch.objects(state, at, Some(*id)).unwrap();
}

#[test]
fn a_batch_that_was_cut_off_is_good_up_to_there() {
    let place = Place::new();
    let (journal, mut state, intents) = begun(&place, 5);
    let before = journal.len();
    let mut batch = journal.batch();
    let mut ends = vec![before];
    for intent in &intents {
        add(&mut batch, &mut state, intent);
        ends.push(ends[ends.len() - 1] + frame_of(&journal, &state, intent));
    }
    assert_eq!(journal.len(), before, "nothing is written yet");
    batch.write().unwrap();
    assert_eq!(journal.len(), ends[5]);
    assert!(journal.open_intents().is_empty());
    batch.write().unwrap();
    assert_eq!(journal.len(), ends[5], "once");
    drop((batch, journal));

    let whole = fs::read(place.journal()).unwrap();
    for cut in ends
        .iter()
        .flat_map(|end| [end - 1, *end, end + 7, end + 70])
    {
        let place = Place::new();
        let length = usize::try_from(cut).unwrap().min(whole.len());
        fs::write(place.journal(), &whole[..length]).unwrap();
        let (read, report, in_flight) = place.recover();
        let good = ends[1..].iter().filter(|end| **end <= cut).count();
        assert_eq!(read.instances().count(), good, "{cut}");
        // Before the first one, the last intent is cut off as well.
        let begun = 5 - usize::from(cut < before);
        assert_eq!(in_flight.len(), begun - good, "{cut}");
        let results = report.map_or(0, |report| report.results);
        assert_eq!(results, good, "{cut}");
    }
}

/// How many bytes the frame of a result has.
fn frame_of(journal: &Journal, state: &Snapshot, (id, at): &(u64, InstanceAddr)) -> u64 {
    let mut bytes = Vec::new();
    let encoded: Result<(), StoreError> = frame::push(&mut bytes, |out| {
        record::encode_objects(out, (journal.base(), state), at, Some(*id))
    });
    encoded.unwrap();
    bytes.len() as u64
}

#[test]
fn what_is_not_written_is_not_there() {
    let place = Place::new();
    let (journal, mut state, intents) = begun(&place, 2);
    let mut batch = journal.batch();
    add(&mut batch, &mut state, &intents[0]);
    batch.write().unwrap();
    add(&mut batch, &mut state, &intents[1]);
    drop((batch, journal));
    let (read, _, in_flight) = place.recover();
    assert_eq!(read.instances().count(), 1);
    assert_eq!(in_flight.len(), 1);
}

#[test]
fn a_batch_is_one_write_and_no_wait() {
    let place = Place::new();
    let (journal, mut state, intents) = begun(&place, 50);
    let before = journal.cost();
    let mut batch = journal.batch();
    intents.iter().for_each(|i| add(&mut batch, &mut state, i));
    batch.write().unwrap();
    let after = journal.cost();
    assert_eq!(after.records - before.records, 50);
    assert_eq!(after.writes - before.writes, 1);
    assert_eq!(after.syncs, before.syncs);
    assert_eq!(after.bytes - before.bytes, {
        let each = intents.iter().map(|i| frame_of(&journal, &state, i));
        each.sum::<u64>()
    });
}

#[test]
fn where_there_is_no_room_for_all_there_is_for_some() {
    let place = Place::new();
    let (journal, mut state, intents) = begun(&place, 3);
    let mut batch = journal.batch();
    add(&mut batch, &mut state, &intents[0]);
    let long = "long".repeat(1000);
    put(&mut state, "x_y.r000001", &long);
    batch
        .objects(&state, &intents[1].1, Some(intents[1].0))
        .unwrap();
    add(&mut batch, &mut state, &intents[2]);
    faults::fail_writes_from(2000);
    let written = batch.write();
    faults::fail_writes_from(usize::MAX);
    assert!(written.is_err());
    let open: Vec<_> = journal.open_intents().into_iter().map(|i| i.addr).collect();
    assert_eq!(open, [intents[1].1.clone()]);
    batch.write().unwrap();
    drop((batch, journal));
    let (read, ..) = place.recover();
    let found: Vec<_> = read.instances().map(|(addr, ..)| addr).collect();
    assert_eq!(found, [intents[0].1.clone(), intents[2].1.clone()]);
}

#[test]
fn what_follows_from_an_object_is_not_written_without_it() {
    // The first call that makes the object was never answered; the second one goes on with it.
    let begin = |place: &Place| {
        let state = Snapshot::new("1.2.3");
        let journal = place.open().begin("apply", &state).unwrap();
        let create = |journal: &Journal| {
            let again = intent("x_y.a", IntentAction::Create);
            journal.intent(again).unwrap()
        };
        let ids = [create(&journal), create(&journal)];
        (journal, state, ids)
    };
    for (others, room, written) in [(0, 2000, false), (1, 2000, false), (1, usize::MAX, true)] {
        let place = Place::new();
        let (journal, mut state, ids) = begin(&place);
        let mut batch = journal.batch();
        put(&mut state, "x_y.a", &"long".repeat(1000));
        batch.objects(&state, &addr("x_y.a"), Some(ids[1])).unwrap();
        for _ in 0..others {
            put(&mut state, "x_y.b", "one");
            batch.objects(&state, &addr("x_y.b"), None).unwrap();
        }
        faults::fail_writes_from(room);
        let made = batch.made(ids[1], &addr("x_y.a"));
        let result = made.and_then(|()| batch.write());
        faults::fail_writes_from(usize::MAX);
        assert_eq!(result.is_ok(), written, "{others} {room}");
        let expect = if written { vec![] } else { ids.to_vec() };
        let open: Vec<u64> = journal.open_intents().iter().map(|i| i.id).collect();
        assert_eq!(open, expect, "{others} {room}");
        drop((batch, journal));
        let (_, _, in_flight) = place.recover();
        let found: Vec<u64> = in_flight.iter().map(|i| i.id).collect();
        assert_eq!(found, expect, "{others} {room}");
    }
}

#[test]
fn a_write_that_failed_leaves_nothing_behind() {
    let place = Place::new();
    let (journal, mut state, intents) = begun(&place, 4);
    let mut batch = journal.batch();
    add(&mut batch, &mut state, &intents[0]);
    put(&mut state, "x_y.r000001", &"long".repeat(1000));
    let (id, at) = &intents[1];
    batch.objects(&state, at, Some(*id)).unwrap();
    add(&mut batch, &mut state, &intents[2]);
    add(&mut batch, &mut state, &intents[3]);
    // All but the last byte is written at first; the long one does not fit later either.
    faults::fail_writes_from(2000);
    faults::tear_writes_at(usize::MAX);
    let written = batch.write();
    faults::fail_writes_from(usize::MAX);
    faults::tear_writes_at(0);
    assert!(written.is_err());
    let length = fs::metadata(place.journal()).unwrap().len();
    assert_eq!(length, journal.len());
    drop((batch, journal));
    let (read, report, in_flight) = place.recover();
    let found: Vec<_> = read.instances().map(|(addr, ..)| addr).collect();
    let expect = [0, 2, 3].map(|n: usize| intents[n].1.clone());
    assert_eq!(found, expect);
    assert_eq!(in_flight.len(), 1);
    let report = report.unwrap();
    assert_eq!((report.results, report.damaged), (3, 0));
}

#[test]
fn of_many_open_intents_those_that_are_over_are_closed() {
    let place = Place::new();
    let (journal, mut state, intents) = begun(&place, 300);
    let (late, at) = intents[7].clone();
    let again = intent(&at.to_string(), IntentAction::Create);
    let again = journal.intent(again).unwrap();
    let update = journal
        .intent(intent(&at.to_string(), IntentAction::Update))
        .unwrap();
    let mut batch = journal.batch();
    for intent in intents.iter().filter(|(id, _)| id % 2 == 0 && *id != late) {
        add(&mut batch, &mut state, intent);
    }
    add(&mut batch, &mut state, &(again, at.clone()));
    batch.made(again, &at).unwrap();
    batch.write().unwrap();
    let open = |journal: &Journal| -> Vec<u64> {
        let open = journal.open_intents();
        open.iter().map(|intent| intent.id).collect()
    };
    let odd = intents.iter().map(|(id, _)| *id).filter(|id| id % 2 == 1);
    let expect: Vec<u64> = odd.chain([update]).collect();
    assert_eq!(open(&journal), expect, "the oldest first");
    journal
        .close_all(|intent| intent.action == IntentAction::Create)
        .unwrap();
    assert_eq!(open(&journal), [update]);
    drop((batch, journal));
    let (read, _, _) = place.recover();
    assert_eq!(read.instances().count(), 150);
}

#[test]
fn a_full_batch_does_not_wait_for_more() {
    let place = Place::new();
    let (journal, mut state, intents) = begun(&place, 18);
    let mut batch = journal.batch();
    let text = "0123456789abcdef".repeat(4096);
    for (id, at) in &intents {
        put(&mut state, &at.to_string(), &text);
        batch.objects(&state, at, Some(*id)).unwrap();
    }
    // Four of them are too many to keep.
    assert_eq!(journal.open_intents().len(), 2);
}

#[test]
fn records_are_as_long_however_many_there_are() {
    let each = [100_u64, 10_000].map(|count| {
        let place = Place::new();
        let mut state = Snapshot::new("1.2.3");
        let journal = place.open().begin("apply", &state).unwrap();
        let before = journal.cost();
        let mut batch = journal.batch();
        for n in 0..count {
            let at = format!("x_y.r{n:06}");
            put(&mut state, &at, "one");
            batch.objects(&state, &addr(&at), None).unwrap();
        }
        batch.write().unwrap();
        let after = journal.cost();
        assert_eq!(after.records - before.records, count);
        (after.bytes - before.bytes) / count
    });
    assert_eq!(each[0], each[1]);
}
