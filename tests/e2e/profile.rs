//! `-profile`: where the time of a run went.

use serde_json::Value;

use crate::harness::{Ran, Work};

/// The last object waits for the slow one, which waits for the first; one stands alone.
const CHAIN: &str = r#"
resource "terraform_data" "first" {}

resource "terraform_data" "slow" {
  input = terraform_data.first.id
  provisioner "local-exec" {
    command = "sleep 1"
  }
}

resource "terraform_data" "last" {
  for_each = toset(["a", "b"])
  input    = "${each.key} ${terraform_data.slow.id}"
}

resource "terraform_data" "alone" {}
"#;

/// The content of the only document of the type `profile`, which is the last one.
#[track_caller]
fn profile(ran: &Ran) -> Value {
    let documents = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{e}: {line}")));
    let documents: Vec<Value> = documents.collect();
    let is_profile = |d: &&Value| d["type"] == "profile";
    assert_eq!(documents.iter().filter(is_profile).count(), 1);
    let last = documents.last().unwrap();
    assert_eq!(last["type"], "profile", "{last}");
    last["profile"].clone()
}

fn phase<'p>(profile: &'p Value, name: &str) -> &'p Value {
    let phases = profile["phases"].as_array().unwrap();
    phases.iter().find(|p| p["phase"] == name).unwrap()
}

/// The objects of a path, and the time of it all together.
fn path(phase: &Value) -> (Vec<String>, f64) {
    let links = phase["critical_path"].as_array().unwrap();
    let names = links.iter().map(|l| l["addr"].as_str().unwrap().to_owned());
    let seconds = |v: &Value| v.as_f64().unwrap();
    let times = links
        .iter()
        .map(|l| seconds(&l["seconds"]) + seconds(&l["waited_seconds"]));
    (
        names.collect(),
        times.sum::<f64>() + seconds(&phase["rest_seconds"]),
    )
}

#[test]
fn what_an_apply_waited_for() {
    let work = Work::with(CHAIN);
    let ran = work
        .run(&["apply", "-auto-approve", "-profile", "-json"])
        .code(0);
    let found = profile(&ran);
    let apply = phase(&found, "apply");
    let (names, sum) = path(apply);
    assert_eq!(names[..2], ["terraform_data.first", "terraform_data.slow"]);
    assert_eq!(names.len(), 3);
    assert!(names[2].starts_with("terraform_data.last["), "{names:?}");
    let total = apply["seconds"].as_f64().unwrap();
    assert!((sum - total).abs() < 1e-3, "{sum} is not {total}");
    let create = &found["operations"][0];
    assert_eq!(create["operation"], "create");
    assert_eq!(create["calls"], 5);
    assert!(create["max_seconds"].as_f64().unwrap() >= 1.0);
    assert!(create["max_seconds"].as_f64().unwrap() <= total);
    assert!(found.get("longest_chain").is_none());
    let state = &found["state"];
    // That the run began, the result of each object, and that the state is stored.
    assert!(state["journal_records"].as_u64().unwrap() >= 7, "{state}");
    assert!(state["journal_bytes"].as_u64().unwrap() > 5 * 100);
    let part = |name: &str| state[name].as_f64().unwrap();
    assert!(part("snapshot_seconds") > 0.0, "{state}");
    let share = part("share");
    assert!(share > 0.0 && share < 1.0, "{state}");

    // Everything is read when a plan is made, in the order of the configuration.
    let ran = work.run(&["plan", "-profile", "-json"]).code(0);
    let (names, _) = path(phase(&profile(&ran), "plan"));
    assert!(!names.is_empty());

    let ran = work.run(&["destroy", "-auto-approve", "-profile"]).code(0);
    ran.says(&[
        "Profile: plan took 0.",
        "Critical path of the apply:",
        "Destroy complete! Resources: 5 destroyed.",
        " delete    |",
        "Time of providers:",
        "terraform.io/builtin/terraform | refresh ",
    ]);
}

#[test]
fn what_blocks_what_in_a_plan() {
    let work = Work::with(CHAIN);
    let ran = work.run(&["plan", "-profile", "-out=tfplan"]).code(0);
    ran.says(&[
        "Plan: 5 to add, 0 to change, 0 to destroy.",
        "Longest chain of the plan's 5 steps, each of which waits for the one above:",
        " 1 | terraform_data.first ",
        " 2 | terraform_data.slow ",
        " 3 | terraform_data.last[",
    ]);
    let ran = work.run(&["apply", "-profile", "-json", "tfplan"]).code(0);
    let found = profile(&ran);
    assert_eq!(found["phases"].as_array().unwrap().len(), 1);
    assert_eq!(path(phase(&found, "apply")).0.len(), 3);
}

#[test]
fn a_run_that_fails_is_measured_too() {
    let work = Work::with(&CHAIN.replace("sleep 1", "false"));
    let ran = work.run(&["apply", "-auto-approve", "-profile"]).code(1);
    ran.says(&[
        "Critical path of the apply:",
        " terraform_data.slow  | create ",
        "local-exec provisioner error",
    ]);
    let ran = work.run(&["apply", "-auto-approve"]);
    ran.never_says(&["Profile:", "Critical path"]);
}
