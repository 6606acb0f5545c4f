//! The process of a plugin: started, listened to, and ended.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, mpsc};
use std::time::Duration;

use muster_provider::ProviderError;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::sync::{oneshot, watch};

use crate::tail::Tail;
use crate::{Log, PluginSpec};

/// What a host that means to start a plugin says to it.
const COOKIE: (&str, &str) = (
    "TF_PLUGIN_MAGIC_COOKIE",
    "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
);
/// The longest line that is read at once; longer ones come in parts.
const LONGEST_LINE: u64 = 1024 * 1024;
/// How long the last output of a dead plugin is waited for. Programs that it has started may
/// hold its output open for ever.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// A plugin's process. Killed when this is dropped.
pub(crate) struct Process {
    child: Arc<Mutex<Child>>,
    /// How it ended, once it has.
    exit: watch::Receiver<Option<String>>,
    tail: Arc<Mutex<Tail>>,
}

impl Process {
    /// Starts the program and waits for its first line.
    pub(crate) async fn start(
        spec: &PluginSpec,
        certificate: &str,
        log: Option<Log>,
        timeout: Duration,
    ) -> Result<(Self, String), ProviderError> {
        let mut command = Command::new(&spec.program);
        command
            .args(&spec.args)
            .envs(spec.env.iter().cloned())
            .env(COOKIE.0, COOKIE.1)
            .env("PLUGIN_PROTOCOL_VERSIONS", "5,6")
            .env("PLUGIN_MIN_PORT", "10000")
            .env("PLUGIN_MAX_PORT", "25000")
            .env("PLUGIN_CLIENT_CERT", certificate)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // An interrupt at the terminal is for us; plugins are told to stop by a call.
            .process_group(0);
        die_with_parent(&mut command);
        let child = spawn(command).await.map_err(|error| {
            ProviderError::Start(format!("{} cannot be run: {error}", spec.program.display()))
        })?;
        let (process, first) = Self::watch(child, log);
        let line = tokio::time::timeout(timeout, process.greeting(first)).await;
        let reason = match line {
            Ok(Ok(line)) => return Ok((process, line)),
            Ok(Err(status)) => format!("the plugin ended before it was ready: {status}"),
            Err(_) => format!(
                "the plugin was not ready after {} seconds",
                timeout.as_secs()
            ),
        };
        Err(process.report(ProviderError::Start(reason)))
    }

    /// The first line, or how the process ended without one.
    async fn greeting(&self, first: oneshot::Receiver<String>) -> Result<String, String> {
        tokio::select! {
            biased;
            line = first => match line {
                Ok(line) => Ok(line),
                Err(_) => {
                    let status = self.wait(Duration::from_secs(5)).await;
                    Err(status.unwrap_or_else(|| "it closed its output".to_owned()))
                }
            },
            status = self.ended() => Err(status),
        }
    }

    fn watch(mut child: Child, log: Option<Log>) -> (Self, oneshot::Receiver<String>) {
        let (sender, first) = oneshot::channel();
        let (ended, exit) = watch::channel(None);
        let tail = Arc::new(Mutex::new(Tail::default()));
        // Nothing is sent: both ends of the output hang up when they are through.
        let (reading, read) = mpsc::channel::<()>();
        if let Some(stdout) = child.stdout.take() {
            let reading = reading.clone();
            std::thread::spawn(move || {
                drain_stdout(stdout, sender);
                drop(reading);
            });
        }
        if let Some(stderr) = child.stderr.take() {
            let kept = Arc::clone(&tail);
            std::thread::spawn(move || {
                drain_stderr(stderr, &kept, log.as_ref());
                drop(reading);
            });
        }
        let pid = child.id();
        let child = Arc::new(Mutex::new(child));
        let watched = Arc::clone(&child);
        std::thread::spawn(move || {
            wait_for_end(pid);
            let _ = read.recv_timeout(LAST_WORDS);
            // Reaped and announced under one lock: who finds it running there may kill it.
            let mut child = lock(&watched);
            let status = match child.wait() {
                Ok(status) => status.to_string(),
                Err(error) => error.to_string(),
            };
            ended.send_replace(Some(status));
        });
        (Self { child, exit, tail }, first)
    }

    /// How the process ended; `None` if it still runs when the time is over.
    pub(crate) async fn wait(&self, timeout: Duration) -> Option<String> {
        tokio::time::timeout(timeout, self.ended()).await.ok()
    }

    async fn ended(&self) -> String {
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(status) => status.clone().unwrap_or_default(),
            Err(_) => "nobody knows how".to_owned(),
        }
    }

    /// Adds the last lines of the log to the reason why a plugin cannot be used.
    pub(crate) fn report(&self, error: ProviderError) -> ProviderError {
        match (error, self.tail()) {
            (ProviderError::Start(reason), tail) if !tail.is_empty() => {
                ProviderError::Start(format!("{reason}\n\n{tail}"))
            }
            (error, _) => error,
        }
    }

    /// The last lines of the log that are not log records: a panic, as a rule.
    pub(crate) fn tail(&self) -> String {
        lock(&self.tail).text()
    }

    /// Ends the process at once.
    pub(crate) fn kill(&self) {
        let child = lock(&self.child);
        if self.exit.borrow().is_none() {
            kill_group(&child);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

/// Waits until a child has ended, and leaves it to be reaped: until then nobody else gets its
/// number, so that it can be killed at any time.
fn wait_for_end(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    if let Some(pid) = pid {
        while matches!(waitid(WaitId::Pid(pid), options), Err(Errno::INTR)) {}
    }
}

/// Reads the first line, and then whatever follows: a full pipe would stop the plugin.
fn drain_stdout(stdout: impl Read, first: oneshot::Sender<String>) {
    let mut reader = BufReader::new(stdout);
    let mut line = Vec::new();
    let read = (&mut reader)
        .take(LONGEST_LINE)
        .read_until(b'\n', &mut line);
    if matches!(read, Ok(n) if n > 0) {
        // Nobody waits any more when the start has timed out.
        let _ = first.send(String::from_utf8_lossy(&line).into_owned());
    } else {
        drop(first);
    }
    let _ = std::io::copy(&mut reader, &mut std::io::sink());
}

fn drain_stderr(stderr: impl Read, tail: &Mutex<Tail>, log: Option<&Log>) {
    let mut reader = BufReader::new(stderr);
    let mut line = Vec::new();
    // Of a line that comes in parts the first one is kept; the rest would be cut anyway.
    let mut whole = true;
    loop {
        line.clear();
        match (&mut reader)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)
        {
            Ok(n) if n > 0 => {}
            _ => return,
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if let Some(log) = log {
            log(text);
        }
        if whole && !text.is_empty() && !text.starts_with('{') {
            lock(tail).push(text);
        }
        whole = line.ends_with(b"\n");
    }
}

/// A child on its way to whoever asked for it. Ended when nobody takes it.
struct Spawned(Option<Child>);

impl Drop for Spawned {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            kill_group(&child);
            // Reaped elsewhere: the dying may take a moment, and nobody shall wait for it.
            std::thread::spawn(move || child.wait());
        }
    }
}

type Job = (Command, oneshot::Sender<std::io::Result<Spawned>>);

/// Starts a child from a thread that lives as long as this program: on Linux a child that shall
/// die with its parent dies with the thread that started it. A child that is started after this
/// future was dropped is ended at once.
async fn spawn(command: Command) -> std::io::Result<Child> {
    static SPAWNER: OnceLock<mpsc::Sender<Job>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, jobs) = mpsc::channel::<Job>();
        std::thread::spawn(move || {
            for (mut command, answer) in jobs {
                // When nobody waits any more the child comes back and is dropped.
                let _ = answer.send(command.spawn().map(|child| Spawned(Some(child))));
            }
        });
        sender
    });
    let (answer, child) = oneshot::channel();
    let gone = || std::io::Error::other("no process can be started any more");
    spawner.send((command, answer)).map_err(|_| gone())?;
    let mut spawned = child.await.map_err(|_| gone())??;
    spawned.0.take().ok_or_else(gone)
}

/// Kills a child that was not reaped yet, with all that it has started: behind a script that is
/// the plugin itself.
fn kill_group(child: &Child) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    // It may have ended in this moment; then there is nothing to kill.
    let _ = group.map(|group| kill_process_group(group, Signal::KILL));
}

/// A plugin whose parent is gone, however it went, has nothing left to do.
///
/// The wish is the child's own and does not pass to what it starts: behind a script the script
/// dies with a host that is killed, and the plugin does not. A script should `exec` the plugin.
/// A host that ends in an orderly way ends the whole group.
#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "the closure makes one system call, which is safe after a fork"
)]
fn die_with_parent(command: &mut Command) {
    let parent = rustix::process::getpid();
    let ask = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have died before the call above.
        if rustix::process::getppid() != Some(parent) {
            return Err(std::io::Error::other("the parent is gone"));
        }
        Ok(())
    };
    // SAFETY: the closure only makes system calls that are safe between fork and exec; it
    // neither allocates nor takes a lock in the usual case.
    unsafe {
        command.pre_exec(ask);
    }
}

/// Other systems have no such wish: there a plugin outlives a host that is killed, and has to be
/// ended by hand.
#[cfg(not(target_os = "linux"))]
fn die_with_parent(_command: &mut Command) {}
