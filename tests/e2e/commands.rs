//! The commands around a run.

use crate::background::Running;
use crate::harness::{Ran, Work};

/// An apply that takes its time.
const SLOW: &str = r#"
resource "terraform_data" "slow" {
  provisioner "local-exec" {
    command = "sleep 600"
  }
}
"#;

#[test]
fn a_lock_on_a_file_ends_with_its_holder_only() {
    let refused = "Local state cannot be unlocked by another process";
    let work = Work::with(SLOW);
    work.run(&["force-unlock"]).code(1);
    work.run(&["force-unlock", "a", "b"]).code(1);
    work.run(&["force-unlock", "a"])
        .code(1)
        .says(&[refused, "Nobody holds it now"]);
    let mut apply = Running::muster(&work, &["apply", "-auto-approve"]);
    apply.wait_for("Provisioning with");
    let info = work.read(".terraform.tfstate.lock.info");
    let info: serde_json::Value = serde_json::from_str(&info).unwrap();
    let id = info["ID"].as_str().unwrap();
    work.run(&["force-unlock", "a"])
        .code(1)
        .says(&[refused, "another ID", id]);
    work.run(&["force-unlock", id])
        .code(1)
        .says(&[refused, "Wait for that process", id]);
    work.run(&["force-unlock", "-force", id])
        .code(1)
        .says(&["Failed to unlock state: LocalState not locked", id]);
    assert!(apply.runs(), "it still has its lock");
    work.run(&["state", "rm", "terraform_data.slow"])
        .code(1)
        .says(&["Error acquiring the state lock"]);
}

const TREE: &str = r#"
variable "n" {
  default = 1
}

locals {
  both = [terraform_data.b[0].id, data.terraform_remote_state.z.id]
}

resource "terraform_data" "b" {
  count = var.n
}

resource "terraform_data" "a-1" {
  input = [terraform_data.b[0].id, local.both]
}

data "terraform_remote_state" "z" {
  backend = "local"
  config  = { path = terraform_data.b[0].id }
}

module "m" {
  source     = "./m"
  depends_on = [terraform_data.a-1]
}
"#;

const TREE_GRAPH: &str = r#"digraph G {
  rankdir = "RL";
  node [shape = rect, fontname = "sans-serif"];
  "data.terraform_remote_state.z" [label="data.terraform_remote_state.z"];
  "terraform_data.a-1" [label="terraform_data.a-1"];
  "terraform_data.b" [label="terraform_data.b"];
  subgraph "cluster_module.m" {
    label = "module.m"
    fontname = "sans-serif"
    "module.m.terraform_data.x" [label="terraform_data.x"];
  }
  "data.terraform_remote_state.z" -> "terraform_data.b";
  "terraform_data.a-1" -> "data.terraform_remote_state.z";
  "module.m.terraform_data.x" -> "terraform_data.a-1";
}
"#;

fn tree() -> Work {
    let work = Work::with(TREE);
    work.write("m/main.tf", "resource \"terraform_data\" \"x\" {\n}\n");
    work.write(
        ".terraform/modules/modules.json",
        r#"{"Modules":[{"Key":"","Source":"","Dir":"."},{"Key":"m","Source":"./m","Dir":"m"}]}"#,
    );
    work
}

#[test]
fn graphs_of_resources() {
    let work = tree();
    let ran = work.run(&["graph"]).code(0);
    assert_eq!(ran.stdout, TREE_GRAPH);
    let ran = work.run(&["graph", "-type=plan", "-draw-cycles"]).code(0);
    ran.says(&[
        "digraph {\n\tcompound = \"true\"\n\tnewrank = \"true\"\n\tsubgraph \"root\" {\n",
        r#""[root] module.m.terraform_data.x (expand)" [label = "module.m.terraform_data.x", shape = "box"]"#,
        r#""[root] var.n" [label = "var.n", shape = "note"]"#,
        r#""[root] local.both (expand)" -> "[root] data.terraform_remote_state.z (expand)""#,
        r#""[root] module.m (close)" -> "[root] module.m.terraform_data.x (expand)""#,
    ])
    .never_says(&[
        r#""[root] terraform_data.a-1 (expand)" -> "[root] terraform_data.b (expand)""#,
    ]);
    work.write("main.tf", "locals {\n  a = local.b\n  b = local.a\n}\n");
    work.run(&["graph"])
        .code(1)
        .says(&["Cycle: local.a, local.b"]);
    work.run(&["graph", "-type=bogus"])
        .code(1)
        .says(&["Unsupported graph type"]);
}

#[test]
fn graphs_of_operations() {
    let config = "resource \"terraform_data\" \"a\" {\n}\nresource \"terraform_data\" \"b\" {\n  input = terraform_data.a.id\n}\n";
    let work = Work::with(config);
    work.run(&["plan", "-out=create"]).code(0);
    let edge = |from: &str, to: &str| format!("\"[root] {from}\" -> \"[root] {to}\"\n");
    let (a, b) = ("terraform_data.a", "terraform_data.b");
    work.run(&["graph", "-plan=create"])
        .code(0)
        .says(&[&edge(b, a)]);
    work.run(&["apply", "create"]).code(0);
    let destroy = edge(&format!("{a} (destroy)"), &format!("{b} (destroy)"));
    work.run(&["graph", "-type=plan-destroy"])
        .code(0)
        .says(&[&destroy]);
    work.run(&["plan", "-destroy", "-out=destroy"]).code(0);
    work.run(&["graph", "-plan=destroy"])
        .code(0)
        .says(&[&destroy]);
    work.write("main.tf", "");
    work.run(&["graph"])
        .code(0)
        .says(&["does not contain any resources"]);
}

const CHAIN: &str = r#"
resource "terraform_data" "first" {
}

resource "terraform_data" "many" {
  for_each = toset(["x", "y"])
  input    = terraform_data.first.id
}

resource "terraform_data" "last" {
  input = [for one in terraform_data.many : one.id]
}

resource "terraform_data" "aside" {
}

output "last" {
  value = terraform_data.last.id
}
"#;

#[test]
fn what_is_excluded_stays_as_it_is() {
    let work = Work::with(CHAIN);
    let limited = "Resource targeting is in effect";
    let many = "-exclude=terraform_data.many";
    work.run(&["plan", many, "-target=terraform_data.aside"])
        .code(1)
        .says(&["Invalid combination of arguments"]);
    work.run(&["plan", "-exclude=what?"])
        .code(1)
        .says(&["Invalid exclude \"what?\""]);
    work.run(&["apply", "-auto-approve", many])
        .code(0)
        .says(&[limited, "Resources: 2 added"])
        .never_says(&["last = "]);
    assert_eq!(
        work.state_list(),
        ["terraform_data.aside", "terraform_data.first"]
    );
    work.run(&[
        "apply",
        "-auto-approve",
        "-exclude=terraform_data.many[\"x\"]",
    ])
    .code(0)
    .says(&["Resources: 1 added"]);
    assert_eq!(
        work.state_list(),
        [
            "terraform_data.aside",
            "terraform_data.first",
            "terraform_data.many[\"y\"]"
        ]
    );
    let plan = work.run(&["plan", "-exclude=terraform_data.first", "-out=p"]);
    plan.code(0).says(&["No changes"]);
    assert_eq!(work.json(&["show", "-json", "p"])["complete"], false);
    work.run(&["apply", "-auto-approve"])
        .code(0)
        .says(&["Resources: 2 added"]);
    work.run(&["refresh", many]).code(0);
}

#[test]
fn what_something_excluded_needs_is_not_destroyed() {
    let work = Work::with(CHAIN);
    work.run(&["apply", "-auto-approve"]).code(0);
    work.run(&[
        "destroy",
        "-auto-approve",
        "-exclude=terraform_data.many[\"x\"]",
    ])
    .code(0)
    .says(&["Resources: 3 destroyed"]);
    assert_eq!(
        work.state_list(),
        ["terraform_data.first", "terraform_data.many[\"x\"]"]
    );
    work.write("main.tf", "");
    work.run(&["plan", "-exclude=terraform_data.many"])
        .code(0)
        .never_says(&["to destroy"]);
    work.run(&["plan", "-exclude=terraform_data.first"])
        .code(0)
        .says(&["1 to destroy"]);
    let moved = "moved {\n  from = terraform_data.first\n  to   = terraform_data.other\n}\nresource \"terraform_data\" \"other\" {\n}\n";
    work.write("main.tf", moved);
    work.run(&["plan", "-exclude=terraform_data.other"])
        .code(1)
        .says(&["Moved resource instances excluded by targeting"]);
    let counted = moved
        .replace("data.other\n", "data.other[0]\n")
        .replace("\"other\" {", "\"other\" {\n  count = 1");
    work.write("main.tf", counted);
    work.run(&["plan", "-target=terraform_data.many"])
        .code(1)
        .says(&["\n  -target='terraform_data.other[0]'"]);
}

/// What the documents of a stream are, and of what they tell.
fn kinds(stream: &str) -> Vec<String> {
    let document = |line: &str| -> serde_json::Value { serde_json::from_str(line).unwrap() };
    stream
        .lines()
        .map(|line| document(line)["type"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn people_and_tools_at_once() {
    let work = Work::with(CHAIN);
    let apply = ["apply", "-auto-approve", "-json-into=events"];
    work.write("events", "what was there before");
    work.run(&apply)
        .code(0)
        .says(&[
            "Apply complete! Resources: 5 added",
            "terraform_data.aside: Creation complete",
        ])
        .never_says(&["@level"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let mode = std::fs::metadata(work.path().join("events"))
            .unwrap()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let both = kinds(&work.read("events"));
    work.run(&["destroy", "-auto-approve"]).code(0);
    let json = work.run(&["apply", "-auto-approve", "-json"]).code(0);
    let mut alone = kinds(&json.stdout);
    let mut sorted = both.clone();
    // What runs side by side may end in any order.
    alone.sort();
    sorted.sort();
    assert_eq!(sorted, alone);
    assert_eq!(both.first().unwrap(), "version");
    assert_eq!(both.last().unwrap(), "outputs");
    work.run(&["plan", "-json", "-json-into=x"]).code(1);
    work.run(&["plan", "-json-into=no/such/place"])
        .code(1)
        .says(&["no/such/place"]);
    for args in [
        &["init", "-json-into=events"][..],
        &["refresh", "-json-into=events"],
        &["plan", "-json-into=events"],
    ] {
        work.run(args).code(0).never_says(&["@level"]);
        assert_eq!(kinds(&work.read("events"))[0], "version", "{args:?}");
    }
    for args in [
        &["validate", "-json-into=one"][..],
        &["show", "-json-into=one"],
        &["output", "-json-into=one"],
    ] {
        work.run(args).code(0).never_says(&["{\""]);
        serde_json::from_str::<serde_json::Value>(&work.read("one")).unwrap();
    }
}

#[test]
fn errors_are_told_to_both() {
    let work = Work::with("resource \"terraform_data\" \"x\" {\n  inptu = 1\n}\n");
    work.run(&["plan", "-json-into=events"])
        .code(1)
        .says(&["Unsupported argument"]);
    assert!(kinds(&work.read("events")).contains(&"diagnostic".to_owned()));
    work.run(&["validate", "-json-into=one"])
        .code(1)
        .says(&["Unsupported argument"]);
    let document: serde_json::Value = serde_json::from_str(&work.read("one")).unwrap();
    assert_eq!(
        document["diagnostics"][0]["summary"],
        "Unsupported argument"
    );
}

#[cfg(unix)]
#[test]
fn tools_read_from_a_pipe() {
    let work = Work::with(CHAIN);
    let pipe = work.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let mut run = Running::muster(&work, &["apply", "-auto-approve", "-json-into=pipe"]);
    let stream = std::fs::read_to_string(&pipe).unwrap();
    run.end().code(0).says(&["5 added"]);
    assert_eq!(kinds(&stream).last().unwrap(), "outputs");
}

#[test]
fn what_is_listed_has_to_be_there() {
    let work = Work::with(
        "resource \"terraform_data\" \"a\" {\n}\nresource \"terraform_data\" \"b\" {\n  count = 2\n}\n",
    );
    work.run(&["state", "list"])
        .code(1)
        .says(&["No state file was found!"]);
    work.run(&["apply", "-auto-approve"]).code(0);
    let list = |args: &[&str], expect: &[&str]| {
        let ran = work.run(&[&["state", "list"], args].concat()).code(0);
        let found: Vec<&str> = ran.stdout.lines().collect();
        assert_eq!(found, expect, "{args:?}");
    };
    let (a, b) = ("terraform_data.a", "terraform_data.b");
    let (b0, b1) = ("terraform_data.b[0]", "terraform_data.b[1]");
    list(&[], &[a, b0, b1]);
    list(&[b, a], &[b0, b1, a]);
    list(&[b1, b1], &[b1, b1]);
    let shown = work.run(&["state", "show", a]).code(0).stdout;
    let id = shown.split('"').find(|part| part.len() == 36).unwrap();
    list(&[&format!("-id={id}")], &[a]);
    list(&[&format!("-id={id}"), b], &[]);
    list(&["-id=none"], &[]);
    for (address, summary) in [
        ("terraform_data.no", "Unknown resource\n"),
        ("data.terraform_data.a", "Unknown resource\n"),
        ("terraform_data.b[7]", "Unknown resource instance"),
        ("module.no", "Unknown module"),
        ("what?", "Invalid character"),
        ("terraform_data", "Invalid address"),
        ("1.2", "Variable name required"),
    ] {
        let ran = work.run(&["state", "list", a, address]).code(1);
        assert_eq!(ran.stdout, "", "{address}");
        ran.says(&[summary]);
    }
    for address in ["terraform_data.no", b, "terraform_data.b[7]"] {
        work.run(&["state", "show", address])
            .code(1)
            .says(&["No instance found for the given address!"]);
    }
    for address in ["what?", "terraform_data", "module.x"] {
        work.run(&["state", "show", address])
            .code(1)
            .says(&[&format!("Error parsing instance address: {address}")]);
    }
}

/// Checks what is wrong with the `lifecycle` block of a resource `terraform_data.x`, when the
/// configuration is validated and when a plan is made.
fn lifecycle(content: &str, valid: &[&str], plan: &[&str]) {
    let config =
        format!("resource \"terraform_data\" \"x\" {{\n  lifecycle {{\n    {content}\n  }}\n}}\n");
    let work = Work::with(&config);
    let ran = work.run(&["validate", "-json"]);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let found = document["diagnostics"].as_array().unwrap().iter();
    let found: Vec<&str> = found.map(|d| d["summary"].as_str().unwrap()).collect();
    assert_eq!(found, valid, "{content}");
    let code = i32::from(!plan.is_empty());
    work.run(&["plan"]).code(code).says(plan);
}

#[test]
fn lifecycles_that_terraform_refuses() {
    let same = |content: &str, summaries: &[&str]| lifecycle(content, summaries, summaries);
    let redundant = "Redundant ignore_changes element";
    same("ignore_changes = [nope]", &["Unsupported attribute"]);
    same("ignore_changes = [id[0]]", &["Invalid index"]);
    same("ignore_changes = [input.a.b]", &[]);
    lifecycle(
        "ignore_changes = [id, output]",
        &[redundant, redundant],
        &[],
    );
    let trigger = "Invalid replace_triggered_by expression";
    let reference = "Invalid reference in replace_triggered_by expression";
    same("replace_triggered_by = [local.a]", &[reference, trigger]);
    let undeclared = "Reference to undeclared resource";
    let each = "Reference to \"each\" in context without for_each";
    lifecycle(
        "replace_triggered_by = [terraform_data.no]",
        &[],
        &[undeclared],
    );
    lifecycle(
        "replace_triggered_by = [terraform_data.no[each.key]]",
        &[],
        &[each],
    );
    let condition = |kind: &str, of: &str| {
        format!("{kind} {{\n condition = {of}.id == 1\n error_message = \"m\"\n }}")
    };
    let (before, after) = ("precondition", "postcondition");
    let this = "Invalid \"self\" reference";
    same(&condition(before, "self"), &[this, "Unknown variable"]);
    let own = "Invalid reference in precondition";
    same(&condition(before, "terraform_data.x"), &[own]);
    let own = "Invalid reference in postcondition";
    same(&condition(after, "terraform_data.x"), &[own]);
}

#[test]
fn states_of_lost_providers() {
    let work = Work::with("");
    let state = r#"{"version": 4, "terraform_version": "1.4.0", "serial": 7, "lineage": "x", "outputs": {}, "resources": [{"mode": "managed", "type": "lost_thing", "name": "x", "provider": "provider[\"registry.example.invalid/example/lost\"]", "instances": [{"schema_version": 0, "attributes": {"id": "1"}}]}]}"#;
    work.write("terraform.tfstate", state);
    work.run(&["plan"])
        .code(1)
        .says(&["Missing required provider", "example/lost"]);
    work.run(&["state", "rm", "lost_thing.x"]).code(0);
    work.run(&["plan"]).code(0);
}

/// Runs the program with a variable of the environment.
fn run_with(work: &Work, variable: (&str, &str), args: &[&str]) -> Ran {
    let mut command = work.command(args);
    Ran::new(&command.env(variable.0, variable.1).output().unwrap())
}

#[test]
fn logs() {
    let work = Work::with(CHAIN);
    let plan: &[&str] = &["plan", "-var=secret=hidden"];
    let quiet = work.run(&["plan"]).code(0);
    assert_eq!(quiet.stderr, "");
    let ran = run_with(&work, ("TF_LOG", "info"), &["plan"]).code(0);
    assert_eq!(ran.stdout, quiet.stdout);
    for part in [" [INFO]  muster ", "CLI command args: [\"plan\"]"] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    let ran = run_with(&work, ("TF_LOG_CORE", "json"), &["apply", "-auto-approve"]).code(0);
    let documents = ran
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let documents: Vec<serde_json::Value> = documents.collect();
    let finished = |d: &serde_json::Value| {
        let message = d["@message"].as_str().unwrap();
        d["@level"] == "debug" && message.starts_with("run: terraform_data.last: Create is done")
    };
    assert!(documents.iter().any(finished), "{}", ran.stderr);
    let ran = run_with(&work, ("TF_LOG", "ERROR"), plan).code(1);
    assert!(ran.stderr.contains(" [ERROR] "), "{}", ran.stderr);
    let ran = run_with(&work, ("TF_LOG", "TRACE"), plan).code(1);
    ran.never_says(&["hidden"]);
    let ran = run_with(&work, ("TF_LOG", "loud"), &["plan"]).code(0);
    ran.says(&["[WARN] There is no log level"]);
    assert_eq!(run_with(&work, ("TF_LOG", "off"), &["plan"]).stderr, "");
    assert_eq!(
        run_with(&work, ("TF_LOG_PATH", "log"), &["plan"]).stderr,
        ""
    );
    assert!(!work.path().join("log").exists());
    let mut command = work.command(&["plan"]);
    command.env("TF_LOG", "debug").env("TF_LOG_PATH", "log");
    assert_eq!(Ran::new(&command.output().unwrap()).code(0).stderr, "");
    assert!(
        work.read("log")
            .contains("run: terraform_data.last: Refresh begins")
    );
}

#[test]
fn what_the_environment_says() {
    let work = Work::with(CHAIN);
    let next = "To perform exactly these actions";
    let save: &[&str] = &["plan", "-out=p"];
    work.run(save).code(0).says(&[next]);
    let automation = ("TF_IN_AUTOMATION", "1");
    run_with(&work, automation, save)
        .code(0)
        .says(&["Saved the plan to: p"])
        .never_says(&[next]);
    run_with(&work, automation, &["init"])
        .code(0)
        .never_says(&["Run \"muster plan\""]);
    let missing = "Unable to open CLI configuration file";
    run_with(&work, ("TF_CLI_CONFIG_FILE", "/no/such/file"), &["plan"])
        .code(0)
        .says(&[missing]);
}

#[test]
fn modules_are_listed() {
    let work = tree();
    let text = "\nModules declared by configuration:\n.\n└── \"m\"[./m]\n\n";
    assert_eq!(work.run(&["modules"]).code(0).stdout, text);
    let list = work.json(&["modules", "-json"]);
    let expect = r#"{"format_version":"1.0","modules":[{"key":"m","source":"./m","version":""}]}"#;
    assert_eq!(list.to_string(), expect);
    let work = Work::with("");
    work.run(&["modules"])
        .code(0)
        .says(&["No modules found in configuration."]);
    assert!(work.json(&["modules", "-json"])["modules"].is_null());
}

#[test]
fn states_in_other_files() {
    let work = Work::with("resource \"terraform_data\" \"a\" {\n}\n");
    work.run(&["apply", "-auto-approve", "-state=one"]).code(0);
    let one = work.read("one");
    let more = "resource \"terraform_data\" \"a\" {\n}\nresource \"terraform_data\" \"b\" {\n}\n";
    work.write("main.tf", more);
    work.run(&["apply", "-auto-approve", "-state=one", "-state-out=two"])
        .code(0)
        .says(&["1 added"]);
    assert_eq!(work.read("one"), one);
    let two = work.run(&["state", "list", "-state=two"]).stdout;
    assert_eq!(two.lines().count(), 2);
    work.run(&[
        "state",
        "rm",
        "-state=two",
        "-backup=three",
        "terraform_data.a",
    ])
    .code(0);
    let three = work.run(&["state", "list", "-state=three"]).stdout;
    assert_eq!(three, two);
    let gone: &[&str] = &["destroy", "-auto-approve", "-state=two", "-backup=-"];
    work.run(gone).code(0);
    assert!(!work.path().join("two.backup").exists());
}

#[test]
fn options_that_terraform_knows() {
    let work = Work::with("resource \"terraform_data\" \"a\" {\n}\n");
    work.run(&["apply", "-auto-approve"]).code(0);
    for args in [
        &["validate", "-no-tests", "-test-directory=t"][..],
        &["providers", "-test-directory=t"],
        &["taint", "-ignore-remote-version", "terraform_data.a"],
        &[
            "state",
            "rm",
            "-ignore-remote-version",
            "-dry-run",
            "terraform_data.a",
        ],
        &["workspace", "list"],
        &["state", "list"],
        &["graph"],
        &["modules"],
        &["output"],
        &["version"],
    ] {
        work.run(&[args, &["-no-color"]].concat()).code(0);
        run_with(&work, ("TF_CLI_ARGS", "-no-color"), args).code(0);
    }
    work.run(&["init", "-backend-config=path=x"])
        .code(0)
        .says(&["Warning: Missing backend configuration"]);
    work.run(&["import", "-config=/", "terraform_data.a", "x"])
        .code(1)
        .says(&["Unsupported option -config"]);
}

#[test]
fn streams_begin_with_the_version_whatever_is_wrong() {
    let work = Work::with("output \"o\" {\n  value = local.gone\n}\n");
    for args in [
        &["plan", "-json"][..],
        &["apply", "-json", "-auto-approve"],
        &["apply", "-json", "gone.plan"],
        &["refresh", "-json"],
    ] {
        let ran = work.run(args).code(1);
        assert_eq!(kinds(&ran.stdout), ["version", "diagnostic"], "{args:?}");
    }
}
