//! Machine output has the shape that the schemas say. Terraform's own output has to fit them too,
//! which shows that the shapes are the same.

use std::process::Command;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

use crate::harness::{Ran, Work, root, skip};

/// The schemas, ready to check documents with.
struct Checker {
    compiler: Compiler,
    schemas: Schemas,
}

impl Checker {
    fn new() -> Self {
        let mut compiler = Compiler::new();
        for entry in std::fs::read_dir(root().join("schemas")).unwrap().flatten() {
            if entry.path().extension().is_some_and(|e| e == "json") {
                let text = std::fs::read_to_string(entry.path()).unwrap();
                let schema: Value = serde_json::from_str(&text).unwrap();
                let name = entry.file_name().into_string().unwrap();
                let id = url(&name);
                assert_eq!(schema["$id"], id);
                compiler.add_resource(&id, schema).unwrap();
            }
        }
        Self {
            compiler,
            schemas: Schemas::new(),
        }
    }

    fn compile(&mut self, name: &str) -> SchemaIndex {
        let id = url(&format!("{name}.schema.json"));
        self.compiler
            .compile(&id, &mut self.schemas)
            .unwrap_or_else(|e| panic!("{e:#}"))
    }

    fn is_valid(&mut self, name: &str, document: &Value) -> bool {
        let schema = self.compile(name);
        self.schemas.validate(document, schema).is_ok()
    }

    /// Asserts that a document fits.
    #[track_caller]
    fn check(&mut self, name: &str, document: &Value) {
        let schema = self.compile(name);
        if let Err(e) = self.schemas.validate(document, schema) {
            panic!("{e:#}\nin {document:#}");
        }
    }

    /// Asserts that all that was printed is one document, which fits.
    #[track_caller]
    fn whole(&mut self, name: &str, ran: &Ran) {
        let document = serde_json::from_str(&ran.stdout);
        let document = document.unwrap_or_else(|e| panic!("{e}: {}\n{}", ran.stdout, ran.stderr));
        self.check(name, &document);
    }

    /// Asserts that every line is a document that fits, and that there are some of each of the
    /// types.
    #[track_caller]
    fn lines(&mut self, name: &str, ran: &Ran, types: &[&str]) {
        let mut found = Vec::new();
        for line in ran.stdout.lines() {
            let document = serde_json::from_str(line);
            let document: Value = document.unwrap_or_else(|e| panic!("{e}: {line}"));
            self.check(name, &document);
            found.push(document["type"].as_str().unwrap().to_owned());
        }
        for ty in types {
            assert!(found.iter().any(|f| f == ty), "no {ty} in {found:?}");
        }
    }
}

fn url(name: &str) -> String {
    format!("https://example.com/muster/schemas/{name}")
}

/// Who prints the documents.
#[derive(Clone, Copy)]
enum Engine {
    Muster,
    Terraform,
}

impl Engine {
    /// Both, or ours alone where the other is not.
    fn all() -> Vec<Self> {
        if Command::new("terraform").arg("-version").output().is_err() {
            skip("terraform is not on PATH");
            return vec![Self::Muster];
        }
        vec![Self::Muster, Self::Terraform]
    }

    fn run(self, work: &Work, args: &[&str]) -> Ran {
        match self {
            Self::Muster => work.run(args),
            Self::Terraform => {
                let mut command = Command::new("terraform");
                work.prepare(&mut command, args);
                command.env("CHECKPOINT_DISABLE", "1");
                Ran::new(&command.output().unwrap())
            }
        }
    }
}

/// Something of everything that documents tell of.
const MAIN: &str = r#"
terraform {
  required_version = ">= 1.0"
}
variable "n" {
  type    = number
  default = 2
  validation {
    condition     = var.n < 9
    error_message = "too many"
  }
}
variable "secret" {
  default     = "s"
  description = "Not for all."
  sensitive   = true
}
resource "terraform_data" "one" {
  input            = { n = var.n, secret = var.secret, list = [1, null, "x"] }
  triggers_replace = [var.n]
  lifecycle {
    postcondition {
      condition     = self.id != ""
      error_message = "no id"
    }
  }
  provisioner "local-exec" {
    command = "echo provisioned"
  }
}
resource "terraform_data" "many" {
  for_each   = toset([for i in range(var.n) : "k ${i}"])
  input      = terraform_data.one.output
  depends_on = [terraform_data.one]
}
resource "terraform_data" "counted" {
  count = var.n
  input = [for x in range(count.index) : x]
}
data "terraform_remote_state" "other" {
  backend  = "local"
  config   = { path = "other.tfstate" }
  defaults = { x = 1 }
}
module "inner" {
  source = "./inner"
  count  = 1
  in     = terraform_data.one.output.n
}
check "named" {
  assert {
    condition     = var.n != 3
    error_message = "three"
  }
}
output "plain" {
  value       = terraform_data.counted[*].output
  description = "What there is."
}
output "hidden" {
  value     = var.secret
  sensitive = true
}
output "object" {
  value = { a = tolist(["x"]), b = tomap({ c = true }), d = toset([1]), n = null }
}
"#;

const INNER: &str = r#"
variable "in" {}
resource "terraform_data" "inner" {
  input = var.in
}
output "out" {
  value = terraform_data.inner.output
}
"#;

const OTHER_STATE: &str = r#"{
  "version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "l",
  "outputs": {"y": {"value": 1, "type": "number"}}, "resources": [], "check_results": null
}"#;

fn work() -> Work {
    let work = Work::with(MAIN);
    work.write("inner/main.tf", INNER);
    work.write("other.tfstate", OTHER_STATE);
    work
}

#[test]
fn plans_states_and_events() {
    let mut checker = Checker::new();
    for engine in Engine::all() {
        let work = work();
        let run = |args: &[&str]| engine.run(&work, args);
        let init = run(&["init", "-json"]).code(0);
        checker.lines("events", &init, &["version", "init_output"]);
        checker.whole("state", &run(&["show", "-json"]).code(0));

        let plan = run(&["plan", "-json", "-out=p"]).code(0);
        let planned = ["version", "planned_change", "change_summary", "outputs"];
        checker.lines("events", &plan, &planned);
        checker.whole("plan", &run(&["show", "-json", "p"]).code(0));
        let apply = run(&["apply", "-json", "p"]).code(0);
        checker.lines(
            "events",
            &apply,
            &[
                "apply_start",
                "apply_complete",
                "provision_start",
                "provision_progress",
                "provision_complete",
                "outputs",
            ],
        );
        checker.whole("state", &run(&["show", "-json"]).code(0));
        checker.whole("output", &run(&["output", "-json"]).code(0));

        changed(&mut checker, run);
    }
}

/// Another number replaces, destroys and adds, and a check fails.
fn changed(checker: &mut Checker, run: impl Fn(&[&str]) -> Ran) {
    let plan = run(&["plan", "-json", "-out=p", "-var=n=3"]).code(0);
    checker.lines(
        "events",
        &plan,
        &[
            "refresh_start",
            "refresh_complete",
            "planned_change",
            "diagnostic",
        ],
    );
    checker.whole("plan", &run(&["show", "-json", "p"]).code(0));
    run(&[
        "plan",
        "-out=p",
        "-var=n=1",
        "-replace=terraform_data.counted[0]",
    ])
    .code(0);
    checker.whole("plan", &run(&["show", "-json", "p"]).code(0));
    run(&["plan", "-out=p", "-destroy"]).code(0);
    checker.whole("plan", &run(&["show", "-json", "p"]).code(0));

    run(&["taint", "terraform_data.one"]).code(0);
    checker.whole("state", &run(&["show", "-json"]).code(0));
    let errors = run(&["plan", "-json", "-var=n=10"]).code(1);
    checker.lines("events", &errors, &["diagnostic"]);
    let destroyed = run(&["destroy", "-json", "-auto-approve"]).code(0);
    checker.lines("events", &destroyed, &["apply_complete", "change_summary"]);
    checker.whole("output", &run(&["output", "-json"]));
}

#[test]
fn what_fails() {
    const FAILS: &str = r#"
resource "terraform_data" "a" {
  provisioner "local-exec" {
    command = "echo words && exit 3"
  }
}
resource "terraform_data" "moved" {
  input = 1
}
"#;
    let mut checker = Checker::new();
    for engine in Engine::all() {
        let work = Work::with(FAILS);
        let run = |args: &[&str]| engine.run(&work, args);
        run(&["init"]).code(0);
        let failed = run(&["apply", "-json", "-auto-approve"]).code(1);
        checker.lines(
            "events",
            &failed,
            &["provision_errored", "apply_errored", "diagnostic"],
        );
        let moved = "moved {\n  from = terraform_data.moved\n  to   = terraform_data.here\n}\n\
            resource \"terraform_data\" \"here\" {\n  input = 2\n}\n\
            import {\n  to = terraform_data.i\n  id = \"x\"\n}\n\
            removed {\n  from = terraform_data.a\n  lifecycle {\n    destroy = false\n  }\n}\n";
        work.write("main.tf", moved);
        let plan = run(&["plan", "-json", "-generate-config-out=made.tf", "-out=p"]);
        checker.lines("events", &plan, &["planned_change"]);
        checker.whole("plan", &run(&["show", "-json", "p"]));
    }
}

#[test]
fn results_of_checks_and_versions() {
    let mut checker = Checker::new();
    for engine in Engine::all() {
        let work = work();
        let run = |args: &[&str]| engine.run(&work, args);
        run(&["init"]).code(0);
        checker.whole("validate", &run(&["validate", "-json"]).code(0));
        checker.whole("version", &run(&["version", "-json"]).code(0));
        checker.whole(
            "functions",
            &run(&["metadata", "functions", "-json"]).code(0),
        );
        checker.whole("providers", &run(&["providers", "schema", "-json"]).code(0));
        work.write(
            "broken.tf",
            "output \"a\" {\n  value = [for x in var.nothing : upper(x)]\n}\noutput \"b\" {\n  value = upper(1, 2)\n}\nresource \"terraform_data\" \"x\" {\n  nope = 1\n}\n",
        );
        checker.whole("validate", &run(&["validate", "-json"]).code(1));
        work.write("broken.tf", "resource \"a {\n");
        checker.whole("validate", &run(&["validate", "-json"]).code(1));
    }
}

const TESTS: &str = r#"
run "planned" {
  command = plan
}
run "applied" {
  assert {
    condition     = output.hidden == "other"
    error_message = "not the other"
  }
}
run "left_out" {}
"#;

#[test]
fn tests_of_configurations() {
    let mut checker = Checker::new();
    for engine in Engine::all() {
        let work = work();
        work.write("main.tftest.hcl", TESTS);
        engine.run(&work, &["init"]).code(0);
        let ran = engine.run(&work, &["test", "-json", "-verbose"]).code(1);
        let types = [
            "version",
            "test_abstract",
            "test_file",
            "test_run",
            "test_plan",
            "test_state",
            "diagnostic",
            "test_summary",
        ];
        checker.lines("test-events", &ran, &types);
    }
}

/// Terraform has no such command.
#[test]
fn causes() {
    let mut checker = Checker::new();
    let work = work();
    work.run(&["init"]).code(0);
    work.run(&["apply", "-auto-approve"]).code(0);
    for address in ["terraform_data.one", "terraform_data.many[\"k 2\"]"] {
        let ran = work.run(&["why", "-json", "-var=n=3", address]);
        checker.whole("why", &ran.code(0));
    }
    let ran = work.run(&["why", "-json", "-destroy", "terraform_data.one"]);
    checker.whole("why", &ran.code(0));
}

/// The schemas are of use only when they turn down what is wrong.
#[test]
fn other_shapes_are_turned_down() {
    let mut checker = Checker::new();
    let mut check = |name: &str, text: &str, fits: bool| {
        let document = serde_json::from_str(text).unwrap();
        assert_eq!(checker.is_valid(name, &document), fits, "{name}: {text}");
    };
    check("state", r#"{"format_version":"1.0"}"#, true);
    check("state", r#"{"format_version":"1.1"}"#, false);
    check("state", r#"{"format_version":"1.0","more":1}"#, false);
    check(
        "state",
        r#"{"format_version":"1.0","values":{"root_module":{}}}"#,
        false,
    );
    check(
        "output",
        r#"{"a":{"sensitive":false,"type":["list","string"],"value":[]}}"#,
        true,
    );
    check(
        "output",
        r#"{"a":{"sensitive":false,"type":["list"],"value":[]}}"#,
        false,
    );
    check(
        "output",
        r#"{"a":{"sensitive":false,"type":["map","x"],"value":{}}}"#,
        false,
    );
    check(
        "output",
        r#"{"a":{"sensitive":false,"type":"string"}}"#,
        false,
    );
    check("why", r#"{"name":"a","kind":"provider","causes":[]}"#, true);
    check(
        "why",
        r#"{"name":"a","kind":"provider","causes":[],"value":1}"#,
        false,
    );
    check(
        "why",
        r#"{"name":"a","kind":"variable","causes":[],"value":1}"#,
        true,
    );
    let event = |rest: &str| {
        format!(
            r#"{{"@level":"info","@message":"","@module":"terraform.ui","@timestamp":"2026-01-01T00:00:00.000000Z",{rest}}}"#
        )
    };
    check("events", &event(r#""type":"log""#), true);
    check("events", &event(r#""type":"log","more":1"#), false);
    check("events", &event(r#""type":"other""#), false);
    check(
        "events",
        &event(r#""type":"version","terraform":"1.11.4","ui":"1.2""#),
        true,
    );
    check(
        "events",
        &event(r#""type":"version","terraform":"1.11.4""#),
        false,
    );
    check("events", &event(r#""type":"apply_start","hook":{}"#), false);
    check(
        "test-events",
        &event(
            r#""type":"test_file","@testfile":"a","test_file":{"path":"a","progress":"complete","status":"pass"}"#,
        ),
        true,
    );
    check(
        "test-events",
        &event(r#""type":"test_file","@testfile":"a","test_file":{"path":"a","progress":"odd"}"#),
        false,
    );
}
