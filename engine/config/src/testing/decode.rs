//! A test file as a whole.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use indexmap::IndexMap;
use muster_lang::{Block, Body, BodySchema, Expr, Span};

use super::mock::{MockFiles, mock_provider, overrides};
use super::run::run;
use super::types::{TestFile, TestProvider};
use crate::decode::{Decoder, provider_block, schema};
use crate::naming::check_name;
use crate::{LocalProvider, Str};

static FILE: LazyLock<BodySchema> = LazyLock::new(|| {
    let blocks: &[(&str, &[&str])] = &[
        ("run", &["name"]),
        ("variables", &[]),
        ("provider", &["name"]),
        ("mock_provider", &["name"]),
        ("override_resource", &[]),
        ("override_data", &[]),
        ("override_module", &[]),
        ("test", &[]),
    ];
    schema(&[], &[], blocks)
});

static SETTINGS: LazyLock<BodySchema> = LazyLock::new(|| schema(&[], &["parallel"], &[]));

static SOURCE: LazyLock<BodySchema> = LazyLock::new(|| schema(&[], &["source"], &[]));

/// Decodes a file; `mocks` reads what `mock_provider` blocks name.
pub(super) fn file(
    cx: &mut Decoder<'_>,
    path: Str,
    body: &Body,
    mocks: &mut dyn MockFiles,
) -> TestFile {
    let content = cx.take(body.content(&FILE));
    let parallel = settings(cx, content.blocks_of("test"));
    let variables = variables(cx, content.blocks_of("variables"), "test file");
    let mut runs = Vec::new();
    let mut names: BTreeMap<Str, Span> = BTreeMap::new();
    for block in content.blocks_of("run") {
        let Some(run) = run(cx, block) else { continue };
        let invalid = check_name(&run.name, run.name_span, "Invalid run block name");
        cx.diags.0.extend(invalid.map(|d| d.at(run.span)));
        if let Some(earlier) = names.get(&run.name) {
            let place = cx.place(*earlier);
            let detail = format!("There is a run {:?} at {place} already.", &*run.name);
            cx.error("Duplicate \"run\" block names", detail, run.span);
            continue;
        }
        names.insert(run.name.clone(), run.span);
        runs.push(run);
    }
    TestFile {
        path,
        variables,
        providers: providers(cx, &content.blocks, mocks),
        overrides: overrides(cx, &content.blocks),
        runs,
        parallel,
    }
}

/// `test` blocks: whether runs may run at the same time.
fn settings<'a>(cx: &mut Decoder<'_>, blocks: impl Iterator<Item = &'a Block>) -> bool {
    let mut parallel = false;
    let mut first: Option<Span> = None;
    for block in blocks {
        if let Some(earlier) = first {
            let place = cx.place(earlier);
            let detail = format!("A test file has one at most, and there is one at {place}.");
            cx.error("Multiple \"test\" blocks", detail, block.header);
            continue;
        }
        first = Some(block.header);
        let content = cx.take(block.body.content(&SETTINGS));
        parallel = cx.bool(content.attribute("parallel")).unwrap_or(false);
    }
    parallel
}

/// The one `variables` block of a file or run.
pub(super) fn variables<'a>(
    cx: &mut Decoder<'_>,
    blocks: impl Iterator<Item = &'a Block>,
    of: &str,
) -> BTreeMap<Str, Expr> {
    let mut first: Option<Span> = None;
    let mut found = BTreeMap::new();
    for block in blocks {
        if let Some(earlier) = first {
            let place = cx.place(earlier);
            let detail = format!("A {of} has one at most, and there is one at {place}.");
            cx.error("Multiple \"variables\" blocks", detail, block.header);
            continue;
        }
        first = Some(block.header);
        for attribute in cx.take(block.body.just_attributes()) {
            let expr = cx.lower(&attribute.expr);
            found.insert(attribute.name, expr);
        }
    }
    found
}

fn providers(
    cx: &mut Decoder<'_>,
    blocks: &[Block],
    mocks: &mut dyn MockFiles,
) -> IndexMap<LocalProvider, TestProvider> {
    let mut all: IndexMap<LocalProvider, TestProvider> = IndexMap::new();
    for block in blocks {
        let decoded = match &*block.type_name {
            "provider" => provider_block(cx, block).map(|(local, block)| (local, block.body, None)),
            "mock_provider" => mock_provider(cx, block, mocks)
                .map(|(local, mock)| (local, block.body.clone(), Some(mock))),
            _ => None,
        };
        let Some((local, body, mock)) = decoded else {
            continue;
        };
        let span = block.labels.first().map_or(block.header, |(_, s)| *s);
        if let Some(earlier) = all.get(&local) {
            let place = cx.place(earlier.span);
            let name = name_of(&local);
            let detail = format!("The provider configuration {name} is at {place} already.");
            cx.error("Duplicate provider block", detail, block.header);
            continue;
        }
        all.insert(
            local,
            TestProvider {
                body,
                mock,
                header: block.header,
                span,
            },
        );
    }
    all
}

/// `NAME` or `NAME.ALIAS`.
pub(super) fn name_of(local: &LocalProvider) -> String {
    match &local.alias {
        Some(alias) => format!("{}.{alias}", local.name),
        None => local.name.to_string(),
    }
}

/// The sources of all mock providers of a file.
pub(super) fn mock_sources(body: &Body) -> Vec<String> {
    let (content, _) = body.content(&FILE);
    let blocks = content.blocks_of("mock_provider");
    let source = |block: &Block| {
        let (content, _, _) = block.body.partial_content(&SOURCE);
        let value = crate::constant(&content.attribute("source")?.expr).ok()?;
        Some(value.as_str()?.to_string())
    };
    blocks.filter_map(source).collect()
}
