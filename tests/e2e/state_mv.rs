//! `state mv`, within a state and into the state of another file.

use serde_json::Value;

use crate::harness::{Ran, Work};

const CONFIG: &str = "resource \"terraform_data\" \"a\" {\n  input = 1\n}\nresource \"terraform_data\" \"b\" {\n  count = 2\n}\nmodule \"m\" {\n  source = \"./m\"\n}\noutput \"o\" {\n  value = 1\n}\n";

fn applied() -> Work {
    let work = Work::with(CONFIG);
    work.write("m/m.tf", "resource \"terraform_data\" \"x\" {}\n");
    work.run(&["init"]).code(0);
    work.run(&["apply", "-auto-approve"]).code(0);
    work
}

fn mv(work: &Work, args: &[&str]) -> Ran {
    work.run(&[&["state", "mv"], args].concat())
}

fn document(work: &Work, file: &str) -> Value {
    serde_json::from_str(&work.read(file)).unwrap()
}

/// The addresses in a state file.
#[track_caller]
fn check(work: &Work, file: &str, expect: &[&str]) {
    let option = format!("-state={file}");
    let ran = work.run(&["state", "list", &option]);
    assert_eq!(ran.stdout.lines().collect::<Vec<_>>(), expect, "{file}");
}

/// How many files there are of those that a state had before, with a date in their name.
fn backups(work: &Work, file: &str) -> usize {
    let names = std::fs::read_dir(work.path()).unwrap().flatten();
    let names = names.map(|entry| entry.file_name().into_string().unwrap());
    let start = format!("{file}.");
    names
        .filter(|name| {
            let middle = name.strip_prefix(&start);
            let middle = middle.and_then(|name| name.strip_suffix(".backup"));
            middle.is_some_and(|date| date.chars().all(|c| c.is_ascii_digit()))
        })
        .count()
}

#[test]
fn into_another_file() {
    let work = applied();
    let before = work.read("terraform.tfstate");
    let out = "-state-out=other.tfstate";
    mv(
        &work,
        &["-dry-run", out, "terraform_data.a", "terraform_data.z"],
    )
    .code(0)
    .says(&["Would move \"terraform_data.a\" to \"terraform_data.z\""]);
    assert_eq!(work.read("terraform.tfstate"), before);
    assert!(!work.path().join("other.tfstate").exists());
    mv(&work, &[out, "terraform_data.a", "terraform_data.z"])
        .code(0)
        .says(&["Successfully moved 1 object(s)."]);
    check(&work, "other.tfstate", &["terraform_data.z"]);
    let rest = [
        "terraform_data.b[0]",
        "terraform_data.b[1]",
        "module.m.terraform_data.x",
    ];
    check(&work, "terraform.tfstate", &rest);
    let (old, new) = (
        document(&work, "terraform.tfstate"),
        document(&work, "other.tfstate"),
    );
    assert_ne!(old["lineage"], new["lineage"]);
    assert_eq!(new["serial"], 1);
    assert_eq!(new["outputs"], serde_json::json!({}));
    assert_eq!(old["outputs"]["o"]["value"], 1);
    let instance = &new["resources"][0]["instances"][0];
    assert_eq!(instance["attributes"]["input"]["value"], 1);
    // What is there is not overwritten.
    mv(&work, &[out, "terraform_data.b[0]", "terraform_data.z"])
        .code(1)
        .says(&["Error: Invalid target address"]);
    check(&work, "terraform.tfstate", &rest);
    mv(&work, &[out, "terraform_data.b", "terraform_data.b"]).code(0);
    let place = work.path().canonicalize().unwrap().join("other.tfstate");
    let told = format!(
        "Move \"module.m.terraform_data.x\" to \"module.n.terraform_data.x\" in {}\nSuccessfully moved 1 object(s).",
        place.display()
    );
    mv(&work, &[out, "module.m", "module.n"])
        .code(0)
        .says(&[&told]);
    let moved = [
        "terraform_data.b[0]",
        "terraform_data.b[1]",
        "terraform_data.z",
        "module.n.terraform_data.x",
    ];
    check(&work, "other.tfstate", &moved);
    check(&work, "terraform.tfstate", &[]);
    assert_eq!(backups(&work, "terraform.tfstate"), 3);
    assert_eq!(backups(&work, "other.tfstate"), 2);
}

#[test]
fn backups_have_the_names_they_are_given() {
    let work = applied();
    let before = work.read("terraform.tfstate");
    let named = ["-backup=b1", "-backup-out=b2", "-state-out=other.tfstate"];
    mv(
        &work,
        &[&named[..], &["terraform_data.a", "terraform_data.a"]].concat(),
    )
    .code(0);
    assert_eq!(work.read("b1"), before);
    // There was no such state before.
    assert!(!work.path().join("b2").exists());
    let other = work.read("other.tfstate");
    mv(
        &work,
        &[&named[..], &["terraform_data.b", "terraform_data.b"]].concat(),
    )
    .code(0);
    assert_eq!(work.read("b2"), other);
    let none = ["-backup=-", "-backup-out=-", "-state-out=other.tfstate"];
    mv(&work, &[&none[..], &["module.m", "module.m"]].concat()).code(0);
    assert_eq!(work.read("b2"), other);
    assert_eq!(backups(&work, "terraform.tfstate"), 0);
    assert_eq!(backups(&work, "other.tfstate"), 0);
    // The same file is no other one.
    let same = ["-state=other.tfstate", "-state-out=./other.tfstate"];
    mv(
        &work,
        &[&same[..], &["terraform_data.a", "terraform_data.c"]].concat(),
    )
    .code(0);
    let listed = work.run(&["state", "list", "-state=other.tfstate"]);
    listed
        .says(&["terraform_data.c"])
        .never_says(&["terraform_data.a"]);
    mv(
        &work,
        &[
            "-state=third.tfstate",
            "terraform_data.a",
            "terraform_data.b",
        ],
    )
    .code(1)
    .says(&["No state file was found!"]);
}

/// What depends on a resource that moves has no dependencies until the next plan, which finds them
/// in the configuration.
#[test]
fn dependents_of_what_moves() {
    let work = Work::with(
        "resource \"terraform_data\" \"a\" {}\nresource \"terraform_data\" \"b\" {\n  input = terraform_data.a.id\n}\nresource \"terraform_data\" \"c\" {\n  input = terraform_data.b.id\n}\n",
    );
    work.run(&["init"]).code(0);
    work.run(&["apply", "-auto-approve"]).code(0);
    let dependencies = || {
        let state = document(&work, "terraform.tfstate");
        let resources = state["resources"].as_array().unwrap();
        let found = resources.iter().map(|resource| {
            let found = &resource["instances"][0]["dependencies"];
            (resource["name"].clone(), found.clone())
        });
        Value::Array(
            found
                .map(|(name, found)| serde_json::json!([name, found]))
                .collect(),
        )
    };
    let (a, b) = ("terraform_data.a", "terraform_data.b");
    let expect = serde_json::json!([["a", null], ["b", [a]], ["c", [a, b]]]);
    assert_eq!(dependencies(), expect);
    mv(&work, &["terraform_data.b", "terraform_data.x"]).code(0);
    let expect = serde_json::json!([["a", null], ["c", null], ["x", [a]]]);
    assert_eq!(dependencies(), expect);
    mv(&work, &["terraform_data.x", "terraform_data.b"]).code(0);
    work.run(&["apply", "-auto-approve"]).code(0);
    let expect = serde_json::json!([["a", null], ["b", [a]], ["c", [a, b]]]);
    assert_eq!(dependencies(), expect);
}

#[test]
fn moves_that_make_no_sense() {
    let work = applied();
    let before = work.read("terraform.tfstate");
    let refuse = |from: &str, to: &str, summary: &str| {
        let summary = format!("Error: {summary}");
        mv(&work, &[from, to]).code(1).says(&[&summary]);
    };
    let request = "Invalid state move request";
    refuse("terraform_data.a", "data.terraform_data.a", request);
    refuse("terraform_data.a", "null_resource.a", request);
    let target = "Invalid target address";
    refuse("module.m", "terraform_data.x", target);
    refuse("terraform_data.a", "module.x", target);
    refuse("terraform_data.a", "terraform_data.b[1]", target);
    refuse("terraform_data.b", "terraform_data.a", target);
    refuse(
        "module.gone",
        "module.m",
        "Error moving state: destination module already exists",
    );
    let source = "Invalid source address";
    refuse("terraform_data.gone", "terraform_data.y", source);
    refuse("terraform_data.gone", "module.y", source);
    refuse("module.gone", "terraform_data.y", source);
    refuse("terraform_data.a[0]", "terraform_data.y", source);
    refuse("module.gone", "module.y", source);
    refuse("a b", "module.y", "Invalid character");
    assert_eq!(work.read("terraform.tfstate"), before);
    for args in [&["terraform_data.a"][..], &["a.b", "a.c", "a.d"]] {
        mv(&work, args)
            .code(1)
            .says(&["Exactly two arguments expected."]);
    }
}
