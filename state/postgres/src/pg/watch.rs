//! Whether a session still holds its lock while nobody uses it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use muster_store::{LockLoss, StoreError};

use super::Database;
use super::lock::Session;

/// How often it is looked.
const PAUSE: Duration = Duration::from_secs(2);

/// Looks after the lock of a session, and tells when somebody else has it. A session that was cut
/// off, or ended with its server, takes its lock again; one that somebody has ended leaves that to
/// the next write, because others may be meant to have it.
pub(super) struct Watch {
    pub(super) session: Arc<Session>,
    pub(super) database: Arc<Database>,
    pub(super) place: String,
    pub(super) loss: LockLoss,
}

impl Watch {
    /// Looks from now on until the answer is dropped.
    pub(super) fn start(self) -> Sender<()> {
        let (stop, stopped) = channel();
        // Without a thread, the loss is noticed by the next write.
        let _ = thread::Builder::new()
            .name("lock".to_owned())
            .spawn(move || self.run(&stopped));
        stop
    }

    fn run(&self, stopped: &Receiver<()>) {
        while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
            if let Err(StoreError::LockLost { reason, .. }) = self.look() {
                return self.loss.tell(&self.place, &reason);
            }
            // A server that cannot be reached now tells later.
        }
    }

    fn look(&self) -> Result<(), StoreError> {
        let (session, place) = (self.session.clone(), self.place.clone());
        let what = ("lock", self.place.as_str());
        if session.link.is_open() || !session.link.was_ended() || self.has_restarted()? {
            let link = session.link.clone();
            return link.call_for(Duration::ZERO, what, async move |client| {
                session.keep(client, &place).await?;
                session.announce(client).await
            });
        }
        let link = &self.database.link;
        link.call_for(Duration::ZERO, what, async move |client| {
            session.look(client, &place).await
        })
    }

    fn has_restarted(&self) -> Result<bool, StoreError> {
        let (session, what) = (self.session.clone(), ("lock", self.place.as_str()));
        let link = &self.database.link;
        link.call_for(Duration::ZERO, what, async move |client| {
            session.has_restarted(client).await
        })
    }
}
