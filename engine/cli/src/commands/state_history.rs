//! The subcommands of `muster state` that look at earlier states and bring them back.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use muster_render::{StateDiff, Style};
use muster_snapshot::Snapshot;
use muster_store::{CodecError, LockGuard, Store, StoreError, Version};
use sha2::{Digest, Sha256};

use super::show::schemas;
use super::state_edit::store;
use crate::error::{Failure, Outcome, sentence};
use crate::locking::{Backups, lock, redirected};
use crate::session::TERRAFORM_VERSION;
use crate::view::View;
use crate::{args, encryption, prompt, recovery};

/// `state history`
#[derive(Debug, Args)]
pub(crate) struct History {
    /// As JSON.
    #[arg(long)]
    pub json: bool,
    /// The state file, instead of terraform.tfstate.
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
}

/// `state diff`
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// As JSON.
    #[arg(long)]
    pub json: bool,
    /// No colour, even on a terminal.
    #[arg(long)]
    pub no_color: bool,
    /// The state file, instead of terraform.tfstate.
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Serial number of the earlier state, as `state history` shows it.
    #[arg(value_name = "SERIAL")]
    pub from: Which,
    /// Serial number of the later state; the present one when absent.
    #[arg(value_name = "SERIAL")]
    pub to: Option<Which>,
}

/// `state restore`
#[derive(Debug, Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    pub in_place: args::InPlace,
    /// Do not ask for approval.
    #[arg(long)]
    pub auto_approve: bool,
    /// Serial number of the state that is to come back, as `state history` shows it.
    #[arg(value_name = "SERIAL")]
    pub serial: Which,
}

/// One of the states that are kept: its serial number, and which of those that have it, by a digest
/// of what is known of it. A state that was pushed by force, or begun anew, has the number of
/// another one. What is kept comes and goes, so that a count would not always mean the same state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Which {
    serial: u64,
    digest: Option<u32>,
}

/// How many hexadecimal digits a digest has.
const DIGITS: usize = 8;

/// What tells a version from others with its serial number, for as long as it is kept.
fn digest(version: &Version) -> u32 {
    let mut hasher = Sha256::new();
    for text in [&version.created, &version.who] {
        hasher.update((text.len() as u64).to_be_bytes());
        hasher.update(text);
    }
    let digest = hasher.finalize();
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no serial number as muster state history shows them");
        let (serial, digest) = match text.split_once('.') {
            Some((serial, digest)) => {
                let is_one = digest.len() == DIGITS
                    && digest
                        .bytes()
                        .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
                let digest = u32::from_str_radix(digest, 16).ok().filter(|_| is_one);
                (serial, Some(digest.ok_or_else(wrong)?))
            }
            None => (text, None),
        };
        let serial = serial.parse().map_err(|_| wrong())?;
        Ok(Self { serial, digest })
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.digest {
            Some(digest) => write!(f, "{}.{digest:0DIGITS$x}", self.serial),
            None => write!(f, "{}", self.serial),
        }
    }
}

/// What each of the versions, the newest first, is called.
fn names(versions: &[Version]) -> Vec<Which> {
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    for version in versions {
        *counts.entry(version.serial).or_default() += 1;
    }
    let name = |version: &Version| {
        let serial = version.serial;
        let is_ambiguous = counts.get(&serial) > Some(&1);
        let digest = is_ambiguous.then(|| digest(version));
        Which { serial, digest }
    };
    versions.iter().map(name).collect()
}

/// What versions, the newest first, are called, and what is known of each, for completion.
pub(crate) fn described(versions: &[Version]) -> Vec<(String, String)> {
    let all = names(versions).into_iter().zip(versions);
    let described = all.map(|(name, version)| {
        let (stored, instances) = (to_seconds(&version.created), version.instances);
        let meaning = format!("{stored} {}, {instances} instances", version.who);
        (name.to_string(), meaning)
    });
    described.collect()
}

/// Lists the states that are kept, the newest first.
pub(crate) fn history(args: &History) -> Outcome<()> {
    let store = store(args.state.as_deref())?.any();
    let versions = store.history()?;
    recovery::remarks(&store);
    if args.json {
        outln!("{}", history_json(&versions));
        return Ok(());
    }
    if versions.is_empty() {
        outln!("There is no state yet.");
        return Ok(());
    }
    out!("{}", history_text(&versions));
    Ok(())
}

fn history_json(versions: &[Version]) -> serde_json::Value {
    let versions: Vec<_> = versions
        .iter()
        .zip(names(versions))
        .map(|(version, name)| {
            serde_json::json!({
                "id": name.to_string(),
                "serial": version.serial,
                "created": version.created,
                "who": version.who,
                "instances": version.instances,
            })
        })
        .collect();
    serde_json::json!({ "format_version": "1.0", "versions": versions })
}

fn history_text(versions: &[Version]) -> String {
    let rows = versions.iter().zip(names(versions)).map(|(version, name)| {
        let who = match version.who.as_str() {
            "" => "unknown",
            who => who,
        };
        [
            name.to_string(),
            to_seconds(&version.created).to_owned(),
            who.to_owned(),
            version.instances.to_string(),
        ]
    });
    let titles = ["SERIAL", "STORED", "WHO", "INSTANCES"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(titles).chain(rows).collect();
    let width = |column: usize| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or_default()
    };
    let [a, b, c] = [0, 1, 2].map(width);
    let line = |row: &[String; 4]| {
        let [serial, stored, who, instances] = row;
        format!("{serial:<a$}  {stored:<b$}  {who:<c$}  {instances}\n")
    };
    rows.iter().map(line).collect()
}

/// A point in time without parts of seconds.
fn to_seconds(time: &str) -> &str {
    match time.split_once('.') {
        Some((seconds, rest)) if rest.ends_with('Z') => seconds,
        _ => time.trim_end_matches('Z'),
    }
}

/// Shows what is different between two states.
pub(crate) async fn diff(view: &View, args: &Diff) -> Outcome<()> {
    let store = store(args.state.as_deref())?.any();
    let from = version(&store, args.from)?;
    let to = match args.to {
        Some(which) => version(&store, which)?,
        None => store.read()?.unwrap_or_default(),
    };
    let diff = StateDiff::new(&from, &to);
    let mut out = Vec::new();
    if args.json {
        let schemas = schemas(&union(&from, &to)).await?;
        // Writing to memory cannot fail.
        let _ = diff.write_json(&schemas, &mut out);
        out.push(b'\n');
    } else if !diff.is_empty() {
        let schemas = schemas(&union(&from, &to)).await?;
        let _ = diff.write_text(&schemas, view.style(), &mut out);
    }
    out!("{}", String::from_utf8_lossy(&out));
    if !args.json {
        let (a, b) = (args.from.to_string(), to_name(args.to, &to));
        match diff.is_empty() {
            true => outln!("The states {a} and {b} say the same."),
            false => outln!("From {a} to {b}: {}.", diff.summary()),
        }
    }
    Ok(())
}

fn to_name(which: Option<Which>, state: &Snapshot) -> String {
    which.map_or_else(|| state.serial.to_string(), |which| which.to_string())
}

/// A state that needs all providers which two states need.
fn union(a: &Snapshot, b: &Snapshot) -> Snapshot {
    let mut union = a.clone();
    for (addr, resource) in &b.resources {
        let mut addr = addr.clone();
        // Where the provider has changed, another name makes room for both.
        if a.resources
            .get(&addr)
            .is_some_and(|r| r.provider != resource.provider)
        {
            addr.resource.name = format!("{} later", addr.resource.name).as_str().into();
        }
        union.resources.insert(addr, resource.clone());
    }
    union
}

/// A state that is kept. Without more than a serial number, the latest one that has it, other than
/// one that somebody has put in its place since by hand.
fn version(store: &dyn Store, which: Which) -> Outcome<Snapshot> {
    let versions = store.history()?;
    let names = names(&versions);
    let of_serial: Vec<_> = (names.iter().zip(&versions))
        .filter(|(name, _)| name.serial == which.serial)
        .collect();
    let found = match which.digest {
        None => {
            if of_serial.len() > 1 {
                let all: Vec<String> = of_serial.iter().map(|(name, _)| name.to_string()).collect();
                errln!(
                    "Several states have the serial number {which}: {}. This is about the latest that was stored; name another one to work with that.\n",
                    all.join(", ")
                );
            }
            store.version(which.serial)?
        }
        // It keeps this name when it is the only one that is left.
        Some(wanted) => match of_serial.iter().find(|(_, v)| digest(v) == wanted) {
            Some((_, version)) => store.version_of(version)?,
            None => None,
        },
    };
    found.ok_or_else(|| {
        let detail = format!(
            "No state with the serial number {which} is kept in {}. muster state history shows those that are.",
            store.describe()
        );
        Failure::new("No such state", detail)
    })
}

/// Makes an earlier state the present one.
pub(crate) fn restore(view: &View, args: &Restore) -> Outcome<()> {
    let locking = args.in_place.locking();
    let path: Option<&Path> = locking.state.as_deref();
    let store = redirected(store(path)?, &locking, Backups::Last)?;
    let guard = lock(&store, &locking, "state-restore")?;
    let restored = replace(&store, view.style(), args);
    let released = guard.map_or(Ok(()), LockGuard::release);
    restored?;
    Ok(released?)
}

fn replace(store: &dyn Store, style: Style, args: &Restore) -> Outcome<()> {
    let (now, unread) = match store.read() {
        // Nothing is damaged where only the key is missing, and nothing encrypted gives way to
        // plain text.
        Err(
            error @ StoreError::Corrupt {
                reason: CodecError::Seal(_),
                ..
            },
        ) if !encryption::state_codec().is_sealed() => return Err(error.into()),
        // It may be what this is needed for.
        Err(error @ StoreError::Corrupt { .. }) => (None, Some(error)),
        read => (read?, None),
    };
    let mut new = version(store, args.serial)?;
    if now.as_ref().is_some_and(|now| now.same_content(&new)) {
        outln!(
            "The state says the same as number {} did: there is nothing to do.",
            args.serial
        );
        return Ok(());
    }
    let before = now.clone().unwrap_or_default();
    let diff = StateDiff::new(&before, &new);
    let mut list = Vec::new();
    // Writing to memory cannot fail.
    let _ = diff.write_list(style, &mut list);
    outln!(
        "The state will be again what it was as number {}:\n",
        args.serial
    );
    outln!("{}", String::from_utf8_lossy(&list));
    outln!("{}. Real objects stay as they are.", diff.summary());
    if let Some(error) = unread {
        outln!(
            "\nWhat the present state has is not counted, and will be gone from it: {}",
            sentence(error.to_string())
        );
    }
    let question = "Do you want to restore this state? Only 'yes' will be accepted.";
    if !args.auto_approve && !prompt::confirm(question) {
        outln!("\nCancelled: the state stays as it is.");
        return Err(Failure::told());
    }
    new.terraform_version = TERRAFORM_VERSION.to_owned();
    match now {
        Some(now) if now.lineage == new.lineage => {
            new.serial = now.serial;
            store.write(&mut new)?;
        }
        // What is there now has nothing to do with it, or cannot be read.
        now => {
            let newest = store.history()?.iter().map(|v| v.serial).max();
            let newest = newest.max(now.map(|now| now.serial)).max(Some(new.serial));
            new.serial = newest.unwrap_or_default() + 1;
            store.replace(&new)?;
        }
    }
    outln!(
        "\nRestored: state {} is now number {}.",
        args.serial,
        new.serial
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn states_are_listed_in_columns() {
        let version = |serial, who: &str| Version {
            serial,
            created: "2026-11-21T17:18:03.756986673Z".into(),
            who: who.into(),
            instances: 3,
        };
        let expect = "\
SERIAL  STORED               WHO      INSTANCES
12      2026-11-21T17:18:03  me@vm    3
9       2026-11-21T17:18:03  unknown  3
";
        assert_eq!(
            history_text(&[version(12, "me@vm"), version(9, "")]),
            expect
        );
        let json = history_json(&[version(9, "")]).to_string();
        let expect = r#"{"format_version":"1.0","versions":[{"id":"9","serial":9,"created":"2026-11-21T17:18:03.756986673Z","who":"","instances":3}]}"#;
        assert_eq!(json, expect);
        assert_eq!(to_seconds("2026-11-21T17:18:03Z"), "2026-11-21T17:18:03");
    }

    #[test]
    fn names_stay_when_others_go() {
        let version = |serial, who: &str| Version {
            serial,
            created: "2026-11-21T17:18:03.756986673Z".into(),
            who: who.into(),
            instances: 3,
        };
        let versions = [
            version(9, "b"),
            version(12, ""),
            version(9, "a"),
            version(9, "c"),
        ];
        let all = names(&versions);
        assert_eq!(all[1].to_string(), "12");
        let different: BTreeSet<String> = all.iter().map(Which::to_string).collect();
        assert_eq!(different.len(), 4);
        // The oldest one is not kept any more.
        assert_eq!(names(&versions[..3]), all[..3]);
        let only = digest(&versions[0]);
        assert_eq!(all[0].to_string(), format!("9.{only:08x}"));
    }

    #[test]
    fn the_only_one_that_is_left_has_no_other_name() {
        let folder = tempfile::tempdir().unwrap();
        let store = muster_store::LocalStore::new(folder.path().join("terraform.tfstate"));
        let mut state = Snapshot::new("1.2.3");
        store.write(&mut state).unwrap();
        let serial = state.serial;
        let right = digest(&store.history().unwrap()[0]);
        let check = |digest: Option<u32>, expect: bool| {
            let found = version(&store, Which { serial, digest });
            assert_eq!(found.is_ok(), expect, "{digest:?}");
        };
        check(None, true);
        check(Some(right), true);
        check(Some(1), false);
        check(Some(right ^ 1), false);
    }

    #[test]
    fn names_of_states_are_read_back() {
        for text in ["0", "9", "9.3fa2c1b0", "18446744073709551615.00000001"] {
            assert_eq!(text.parse::<Which>().unwrap().to_string(), text);
        }
        for text in [
            "",
            ".",
            "9.",
            ".9",
            "x",
            "9.x",
            "9.1",
            "9.+3fa2c1b",
            "9.3FA2C1B0",
            "9.3fa2c1b00",
            "-1",
            "18446744073709551616",
        ] {
            assert!(text.parse::<Which>().is_err(), "{text}");
        }
    }
}
