//! `remote-exec` and `file`: work on a machine that is reached over a connection.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};

use muster_plan::ProvisionFailure;

use super::Job;
use super::ssh::{Session, quote};

/// Runs scripts on the machine, one after another.
pub(super) async fn execute(job: &Job<'_>) -> Result<(), ProvisionFailure> {
    let scripts = scripts(job)?;
    let session = Session::open(job).await?;
    for script in &scripts {
        run_script(job, &session, script).await?;
    }
    Ok(())
}

/// The scripts to run, as they are written.
fn scripts(job: &Job<'_>) -> Result<Vec<Vec<u8>>, ProvisionFailure> {
    let arguments = job.arguments();
    if let Some(lines) = arguments.list("inline") {
        let mut script = String::new();
        if !lines.first().is_some_and(|line| line.starts_with("#!")) {
            script += "#!/bin/sh\n";
        }
        for line in &lines {
            script += line;
            script.push('\n');
        }
        return Ok(vec![script.into_bytes()]);
    }
    let (argument, paths) = match arguments.text("script") {
        Some(path) => ("script", vec![path]),
        None => ("scripts", arguments.list("scripts").unwrap_or_default()),
    };
    let read = |path: &crate::Str| {
        let shown = job.shown(argument, path);
        std::fs::read(expanded(path))
            .map_err(|e| job.failure(format!("The script {shown} cannot be read: {e}.")))
    };
    paths.iter().map(read).collect()
}

async fn run_script(
    job: &Job<'_>,
    session: &Session<'_>,
    script: &[u8],
) -> Result<(), ProvisionFailure> {
    let number = RandomState::new().build_hasher().finish() % 1_000_000_000;
    let path = &session.connection.script_path;
    let path = path.replace("%RAND%", &number.to_string());
    let local = session
        .file("script", script)
        .map_err(|e| job.failure(format!("The script cannot be written to be sent: {e}.")))?;
    let sent = session.send(&local, &path, false).await?;
    job.check(&sent, &format!("Sending a script to {path}"))?;
    let command = match session.connection.unix {
        true => {
            let command = format!("chmod 0700 {}", quote(&path));
            let changed = session.execute(&command).await?;
            job.check(&changed, &format!("Making {path} executable"))?;
            quote(&path)
        }
        false => path.clone(),
    };
    let ended = session.execute(&command).await?;
    let result = job.check(&ended, &format!("The script {path}"));
    if session.connection.unix && !job.stop.is_requested() {
        // What is left of it does no harm.
        let _ = session.execute(&format!("rm -f {}", quote(&path))).await;
    }
    result
}

/// Sends a file, a directory or a text.
pub(super) async fn send(job: &Job<'_>) -> Result<(), ProvisionFailure> {
    let arguments = job.arguments();
    let Some(destination) = arguments.filled("destination") else {
        return Err(job.failure("The destination is empty: nobody knows where to send to."));
    };
    let (source, content) = (arguments.text("source"), arguments.text("content"));
    if source.is_none() && content.is_none() {
        return Err(job.failure("Both source and content are null: there is nothing to send."));
    }
    let found = source.as_ref().map(|source| Source::new(source));
    let found = found.transpose().map_err(|error| {
        let source = job.shown("source", source.as_deref().unwrap_or_default());
        job.failure(format!("The source {source} cannot be sent: {error}."))
    })?;
    let session = Session::open(job).await?;
    let Source { path, directory } = match found {
        Some(found) => found,
        None => {
            let content = content.unwrap_or_default();
            let path = session.file("content", content.as_bytes());
            let path =
                path.map_err(|e| job.failure(format!("The content cannot be sent: {e}.")))?;
            Source {
                path,
                directory: false,
            }
        }
    };
    let ended = session.send(&path, &destination, directory).await?;
    let destination = job.shown("destination", &destination);
    job.check(&ended, &format!("Sending to {destination}"))
}

/// What is sent from this machine.
struct Source {
    path: PathBuf,
    directory: bool,
}

impl Source {
    /// A slash at the end means what is in a directory, without the directory itself.
    fn new(source: &str) -> std::io::Result<Self> {
        let path = std::path::absolute(expanded(source))?;
        let directory = std::fs::metadata(&path)?.is_dir();
        let path = match directory && source.ends_with('/') {
            true => path.join("."),
            false => path,
        };
        Ok(Self { path, directory })
    }
}

/// A path with the user's home for a tilde at its beginning.
fn expanded(path: &str) -> PathBuf {
    let home = || std::env::var_os("HOME").filter(|home| !home.is_empty());
    match path.strip_prefix("~/").zip(home()) {
        Some((rest, home)) => Path::new(&home).join(rest),
        None => path.into(),
    }
}
