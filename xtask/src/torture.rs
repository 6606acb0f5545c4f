//! Kills applies at random moments, lets the next run recover, and compares what exists with what
//! is in the state.

mod pace;
mod plan;
mod table;
mod trial;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};

use crate::bench;
use crate::differ::random;
use pace::Pace;
use table::Table;
use trial::aws::Aws;
use trial::{Engine, Ground, Sim, Trial, Verdict};

/// Trials that went wrong and are shown in words.
const SHOWN: usize = 5;

/// After so many trials is said how it goes.
const REPORTED: usize = 25;

/// What the command was given.
struct Options {
    runs: usize,
    seed: u64,
    /// How many trials go on at the same time.
    jobs: usize,
    provider: Provider,
    muster: Option<PathBuf>,
    terraform: bool,
    /// Small trials, as in the tests.
    quick: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Provider {
    Sim,
    Aws,
}

/// Runs `cargo xtask torture ARGS`.
pub(crate) fn run(root: &Path, args: &[&str]) -> Result<()> {
    let options = Options::parse(args)?;
    let muster = match &options.muster {
        Some(path) => std::path::absolute(path)?,
        None => bench::build(root)?,
    };
    let home = tempfile::tempdir()?;
    let trials = match options.provider {
        Provider::Sim if options.quick => plan::quick(options.seed, options.runs),
        Provider::Sim => plan::on_sim(options.seed, options.runs),
        Provider::Aws => plan::on_aws(options.seed, options.runs),
    };
    let mirror = mirror(&options)?;
    let engine = match &mirror {
        Some(mirror) => Engine::with_mirror(&muster, home.path(), mirror)?,
        None => Engine::muster(&muster, home.path())?,
    };
    let good = torture("muster", &engine, &trials, &options)?;
    if options.terraform {
        let engine = match &mirror {
            Some(mirror) => Engine::with_mirror(Path::new("terraform"), home.path(), mirror)?,
            None => Engine::terraform(&muster, home.path())?,
        };
        // What becomes of these is for comparison.
        torture("terraform", &engine, &trials, &options)?;
    }
    match good {
        true => Ok(()),
        false => bail!("something was lost"),
    }
}

/// Where plugins are that are not ours, if there is need for any.
fn mirror(options: &Options) -> Result<Option<PathBuf>> {
    if options.provider == Provider::Sim {
        return Ok(None);
    }
    let mirror = std::env::var_os("TF_PLUGIN_MIRROR");
    let mirror = mirror.context("TF_PLUGIN_MIRROR does not say where the AWS provider is")?;
    Ok(Some(PathBuf::from(mirror)))
}

/// Carries out all trials and prints the table; whether all went well.
fn torture(name: &str, engine: &Engine, trials: &[Trial], options: &Options) -> Result<bool> {
    let folder = tempfile::Builder::new().prefix("torture-").tempdir()?;
    let next = AtomicUsize::new(0);
    let table = Mutex::new(Table::default());
    let pace = Pace::begin();
    let work = || -> Result<()> {
        let ground: Box<dyn Ground> = match options.provider {
            Provider::Sim => Box::new(Sim),
            Provider::Aws => Box::new(Aws::start(folder.path())?),
        };
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(trial) = trials.get(at) else {
                return Ok(());
            };
            let place = folder.path().join(at.to_string());
            std::fs::create_dir_all(&place)?;
            let verdict = trial::run(engine, &*ground, trial, &place)
                .with_context(|| format!("{trial:?}"))?;
            tell((name, at, trial), &verdict, &table, &pace)?;
            if verdict.is_good() {
                std::fs::remove_dir_all(&place)?;
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..options.jobs).map(|_| scope.spawn(work)).collect();
        let results = workers.into_iter().map(|worker| match worker.join() {
            Ok(result) => result,
            Err(_) => bail!("a worker panicked"),
        });
        results.collect::<Result<()>>()
    })?;
    let table = table
        .into_inner()
        .map_err(|_| anyhow::anyhow!("a worker panicked"))?;
    println!(
        "{name}, {}, {} runs, seed {}\n\n{table}{}",
        options.provider.name(),
        trials.len(),
        options.seed,
        pace.at(table.runs())
    );
    if !table.is_good() {
        println!("What was left is in {}.", folder.keep().display());
    }
    Ok(table.is_good())
}

fn tell(
    (name, at, trial): (&str, usize, &Trial),
    verdict: &Verdict,
    table: &Mutex<Table>,
    pace: &Pace,
) -> Result<()> {
    let mut table = table
        .lock()
        .map_err(|_| anyhow::anyhow!("a worker panicked"))?;
    if !verdict.is_good() && table.bad() < SHOWN {
        eprintln!("{name} {at}: {trial:?}");
        for problem in &verdict.problems {
            eprintln!("    {problem}");
        }
    }
    table.add(trial, verdict);
    if table.runs().is_multiple_of(REPORTED) {
        eprintln!(
            "{name}: {} trials, {} went wrong; {}",
            table.runs(),
            table.bad(),
            pace.at(table.runs())
        );
    }
    Ok(())
}

impl Options {
    fn parse(args: &[&str]) -> Result<Self> {
        let mut options = Self {
            runs: 100,
            seed: 1,
            jobs: 2,
            provider: Provider::Sim,
            muster: None,
            terraform: false,
            quick: false,
        };
        let mut args = args.iter();
        while let Some(name) = args.next() {
            match *name {
                "--terraform" => options.terraform = true,
                "--quick" => options.quick = true,
                _ => {}
            }
            if matches!(*name, "--terraform" | "--quick") {
                continue;
            }
            let value = args
                .next()
                .with_context(|| format!("{name} wants a value"))?;
            let number = || {
                value
                    .parse()
                    .with_context(|| format!("{name} wants a number"))
            };
            match *name {
                "--runs" => options.runs = number()?,
                "--jobs" => options.jobs = number()?.max(1),
                "--seed" => options.seed = value.parse().context("--seed wants a number")?,
                "--bin" => options.muster = Some(PathBuf::from(value)),
                "--provider" => options.provider = Provider::parse(value)?,
                other => bail!("there is no option {other}"),
            }
        }
        Ok(options)
    }
}

impl Provider {
    fn name(self) -> &'static str {
        match self {
            Self::Sim => "simulator",
            Self::Aws => "AWS provider",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        match text {
            "sim" => Ok(Self::Sim),
            "aws" => Ok(Self::Aws),
            other => bail!("there is no torture with the provider {other}; there is sim and aws"),
        }
    }
}
