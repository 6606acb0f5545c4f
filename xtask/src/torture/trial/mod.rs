//! One trial: a run is killed, another one recovers, and then is compared what is there.

pub(crate) mod aws;
mod engine;
mod judge;
mod lines;
mod point;
mod process;
mod sim;

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

pub(crate) use engine::Engine;
use lines::Progress;
pub(crate) use point::Point;
use process::{Ended, Process};
pub(crate) use sim::Sim;

/// How often is looked whether a run has plugins already.
const SEARCH: Duration = Duration::from_millis(20);

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
    /// The engine alone, with the process that shows what it does.
    Engine,
    /// The engine, then its plugins.
    Both,
    /// All that are in the process group that was started, and the engine if it is in another.
    Group,
    /// The plugins alone: the engine has to notice.
    Plugin,
    /// The process that was started: an engine that is another one has to end in order.
    Screen,
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
    /// How many results the engine tells of before the kill, and at least that it begins with
    /// something. If there is no number, it is killed once it has a plugin.
    pub after: Option<usize>,
    /// How long it is left in peace then.
    pub delay: Duration,
    /// Whether the next run begins while plugins may still be at it.
    pub at_once: bool,
}

/// What became of a trial.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    /// How far the run was when it was killed.
    pub point: Point,
    /// The run was over before it was killed.
    pub too_late: bool,
    /// Objects that exist more often than they should.
    pub doubled: usize,
    /// Objects that are there again because a provider has sent the call again.
    pub repeated: usize,
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

    const ALL: [Self; 3] = [Self::Create, Self::Update, Self::Destroy];

    /// What engines call it when it is done to an object.
    fn noun(self) -> &'static str {
        match self {
            Self::Create => "Creation",
            Self::Update => "Modifications",
            Self::Destroy => "Destruction",
        }
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
            Self::Screen => "screen",
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

/// An object that exists.
pub(crate) struct Existing {
    /// What objects that are meant to be one have in common.
    pub name: String,
    /// What the state knows it by, and what it is adopted by.
    pub id: String,
    /// Whether it is as it should be when all is done.
    pub right: bool,
}

/// Where objects are made.
pub(crate) trait Ground {
    /// Writes the configuration for objects as they are before, or after, what is done; without
    /// any delay, or as slow as the trial wants it.
    ///
    /// # Errors
    /// The folder cannot be written.
    fn configure(&self, trial: &Trial, stage: Stage, folder: &Path) -> Result<()>;

    /// All objects that exist.
    ///
    /// # Errors
    /// They cannot be listed.
    fn existing(&self, trial: &Trial, folder: &Path) -> Result<Vec<Existing>>;

    /// The names of objects whose creation a provider has sent again, because it did not get the
    /// answer: its own doing, which no engine sees. One that was sent three times is named twice.
    ///
    /// # Errors
    /// That cannot be told.
    fn repeated(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// Forgets all objects, before a trial.
    ///
    /// # Errors
    /// They do not go.
    fn clear(&self) -> Result<()>;

    /// The name of the object that is to be at an address.
    fn name_of(&self, addr: &str) -> Option<String>;
}

/// Which objects a configuration is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// What exists before the run that is killed.
    Before,
    /// What the run that is killed is to bring about.
    After,
}

/// Carries out a trial in an empty folder.
///
/// # Errors
/// The trial could not be carried out; that says nothing about the engine.
pub(crate) fn run(
    engine: &Engine,
    ground: &dyn Ground,
    trial: &Trial,
    folder: &Path,
) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    ground.clear()?;
    if trial.action != Action::Create {
        ground.configure(trial, Stage::Before, folder)?;
        let made = engine.run(folder, Action::Create.command(), "made.txt")?;
        if made.code != Some(0) {
            bail!("the objects cannot be made: {}", made.said);
        }
    }
    ground.configure(trial, Stage::After, folder)?;
    engine.enter(folder)?;
    let (first, others) = interrupt(engine, trial, folder, &mut verdict)?;
    judge::first(trial, &first, &mut verdict);
    let survived = trial.kill == Kill::Screen && !others.owners.is_empty();
    if survived {
        judge::journal(folder, &mut verdict);
    }
    let mut next = engine.run(folder, trial.action.command(), "second.txt")?;
    process::wait_for_ends(&others.plugins)?;
    if survived {
        judge::in_order(&next, &mut verdict);
    }
    judge::again(trial, &first, &next, &mut verdict);
    let unresolved = lines::unresolved(&next.said);
    if !unresolved.is_empty() {
        verdict.reported = unresolved.len();
        let existing = ground.existing(trial, folder)?;
        settle(engine, folder, &unresolved, |addr| {
            let name = ground.name_of(addr)?;
            existing
                .iter()
                .find(|e| e.name == name)
                .map(|e| e.id.clone())
        })?;
        next = engine.run(folder, trial.action.command(), "third.txt")?;
        judge::again(trial, &first, &next, &mut verdict);
    }
    judge::end(&next, &mut verdict);
    judge::journal(folder, &mut verdict);
    let objects = judge::Objects {
        existing: ground.existing(trial, folder)?,
        repeated: ground.repeated()?,
    };
    judge::state(
        trial,
        objects,
        &folder.join("terraform.tfstate"),
        &mut verdict,
    );
    Ok(verdict)
}

/// Tells the engine what a person would who has looked.
fn settle(
    engine: &Engine,
    folder: &Path,
    unresolved: &[String],
    id: impl Fn(&str) -> Option<String>,
) -> Result<()> {
    for addr in unresolved {
        let id = id(addr);
        let args = match &id {
            Some(id) => ["recover", addr, id],
            None => ["recover", "-absent", addr],
        };
        let told = engine.run(folder, &args, "recover.txt")?;
        if told.code != Some(0) {
            bail!("{args:?}: {}", told.said);
        }
    }
    Ok(())
}

/// The processes of a run beside the one that was started.
struct Others {
    /// The engine, if it is another one.
    owners: Vec<u32>,
    plugins: Vec<u32>,
}

/// Starts a run and kills it. Gives what it said, and its other processes; plugins may still be at
/// it.
fn interrupt(
    engine: &Engine,
    trial: &Trial,
    folder: &Path,
    verdict: &mut Verdict,
) -> Result<(Ended, Others)> {
    let mut run = engine.start(folder, trial.action.command(), "first.txt")?;
    let mut progress = Progress::of(trial.action, run.output())?;
    let others = match trial.after {
        None => {
            run.wait_until(|run| {
                // To look for processes takes time.
                std::thread::sleep(SEARCH);
                Ok(!Others::of(run)?.plugins.is_empty())
            })?;
            std::thread::sleep(trial.delay);
            Others::of(&run)?
        }
        Some(after) => {
            run.wait_until(|_| Ok(progress.look()?.begun > 0))?;
            // They are the same to the end, and to look for them takes time.
            let others = Others::of(&run)?;
            run.wait_until(|_| Ok(progress.look()?.done >= after))?;
            std::thread::sleep(trial.delay);
            others
        }
    };
    progress.look()?;
    let is_over = run.is_over()?;
    verdict.point = Point::of(&progress, trial.objects, is_over);
    kill(trial.kill, &mut run, &others)?;
    let ended = run.end()?;
    // An engine that was not killed has the lock until it has ended in order.
    process::wait_for_ends(&others.owners)?;
    if !trial.at_once {
        process::wait_for_ends(&others.plugins)?;
    }
    Ok((ended, others))
}

impl Others {
    fn of(run: &Process) -> Result<Self> {
        let all = run.descendants()?;
        let only = |is: fn(u32) -> bool| all.iter().copied().filter(|id| is(*id)).collect();
        Ok(Self {
            owners: only(process::is_owner),
            plugins: only(process::is_plugin),
        })
    }
}

fn kill(what: Kill, run: &mut Process, others: &Others) -> Result<()> {
    let all = |ids: &[u32]| ids.iter().for_each(|id| process::kill(*id));
    if matches!(what, Kill::Engine | Kill::Both | Kill::Group) {
        all(&others.owners);
    }
    match what {
        Kill::Group => run.kill_group(),
        Kill::Engine | Kill::Both | Kill::Screen => run.kill()?,
        Kill::Plugin => {}
    }
    if matches!(what, Kill::Both | Kill::Plugin) {
        all(&others.plugins);
    }
    Ok(())
}
