//! What every command works with: the configuration, the providers and the state of one working
//! directory.

mod variables;
mod workspace;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use muster_addr::ProviderAddr;
use muster_config::version::Constraints;
use muster_config::{Config, ConfigFiles, InputVariables};
use muster_eval::Settings;
use muster_install::LockFile;
use muster_lang::{DiagnosticKind, Diags, FileId, Sources, syntax};
use muster_provider::Schemas;
use muster_run::{Context, DiskFiles, Pool, Sink, Stop};
use muster_snapshot::Snapshot;
use muster_store::LocalStore;
use muster_value::Value;

use crate::args::GivenInOrder;
use crate::backend::{self, Opened, Place};
use crate::cli_config::CliConfig;
use crate::encryption;
use crate::error::{Failure, Outcome};
use crate::install::Finder;
use crate::launch::Plugins;

pub(crate) use variables::take_options;
use workspace::check_workspace;
pub(crate) use workspace::{is_workspace_name, named_workspace, workspace};

/// The version whose language, state and plugin protocol this engine speaks.
pub(crate) const TERRAFORM_VERSION: &str = "1.11.4";

/// Files of the disk, for the configuration.
pub(crate) struct Disk;

impl ConfigFiles for Disk {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            if !entry.path().is_dir() {
                names.extend(entry.file_name().into_string());
            }
        }
        Ok(names)
    }

    fn data_dir(&self) -> String {
        data_dir().to_string_lossy().into_owned()
    }

    fn local_anyway(&self) -> bool {
        false
    }

    fn inputs(&self, sources: &mut Sources) -> (InputVariables, Diags) {
        let mut given = InputVariables::new();
        given.environment(std::env::vars());
        let mut diags = given.auto_files(".", self, sources);
        if let Some(options) = OPTIONS.get() {
            diags.extend(take_options(options, &mut given, sources));
        }
        (given, diags)
    }

    fn encryption(&self) -> Option<(String, String)> {
        encryption::from_environment()
    }
}

/// The values of variables that the command line gives.
static OPTIONS: OnceLock<GivenInOrder> = OnceLock::new();

/// Keeps what the command line says of variables, for what has to be known before the
/// configuration is there.
pub(crate) fn remember_options(given: &GivenInOrder) {
    OPTIONS.get_or_init(|| given.clone());
}

/// See the module.
pub(crate) struct Session {
    /// Text of all files read.
    pub sources: Sources,
    /// The configuration.
    pub config: Arc<Config>,
    /// How providers are found and started.
    pub plugins: Arc<Plugins>,
    /// The running providers.
    pub pool: Arc<Pool>,
    /// Warnings of loading.
    pub warnings: Diags,
    /// The values of variables that were worked out last, as they were given.
    pub as_given: BTreeMap<muster_config::Str, Value>,
    /// Where those values were set, for people.
    origins: Arc<BTreeMap<muster_config::Str, String>>,
    /// What people have answered when they were asked for values of variables.
    answers: BTreeMap<muster_config::Str, String>,
}

/// Where the program was started, whatever directory it works in.
static STARTED_IN: OnceLock<PathBuf> = OnceLock::new();

/// Keeps the directory that the program was started in, for `path.cwd`.
pub(crate) fn remember_cwd() {
    STARTED_IN.get_or_init(|| std::env::current_dir().unwrap_or_default());
}

/// `.terraform`, or what the environment says.
pub(crate) fn data_dir() -> PathBuf {
    match std::env::var_os("TF_DATA_DIR").filter(|v| !v.is_empty()) {
        Some(dir) => PathBuf::from(dir),
        None => PathBuf::from(".terraform"),
    }
}

impl Session {
    /// Loads the configuration of the working directory.
    pub(crate) fn load(sources: Sources) -> Result<Self, (Failure, Sources)> {
        let session = Self::load_from(&Disk, sources)?;
        encryption::remember(session.config.root());
        Ok(session)
    }

    /// Loads the configuration of the working directory although references in it may lead
    /// nowhere. What is wrong with them is among the warnings then, and the configuration is only
    /// to be validated.
    pub(crate) fn load_unresolved() -> Result<Self, (Failure, Sources)> {
        let mut sources = Sources::default();
        let (config, diags) = muster_config::load(".", &Disk, &mut sources);
        let is_broken = |kind| kind != DiagnosticKind::Reference;
        if diags.iter().any(|d| d.is_error() && is_broken(d.kind)) {
            return Err((diags.into(), sources));
        }
        match Self::with_config(Arc::new(config), &mut sources, diags.clone()) {
            Ok(session) => {
                encryption::remember(session.config.root());
                Ok(session)
            }
            Err(failure) => {
                let mut diags = diags;
                diags.extend(failure.diags);
                Err((diags.into(), sources))
            }
        }
    }

    /// Loads the configuration of the working directory to install what it needs. Whether
    /// references in it lead somewhere is for those to say who evaluate them.
    pub(crate) fn load_to_install() -> Result<Self, (Failure, Sources)> {
        let mut session = Self::load_unresolved()?;
        session.warnings.0.retain(|d| !d.is_error());
        Ok(session)
    }

    /// Loads a configuration.
    pub(crate) fn load_from(
        files: &dyn ConfigFiles,
        mut sources: Sources,
    ) -> Result<Self, (Failure, Sources)> {
        let (config, diags) = muster_config::load(".", files, &mut sources);
        if diags.has_errors() {
            return Err((diags.into(), sources));
        }
        match Self::with_config(Arc::new(config), &mut sources, diags) {
            Ok(session) => Ok(session),
            Err(failure) => Err((failure, sources)),
        }
    }

    /// Loads the configuration again, with other files. Files read before stay known.
    pub(crate) fn reload(&mut self, files: &dyn ConfigFiles) -> Outcome<()> {
        let (config, diags) = muster_config::load(".", files, &mut self.sources);
        if diags.has_errors() {
            return Err(diags.into());
        }
        self.config = Arc::new(config);
        Ok(())
    }

    /// With a configuration that was loaded already, with these warnings. Takes the sources.
    pub(crate) fn with_config(
        config: Arc<Config>,
        sources: &mut Sources,
        warnings: Diags,
    ) -> Outcome<Self> {
        check_workspace()?;
        let plugins = Arc::new(plugins(&config)?);
        let pool = Arc::new(Pool::new(
            Arc::clone(&plugins) as Arc<dyn muster_run::Launcher>
        ));
        let sources = std::mem::take(sources);
        Ok(Self {
            sources,
            config,
            plugins,
            pool,
            warnings,
            as_given: BTreeMap::new(),
            origins: Arc::default(),
            answers: BTreeMap::new(),
        })
    }

    /// The state of the working directory, for those who only look at it: they may do so although
    /// the configuration has errors, as long as it certainly says where the state is.
    pub(crate) fn find_store() -> Outcome<Opened> {
        check_workspace()?;
        let mut sources = Sources::default();
        let (config, diags) = muster_config::load(".", &Disk, &mut sources);
        if hides_something(&diags, &sources) {
            return Err(Failure::from(diags).within(sources));
        }
        encryption::remember(config.root());
        let opened = backend::opened(config.root().backend.as_ref());
        let state = opened.and_then(|place| place.state(&workspace()));
        state.map_err(|failure| failure.within(sources))
    }

    /// The state of the working directory.
    pub(crate) fn store(&self, path: Option<&Path>) -> Outcome<Opened> {
        let place = self.place()?;
        encryption::ready()?;
        match (path, place.local()) {
            (Some(path), Some(local)) => {
                let store = LocalStore::new(path).with_codec(local.codec);
                Ok(Opened::Local(store))
            }
            // Other places have no files, whatever options say.
            _ => place.state(&workspace()),
        }
    }

    /// Where states are.
    pub(crate) fn place(&self) -> Outcome<Place> {
        backend::opened(self.config.root().backend.as_ref())
    }

    /// Schemas of all providers that the configuration and a state mention, for what is run with
    /// them.
    pub(crate) async fn schemas(&self, state: Option<&Snapshot>) -> Outcome<Schemas> {
        let mut wanted: BTreeSet<ProviderAddr> = self.config.providers().into_keys().collect();
        let resources = state.into_iter().flat_map(|state| state.resources.values());
        let stored: BTreeSet<ProviderAddr> =
            resources.map(|r| r.provider.provider.clone()).collect();
        let absent = self.plugins.absent(&wanted, stored.difference(&wanted));
        absent.for_run()?;
        wanted.extend(stored);
        schemas(&self.pool, wanted).await
    }

    /// Schemas of all providers that the configuration mentions, to look at it.
    pub(crate) async fn schemas_to_validate(&self) -> Outcome<Schemas> {
        let wanted = self.config.providers();
        self.plugins.absent(wanted.keys(), []).for_validation()?;
        schemas(&self.pool, wanted.into_keys()).await
    }

    /// As [`Self::schemas`], unless somebody asks to stop meanwhile.
    pub(crate) async fn schemas_until(
        &self,
        stop: &Stop,
        state: Option<&Snapshot>,
    ) -> Outcome<Schemas> {
        tokio::select! {
            biased;
            () = stop.requested() => Err(stopped()),
            schemas = self.schemas(state) => schemas,
        }
    }

    /// What the runs of this command need.
    pub(crate) fn context(
        &self,
        schemas: Schemas,
        parallelism: usize,
        sink: Sink,
        stop: Stop,
    ) -> Context {
        Context {
            config: Arc::clone(&self.config),
            schemas: Arc::new(schemas),
            pool: Arc::clone(&self.pool),
            settings: Settings {
                origins: Arc::clone(&self.origins),
                ..settings(&workspace())
            },
            files: Arc::new(working_files()),
            stand_in: None,
            parallelism: parallelism.max(1),
            sink,
            stop,
        }
    }
}

/// The files of the working directory, as functions see them.
pub(crate) fn working_files() -> DiskFiles {
    DiskFiles::new(std::env::current_dir().unwrap_or_default())
}

/// What does not change during a run that begins now.
pub(crate) fn settings(workspace: &str) -> Settings {
    let cwd = std::env::current_dir().unwrap_or_default();
    let cwd = STARTED_IN.get().unwrap_or(&cwd).to_string_lossy();
    Settings {
        plan_timestamp: Some(timestamp().into()),
        workspace: workspace.into(),
        cwd: cwd.into_owned().into(),
        ..Settings::default()
    }
}

/// How the providers of a configuration are found and started.
pub(crate) fn plugins(config: &Config) -> Outcome<Plugins> {
    plugins_of(config, &[])
}

/// As [`plugins`], where other configurations have their say about the versions too.
pub(crate) fn plugins_of(config: &Config, others: &[Config]) -> Outcome<Plugins> {
    let mut constraints = constraints(config);
    for other in others {
        for (addr, more) in self::constraints(other) {
            constraints.entry(addr).or_default().extend(more);
        }
    }
    let lock = LockFile::load(Path::new("."))
        .map_err(|e| Failure::new("Failed to read dependency lock file", e.to_string()))?;
    let finder = Finder::new(CliConfig::load()?, &data_dir(), lock);
    Plugins::new(finder, constraints)
        .map_err(|e| Failure::new("Invalid TF_REATTACH_PROVIDERS", e.to_string()))
}

/// Whether a block of the root module may be missing in a configuration with these errors.
fn hides_something(diags: &Diags, sources: &Sources) -> bool {
    let of_root = |name: &str| !name.contains('/');
    let broken = |id: FileId, name: &str, text: &Arc<str>| {
        let (_, diags) = match name.ends_with(".json") {
            true => syntax::parse_json(id, text),
            false => syntax::parse_native(id, text),
        };
        diags.has_errors()
    };
    let errors = || diags.iter().filter(|d| d.is_error());
    let unread = errors().any(|d| d.subject.is_none());
    let files: BTreeSet<FileId> = errors().filter_map(|d| Some(d.subject?.file)).collect();
    let parse = files.into_iter().any(|id| {
        let file = sources.get(id);
        file.is_some_and(|f| of_root(&f.name) && broken(id, &f.name, &f.text))
    });
    unread || parse
}

/// Now, to the second.
fn timestamp() -> String {
    let now = muster_store::timestamp();
    match now.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => now,
    }
}

/// Somebody asked to stop before anything was done.
pub(crate) fn stopped() -> Failure {
    Failure::new(
        "Operation cancelled",
        "The run was stopped. Nothing was changed.",
    )
}

/// Schemas of some providers.
async fn schemas(pool: &Pool, wanted: impl IntoIterator<Item = ProviderAddr>) -> Outcome<Schemas> {
    let mut schemas = Schemas::default();
    let mut diags = Diags::new();
    for addr in wanted {
        match pool.bare(&addr).await {
            Ok(provider) => schemas.insert(addr, provider.schema()),
            Err(error) => diags.push(error.diagnostic(&addr)),
        }
    }
    if diags.has_errors() {
        Err(diags.into())
    } else {
        Ok(schemas)
    }
}

fn constraints(config: &Config) -> BTreeMap<ProviderAddr, Vec<Constraints>> {
    let mut all: BTreeMap<ProviderAddr, Vec<Constraints>> = BTreeMap::new();
    for (addr, requirements) in config.providers() {
        for requirement in requirements.iter().filter(|r| !r.version.is_empty()) {
            // What does not parse was reported when the configuration was loaded.
            if let Ok(constraints) = Constraints::parse(&requirement.version) {
                all.entry(addr.clone()).or_default().push(constraints);
            }
        }
    }
    all
}
