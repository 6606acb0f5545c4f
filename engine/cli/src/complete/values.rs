//! The values that arguments can have.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Arg;
use muster_addr::{InstanceKey, ModuleInstance};
use muster_snapshot::Snapshot;
use muster_store::{Backend, DEFAULT_WORKSPACE, LocalBackend, LocalStore, Store};

use super::{Kind, Word, declared};
use crate::backend::{self, journaled};
use crate::commands::state_history;
use crate::session::workspace;

/// Where states are looked for.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// The working directory that -chdir names.
    pub folder: Option<PathBuf>,
    /// The file that -state names.
    pub file: Option<PathBuf>,
    /// The directory that -to-dir names.
    pub other: Option<PathBuf>,
}

/// Which addresses a command takes.
#[derive(Clone, Copy, PartialEq)]
enum Addresses {
    /// Of single instances.
    Instances,
    /// Also of whole resources and modules.
    All,
}

/// What an argument of a command can be.
pub(super) fn of(arg: &Arg, command: &str, place: &Place) -> (Kind, Vec<Word>) {
    let values = arg.get_possible_values();
    if !values.is_empty() {
        let shown = values.iter().filter(|value| !value.is_hide_set());
        let words = shown.map(|value| Word::new(value.get_name()));
        return (Kind::Words, words.collect());
    }
    let name = arg.get_value_names().and_then(|names| names.first());
    let words = match (command, arg.get_id().as_str()) {
        ("workspace select", "name") => workspaces(place, |_| true),
        // Neither of these can be deleted.
        ("workspace delete", "name") => workspaces(place, |name| {
            name != DEFAULT_WORKSPACE && name != workspace()
        }),
        ("state mv", "to_workspace") => to_workspaces(place),
        ("state mv", "source" | "destination") => addresses(place, Addresses::All),
        ("state list" | "state rm", "addresses") => addresses(place, Addresses::All),
        ("taint" | "untaint" | "state show", "address") => addresses(place, Addresses::Instances),
        ("why", "address") => explained(place),
        ("state diff", "from" | "to") | ("state restore", "serial") => serials(place),
        (_, "targets" | "excludes") => addresses(place, Addresses::All),
        (_, "replace") => addresses(place, Addresses::Instances),
        ("output", "name") => outputs(place),
        ("init", "lockfile") => vec![Word::new("readonly")],
        ("init", "backend_config") => return (Kind::Files, Vec::new()),
        _ => match name.map(|name| name.as_str()) {
            Some("FILE" | "PATH" | "PLAN") => return (Kind::Files, Vec::new()),
            Some("DIR" | "DIRECTORY") => return (Kind::Directories, Vec::new()),
            _ => Vec::new(),
        },
    };
    (Kind::Words, words)
}

/// The files of the working directory's states, as far as the directory itself says where they
/// are. Nothing is asked elsewhere, and the configuration is not read.
fn files(place: &Place) -> Option<LocalBackend> {
    if let Some(folder) = &place.folder {
        std::env::set_current_dir(folder).ok()?;
    }
    backend::recorded_files()
}

/// The store of the state. It has no key: a state that is encrypted is not read, because that may
/// take long, or ask for something.
fn store(place: &Place) -> Option<LocalStore> {
    let files = files(place);
    let path = match &place.file {
        Some(file) => file.clone(),
        None => files?.state_path(&workspace()),
    };
    Some(LocalStore::new(path))
}

fn state(place: &Place) -> Option<Snapshot> {
    journaled(store(place)?).read().ok()?
}

/// The states that are kept, the newest first.
fn serials(place: &Place) -> Vec<Word> {
    let versions = store(place).and_then(|store| store.history().ok());
    let versions = versions.unwrap_or_default();
    let kept = state_history::described(&versions).into_iter();
    kept.map(|(text, meaning)| Word { text, meaning }).collect()
}

/// What `why` takes: what there is, and what the root module declares.
fn explained(place: &Place) -> Vec<Word> {
    let mut words = addresses(place, Addresses::All);
    words.extend(declared::names());
    words.sort_by(|a, b| a.text.cmp(&b.text));
    words.dedup();
    words
}

fn workspaces(place: &Place, is_wanted: impl Fn(&str) -> bool) -> Vec<Word> {
    let names = files(place).and_then(|files| files.workspaces().ok());
    let names = names.into_iter().flatten();
    names
        .filter(|name| is_wanted(name))
        .map(Word::new)
        .collect()
}

/// The workspaces that something can be moved to.
fn to_workspaces(place: &Place) -> Vec<Word> {
    let Some(other) = &place.other else {
        return workspaces(place, |name| name != workspace());
    };
    let folder = match &place.folder {
        Some(folder) => folder.join(other),
        None => other.clone(),
    };
    let there = Place {
        folder: Some(folder),
        ..Place::default()
    };
    workspaces(&there, |_| true)
}

fn outputs(place: &Place) -> Vec<Word> {
    let outputs = state(place).map(|state| state.outputs).unwrap_or_default();
    outputs.into_keys().map(|name| Word::new(&*name)).collect()
}

fn addresses(place: &Place, which: Addresses) -> Vec<Word> {
    state(place).map_or_else(Vec::new, |state| addresses_of(&state, which))
}

/// The addresses that mean something in a state, in order.
fn addresses_of(state: &Snapshot, which: Addresses) -> Vec<Word> {
    let mut all = BTreeSet::new();
    for (addr, ..) in state.instances() {
        if which == Addresses::All {
            for depth in 1..=addr.resource.module.0.len() {
                let module = ModuleInstance(addr.resource.module.0[..depth].into());
                all.insert(module.to_string());
            }
            if addr.key != InstanceKey::None {
                all.insert(addr.resource.to_string());
            }
        }
        all.insert(addr.to_string());
    }
    all.into_iter().map(Word::new).collect()
}
