//! `muster import`

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use muster_addr::{AbsResource, InstanceAddr, Mode as ResourceMode, Target};
use muster_config::{Repetition, Resource, Str};
use muster_eval::ModuleInst;
use muster_lang::Sources;
use muster_plan::Mode;
use muster_planner::Options;
use muster_run::{Context, Stop};
use muster_snapshot::{OutputValue, Snapshot};
use muster_store::Store;
use muster_value::{Type, Value};

use crate::error::{Failure, Outcome};
use crate::locking::{Backups, lock_until, redirected};
use crate::session::{Session, TERRAFORM_VERSION};
use crate::view::View;

use super::console::values::stored;
use crate::{args, recovery, signals};

/// `import`
#[derive(Debug, Args)]
pub(crate) struct Import {
    #[command(flatten)]
    pub view: args::View,
    #[command(flatten)]
    pub inputs: args::Inputs,
    #[command(flatten)]
    pub locking: args::Locking,
    /// The directory of the configuration: this one, or else -chdir names it.
    #[arg(long, hide = true, value_name = "DIRECTORY")]
    pub config: Option<std::path::PathBuf>,
    /// How many operations run at a time.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub parallelism: usize,
    /// The address that the object gets; the configuration has to declare it.
    #[arg(value_name = "ADDRESS")]
    pub address: String,
    /// What the provider knows the object by.
    #[arg(value_name = "ID")]
    pub id: String,
}

/// Takes an object that exists already into the state.
pub(crate) async fn run(args: &Import) -> ExitCode {
    let view = match View::open(&args.view) {
        Ok(view) => view,
        Err(code) => return code,
    };
    let elsewhere = args.config.as_deref().filter(|dir| {
        let canonical = |dir: &std::path::Path| dir.canonicalize().ok();
        canonical(dir) != canonical(std::path::Path::new("."))
    });
    if elsewhere.is_some() {
        let detail = "The configuration is that of the working directory: use -chdir to work in another one.";
        let failure = Failure::new("Unsupported option -config", detail);
        return view.fail(&failure, &Sources::default());
    }
    let mut session = match Session::load(Sources::default()) {
        Ok(session) => session,
        Err((failure, sources)) => return view.fail(&failure, &sources),
    };
    let stop = signals::watch(view.is_json());
    let result = import(args, &view, &mut session, stop).await;
    session.pool.shutdown().await;
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => view.fail(&failure, &session.sources),
    }
}

async fn import(args: &Import, view: &View, session: &mut Session, stop: Stop) -> Outcome<()> {
    if session.sources.files().is_empty() {
        let detail = "This directory has no .tf files, but an object is imported to what a configuration declares. Change to the directory of a configuration, or name it with -chdir.";
        return Err(Failure::new("No Terraform configuration files", detail));
    }
    let addr = address(args, session)?;
    let store = redirected(
        session.store(args.locking.state.as_deref())?,
        &args.locking,
        Backups::Last,
    )?;
    let guard = lock_until(&stop, &store, &args.locking, "OperationTypeImport").await?;
    view.diags(&recovery::warnings(&store), &session.sources);
    let variables = session.variables(&args.inputs, &stop)?;
    let stored = match store.read()? {
        Some(state) => state,
        None => Snapshot::new(TERRAFORM_VERSION),
    };
    if stored.current(&addr).is_some() {
        let detail = format!(
            "The state has an object at {addr} already. To import another one there, first take that one out of the state."
        );
        return Err(Failure::new(
            "Resource already managed by Terraform",
            detail,
        ));
    }
    let schemas = session.schemas_until(&stop, Some(&stored)).await?;
    let sink = view.sink(Arc::new(session.sources.clone()));
    let context = session.context(schemas, args.parallelism, sink, stop);
    view.say(&format!("{addr}: Importing from ID {:?}...\n", args.id));
    let options = Options {
        mode: Mode::RefreshOnly,
        refresh: false,
        targets: vec![Target::Resource(addr.clone())],
        imports: vec![(addr.clone(), Str::from(args.id.as_str()))],
        ..Options::default()
    };
    let planned = muster_run::plan(&context, variables.clone(), stored.clone(), options);
    let (plan, diags) = planned.await?;
    if plan.errored || diags.has_errors() {
        return Err(diags.into());
    }
    view.diags(&diags, &session.sources);
    let mut next = Snapshot {
        serial: stored.serial,
        lineage: stored.lineage,
        terraform_version: TERRAFORM_VERSION.to_owned(),
        ..plan.prior
    };
    write_outputs(&mut next, &context, variables);
    store.write(&mut next)?;
    // Whatever an interrupted run may have made, this is the object now.
    store.settle(|intent| intent.addr == addr)?;
    if let Some(guard) = guard {
        guard.release()?;
    }
    view.say(&format!(
        "\nImport successful!\n\n{addr} is in the state now; from now on plan and apply take care of it.\n"
    ));
    Ok(())
}

/// Writes the outputs of the root module into a state, as far as they follow from what it has: the
/// rest of them is null until an apply. One that cannot be told stays as it was.
fn write_outputs(state: &mut Snapshot, context: &Context, variables: BTreeMap<Str, Value>) {
    let (objects, schemas) = (state.clone(), Arc::clone(&context.schemas));
    let source = move |addr: &AbsResource, config: &Resource| {
        stored(&objects, &schemas, addr, config).unwrap_or_else(|| {
            let (provider, id) = (&config.provider.provider, &addr.resource);
            let schema = schemas.resource(provider, id.mode, &id.type_name);
            let single = matches!(config.repetition, Repetition::Single);
            let schema = schema.filter(|_| single);
            Value::unknown(schema.map_or(Type::Dynamic, |s| s.block.implied_type()))
        })
    };
    let evaluator = muster_run::evaluator(context, variables).with_resources(Box::new(source));
    let declared = context.config.root().outputs.iter();
    for (name, output) in declared.filter(|(_, output)| !output.ephemeral) {
        if let Ok(value) = evaluator.output(ModuleInst::ROOT, name) {
            let found = OutputValue {
                value: null_for_unknown(&value.unmark_deep()),
                sensitive: output.sensitive,
            };
            state.outputs.insert(name.clone(), found);
        }
    }
}

/// A value with null in the place of what is not known.
fn null_for_unknown(value: &Value) -> Value {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || match value {
        Value::Unknown(_) => Value::Null(value.ty()),
        _ => value.map_children(|_, child| null_for_unknown(child)),
    })
}

/// The address, which the configuration has to declare.
fn address(args: &Import, session: &Session) -> Outcome<InstanceAddr> {
    let text = &args.address;
    let addr: InstanceAddr = text.parse().map_err(|error| {
        let detail = format!("\"{text}\" is not the address of an instance: {error}");
        Failure::new("Invalid address", detail)
    })?;
    let id = &addr.resource.resource;
    if id.mode != ResourceMode::Managed {
        let summary = "A managed resource address is required. Importing into a data resource is not allowed.";
        let detail = "Data sources are read anyway.";
        return Err(Failure::new(summary, detail));
    }
    let module = session.config.find(&addr.resource.module.path());
    if module.is_none() {
        let detail = format!(
            "The configuration does not call {}. Write a module block for it first, and run init.",
            addr.resource.module
        );
        return Err(Failure::new("Import to non-existent module", detail));
    }
    if !module.is_some_and(|m| m.resources.contains_key(id)) {
        let summary = format!("resource address \"{addr}\" does not exist in the configuration.");
        let detail = format!(
            "Write a block for it first, then import the object into it. For example:\n\nresource \"{}\" \"{}\" {{\n  # its arguments\n}}\n\nOr let the block be written: with an import block for the object, plan -generate-config-out=FILE writes what the object is like.",
            id.type_name, id.name
        );
        return Err(Failure::new(summary, detail));
    }
    Ok(addr)
}
