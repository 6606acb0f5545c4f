//! The note of which backend a working directory was initialised with, in Terraform's format.

use std::io::Write as _;
use std::path::PathBuf;

use muster_store::{LocalBackend, Settings};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::hash;
use super::kinds::Kind;
use super::place::Place;
use crate::error::{Failure, Outcome};
use crate::session::{TERRAFORM_VERSION, data_dir};

/// The version of the file's format.
const VERSION: u64 = 3;

#[derive(Serialize, Deserialize)]
struct File {
    version: u64,
    #[serde(default)]
    terraform_version: String,
    #[serde(default)]
    backend: Option<Record>,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    #[serde(rename = "type")]
    pub type_name: String,
    /// The settings, those of other places included.
    #[serde(default)]
    pub config: Settings,
    /// Tells whether the block still says what it said.
    #[serde(default)]
    pub hash: u64,
}

fn path() -> PathBuf {
    data_dir().join("terraform.tfstate")
}

impl Record {
    /// The record of a place with these settings, all of which are there.
    pub(crate) fn new(kind: &Kind, settings: &Settings) -> Self {
        let is_known = |name: &str, value: &Value| !value.is_null() || !kind.own.contains(&name);
        let mut shown: Vec<_> = settings.iter().collect();
        shown.retain(|(name, value)| is_known(name, value));
        shown.sort_by_key(|(name, _)| *name);
        Self {
            type_name: kind.name.to_owned(),
            config: shown
                .into_iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            hash: hash::of(kind, settings),
        }
    }

    /// What the working directory says; `None` if it was initialised without a backend.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn load() -> Outcome<Option<Self>> {
        let path = path();
        let wrong = |reason: String| {
            let detail = format!(
                "{} says which backend this directory was initialised with, and cannot be read: {reason}.",
                path.display()
            );
            Failure::new("Error loading the backend record", detail)
        };
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(wrong(error.to_string())),
        };
        let file: File = serde_json::from_slice(&bytes).map_err(|e| wrong(e.to_string()))?;
        Ok(file.backend.filter(|record| !record.type_name.is_empty()))
    }

    /// Writes it to the working directory.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn save(&self) -> Outcome<()> {
        let file = File {
            version: VERSION,
            terraform_version: TERRAFORM_VERSION.to_owned(),
            backend: Some(self.clone()),
        };
        let written = serde_json::to_vec_pretty(&file)
            .map_err(std::io::Error::from)
            .and_then(|bytes| {
                // Whoever reads meanwhile sees the old record or the new one. Settings may be
                // secrets, and a temporary file is for its owner only.
                std::fs::create_dir_all(data_dir())?;
                let mut new = tempfile::NamedTempFile::new_in(data_dir())?;
                new.write_all(&bytes)?;
                new.persist(path()).map_err(|error| error.error)?;
                Ok(())
            });
        written.map_err(|error| not_written(&error))
    }

    /// Forgets the backend.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub(crate) fn remove() -> Outcome<()> {
        match std::fs::remove_file(path()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(not_written(&error)),
            _ => Ok(()),
        }
    }

    /// Where it says that states are; `None` if there are no such backends here.
    pub(crate) fn place(&self) -> Option<Place> {
        let kind = Kind::find(&self.type_name)?;
        let mut given = self.config.clone();
        given.retain(|name, _| kind.setting(name).is_some());
        Some(Place::new(kind, given))
    }
}

/// The local files that the working directory was initialised for, or that are usual. `None` if
/// its states are elsewhere.
pub(crate) fn recorded_files() -> Option<LocalBackend> {
    match Record::load().ok()? {
        Some(record) => record.place()?.local(),
        None => Place::usual().local(),
    }
}

fn not_written(error: &std::io::Error) -> Failure {
    let detail = format!("{} cannot be written: {error}.", path().display());
    Failure::new("Error saving the backend record", detail)
}
