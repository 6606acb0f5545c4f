//! What is said of all instances of a resource or a module, and of what has only moved.

use super::only;
use crate::harness::Work;

const OTHER: &str = r#"{"version":4,"terraform_version":"1.11.4","serial":1,"lineage":"a","outputs":{},"resources":[]}"#;

#[test]
fn what_was_only_read_counts() {
    let work = Work::with("module \"m\" {\n  source = \"./m\"\n}\n");
    let read = "data \"terraform_remote_state\" \"d\" {
  for_each = { a = \"other.tfstate\", b = \"other.tfstate\" }
  backend  = \"local\"
  config   = { path = each.value }
}
";
    work.write("m/main.tf", read);
    work.write("other.tfstate", OTHER);
    work.run(&["init"]).code(0);
    let told = "└─ module.m.data.terraform_remote_state.d[\"a\"] and 1 more were read while planning  m/main.tf:1\n   for_each = { a = \"other.tfstate\", b = \"other.tfstate\" }  m/main.tf:2";
    only(
        &work,
        &["module.m"],
        &format!("module.m: 0 of 2 instances change  main.tf:1\n{told}"),
    );
    let late = read.replace("b = \"other.tfstate\"", "b = terraform_data.path.output");
    let path = "resource \"terraform_data\" \"path\" {\n  input = \"other.tfstate\"\n}\n";
    work.write("m/main.tf", late + path);
    work.run(&["why", "module.m.data.terraform_remote_state.d"])
        .code(0)
        .says(&[
            "module.m.data.terraform_remote_state.d: 1 of 2 instances change",
            "d[\"b\"] will be read during apply",
            "d[\"a\"] was read while planning",
        ]);
    work.run(&["why", "module.m"])
        .code(0)
        .says(&["module.m: 2 of 3 instances change"]);
}

#[test]
fn what_earlier_replacements_of_instances_left() {
    let work = Work::with("resource \"terraform_data\" \"a\" {\n  count = 2\n}\n");
    work.run(&["apply", "-auto-approve"]).code(0);
    let mut state: serde_json::Value =
        serde_json::from_str(&work.read("terraform.tfstate")).unwrap();
    let instances = state["resources"][0]["instances"].as_array_mut().unwrap();
    let mut deposed = instances[0].clone();
    deposed["deposed"] = "abcd1234".into();
    instances.push(deposed);
    state["serial"] = 10.into();
    work.write("terraform.tfstate", state.to_string());
    let told = "└─ terraform_data.a[0] (deposed object abcd1234) will be destroyed: an earlier replacement left it  main.tf:1";
    let check = |args: &[&str], counts: &str| {
        let head = format!("terraform_data.a: {counts} instances change  main.tf:1");
        only(&work, args, &format!("{head}\n{told}"));
    };
    check(&["terraform_data.a"], "1 of 2");
    let ran = work
        .run(&["why", "-replace=terraform_data.a[0]", "terraform_data.a"])
        .code(0)
        .says(&[
            "terraform_data.a: 1 of 2 instances change",
            told.trim_start_matches("└─ "),
        ]);
    assert_eq!(ran.stdout.matches("terraform_data.a[0]").count(), 2);
}

#[test]
fn what_has_only_moved_was_not_changed_outside() {
    let config = |name: &str| format!("resource \"terraform_data\" \"{name}\" {{}}\n");
    let work = Work::with(&config("a"));
    work.run(&["apply", "-auto-approve"]).code(0);
    let moved = "moved {\n  from = terraform_data.a\n  to   = terraform_data.b\n}\n";
    work.write("main.tf", config("b") + moved);
    only(
        &work,
        &["-refresh-only", "terraform_data.b"],
        "terraform_data.b will be moved here from terraform_data.a  main.tf:1",
    );
}
