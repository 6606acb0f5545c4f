//! `run`

use std::sync::LazyLock;

use muster_addr::{InstanceKey, Target};
use muster_lang::{
    Attribute, Block, BodySchema, Content, Diagnostic, Diags, RawExpr, Span, Subject,
};
use muster_value::PathStep;

use super::decode::variables;
use super::mock::overrides;
use super::types::{
    Expected, ExpectedObject, PassedProvider, TestCommand, TestModule, TestPlanOptions, TestRun,
};
use crate::decode::{Decoder, check, check_constraint, provider_ref, schema};
use crate::{ModuleSource, Str};

static RUN: LazyLock<BodySchema> = LazyLock::new(|| {
    let attributes = &[
        "command",
        "providers",
        "expect_failures",
        "state_key",
        "parallel",
    ];
    let blocks: &[(&str, &[&str])] = &[
        ("plan_options", &[]),
        ("assert", &[]),
        ("variables", &[]),
        ("module", &[]),
        ("override_resource", &[]),
        ("override_data", &[]),
        ("override_module", &[]),
    ];
    schema(&[], attributes, blocks)
});

static OPTIONS: LazyLock<BodySchema> =
    LazyLock::new(|| schema(&[], &["mode", "refresh", "replace", "target"], &[]));

static MODULE: LazyLock<BodySchema> = LazyLock::new(|| schema(&[], &["source", "version"], &[]));

pub(super) fn run(cx: &mut Decoder<'_>, block: &Block) -> Option<TestRun> {
    let (name, name_span) = block.labels.first()?.clone();
    let content = cx.take(block.body.content(&RUN));
    let command = content.attribute("command").map(keyword);
    let command = match command.as_ref().map(|(word, span)| (&**word, *span)) {
        Some(("plan", _)) => TestCommand::Plan,
        Some(("apply", _)) | None => TestCommand::Apply,
        Some((_, span)) => {
            let detail = "The command of a run is plan or apply, without quotes.";
            cx.error("Invalid \"command\" keyword", detail, span);
            TestCommand::Apply
        }
    };
    let asserts: Vec<_> = content.blocks_of("assert").collect();
    let mut late = Diags::new();
    Some(TestRun {
        name,
        command,
        options: options(cx, &content, &mut late),
        variables: variables(cx, content.blocks_of("variables"), "run"),
        module: module(cx, &content),
        providers: providers(cx, content.attribute("providers")),
        assertions: asserts
            .into_iter()
            .filter_map(|b| check(cx, b, "Invalid assert expression"))
            .collect(),
        expected: expected(cx, content.attribute("expect_failures"), &mut late),
        overrides: overrides(cx, &content.blocks),
        state_key: cx.string(content.attribute("state_key")),
        parallel: cx.bool(content.attribute("parallel")),
        late,
        span: block.header,
        name_span,
    })
}

/// A bare word and where it stands; empty when it is something else.
fn keyword(attribute: &Attribute) -> (Str, Span) {
    let word = attribute.expr.as_keyword();
    let word = word.unwrap_or_else(|| Str::from(""));
    (word, attribute.expr.span())
}

fn options(cx: &mut Decoder<'_>, content: &Content, late: &mut Diags) -> TestPlanOptions {
    let mut blocks = content.blocks_of("plan_options");
    let Some(block) = blocks.next() else {
        return TestPlanOptions::default();
    };
    for extra in blocks {
        let place = cx.place(block.header);
        let detail = format!("A run has one at most, and there is one at {place}.");
        cx.error("Multiple \"plan_options\" blocks", detail, extra.header);
    }
    let content = cx.take(block.body.content(&OPTIONS));
    let mut options = TestPlanOptions {
        refresh: cx.bool(content.attribute("refresh")).unwrap_or(true),
        ..TestPlanOptions::default()
    };
    if let Some((word, span)) = content.attribute("mode").map(keyword) {
        options.refresh_only = &*word == "refresh-only";
        if !options.refresh_only && &*word != "normal" {
            let detail = "The mode of a plan is normal or refresh-only, without quotes.";
            cx.error("Invalid \"mode\" keyword", detail, span);
        }
    }
    if let Some(attribute) = content.attribute("refresh")
        && options.refresh_only
        && !options.refresh
    {
        let detail = "A plan in refresh-only mode does nothing but look at objects, so it cannot \
                      leave that out.";
        cx.error("Incompatible plan options", detail, attribute.span);
    }
    for (target, _) in addresses(cx, content.attribute("target"), "Invalid target") {
        options.targets.push(target);
    }
    for (target, span) in addresses(cx, content.attribute("replace"), "Invalid address") {
        match target {
            Target::Resource(addr) => options.replace.push(addr),
            Target::Module(_) => {
                let detail = "Only resource instances can be replaced.";
                late.push(Diagnostic::error("Invalid address", detail).at(span));
            }
        }
    }
    options
}

fn addresses(
    cx: &mut Decoder<'_>,
    attribute: Option<&Attribute>,
    summary: &str,
) -> Vec<(Target, Span)> {
    let Some(attribute) = attribute else {
        return Vec::new();
    };
    let items = cx.items(&attribute.expr);
    items
        .iter()
        .filter_map(|raw| address(cx, raw, summary))
        .collect()
}

/// The address of a module, a resource or an instance.
pub(super) fn address(
    cx: &mut Decoder<'_>,
    raw: &RawExpr,
    summary: &str,
) -> Option<(Target, Span)> {
    let traversal = cx.traversal(raw)?;
    let text = traversal.address();
    match text.parse() {
        Ok(target) => Some((target, traversal.span)),
        Err(error) => {
            let detail = format!("{text} is not an address: {error}");
            cx.error(summary, detail, traversal.span);
            None
        }
    }
}

fn module(cx: &mut Decoder<'_>, content: &Content) -> Option<TestModule> {
    let mut blocks = content.blocks_of("module");
    let block = blocks.next()?;
    for extra in blocks {
        let place = cx.place(block.header);
        let detail = format!("A run has one at most, and there is one at {place}.");
        cx.error("Multiple \"module\" blocks", detail, extra.header);
    }
    let content = cx.take(block.body.content(&MODULE));
    let Some(attribute) = content.attribute("source") else {
        let detail = "The source says which module is to be run: add it.";
        let summary = "Missing \"source\" attribute for module block";
        cx.error(summary, detail, block.header);
        return None;
    };
    let (source, source_span) = (cx.string(Some(attribute))?, attribute.expr.span());
    let version = content.attribute("version");
    let text = version.and_then(|version| cx.string(Some(version)));
    if let (Some(text), Some(version)) = (&text, version) {
        check_constraint(cx, text, version.expr.span());
    }
    match ModuleSource::parse(&source, version.is_some()) {
        Ok(ModuleSource::Local(_) | ModuleSource::Registry(_)) => {}
        Ok(ModuleSource::Remote(_)) => {
            let detail = "A run can be about a directory here or a module of a registry. To test \
                          another one, call it in a module of a directory.";
            cx.error("Invalid module source address", detail, source_span);
        }
        Err(error) => {
            let summary = "Invalid module source address";
            cx.error(summary, error.to_string(), source_span);
        }
    }
    Some(TestModule {
        source,
        version: text,
        span: block.header,
        source_span,
    })
}

fn providers(cx: &mut Decoder<'_>, attribute: Option<&Attribute>) -> Vec<PassedProvider> {
    let Some(attribute) = attribute else {
        return Vec::new();
    };
    let Some(pairs) = attribute.expr.as_pairs() else {
        let detail = "The providers argument is written in braces: { aws = aws.west }.";
        cx.error("Invalid expression", detail, attribute.expr.span());
        return Vec::new();
    };
    let mut passed: Vec<PassedProvider> = Vec::new();
    for (key, value) in &pairs {
        let inner = provider_ref(cx, key, "providers");
        let outer = provider_ref(cx, value, "providers");
        let (Some(inner), Some(outer)) = (inner, outer) else {
            continue;
        };
        if passed.iter().any(|p| p.inner == inner.local) {
            let detail = "This provider configuration is passed twice: keep one of the entries.";
            cx.error("Duplicate provider address", detail, inner.span);
            continue;
        }
        passed.push(PassedProvider {
            inner: inner.local,
            outer: outer.local,
            span: outer.span,
        });
    }
    passed
}

fn expected(
    cx: &mut Decoder<'_>,
    attribute: Option<&Attribute>,
    late: &mut Diags,
) -> Vec<Expected> {
    let Some(attribute) = attribute else {
        return Vec::new();
    };
    let items = cx.items(&attribute.expr);
    let failures = items.iter().filter_map(|raw| failure(cx, raw, late));
    failures.collect()
}

/// Something in the module under test that has conditions. Of what follows its name only the key
/// of an instance counts.
fn failure(cx: &mut Decoder<'_>, raw: &RawExpr, late: &mut Diags) -> Option<Expected> {
    let traversal = cx.traversal(raw)?;
    let span = traversal.span;
    let reference = traversal.reference();
    let mut refuse = |detail: &str| {
        let summary = "Invalid `expect_failures` reference";
        late.push(Diagnostic::error(summary, detail).at(span));
        None
    };
    let Some(reference) = reference else {
        return refuse("This does not name an object that has conditions.");
    };
    let object = match &reference.subject {
        Subject::Variable(name) => ExpectedObject::Variable(name.clone()),
        Subject::Managed(kind, name) if &**kind == "check" => ExpectedObject::Check(name.clone()),
        Subject::Managed(kind, name) if &**kind == "output" => ExpectedObject::Output(name.clone()),
        Subject::Managed(kind, name) => {
            let address = format!("{kind}.{name}");
            ExpectedObject::Resource(address.into())
        }
        Subject::Data(kind, name) => {
            let address = format!("data.{kind}.{name}");
            ExpectedObject::Resource(address.into())
        }
        _ => {
            let detail = "Only variables, outputs, check blocks, resources and data sources of \
                          the module under test can be expected to fail.";
            return refuse(detail);
        }
    };
    let object = match (object, reference.steps.first()) {
        (
            ExpectedObject::Resource(address),
            Some(step @ (PathStep::Index(_) | PathStep::Key(_))),
        ) => ExpectedObject::Resource(format!("{address}{}", key_of(step)).into()),
        (object, _) => object,
    };
    Some(Expected { object, span })
}

fn key_of(step: &PathStep) -> InstanceKey {
    match step {
        PathStep::Index(i) => InstanceKey::Int(*i),
        PathStep::Key(key) | PathStep::Attr(key) => InstanceKey::Str(key.clone()),
    }
}
