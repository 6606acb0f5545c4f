//! `mock_provider`, and the blocks that say what made-up objects look like.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use muster_addr::{Mode, Target};
use muster_lang::{Attribute, Block, Body, BodySchema, Content, Span};
use muster_value::Value;

use super::run::address;
use super::types::{During, Mock, MockDefaults, Override};
use crate::decode::{Decoder, schema};
use crate::naming::{NAME_RULE, is_name};
use crate::{LocalProvider, Str};

const INSIDE: &[(&str, &[&str])] = &[
    ("mock_resource", &["type"]),
    ("mock_data", &["type"]),
    ("override_resource", &[]),
    ("override_data", &[]),
];

static MOCK: LazyLock<BodySchema> =
    LazyLock::new(|| schema(&[], &["alias", "source", "override_during"], INSIDE));

static MOCK_FILE: LazyLock<BodySchema> = LazyLock::new(|| schema(&[], &[], INSIDE));

static DEFAULTS: LazyLock<BodySchema> =
    LazyLock::new(|| schema(&[], &["defaults", "override_during"], &[]));

static OVERRIDE: LazyLock<BodySchema> =
    LazyLock::new(|| schema(&[], &["target", "values", "override_during"], &[]));

static OVERRIDE_MODULE: LazyLock<BodySchema> =
    LazyLock::new(|| schema(&[], &["target", "outputs", "override_during"], &[]));

/// Reads the files that `mock_provider` blocks name.
pub(super) trait MockFiles {
    /// The bodies of the mock files of a directory; problems are reported.
    fn read(&mut self, cx: &mut Decoder<'_>, source: &str, span: Span) -> Vec<Body>;
}

pub(super) fn mock_provider(
    cx: &mut Decoder<'_>,
    block: &Block,
    files: &mut dyn MockFiles,
) -> Option<(LocalProvider, Mock)> {
    let (name, _) = block.labels.first()?;
    let content = cx.take(block.body.content(&MOCK));
    let alias = match content.attribute("alias") {
        Some(attribute) => Some(alias(cx, attribute)?),
        None => None,
    };
    let during = during(cx, &content);
    let mut mock = Mock::default();
    fill(cx, &mut mock, &content, during, true);
    if let Some(attribute) = content.attribute("source")
        && let Some(source) = cx.string(Some(attribute))
    {
        for body in files.read(cx, &source, attribute.expr.span()) {
            let content = cx.take(body.content(&MOCK_FILE));
            fill(cx, &mut mock, &content, during, false);
        }
    }
    let name = name.clone();
    Some((LocalProvider { name, alias }, mock))
}

fn alias(cx: &mut Decoder<'_>, attribute: &Attribute) -> Option<Str> {
    let alias = cx.string(Some(attribute))?;
    if is_name(&alias) {
        return Some(alias);
    }
    let detail = format!("{alias:?} is not a valid alias. {NAME_RULE}");
    let summary = "Invalid provider configuration alias";
    cx.error(summary, detail, attribute.expr.span());
    None
}

/// Adds what a block or a file says; what is there already wins over what a file says.
fn fill(
    cx: &mut Decoder<'_>,
    mock: &mut Mock,
    content: &Content,
    outer: Option<During>,
    own: bool,
) {
    let mut seen = BTreeMap::new();
    for block in &content.blocks {
        let kind = &*block.type_name;
        let types = match kind {
            "mock_resource" => &mut mock.resources,
            "mock_data" => &mut mock.data_sources,
            _ => continue,
        };
        let Some((type_name, _)) = block.labels.first() else {
            continue;
        };
        if let Some(earlier) =
            seen.insert((block.type_name.clone(), type_name.clone()), block.header)
        {
            let place = cx.place(earlier);
            let detail = format!("{type_name} has one at {place} already.");
            cx.error(&format!("Duplicate {kind} block"), detail, block.header);
            continue;
        }
        let defaults = defaults(cx, block, outer);
        if own || !types.contains_key(type_name) {
            types.insert(type_name.clone(), defaults);
        }
    }
    for found in overrides_within(cx, &content.blocks, outer) {
        if own || !mock.overrides.iter().any(|o| o.target == found.target) {
            mock.overrides.push(found);
        }
    }
}

fn defaults(cx: &mut Decoder<'_>, block: &Block, outer: Option<During>) -> MockDefaults {
    let content = cx.take(block.body.content(&DEFAULTS));
    let during = during(cx, &content).or(outer).unwrap_or_default();
    MockDefaults {
        values: object(cx, &content, "defaults", &block.type_name),
        during,
        span: block.header,
    }
}

fn during(cx: &mut Decoder<'_>, content: &Content) -> Option<During> {
    let attribute = content.attribute("override_during")?;
    match attribute.expr.as_keyword().as_deref() {
        Some("plan") => Some(During::Plan),
        Some("apply") => Some(During::Apply),
        _ => {
            let detail = "override_during is plan or apply, without quotes.";
            cx.error("Invalid override_during value", detail, attribute.span);
            None
        }
    }
}

/// A constant object; an empty one when it is not given.
fn object(cx: &mut Decoder<'_>, content: &Content, name: &str, block: &str) -> Value {
    let empty = || Value::object(Vec::<(Str, Value)>::new());
    let Some(attribute) = content.attribute(name) else {
        return empty();
    };
    let Some(value) = cx.constant(&attribute.expr) else {
        return empty();
    };
    if matches!(value, Value::Object(_)) {
        return value;
    }
    let detail = format!("The {name} of a {block} block are an object, written in braces.");
    cx.error(&format!("Invalid {name} attribute"), detail, attribute.span);
    empty()
}

/// The override blocks of a file or run.
pub(super) fn overrides(cx: &mut Decoder<'_>, blocks: &[Block]) -> Vec<Override> {
    overrides_within(cx, blocks, None)
}

fn overrides_within(
    cx: &mut Decoder<'_>,
    blocks: &[Block],
    outer: Option<During>,
) -> Vec<Override> {
    let mut all: Vec<Override> = Vec::new();
    for block in blocks {
        let kind = &*block.type_name;
        if !kind.starts_with("override_") {
            continue;
        }
        let Some(found) = override_block(cx, block, outer) else {
            continue;
        };
        if let Some(earlier) = all.iter().find(|o| o.target == found.target) {
            let place = cx.place(earlier.span);
            let detail = format!("There is one for the same target at {place} already.");
            cx.error(&format!("Duplicate {kind} block"), detail, block.header);
            continue;
        }
        all.push(found);
    }
    all
}

fn override_block(cx: &mut Decoder<'_>, block: &Block, outer: Option<During>) -> Option<Override> {
    let kind = &*block.type_name;
    let (schema, values) = match kind {
        "override_module" => (&OVERRIDE_MODULE, "outputs"),
        _ => (&OVERRIDE, "values"),
    };
    let content = cx.take(block.body.content(schema));
    let values = object(cx, &content, values, kind);
    let during = during(cx, &content).or(outer).unwrap_or_default();
    let Some(attribute) = content.attribute("target") else {
        let detail = "The target says what is overridden: add it.";
        cx.error("Missing target attribute", detail, block.header);
        return None;
    };
    let (target, _) = address(cx, &attribute.expr, "Invalid override target")?;
    let (fits, what) = match (kind, &target) {
        ("override_module", target) => (matches!(target, Target::Module(_)), "modules"),
        ("override_data", Target::Resource(a)) => {
            (a.resource.resource.mode == Mode::Data, "data sources")
        }
        ("override_data", _) => (false, "data sources"),
        (_, Target::Resource(a)) => (a.resource.resource.mode == Mode::Managed, "resources"),
        _ => (false, "resources"),
    };
    if !fits {
        let detail = format!("The target of a {kind} block is one of the {what}.");
        cx.error("Invalid override target", detail, attribute.span);
        return None;
    }
    Some(Override {
        target,
        values,
        during,
        target_span: attribute.span,
        span: block.header,
    })
}
