//! States that people change by hand, and that other configurations look into.

use crate::harness::Work;

const APPLY: &[&str] = &["apply", "-auto-approve"];

const TWO: &str = "
resource \"terraform_data\" \"a\" {
  input = 1
}

resource \"terraform_data\" \"b\" {
  count = 2
}

output \"o\" {
  value = terraform_data.a.output
}
";

#[test]
fn objects_are_moved_marked_and_let_go_of() {
    let work = Work::with(TWO);
    work.run(APPLY).code(0);
    work.run(&["state", "mv", "terraform_data.a", "terraform_data.z"])
        .code(0)
        .says(&["Successfully moved 1 object(s)."]);
    assert_eq!(
        work.state_list(),
        [
            "terraform_data.b[0]",
            "terraform_data.b[1]",
            "terraform_data.z"
        ]
    );
    work.run(&["state", "mv", "terraform_data.z", "terraform_data.b[0]"])
        .code(1)
        .says(&["Invalid target address"]);
    work.run(&["state", "mv", "terraform_data.z", "terraform_data.a"])
        .code(0);
    work.run(&["plan", "-detailed-exitcode"]).code(0);

    work.run(&["taint", "terraform_data.b[1]"]).code(0);
    work.run(&["plan", "-detailed-exitcode"])
        .code(2)
        .says(&["is tainted, so must be replaced"]);
    work.run(&["untaint", "terraform_data.b[1]"]).code(0);
    work.run(&["untaint", "terraform_data.b[1]"]).code(1);
    work.run(&["taint", "terraform_data.nope"]).code(1);
    work.run(&["plan", "-detailed-exitcode"]).code(0);

    work.run(&["state", "rm", "-dry-run", "terraform_data.b"])
        .code(0)
        .says(&["Would remove terraform_data.b[0]"]);
    work.run(&["state", "rm", "terraform_data.b"])
        .code(0)
        .says(&["Successfully removed 2 resource instance(s)."]);
    assert_eq!(work.state_list(), ["terraform_data.a"]);
}

#[test]
fn older_and_foreign_states_are_not_pushed() {
    let work = Work::with(TWO);
    work.run(APPLY).code(0);
    work.write("old.tfstate", work.read("terraform.tfstate"));
    work.run(&["state", "rm", "terraform_data.b"]).code(0);
    let now = work.read("terraform.tfstate");
    work.run(&["state", "push", "old.tfstate"])
        .code(1)
        .says(&["The stored state is newer"]);
    let number = |text: &str| -> u64 {
        let state: serde_json::Value = serde_json::from_str(text).unwrap();
        state["serial"].as_u64().unwrap()
    };
    let of_now = format!("\"serial\": {}", number(&now));
    let old = work.read("old.tfstate");
    let of_old = format!("\"serial\": {}", number(&old));
    work.write("other.tfstate", old.replace(&of_old, &of_now));
    work.run(&["state", "push", "other.tfstate"])
        .code(1)
        .says(&["another one with the same serial number", "-force"])
        .never_says(&["The stored state is newer"]);
    assert_eq!(work.read("terraform.tfstate"), now);
    work.run(&["state", "push", "-force", "old.tfstate"])
        .code(0);
    assert_eq!(work.state_list().len(), 3);
    work.write("broken.tfstate", "{");
    work.run(&["state", "push", "broken.tfstate"]).code(1);
    assert_eq!(work.state_list().len(), 3);
}

#[test]
fn workspaces_have_states_of_their_own() {
    let work = Work::with(TWO);
    work.run(APPLY).code(0);
    work.run(&["workspace", "new", "blue"]).code(0);
    work.run(&["workspace", "new", "blue"]).code(1);
    work.run(&["plan"]).code(0).says(&["3 to add"]);
    work.run(APPLY).code(0);
    work.run(&["workspace", "select", "default"]).code(0);
    work.run(&["workspace", "list"])
        .code(0)
        .says(&["* default", "  blue"]);
    work.run(&["workspace", "delete", "blue"])
        .code(1)
        .says(&["is not empty"]);
    work.run(&["workspace", "delete", "-force", "blue"]).code(0);
    work.run(&["workspace", "select", "blue"]).code(1);
    assert_eq!(work.state_list().len(), 3);
}

#[test]
fn another_configuration_reads_the_outputs() {
    let work = Work::with(TWO);
    work.run(APPLY).code(0);
    let path = work.path().join("terraform.tfstate");
    let reader = |path: &str| {
        format!(
            "data \"terraform_remote_state\" \"other\" {{\n  backend = \"local\"\n  config  = {{ path = {path:?} }}\n}}\n\noutput \"seen\" {{\n  value = data.terraform_remote_state.other.outputs.o + 41\n}}\n"
        )
    };
    let other = Work::with(&reader(&path.to_string_lossy()));
    other.run(APPLY).code(0).says(&["seen = 42"]);
    other.write("main.tf", reader("nowhere.tfstate"));
    other
        .run(APPLY)
        .code(1)
        .says(&["Unable to find remote state"]);
}

/// What the objects of the root module depend on, by the names of their resources.
fn dependencies(work: &Work, name: &str) -> Vec<String> {
    let state: serde_json::Value = serde_json::from_str(&work.read("terraform.tfstate")).unwrap();
    let mut resources = state["resources"].as_array().unwrap().iter();
    let found = resources.find(|r| r["name"] == name && r["module"].is_null());
    let list = &found.unwrap()["instances"][0]["dependencies"];
    let list = list.as_array().into_iter().flatten();
    list.map(|d| d.as_str().unwrap().to_owned()).collect()
}

/// One output of a module depends on what it is made of, and a module as a whole on everything.
#[test]
fn dependencies_on_modules() {
    let work = Work::with(
        r#"
module "m" {
  source = "./m"
}
module "n" {
  source = "./m"
  count  = 2
}
resource "terraform_data" "output" {
  input = [module.m.one, module.n[0].one]
}
resource "terraform_data" "whole" {
  input = module.m
}
resource "terraform_data" "splat" {
  input = module.n[*].one
}
"#,
    );
    work.write(
        "m/main.tf",
        "resource \"terraform_data\" \"one\" {}\nresource \"terraform_data\" \"two\" {}\noutput \"one\" {\n  value = terraform_data.one.id\n}\n",
    );
    work.run(&["get"]).code(0);
    work.run(&["apply", "-auto-approve"]).code(0);
    let check = |name: &str, expect: &[&str]| {
        let expect: Vec<String> = expect
            .iter()
            .map(|at| at.replace('.', ".terraform_data."))
            .collect();
        let expect: Vec<String> = expect.iter().map(|at| format!("module.{at}")).collect();
        assert_eq!(dependencies(&work, name), expect, "{name}");
    };
    check("output", &["m.one", "n.one"]);
    check("whole", &["m.one", "m.two"]);
    check("splat", &["n.one", "n.two"]);
}

#[test]
fn a_refresh_of_a_part_applies_nothing() {
    let work = Work::with(TWO);
    work.run(APPLY).code(0);
    let target = "-target=terraform_data.a";
    let incomplete = "Applied changes may be incomplete";
    let told = &["Resource targeting is in effect"];
    let refreshed = work.run(&["refresh", target]).code(0);
    refreshed.says(told).never_says(&[incomplete]);
    let applied = work.run(&["apply", "-auto-approve", "-refresh-only", target]);
    applied.code(0).says(told).says(&[incomplete]);
}

/// Looking at objects decides nothing, so that what an object depended on stays, and what it will
/// depend on comes along.
#[test]
fn dependencies_of_what_is_only_looked_at() {
    let others = "resource \"terraform_data\" \"a\" {}\nresource \"terraform_data\" \"b\" {}\n";
    let on = |other: &str| {
        format!(
            "{others}resource \"terraform_data\" \"c\" {{\n  input = terraform_data.{other}.id\n}}\n"
        )
    };
    let work = Work::with(&on("a"));
    work.run(&["apply", "-auto-approve"]).code(0);
    assert_eq!(dependencies(&work, "c"), ["terraform_data.a"]);
    work.write("main.tf", on("b"));
    work.run(&["apply", "-auto-approve", "-refresh-only"])
        .code(0);
    let both = ["terraform_data.a", "terraform_data.b"];
    assert_eq!(dependencies(&work, "c"), both);
    work.run(&["apply", "-auto-approve"]).code(0);
    assert_eq!(dependencies(&work, "c"), ["terraform_data.b"]);
}
