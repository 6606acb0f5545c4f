//! `resource`, `data` and `ephemeral`.

use std::sync::{Arc, LazyLock};

use muster_addr::{Mode, ModulePath, ProviderAddr, ProviderConfigAddr, ResourceId};
use muster_lang::{Attribute, Block, BodySchema, Content, RawExpr};
use muster_value::PathStep;

use super::ProviderRef;
use super::context::{Decoder, schema};
use super::lifecycle::lifecycle;
use super::provisioner::provisioners;
use crate::naming::check_name;
use crate::overrides::merge_bodies;
use crate::{LocalProvider, Repetition, Resource, Str};

static RESOURCE: LazyLock<BodySchema> = LazyLock::new(|| {
    schema(
        &[],
        &META_ARGUMENTS,
        &[("lifecycle", &[]), ("locals", &[]), ("_", &[])],
    )
});

static MANAGED: LazyLock<BodySchema> = LazyLock::new(|| {
    let blocks: &[(&str, &[&str])] = &[
        ("lifecycle", &[]),
        ("connection", &[]),
        ("provisioner", &["type"]),
        ("locals", &[]),
        ("_", &[]),
    ];
    schema(&[], &META_ARGUMENTS, blocks)
});

/// Stands in a resource until its module is placed.
static PLACEHOLDER: LazyLock<(Arc<ProviderConfigAddr>, LocalProvider)> = LazyLock::new(|| {
    let local = LocalProvider {
        name: Str::default(),
        alias: None,
    };
    (placeholder(&local.name).into(), local)
});

const META_ARGUMENTS: [&str; 4] = ["count", "for_each", "provider", "depends_on"];

/// A decoded block and the `provider` argument, if it has one. The provider of the resource is
/// filled in later, when the module's place in the tree is known.
pub(crate) fn resource(
    cx: &mut Decoder<'_>,
    block: &Block,
    mode: Mode,
) -> Option<(Resource, Option<ProviderRef>)> {
    let [(type_name, type_span), (name, name_span)] = &block.labels[..] else {
        return None;
    };
    let kind = match mode {
        Mode::Managed => "resource",
        Mode::Data => "data resource",
        Mode::Ephemeral => "ephemeral resource",
    };
    let invalid_type = check_name(type_name, *type_span, &format!("Invalid {kind} type name"));
    let invalid_name = check_name(name, *name_span, &format!("Invalid {kind} name"));
    cx.diags
        .0
        .extend(invalid_type.into_iter().chain(invalid_name));
    let id = ResourceId {
        mode,
        type_name: type_name.clone(),
        name: name.clone(),
    };
    let blocks = match mode {
        Mode::Managed => &MANAGED,
        Mode::Data | Mode::Ephemeral => &RESOURCE,
    };
    let (content, rest, diags) = block.body.partial_content(blocks);
    cx.diags.extend(diags);
    refuse_reserved(cx, &content);
    let provider = content
        .attribute("provider")
        .and_then(|a| provider_instance(cx, &a.expr, "provider"));
    let body = match content.blocks_of("_").next() {
        // Arguments that clash with meta-arguments stand in a block of their own.
        Some(escaped) => merge_bodies(&rest, &escaped.body, &[]),
        None => rest,
    };
    let (lifecycle, enabled) = lifecycle(cx, &content, mode);
    let resource = Resource {
        provider: Arc::clone(&PLACEHOLDER.0),
        provider_key: None,
        local_provider: PLACEHOLDER.1.clone(),
        repetition: repetition(cx, &content, enabled.as_ref()),
        depends_on: cx.depends_on(content.attribute("depends_on")),
        lifecycle,
        references: body.references().into(),
        provisioners: provisioners(cx, &content),
        body,
        type_span: *type_span,
        span: block.header,
        id,
    };
    Some((resource, provider))
}

/// Block types that may get a meaning.
fn refuse_reserved(cx: &mut Decoder<'_>, content: &Content) {
    for block in content.blocks_of("locals") {
        let detail = "A block of this type has no meaning inside a resource.";
        cx.error(
            "Reserved block type name in resource block",
            detail,
            block.header,
        );
    }
}

/// Stands in a block until its module is placed.
pub(crate) fn placeholder(local_name: &str) -> ProviderConfigAddr {
    ProviderConfigAddr {
        module: ModulePath::root(),
        provider: ProviderAddr::implied(local_name),
        alias: None,
        key: None,
    }
}

/// `count`, `for_each` or `enabled`, one of them at most.
pub(crate) fn repetition(
    cx: &mut Decoder<'_>,
    content: &Content,
    enabled: Option<&Attribute>,
) -> Repetition {
    let (count, for_each) = (content.attribute("count"), content.attribute("for_each"));
    if let (Some(_), Some(Attribute { name_span, .. })) = (count, for_each) {
        let detail = "A block is repeated either by number or by key: keep one of the two.";
        cx.error(
            "Invalid combination of \"count\" and \"for_each\"",
            detail,
            *name_span,
        );
    }
    if let (Some(repeated), Some(enabled)) = (count.or(for_each), enabled) {
        let detail = format!(
            "{0} already says how many instances there are, none included: keep either {0} or \
             enabled.",
            repeated.name
        );
        let summary = format!(
            "Invalid combination of {:?} and \"enabled\"",
            &*repeated.name
        );
        cx.error(&summary, detail, enabled.name_span);
    }
    match (count, for_each) {
        (_, Some(attribute)) => Repetition::ForEach(cx.lower(&attribute.expr)),
        (Some(attribute), None) => Repetition::Count(cx.lower(&attribute.expr)),
        (None, None) => match enabled {
            Some(attribute) => Repetition::Enabled(cx.lower(&attribute.expr)),
            None => Repetition::Single,
        },
    }
}

/// `NAME` or `NAME.ALIAS`. `argument` is where it stands, for messages.
pub(crate) fn provider_ref(
    cx: &mut Decoder<'_>,
    raw: &RawExpr,
    argument: &str,
) -> Option<ProviderRef> {
    let summary = "Invalid provider configuration reference";
    let span = raw.span();
    let detail = format!(
        "The {argument} argument takes a provider's local name and perhaps an alias: aws or \
         aws.west."
    );
    if raw.as_literal().is_some_and(|v| v.as_str().is_none()) {
        cx.error(summary, detail, span);
        return None;
    }
    let traversal = cx.traversal(raw)?;
    let alias = match &traversal.steps[..] {
        [] => None,
        [PathStep::Attr(alias)] => Some(alias.clone()),
        _ => {
            cx.error(summary, detail, span);
            return None;
        }
    };
    let name = local_name(cx, &traversal.root, span)?;
    Some(ProviderRef {
        local: LocalProvider { name, alias },
        key: None,
        span,
    })
}

/// As [`provider_ref`], perhaps with the key of an instance: `NAME.ALIAS[KEY]`.
pub(crate) fn provider_instance(
    cx: &mut Decoder<'_>,
    raw: &RawExpr,
    argument: &str,
) -> Option<ProviderRef> {
    let Some((config, key)) = raw.as_index() else {
        return provider_ref(cx, raw, argument);
    };
    let key = cx.lower(&key);
    let found = provider_ref(cx, &config, argument)?;
    if found.local.alias.is_none() {
        let detail = "A default provider configuration has no instances: a key follows an alias \
                      only, as in aws.by_region[each.key].";
        let summary = "Invalid provider configuration reference";
        cx.error(summary, detail, raw.span());
        return None;
    }
    Some(ProviderRef {
        key: Some(key),
        span: raw.span(),
        ..found
    })
}

/// A provider's local name in its normal form, or an error.
pub(crate) fn local_name(cx: &mut Decoder<'_>, name: &str, span: muster_lang::Span) -> Option<Str> {
    let valid = !name.is_empty()
        && name.chars().all(|c| c.is_alphanumeric() || c == '-')
        && !name.starts_with('-')
        && !name.ends_with('-');
    if valid {
        return Some(name.to_lowercase().into());
    }
    let detail = format!(
        "{name:?} cannot be the local name of a provider: only letters, digits and dashes can be \
         in it, and no dash at its ends."
    );
    cx.error("Invalid provider local name", detail, span);
    None
}
