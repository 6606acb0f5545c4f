//! `module`

use std::sync::LazyLock;

use indexmap::IndexMap;
use muster_lang::{Block, BodySchema, Expr, RawExpr, Reference, Span};

use super::ProviderRef;
use super::context::{Decoder, schema};
use super::resource::{provider_instance, provider_ref, repetition};
use crate::early::EarlyText;
use crate::naming::check_name;
use crate::version::Constraints;
use crate::{Repetition, Str};

static CALL: LazyLock<BodySchema> = LazyLock::new(|| {
    let optional = &["version", "count", "for_each", "depends_on", "providers"];
    schema(
        &["source"],
        optional,
        &[("lifecycle", &[]), ("locals", &[]), ("provider", &["type"])],
    )
});

/// A `module` block whose source has not been looked at.
#[derive(Debug)]
pub(crate) struct CallDraft {
    pub(crate) name: Str,
    pub(crate) source: Option<(EarlyText, Span)>,
    pub(crate) version: Option<(EarlyText, Span)>,
    /// `providers`: the called module's name for each, and this module's. `None` when not given.
    pub(crate) providers: Option<Vec<(ProviderRef, ProviderRef)>>,
    pub(crate) repetition: Repetition,
    pub(crate) depends_on: Vec<Reference>,
    /// Arguments with the position of their names.
    pub(crate) arguments: IndexMap<Str, (Span, Expr)>,
    pub(crate) span: Span,
    /// Where it is said that arguments are missing.
    pub(crate) missing_item_span: Span,
}

pub(crate) fn call(cx: &mut Decoder<'_>, block: &Block) -> Option<CallDraft> {
    let (name, name_span) = block.labels.first()?.clone();
    cx.diags
        .0
        .extend(check_name(&name, name_span, "Invalid module instance name"));
    let (content, rest, diags) = block.body.partial_content(&CALL);
    cx.diags.extend(diags);
    let mut enabled = None;
    for reserved in &content.blocks {
        if &*reserved.type_name == "lifecycle" && enabled.is_none() {
            enabled = super::lifecycle::enabled(cx, reserved);
            if enabled.is_some() {
                continue;
            }
        }
        let detail = "A block of this type has no meaning inside a module block.";
        cx.error(
            "Reserved block type name in module block",
            detail,
            reserved.header,
        );
    }
    let (attributes, diags) = rest.just_attributes();
    for mut diagnostic in diags {
        // Arguments are all there can be, but it is still a block with a schema.
        if diagnostic.summary.starts_with("Unexpected") {
            diagnostic.summary = "Unsupported block type".into();
        }
        cx.diags.push(diagnostic);
    }
    let arguments = attributes
        .into_iter()
        .map(|a| (a.name, (a.name_span, cx.lower(&a.expr))));
    let arguments = arguments.collect();
    let source = content.attribute("source").and_then(|a| {
        let text = cx.early_string(a)?;
        Some((text, a.expr.span()))
    });
    let version = content.attribute("version").and_then(|a| {
        let text = cx.early_string(a)?;
        Some((text, a.expr.span()))
    });
    if let Some((EarlyText::Constant(text), span)) = &version {
        check_constraint(cx, text, *span);
    }
    Some(CallDraft {
        providers: content
            .attribute("providers")
            .map(|a| providers(cx, &a.expr)),
        repetition: repetition(cx, &content, enabled.as_ref()),
        depends_on: cx.depends_on(content.attribute("depends_on")),
        span: block.header,
        missing_item_span: block.body.missing_item_span(),
        name,
        source,
        version,
        arguments,
    })
}

/// Reports a text that is no version constraint.
pub(crate) fn check_constraint(
    cx: &mut Decoder<'_>,
    text: &str,
    span: Span,
) -> Option<Constraints> {
    match Constraints::parse(text) {
        Ok(constraints) => Some(constraints),
        Err(error) => {
            let detail = format!("{error}. Write for example \">= 1.2, < 2.0\" or \"~> 1.2\".");
            cx.error("Invalid version constraint", detail, span);
            None
        }
    }
}

fn providers(cx: &mut Decoder<'_>, raw: &RawExpr) -> Vec<(ProviderRef, ProviderRef)> {
    let Some(pairs) = raw.as_pairs() else {
        let detail = "The providers argument is written in braces: { aws = aws.west }.";
        cx.error("Invalid expression", detail, raw.head_span());
        return Vec::new();
    };
    let mut passed: IndexMap<_, (ProviderRef, ProviderRef)> = IndexMap::new();
    for (key, value) in &pairs {
        let inner = provider_ref(cx, key, "providers");
        let outer = provider_instance(cx, value, "providers");
        let (Some(inner), Some(outer)) = (inner, outer) else {
            continue;
        };
        if passed.contains_key(&inner.local) {
            let detail = "This provider configuration is passed twice: keep one of the entries.";
            cx.error("Duplicate provider address", detail, outer.span);
            continue;
        }
        passed.insert(inner.local.clone(), (inner, outer));
    }
    passed.into_values().collect()
}
