//! The `encryption` block.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use muster_lang::{
    Attribute, Block, Body, BodySchema, Diags, RawExpr, Sources, Span, Subject, syntax,
};
use muster_value::PathStep;

use super::context::{Decoder, schema};
use super::duplicate;
use crate::Str;
use crate::encryption::{Encryption, EncryptionBlock, EncryptionSetting, EncryptionTarget};

static ENCRYPTION: LazyLock<BodySchema> = LazyLock::new(|| {
    let blocks: &[(&str, &[&str])] = &[
        ("key_provider", &["type", "name"]),
        ("method", &["type", "name"]),
        ("state", &[]),
        ("plan", &[]),
        ("remote_state_data_sources", &[]),
    ];
    schema(&[], &[], blocks)
});

static REMOTE: LazyLock<BodySchema> = LazyLock::new(|| {
    let blocks: &[(&str, &[&str])] = &[("default", &[]), ("remote_state_data_source", &["name"])];
    schema(&[], &[], blocks)
});

static TARGET: LazyLock<BodySchema> =
    LazyLock::new(|| schema(&[], &["method"], &[("fallback", &[])]));

static ENFORCEABLE: LazyLock<BodySchema> =
    LazyLock::new(|| schema(&[], &["method", "enforced"], &[("fallback", &[])]));

/// Blocks inside of key providers.
static INNER: LazyLock<BodySchema> = LazyLock::new(|| schema(&[], &[], &[("endpoints", &[])]));

/// What a block says, or text that stands for what is inside of one.
pub(crate) fn encryption(cx: &mut Decoder<'_>, body: &Body, span: Span) -> Encryption {
    let content = body.content(&ENCRYPTION);
    let content = cx.take(content);
    let mut found = Encryption::new(span);
    for block in &content.blocks {
        match &*block.type_name {
            "key_provider" => keyed(cx, &mut found.key_providers, block, "key provider"),
            "method" => keyed(cx, &mut found.methods, block, "method"),
            "state" => once(cx, &mut found.state, block, &ENFORCEABLE),
            "plan" => once(cx, &mut found.plan, block, &ENFORCEABLE),
            _ => remote(cx, &mut found, block),
        }
    }
    found
}

/// What text says that stands for the inside of a block, in either syntax.
pub(crate) fn from_text(name: &str, text: &str, sources: &mut Sources) -> (Encryption, Diags) {
    let text: Arc<str> = text.into();
    let file = sources.add(name, Arc::clone(&text));
    let is_json = text.trim_start().starts_with('{');
    let (body, diags) = match is_json {
        true => syntax::parse_json(file, &text),
        false => syntax::parse_native(file, &text),
    };
    let json = is_json.then_some(file).into_iter().collect();
    let mut cx = Decoder::new(&json, sources);
    cx.diags.extend(diags);
    let span = Span {
        file,
        start: 0,
        end: 0,
    };
    let found = match cx.diags.has_errors() {
        true => Encryption::new(span),
        false => encryption(&mut cx, &body, span),
    };
    (found, cx.diags)
}

fn remote(cx: &mut Decoder<'_>, found: &mut Encryption, block: &Block) {
    let content = block.body.content(&REMOTE);
    let content = cx.take(content);
    for block in content.blocks_of("default") {
        once(cx, &mut found.remote_default, block, &TARGET);
    }
    for block in content.blocks_of("remote_state_data_source") {
        let Some((name, _)) = block.labels.first() else {
            continue;
        };
        let mut slot = found.remote.remove(name);
        once(cx, &mut slot, block, &TARGET);
        found.remote.extend(slot.map(|slot| (name.clone(), slot)));
    }
}

/// A block that there can be one of.
fn once(
    cx: &mut Decoder<'_>,
    slot: &mut Option<EncryptionTarget>,
    block: &Block,
    schema: &BodySchema,
) {
    let target = target(cx, &block.body, block.header, schema);
    match slot {
        Some(earlier) => {
            let what = format!("block \"{}\"", block.type_name);
            duplicate(
                cx,
                "Duplicate encryption configuration",
                &what,
                earlier.span,
                block.header,
            );
        }
        None => *slot = Some(target),
    }
}

fn target(cx: &mut Decoder<'_>, body: &Body, span: Span, schema: &BodySchema) -> EncryptionTarget {
    let content = body.content(schema);
    let content = cx.take(content);
    let method = content.attribute("method");
    let mut fallback = None;
    for block in content.blocks_of("fallback") {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
            once(cx, &mut fallback, block, &TARGET);
        });
    }
    EncryptionTarget {
        method: method.and_then(|method| reference(cx, method, "method")),
        enforced: cx.bool(content.attribute("enforced")).unwrap_or(false),
        fallback: fallback.map(Box::new),
        span,
    }
}

/// A block with a type and a name.
fn keyed(
    cx: &mut Decoder<'_>,
    all: &mut BTreeMap<(Str, Str), EncryptionBlock>,
    block: &Block,
    what: &str,
) {
    let [(kind, _), (name, _)] = block.labels.as_slice() else {
        return;
    };
    let addr = (kind.clone(), name.clone());
    if let Some(earlier) = all.get(&addr) {
        let what = format!("{what} {kind:?} {name:?}");
        duplicate(
            cx,
            "Duplicate encryption configuration",
            &what,
            earlier.span,
            block.header,
        );
        return;
    }
    let (content, rest, diags) = block.body.partial_content(&INNER);
    cx.diags.extend(diags);
    let mut settings = BTreeMap::new();
    add(cx, &mut settings, "", &rest);
    for inner in &content.blocks {
        add(
            cx,
            &mut settings,
            &format!("{}.", inner.type_name),
            &inner.body,
        );
    }
    let span = block.header;
    all.insert(addr, EncryptionBlock { settings, span });
}

fn add(
    cx: &mut Decoder<'_>,
    settings: &mut BTreeMap<Str, EncryptionSetting>,
    prefix: &str,
    body: &Body,
) {
    let attributes = body.just_attributes();
    for attribute in cx.take(attributes) {
        let refers_to = match &*attribute.name {
            "keys" | "chain" => match reference(cx, &attribute, "key_provider") {
                None => continue,
                found => found,
            },
            _ => None,
        };
        let setting = EncryptionSetting {
            expr: attribute.expr,
            refers_to,
            early: None,
        };
        settings.insert(format!("{prefix}{}", attribute.name).into(), setting);
    }
}

/// `key_provider.TYPE.NAME` or `method.TYPE.NAME`.
fn reference(cx: &mut Decoder<'_>, attribute: &Attribute, root: &str) -> Option<(Str, Str)> {
    let raw = &attribute.expr;
    let found = match raw.as_traversal() {
        Some((first, steps)) if &*first == root => match steps.as_slice() {
            [PathStep::Attr(kind), PathStep::Attr(name)] => Some((kind.clone(), name.clone())),
            _ => None,
        },
        Some(_) => None,
        None => in_template(raw, root),
    };
    if found.is_some() {
        return found;
    }
    let detail = format!(
        "The argument {} refers to a block: {root}, its type and its name, with dots between them.",
        attribute.name
    );
    cx.error("Invalid encryption configuration", detail, raw.span());
    None
}

/// In JSON, references also stand in templates: `"${method.aes_gcm.main}"`.
fn in_template(raw: &RawExpr, root: &str) -> Option<(Str, Str)> {
    let (expr, diags) = raw.lower(&[]);
    let [reference] = expr.references() else {
        return None;
    };
    match (&reference.subject, reference.steps.as_slice()) {
        (Subject::Managed(first, kind), [PathStep::Attr(name)])
            if &**first == root && !diags.has_errors() =>
        {
            Some((kind.clone(), name.clone()))
        }
        _ => None,
    }
}
