//! Configuration for objects that are imported without any: they are read, described, and the
//! plan is made as if the description had been there from the beginning.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use muster_addr::ConfigResource;
use muster_config::{Config, ConfigFiles, Import, InputVariables, LocalProvider, Str};
use muster_lang::{Diagnostic, Diags, Sources};
use muster_plan::Plan;
use muster_planner::{Options, ReadImport};
use muster_provider::{ImportBy, identity_text};
use muster_run::Stop;
use muster_snapshot::Snapshot;
use muster_value::Value;

use crate::error::{Failure, Outcome};
use crate::session::{Disk, Session};
use crate::view;

const NO_TARGET: &str = "Configuration for import target does not exist";

const HEADER: &str = "\
# __generated__ by muster
# Review these resources and move them to where they belong.
";

/// What a plan is made with.
pub(crate) struct Inputs<'a> {
    /// Where the blocks are written.
    pub path: &'a Path,
    pub variables: &'a BTreeMap<Str, Value>,
    pub stored: &'a Snapshot,
    pub parallelism: usize,
    pub stop: &'a Stop,
}

/// The blocks that were written.
pub(crate) struct Generated(BTreeMap<ConfigResource, Str>);

impl Generated {
    /// Notes the blocks in the plan that was made with them.
    pub(crate) fn note(&self, plan: &mut Plan) {
        for change in plan.changes.iter_mut().filter(|c| c.importing.is_some()) {
            change.generated_config = self.0.get(&change.addr.resource.config()).cloned();
        }
    }

    pub(crate) fn warning() -> Diagnostic {
        Diagnostic::warning(
            "Config generation is experimental",
            "The blocks say everything that the provider told about the objects, which is often more than is wanted, and sometimes more than the provider takes. Review them before you keep them.",
        )
    }
}

/// Refuses a file that is there already, before anything is done.
pub(crate) fn check_path(path: &Path) -> Outcome<()> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let detail = format!(
        "{} is there, and generated configuration never replaces a file. Name another one with -generate-config-out, or move that file away.",
        path.display()
    );
    Err(Failure::new("Target generated file already exists", detail))
}

/// Writes the blocks that are missing and adds them to the configuration of the session. `None`
/// when there are none.
pub(crate) async fn generate(
    session: &mut Session,
    inputs: Inputs<'_>,
) -> Outcome<Option<Generated>> {
    let missing = missing(&session.config, inputs.stored)?;
    if missing.is_empty() {
        return Ok(None);
    }
    let name = free_name(inputs.path)?;
    let bare: String = missing.values().map(bare_block).collect();
    session.reload(&with_file(&name, bare))?;
    let read = read(session, &inputs, missing.keys().cloned().collect()).await?;
    let mut text = HEADER.to_owned();
    let mut blocks = BTreeMap::new();
    for object in read {
        let target = object.addr.resource.config();
        let provider = missing.get(&target).and_then(|i| i.provider.as_ref());
        let provider = provider.map(|(local, _)| local_text(local));
        let block = muster_render::resource_block(
            &object.addr.resource,
            &object.schema,
            &object.value,
            provider.as_deref(),
        );
        let source = match &object.by {
            ImportBy::Id(id) => serde_json::Value::from(&**id).to_string(),
            ImportBy::Identity(identity) => identity_text(identity),
        };
        let _ = write!(text, "\n# __generated__ by muster from {source}\n{block}\n");
        blocks.insert(target, block.into());
    }
    create(inputs.path, &text)?;
    session.reload(&with_file(&name, text))?;
    Ok(Some(Generated(blocks)))
}

/// The imports whose resource has no block. Only simple ones of the root module can get one.
fn missing(config: &Config, stored: &Snapshot) -> Outcome<BTreeMap<ConfigResource, Import>> {
    let mut found = BTreeMap::new();
    let mut diags = Diags::new();
    for import in &config.root().imports {
        let target = import.target.config();
        let module = config.find(&target.module);
        let declared = module.is_some_and(|m| m.resources.contains_key(&target.resource));
        if declared || stored.resources.keys().any(|r| r.config() == target) {
            continue;
        }
        let detail = if !import.target.modules.is_empty() {
            format!(
                "There is no block for {target}, and blocks are written for the root module only. Write one in the module."
            )
        } else if import.for_each.is_some() || import.target.key.is_some() {
            format!(
                "There is no block for {target}, and blocks with count or for_each are not written. Write one, or import to an address without a key."
            )
        } else {
            found.insert(target, import.clone());
            continue;
        };
        diags.push(Diagnostic::error(NO_TARGET, detail).at(import.to.span()));
    }
    match diags.has_errors() {
        true => Err(diags.into()),
        false => Ok(found),
    }
}

fn local_text(local: &LocalProvider) -> String {
    match &local.alias {
        Some(alias) => format!("{}.{alias}", local.name),
        None => local.name.to_string(),
    }
}

/// A block that says of a resource no more than where it belongs.
fn bare_block(import: &Import) -> String {
    let id = &import.target.resource;
    let provider = import.provider.as_ref();
    let provider = provider.map(|(local, _)| format!("  provider = {}\n", local_text(local)));
    format!(
        "resource \"{}\" \"{}\" {{\n{}}}\n",
        id.type_name,
        id.name,
        provider.unwrap_or_default()
    )
}

/// Reads the objects of some imports.
async fn read(
    session: &Session,
    inputs: &Inputs<'_>,
    resources: BTreeSet<ConfigResource>,
) -> Outcome<Vec<ReadImport>> {
    let schemas = session
        .schemas_until(inputs.stop, Some(inputs.stored))
        .await?;
    // The plan tells of the imports as they are planned, so that only errors are told here.
    let (sink, heard) = view::errors_only();
    let context = session.context(schemas, inputs.parallelism, sink, inputs.stop.clone());
    let options = Options {
        only_read: resources,
        ..Options::default()
    };
    let variables = inputs.variables.clone();
    let stored = inputs.stored.clone();
    let (read, diags) = muster_run::read_imports(&context, variables, stored, options).await?;
    let mut told = std::mem::take(&mut *heard.lock().unwrap_or_else(|e| e.into_inner()));
    told.extend(diags);
    if inputs.stop.is_requested() {
        return Err(crate::session::stopped());
    }
    match told.has_errors() {
        true => Err(told.into()),
        false => Ok(read),
    }
}

/// Writes a file that is not there yet.
fn create(path: &Path, text: &str) -> Outcome<()> {
    let written = std::fs::File::create_new(path).and_then(|mut file| {
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
    });
    written.map_err(|error| {
        let detail = format!("{} cannot be written: {error}.", path.display());
        Failure::new("Failed to create target generated file", detail)
    })
}

/// A name for the generated file among those of the root module, wherever it is written to.
fn free_name(path: &Path) -> Outcome<String> {
    let taken = Disk.list(".").map_err(|error| {
        let detail = format!("The working directory cannot be read: {error}.");
        Failure::new("Failed to read module directory", detail)
    })?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut name = format!("{stem}.tf");
    while taken.contains(&name) {
        name.insert(0, '_');
    }
    Ok(name)
}

/// The files of the disk and one more.
struct WithFile {
    name: String,
    text: String,
}

fn with_file(name: &str, text: String) -> WithFile {
    WithFile {
        name: name.to_owned(),
        text,
    }
}

impl ConfigFiles for WithFile {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        match path.strip_prefix("./").unwrap_or(path) == self.name {
            true => Ok(self.text.clone().into_bytes()),
            false => Disk.read(path),
        }
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let mut names = Disk.list(dir)?;
        if matches!(dir, "." | "") && !names.contains(&self.name) {
            names.push(self.name.clone());
        }
        Ok(names)
    }

    fn data_dir(&self) -> String {
        Disk.data_dir()
    }

    fn inputs(&self, sources: &mut Sources) -> (InputVariables, Diags) {
        Disk.inputs(sources)
    }
}
