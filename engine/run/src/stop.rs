//! How a user stops a run: asked once it ends in an orderly way, asked twice at once.

use tokio::sync::watch;

/// A request to stop, shared by all parts of a run.
#[derive(Clone, Debug)]
pub struct Stop(watch::Sender<u8>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Stop {
    /// Asks; the second time the run does not wait for calls in flight.
    pub fn request(&self) {
        self.0.send_modify(|n| *n = n.saturating_add(1));
    }

    /// Asks, unless somebody has asked already: calls in flight are not cut off by that.
    pub fn request_first(&self) {
        self.0.send_if_modified(|n| {
            let is_first = *n == 0;
            *n = (*n).max(1);
            is_first
        });
    }

    /// Whether somebody asked.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() > 0
    }

    /// Waits until somebody asks.
    pub async fn requested(&self) {
        self.reaches(1).await;
    }

    /// Waits until somebody asks for the second time.
    pub async fn forced(&self) {
        self.reaches(2).await;
    }

    async fn reaches(&self, count: u8) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|n| *n >= count).await;
    }
}
