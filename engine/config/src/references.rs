//! References that lead nowhere, found without evaluating anything.

mod place;

use std::collections::HashSet;

use muster_addr::{Mode, ResourceId};
use muster_lang::{Diagnostic, DiagnosticKind, Diags, Expr, Reference, Span, Subject};
use muster_value::PathStep;

use crate::decode::Draft;
use crate::load::Tree;
use crate::naming::did_you_mean;
use crate::{Check, Config, Import, Module, Repetition, Str};

use place::Place;

/// Checks every reference of every module.
pub(crate) fn check(tree: &Tree, diags: &mut Diags) {
    let mut found = Diags::new();
    checkers(tree).for_each(|checker| checker.module(&mut found));
    let found = found.into_iter();
    diags
        .0
        .extend(found.map(|d| d.of_kind(DiagnosticKind::Reference)));
    check_imports(tree, diags);
}

/// Checks which providers imports name, and that no two bring an object to the same address.
pub(crate) fn check_imports(tree: &Tree, diags: &mut Diags) {
    for checker in checkers(tree) {
        let imports = checker.module.imports.iter();
        let wrong = imports.filter_map(|import| checker.import_provider(import));
        diags.0.extend(wrong);
        let mut seen = HashSet::new();
        let single = checker
            .module
            .imports
            .iter()
            .filter(|i| i.for_each.is_none());
        for import in single {
            let Some(address) = import.target.address() else {
                continue;
            };
            let summary = format!("Duplicate import configuration for \"{address}\"");
            let detail = "Another block imports an object to this address, too. Keep one of them.";
            if !seen.insert(address) {
                diags.push(Diagnostic::error(summary, detail).at(import.to.span()));
            }
        }
    }
}

fn checkers(tree: &Tree) -> impl Iterator<Item = Checker<'_>> {
    let modules = tree.config.modules.iter().zip(&tree.nodes);
    modules
        // What did not parse may be what is referred to.
        .filter(|(_, node)| !node.draft.broken)
        .map(move |(module, node)| Checker {
            tree,
            module,
            draft: &node.draft,
        })
}

/// A local value must not be made of itself.
fn own_value(name: &Str, expr: &Expr) -> Option<Diagnostic> {
    let own = Subject::Local(name.clone());
    let reference = expr.references().iter().find(|r| r.subject == own)?;
    let detail = format!("local.{name} is needed to work out local.{name}, so it never can be.");
    Some(Diagnostic::error("Self-referencing local value", detail).at(reference.span))
}

/// A condition and its message must not name their own object, which is not there yet or is `self`.
fn own_address(id: &ResourceId, expr: &Expr, kind: &str) -> Option<Diagnostic> {
    let mut references = expr.references().iter();
    references.find(|r| resource_id(&r.subject).is_some_and(|(_, named)| named == *id))?;
    let detail = match kind {
        "precondition" => {
            "A precondition is checked before the object is there, so it cannot refer to it."
        }
        _ => "Refer to the object that the block belongs to as self.",
    };
    let summary = format!("Invalid reference in {kind}");
    Some(Diagnostic::error(summary, detail).at(expr.span()))
}

/// Where an object and the index after it stand, as an index is mostly written.
fn with_first_step(reference: &Reference) -> Span {
    let len = match reference.steps.first() {
        Some(PathStep::Index(index)) => format!("[{index}]").len(),
        Some(PathStep::Key(key)) => format!("[\"{key}\"]").len(),
        _ => 0,
    };
    let (span, whole) = (reference.span, reference.full_span);
    let end = span.end + u32::try_from(len).unwrap_or(0);
    Span {
        end: end.min(whole.end),
        ..span
    }
}

struct Checker<'a> {
    tree: &'a Tree,
    module: &'a Module,
    draft: &'a Draft,
}

impl Checker<'_> {
    fn module(&self, diags: &mut Diags) {
        let none = Place::default();
        for (name, local) in &self.module.locals {
            self.expr(&local.expr, none, diags);
            diags.0.extend(own_value(name, &local.expr));
        }
        for output in self.module.outputs.values() {
            self.expr(&output.expr, none, diags);
            self.dependencies(&output.depends_on, diags);
            self.conditions(&output.preconditions, none, diags);
        }
        for variable in self.module.variables.values() {
            self.checks(&variable.validations, none, diags);
        }
        for block in self.module.provider_configs.values() {
            let inside = Place {
                each: block.for_each.is_some(),
                ..none
            };
            if let Some(expr) = &block.for_each {
                self.expr(expr, none, diags);
            }
            self.all(&block.references, inside, diags);
        }
        for (name, block) in &self.module.checks {
            let place = Place {
                check: Some(name),
                ..none
            };
            self.checks(&block.assertions, place, diags);
        }
        self.resources(diags);
        self.calls(diags);
        self.imports(diags);
    }

    fn resources(&self, diags: &mut Diags) {
        for (id, resource) in &self.module.resources {
            let check = self.draft.scoped.get(id).map(|name| &**name);
            let outside = Place {
                check,
                ..Place::default()
            };
            let inside = Place {
                check,
                ..Place::of(&resource.repetition)
            };
            if let Some(expr) = resource.repetition.expr() {
                self.expr(expr, outside, diags);
            }
            self.all(&resource.references, inside, diags);
            if let Some(key) = self.draft.providers.get(id).and_then(|p| p.key.as_ref()) {
                self.expr(key, inside, diags);
            }
            self.dependencies(&resource.depends_on, diags);
            let lifecycle = &resource.lifecycle;
            if let Some(expr) = &lifecycle.prevent_destroy {
                self.expr(expr, outside, diags);
            }
            self.conditions(&lifecycle.preconditions, inside, diags);
            let own = Place {
                this: true,
                ..inside
            };
            self.conditions(&lifecycle.postconditions, own, diags);
            let before = lifecycle.preconditions.iter().map(|c| (c, "precondition"));
            let after = lifecycle
                .postconditions
                .iter()
                .map(|c| (c, "postcondition"));
            for (check, kind) in before.chain(after) {
                let both = [&check.condition, &check.message];
                let found = both.map(|expr| own_address(id, expr, kind));
                diags.0.extend(found.into_iter().flatten());
            }
            for provisioner in &resource.provisioners {
                self.all(&provisioner.references, own, diags);
            }
        }
    }

    fn calls(&self, diags: &mut Diags) {
        for call in self.draft.calls.values() {
            if let Some(expr) = call.repetition.expr() {
                self.expr(expr, Place::default(), diags);
            }
            let inside = Place::of(&call.repetition);
            for (_, expr) in call.arguments.values() {
                self.expr(expr, inside, diags);
            }
            let passed = call.providers.iter().flatten();
            for key in passed.filter_map(|(_, outer)| outer.key.as_ref()) {
                self.expr(key, inside, diags);
            }
            self.dependencies(&call.depends_on, diags);
        }
    }

    fn imports(&self, diags: &mut Diags) {
        for import in &self.module.imports {
            let place = Place {
                each: import.for_each.is_some(),
                ..Place::default()
            };
            if let Some(for_each) = &import.for_each {
                self.expr(for_each, Place::default(), diags);
            }
            self.expr(import.by.expr(), place, diags);
            let keys = import.target.modules.iter().map(|(_, key)| key);
            for key in keys.chain([&import.target.key]).flatten() {
                self.expr(key, place, diags);
            }
        }
    }

    /// An import says which provider a resource gets only where no block of the resource does.
    fn import_provider(&self, import: &Import) -> Option<Diagnostic> {
        let (provider, span) = import.provider.as_ref()?;
        let target = &import.target;
        let written = self.draft.providers.get(&target.resource);
        let declared = self.module.resources.contains_key(&target.resource)
            && written.is_none_or(|found| found.local != *provider);
        let detail = "The resource's own block says which provider configuration it belongs to.";
        (declared || !target.modules.is_empty())
            .then(|| Diagnostic::error("Invalid import provider argument", detail).at(*span))
    }

    fn checks(&self, checks: &[Check], place: Place<'_>, diags: &mut Diags) {
        for check in checks {
            self.expr(&check.condition, place, diags);
            self.expr(&check.message, place, diags);
        }
    }

    /// As [`Self::checks`], for conditions on an object or an output: Terraform looks for what they
    /// refer to in two places, and tells of both.
    fn conditions(&self, checks: &[Check], place: Place<'_>, diags: &mut Diags) {
        self.checks(checks, place, diags);
        let both = checks.iter().flat_map(|c| [&c.condition, &c.message]);
        for reference in both.flat_map(Expr::references) {
            let is_object = match &reference.subject {
                Subject::SelfObject | Subject::Module(_) => true,
                subject => resource_id(subject).is_some(),
            };
            if is_object && self.declared(reference, place).is_some() {
                let detail = "The condition cannot be worked out without what it refers to here.";
                let d = Diagnostic::error("Unknown variable", detail);
                diags.push(d.at(reference.span));
            }
        }
    }

    fn expr(&self, expr: &Expr, place: Place<'_>, diags: &mut Diags) {
        self.all(expr.references(), place, diags);
    }

    fn all(&self, references: &[Reference], place: Place<'_>, diags: &mut Diags) {
        for reference in references {
            let found = self
                .declared(reference, place)
                .or_else(|| self.steps(reference));
            diags.0.extend(found);
        }
    }

    /// Dependencies are on whole objects, the same for all instances, so there are no steps to check
    /// and no keys to use.
    fn dependencies(&self, references: &[Reference], diags: &mut Diags) {
        let anywhere = Place {
            this: true,
            ..Place::default()
        };
        // One that leads nowhere is enough to know that the list is not right.
        let mut found = references.iter();
        diags
            .0
            .extend(found.find_map(|r| self.declared(r, anywhere)));
    }

    /// Whether what is referred to is there and may be used here.
    fn declared(&self, reference: &Reference, place: Place<'_>) -> Option<Diagnostic> {
        let (summary, detail) = match &reference.subject {
            Subject::Managed(..) | Subject::Data(..) | Subject::Ephemeral(..) => {
                return self.resource_declared(reference, place);
            }
            Subject::Variable(_) | Subject::Local(_) | Subject::Module(_) => {
                self.name_declared(&reference.subject)?
            }
            other => place.refuses(other)?,
        };
        let at = match &reference.subject {
            Subject::Module(_) => reference.full_span,
            _ => reference.span,
        };
        Some(Diagnostic::error(summary, detail).at(at))
    }

    /// Summary and detail for a variable, local value or module that is not there.
    fn name_declared(&self, subject: &Subject) -> Option<(&'static str, String)> {
        let place = self.place();
        match subject {
            Subject::Variable(name) if !self.module.variables.contains_key(name) => {
                let hint = did_you_mean(name, self.module.variables.keys().map(|k| &**k));
                let detail = format!("There is no variable {name:?} in {place}.{hint}");
                Some(("Reference to undeclared input variable", detail))
            }
            Subject::Local(name) if !self.module.locals.contains_key(name) => {
                let hint = did_you_mean(name, self.module.locals.keys().map(|k| &**k));
                let detail = format!("There is no local value {name:?} in {place}.{hint}");
                Some(("Reference to undeclared local value", detail))
            }
            Subject::Module(name) if !self.draft.calls.contains_key(name) => {
                let hint = did_you_mean(name, self.draft.calls.keys().map(|k| &**k));
                let detail = format!("There is no module call {name:?} in {place}.{hint}");
                Some(("Reference to undeclared module", detail))
            }
            _ => None,
        }
    }

    fn resource_declared(&self, reference: &Reference, place: Place<'_>) -> Option<Diagnostic> {
        let (kind, id) = resource_id(&reference.subject)?;
        if self.module.resources.contains_key(&id) {
            let scope: Option<&Str> = self.draft.scoped.get(&id);
            if scope.is_none_or(|name| place.check == Some(name)) {
                return None;
            }
            let detail = format!("{id} stands in a check block and can be used only there.");
            return Some(
                Diagnostic::error("Reference to scoped resource", detail).at(reference.span),
            );
        }
        let other = ResourceId {
            mode: Mode::Data,
            ..id.clone()
        };
        let hint = if id.mode == Mode::Managed && self.module.resources.contains_key(&other) {
            format!(" Did you mean {other}?")
        } else {
            let of_type = self
                .module
                .resources
                .keys()
                .filter(|r| r.mode == id.mode && r.type_name == id.type_name);
            did_you_mean(&id.name, of_type.map(|r| &*r.name))
        };
        let detail = format!("There is no {kind} {id} in {}.{hint}", self.place());
        Some(Diagnostic::error("Reference to undeclared resource", detail).at(reference.span))
    }

    /// Whether the static steps after the object fit it.
    fn steps(&self, reference: &Reference) -> Option<Diagnostic> {
        if let Subject::Module(name) = &reference.subject {
            return self.module_output(name, reference);
        }
        let (_, id) = resource_id(&reference.subject)?;
        let resource = self.module.resources.get(&id)?;
        let first = reference.steps.first()?;
        let (summary, detail, at) = match (&resource.repetition, first) {
            (
                Repetition::Single | Repetition::Enabled(_),
                PathStep::Index(_) | PathStep::Key(_),
            ) => (
                "Unexpected resource instance key",
                format!(
                    "{id} sets neither count nor for_each, so it is one object: leave the index out."
                ),
                with_first_step(reference),
            ),
            (Repetition::Count(_), PathStep::Attr(_)) => (
                "Missing resource instance key",
                format!(
                    "{id} sets count, so it is a list: say which instance is meant, {id}[0] or {id}[*]."
                ),
                reference.span,
            ),
            (Repetition::ForEach(_), PathStep::Attr(_)) => (
                "Missing resource instance key",
                format!(
                    "{id} sets for_each, so it is a map: say which instance is meant, {id}[\"key\"]."
                ),
                reference.span,
            ),
            _ => return None,
        };
        Some(Diagnostic::error(summary, detail).at(at))
    }

    /// Whether a called module has the output that is asked for.
    fn module_output(&self, name: &Str, reference: &Reference) -> Option<Diagnostic> {
        let call = self.module.calls.get(name)?;
        if self.tree.nodes[call.module.0 as usize].draft.broken {
            return None;
        }
        let called = Config::module(&self.tree.config, call.module);
        let after = Span {
            start: reference.span.end,
            ..reference.full_span
        };
        let error =
            |detail: String| Some(Diagnostic::error("Unsupported attribute", detail).at(after));
        let steps = &reference.steps[..];
        let output = match (&call.repetition, steps) {
            (Repetition::Single | Repetition::Enabled(_), [PathStep::Attr(output), ..]) => output,
            (_, [PathStep::Attr(_), ..]) => {
                return error(format!(
                    "module.{name} is there several times: say which instance is meant, with an \
                     index or a key in brackets."
                ));
            }
            (_, [_, PathStep::Attr(output), ..]) => output,
            _ => return None,
        };
        if called.outputs.contains_key(output) {
            return None;
        }
        let hint = did_you_mean(output, called.outputs.keys().map(|k| &**k));
        error(format!("module.{name} has no output {output:?}.{hint}"))
    }

    /// The module, for messages.
    fn place(&self) -> String {
        if self.module.path.is_root() {
            "the root module".into()
        } else {
            self.module.path.to_string()
        }
    }
}

fn resource_id(subject: &Subject) -> Option<(&'static str, ResourceId)> {
    let (kind, mode, type_name, name) = match subject {
        Subject::Managed(t, n) => ("resource", Mode::Managed, t, n),
        Subject::Data(t, n) => ("data source", Mode::Data, t, n),
        Subject::Ephemeral(t, n) => ("ephemeral resource", Mode::Ephemeral, t, n),
        _ => return None,
    };
    Some((
        kind,
        ResourceId {
            mode,
            type_name: type_name.clone(),
            name: name.clone(),
        },
    ))
}
