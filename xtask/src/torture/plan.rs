//! Chooses trials at random.

use std::time::Duration;

use super::random::Random;
use super::trial::{Action, Kill, Trial};

const KILLS: [Kill; 5] = [
    Kill::Engine,
    Kill::Both,
    Kill::Group,
    Kill::Plugin,
    Kill::Screen,
];

/// One of so many runs is killed before it has begun with anything.
const EARLY: usize = 10;

/// One of so many runs is killed at its end.
const LATE: usize = 10;

/// How many objects a trial has.
const FEWEST: usize = 30;
const MOST: usize = 300;

/// So many trials on the simulator. The first ones do not depend on how many there are.
pub(super) fn on_sim(seed: u64, runs: usize) -> Vec<Trial> {
    let mut random = Random::new(seed);
    let choose = |at| some_action(&mut random, at, MOST, &[0, 5, 20, 50]);
    (0..runs).map(choose).collect()
}

/// So many trials on the simulator that take little time.
pub(super) fn quick(seed: u64, runs: usize) -> Vec<Trial> {
    let mut random = Random::new(seed);
    let choose = |at| some_action(&mut random, at, 2 * FEWEST, &[0, 2, 5]);
    (0..runs).map(choose).collect()
}

/// So many trials of creation on AWS, where everything takes longer.
pub(super) fn on_aws(seed: u64, runs: usize) -> Vec<Trial> {
    let mut random = Random::new(seed);
    let choose = |at: usize| {
        let objects = FEWEST + random.below(FEWEST + 1);
        let (after, delay) = moment(&mut random, objects, 200_000);
        Trial {
            action: Action::Create,
            kill: KILLS[at % KILLS.len()],
            objects,
            latency: Duration::ZERO,
            after,
            delay,
            at_once: random.chance(50),
        }
    };
    (0..runs).map(choose).collect()
}

/// Kinds of kill take turns; three of five trials are about creation.
fn some_action(random: &mut Random, at: usize, most: usize, latencies: &[usize]) -> Trial {
    let action = match random.below(5) {
        0 => Action::Update,
        1 => Action::Destroy,
        _ => Action::Create,
    };
    let objects = FEWEST + random.below(most - FEWEST + 1);
    let latency = latencies[random.below(latencies.len())];
    let (after, delay) = moment(random, objects, 2000 * latency + 20_000);
    Trial {
        action,
        kill: KILLS[at % KILLS.len()],
        objects,
        latency: Duration::from_millis(latency as u64),
        after,
        delay,
        at_once: random.chance(50),
    }
}

/// After how many results a run is killed, and how long after that, given the most microseconds
/// that it goes on.
fn moment(random: &mut Random, objects: usize, most: usize) -> (Option<usize>, Duration) {
    let after = match random.below(EARLY * LATE) {
        n if n % EARLY == 0 => None,
        n if n / EARLY == 0 => Some(objects),
        _ => Some(random.below(objects)),
    };
    let most = match after {
        // There is little left to do.
        Some(after) if after == objects => most.min(5000),
        _ => most,
    };
    (after, Duration::from_micros(random.below(most) as u64))
}
