//! What every command works with: the configuration, the providers and the state of one working
//! directory.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use muster_addr::ProviderAddr;
use muster_config::version::Constraints;
use muster_config::{Config, ConfigFiles, InputVariables};
use muster_eval::Settings;
use muster_lang::{Diagnostic, Diags, Sources};
use muster_provider::Schemas;
use muster_run::{Context, DiskFiles, Pool, Sink, Stop};
use muster_snapshot::Snapshot;
use muster_store::{LocalStore, LockGuard, LockInfo, Store};
use muster_value::Value;

use crate::args;
use crate::cli_config::CliConfig;
use crate::error::{Failure, Outcome};
use crate::install::Finder;
use crate::launch::Plugins;

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
        Self::load_from(&Disk, sources)
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

    fn with_config(config: Arc<Config>, sources: &mut Sources, warnings: Diags) -> Outcome<Self> {
        let constraints = constraints(&config)?;
        let finder = Finder::new(CliConfig::load()?, &data_dir());
        let plugins = Plugins::new(finder, constraints)
            .map_err(|e| Failure::new("Invalid TF_REATTACH_PROVIDERS", e.to_string()))?;
        let plugins = Arc::new(plugins);
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
        })
    }

    /// The state of the working directory.
    pub(crate) fn store(&self, path: Option<&Path>) -> Outcome<LocalStore> {
        let path = match path {
            Some(path) => path.to_owned(),
            None => self.state_path()?,
        };
        Ok(LocalStore::new(path))
    }

    fn state_path(&self) -> Outcome<PathBuf> {
        self.state_path_of(&workspace())
    }

    /// The folder with a folder for each workspace but the default one.
    pub(crate) fn workspaces_dir(&self) -> Outcome<PathBuf> {
        let path = self.state_path_of("x")?;
        let folder = path.parent().and_then(Path::parent);
        Ok(folder.unwrap_or(Path::new(".")).to_owned())
    }

    /// The state file of a workspace.
    pub(crate) fn state_path_of(&self, workspace: &str) -> Outcome<PathBuf> {
        let Some(backend) = &self.config.root().backend else {
            return Ok(default_state_path(workspace));
        };
        if &*backend.type_name != "local" {
            let detail = format!(
                "The state is kept in a backend of type \"{}\", which is not supported yet; there is only \"local\".",
                backend.type_name
            );
            return Err(Diagnostic::error("Unsupported backend type", detail)
                .at(backend.span)
                .into());
        }
        let (attributes, _) = backend.body.just_attributes();
        let path = attributes
            .iter()
            .find(|a| &*a.name == "path")
            .and_then(|a| a.expr.as_literal());
        match path.as_ref().and_then(|p| p.as_str()) {
            Some(path) if workspace == "default" => Ok(PathBuf::from(&**path)),
            _ => Ok(default_state_path(workspace)),
        }
    }

    /// Schemas of all providers that the configuration and a state mention.
    pub(crate) async fn schemas(&self, state: Option<&Snapshot>) -> Outcome<Schemas> {
        let mut wanted: BTreeSet<ProviderAddr> = self.config.providers().into_keys().collect();
        if let Some(state) = state {
            wanted.extend(
                state
                    .resources
                    .values()
                    .map(|r| r.provider.provider.clone()),
            );
        }
        schemas(&self.pool, wanted).await
    }

    /// Values of the root module's variables.
    pub(crate) fn variables(
        &mut self,
        inputs: &args::Inputs,
        ask: &mut dyn FnMut(&muster_config::Variable) -> Option<String>,
    ) -> Outcome<BTreeMap<muster_config::Str, Value>> {
        let config = Arc::clone(&self.config);
        self.variables_of(config.root(), inputs, ask)
    }

    /// Values of the ephemeral ones alone: a saved plan holds all the others.
    pub(crate) fn ephemeral_variables(
        &mut self,
        inputs: &args::Inputs,
    ) -> Outcome<BTreeMap<muster_config::Str, Value>> {
        let mut root = self.config.root().clone();
        root.variables.retain(|_, variable| variable.ephemeral);
        if let Some(name) = inputs
            .vars
            .iter()
            .filter_map(|v| v.split('=').next())
            .find(|name| !root.variables.contains_key(name.trim()))
        {
            let detail = format!(
                "The value of var.{name} is part of the saved plan, which is carried out as it is. Make a new plan with this option."
            );
            return Err(Failure::new(
                "Can't set variables when applying a saved plan",
                detail,
            ));
        }
        if root.variables.is_empty() {
            return Ok(BTreeMap::new());
        }
        // Files of values speak of all variables; that is no reason for a warning here.
        let warnings = self.warnings.clone();
        let values = self.variables_of(&root, inputs, &mut crate::prompt::variable);
        self.warnings = warnings;
        values
    }

    /// Values of the root module's variables. Those that nobody gave are unknown, and nobody is
    /// asked.
    pub(crate) fn known_variables(
        &mut self,
        inputs: &args::Inputs,
    ) -> Outcome<BTreeMap<muster_config::Str, Value>> {
        let mut root = self.config.root().clone();
        let (given, diags) = self.given(inputs)?;
        let missing: Vec<_> = given.missing(&root).into_iter().cloned().collect();
        for variable in &missing {
            root.variables.remove(&variable.name);
        }
        let mut values = self.resolve(&given, diags, &root)?;
        values.extend(missing.into_iter().map(|variable| {
            let ty = variable.ty.without_optional();
            (variable.name, Value::unknown(ty))
        }));
        Ok(values)
    }

    fn variables_of(
        &mut self,
        root: &muster_config::Module,
        inputs: &args::Inputs,
        ask: &mut dyn FnMut(&muster_config::Variable) -> Option<String>,
    ) -> Outcome<BTreeMap<muster_config::Str, Value>> {
        let (mut given, diags) = self.given(inputs)?;
        if inputs.input {
            let answers: Vec<(muster_config::Str, String)> = given
                .missing(root)
                .into_iter()
                .filter_map(|v| ask(v).map(|answer| (v.name.clone(), answer)))
                .collect();
            for (name, answer) in answers {
                given.answer(&name, &answer);
            }
        }
        self.resolve(&given, diags, root)
    }

    /// What the environment, files and options say.
    fn given(&mut self, inputs: &args::Inputs) -> Outcome<(InputVariables, Diags)> {
        let mut given = InputVariables::new();
        given.environment(std::env::vars());
        let mut diags = given.auto_files(".", &Disk, &mut self.sources);
        for file in &inputs.var_files {
            diags.extend(given.option_file(file, &Disk, &mut self.sources));
        }
        for option in &inputs.vars {
            diags.extend(given.option(option));
        }
        if diags.has_errors() {
            return Err(diags.into());
        }
        Ok((given, diags))
    }

    fn resolve(
        &mut self,
        given: &InputVariables,
        mut diags: Diags,
        root: &muster_config::Module,
    ) -> Outcome<BTreeMap<muster_config::Str, Value>> {
        let (values, found) = given.resolve(root, &mut self.sources);
        diags.extend(found);
        if diags.has_errors() {
            return Err(diags.into());
        }
        self.warnings.extend(diags);
        Ok(values)
    }

    /// What the runs of this command need.
    pub(crate) fn context(
        &self,
        schemas: Schemas,
        parallelism: usize,
        sink: Sink,
        stop: Stop,
    ) -> Context {
        let cwd = std::env::current_dir().unwrap_or_default();
        Context {
            config: Arc::clone(&self.config),
            schemas: Arc::new(schemas),
            pool: Arc::clone(&self.pool),
            settings: Settings {
                plan_timestamp: Some(timestamp().into()),
                workspace: workspace().into(),
                cwd: STARTED_IN
                    .get()
                    .unwrap_or(&cwd)
                    .to_string_lossy()
                    .into_owned()
                    .into(),
                ..Settings::default()
            },
            files: Arc::new(DiskFiles::new(cwd)),
            parallelism: parallelism.max(1),
            sink,
            stop,
        }
    }
}

/// The selected workspace.
pub(crate) fn workspace() -> String {
    let named = std::env::var("TF_WORKSPACE").ok().filter(|v| !v.is_empty());
    let stored = || std::fs::read_to_string(data_dir().join("environment")).ok();
    let name = named
        .or_else(stored)
        .map(|s| s.trim().to_owned())
        .filter(|s| !s.is_empty());
    name.unwrap_or_else(|| "default".to_owned())
}

/// Where the state of a workspace is kept.
pub(crate) fn default_state_path(workspace: &str) -> PathBuf {
    if workspace == "default" {
        return PathBuf::from("terraform.tfstate");
    }
    Path::new("terraform.tfstate.d")
        .join(workspace)
        .join("terraform.tfstate")
}

/// Now, to the second.
fn timestamp() -> String {
    let now = muster_store::timestamp();
    match now.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => now,
    }
}

/// Schemas of some providers.
pub(crate) async fn schemas(
    pool: &Pool,
    wanted: impl IntoIterator<Item = ProviderAddr>,
) -> Outcome<Schemas> {
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

fn constraints(config: &Config) -> Outcome<BTreeMap<ProviderAddr, Vec<Constraints>>> {
    let mut all: BTreeMap<ProviderAddr, Vec<Constraints>> = BTreeMap::new();
    for (addr, requirements) in config.providers() {
        for requirement in requirements.iter().filter(|r| !r.version.is_empty()) {
            // What does not parse was reported when the configuration was loaded.
            if let Ok(constraints) = Constraints::parse(&requirement.version) {
                all.entry(addr.clone()).or_default().push(constraints);
            }
        }
    }
    Ok(all)
}

/// Takes the lock on a state, if wanted.
pub(crate) fn lock(
    store: &dyn Store,
    locking: &args::Locking,
    operation: &str,
) -> Outcome<Option<LockGuard>> {
    if !locking.lock {
        return Ok(None);
    }
    let Some(timeout) = duration(&locking.lock_timeout) else {
        let detail = format!(
            "\"{}\" is not a duration; write 30s, 5m or 1h.",
            locking.lock_timeout
        );
        return Err(Failure::new("Invalid -lock-timeout", detail));
    };
    Ok(Some(store.lock(
        LockInfo::new(operation, TERRAFORM_VERSION),
        timeout,
    )?))
}

/// `90s`, `1m30s`, `1h`, `500ms`.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest == "0" {
        return Some(total);
    }
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let end = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        rest = &rest[end..];
        total += Duration::try_from_secs_f64(number * unit).ok()?;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let check = |text: &str, expect: Option<u64>| {
            assert_eq!(duration(text), expect.map(Duration::from_millis), "{text}");
        };
        check("30s", Some(30_000));
        check("1m30s", Some(90_000));
        check("500ms", Some(500));
        check("1.5h", Some(5_400_000));
        check("0", Some(0));
        check("", None);
        check("5", None);
        check("-5s", None);
        check("1e9h", None);
    }

    #[test]
    fn workspaces_have_states_of_their_own() {
        assert_eq!(
            default_state_path("default"),
            Path::new("terraform.tfstate")
        );
        let path = Path::new("terraform.tfstate.d/dev/terraform.tfstate");
        assert_eq!(default_state_path("dev"), path);
    }
}
