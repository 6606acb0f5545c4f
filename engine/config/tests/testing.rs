//! Test files, as they are decoded.

mod support;

use muster_config::testing::{
    During, ExpectedObject, TestCommand, TestFile, TestPlace, load_tests,
};
use muster_lang::Sources;
use support::{Memory, lines};

fn load(text: &str) -> (Vec<TestFile>, Vec<String>) {
    let mut sources = Sources::default();
    let place = TestPlace {
        dir: ".",
        tests: "tests",
    };
    let (files, diags) = load_tests(place, &Memory::parse(text), &mut sources);
    (files, lines(&diags, &sources))
}

#[track_caller]
fn check(text: &str, expect: &[&str]) {
    assert_eq!(load(text).1, expect, "{text}");
}

#[test]
fn files_are_found_in_both_places() {
    let text = "--- z.tftest.hcl\nrun \"a\" {}\n--- tests/a.tftest.json\n{\"run\": {\"b\": {}}}\n--- tests/not.hcl\n--- .hidden.tftest.hcl\n--- other/c.tftest.hcl\n";
    let (files, diags) = load(text);
    assert!(diags.is_empty(), "{diags:?}");
    let found: Vec<_> = files.iter().map(|f| (&*f.path, &*f.runs[0].name)).collect();
    assert_eq!(found, [("tests/a.tftest.json", "b"), ("z.tftest.hcl", "a")]);
}

#[test]
fn everything_in_a_run() {
    let text = r#"--- a.tftest.hcl
run "a" {
  command = plan
  plan_options {
    mode    = refresh-only
    target  = [a.b, module.c]
    replace = [a.b[0]]
  }
  variables {
    x = run.b.c
  }
  module {
    source = "./m"
  }
  providers = {
    aws.x = aws
  }
  expect_failures = [var.v, output.o, check.c, a.b["k"], data.a.b]
  state_key       = "k"
  parallel        = true
}
"#;
    let (files, diags) = load(text);
    assert!(diags.is_empty(), "{diags:?}");
    let run = &files[0].runs[0];
    assert_eq!(run.command, TestCommand::Plan);
    let options = &run.options;
    assert!(options.refresh_only && options.refresh);
    assert_eq!((options.targets.len(), options.replace.len()), (2, 1));
    let expected: Vec<_> = run.expected.iter().map(|e| e.object.clone()).collect();
    assert_eq!(
        expected,
        [
            ExpectedObject::Variable("v".into()),
            ExpectedObject::Output("o".into()),
            ExpectedObject::Check("c".into()),
            ExpectedObject::Resource("a.b[\"k\"]".into()),
            ExpectedObject::Resource("data.a.b".into()),
        ]
    );
    assert_eq!(
        (run.state_key.as_deref(), run.parallel),
        (Some("k"), Some(true))
    );
}

#[test]
fn mocks_with_files() {
    let text = r#"--- a.tftest.hcl
mock_provider "aws" {
  alias           = "x"
  source          = "./mocks"
  override_during = plan
  mock_resource "a" {
    defaults        = { id = "block" }
    override_during = apply
  }
  override_data {
    target = data.a.b
    values = { id = "o" }
  }
}
--- mocks/m.tfmock.hcl
mock_resource "a" {
  defaults = { id = "file" }
}
mock_data "d" {}
"#;
    let (files, diags) = load(text);
    assert!(diags.is_empty(), "{diags:?}");
    let (local, provider) = files[0].providers.first().unwrap();
    assert_eq!(local.alias.as_deref(), Some("x"));
    let mock = provider.mock.as_ref().unwrap();
    let a = &mock.resources["a"];
    let id = a.values.get("id").unwrap().as_str().unwrap();
    assert_eq!((&**id, a.during), ("block", During::Apply));
    assert_eq!(mock.data_sources["d"].during, During::Plan);
    assert_eq!(mock.overrides[0].during, During::Plan);
}

/// What is wrong with what a run is about is told when it is its turn.
#[test]
fn late_mistakes() {
    let text = r#"--- a.tftest.hcl
run "a" {
  expect_failures = [local.x, module.m, var.x.y, check.c[0]]
  plan_options {
    replace = [module.m]
  }
}
"#;
    let (files, diags) = load(text);
    assert!(diags.is_empty(), "{diags:?}");
    let run = &files[0].runs[0];
    let late: Vec<_> = run.late.iter().map(|d| d.summary.as_str()).collect();
    let reference = "Invalid `expect_failures` reference";
    assert_eq!(late, ["Invalid address", reference, reference]);
    let expected: Vec<_> = run.expected.iter().map(|e| e.object.clone()).collect();
    assert_eq!(
        expected,
        [
            ExpectedObject::Variable("x".into()),
            ExpectedObject::Check("c".into()),
        ]
    );
}

#[test]
fn mistakes() {
    check(
        "--- a.tftest.hcl\noverride_module {\n  target  = a.b\n  outputs = { x = var.y }\n}\noverride_resource {}\n",
        &[
            "error a.tftest.hcl:3 Variables not allowed",
            "error a.tftest.hcl:2 Invalid override target",
            "error a.tftest.hcl:5 Missing target attribute",
        ],
    );
    check(
        "--- a.tftest.hcl\nmock_provider \"a\" {\n  source = \"./none\"\n}\nvariables {}\nvariables {}\ntest {}\ntest {}\n",
        &[
            "error a.tftest.hcl:7 Multiple \"test\" blocks",
            "error a.tftest.hcl:5 Multiple \"variables\" blocks",
            "error a.tftest.hcl:2 Failed to read mock data directory",
        ],
    );
}
