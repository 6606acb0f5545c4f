//! A machine that is reached with the programs `ssh` and `scp`.
//!
//! They are found on `PATH`. The files of the user that configure them are not read, so that a
//! configuration does the same wherever it is applied; secrets go through files that only this
//! user can read and that are gone with the session.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use muster_plan::ProvisionFailure;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use super::Job;
use super::connection::{Connection, Endpoint};
use super::process::{self, Ended};

/// The longest pause between two attempts to connect.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// What `ssh` ends with when the failure is its own and not that of the remote command.
const NOT_CONNECTED: i32 = 255;

/// A machine that answers.
pub(super) struct Session<'a> {
    job: &'a Job<'a>,
    pub connection: Connection,
    /// Keys, passwords and what is to be sent.
    dir: TempDir,
    options: Vec<String>,
}

impl<'a> Session<'a> {
    /// Connects; tries again until the time of the connection is over.
    ///
    /// # Errors
    /// The connection is wrongly described, or the machine did not answer in time.
    pub(super) async fn open(job: &'a Job<'a>) -> Result<Self, ProvisionFailure> {
        if job.question.connection.is_null() {
            let detail = "There is no connection block, so nobody knows how to reach the machine.";
            return Err(job.failure(detail));
        }
        let connection = Connection::new(&job.connection()).map_err(|why| job.failure(why))?;
        let failed = |e: io::Error| {
            job.failure(format!(
                "The files for the connection cannot be written: {e}."
            ))
        };
        let dir = tempfile::Builder::new()
            .prefix("muster-ssh-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .map_err(failed)?;
        let options = options(&connection, dir.path()).map_err(failed)?;
        let session = Self {
            job,
            connection,
            dir,
            options,
        };
        session.connect().await?;
        Ok(session)
    }

    async fn connect(&self) -> Result<(), ProvisionFailure> {
        let deadline = Instant::now() + self.connection.timeout;
        let mut pause = Duration::from_secs(1);
        loop {
            self.announce();
            let left = deadline.saturating_duration_since(Instant::now());
            let attempt = process::run(self.ssh("exit 0"), self.job.stop, |_| {});
            let last = match timeout(left, attempt).await {
                Ok(Err(error)) => {
                    let detail = format!("The program ssh could not be run: {error}.");
                    return Err(self.job.failure(detail));
                }
                Ok(Ok(ended)) if ended.stopped => return Err(self.stopped()),
                Ok(Ok(ended)) if ended.status.code() != Some(NOT_CONNECTED) => {
                    self.job.print("Connected!");
                    return Ok(());
                }
                Ok(Ok(ended)) => ended.output.trim().to_owned(),
                Err(_) => "no answer".into(),
            };
            if Instant::now() + pause >= deadline {
                let Endpoint { host, port, .. } = &self.connection.target;
                let detail = format!(
                    "No connection to {host} (port {port}) within {} seconds. The last attempt: {last}",
                    self.connection.timeout.as_secs()
                );
                return Err(self.job.failure(detail));
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = self.job.stop.requested() => return Err(self.stopped()),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn stopped(&self) -> ProvisionFailure {
        self.job
            .failure("The run was stopped before the machine could be reached.")
    }

    /// Says who is connected to, and with what.
    fn announce(&self) {
        let Connection {
            target,
            bastion,
            agent,
            unix,
            ..
        } = &self.connection;
        self.job.print("Connecting to remote host via SSH...");
        self.describe(target);
        self.job.print(&format!("  SSH Agent: {agent}"));
        let checking = target.host_key.is_some();
        self.job.print(&format!("  Checking Host Key: {checking}"));
        let platform = if *unix { "unix" } else { "windows" };
        self.job.print(&format!("  Target Platform: {platform}"));
        if let Some(bastion) = bastion {
            self.job.print("Using configured bastion host...");
            self.describe(bastion);
            let checking = bastion.host_key.is_some();
            self.job.print(&format!("  Checking Host Key: {checking}"));
        }
    }

    fn describe(&self, endpoint: &Endpoint) {
        self.job.print(&format!("  Host: {}", endpoint.host));
        self.job.print(&format!("  User: {}", endpoint.user));
        let (password, key) = (endpoint.password.is_some(), endpoint.private_key.is_some());
        self.job.print(&format!("  Password: {password}"));
        self.job.print(&format!("  Private key: {key}"));
        let certificate = endpoint.certificate.is_some();
        self.job.print(&format!("  Certificate: {certificate}"));
    }

    /// Runs a command there and shows what it prints.
    pub(super) async fn execute(&self, command: &str) -> Result<Ended, ProvisionFailure> {
        self.run(self.ssh(command), "ssh").await
    }

    /// Sends a file, or with `recursive` a directory with everything in it.
    pub(super) async fn send(
        &self,
        from: &Path,
        to: &str,
        recursive: bool,
    ) -> Result<Ended, ProvisionFailure> {
        let mut command = self.program("scp");
        command.arg("-q");
        if recursive {
            command.arg("-r");
        }
        let host = &self.connection.target.host;
        let target = match host.contains(':') {
            true => format!("[{host}]:{to}"),
            false => format!("{host}:{to}"),
        };
        command.arg("--").arg(from).arg(target);
        self.run(command, "scp").await
    }

    async fn run(&self, command: Command, program: &str) -> Result<Ended, ProvisionFailure> {
        let result = process::run(command, self.job.stop, |line| self.job.print(line)).await;
        result.map_err(|error| {
            self.job
                .failure(format!("The program {program} could not be run: {error}."))
        })
    }

    /// A file that is there as long as the session.
    pub(super) fn file(&self, name: &str, content: &[u8]) -> io::Result<PathBuf> {
        write(self.dir.path(), name, content, 0o600)
    }

    fn ssh(&self, remote: &str) -> Command {
        let mut command = self.program("ssh");
        command.arg("--");
        command.arg(&*self.connection.target.host).arg(remote);
        command
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command.args(&self.options);
        for (name, value) in askpass(self.dir.path(), &self.connection.target, "target") {
            command.env(name, value);
        }
        command
    }
}

/// Arguments that `ssh` and `scp` have in common; the files that they speak of are written.
fn options(connection: &Connection, dir: &Path) -> io::Result<Vec<String>> {
    let mut options = endpoint_options(connection, &connection.target, dir, "target")?;
    if let Some(bastion) = &connection.bastion {
        let mut words = vec!["env".to_owned()];
        let passwords = askpass(dir, bastion, "bastion");
        words.extend(passwords.map(|(name, value)| quote(&format!("{name}={value}"))));
        words.push("ssh".into());
        let inner = endpoint_options(connection, bastion, dir, "bastion")?;
        words.extend(inner.iter().map(|word| quote(word)));
        let command = words.join(" ").replace('%', "%%");
        let host = quote(&bastion.host).replace('%', "%%");
        options.push("-o".into());
        options.push(format!("ProxyCommand={command} -W '[%h]:%p' -- {host}"));
    }
    Ok(options)
}

fn endpoint_options(
    connection: &Connection,
    endpoint: &Endpoint,
    dir: &Path,
    name: &str,
) -> io::Result<Vec<String>> {
    let mut found = vec!["-F".to_owned(), "none".to_owned()];
    let mut set = |option: String| found.extend(["-o".to_owned(), option]);
    let seconds = connection.timeout.as_secs().clamp(1, 60);
    set(format!("User={}", endpoint.user));
    set(format!("Port={}", endpoint.port));
    set(format!("ConnectTimeout={seconds}"));
    set("ServerAliveInterval=30".into());
    set("LogLevel=ERROR".into());
    set("GlobalKnownHostsFile=/dev/null".into());
    match &endpoint.host_key {
        Some(key) => {
            let key = key.trim();
            let known = format!("* {key}\n@cert-authority * {key}\n");
            let path = write(dir, &format!("known-hosts-{name}"), known.as_bytes(), 0o600)?;
            set("StrictHostKeyChecking=yes".into());
            set(format!("UserKnownHostsFile={}", word(&path)));
        }
        None => {
            set("StrictHostKeyChecking=no".into());
            set("UserKnownHostsFile=/dev/null".into());
        }
    }
    if !connection.agent {
        set("IdentityAgent=none".into());
    }
    match &endpoint.private_key {
        Some(key) => {
            let path = write(dir, &format!("key-{name}"), &lines(key), 0o600)?;
            set(format!("IdentityFile={}", word(&path)));
            if !connection.agent {
                set("IdentitiesOnly=yes".into());
            }
        }
        // Keys of this user are not for machines that they were not meant for.
        None => set("IdentityFile=none".into()),
    }
    if let Some(certificate) = &endpoint.certificate {
        let path = write(
            dir,
            &format!("certificate-{name}"),
            &lines(certificate),
            0o600,
        )?;
        set(format!("CertificateFile={}", word(&path)));
    }
    match &endpoint.password {
        Some(password) => {
            let path = write(dir, &format!("password-{name}"), &lines(password), 0o600)?;
            let script = format!("#!/bin/sh\nexec cat {}\n", quote(&path.to_string_lossy()));
            write(dir, &format!("askpass-{name}"), script.as_bytes(), 0o700)?;
            set("NumberOfPasswordPrompts=1".into());
        }
        None => set("BatchMode=yes".into()),
    }
    Ok(found)
}

/// What makes `ssh` ask for its password where it is written.
fn askpass(
    dir: &Path,
    endpoint: &Endpoint,
    name: &str,
) -> impl Iterator<Item = (&'static str, String)> {
    let script = dir.join(format!("askpass-{name}"));
    let variables = endpoint.password.is_some().then(|| {
        [
            ("SSH_ASKPASS", script.to_string_lossy().into_owned()),
            ("SSH_ASKPASS_REQUIRE", "force".into()),
            // Older programs ask only where there is a display.
            ("DISPLAY", ":0".into()),
        ]
    });
    variables.into_iter().flatten()
}

/// A text that ends with a newline, as key files must.
fn lines(text: &str) -> Vec<u8> {
    format!("{}\n", text.trim_end_matches(['\r', '\n'])).into_bytes()
}

/// A file that nobody else can read from its beginning.
fn write(dir: &Path, name: &str, content: &[u8], mode: u32) -> io::Result<PathBuf> {
    let path = dir.join(name);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(mode);
    options.open(&path)?.write_all(content)?;
    Ok(path)
}

/// A path as one word of the configuration of `ssh`.
fn word(path: &Path) -> String {
    format!("\"{}\"", path.to_string_lossy().replace('%', "%%"))
}

/// A text as one word of a shell.
pub(super) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
