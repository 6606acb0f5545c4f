//! Finds out which modules of a configuration are there, and which have to be got.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use muster_config::version::Constraints;
use muster_config::{InstalledModule, InstalledModules, Locate, Located, ModuleSource, ModuleUse};
use muster_lang::Diagnostic;

use crate::files::resolved;
use crate::{ModuleError, shown};

/// A module that has to be got.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub key: String,
    pub source: ModuleSource,
    pub constraints: Option<Constraints>,
}

/// What is known from one reading of the configuration to the next.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// What was installed before.
    pub before: InstalledModules,
    /// What is in its place now.
    pub now: InstalledModules,
    /// What could not be got.
    pub failed: BTreeMap<String, ModuleError>,
    /// Whether nothing from before is good enough.
    pub upgrade: bool,
}

/// One reading.
pub(crate) struct Survey<'a> {
    pub progress: &'a mut Progress,
    /// How many calls there are.
    pub calls: usize,
    pub wanted: Vec<Wanted>,
    /// Directories beside their callers that were not recorded so before.
    pub new: Vec<(String, String)>,
}

impl Locate for Survey<'_> {
    fn locate(&mut self, wanted: &ModuleUse<'_>) -> Located {
        self.calls += 1;
        if let Some(module) = self.progress.now.0.get(&wanted.key) {
            return Located::At(module.dir.as_str().into());
        }
        if let Some(error) = self.progress.failed.get(&wanted.key) {
            return Located::Refused(refusal(wanted, error));
        }
        match wanted.source {
            ModuleSource::Local(path) => self.beside(wanted, path),
            _ => self.elsewhere(wanted),
        }
    }
}

impl Survey<'_> {
    fn beside(&mut self, wanted: &ModuleUse<'_>, path: &str) -> Located {
        let joined = Path::new(wanted.caller_dir).join(path);
        let dir = match resolved(&joined) {
            Ok(dir) => dir,
            Err(error) => {
                let joined: PathBuf = joined.components().collect();
                let dir = joined.strip_prefix("./").unwrap_or(&joined).display();
                let detail = format!("The directory {dir} of the module cannot be read: {error}.");
                let diagnostic = Diagnostic::error("Unreadable module directory", detail);
                return Located::Refused(diagnostic.at(wanted.span));
            }
        };
        let module = InstalledModule {
            source: wanted.source.to_string(),
            version: None,
            dir: dir.clone(),
        };
        let old = self.progress.before.0.get(&wanted.key);
        if self.progress.upgrade || old != Some(&module) {
            self.new.push((wanted.key.clone(), dir.clone()));
        }
        self.progress.now.0.insert(wanted.key.clone(), module);
        Located::At(dir.into())
    }

    fn elsewhere(&mut self, wanted: &ModuleUse<'_>) -> Located {
        if self.is_circle(wanted) {
            let detail = format!(
                "The module {} calls itself, directly or through other modules, and so would never \
                 end.",
                shown(&wanted.source.to_string())
            );
            let diagnostic = Diagnostic::error("Module cycle", detail);
            return Located::Refused(diagnostic.at(wanted.source_span));
        }
        let old = self.progress.before.0.get(&wanted.key);
        let usable = |old: &&InstalledModule| {
            !self.progress.upgrade && old.fits(wanted) && Path::new(&old.dir).is_dir()
        };
        if let Some(old) = old.filter(usable).cloned() {
            let dir = old.dir.clone();
            self.progress.now.0.insert(wanted.key.clone(), old);
            return Located::At(dir.into());
        }
        self.wanted.push(Wanted {
            key: wanted.key.clone(),
            source: wanted.source.clone(),
            constraints: wanted.constraints.cloned(),
        });
        Located::Later
    }

    /// Whether the same module leads to this call. Of a registry it has to be twice the same
    /// version: another one may end.
    fn is_circle(&self, wanted: &ModuleUse<'_>) -> bool {
        let source = wanted.source.to_string();
        let mut versions = Vec::new();
        let mut key = wanted.caller.as_str();
        while !key.is_empty() {
            let module = self.progress.now.0.get(key);
            if let Some(module) = module.filter(|m| m.source == source) {
                if versions.contains(&&module.version) || module.version.is_none() {
                    return true;
                }
                versions.push(&module.version);
            }
            key = key.rsplit_once('.').map_or("", |(caller, _)| caller);
        }
        false
    }
}

fn refusal(wanted: &ModuleUse<'_>, error: &ModuleError) -> Diagnostic {
    let detail = format!(
        "The module \"{}\" cannot be installed. {error}",
        wanted.name
    );
    Diagnostic::error(error.summary(), detail).at(wanted.span)
}
