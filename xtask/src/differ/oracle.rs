//! What terraform makes of many inputs.
//!
//! Every input is a file of one configuration, which is applied until nothing in it is refused
//! any more: each run says for which files it has errors, and these are taken out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result};
use serde_json::Value as Json;

use super::outcome::Outcome;
use super::{FIXTURES, wrapped};

/// What becomes of each of the expressions.
pub(crate) fn expressions(texts: &[String]) -> Result<Vec<Outcome>> {
    let mut outcomes = vec![None; texts.len()];
    settle(texts, &(0..texts.len()).collect::<Vec<_>>(), &mut outcomes)?;
    let unsettled = || Outcome::Crash("terraform says nothing".into());
    Ok(outcomes
        .into_iter()
        .map(|o| o.unwrap_or_else(unsettled))
        .collect())
}

/// Finds the outcomes of some of the texts; by halves where terraform breaks down.
fn settle(texts: &[String], which: &[usize], outcomes: &mut [Option<Outcome>]) -> Result<()> {
    let mut open: BTreeSet<usize> = which.iter().copied().collect();
    let broken = match attempt(texts, &mut open, outcomes)? {
        Some(broken) => broken,
        None => return Ok(()),
    };
    let open: Vec<usize> = open.into_iter().collect();
    if let [only] = open[..] {
        outcomes[only] = Some(Outcome::Crash(broken));
        return Ok(());
    }
    let (left, right) = open.split_at(open.len() / 2);
    settle(texts, left, outcomes)?;
    settle(texts, right, outcomes)
}

/// Applies what is open until all of it is settled. Gives what terraform said where it broke
/// down without blaming an input.
fn attempt(
    texts: &[String],
    open: &mut BTreeSet<usize>,
    outcomes: &mut [Option<Outcome>],
) -> Result<Option<String>> {
    let dir = tempfile::tempdir()?;
    std::fs::write(dir.path().join("fixtures.tf"), FIXTURES)?;
    for at in open.iter() {
        let name = format!("e{at}");
        let output = format!(
            "output \"{name}\" {{\n  sensitive = true\n  value = [local.{name}, \
             issensitive(local.{name}), try(issensitive(jsonencode(local.{name})), false), \
             try(sha1(jsonencode(local.{name})), \"\")]\n}}\n"
        );
        std::fs::write(
            dir.path().join(format!("{name}.tf")),
            wrapped(&name, &texts[*at]),
        )?;
        std::fs::write(dir.path().join(format!("out{at}.tf")), output)?;
    }
    while !open.is_empty() {
        let output = terraform(dir.path())?;
        let errors = Errors::read(&output.stdout);
        for (at, outcome) in errors.outcomes() {
            if open.remove(&at) {
                outcomes[at] = Some(outcome);
                std::fs::remove_file(dir.path().join(format!("e{at}.tf")))?;
                std::fs::remove_file(dir.path().join(format!("out{at}.tf")))?;
            }
        }
        if output.status.success() {
            let state = std::fs::read_to_string(dir.path().join("terraform.tfstate"))?;
            take_values(&state, open, outcomes)?;
        } else if errors.blame_none() {
            return Ok(Some(complaint(&output)));
        }
    }
    Ok(None)
}

fn terraform(dir: &Path) -> Result<Output> {
    let mut command = Command::new("timeout");
    command
        .args(["120", "terraform", "apply", "-json", "-auto-approve"])
        .args(["-lock=false", "-input=false"])
        .current_dir(dir)
        .env_remove("TF_CLI_CONFIG_FILE")
        .env("CHECKPOINT_DISABLE", "1");
    command.output().context("terraform cannot be run")
}

fn complaint(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let said = text
        .lines()
        .find(|l| l.contains("panic") || l.contains("fatal"));
    let said = said.map_or_else(|| output.status.to_string(), str::to_owned);
    let stdout = String::from_utf8_lossy(&output.stdout);
    let last = stdout.lines().last().unwrap_or_default();
    format!("terraform breaks down: {said} {last}")
}

/// The errors of one run.
struct Errors {
    all: BTreeMap<usize, Vec<String>>,
    infinite: BTreeSet<usize>,
}

impl Errors {
    /// Reads the messages of a run, one JSON object a line.
    fn read(stdout: &[u8]) -> Self {
        let text = String::from_utf8_lossy(stdout);
        let mut errors = Self {
            all: BTreeMap::new(),
            infinite: BTreeSet::new(),
        };
        for line in text.lines() {
            let Ok(message) = serde_json::from_str::<Json>(line) else {
                continue;
            };
            let found = &message["diagnostic"];
            if found["severity"] == "error" {
                errors.take(found);
            }
        }
        errors
    }

    fn take(&mut self, found: &Json) {
        let mut summary = found["summary"].as_str().unwrap_or_default().to_owned();
        let detail = found["detail"].as_str().unwrap_or_default();
        if detail.contains("panic in function implementation") {
            summary.push_str(" (panic)");
        }
        let file = found["range"]["filename"].as_str().unwrap_or_default();
        if let Some(at) = number(file, "e").or_else(|| number(file, "out")) {
            self.all.entry(at).or_default().push(summary);
        }
        for line in detail.lines().filter(|l| l.contains("cannot serialize")) {
            let name = line.split('"').nth(1).unwrap_or_default();
            self.infinite.extend(number(name, "e"));
        }
    }

    fn outcomes(&self) -> impl Iterator<Item = (usize, Outcome)> + '_ {
        let errors = self.all.iter();
        let errors = errors.map(|(at, all)| (*at, Outcome::Error(all.clone())));
        errors.chain(self.infinite.iter().map(|at| (*at, Outcome::Infinite)))
    }

    fn blame_none(&self) -> bool {
        self.all.is_empty() && self.infinite.is_empty()
    }
}

/// The number of a file or output: 12 of `e12.tf` or `e12`.
fn number(name: &str, prefix: &str) -> Option<usize> {
    let name = name.strip_suffix(".tf").unwrap_or(name);
    name.strip_prefix(prefix)?.parse().ok()
}

fn take_values(
    state: &str,
    open: &mut BTreeSet<usize>,
    outcomes: &mut [Option<Outcome>],
) -> Result<()> {
    let mut state: Json = serde_json::from_str(state)?;
    for at in std::mem::take(open) {
        let output = state["outputs"][format!("e{at}")].take();
        let (value, ty) = (&output["value"], &output["type"]);
        // What is made of an unknown value is unknown as well, and is stored as null.
        outcomes[at] = Some(match value[3].is_null() {
            true => Outcome::Unknown,
            false => Outcome::Value {
                json: value[0].clone(),
                ty: ty[1][0].clone(),
                sensitive: (value[1] == true, value[2] == true),
            },
        });
    }
    Ok(())
}
