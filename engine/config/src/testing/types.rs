//! What test files say.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use muster_addr::{InstanceAddr, Target};
use muster_lang::{Body, Diags, Expr, Reference, Span};
use muster_value::Value;

use crate::{Check, LocalProvider, Str};

/// One `.tftest.hcl` or `.tftest.json` file.
#[derive(Clone, Debug)]
pub struct TestFile {
    /// Its path as people see it: relative to the working directory.
    pub path: Str,
    /// Variables of the file, for all runs.
    pub variables: BTreeMap<Str, Expr>,
    /// `provider` and `mock_provider` blocks.
    pub providers: IndexMap<LocalProvider, TestProvider>,
    /// Overrides of the file, for all runs.
    pub overrides: Vec<Override>,
    /// The runs in source order.
    pub runs: Vec<TestRun>,
    /// Whether runs that say nothing may run at the same time.
    pub parallel: bool,
}

/// A provider configuration of a test file.
#[derive(Clone, Debug)]
pub struct TestProvider {
    /// What the provider's schema speaks about; of no meaning when it is mocked.
    pub body: Body,
    /// Nobody is asked: answers are made up.
    pub mock: Option<Mock>,
    /// The block's header.
    pub header: Span,
    /// The block's label.
    pub span: Span,
}

/// `mock_provider`
#[derive(Clone, Debug, Default)]
pub struct Mock {
    /// Values for computed attributes, by resource type.
    pub resources: BTreeMap<Str, MockDefaults>,
    /// Values for computed attributes, by data source type.
    pub data_sources: BTreeMap<Str, MockDefaults>,
    /// Objects whose values are given.
    pub overrides: Vec<Override>,
}

/// `mock_resource` or `mock_data`
#[derive(Clone, Debug)]
pub struct MockDefaults {
    /// An object with values for computed attributes.
    pub values: Value,
    /// When they are known.
    pub during: During,
    /// The block's header.
    pub span: Span,
}

/// From when on made-up values are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum During {
    /// While planning.
    Plan,
    /// Only when the plan is applied.
    #[default]
    Apply,
}

/// `override_resource`, `override_data` or `override_module`
#[derive(Clone, Debug)]
pub struct Override {
    /// What is overridden.
    pub target: Target,
    /// An object: computed attributes, or outputs of a module.
    pub values: Value,
    /// When the values are known.
    pub during: During,
    /// Where the target stands.
    pub target_span: Span,
    /// The block's header.
    pub span: Span,
}

/// What a run does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TestCommand {
    /// Plans and applies.
    #[default]
    Apply,
    /// Plans only.
    Plan,
}

/// `run`
#[derive(Clone, Debug)]
pub struct TestRun {
    /// Its name.
    pub name: Str,
    /// What it does.
    pub command: TestCommand,
    /// How it plans.
    pub options: TestPlanOptions,
    /// Variables of the run.
    pub variables: BTreeMap<Str, Expr>,
    /// The module that is run in place of the root module.
    pub module: Option<TestModule>,
    /// Which provider configurations of the file are used, by the name that the module has for
    /// them; empty for all of them under their own names.
    pub providers: Vec<PassedProvider>,
    /// Assertions in source order.
    pub assertions: Vec<Check>,
    /// What is expected to fail.
    pub expected: Vec<Expected>,
    /// Overrides of the run.
    pub overrides: Vec<Override>,
    /// Names the state that is used; runs with the same key share one.
    pub state_key: Option<Str>,
    /// Whether it may run at the same time as others; `None` when it does not say.
    pub parallel: Option<bool>,
    /// Errors that nobody has to hear of before it is run.
    pub late: Diags,
    /// The block's header.
    pub span: Span,
    /// Where its name stands.
    pub name_span: Span,
}

/// `plan_options`
#[derive(Clone, Debug)]
pub struct TestPlanOptions {
    /// Only bring the state up to date.
    pub refresh_only: bool,
    /// Look at the real objects first.
    pub refresh: bool,
    /// Replace these.
    pub replace: Vec<InstanceAddr>,
    /// Only these and what they need.
    pub targets: Vec<Target>,
}

impl Default for TestPlanOptions {
    fn default() -> Self {
        Self {
            refresh_only: false,
            refresh: true,
            replace: Vec::new(),
            targets: Vec::new(),
        }
    }
}

/// `module` in a run.
#[derive(Clone, Debug)]
pub struct TestModule {
    /// Source as written.
    pub source: Str,
    /// Versions that are allowed, as written; of a module of a registry.
    pub version: Option<Str>,
    /// The header of the block.
    pub span: Span,
    /// Where the source stands.
    pub source_span: Span,
}

/// An entry of `providers` in a run.
#[derive(Clone, Debug)]
pub struct PassedProvider {
    /// The name that the module under test has for it.
    pub inner: LocalProvider,
    /// The name that the test file has for it.
    pub outer: LocalProvider,
    /// Where the latter stands.
    pub span: Span,
}

/// An entry of `expect_failures`.
#[derive(Clone, Debug)]
pub struct Expected {
    /// What is expected to fail, with a key when one instance is meant.
    pub object: ExpectedObject,
    /// Where it stands.
    pub span: Span,
}

/// Something with conditions, in the module under test.
#[derive(Clone, Debug, PartialEq)]
pub enum ExpectedObject {
    /// `check.NAME`
    Check(Str),
    /// `output.NAME`
    Output(Str),
    /// `var.NAME`
    Variable(Str),
    /// A resource or an instance of it: its address.
    Resource(Str),
}

/// What an expression in a test refers to when it refers to an earlier run: `run.NAME`.
pub fn run_reference(reference: &Reference) -> Option<&Str> {
    match &reference.subject {
        muster_lang::Subject::Managed(root, name) if &**root == "run" => Some(name),
        _ => None,
    }
}
