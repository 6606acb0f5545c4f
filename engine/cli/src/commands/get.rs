//! `muster get`, and the part of `init` that does the same.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use muster_install::HttpOptions;
use muster_lang::Sources;
use muster_modules::{Event, Installer, ModuleError, Options, Request};

use super::packages::{log, step};
use super::test::missing_directory;
use crate::args;
use crate::cli_config::CliConfig;
use crate::error::{Failure, Outcome};
use crate::session::Disk;
use crate::view::View;

/// `get`
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// Get modules anew that are there already, in the newest versions that are allowed.
    #[arg(long, value_name = "BOOL", default_value = "false", num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set)]
    pub update: bool,
    #[command(flatten)]
    pub given: args::GivenInOrder,
    /// No colour, even on a terminal.
    #[arg(long)]
    pub no_color: bool,
    /// The directory with more tests, whose modules are installed too.
    #[arg(long, value_name = "DIRECTORY", default_value = args::DEFAULT_TESTS)]
    pub test_directory: String,
}

/// Who hears of the installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tell {
    /// Those who run `get`: they hear of modules only.
    Modules,
    /// Those who run `init`: they hear of its steps too.
    Steps,
}

/// Installs modules.
pub(crate) async fn run(args: &Get) -> ExitCode {
    let view = View::new(&args::View {
        no_color: args.no_color,
        ..args::View::default()
    });
    match install(&view, args.update, &args.test_directory, Tell::Modules).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => view.fail(&failure, &Sources::default()),
    }
}

/// Installs the modules that the configuration of the working directory calls, and those that its
/// tests are about; `tests` is the directory with more of them.
pub(crate) async fn install(view: &View, upgrade: bool, tests: &str, tell: Tell) -> Outcome<()> {
    view.diags(&missing_directory(tests), &Sources::default());
    let installer = installer()?;
    let request = Request {
        files: &Disk,
        tests: Some(tests),
        upgrade,
    };
    let on = |event| match event {
        Event::Started if tell == Tell::Modules => {}
        Event::Started if upgrade => {
            step(view, "upgrading_modules_message", "Upgrading modules...");
        }
        Event::Started => step(
            view,
            "initializing_modules_message",
            "Initializing modules...",
        ),
        Event::Downloading(name, key) => say(view, &format!("Downloading {name} for {key}...")),
        Event::Installed(key, dir) => say(view, &format!("- {key} in {dir}")),
    };
    let installation = installer.install(&request, &on).await;
    if installation.diags.has_errors() {
        return Err(Failure::from(installation.diags).within(installation.sources));
    }
    Ok(())
}

/// Fills the working directory with a copy of a module.
pub(crate) async fn copy(view: &View, source: &str) -> Outcome<()> {
    if !is_empty(Path::new("."))? {
        let detail = "With -from-module the working directory becomes a copy of the module, and must be empty for that. To prepare the configuration that is here already, run init without it.";
        let summary = "The working directory already contains files";
        return Err(Failure::new(summary, detail));
    }
    let text = format!(
        "Copying configuration from \"{}\"...",
        muster_modules::shown(source)
    );
    step(view, "copying_configuration_message", &text);
    let copied = installer()?.copy_module(source, Path::new(".")).await;
    copied.map_err(|error| {
        let detail = format!("The configuration cannot be copied. {error}");
        Failure::new(error.summary(), detail)
    })
}

/// Whether a directory has nothing in it that people put there.
fn is_empty(dir: &Path) -> Outcome<bool> {
    let entries = std::fs::read_dir(dir).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(|error| {
        let detail = format!("The working directory cannot be read: {error}.");
        Failure::new("Unreadable working directory", detail)
    })?;
    let mut names = entries.iter().map(std::fs::DirEntry::file_name);
    Ok(names.all(|name| name.to_string_lossy().starts_with('.')))
}

fn installer() -> Outcome<Installer> {
    let config = CliConfig::load()?;
    let http: HttpOptions = config.settings_for(Vec::new()).http;
    let options = Options {
        hosts: config.hosts,
        http,
        interactive: std::io::stdin().is_terminal() && crate::prompt::is_wanted(),
    };
    Installer::new(options)
        .map_err(|error: ModuleError| Failure::new(error.summary(), error.to_string()))
}

fn say(view: &View, text: &str) {
    log(view, text, text);
}
