//! Signals that ask a run to stop.

use std::sync::OnceLock;

use muster_run::Stop;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A request to stop that signals make: the first one ends the run in an orderly way, a second
/// one at once. With `quiet`, nothing is said about it.
///
/// When a terminal is closed, its programs may be told more than once: that alone never ends a
/// run at once. A program that was started to outlive its terminal is not told at all.
pub(crate) fn watch(quiet: bool) -> Stop {
    let stop = current();
    let mut interrupt = listen(SignalKind::interrupt());
    let mut terminate = listen(SignalKind::terminate());
    let mut hangup = match hangups_are_ignored() {
        true => None,
        false => listen(SignalKind::hangup()),
    };
    let asked = stop.clone();
    tokio::spawn(async move {
        loop {
            let again = tokio::select! {
                () = next(&mut interrupt) => true,
                () = next(&mut terminate) => true,
                () = next(&mut hangup) => false,
            };
            if asked.is_requested() && !again {
                continue;
            }
            if !quiet {
                tell(asked.is_requested());
            }
            asked.request();
        }
    });
    stop
}

/// The request to stop of this program, whether signals can make it already or not.
pub(crate) fn current() -> Stop {
    static STOP: OnceLock<Stop> = OnceLock::new();
    STOP.get_or_init(Stop::default).clone()
}

/// `None` when the signal cannot be listened to: then it does what it does to every program.
fn listen(kind: SignalKind) -> Option<Signal> {
    signal(kind).ok()
}

/// Waits for the signal; without end when it cannot come.
async fn next(signal: &mut Option<Signal>) {
    let came = match signal {
        Some(listening) => listening.recv().await.is_some(),
        None => false,
    };
    if !came {
        std::future::pending().await
    }
}

fn tell(again: bool) {
    errln!(
        "{}",
        match again {
            false =>
                "\nInterrupt received. Operations in progress are finished, and nothing new is begun.\nInterrupt again to stop at once; the next command then looks for what was in progress.",
            true => "\nStopping at once.",
        }
    );
}

/// Whether the program was started with hangups ignored, as `nohup` does. Where the system does
/// not tell, they are not.
fn hangups_are_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignores(&status, SignalKind::hangup().as_raw_value())
}

/// Whether a signal is among the ignored ones of a process status.
fn ignores(status: &str, signal: i32) -> bool {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let bit = u32::try_from(signal - 1).ok();
    mask.zip(bit)
        .and_then(|(mask, bit)| mask.checked_shr(bit))
        .is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals() {
        let check = |status: &str, expect: [bool; 2]| {
            assert_eq!([1, 15].map(|n| ignores(status, n)), expect, "{status}");
        };
        check("Name:\tx\nSigIgn:\t0000000000000001\n", [true, false]);
        check("SigIgn:\t0000000000004000\n", [false, true]);
        check("SigBlk:\t0000000000000001\nSigIgn:\t0\n", [false, false]);
        check("", [false, false]);
        check("SigIgn:\tnonsense", [false, false]);
    }
}
