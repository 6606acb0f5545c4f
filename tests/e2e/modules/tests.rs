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
