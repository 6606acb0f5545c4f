//! Values that are given for variables when a saved plan is carried out, which holds the values of
//! all but the ephemeral ones already.

use std::collections::{BTreeMap, BTreeSet};

use muster_config::{InputVariables, Module, Str};
use muster_lang::{Diagnostic, Diags, Sources};
use muster_run::Stop;
use muster_value::Value;

use crate::args::Inputs;
use crate::error::Outcome;
use crate::session::Session;

/// Values of the ephemeral variables. Options may give values for others as long as they are those
/// of the plan.
pub(super) fn ephemeral(
    session: &mut Session,
    inputs: &Inputs,
    planned: &BTreeMap<Str, Value>,
    stop: &Stop,
) -> Outcome<BTreeMap<Str, Value>> {
    let options = session.options(inputs)?;
    let mut root = session.config.root().clone();
    let named = names(&options, &root);
    let found = check(session, &options, &named, planned)?;
    session.warnings.extend(found);
    let found = ignored(session, &named, planned);
    session.warnings.extend(found);
    root.variables
        .retain(|name, variable| variable.ephemeral || named.contains(name));
    // Files speak of all variables, and those that are left out here are no news to anybody.
    let warnings = session.warnings.clone();
    let mut values = session.variables_of(&root, inputs, stop)?;
    session.warnings = warnings;
    values.retain(|name, _| root.variables.get(name).is_some_and(|v| v.ephemeral));
    Ok(values)
}

/// Refuses options that give another value than the plan has; otherwise gives the warnings about
/// them.
fn check(
    session: &mut Session,
    options: &InputVariables,
    named: &BTreeSet<Str>,
    planned: &BTreeMap<Str, Value>,
) -> Outcome<Diags> {
    let mut root = session.config.root().clone();
    root.variables.retain(|name, _| named.contains(name));
    let (values, mut diags) = options.resolve(&root, &mut session.sources);
    root.variables.retain(|_, variable| !variable.ephemeral);
    for name in root.variables.keys() {
        if values.get(name).is_some_and(|v| differs(planned, name, v)) {
            let detail = format!(
                "The value of var.{name} is part of the saved plan, which is carried out as it is, and the options give another one. Make a new plan with them."
            );
            let summary = "Can't change variable when applying a saved plan";
            diags.push(Diagnostic::error(summary, detail));
        }
    }
    match diags.has_errors() {
        true => Err(diags.into()),
        false => Ok(diags),
    }
}

fn environment() -> InputVariables {
    let mut given = InputVariables::new();
    given.environment(std::env::vars());
    given
}

/// The variables of a module that something is given for.
fn names(given: &InputVariables, root: &Module) -> BTreeSet<Str> {
    let mut required = root.clone();
    for variable in required.variables.values_mut() {
        variable.default = None;
    }
    let missing: BTreeSet<Str> = given
        .missing(&required)
        .into_iter()
        .map(|v| v.name.clone())
        .collect();
    let all = root.variables.keys().cloned();
    all.filter(|name| !missing.contains(name)).collect()
}

/// Warnings about values in the environment that are not those of the plan.
fn ignored(session: &Session, named: &BTreeSet<Str>, planned: &BTreeMap<Str, Value>) -> Diags {
    let mut root = session.config.root().clone();
    let environment = environment();
    let set = names(&environment, &root);
    root.variables
        .retain(|name, v| !v.ephemeral && set.contains(name) && !named.contains(name));
    // What has no value of its type is not the value of the plan, either.
    let (values, _) = environment.resolve(&root, &mut Sources::default());
    let names = root.variables.into_keys();
    let ignored = names.filter(|name| values.get(name).is_none_or(|v| differs(planned, name, v)));
    let warnings = ignored.map(|name| {
        let detail = format!(
            "TF_VAR_{name} is set to another value than the saved plan has for var.{name}. The plan is carried out as it is."
        );
        Diagnostic::warning("Ignoring variable when applying a saved plan", detail)
    });
    Diags(warnings.collect())
}

fn differs(planned: &BTreeMap<Str, Value>, name: &str, value: &Value) -> bool {
    let planned = planned.get(name).map(Value::unmark_deep);
    planned != Some(value.unmark_deep())
}
