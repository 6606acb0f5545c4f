//! `provider` and the `terraform` block.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use muster_addr::ProviderAddr;
use muster_lang::{Attribute, Block, BodySchema, RawExpr, Span};
use muster_value::{Type, convert};

use super::call::check_constraint;
use super::context::{Decoder, constant, schema};
use super::encryption::encryption;
use super::resource::{local_name, placeholder, provider_ref};
use super::{Draft, first_wins};
use crate::naming::is_name;
use crate::version::Version;
use crate::{Backend, LocalProvider, ProviderBlock, ProviderMeta, RequiredProvider, Str};

/// The version of the language that is spoken: what `required_version` is compared with.
pub const LANGUAGE_VERSION: &str = "1.11.4";

static PROVIDER: LazyLock<BodySchema> = LazyLock::new(|| {
    let reserved = &[
        "alias",
        "version",
        "count",
        "depends_on",
        "for_each",
        "source",
    ];
    schema(&[], reserved, &[("lifecycle", &[]), ("locals", &[])])
});

static TERRAFORM: LazyLock<BodySchema> = LazyLock::new(|| {
    let blocks: &[(&str, &[&str])] = &[
        ("required_providers", &[]),
        ("backend", &["type"]),
        ("encryption", &[]),
        ("cloud", &[]),
        ("provider_meta", &["provider"]),
    ];
    schema(
        &[],
        &["required_version", "experiments", "language"],
        blocks,
    )
});

pub(crate) fn provider(
    cx: &mut Decoder<'_>,
    block: &Block,
) -> Option<(LocalProvider, ProviderBlock)> {
    let (name, _) = block.labels.first()?;
    let name = local_name(cx, name, block.header)?;
    let (content, body, diags) = block.body.partial_content(&PROVIDER);
    cx.diags.extend(diags);
    let repeatable = content.attribute("alias").is_some();
    for attribute in &content.attributes {
        let known = match &*attribute.name {
            "alias" | "version" => true,
            "for_each" => repeatable || cx.is_tofu(attribute.span),
            _ => false,
        };
        if !known {
            let detail = format!("{} has no meaning in a provider block.", attribute.name);
            cx.error(
                "Reserved argument name in provider block",
                detail,
                attribute.name_span,
            );
        }
    }
    for reserved in &content.blocks {
        let detail = format!("{} has no meaning in a provider block.", reserved.type_name);
        cx.error(
            "Reserved block type name in provider block",
            detail,
            reserved.header,
        );
    }
    if let Some(attribute) = content.attribute("version") {
        legacy_version(cx, attribute);
    }
    let alias = match content.attribute("alias") {
        Some(attribute) => Some(alias(cx, attribute)?),
        None => None,
    };
    let for_each = content.attribute("for_each").map(|attribute| {
        if !repeatable && cx.is_tofu(attribute.span) {
            let detail = "A configuration without an alias is the default one, of which there is \
                          exactly one. Add an alias.";
            let summary = "Alias required when using \"for_each\"";
            cx.error(summary, detail, attribute.expr.span());
        }
        cx.lower(&attribute.expr)
    });
    let block = ProviderBlock {
        addr: placeholder(&name),
        for_each,
        references: body.references().into(),
        body,
        span: block.header,
    };
    Some((LocalProvider { name, alias }, block))
}

fn alias(cx: &mut Decoder<'_>, attribute: &Attribute) -> Option<Str> {
    let alias = cx.string(Some(attribute))?;
    if is_name(&alias) {
        return Some(alias);
    }
    let detail = format!(
        "{alias:?} is not a valid alias. {}",
        crate::naming::NAME_RULE
    );
    cx.error(
        "Invalid provider configuration alias",
        detail,
        attribute.expr.span(),
    );
    None
}

fn legacy_version(cx: &mut Decoder<'_>, attribute: &Attribute) {
    let detail = "A version constraint in a provider block has no effect. Put it in the module's \
                  required_providers.";
    let summary = "Version constraints inside provider configuration blocks are deprecated";
    cx.warn(summary, detail, attribute.expr.span());
    if let Some(text) = cx.string(Some(attribute)) {
        check_constraint(cx, &text, attribute.expr.span());
    }
}

/// A `terraform` block into the draft.
pub(crate) fn terraform(cx: &mut Decoder<'_>, draft: &mut Draft, block: &Block) {
    let content = block.body.content(&TERRAFORM);
    let content = cx.take(content);
    if let Some(attribute) = content.attribute("experiments") {
        let detail = "Experimental features of the language are not available.";
        cx.error(
            "Module uses experimental features",
            detail,
            attribute.name_span,
        );
    }
    if let Some(attribute) = content.attribute("required_version")
        && !constant(&attribute.expr).is_ok_and(|value| value.is_null())
        && let Some(text) = cx.string(Some(attribute))
    {
        required_version(cx, &text, attribute);
        draft
            .module
            .required_version
            .push((text, attribute.expr.span()));
    }
    for block in content.blocks_of("cloud") {
        let detail = "The cloud block connects to HCP Terraform, which is not supported. Use a \
                      backend, or leave the block out to keep state in a local file.";
        cx.error("HCP Terraform is not supported", detail, block.header);
    }
    for block in content.blocks_of("required_providers") {
        let summary = "Duplicate required providers configuration";
        if first_wins(
            cx,
            &mut draft.required_providers_span,
            block.header,
            summary,
        ) {
            let attributes = block.body.just_attributes();
            let attributes = cx.take(attributes);
            draft.module.required_providers = required_providers(cx, &attributes);
        }
    }
    for block in content.blocks_of("backend") {
        backend(cx, draft, block);
    }
    for block in content.blocks_of("provider_meta") {
        provider_meta(cx, draft, block);
    }
    for block in content.blocks_of("encryption") {
        let summary = "Duplicate encryption configuration";
        if first_wins(cx, &mut draft.encryption_span, block.header, summary) {
            let found = encryption(cx, &block.body, block.header);
            draft.module.encryption = Some(found);
        }
    }
}

fn provider_meta(cx: &mut Decoder<'_>, draft: &mut Draft, block: &Block) {
    let Some((name, span)) = block.labels.first() else {
        return;
    };
    let Some(name) = local_name(cx, name, *span) else {
        return;
    };
    let attributes = block.body.just_attributes();
    for attribute in cx.take(attributes) {
        cx.constant(&attribute.expr);
    }
    if let Some(earlier) = draft.module.provider_metas.get(&name) {
        let place = cx.place(earlier.span);
        let detail =
            format!("A module has one at most for a provider, and there is one at {place}.");
        return cx.error("Duplicate provider_meta block", detail, block.header);
    }
    let meta = ProviderMeta {
        body: block.body.clone(),
        span: block.header,
    };
    draft.module.provider_metas.insert(name, meta);
}

fn backend(cx: &mut Decoder<'_>, draft: &mut Draft, block: &Block) {
    let summary = "Duplicate backend configuration";
    let first = first_wins(cx, &mut draft.backend_span, block.header, summary);
    if let (true, Some((type_name, _))) = (first, block.labels.first()) {
        let (type_name, body) = (type_name.clone(), block.body.clone());
        draft.module.backend = Some(Backend {
            type_name,
            body,
            early: Default::default(),
            span: block.header,
        });
    }
}

fn required_version(cx: &mut Decoder<'_>, text: &str, attribute: &Attribute) {
    let Some(constraints) = check_constraint(cx, text, attribute.expr.span()) else {
        return;
    };
    let own = Version::parse(LANGUAGE_VERSION);
    if own.is_ok_and(|own| !constraints.allow(&own)) {
        let detail = format!(
            "The configuration requires Terraform {text}; the language spoken here is that of \
             Terraform {LANGUAGE_VERSION}. Change the constraint if the configuration works with it."
        );
        cx.error("Unsupported Terraform Core version", detail, attribute.span);
    }
}

fn required_providers(
    cx: &mut Decoder<'_>,
    attributes: &[Attribute],
) -> BTreeMap<Str, RequiredProvider> {
    let mut all: BTreeMap<Str, RequiredProvider> = BTreeMap::new();
    let mut by_source: BTreeMap<ProviderAddr, Str> = BTreeMap::new();
    for attribute in attributes {
        let Some(name) = local_name(cx, &attribute.name, attribute.expr.span()) else {
            continue;
        };
        let Some(entry) = required_provider(cx, &name, attribute) else {
            continue;
        };
        if let Some(earlier) = by_source.insert(entry.source.clone(), name.clone()) {
            let detail = format!(
                "{} has the local name {earlier:?} already. A second name for it is confusing: \
                 use one of them.",
                entry.source.for_display()
            );
            cx.warn("Duplicate required provider", detail, entry.span);
        }
        all.insert(name, entry);
    }
    all
}

fn required_provider(
    cx: &mut Decoder<'_>,
    name: &Str,
    attribute: &Attribute,
) -> Option<RequiredProvider> {
    let mut entry = RequiredProvider {
        source: ProviderAddr::implied(name),
        version: Str::from(""),
        aliases: Vec::new(),
        span: attribute.expr.span(),
    };
    if let Some(pairs) = attribute.expr.as_pairs() {
        for (key, value) in &pairs {
            required_provider_field(cx, name, &mut entry, (key, value))?;
        }
        return Some(entry);
    }
    // The short form is a version constraint alone.
    entry.version = match attribute.expr.verbatim() {
        None => constant_string(cx, &attribute.expr, "Invalid version constraint")?,
        Some(written) => {
            let text = written
                .ok()
                .and_then(|value| convert(&value, &Type::String).ok());
            let text = text.and_then(|text| text.as_str().cloned());
            if text.is_none() {
                let detail = "An entry is a version constraint or an object.";
                let summary = "Invalid required_providers object";
                cx.error(summary, detail, attribute.expr.span());
            }
            text?
        }
    };
    check_constraint(cx, &entry.version, attribute.expr.span());
    Some(entry)
}

fn required_provider_field(
    cx: &mut Decoder<'_>,
    name: &Str,
    entry: &mut RequiredProvider,
    (key, value): (&RawExpr, &RawExpr),
) -> Option<()> {
    let field = key
        .as_keyword()
        .or_else(|| key.as_literal()?.as_str().cloned());
    match field.as_deref() {
        Some("version") => {
            entry.version = constant_string(cx, value, "Invalid version constraint")?;
            check_constraint(cx, &entry.version, value.span());
        }
        Some("source") => {
            let source = constant_string(cx, value, "Invalid source")?;
            entry.source = provider_source(cx, &source, value.span())?;
        }
        Some("configuration_aliases") => entry.aliases = configuration_aliases(cx, name, value),
        _ => {
            let detail = "An entry can have source, version and configuration_aliases. Settings \
                          of the provider itself belong in a provider block.";
            cx.error("Invalid required_providers object", detail, key.span());
            return None;
        }
    }
    Some(())
}

fn provider_source(cx: &mut Decoder<'_>, source: &str, span: Span) -> Option<ProviderAddr> {
    let parsed = ProviderAddr::parse_source(source);
    if parsed.is_none() {
        let detail = format!(
            "{source:?} is not the source of a provider. It has the form NAME, NAMESPACE/NAME or \
             HOST/NAMESPACE/NAME."
        );
        cx.error("Invalid provider source string", detail, span);
    }
    parsed
}

fn configuration_aliases(cx: &mut Decoder<'_>, name: &Str, raw: &RawExpr) -> Vec<LocalProvider> {
    let mut aliases = Vec::new();
    for item in cx.items(raw) {
        if cx.bare_traversal(&item).is_none() {
            continue;
        }
        let Some(found) = provider_ref(cx, &item, "configuration_aliases") else {
            continue;
        };
        let summary = "Invalid configuration_aliases value";
        if found.local.name != *name {
            let detail = format!("Each entry starts with the provider's own name: {name}.ALIAS.");
            cx.error(summary, detail, found.span);
        } else if found.local.alias.is_some() && !aliases.contains(&found.local) {
            aliases.push(found.local);
        }
    }
    aliases
}

fn constant_string(cx: &mut Decoder<'_>, raw: &RawExpr, summary: &str) -> Option<Str> {
    let value = match raw.verbatim() {
        Some(written) => written.ok(),
        None => raw.as_literal(),
    };
    let text = value.and_then(|v| v.as_str().cloned());
    if text.is_none() {
        cx.error(
            summary,
            "A string in quotes, without interpolation, is required.",
            raw.span(),
        );
    }
    text
}
