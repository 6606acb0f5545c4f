//! Starts a configuration as a copy of a module.

use std::path::Path;

use muster_config::ModuleSource;

use crate::files::copy_into;
use crate::package::{At, joined};
use crate::survey::Wanted;
use crate::{Installer, ModuleError, subdir};

impl Installer {
    /// Copies the files of a module into a directory. `source` is written as in a call; a
    /// directory of this machine is relative to the working directory.
    ///
    /// # Errors
    /// The module cannot be got, or a file not be written.
    pub async fn copy_module(&self, source: &str, to: &Path) -> Result<(), ModuleError> {
        let source = match source {
            "." | ".." => format!("{source}/"),
            other => other.to_owned(),
        };
        let source = ModuleSource::parse(&source, false).map_err(ModuleError::Source)?;
        // What git keeps for itself, and the like, is no part of the configuration.
        let keep = |name: &str| !name.starts_with('.');
        let copy = |from: &Path| copy_into(from, to, &keep).map_err(ModuleError::file(from));
        if let ModuleSource::Local(path) = &source {
            return copy(Path::new(path));
        }
        let wanted = Wanted {
            key: String::new(),
            source,
            constraints: None,
        };
        let found = self.resolve(&wanted).await?;
        let temp = std::env::temp_dir();
        let scratch = tempfile::tempdir().map_err(ModuleError::file(&temp))?;
        let getter = &self.getter;
        let package = getter.get(&found.package, found.plain, scratch.path());
        let package = package.await?;
        let (At::Ours(root) | At::Theirs(root)) = package.at;
        let inside = joined(&package.subdir, &found.subdir);
        let registry = matches!(wanted.source, ModuleSource::Registry(_));
        copy(&root.join(subdir::find(&root, &inside, registry)?))
    }
}
