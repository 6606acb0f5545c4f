//! Runs that are killed at random moments, and what the next run makes of it.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use trial::{Engine, Sim};

#[path = "../../xtask/src/torture/plan.rs"]
#[expect(dead_code, reason = "the whole torture takes hours")]
mod plan;

#[path = "../../xtask/src/differ/random.rs"]
#[expect(dead_code, reason = "little is chosen here")]
mod random;

#[path = "../../xtask/src/torture/trial/mod.rs"]
#[expect(
    dead_code,
    reason = "the whole torture has other engines and providers"
)]
mod trial;

/// How many runs are killed.
const TRIALS: usize = 50;

/// Most of the time they wait for the simulator.
const AT_A_TIME: usize = 4;

#[test]
fn nothing_is_lost_when_runs_are_killed() {
    let home = tempfile::tempdir().unwrap();
    let muster = Path::new(env!("CARGO_BIN_EXE_muster"));
    let engine = Engine::muster(muster, home.path()).unwrap();
    let trials = plan::quick(1, TRIALS);
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(trial) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
            let folder = tempfile::tempdir().unwrap();
            let verdict = trial::run(&engine, &Sim, trial, folder.path()).unwrap();
            let problems = verdict.problems.join("\n");
            assert!(verdict.is_good(), "{trial:?}\n{problems}");
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(work);
        }
    });
}
