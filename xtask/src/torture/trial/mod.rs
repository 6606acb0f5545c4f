//! One trial: a run is killed, another one recovers, and then is compared what is there.

mod engine;
mod lines;
mod process;
mod sim;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

pub(crate) use engine::Engine;
use process::{Ended, Process};

/// What is being done when the run is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    /// Objects are made where there are none.
    Create,
    /// An attribute of each object is changed.
    Update,
    /// All objects are destroyed.
    Destroy,
}

/// Which processes are killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kill {
    /// The engine alone.
    Engine,
    /// The engine, then its plugins.
    Both,
    /// All that are in the engine's process group, at once.
    Group,
    /// The plugins alone: the engine has to notice.
    Plugin,
}

/// A trial. What is random in it has been chosen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trial {
    /// What is being done.
    pub action: Action,
    /// What is killed.
    pub kill: Kill,
    /// How many objects there are.
    pub objects: usize,
    /// How long the service takes for each change.
    pub latency: Duration,
    /// How many results the engine tells of before the kill.
    pub after: usize,
    /// How long it is left in peace then.
    pub delay: Duration,
    /// Whether the next run begins while plugins may still be at it.
    pub at_once: bool,
}

/// What became of a trial.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    /// The run was over before it was killed.
    pub too_late: bool,
    /// Objects that exist more often than they should.
    pub doubled: usize,
    /// Results that the killed run had told of, and that the next one did not know.
    pub lost: usize,
    /// Objects that exist and are in no state.
    pub orphaned: usize,
    /// Objects that are in the state, or should be there, and are not as they should be.
    pub wrong: usize,
    /// The next run failed without saying which creations are in doubt.
    pub failed: bool,
    /// Creations in doubt that the next run named.
    pub reported: usize,
    /// What was wrong, in words.
    pub problems: Vec<String>,
}

impl Action {
    /// How it is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Destroy => "destroy",
        }
    }

    /// What engines print after the address of an object that is done.
    fn complete(self) -> String {
        let what = match self {
            Self::Create => "Creation",
            Self::Update => "Modifications",
            Self::Destroy => "Destruction",
        };
        format!(": {what} complete after ")
    }

    fn command(self) -> &'static [&'static str] {
        match self {
            Self::Create | Self::Update => &["apply", "-auto-approve", "-no-color"],
            Self::Destroy => &["destroy", "-auto-approve", "-no-color"],
        }
    }
}

impl Kill {
    /// How it is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Both => "engine and plugin",
            Self::Group => "process group",
            Self::Plugin => "plugin",
        }
    }
}

impl Verdict {
    /// Whether all is as it has to be.
    pub(crate) fn is_good(&self) -> bool {
        self.problems.is_empty()
    }

    fn blame(&mut self, problem: String) {
        self.problems.push(problem);
    }
}

/// Carries out a trial on the simulator, in an empty folder.
///
/// # Errors
/// The trial could not be carried out; that says nothing about the engine.
pub(crate) fn on_sim(engine: &Engine, trial: &Trial, folder: &Path) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    sim::prepare(engine, trial, folder)?;
    let (first, plugins) = interrupt(engine, trial, folder)?;
    judge_first(trial, &first, &mut verdict);
    let second = engine.run(folder, trial.action.command(), "second.txt")?;
    process::wait_for_ends(&plugins)?;
    judge_second(trial, &first, &second, &mut verdict);
    sim::judge(trial, folder, &mut verdict);
    Ok(verdict)
}

/// Starts a run and kills it. Gives what it said, and its plugins, which may still be at it.
fn interrupt(engine: &Engine, trial: &Trial, folder: &Path) -> Result<(Ended, Vec<u32>)> {
    let mut run = engine.start(folder, trial.action.command(), "first.txt")?;
    run.wait_for(|said| {
        let begun = lines::begun(said).next().is_some();
        begun && lines::count_done(trial.action, said) >= trial.after
    })?;
    std::thread::sleep(trial.delay);
    let plugins = run.descendants()?;
    kill(trial.kill, &mut run, &plugins)?;
    let ended = run.end()?;
    if !trial.at_once {
        process::wait_for_ends(&plugins)?;
    }
    Ok((ended, plugins))
}

fn kill(what: Kill, run: &mut Process, plugins: &[u32]) -> Result<()> {
    match what {
        Kill::Group => run.kill_group(),
        Kill::Engine | Kill::Both => run.kill()?,
        Kill::Plugin => {}
    }
    if matches!(what, Kill::Both | Kill::Plugin) {
        plugins.iter().for_each(|plugin| process::kill(*plugin));
    }
    Ok(())
}

fn judge_first(trial: &Trial, first: &Ended, verdict: &mut Verdict) {
    verdict.too_late = first.code == Some(0);
    if let (Kill::Plugin, Some(code)) = (trial.kill, first.code)
        && code > 1
    {
        verdict.blame(format!("without its plugin it ended with code {code}"));
    }
    if trial.kill == Kill::Plugin && first.code.is_none() {
        verdict.blame("it died with its plugin".to_owned());
    }
}

fn judge_second(trial: &Trial, first: &Ended, second: &Ended, verdict: &mut Verdict) {
    let done = lines::done(trial.action, &first.said);
    let again: Vec<&str> = lines::begun(&second.said)
        .filter(|addr| done.contains_key(addr))
        .collect();
    verdict.lost = again.len();
    if !again.is_empty() {
        verdict.blame(format!("done a second time: {}", again.join(", ")));
    }
    if second.code != Some(0) {
        verdict.failed = true;
        let error = second.said.lines().find(|line| line.contains("Error"));
        let error = error.unwrap_or("it says nothing");
        verdict.blame(format!("the next run failed ({:?}): {error}", second.code));
    }
}
