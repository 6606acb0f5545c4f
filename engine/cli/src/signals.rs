//! Signals that ask a run to stop.

use std::sync::OnceLock;

use muster_run::Stop;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::owner::{self, Request};
use crate::prompt;

/// A request to stop that signals make: the first one ends the run in an orderly way, a second
/// one at once. With `quiet`, nothing is said about it.
///
/// When a terminal is closed, its programs may be told more than once: that alone never ends a
/// run at once. A program that was started to outlive its terminal is not told at all.
///
/// Where another process has the terminal, it passes signals on. Some who stop a program send the
/// signal to all its processes: then it comes twice, and still counts as one.
pub(crate) fn watch(quiet: bool) -> Stop {
    let stop = current();
    let mut signals = listen_to_all();
    let mut screen = owner::requests();
    let asked = stop.clone();
    tokio::spawn(async move {
        let mut heard = Heard::default();
        loop {
            let (wanted, by_nobody) = tokio::select! {
                kind = signals.next() => (heard.signal(kind == SignalKind::hangup()), false),
                request = passed_on(&mut screen) => (heard.request(request), request == Request::Alone),
            };
            if !wanted {
                continue;
            }
            let again = asked.is_requested();
            // First of all: saying so may take as long as nobody reads what is said.
            asked.request();
            if !quiet && !by_nobody {
                tokio::task::spawn_blocking(move || tell(again));
            }
        }
    });
    stop
}

/// What has come so far.
#[derive(Debug, Default)]
struct Heard {
    /// Signals of this process.
    own: u32,
    /// Those that were passed on to it.
    passed: u32,
    /// How often something that cannot come twice was the first reason to stop.
    gone: u32,
    /// How often the run was asked to stop.
    asked: u32,
}

impl Heard {
    /// Takes a signal of this process; whether it is one more request to stop.
    fn signal(&mut self, hangup: bool) -> bool {
        match hangup {
            true => self.lose(),
            false => {
                self.own += 1;
                self.count()
            }
        }
    }

    /// Takes what the screen has passed on; whether it is one more request to stop.
    fn request(&mut self, request: Request) -> bool {
        match request {
            Request::Hangup | Request::Alone => self.lose(),
            Request::Interrupt => {
                self.passed += 1;
                self.count()
            }
        }
    }

    fn lose(&mut self) -> bool {
        self.gone += u32::from(self.asked == 0);
        self.count()
    }

    fn count(&mut self) -> bool {
        let more = self.own.max(self.passed) + self.gone > self.asked;
        self.asked += u32::from(more);
        more
    }
}

/// Waits for something that the screen passes on; without end when there is none.
async fn passed_on(screen: &mut Option<UnboundedReceiver<Request>>) -> Request {
    let came = match screen {
        Some(screen) => screen.recv().await,
        None => None,
    };
    match came {
        Some(request) => request,
        None => std::future::pending().await,
    }
}

/// The signals that ask a program to end.
pub(crate) struct Listening {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    hangup: Option<Signal>,
}

/// Listens to all signals that ask a program to end, from now on. Must be called inside a runtime.
pub(crate) fn listen_to_all() -> Listening {
    Listening {
        interrupt: listen(SignalKind::interrupt()),
        terminate: listen(SignalKind::terminate()),
        hangup: match hangups_are_ignored() {
            true => None,
            false => listen(SignalKind::hangup()),
        },
    }
}

impl Listening {
    /// Waits for the next signal.
    pub(crate) async fn next(&mut self) -> SignalKind {
        tokio::select! {
            () = next(&mut self.interrupt) => SignalKind::interrupt(),
            () = next(&mut self.terminate) => SignalKind::terminate(),
            () = next(&mut self.hangup) => SignalKind::hangup(),
        }
    }
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
            // There is nothing in progress that the end of it would have to wait for.
            false if prompt::is_asking() => "\nInterrupt received.",
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
    fn requests_to_stop() {
        // I: a signal, i: one that is passed on, H and h: that the terminal is closed, a: that
        // the screen is gone.
        let check = |events: &str, expect: &[bool]| {
            let mut heard = Heard::default();
            let take = |event| match event {
                'I' => heard.signal(false),
                'H' => heard.signal(true),
                'i' => heard.request(Request::Interrupt),
                'h' => heard.request(Request::Hangup),
                _ => heard.request(Request::Alone),
            };
            let found: Vec<bool> = events.chars().map(take).collect();
            assert_eq!(found, expect, "{events}");
        };
        check("II", &[true, true]);
        check("ii", &[true, true]);
        check("Ii", &[true, false]);
        check("iIiI", &[true, false, true, false]);
        check("HH", &[true, false]);
        check("Hha", &[true, false, false]);
        check("HI", &[true, true]);
        check("hIi", &[true, true, false]);
        check("iha", &[true, false, false]);
        check("ai", &[true, true]);
    }

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
