//! What can be said of `import` blocks before anything is planned.

use muster_addr::InstanceKey;
use muster_config::{Import, ImportKey, Repetition, Resource};
use muster_eval::{Evaluator, ModuleInst, Repeat};
use muster_lang::{Diagnostic, Diags, Expr, Scope, eval};
use muster_value::{Marks, Value};

use super::{import_id, import_identity, instance_key, repeats_of};
use crate::graph::resource_id;

/// What is wrong with the blocks, as far as their values are known.
pub(crate) fn check(eval: &Evaluator) -> Diags {
    let mut diags = Diags::new();
    for import in &eval.config().root().imports {
        if let Err(found) = check_one(eval, import) {
            diags.extend(found);
        }
    }
    diags
}

fn check_one(evaluator: &Evaluator, import: &Import) -> Result<(), Diags> {
    let target = import.target.config();
    let module = evaluator.config().find(&target.module);
    let resource = module.and_then(|module| module.resources.get(&target.resource));
    if resource.is_none() && !target.module.is_root() {
        let detail = format!(
            "There is no block for {target}. Outside of the root module none is written by -generate-config-out either: write it first."
        );
        let summary = "Configuration for import target does not exist";
        return Err(Diagnostic::error(summary, detail)
            .at(import.to.span())
            .into());
    }
    for repeat in repeats(evaluator, import)? {
        let scope = evaluator.scope(ModuleInst::ROOT, repeat);
        let key = key_of(import, &scope)?;
        if let (Some(resource), Some(key)) = (resource, key) {
            check_key(import, resource, &key)?;
        }
        check_subject(import, &scope)?;
    }
    Ok(())
}

/// Refuses a key that no instance of the resource can have, whatever its values are.
pub(super) fn check_key(
    import: &Import,
    resource: &Resource,
    key: &InstanceKey,
) -> Result<(), Diags> {
    let detail = match (&resource.repetition, key) {
        (Repetition::Single | Repetition::Enabled(_), InstanceKey::None)
        | (Repetition::Count(_), InstanceKey::Int(_))
        | (Repetition::ForEach(_), InstanceKey::Str(_)) => return Ok(()),
        (Repetition::Single | Repetition::Enabled(_), _) => {
            "It has neither count nor for_each, so its address has no key."
        }
        (Repetition::Count(_), _) => {
            "It has count, so each instance has a whole number from zero as its key: write one in brackets."
        }
        (Repetition::ForEach(_), _) => {
            "It has for_each, so each instance has a string as its key: write one in brackets."
        }
    };
    let detail = format!(
        "No instance of {} is at this address. {detail}",
        resource.id
    );
    Err(Diagnostic::error("Invalid import 'to' expression", detail)
        .at(import.to.span())
        .into())
}

/// What `each` can be; where that is not known, one that is not.
fn repeats(evaluator: &Evaluator, import: &Import) -> Result<Vec<Option<Repeat>>, Diags> {
    let Some(expr) = &import.for_each else {
        return Ok(vec![None]);
    };
    let value = eval(expr, &evaluator.scope(ModuleInst::ROOT, None), &[])?;
    // Whether keys may be seen, and that there are some, is a question of planning.
    if value.is_null() || value.marks_deep().contains(Marks::SENSITIVE) {
        return Ok(Vec::new());
    }
    if !value.unmark_deep().is_wholly_known() {
        let unknown = Repeat {
            key: InstanceKey::None,
            each_value: None,
            unknown: true,
        };
        return Ok(vec![Some(unknown)]);
    }
    repeats_of(expr, value)
}

/// The key of the resource's instance; `None` when it is not known yet.
fn key_of(import: &Import, scope: &dyn Scope) -> Result<Option<InstanceKey>, Diags> {
    let modules = import.target.modules.iter().map(|(_, key)| key.as_ref());
    let mut last = Some(InstanceKey::None);
    for key in modules.chain([import.target.key.as_ref()]) {
        last = match key {
            Some(expr) if known(expr, scope)?.is_none() => None,
            key => Some(instance_key(key, scope)?),
        };
    }
    Ok(last)
}

/// What the object is imported by, as far as it is known.
fn check_subject(import: &Import, scope: &dyn Scope) -> Result<(), Diags> {
    let expr = import.by.expr();
    let mut own = expr.references().iter().filter(|reference| {
        let subject = resource_id(&reference.subject);
        import.target.modules.is_empty() && subject.as_ref() == Some(&import.target.resource)
    });
    let itself = own.next().map(|reference| reference.span);
    let summary = match &import.by {
        ImportKey::Id(_) => "Invalid import id argument",
        ImportKey::Identity(_) => "Invalid import identity argument",
    };
    if let Some(at) = itself {
        let detail = "What an object is imported by has to be known before the object is, so it cannot come from there.";
        return Err(Diagnostic::error(summary, detail).at(at).into());
    }
    if known(expr, scope)?.is_none() {
        return Ok(());
    }
    match &import.by {
        ImportKey::Id(expr) => import_id(expr, scope).map(drop),
        ImportKey::Identity(expr) => import_identity(expr, scope).map(drop),
    }
}

/// The value of an expression, if all of it is known.
fn known(expr: &Expr, scope: &dyn Scope) -> Result<Option<Value>, Diags> {
    let value = eval(expr, scope, &[])?;
    Ok(value.unmark_deep().is_wholly_known().then_some(value))
}
