//! Whether what `ignore_changes` names is there.

use muster_config::{IgnoreChanges, Resource};
use muster_lang::{Diagnostic, Diags, Severity};
use muster_schema::Schema;
use muster_value::{PathStep, Type};

use crate::Planner;

impl Planner {
    /// Warns of paths that have no effect, whatever the plan is about. Those that are not there
    /// are errors of the configuration, found before.
    pub(crate) fn check_ignored(&mut self) {
        let config = self.eval.config();
        let resources = config
            .iter()
            .flat_map(|(_, module)| module.resources.values());
        for resource in resources {
            if matches!(&resource.lifecycle.ignore_changes, IgnoreChanges::Paths(p) if p.is_empty())
            {
                continue;
            }
            if let Ok(schema) = self.eval.schema_of(resource) {
                let found = check(resource, &schema).into_iter();
                let warnings = found.filter(|d| d.severity == Severity::Warning);
                self.diags.extend(Diags(warnings.collect()));
            }
        }
    }
}

/// Holds every path against the schema, and warns of those that have no effect.
pub(crate) fn check(resource: &Resource, schema: &Schema) -> Diags {
    let mut diags = Diags::new();
    let IgnoreChanges::Paths(paths) = &resource.lifecycle.ignore_changes else {
        return diags;
    };
    let body = schema.block.implied_type();
    for (path, span) in paths {
        if let Some((summary, detail)) = leads_nowhere(&body, &path.0) {
            diags.push(Diagnostic::error(summary, detail).at(*span));
        } else if let [PathStep::Attr(name)] = path.0.as_slice()
            && let Some(attribute) = schema.block.attributes.get(name)
            && attribute.computed
            && !attribute.optional
        {
            let detail = format!(
                "The provider alone decides what {name} is, so there is nothing in the configuration that could be ignored. Take it out of the list."
            );
            let summary = "Redundant ignore_changes element";
            diags.push(Diagnostic::warning(summary, detail).at(resource.type_span));
        }
    }
    diags
}

/// Summary and detail where a path does not fit a type.
fn leads_nowhere(ty: &Type, path: &[PathStep]) -> Option<(&'static str, String)> {
    let mut ty = ty;
    for step in path {
        ty = match (ty, step) {
            (Type::Dynamic, _) => return None,
            (Type::Object(object), PathStep::Attr(name) | PathStep::Key(name)) => {
                match object.attributes.get(name) {
                    Some(ty) => ty,
                    None => {
                        let detail = format!("There is no argument, attribute or block {name:?}.");
                        return Some(("Unsupported attribute", detail));
                    }
                }
            }
            (Type::List(element) | Type::Set(element), PathStep::Index(_)) => element,
            (Type::Map(element), _) => element,
            (Type::Tuple(elements), PathStep::Index(i)) => {
                usize::try_from(*i).ok().and_then(|i| elements.get(i))?
            }
            (_, PathStep::Attr(name)) => {
                let detail = format!("{name:?} cannot be there, for this is no object.");
                return Some(("Unsupported attribute", detail));
            }
            (_, PathStep::Index(_) | PathStep::Key(_)) => {
                let detail = "What the index is put to has no elements of this kind.";
                return Some(("Invalid index", detail.to_owned()));
            }
        };
    }
    None
}
