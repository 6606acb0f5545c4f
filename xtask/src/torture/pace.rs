//! How fast trials go, and what that costs beside the programs that are put to the test.

use std::fmt::{Display, Formatter, Result};
use std::time::{Duration, Instant};

/// What the system counts the time of processes in, on Linux.
const TICK: Duration = Duration::from_millis(10);

/// The time since trials were begun.
pub(super) struct Pace {
    began: Instant,
    /// What this process had used by then.
    used: Duration,
}

impl Pace {
    /// From now on.
    pub(super) fn begin() -> Self {
        Self {
            began: Instant::now(),
            used: used(),
        }
    }

    /// After so many trials.
    pub(super) fn at(&self, trials: usize) -> impl Display {
        Reached {
            trials,
            took: self.began.elapsed(),
            used: used().saturating_sub(self.used),
        }
    }
}

struct Reached {
    trials: usize,
    took: Duration,
    used: Duration,
}

impl Display for Reached {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let seconds = self.took.as_secs_f64().max(0.001);
        write!(
            f,
            "{:.1} trials a minute, {seconds:.0} s in all, {:.1} s of them computed here",
            self.trials as f64 * 60.0 / seconds,
            self.used.as_secs_f64()
        )
    }
}

/// The time that this process has computed, its children left out. Nothing where the system does
/// not tell.
fn used() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    ticks(&text).map_or(Duration::ZERO, |ticks| TICK * ticks)
}

/// The ticks in its own code and in the system, from the fields of a process.
fn ticks(stat: &str) -> Option<u32> {
    // Before this is a name that may hold anything.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11);
    let own: u32 = times.next()?.parse().ok()?;
    let system: u32 = times.next()?.parse().ok()?;
    Some(own + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_processes() {
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 120 30 14 15";
        assert_eq!(ticks(stat), Some(150));
        assert_eq!(ticks(""), None);
    }

    #[test]
    fn paces() {
        let reached = Reached {
            trials: 50,
            took: Duration::from_secs(30),
            used: Duration::from_millis(1500),
        };
        let text = "100.0 trials a minute, 30 s in all, 1.5 s of them computed here";
        assert_eq!(reached.to_string(), text);
    }
}
