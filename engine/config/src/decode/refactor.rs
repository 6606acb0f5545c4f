//! `moved`, `removed`, `import` and `check`.

use std::sync::LazyLock;

use muster_addr::{Mode, ResourceId, Target};
use muster_lang::{Attribute, Block, BodySchema, Content, RawExpr, Span};

use super::ProviderRef;
use super::context::{Decoder, relocate, schema};
use super::provisioner::removed_provisioners;
use super::resource::{provider_ref, resource};
use super::variable::check;
use crate::naming::check_name;
use crate::{CheckBlock, Import, ImportKey, ImportTarget, Moved, Removed, Resource, Str};

static MOVED: LazyLock<BodySchema> = LazyLock::new(|| schema(&["from", "to"], &[], &[]));

static REMOVED: LazyLock<BodySchema> = LazyLock::new(|| {
    schema(
        &["from"],
        &[],
        &[
            ("lifecycle", &[]),
            ("connection", &[]),
            ("provisioner", &["type"]),
        ],
    )
});

static REMOVED_LIFECYCLE: LazyLock<BodySchema> = LazyLock::new(|| schema(&[], &["destroy"], &[]));

static IMPORT: LazyLock<BodySchema> = LazyLock::new(|| {
    let optional = ["id", "identity", "for_each", "provider", "or_create"];
    schema(&["to"], &optional, &[])
});

static CHECK: LazyLock<BodySchema> =
    LazyLock::new(|| schema(&[], &[], &[("assert", &[]), ("data", &["type", "name"])]));

pub(crate) fn moved(cx: &mut Decoder<'_>, block: &Block) -> Option<Moved> {
    let content = block.body.content(&MOVED);
    let content = cx.take(content);
    let (from, to) = (content.attribute("from"), content.attribute("to"));
    let from = from.and_then(|a| address(cx, a));
    let to = to.and_then(|a| address(cx, a));
    let (from, to) = (from?, to?);
    let is_module = |t: &Target| matches!(t, Target::Module(_));
    if is_module(&from) != is_module(&to) {
        let detail = "Both addresses have to be of resources, or both of modules.";
        cx.error("Invalid \"moved\" addresses", detail, block.header);
        return None;
    }
    Some(Moved {
        from,
        to,
        span: block.header,
    })
}

/// An address without anything to evaluate in it.
fn address(cx: &mut Decoder<'_>, attribute: &Attribute) -> Option<Target> {
    let traversal = cx.bare_traversal(&attribute.expr)?;
    let text = traversal.address();
    match text.parse() {
        Ok(target) => Some(target),
        Err(error) => {
            cx.error(
                "Invalid address",
                format!("{text} is not an address: {error}"),
                traversal.span,
            );
            None
        }
    }
}

pub(crate) fn removed(cx: &mut Decoder<'_>, block: &Block) -> Option<Removed> {
    let content = block.body.content(&REMOVED);
    let content = cx.take(content);
    let mut destroy = true;
    for lifecycle in content.blocks_of("lifecycle") {
        let inner = lifecycle.body.content(&REMOVED_LIFECYCLE);
        let inner = cx.take(inner);
        destroy = cx.bool(inner.attribute("destroy")).unwrap_or(true);
    }
    let attribute = content.attribute("from")?;
    let from = address(cx, attribute)?;
    let of_resource = matches!(from, Target::Resource(_));
    let provisioners = removed_provisioners(cx, &content, of_resource);
    check_removed(cx, &from, &attribute.expr)?;
    Some(Removed {
        from,
        destroy,
        provisioners,
        span: block.header,
    })
}

/// Whole managed resources and whole modules can be removed.
fn check_removed(cx: &mut Decoder<'_>, target: &Target, written: &RawExpr) -> Option<()> {
    use muster_addr::InstanceKey::None as NoKey;
    let span = written.span();
    let key = written.as_index().map_or(span, |(base, _)| Span {
        start: base.span().end.clamp(span.start, span.end),
        ..span
    });
    let (module, resource) = match target {
        Target::Module(module) => (module, None),
        Target::Resource(addr) => (&addr.resource.module, Some(addr)),
    };
    if module.0.iter().any(|step| step.key != NoKey) {
        let detail = "The block speaks of all instances of a module: leave the key out.";
        cx.error("Module instance keys not allowed", detail, key);
        return None;
    }
    let Some(addr) = resource else {
        return Some(());
    };
    if addr.key != NoKey {
        let detail = "The block speaks of all instances of a resource: leave the key out.";
        cx.error("Resource instance keys not allowed", detail, key);
        return None;
    }
    if addr.resource.resource.mode != Mode::Managed {
        let detail = "Only managed resources can be removed. To remove a data source from the \
                      state, remove its block.";
        cx.error("Data source address not allowed", detail, span);
        return None;
    }
    Some(())
}

pub(crate) fn import(cx: &mut Decoder<'_>, block: &Block) -> Option<Import> {
    let content = block.body.content(&IMPORT);
    let content = cx.take(content);
    let provider = content.attribute("provider").and_then(|attribute| {
        let found = provider_ref(cx, &attribute.expr, "provider")?;
        Some((found.local, attribute.name_span.to(attribute.expr.span())))
    });
    let for_each = content.attribute("for_each").map(|a| cx.lower(&a.expr));
    let by = import_key(cx, &content, block);
    let or_create = cx.bool(content.attribute("or_create")).unwrap_or(false);
    let written = content.attribute("to")?;
    let raw = &written.expr;
    let to = match cx.embedded(raw) {
        Some(code) => {
            let expr = cx.lower(&code);
            relocate(&expr, raw.span())
        }
        None => cx.lower(raw),
    };
    let Some(target) = ImportTarget::new(&to) else {
        let detail = "The address of a managed resource is required.";
        cx.error(
            "Invalid import address",
            detail,
            written.name_span.to(raw.span()),
        );
        return None;
    };
    Some(Import {
        to,
        target,
        by: by?,
        for_each,
        or_create,
        provider,
        span: block.header,
    })
}

/// What an object is imported by: its id or its identity, never both.
fn import_key(cx: &mut Decoder<'_>, content: &Content, block: &Block) -> Option<ImportKey> {
    match (content.attribute("id"), content.attribute("identity")) {
        (Some(id), None) => Some(ImportKey::Id(cx.lower(&id.expr))),
        (None, Some(identity)) => Some(ImportKey::Identity(cx.lower(&identity.expr))),
        (Some(_), Some(identity)) => {
            let detail =
                "An object is imported by its id or by its identity: leave one of them out.";
            cx.error("Invalid import block", detail, identity.name_span);
            None
        }
        (None, None) => {
            let detail = "The argument \"id\" must be set here, or \"identity\" for resource \
                          types whose objects have one.";
            let span = block.body.missing_item_span();
            cx.error("Missing required argument", detail, span);
            None
        }
    }
}

/// A `check` block, with the data source that may stand in it.
pub(crate) struct DecodedCheck {
    pub(crate) name: Str,
    pub(crate) block: CheckBlock,
    pub(crate) data: Option<(Resource, Option<ProviderRef>)>,
}

pub(crate) fn check_block(cx: &mut Decoder<'_>, block: &Block) -> Option<DecodedCheck> {
    let (name, name_span) = block.labels.first()?.clone();
    cx.diags
        .0
        .extend(check_name(&name, name_span, "Invalid check block name"));
    let content = block.body.content(&CHECK);
    let content = cx.take(content);
    let mut data = None;
    for nested in content.blocks_of("data") {
        if data.is_some() {
            let detail = "A check block has at most one data source.";
            cx.error("Multiple data resource blocks", detail, nested.header);
            continue;
        }
        data = resource(cx, nested, Mode::Data);
        refuse_meta_arguments(cx, nested);
    }
    let asserts: Vec<_> = content.blocks_of("assert").collect();
    let assertions: Vec<_> = asserts
        .into_iter()
        .filter_map(|b| check(cx, b, "Invalid assert expression"))
        // What is always the same was reported, and checks nothing.
        .filter(|check| !check.condition.references().is_empty())
        .collect();
    if assertions.is_empty() {
        let detail = "A check block without assertions checks nothing: add an assert block.";
        cx.error("Zero assert blocks", detail, block.header);
    }
    let id: Option<ResourceId> = data.as_ref().map(|(r, _)| r.id.clone());
    let block = CheckBlock {
        assertions,
        data: id,
        span: block.header,
    };
    Some(DecodedCheck { name, block, data })
}

fn refuse_meta_arguments(cx: &mut Decoder<'_>, data: &Block) {
    static META: LazyLock<BodySchema> =
        LazyLock::new(|| schema(&[], &["count", "for_each"], &[("lifecycle", &[])]));
    let (content, _, _) = data.body.partial_content(&META);
    for attribute in &content.attributes {
        let summary = format!("Invalid \"{}\" attribute", attribute.name);
        let detail = "The data source of a check block is there once.";
        cx.error(&summary, detail, attribute.name_span);
    }
    for block in &content.blocks {
        let detail = "The data source of a check block has no lifecycle of its own.";
        cx.error("Invalid lifecycle block", detail, block.header);
    }
}
