//! `lifecycle`

use std::sync::LazyLock;

use muster_addr::Mode;
use muster_lang::{Attribute, Block, BodySchema, Content, Expr, RawExpr, Reference, Span, Subject};
use muster_value::{Path, PathStep};

use super::context::{Decoder, relocate, schema};
use super::variable::check;
use crate::{IgnoreChanges, Lifecycle, Trigger};

static LIFECYCLE: LazyLock<BodySchema> = LazyLock::new(|| {
    schema(
        &[],
        &ARGUMENTS,
        &[("precondition", &[]), ("postcondition", &[])],
    )
});

static ENABLED: LazyLock<BodySchema> = LazyLock::new(|| schema(&[], &["enabled"], &[]));

/// All but `enabled` are without a meaning for objects that are only read.
const ARGUMENTS: [&str; 5] = [
    "enabled",
    "create_before_destroy",
    "prevent_destroy",
    "ignore_changes",
    "replace_triggered_by",
];

/// The `lifecycle` block among the blocks of a resource, and its `enabled` argument.
pub(crate) fn lifecycle(
    cx: &mut Decoder<'_>,
    resource: &Content,
    mode: Mode,
) -> (Lifecycle, Option<Attribute>) {
    let mut blocks = resource.blocks_of("lifecycle");
    let Some(block) = blocks.next() else {
        return (Lifecycle::default(), None);
    };
    for extra in blocks {
        let detail = "A resource has at most one lifecycle block. Put everything in the first one.";
        cx.error("Duplicate lifecycle block", detail, extra.header);
    }
    let content = block.body.content(&LIFECYCLE);
    let content = cx.take(content);
    if mode != Mode::Managed {
        refuse_managed_only(cx, &content, mode);
    }
    let mut lifecycle = Lifecycle {
        create_before_destroy: cx.bool(content.attribute("create_before_destroy")),
        prevent_destroy: prevent_destroy(cx, content.attribute("prevent_destroy")),
        ..Lifecycle::default()
    };
    if let Some(attribute) = content.attribute("ignore_changes") {
        lifecycle.ignore_changes = ignore_changes(cx, attribute);
    }
    if let Some(attribute) = content.attribute("replace_triggered_by") {
        let items = cx.items(&attribute.expr);
        lifecycle.replace_triggered_by = items.iter().filter_map(|i| trigger(cx, i)).collect();
    }
    let before = content.blocks_of("precondition");
    lifecycle.preconditions = before
        .filter_map(|b| check(cx, b, "Invalid precondition expression"))
        .collect();
    let after = content.blocks_of("postcondition");
    lifecycle.postconditions = after
        .filter_map(|b| check(cx, b, "Invalid postcondition expression"))
        .collect();
    (lifecycle, content.attribute("enabled").cloned())
}

/// The `enabled` argument of a module's `lifecycle` block, which can hold nothing else. `None`
/// when it does not say that, so that the block has no meaning.
pub(crate) fn enabled(cx: &mut Decoder<'_>, block: &Block) -> Option<Attribute> {
    let (found, _, _) = block.body.partial_content(&ENABLED);
    found.attribute("enabled")?;
    let content = block.body.content(&ENABLED);
    cx.take(content).attribute("enabled").cloned()
}

/// `None` where it is false whatever happens.
fn prevent_destroy(cx: &mut Decoder<'_>, attribute: Option<&Attribute>) -> Option<Expr> {
    let attribute = attribute?;
    let (expr, diags) = attribute.expr.lower(&[]);
    let constant = diags.has_errors() || expr.references().is_empty();
    // In the files that Terraform reads, the argument means what it means there.
    if constant || !cx.is_tofu(expr.span()) {
        return cx.bool(Some(attribute))?.then_some(expr);
    }
    cx.diags.extend(diags);
    for reference in expr.references() {
        if !matches!(
            reference.subject,
            Subject::Variable(_) | Subject::Local(_) | Subject::Path(_) | Subject::Terraform(_)
        ) {
            let detail = "prevent_destroy has to be known before anything is destroyed, for \
                          objects too that the configuration has no longer: it can use variables \
                          and local values only.";
            cx.error(
                "Invalid prevent_destroy argument",
                detail,
                reference.full_span,
            );
            return None;
        }
    }
    Some(expr)
}

fn refuse_managed_only(cx: &mut Decoder<'_>, content: &Content, mode: Mode) {
    let attributes = content.attributes.iter();
    for attribute in attributes.filter(|a| &*a.name != "enabled") {
        let kind = mode.as_str();
        let detail = format!(
            "{} has a meaning only for managed resources (resource blocks), not for {kind} blocks.",
            attribute.name
        );
        let summary = format!("Invalid {kind} resource lifecycle argument");
        cx.error(&summary, detail, attribute.name_span);
    }
}

fn ignore_changes(cx: &mut Decoder<'_>, attribute: &Attribute) -> IgnoreChanges {
    if attribute.expr.as_keyword().as_deref() == Some("all") {
        return IgnoreChanges::All;
    }
    let items = cx.items(&attribute.expr);
    let list = attribute.expr.span();
    let paths = items.iter().filter_map(|item| ignored_path(cx, item, list));
    let paths: Vec<(Path, Span)> = paths.collect();
    if paths.is_empty() {
        IgnoreChanges::None
    } else {
        IgnoreChanges::Paths(paths)
    }
}

fn ignored_path(cx: &mut Decoder<'_>, raw: &RawExpr, list: Span) -> Option<(Path, Span)> {
    if raw
        .as_literal()
        .and_then(|v| v.as_str().cloned())
        .as_deref()
        == Some("*")
    {
        let detail = "To ignore all changes, write ignore_changes = all.";
        cx.error("Invalid ignore_changes wildcard", detail, list);
        return None;
    }
    let traversal = cx.traversal(raw)?;
    let steps = [PathStep::Attr(traversal.root)]
        .into_iter()
        .chain(traversal.steps);
    Some((Path(steps.collect()), traversal.span))
}

fn trigger(cx: &mut Decoder<'_>, raw: &RawExpr) -> Option<Trigger> {
    let summary = "Invalid replace_triggered_by expression";
    let expr = match cx.embedded(raw) {
        Some(code) => {
            let expr = cx.lower(&code);
            relocate(&expr, raw.span())
        }
        None => cx.lower(raw),
    };
    let mut resource: Option<Reference> = None;
    let mut wrong = false;
    for reference in expr.references() {
        match reference.subject {
            Subject::Managed(..) | Subject::Data(..) if resource.is_none() => {
                resource = Some(reference.clone());
            }
            Subject::Managed(..) | Subject::Data(..) => {
                let detail = "Each entry names one resource: write one entry per resource.";
                cx.error(summary, detail, reference.full_span);
                return None;
            }
            Subject::CountIndex | Subject::EachKey => {}
            _ => {
                let detail = "An entry can use resources, count.index and each.key, nothing else. \
                              A terraform_data resource can turn other values into a trigger.";
                let summary = "Invalid reference in replace_triggered_by expression";
                cx.error(summary, detail, reference.full_span);
                wrong = true;
            }
        }
    }
    let Some(reference) = resource else {
        cx.error(summary, "An entry has to name a resource.", expr.span());
        return None;
    };
    (!wrong).then_some(Trigger { expr, reference })
}
