//! Processes that are started, watched and killed.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};

/// How long anything may take that takes seconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(1200);

/// How often is looked whether something has happened.
const PAUSE: Duration = Duration::from_millis(4);

/// A program with its output in a file; killed when this is dropped.
pub(super) struct Process {
    child: Child,
    output: PathBuf,
}

/// What a program said, and how it ended: the exit code, or none if a signal ended it.
pub(super) struct Ended {
    pub code: Option<i32>,
    pub said: String,
}

impl Process {
    /// Starts a program in a process group of its own.
    pub(super) fn start(mut command: Command, output: PathBuf) -> Result<Self> {
        let file = File::create(&output)?;
        command
            .stdin(Stdio::null())
            .stderr(file.try_clone()?)
            .stdout(file)
            .process_group(0);
        let child = command.spawn();
        let child = child.with_context(|| format!("{command:?} cannot be run"))?;
        Ok(Self { child, output })
    }

    /// The file that it prints into.
    pub(super) fn output(&self) -> &Path {
        &self.output
    }

    /// Whether it has ended.
    pub(super) fn is_over(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Waits until something is so, or it has ended.
    pub(super) fn wait_until(&mut self, mut so: impl FnMut(&Self) -> Result<bool>) -> Result<()> {
        let began = Instant::now();
        loop {
            let ended = self.is_over()?;
            if so(self)? || ended {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                bail!("waited too long for {}", self.output.display());
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Waits for its end.
    pub(super) fn end(mut self) -> Result<Ended> {
        self.wait_until(|_| Ok(false))?;
        let code = self.child.wait()?.code();
        let bytes = std::fs::read(&self.output)?;
        Ok(Ended {
            code,
            said: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }

    /// Kills the process itself.
    pub(super) fn kill(&mut self) -> Result<()> {
        Ok(self.child.kill()?)
    }

    /// Kills it and all that are in its process group.
    pub(super) fn kill_group(&self) {
        if let Some(group) = pid(self.child.id()) {
            // It may have ended by itself.
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
    }

    /// The processes that it started, and those that they started.
    pub(super) fn descendants(&self) -> Result<Vec<u32>> {
        let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
        for entry in std::fs::read_dir("/proc")?.flatten() {
            let name = entry.file_name();
            let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            if let Some(parent) = parent(id) {
                children.entry(parent).or_default().push(id);
            }
        }
        let mut found = Vec::new();
        let mut next = vec![self.child.id()];
        while let Some(id) = next.pop() {
            let own = children.remove(&id).unwrap_or_default();
            next.extend(&own);
            found.extend(own);
        }
        Ok(found)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // Not all of them are in the group.
            let others = self.descendants().unwrap_or_default();
            others.into_iter().for_each(kill);
            self.kill_group();
            let _ = self.child.wait();
        }
    }
}

/// Kills a process that may have ended by itself.
pub(super) fn kill(id: u32) {
    if let Some(id) = pid(id) {
        let _ = rustix::process::kill_process(id, Signal::KILL);
    }
}

/// Whether a process carries out what another one only shows.
pub(super) fn is_owner(id: u32) -> bool {
    arguments(id)
        .get(1)
        .is_some_and(|word| word == b"internal-owner")
}

/// Whether a process is a plugin. One that is about to become another program is none yet.
pub(super) fn is_plugin(id: u32) -> bool {
    let words = arguments(id);
    let of_engine = |word: &[u8]| word.starts_with(b"internal-plugin");
    let program = words.first().map(|word| String::from_utf8_lossy(word));
    words.get(1).is_some_and(|word| of_engine(word))
        || program.is_some_and(|program| program.contains("terraform-provider-"))
}

fn arguments(id: u32) -> Vec<Vec<u8>> {
    let path = Path::new("/proc").join(id.to_string()).join("cmdline");
    let line = std::fs::read(path).unwrap_or_default();
    line.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()
}

/// Waits until none of the processes does anything any more.
pub(super) fn wait_for_ends(ids: &[u32]) -> Result<()> {
    let began = Instant::now();
    while ids.iter().any(|id| lives(*id)) {
        if began.elapsed() > PATIENCE {
            bail!("the processes {ids:?} do not end");
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

fn pid(id: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(id).ok()?)
}

/// Whether a process still does anything; one that only waits to be collected does not.
fn lives(id: u32) -> bool {
    stat(id).is_some_and(|fields| !fields.starts_with('Z'))
}

fn parent(id: u32) -> Option<u32> {
    stat(id)?.split(' ').nth(1)?.parse().ok()
}

/// The fields of a process from its state on; before it is a name that may hold anything.
fn stat(id: u32) -> Option<String> {
    let path = Path::new("/proc").join(id.to_string()).join("stat");
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.rsplit_once(") ")?.1.to_owned())
}
