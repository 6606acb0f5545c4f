//! The bridge between callers that block and the driver, which does not.
//!
//! Each connection has a thread with a small runtime of its own. Jobs go to it through a channel,
//! and the caller waits for the answer; it may well be inside a runtime itself.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use muster_store::StoreError;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_postgres::Client;

use crate::address::Address;
use crate::fault::{self, Fault, Kind};
use crate::tls::Connector;

/// For how long a lost connection is made again, or a transaction tried again that others were
/// in the way of.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same for whoever comes soon after somebody has waited in vain: many jobs may be left to do
/// when the database goes away, such as what is undone, and locks that are given back.
const IMPATIENCE: Duration = Duration::from_secs(1);
/// How long one job may take.
const LONGEST_JOB: Duration = Duration::from_secs(300);
/// The pauses between attempts grow from the one to the other.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// What a connection is asked to do.
type Job = Box<dyn for<'c> FnOnce(&'c mut Client) -> Pin<Box<dyn Future<Output = ()> + 'c>> + Send>;

/// A connection to a database, made when it is first needed and again when it is lost.
pub(crate) struct Link {
    address: Address,
    jobs: Mutex<Option<UnboundedSender<Job>>>,
    /// There has been a connection, so the address is right.
    proven: AtomicBool,
    /// The server has ended the last connection because somebody wanted it to.
    ended: Arc<AtomicBool>,
    /// When somebody has last waited in vain for a connection to this database.
    given_up: Arc<Mutex<Option<Instant>>>,
}

impl Link {
    /// Nothing is connected yet.
    pub(crate) fn new(address: Address) -> Self {
        Self {
            address,
            jobs: Mutex::new(None),
            proven: AtomicBool::new(false),
            ended: Arc::default(),
            given_up: Arc::default(),
        }
    }

    /// Another connection to the same database.
    pub(crate) fn another(&self) -> Self {
        Self {
            given_up: self.given_up.clone(),
            ..Self::new(self.address.clone())
        }
    }

    /// The database for people, without secrets.
    pub(crate) fn place(&self) -> &str {
        &self.address.place
    }

    /// Whether the connection that was made last is still there.
    pub(crate) fn is_open(&self) -> bool {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.as_ref().is_some_and(|jobs| !jobs.is_closed())
    }

    /// Whether somebody has had the server end the connection that was made last, or the server
    /// itself: what is lost by other means is not meant to be.
    pub(crate) fn was_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Does a job that may be done twice: again when the connection is lost, and when another
    /// transaction is in the way.
    pub(crate) fn call<T, F>(&self, what: (&'static str, &str), job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: AsyncFn(&mut Client) -> Result<T, Fault> + Send + Sync + 'static,
    {
        self.call_for(PATIENCE, what, job)
    }

    /// As [`Link::call`], trying again for so long.
    pub(crate) fn call_for<T, F>(
        &self,
        patience: Duration,
        (action, place): (&'static str, &str),
        job: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: AsyncFn(&mut Client) -> Result<T, Fault> + Send + Sync + 'static,
    {
        let job = Arc::new(job);
        let started = Instant::now();
        let mut pause = PAUSES.0;
        loop {
            let fault = match self.run(&job) {
                Ok(answer) => {
                    *self.given_up() = None;
                    return Ok(answer);
                }
                Err(fault) => fault,
            };
            let is_lost = matches!(fault.kind(), Kind::Lost);
            let given_up = is_lost.then(|| *self.given_up()).flatten();
            let patience = patience.min(patience_after(given_up, started));
            let again = match fault.kind() {
                Kind::Conflict => true,
                Kind::Lost => self.proven.load(Ordering::Relaxed),
                Kind::Final => false,
            };
            if !again || started.elapsed() >= patience {
                if is_lost && again && !patience.is_zero() {
                    *self.given_up() = Some(Instant::now());
                }
                return Err(fault.into_error(action, place));
            }
            thread::sleep(uneven(pause));
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    fn given_up(&self) -> MutexGuard<'_, Option<Instant>> {
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does a job once, on the connection that is there: never on a new one.
    pub(crate) fn call_once<T, F>(
        &self,
        (action, place): (&'static str, &str),
        job: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: AsyncFn(&mut Client) -> Result<T, Fault> + Send + Sync + 'static,
    {
        if !self.is_open() {
            return Err(Fault::cut().into_error(action, place));
        }
        self.run(&Arc::new(job))
            .map_err(|fault| fault.into_error(action, place))
    }

    fn run<T, F>(&self, job: &Arc<F>) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: AsyncFn(&mut Client) -> Result<T, Fault> + Send + Sync + 'static,
    {
        let jobs = self.connected()?;
        let (answer, answered) = mpsc::sync_channel(1);
        let (job, ended) = (job.clone(), self.ended.clone());
        let sent = jobs.send(Box::new(move |client| {
            Box::pin(async move {
                let done = job(client).await;
                // The one who waits for an answer is told of the end instead of the connection.
                if let Err(Fault::Database(error)) = &done
                    && fault::is_wanted(error)
                {
                    ended.store(true, Ordering::Relaxed);
                }
                // Whoever asked is waiting, unless its thread is gone.
                let _ = answer.send(done);
            })
        }));
        sent.map_err(|_| Fault::cut())?;
        answered.recv().unwrap_or_else(|_| Err(Fault::cut()))
    }

    /// The way to the thread of a connection.
    fn connected(&self) -> Result<UnboundedSender<Job>, Fault> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = jobs.as_ref().filter(|jobs| !jobs.is_closed()) {
            return Ok(open.clone());
        }
        let opened = open(self.address.clone(), self.ended.clone())?;
        self.proven.store(true, Ordering::Relaxed);
        *jobs = Some(opened.clone());
        Ok(opened)
    }
}

/// Connects, on a thread that lives as long as somebody may send jobs to it.
fn open(address: Address, ended: Arc<AtomicBool>) -> Result<UnboundedSender<Job>, Fault> {
    let (jobs, received) = unbounded_channel();
    let (started, has_started) = mpsc::sync_channel(1);
    let body = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        match runtime {
            Ok(runtime) => runtime.block_on(serve(address, &started, received, &ended)),
            Err(error) => drop(started.send(Err(Fault::other(error)))),
        }
    };
    thread::Builder::new()
        .name("postgres".to_owned())
        .spawn(body)
        .map_err(Fault::other)?;
    match has_started.recv() {
        Ok(Ok(())) => Ok(jobs),
        Ok(Err(fault)) => Err(fault),
        Err(_) => Err(Fault::cut()),
    }
}

/// Connects and does jobs until the connection or whoever sends them is gone.
async fn serve(
    address: Address,
    started: &mpsc::SyncSender<Result<(), Fault>>,
    mut jobs: UnboundedReceiver<Job>,
    ended: &AtomicBool,
) {
    let connector = match Connector::new(&address.tls) {
        Ok(connector) => connector,
        Err(reason) => return drop(started.send(Err(Fault::other(reason)))),
    };
    let (mut client, connection) = match address.config.connect(connector).await {
        Ok(connected) => connected,
        Err(error) => return drop(started.send(Err(error.into()))),
    };
    let mut connection = tokio::spawn(connection);
    ended.store(false, Ordering::Relaxed);
    let _ = started.send(Ok(()));
    loop {
        tokio::select! {
            biased;
            end = &mut connection => {
                let was_ended = matches!(end, Ok(Err(error)) if fault::is_wanted(&error));
                // A job may have been told so before.
                ended.fetch_or(was_ended, Ordering::Relaxed);
                return;
            }
            job = jobs.recv() => {
                let Some(job) = job else { break };
                // A job that takes too long is dropped together with the connection.
                if tokio::time::timeout(LONGEST_JOB, job(&mut client)).await.is_err() {
                    return;
                }
            }
        }
    }
    drop(client);
    // Takes leave of the server.
    let _ = connection.await;
}

/// For how long a job that began then may be tried again when the connection is lost, by when
/// somebody has last given up.
fn patience_after(given_up: Option<Instant>, started: Instant) -> Duration {
    match given_up {
        Some(then) if started < then + PATIENCE => IMPATIENCE,
        _ => PATIENCE,
    }
}

/// A pause that is not the same for everybody who was in each other's way.
fn uneven(pause: Duration) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let noise = now.unwrap_or_default().subsec_nanos() % 1000;
    pause / 2 + pause * noise / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_soon_after_somebody_gave_up_waits_less() {
        let now = Instant::now();
        assert_eq!(patience_after(None, now), PATIENCE);
        assert_eq!(patience_after(Some(now), now), IMPATIENCE);
        let soon = now + PATIENCE / 2;
        assert_eq!(patience_after(Some(now), soon), IMPATIENCE);
        // Those who were waiting already do not wait longer than they would have.
        assert_eq!(patience_after(Some(soon), now), IMPATIENCE);
        assert_eq!(patience_after(Some(now), now + PATIENCE), PATIENCE);
    }

    #[test]
    fn connections_to_one_database_are_given_up_together() {
        let address = Address::new("postgres://a@127.0.0.1:1/a?sslmode=disable", &|_| None);
        let link = Link::new(address.unwrap());
        let other = link.another();
        *link.given_up() = Some(Instant::now());
        assert!(other.given_up().is_some());
        // There has been a connection, so that it is tried again, but not for long.
        other.proven.store(true, Ordering::Relaxed);
        let lost = other.call(("read", "a state"), async |_| Ok(()));
        assert!(lost.is_err());
    }
}
