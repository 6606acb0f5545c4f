//! The program that is put to the test.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use super::process::{Ended, Process};

/// An engine, and how it finds its plugins.
pub(crate) struct Engine {
    program: PathBuf,
    /// The configuration of the command line.
    settings: PathBuf,
    /// Where it may keep what it needs again.
    cache: PathBuf,
    /// Where plugins have their sockets, which stay when they are killed.
    sockets: PathBuf,
    /// It wants to be told to install plugins.
    init: bool,
}

impl Engine {
    /// Muster, which has its simulator in itself. The folder is for files of the engine.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn muster(program: &Path, folder: &Path) -> Result<Self> {
        Self::new(program, folder, "muster.tfrc", "")
    }

    /// Terraform with the plugin that is in muster.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn terraform(muster: &Path, folder: &Path) -> Result<Self> {
        let plugins = folder.join("plugins");
        std::fs::create_dir_all(&plugins)?;
        let plugin = plugins.join("terraform-provider-muster");
        let script = format!(
            "#!/bin/sh\nexec '{}' internal-plugin-muster \"$@\"\n",
            muster.display()
        );
        std::fs::write(&plugin, script)?;
        std::fs::set_permissions(&plugin, std::fs::Permissions::from_mode(0o755))?;
        let settings = format!(
            "provider_installation {{\n  dev_overrides {{\n    \"muster/muster\" = \"{}\"\n  }}\n  direct {{}}\n}}\n",
            plugins.display()
        );
        Self::new(Path::new("terraform"), folder, "terraform.tfrc", &settings)
    }

    /// An engine that takes all plugins from a mirror.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn with_mirror(program: &Path, folder: &Path, mirror: &Path) -> Result<Self> {
        let init = program.file_name().is_some_and(|name| name == "terraform");
        let settings = format!(
            "provider_installation {{\n  filesystem_mirror {{\n    path = \"{}\"\n  }}\n}}\n",
            mirror.display()
        );
        let engine = Self::new(program, folder, "mirror.tfrc", &settings)?;
        Ok(Self { init, ..engine })
    }

    /// Does what has to be done in a new folder, once its configuration is there.
    pub(super) fn enter(&self, folder: &Path) -> Result<()> {
        if self.init {
            let ended = self.run(folder, &["init", "-no-color"], "init.txt")?;
            if ended.code != Some(0) {
                bail!("init: {}", ended.said);
            }
        }
        Ok(())
    }

    fn new(program: &Path, folder: &Path, name: &str, settings: &str) -> Result<Self> {
        let path = folder.join(name);
        std::fs::write(&path, settings)?;
        let sockets = folder.join("sockets");
        std::fs::create_dir_all(&sockets)?;
        Ok(Self {
            program: program.to_owned(),
            settings: path,
            cache: folder.join("cache"),
            sockets,
            init: false,
        })
    }

    /// Starts a command in a folder, with its output in a file there.
    pub(super) fn start(&self, folder: &Path, args: &[&str], output: &str) -> Result<Process> {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("AWS_") || text.starts_with("TF_") {
                command.env_remove(name);
            }
        }
        command
            .args(args)
            .current_dir(folder)
            .env("TF_CLI_CONFIG_FILE", &self.settings)
            .env("XDG_CACHE_HOME", &self.cache)
            .env("TMPDIR", &self.sockets)
            .env("TF_IN_AUTOMATION", "1")
            .env("CHECKPOINT_DISABLE", "1")
            .env("NO_COLOR", "1");
        Process::start(command, folder.join(output))
    }

    /// Runs a command to its end.
    pub(super) fn run(&self, folder: &Path, args: &[&str], output: &str) -> Result<Ended> {
        self.start(folder, args, output)?.end()
    }
}
