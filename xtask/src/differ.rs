//! Compares muster with terraform on random input, and makes what differs small.

mod explained;
mod expressions;
mod files;
mod functions;
mod heredocs;
mod numbers;
mod oracle;
mod ours;
mod outcome;
pub(crate) mod random;
mod tree;

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use ours::Ours;
use outcome::{Difference, Outcome};
use random::Random;
use tree::Tree;

/// Local values that expressions may refer to.
const FIXTURES: &str = include_str!("differ/fixtures.tf");

/// Inputs that one run of terraform takes.
const BATCH: usize = 500;

/// Smaller inputs that are tried at once, and how often.
const TRIED: usize = 300;
const ROUNDS: usize = 40;

/// Differences that are made smaller and shown; of others only the number is.
const SHOWN: usize = 40;

/// Inputs of which one may have a difference of an explained kind. Where there are more, either
/// the explanation covers too much or it is no rare case.
const RARE: usize = 500;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Expressions,
    Heredocs,
    Numbers,
    Files,
}

/// Runs `cargo xtask differ ARGS`.
pub(crate) fn run(args: &[&str]) -> Result<()> {
    let options = Options::parse(args)?;
    // Panics are outcomes here, and are shown with their input.
    std::panic::set_hook(Box::new(|_| {}));
    let engines = Engines {
        kind: options.kind,
        ours: Ours::new()?,
    };
    let mut tally = Tally::default();
    if let Some(path) = &options.from {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
        let trees: Vec<Tree> = text.lines().map(tree::leaf).collect();
        for some in trees.chunks(BATCH) {
            compare(&engines, some, &mut tally)?;
        }
        return tally.report(&options);
    }
    let mut random = Random::new(options.seed);
    while tally.compared < options.count {
        let size = BATCH.min(options.count - tally.compared);
        let trees: Vec<Tree> = (0..size)
            .map(|_| generate(options.kind, &mut random))
            .collect();
        compare(&engines, &trees, &mut tally)?;
    }
    tally.report(&options)
}

fn generate(kind: Kind, random: &mut Random) -> Tree {
    match kind {
        Kind::Expressions => expressions::generate(random),
        Kind::Heredocs => heredocs::generate(random),
        Kind::Numbers => numbers::generate(random),
        Kind::Files => files::generate(random),
    }
}

/// What the command was given.
struct Options {
    kind: Kind,
    count: usize,
    seed: u64,
    /// A file with one input a line, which are compared in place of random ones.
    from: Option<String>,
}

impl Options {
    fn parse(args: &[&str]) -> Result<Self> {
        let [kind, rest @ ..] = args else {
            bail!("say what to compare: expressions, numbers, heredocs or files");
        };
        let kind = match *kind {
            "expressions" => Kind::Expressions,
            "heredocs" => Kind::Heredocs,
            "numbers" => Kind::Numbers,
            "files" => Kind::Files,
            other => bail!("there is no comparison of {other}"),
        };
        let mut options = Self {
            kind,
            count: 2000,
            seed: 1,
            from: None,
        };
        for pair in rest.chunks(2) {
            let [name, value] = pair else {
                bail!("{} wants a value", pair[0]);
            };
            if *name == "--from" {
                options.from = Some((*value).to_owned());
                continue;
            }
            let number: u64 = value
                .parse()
                .with_context(|| format!("{name} wants a number, not {value}"))?;
            match *name {
                "--count" => options.count = usize::try_from(number)?,
                "--seed" => options.seed = number,
                other => bail!("there is no option {other}"),
            }
        }
        Ok(options)
    }
}

/// Both engines.
struct Engines {
    kind: Kind,
    ours: Ours,
}

impl Engines {
    /// What becomes of the texts: by muster, and by terraform.
    fn outcomes(&self, texts: &[String]) -> Result<Vec<(Outcome, Outcome)>> {
        let theirs = match self.kind {
            Kind::Files => files::theirs(texts)?,
            _ => oracle::expressions(texts)?,
        };
        let ours = texts.iter().map(|text| match self.kind {
            Kind::Files => files::ours(text),
            _ => self.ours.expression(text),
        });
        Ok(ours.zip(theirs).collect())
    }
}

/// A difference, made as small as it gets.
struct Found {
    text: String,
    ours: Outcome,
    theirs: Outcome,
    difference: Difference,
}

/// What was compared so far.
#[derive(Default)]
struct Tally {
    compared: usize,
    refused: usize,
    same_summary: usize,
    explained: BTreeMap<&'static str, usize>,
    unexplained: usize,
    shown: Vec<String>,
}

fn compare(engines: &Engines, trees: &[Tree], tally: &mut Tally) -> Result<()> {
    let texts: Vec<String> = trees.iter().map(Tree::render).collect();
    let outcomes = engines.outcomes(&texts)?;
    for ((tree, text), (ours, theirs)) in trees.iter().zip(texts).zip(outcomes) {
        tally.compared += 1;
        tally.refused += usize::from(matches!(theirs, Outcome::Error(_)));
        tally.same_summary += usize::from(ours.same_summary(&theirs));
        let Some(difference) = ours.differs(&theirs) else {
            continue;
        };
        let found = Found {
            text,
            ours,
            theirs,
            difference,
        };
        if tally.shown.len() < SHOWN {
            tally.show(shrink(engines, tree.clone(), found)?);
        } else {
            tally.unexplained += 1;
        }
    }
    Ok(())
}

/// Makes an input smaller for as long as it differs in the same way.
fn shrink(engines: &Engines, mut tree: Tree, mut found: Found) -> Result<Found> {
    for _ in 0..ROUNDS {
        let mut smaller = tree.smaller();
        let mut seen = std::collections::HashSet::new();
        smaller.retain(|t| seen.insert(t.render()));
        let mut next = None;
        for some in smaller.chunks(TRIED) {
            let texts: Vec<String> = some.iter().map(Tree::render).collect();
            let outcomes = engines.outcomes(&texts)?.into_iter();
            let mut same = some
                .iter()
                .zip(texts)
                .zip(outcomes)
                .filter(|(_, (a, b))| a.differs(b) == Some(found.difference));
            next = same
                .next()
                .map(|((t, text), (ours, theirs))| (t.clone(), text, ours, theirs));
            if next.is_some() {
                break;
            }
        }
        let Some((t, text, ours, theirs)) = next else {
            break;
        };
        tree = t;
        found = Found {
            text,
            ours,
            theirs,
            difference: found.difference,
        };
    }
    Ok(found)
}

impl Tally {
    fn show(&mut self, found: Found) {
        if let Some(why) = explained::explain(&found) {
            *self.explained.entry(why).or_default() += 1;
            return;
        }
        self.unexplained += 1;
        if self.shown.contains(&found.text) {
            return;
        }
        let text = match found.text.is_ascii() && !found.text.contains(['\n', '\r', '\t']) {
            true => found.text.clone(),
            false => format!("{:?}", found.text),
        };
        println!("{:?}: {text}", found.difference);
        println!("    muster:    {}", found.ours);
        println!("    terraform: {}", found.theirs);
        self.shown.push(found.text);
    }

    fn report(&self, options: &Options) -> Result<()> {
        println!(
            "{} {:?} compared (seed {}), {} refused by terraform, {} of these with the same summary",
            self.compared, options.kind, options.seed, self.refused, self.same_summary
        );
        for (why, count) in &self.explained {
            println!("{count} explained: {why}");
        }
        let often = |count: usize| count > 3 + self.compared / RARE;
        if let Some((why, count)) = self.explained.iter().find(|(_, count)| often(**count)) {
            bail!("{count} differences are too many for {why:?}");
        }
        match self.unexplained {
            0 => Ok(()),
            n => bail!("{n} unexplained differences"),
        }
    }
}

/// A file of a configuration that has an expression as a local value.
fn wrapped(name: &str, text: &str) -> String {
    format!("locals {{\n  {name} = {text}\n}}\n")
}
