//! What prolongs a lock while it is held, and notices when it is not.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use muster_store::{LockLoss, StoreError};

use super::Database;
use super::lease::Held;
use crate::link::Link;

/// How often a lock is prolonged within its lease.
const BEATS: u32 = 3;
/// It is looked at least so often whether the lock is held.
const LOOK: Duration = Duration::from_secs(2);

/// Looks after a lock that was taken.
pub(super) struct Beat {
    pub(super) link: Link,
    pub(super) database: Arc<Database>,
    pub(super) held: Held,
    pub(super) loss: LockLoss,
}

impl Beat {
    /// Prolongs the lock from now on until the answer is dropped.
    pub(super) fn start(self) -> Sender<()> {
        let (stop, stopped) = channel();
        // Without a thread the lock ends with its lease, which writes notice.
        let _ = thread::Builder::new()
            .name("lock".to_owned())
            .spawn(move || self.run(&stopped));
        stop
    }

    fn run(&self, stopped: &Receiver<()>) {
        let lease = self.database.lease;
        let every = lease / BEATS;
        let mut prolonged = Instant::now();
        while stopped.recv_timeout(every.min(LOOK)) == Err(RecvTimeoutError::Timeout) {
            let began = Instant::now();
            let is_due = prolonged.elapsed() >= every;
            match self.look(is_due) {
                Ok(()) if is_due => prolonged = began,
                Ok(()) => {}
                Err(StoreError::LockLost { place, reason }) => {
                    return self.loss.tell(&place, &reason);
                }
                // A database that cannot be reached now may be back before the lease ends.
                // Afterwards nobody has to respect the lock; if nobody has come when the database
                // is back, it is held again, so that what was done can be stored.
                Err(error) if prolonged.elapsed() >= lease => self.ended(&error),
                Err(_) => {}
            }
        }
    }

    /// Makes sure that the lock is held, and prolongs it if that is due.
    fn look(&self, is_due: bool) -> Result<(), StoreError> {
        let place = self.database.place(&self.held.workspace);
        let (held, database) = (self.held.clone(), self.database.clone());
        let what = ("lock", place.as_str());
        self.link
            .call_for(Duration::ZERO, what, async move |client| match is_due {
                true => held.prolong(&*client, &database).await,
                false => held.must_be(&*client, &database, "").await,
            })
    }

    fn ended(&self, error: &StoreError) {
        let place = self.database.place(&self.held.workspace);
        let seconds = self.database.lease.as_secs();
        let reason = format!(
            "the lock has ended, because it could not be prolonged for {seconds} s: {error}"
        );
        self.loss.tell(&place, &reason);
    }
}
