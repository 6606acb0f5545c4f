//! The commands around a run.

use crate::background::Running;
use crate::harness::Work;

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
    work.run(&["plan"])
        .code(1)
        .says(&["Error acquiring the state lock"]);
}

const TREE: &str = r#"
variable "n" {
  default = 1
}

locals {
  both = [terraform_data.b.id, data.terraform_remote_state.z.id]
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
