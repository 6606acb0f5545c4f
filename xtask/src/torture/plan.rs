//! Chooses trials at random.

use std::time::Duration;

use super::trial::{Action, Kill, Trial};
use crate::differ::random::Random;

const KILLS: [Kill; 4] = [Kill::Engine, Kill::Both, Kill::Group, Kill::Plugin];

/// So many trials. The first ones do not depend on how many there are.
pub(super) fn trials(seed: u64, runs: usize) -> Vec<Trial> {
    let mut random = Random::new(seed);
    (0..runs).map(|at| choose(&mut random, at)).collect()
}

/// Kinds of kill take turns; three of five trials are about creation.
fn choose(random: &mut Random, at: usize) -> Trial {
    let action = match random.below(5) {
        0 => Action::Update,
        1 => Action::Destroy,
        _ => Action::Create,
    };
    let objects = 30 + random.below(271);
    let latency = [0, 5, 20, 50][random.below(4)];
    Trial {
        action,
        kill: KILLS[at % KILLS.len()],
        objects,
        latency: Duration::from_millis(latency),
        after: random.below(objects),
        delay: Duration::from_micros(random.below(2000 * latency as usize + 20_000) as u64),
        at_once: random.chance(50),
    }
}
