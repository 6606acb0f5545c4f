//! The record of installed modules: `modules/modules.json` in the data directory. Terraform reads
//! and writes the same file.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};

use muster_addr::ModulePath;
use muster_lang::Diagnostic;
use serde::{Deserialize, Serialize};

use crate::files::{ConfigFiles, join};
use crate::load::{Locate, Located, ModuleUse};
use crate::version::Version;
use crate::{ModuleSource, Str};

/// The modules that are installed, by their keys: `a.b` is the module that `a` calls `b`, and the
/// root module has an empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstalledModules(pub BTreeMap<String, InstalledModule>);

/// Where a module is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledModule {
    /// What the call said, in the form in which a [`ModuleSource`] prints; empty for the root.
    #[serde(rename = "Source", default)]
    pub source: String,
    /// The version, when it is from a registry.
    #[serde(rename = "Version", default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its directory, relative to that of the root module or absolute.
    #[serde(rename = "Dir", default)]
    pub dir: String,
}

#[derive(Default, Serialize, Deserialize)]
struct Record {
    #[serde(rename = "Modules", default)]
    modules: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    #[serde(rename = "Key", default)]
    key: String,
    #[serde(flatten)]
    module: InstalledModule,
}

impl InstalledModules {
    /// Reads the record that belongs to a root module; empty when there is none.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn read(root: &str, files: &dyn ConfigFiles) -> Result<Self, Box<Diagnostic>> {
        let path = join(root, &format!("{}/modules/modules.json", files.data_dir()));
        let bytes = match files.read(&path) {
            Ok(bytes) => bytes,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(Self::default());
            }
            Err(error) => return Err(unreadable(&path, &error)),
        };
        let record: Record = serde_json::from_slice(&bytes).map_err(|e| unreadable(&path, &e))?;
        let modules = record.modules.into_iter().map(|e| (e.key, e.module));
        Ok(Self(modules.collect()))
    }

    /// The text of the record, with the root module.
    pub fn to_json(&self) -> String {
        let root = Entry {
            key: String::new(),
            module: InstalledModule {
                dir: ".".to_owned(),
                ..InstalledModule::default()
            },
        };
        let others = self.0.iter().filter(|(key, _)| !key.is_empty());
        let others = others.map(|(key, module)| Entry {
            key: key.clone(),
            module: module.clone(),
        });
        let record = Record {
            modules: std::iter::once(root).chain(others).collect(),
        };
        serde_json::to_string(&record).unwrap_or_default()
    }
}

impl InstalledModule {
    /// Whether this is what a call asks for.
    pub fn fits(&self, wanted: &ModuleUse<'_>) -> bool {
        self.is_from(wanted.source) && self.has_version(wanted)
    }

    fn is_from(&self, source: &ModuleSource) -> bool {
        self.source == source.to_string()
            // Records of old versions have texts as they were written.
            || ModuleSource::parse(&self.source, false).is_ok_and(|old| old == *source)
    }

    fn has_version(&self, wanted: &ModuleUse<'_>) -> bool {
        if !matches!(wanted.source, ModuleSource::Registry(_)) {
            return true;
        }
        let version = self.version.as_deref();
        let version = version.and_then(|v| Version::parse(v).ok());
        version.is_some_and(|v| wanted.constraints.is_none_or(|c| c.allow_module(&v)))
    }
}

/// Takes modules from where they were installed, as the record has it, and refuses what is not
/// there or is not what the call asks for any more.
pub(crate) struct Recorded<'a> {
    pub(crate) modules: InstalledModules,
    pub(crate) root: &'a str,
    /// The key of the module that the configuration begins with.
    pub(crate) key: &'a str,
    /// Whether directories beside the calling module need no record.
    pub(crate) local_anyway: bool,
}

impl Locate for Recorded<'_> {
    fn locate(&mut self, wanted: &ModuleUse<'_>) -> Located {
        let beside = match wanted.source {
            ModuleSource::Local(path) => Some(join(wanted.caller_dir, path)),
            _ => None,
        };
        if let Some(dir) = beside.filter(|_| self.local_anyway) {
            return Located::At(dir.into());
        }
        let Some(module) = self.modules.0.get(&below(self.key, &wanted.key)) else {
            let detail = "The module is not installed yet. Run init to install all modules that \
                          the configuration calls.";
            let diagnostic = Diagnostic::error("Module not installed", detail);
            return Located::Refused(diagnostic.at(wanted.span));
        };
        if !module.is_from(wanted.source) {
            let detail = "Another module was installed for this call than its source says now. \
                          Run init to install this one.";
            let diagnostic = Diagnostic::error("Module source has changed", detail);
            return Located::Refused(diagnostic.at(wanted.source_span));
        }
        if !module.has_version(wanted) {
            let detail = format!(
                "Version {} of the module is installed, which the configuration does not allow. \
                 Run init to install another version.",
                module.version.as_deref().unwrap_or("(unknown)")
            );
            let diagnostic = Diagnostic::error("Module version requirements have changed", detail);
            return Located::Refused(diagnostic.at(wanted.source_span));
        }
        Located::At(join(self.root, &module.dir).into())
    }

    fn unreadable(&self, dir: &str, error: &io::Error) -> Diagnostic {
        let (summary, advice) = match self.local_anyway {
            true => ("Unreadable module directory", ""),
            false => (
                "Module not installed",
                " Run init to install the module again.",
            ),
        };
        let detail = format!("The directory {dir} of the module cannot be read: {error}.{advice}");
        Diagnostic::error(summary, detail)
    }
}

/// The key that a module has where the configuration it is part of begins with another module.
pub(crate) fn below(root: &str, key: &str) -> String {
    match (root, key) {
        ("", key) | (key, "") => key.to_owned(),
        _ => format!("{root}.{key}"),
    }
}

/// The key of the module that `caller` calls `name`.
pub(crate) fn key_of(caller: &ModulePath, name: &Str) -> String {
    let mut key = String::new();
    for step in caller.0.iter() {
        key.push_str(step);
        key.push('.');
    }
    key.push_str(name);
    key
}

fn unreadable(path: &str, error: &dyn std::fmt::Display) -> Box<Diagnostic> {
    let detail = format!(
        "{path}, the record of installed modules, cannot be used: {error}. Delete it and install \
         the modules again."
    );
    let diagnostic = Diagnostic::error("Failed to read module manifest file", detail);
    Box::new(diagnostic)
}
