//! `muster why`

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use muster_addr::{InstanceAddr, Mode, ModuleInstance, Target};
use muster_lang::syntax::parse_expression;
use muster_lang::{Diags, FileId, Sources};
use muster_plan::Plan;
use muster_run::Stop;
use muster_value::Path;
use muster_why::{Cause, Wanted, WhyError, explain};

use crate::error::{Failure, Outcome};
use crate::locking::lock_to_plan;
use crate::session::Session;
use crate::view::{self, View};
use crate::{args, plan_file, signals};

/// `why`
#[derive(Debug, Args)]
pub(crate) struct Why {
    #[command(flatten)]
    pub view: args::View,
    #[command(flatten)]
    pub inputs: args::Inputs,
    #[command(flatten)]
    pub state_options: args::StateOptions,
    #[command(flatten)]
    pub planning: args::Planning,
    /// Explain a saved plan instead of a new one.
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// A resource, one of its instances, a data source or a module, or output.NAME, local.NAME or
    /// var.NAME, in a module with the address of that in front.
    #[arg(value_name = "ADDRESS")]
    pub address: String,
    /// A part of it: a name, or a path such as tags["team"].
    #[arg(value_name = "ATTRIBUTE")]
    pub attribute: Option<String>,
}

/// Says why something is planned as it is.
pub(crate) async fn run(args: &Why) -> ExitCode {
    let view = match View::of_document(&args.view) {
        Ok(view) => view,
        Err(code) => return code,
    };
    let wanted = match wanted(args) {
        Ok(wanted) => wanted,
        Err(failure) => return view.fail(&failure, &Sources::default()),
    };
    let loaded = match &args.plan {
        None => Session::load(Sources::default()).map(|session| (session, None)),
        Some(path) => plan_file::load(path).map(|(session, file)| (session, Some(file.plan))),
    };
    let (mut session, saved) = match loaded {
        Ok(loaded) => loaded,
        Err((failure, sources)) => return view.fail(&failure, &sources),
    };
    let stop = signals::watch(view.is_json());
    let plan = match saved {
        Some(plan) => Ok(plan),
        None => make(args, &mut session, stop).await,
    };
    session.pool.shutdown().await;
    let cause = plan.and_then(|plan| {
        explain(&plan, &session.config, &wanted).map_err(|error| refused(&error, args))
    });
    match cause {
        Ok(cause) => {
            show(&view, &cause, &session.sources);
            ExitCode::SUCCESS
        }
        Err(failure) => view.fail(&failure, &session.sources),
    }
}

/// What is asked for.
fn wanted(args: &Why) -> Outcome<Wanted> {
    let attribute = args.attribute.as_deref().map(|text| {
        path(text).ok_or_else(|| {
            let detail = format!(
                "\"{text}\" is not a path. Write it as in an expression, such as tags[\"team\"] or disk[0].size."
            );
            Failure::new("Invalid attribute path", detail)
        })
    });
    let attribute = attribute.transpose()?;
    if let Some(named) = named(&args.address) {
        return match attribute {
            None => Ok(named),
            Some(_) => Err(as_a_whole(&args.address)),
        };
    }
    let target = args.address.parse().map_err(|error| {
        let detail = format!(
            "\"{}\" is not an address: {error} What can be explained are resources and their instances, data sources, modules, outputs, local values and variables.",
            args.address
        );
        Failure::new("Invalid address", detail)
    })?;
    match (target, attribute) {
        (Target::Resource(addr), attribute) => Ok(Wanted::Object(addr, attribute)),
        (Target::Module(module), None) => Ok(Wanted::Module(module)),
        (Target::Module(_), Some(_)) => Err(as_a_whole(&args.address)),
    }
}

fn as_a_whole(address: &str) -> Failure {
    let detail = format!(
        "{address} is explained as a whole: only resource instances and data sources have attributes."
    );
    Failure::new("Unsupported attribute", detail)
}

/// A value that has a name: `output.NAME`, `local.NAME` or `var.NAME`, of a module where the
/// address of that stands in front. `module.CALL.NAME` is an output as well.
fn named(text: &str) -> Option<Wanted> {
    let (head, name) = text.rsplit_once('.')?;
    let is_name = |text: &str| {
        let mut chars = text.chars();
        let mut rest = chars.clone().skip(1);
        chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
            && rest.all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
    };
    if !is_name(name) {
        return None;
    }
    let name: Arc<str> = name.into();
    let (module, kind) = match head.rsplit_once('.') {
        Some((module, kind)) => (module.parse().ok(), kind),
        None => (Some(ModuleInstance::root()), head),
    };
    match (module, kind) {
        (Some(module), "output") => Some(Wanted::Output(module, name)),
        (Some(module), "local") => Some(Wanted::Local(module, name)),
        (Some(module), "var") => Some(Wanted::Variable(module, name)),
        _ => Some(Wanted::Output(head.parse().ok()?, name)),
    }
}

/// A path as an expression about an object has it.
fn path(text: &str) -> Option<Path> {
    let dot = if text.starts_with('[') { "" } else { "." };
    let text = Arc::from(format!("self{dot}{text}"));
    let (raw, diags) = parse_expression(FileId(0), &text);
    let (expr, found) = raw.lower(&[]);
    match expr.references() {
        [only] if !diags.has_errors() && !found.has_errors() => {
            let whole = only.full_span == expr.span();
            whole.then(|| Path(only.steps.clone()))
        }
        _ => None,
    }
}

/// Makes a plan of which nothing is shown.
async fn make(args: &Why, session: &mut Session, stop: Stop) -> Outcome<Plan> {
    let store = session.store(args.state_options.state.as_deref())?.any();
    let guard = lock_to_plan(&stop, &store, &args.state_options.locking()).await?;
    let request = super::plan::Request {
        inputs: &args.inputs,
        planning: &args.planning,
        save: None,
        generate: None,
    };
    let (sink, heard) = view::errors_only();
    let planned = super::plan::compute(session, &store, request, stop, |_| sink).await;
    if let Some(guard) = guard {
        guard.release()?;
    }
    match planned {
        Ok((planned, _)) => Ok(planned.plan),
        Err(failure) => {
            let mut diags: Diags =
                std::mem::take(&mut *heard.lock().unwrap_or_else(|e| e.into_inner()));
            diags.extend(failure.diags);
            Err(diags.into())
        }
    }
}

fn refused(error: &WhyError, args: &Why) -> Failure {
    match error {
        WhyError::NoName => {
            let detail = format!("The configuration declares no {}.", args.address);
            Failure::new("Reference to undeclared value", detail)
        }
        WhyError::NoObject(similar) => {
            let mut detail = format!("The plan does not speak of {}.", args.address);
            let addr = args.address.parse::<InstanceAddr>().ok();
            let is_data = addr.is_some_and(|a| a.resource.resource.mode == Mode::Data);
            if args.planning.destroy && is_data {
                detail.push_str(" With -destroy, data sources are not read.");
            }
            if !similar.is_empty() {
                detail.push_str(&format!(" Did you mean {}?", similar.join(" or ")));
            }
            Failure::new("Unknown resource instance", detail)
        }
        WhyError::NoAttribute => {
            let attribute = args.attribute.as_deref().unwrap_or_default();
            let detail = format!("{} has nothing at \"{attribute}\".", args.address);
            Failure::new("Unsupported attribute", detail)
        }
    }
}

fn show(view: &View, cause: &Cause, sources: &Sources) {
    match view.is_json() {
        true => outln!("{}", muster_render::why_json(cause, sources)),
        false => out!("{}", muster_render::why_text(cause, sources, view.style())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_have_names() {
        let check = |text: &str, expect: Option<(&str, &str, &str)>| {
            let found = named(text).map(|wanted| match wanted {
                Wanted::Output(module, name) => ("output", module.to_string(), name),
                Wanted::Local(module, name) => ("local", module.to_string(), name),
                Wanted::Variable(module, name) => ("var", module.to_string(), name),
                Wanted::Object(addr, _) => panic!("{addr}"),
                Wanted::Module(module) => panic!("{module}"),
            });
            let found = found
                .as_ref()
                .map(|(kind, module, name)| (*kind, module.as_str(), &**name));
            assert_eq!(found, expect, "{text}");
        };
        check("output.x", Some(("output", "", "x")));
        check("local.a-b", Some(("local", "", "a-b")));
        check("var.x", Some(("var", "", "x")));
        check("module.a.var.x", Some(("var", "module.a", "x")));
        check("module.a.output.x", Some(("output", "module.a", "x")));
        check("module.a.x", Some(("output", "module.a", "x")));
        check(
            "module.a[\"b.c\"].module.d[0].x",
            Some(("output", "module.a[\"b.c\"].module.d[0]", "x")),
        );
        check("terraform_data.x", None);
        check("data.a.b", None);
        check("module.a.terraform_data.x", None);
        check("terraform_data.x[\"local.x\"]", None);
        check("module.a", None);
        check("x", None);
        check("", None);
    }
}
