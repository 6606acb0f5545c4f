//! Calls that block, made of ones that do not.

use std::io;
use std::sync::mpsc;

use tokio::runtime::{Builder, Runtime};

/// A thread that requests run on, so that whoever waits for them may be anywhere: also in another
/// runtime, where starting one would panic.
#[derive(Debug)]
pub(crate) struct Bridge(Option<Runtime>);

impl Bridge {
    pub(crate) fn new() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("http state")
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Waits for a future. `None` if it panicked.
    pub(crate) fn wait<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (done, answer) = mpsc::sync_channel(1);
        self.0.as_ref()?.spawn(async move {
            // The one who waits is there until it has the answer.
            let _ = done.send(future.await);
        });
        answer.recv().ok()
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Waiting for the thread is not allowed in other runtimes, and nothing is under way.
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waits_inside_of_a_runtime() {
        let bridge = Bridge::new().unwrap();
        assert_eq!(bridge.wait(async { 7 }), Some(7));
        drop(bridge);
    }

    #[test]
    fn a_panic_is_no_deadlock() {
        let bridge = Bridge::new().unwrap();
        let broken = bridge.wait(async {
            if bytes::Bytes::new().is_empty() {
                panic!("as it should");
            }
        });
        assert_eq!(broken, None);
        assert_eq!(bridge.wait(async { 7 }), Some(7));
    }
}
