//! The record of modules that were installed from elsewhere: `modules/modules.json` in the data
//! directory.

use std::collections::HashMap;
use std::io::ErrorKind;

use muster_addr::ModulePath;
use muster_lang::{Diagnostic, Diags};
use serde::Deserialize;

use crate::files::{ConfigFiles, join};

/// Directories of installed modules by their path, `a.b`.
#[derive(Default)]
pub(crate) struct Installed(HashMap<String, String>);

#[derive(Deserialize)]
struct Manifest {
    #[serde(rename = "Modules", default)]
    modules: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "Key", default)]
    key: String,
    #[serde(rename = "Dir", default)]
    dir: String,
}

impl Installed {
    /// Reads the record below a root module; empty when there is none.
    pub(crate) fn read(root: &str, files: &dyn ConfigFiles, diags: &mut Diags) -> Self {
        let path = join(root, &format!("{}/modules/modules.json", files.data_dir()));
        let bytes = match files.read(&path) {
            Ok(bytes) => bytes,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Self::default();
            }
            Err(error) => {
                diags.push(unreadable(&path, &error));
                return Self::default();
            }
        };
        match serde_json::from_slice::<Manifest>(&bytes) {
            Ok(manifest) => Self(
                manifest
                    .modules
                    .into_iter()
                    .map(|e| (e.key, join(root, &e.dir)))
                    .collect(),
            ),
            Err(error) => {
                diags.push(unreadable(&path, &error));
                Self::default()
            }
        }
    }

    /// The directory of the module that `caller` calls `name`.
    pub(crate) fn dir(&self, caller: &ModulePath, name: &str) -> Option<String> {
        let mut key = String::new();
        for step in caller.0.iter() {
            key.push_str(step);
            key.push('.');
        }
        key.push_str(name);
        self.0.get(&key).cloned()
    }
}

fn unreadable(path: &str, error: &dyn std::fmt::Display) -> Diagnostic {
    let detail = format!(
        "{path}, the record of installed modules, cannot be used: {error}. Delete it and install \
         the modules again."
    );
    Diagnostic::error("Failed to read module manifest file", detail)
}
