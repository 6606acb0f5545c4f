//! The way from calls that block, perhaps inside of somebody's runtime, to requests that do not.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::mpsc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A thread with a runtime of its own. It ends once this is dropped and all jobs are done.
#[derive(Debug)]
pub(crate) struct Bridge {
    jobs: UnboundedSender<Job>,
}

impl Bridge {
    /// Starts the thread.
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (jobs, queue) = unbounded_channel();
        std::thread::Builder::new()
            .name("s3".to_owned())
            .spawn(move || runtime.block_on(work(queue)))?;
        Ok(Self { jobs })
    }

    /// Runs a job and waits for what comes of it. `None` if it panicked.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        job: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (done, result) = mpsc::sync_channel(1);
        let job = async move {
            // Whoever waits for this waits until it comes.
            let _ = done.send(job.await);
        };
        self.jobs.send(Box::pin(job)).ok()?;
        result.recv().ok()
    }
}

async fn work(mut queue: UnboundedReceiver<Job>) {
    let mut running = tokio::task::JoinSet::new();
    while let Some(job) = queue.recv().await {
        running.spawn(job);
        while running.try_join_next().is_some() {}
    }
    while running.join_next().await.is_some() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_run_side_by_side_and_inside_of_runtimes() {
        let bridge = Bridge::start().unwrap();
        assert_eq!(bridge.run(async { 1 }), Some(1));
        let lost: Option<()> = bridge.run(async { panic!("on purpose") });
        assert_eq!(lost, None);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        assert_eq!(runtime.block_on(async { bridge.run(async { 2 }) }), Some(2));
        let (send, receive) = tokio::sync::oneshot::channel();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| bridge.run(receive));
            bridge.run(async { send.send(3) });
            assert_eq!(waits.join().unwrap(), Some(Ok(3)));
        });
    }
}
