//! The note of which backend a working directory was initialised with, in Terraform's format.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Local;
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
    pub config: serde_json::Value,
    /// Tells whether the block still says what it said.
    #[serde(default)]
    pub hash: u64,
}

fn path() -> PathBuf {
    data_dir().join("terraform.tfstate")
}

impl Record {
    /// The record of a local backend with these settings.
    pub(crate) fn local(path: Option<&str>, workspace_dir: Option<&str>) -> Self {
        let text = |setting: Option<&str>| match setting {
            Some(text) => format!("{text:?}"),
            None => "~".to_owned(),
        };
        let hashed = format!("<\"local\";<{};{};>;>", text(path), text(workspace_dir));
        Self {
            type_name: "local".to_owned(),
            config: serde_json::json!({ "path": path, "workspace_dir": workspace_dir }),
            hash: u64::from(crc32(hashed.as_bytes())),
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
                // Whoever reads meanwhile sees the old record or the new one.
                std::fs::create_dir_all(data_dir())?;
                let new = path().with_extension("tfstate.new");
                std::fs::write(&new, bytes)?;
                std::fs::rename(new, path())
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

    /// The files of a local backend; `None` for another one.
    pub(crate) fn place(&self) -> Option<Local> {
        let setting = |name: &str| Some(PathBuf::from(self.config.get(name)?.as_str()?));
        let usual = Local::default();
        (self.type_name == "local").then(|| Local {
            path: setting("path").unwrap_or(usual.path),
            workspace_dir: setting("workspace_dir").unwrap_or(usual.workspace_dir),
        })
    }
}

fn not_written(error: &std::io::Error) -> Failure {
    let detail = format!("{} cannot be written: {error}.", path().display());
    Failure::new("Error saving the backend record", detail)
}

/// The checksum of IEEE 802.3.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1));
    let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), step);
    !bytes.iter().fold(!0, byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_terraform() {
        let check = |path: Option<&str>, expect: u64| {
            assert_eq!(Record::local(path, None).hash, expect, "{path:?}");
        };
        check(None, 666_019_178);
        check(Some("one.tfstate"), 427_796_062);
        check(Some("two.tfstate"), 1_214_197_412);
    }
}
