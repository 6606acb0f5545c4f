//! Modules that only tests are about.

use serde_json::json;

use super::archives::zip;
use super::server::{Reply, Server};
use super::{call, giving, record};
use crate::harness::Work;

/// A configuration with a test of a directory that calls a module from a server.
fn tested(server: &Server, dir: &str) -> Work {
    let work = Work::with("output \"own\" {\n  value = 1\n}\n");
    let archive = zip(&[("main.tf", &giving("far"))]);
    server.put("/far.zip", Reply::ok(archive));
    let source = server.url("/far.zip");
    let output = "output \"from\" {\n  value = module.a.from\n}\n";
    work.write("setup/main.tf", call(&source) + output);
    let run = "run \"far\" {\n  module {\n    source = \"./setup\"\n  }\n  assert {\n    condition     = output.from == \"far\"\n    error_message = output.from\n  }\n}\n";
    work.write(&format!("{dir}/one.tftest.hcl"), run);
    work
}

#[test]
fn they_are_installed_with_the_others() {
    let server = Server::start();
    for install in ["init", "get"] {
        let work = tested(&server, "tests");
        work.run(&["test"])
            .code(1)
            .says(&["Error: Module not installed"]);
        work.run(&[install])
            .code(0)
            .says(&["- test.tests.one.far in setup", "test.tests.one.far.a"]);
        let recorded = record(&work);
        assert_eq!(
            recorded[0],
            json!({"Key": "test.tests.one.far", "Source": "./setup", "Dir": "setup"})
        );
        assert_eq!(recorded[1]["Key"], "test.tests.one.far.a");
        work.run(&["test"]).code(0).says(&["1 passed, 0 failed."]);
        // Nothing but tests needs them.
        work.run(&["plan"]).code(0);
    }
}

#[test]
fn those_beside_the_configuration_have_to_be_installed_too() {
    let given = "output \"x\" {\n  value = 1\n}\n";
    let module = |name: &str| format!("module \"{name}\" {{\n  source = \"./{name}\"\n}}\n");
    let check = |work: &Work, place: &str| {
        work.run(&["test"])
            .code(1)
            .says(&["Error: Module not installed", place, "Run init"])
            .never_says(&["in progress"]);
        work.run(&["get"]).code(0);
        work.run(&["test"]).code(0).says(&["1 passed, 0 failed."]);
    };
    let called = Work::with(&module("own"));
    called.write("own/main.tf", given);
    called.write("one.tftest.hcl", "run \"a\" {}\n");
    check(&called, "main.tf line 1");
    let tested = Work::with(given);
    tested.write("setup/main.tf", module("deep"));
    tested.write("setup/deep/main.tf", given);
    let run = "run \"a\" {\n  module {\n    source = \"./setup\"\n  }\n}\n";
    tested.write("one.tftest.hcl", run);
    check(&tested, "one.tftest.hcl line 2");
    std::fs::remove_dir_all(tested.path().join("setup")).unwrap();
    tested
        .run(&["test"])
        .code(1)
        .says(&["Error: Module not installed", "one.tftest.hcl line 2"]);
}

#[test]
fn they_are_taken_from_where_they_were_installed() {
    let work = Work::with("output \"own\" {\n  value = 1\n}\n");
    work.write("inner/main.tf", giving("inner"));
    let run = "run \"x\" {\n  command = plan\n  module {\n    source = \"a/b/c\"\n  }\n}\n";
    work.write("tests/a.tftest.hcl", run);
    let record = |source: &str| {
        let module = format!(
            r#"{{"Key":"test.tests.a.x","Source":"{source}","Version":"1.0.0","Dir":"inner"}}"#
        );
        let text = format!(r#"{{"Modules":[{module}]}}"#);
        work.write(".terraform/modules/modules.json", text);
    };
    record("registry.terraform.io/a/b/other");
    work.run(&["test"]).code(1).says(&[
        "Error: Module source has changed",
        "on tests/a.tftest.hcl line 4",
    ]);
    record("registry.terraform.io/a/b/c");
    work.run(&["test"]).code(0).says(&["1 passed, 0 failed."]);
}

#[test]
fn the_directory_of_tests_is_asked_for() {
    let server = Server::start();
    let work = tested(&server, "more");
    work.run(&["init"]).code(0).never_says(&["test.more"]);
    work.run(&["init", "-test-directory=more"])
        .code(0)
        .says(&["- test.more.one.far in setup"]);
    work.run(&["test", "-test-directory=more"])
        .code(0)
        .says(&["1 passed"]);
}

#[test]
fn providers_of_theirs_are_wanted_too() {
    let work = Work::with("output \"own\" {\n  value = 1\n}\n");
    work.write(
        "setup/main.tf",
        "terraform {\n  required_providers {\n    gone = {\n      source  = \"127.0.0.1:1/a/gone\"\n      version = \">= 2.0.0\"\n    }\n  }\n}\n",
    );
    let run = "run \"a\" {\n  module {\n    source = \"./setup\"\n  }\n}\n";
    work.write("one.tftest.hcl", run);
    work.write(
        "cli.tfrc",
        "provider_installation { filesystem_mirror { path = \"nowhere\" } }",
    );
    work.run(&["init"])
        .code(1)
        .says(&["127.0.0.1:1/a/gone", "2.0.0"]);
    std::fs::remove_file(work.path().join("one.tftest.hcl")).unwrap();
    work.run(&["init"]).code(0);
}

#[test]
fn tests_with_errors_are_told_of() {
    let work = Work::with("output \"own\" {\n  value = 1\n}\n");
    let check = |text: &str, commands: &[&str], summary: &str| {
        work.write("tests/one.tftest.hcl", text);
        for command in commands {
            work.run(&[command])
                .code(1)
                .says(&[summary, "tests/one.tftest.hcl line"]);
        }
        work.run(&["plan"]).code(0);
        work.run(&["validate", "-no-tests"]).code(0);
    };
    let all = ["init", "get", "test", "validate"];
    check(
        "run \"a\" {\n  bogus = 1\n}\n",
        &all,
        "Unsupported argument",
    );
    let source =
        |source: &str| format!("run \"a\" {{\n  module {{\n    source = \"{source}\"\n  }}\n}}\n");
    check(
        &source("git::https://example.com/x.git"),
        &all,
        "Invalid module source address",
    );
    check(&source("./gone"), &all[..2], "Unreadable module directory");
}

#[test]
fn they_are_validated_with_the_others() {
    let work = Work::with("output \"own\" {\n  value = 1\n}\n");
    work.write(
        "setup/main.tf",
        "module \"inner\" {\n  source = \"./inner\"\n}\nresource \"terraform_data\" \"a\" {\n  inpu = 3\n}\noutput \"x\" {\n  value = local.nosuch\n}\n",
    );
    work.write(
        "setup/inner/main.tf",
        "output \"i\" {\n  value = var.missing\n}\n",
    );
    let run = "module {\n    source = \"./setup\"\n  }\n";
    work.write(
        "tests/one.tftest.hcl",
        format!("run \"a\" {{\n  {run}}}\nrun \"b\" {{\n  {run}}}\n"),
    );
    work.run(&["validate"])
        .code(1)
        .says(&["Error: Module not installed", "tests/one.tftest.hcl line"]);
    work.run(&["get"]).code(0);
    let found = work.run(&["validate"]).code(1);
    let mut errors: Vec<&str> = found
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("Error: "))
        .collect();
    errors.sort_unstable();
    // Once each, although two runs are about the module.
    assert_eq!(
        errors,
        [
            "Reference to undeclared input variable",
            "Reference to undeclared local value",
            "Unsupported argument",
        ]
    );
    found.says(&["setup/main.tf line", "setup/inner/main.tf line"]);
    let documents = work.run(&["validate", "-json"]).code(1);
    let document: serde_json::Value = serde_json::from_str(&documents.stdout).unwrap();
    assert_eq!(document["error_count"], 3);
    work.run(&["validate", "-no-tests"]).code(0);
    work.run(&["plan"]).code(0);
}

#[test]
fn what_they_need_is_listed() {
    let work = Work::with("resource \"terraform_data\" \"a\" {}\n");
    let outer = "module \"inner\" {\n  source = \"./inner\"\n}\n";
    work.write("setup/main.tf", outer);
    work.write(
        "setup/inner/main.tf",
        "resource \"terraform_data\" \"b\" {}\n",
    );
    work.write(
        "tests/one.tftest.hcl",
        "run \"plain\" {}\nrun \"other\" {\n  module {\n    source = \"./setup\"\n  }\n}\n",
    );
    work.run(&["providers"])
        .code(1)
        .says(&["Error: Module not installed", "tests/one.tftest.hcl line"]);
    work.run(&["get"]).code(0);
    let builtin = "provider[terraform.io/builtin/terraform]";
    let tree = format!(
        "\n.\n├── {builtin}\n└── test.tests.one\n    └── run.other\n        └── module.inner\n            └── {builtin}\n"
    );
    work.run(&["providers"]).code(0).says(&[&tree]);
    work.run(&["providers", "-test-directory=more"])
        .code(0)
        .says(&["Test directory does not exist"])
        .never_says(&["run.other"]);
}
