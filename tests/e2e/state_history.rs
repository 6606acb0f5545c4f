//! Earlier states: listed, compared and brought back.

use std::io::Write as _;
use std::process::Stdio;

use crate::harness::{Ran, Work};

const APPLY: &[&str] = &["apply", "-auto-approve"];

fn config(input: &str) -> String {
    format!(
        "variable \"secret\" {{\n  default   = \"hunter-{input}\"\n  sensitive = true\n}}\n\nresource \"terraform_data\" \"a\" {{\n  input = \"{input}\"\n}}\n\nresource \"terraform_data\" \"s\" {{\n  triggers_replace = var.secret\n}}\n\noutput \"o\" {{\n  value = \"out {input}\"\n}}\n"
    )
}

/// A directory whose state was written once for each input.
fn applied(inputs: &[&str]) -> Work {
    let work = Work::empty();
    for input in inputs {
        work.write("main.tf", config(input));
        work.run(APPLY).code(0);
    }
    work
}

/// Runs a command with somebody at the keyboard.
fn answered(work: &Work, args: &[&str], answer: &str) -> Ran {
    let mut command = work.command(args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that does not ask may be gone already.
    let _ = stdin.write_all(answer.as_bytes());
    drop(stdin);
    Ran::new(&child.wait_with_output().unwrap())
}

/// The serial numbers that are kept, the newest first.
fn serials(work: &Work) -> Vec<u64> {
    let json = work.json(&["state", "history", "-json"]);
    let versions = json["versions"].as_array().unwrap();
    versions
        .iter()
        .map(|v| v["serial"].as_u64().unwrap())
        .collect()
}

fn state(work: &Work) -> serde_json::Value {
    serde_json::from_str(&work.read("terraform.tfstate")).unwrap()
}

#[test]
fn earlier_states_are_listed() {
    let work = Work::with(&config("one"));
    work.run(&["state", "history"])
        .code(0)
        .says(&["There is no state yet."]);
    let work = applied(&["one", "two"]);
    let kept = serials(&work);
    assert_eq!(kept[0], state(&work)["serial"].as_u64().unwrap());
    assert!(kept.len() >= 2, "{kept:?}");
    let newest = &work.json(&["state", "history", "-json"])["versions"][0];
    assert_eq!(newest["instances"], 2);
    assert!(newest["who"].as_str().unwrap().contains('@'), "{newest}");
    work.run(&["state", "history"]).code(0).says(&[
        "SERIAL",
        "STORED",
        newest["who"].as_str().unwrap(),
    ]);
}

#[test]
fn differences_are_shown_without_secrets() {
    let work = applied(&["one", "two"]);
    let [newest, oldest] =
        [serials(&work)[0], *serials(&work).last().unwrap()].map(|s| s.to_string());
    let shown = [
        "terraform_data.a was changed",
        "\"one\" -> \"two\"",
        "\"out one\" -> \"out two\"",
    ];
    work.run(&["state", "diff", &oldest, &newest])
        .code(0)
        .says(&shown)
        .says(&["0 added, 2 changed, 0 removed", "(sensitive value)"])
        .never_says(&["hunter"]);
    work.run(&["state", "diff", &oldest])
        .code(0)
        .says(&shown)
        .never_says(&["hunter"]);
    work.run(&["state", "diff", &newest])
        .code(0)
        .says(&["say the same"]);
    let ran = work
        .run(&["state", "diff", "-json", &oldest, &newest])
        .code(0)
        .never_says(&["hunter"]);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let change = &json["resource_changes"][0];
    assert_eq!(change["address"], "terraform_data.a");
    assert_eq!(change["change"]["before"]["input"], "one");
    assert_eq!(change["change"]["after"]["input"], "two");
    assert_eq!(
        json["resource_changes"][1]["change"]["after"]["triggers_replace"],
        serde_json::Value::Null
    );
    work.run(&["state", "diff", "99"])
        .code(1)
        .says(&["No such state", "muster state history"]);
    work.run(&["state", "diff", "x"]).code(1);
}

#[test]
fn a_state_comes_back_as_a_new_one() {
    let work = applied(&["one", "two"]);
    let before = state(&work);
    let oldest = serials(&work).last().unwrap().to_string();
    let args = ["state", "restore", &oldest];
    work.run(&args)
        .code(1)
        .says(&["~ terraform_data.a", "Cancelled"]);
    answered(&work, &args, "no\n").code(1).says(&["Cancelled"]);
    assert_eq!(state(&work), before);
    answered(&work, &args, "yes\n")
        .code(0)
        .says(&["0 removed", "Restored"]);
    let after = state(&work);
    assert_eq!(after["lineage"], before["lineage"]);
    assert_eq!(
        after["serial"].as_u64(),
        before["serial"].as_u64().map(|s| s + 1)
    );
    assert_eq!(serials(&work)[0], after["serial"].as_u64().unwrap());
    work.run(&["plan", "-detailed-exitcode"])
        .code(2)
        .says(&["1 to add, 1 to change"]);
    work.run(&["state", "restore", "-auto-approve", &oldest])
        .code(0)
        .says(&["there is nothing to do"]);
    assert_eq!(state(&work), after);
    work.run(&["state", "restore", "-auto-approve", "99"])
        .code(1)
        .says(&["No such state"]);
}

#[test]
fn a_damaged_state_is_replaced_by_an_earlier_one() {
    let work = applied(&["one", "two"]);
    let before = state(&work);
    let serial = before["serial"].as_u64().unwrap();
    work.write("terraform.tfstate", "{\"version\": 4, \"ser");
    work.run(&["state", "list"]).code(1);
    assert_eq!(serials(&work)[0], serial);
    work.run(&["state", "restore", "-auto-approve", &serial.to_string()])
        .code(0);
    let after = state(&work);
    assert_eq!(after["resources"], before["resources"]);
    assert_eq!(after["serial"].as_u64(), Some(serial + 1));
    work.run(&["plan", "-detailed-exitcode"]).code(0);
}

#[test]
fn states_that_others_wrote_are_there_too() {
    let work = applied(&["one"]);
    let mut theirs = state(&work);
    theirs["serial"] = 40.into();
    theirs["outputs"]["o"]["value"] = "theirs".into();
    work.write(
        "terraform.tfstate",
        serde_json::to_vec_pretty(&theirs).unwrap(),
    );
    work.run(APPLY).code(0);
    assert_eq!(serials(&work)[..2], [41, 40]);
    work.run(&["state", "diff", "40"])
        .code(0)
        .says(&["\"theirs\" -> \"out one\""]);
    work.run(&["workspace", "new", "other"]).code(0);
    work.run(&["state", "history"])
        .code(0)
        .says(&["There is no state yet."]);
}

/// What the state history calls each state, the newest first.
fn names(work: &Work) -> Vec<String> {
    let json = work.json(&["state", "history", "-json"]);
    let versions = json["versions"].as_array().unwrap();
    let ids = versions.iter().map(|v| v["id"].as_str().unwrap());
    ids.map(str::to_owned).collect()
}

#[test]
fn states_with_the_same_serial_number() {
    let work = applied(&["one", "two"]);
    let newest = serials(&work)[0].to_string();
    let mut pushed = state(&work);
    pushed["outputs"]["o"]["value"] = "pushed".into();
    work.write("pushed.tfstate", serde_json::to_vec(&pushed).unwrap());
    work.run(&["state", "push", "-force", "pushed.tfstate"])
        .code(0);
    let names = names(&work);
    let both = [&names[0], &names[1]];
    assert_ne!(both[0], both[1]);
    assert!(both.iter().all(|n| n.starts_with(&format!("{newest}."))));
    work.run(&["state", "history"])
        .code(0)
        .says(&[both[0], both[1]]);
    work.run(&["state", "diff", both[1], both[0]])
        .code(0)
        .says(&["\"out two\" -> \"pushed\""]);
    let several = format!("Several states have the serial number {newest}");
    work.run(&["state", "diff", &newest])
        .code(0)
        .says(&[&several, both[1], "say the same"]);
    work.run(&["state", "diff", &format!("{newest}.00000000")])
        .code(1)
        .says(&["No such state"]);
    work.run(&["state", "restore", "-auto-approve", both[1]])
        .code(0)
        .says(&[&format!("Restored: state {} is now number", both[1])]);
    assert_eq!(state(&work)["outputs"]["o"]["value"], "out two");
}

#[test]
fn a_state_file_that_is_gone() {
    let work = applied(&["one", "two"]);
    let before = state(&work);
    let newest = serials(&work)[0];
    std::fs::remove_file(work.path().join("terraform.tfstate")).unwrap();
    let hint = [
        "The state file is missing",
        "terraform.tfstate is not there",
        "the last one had 2 resource instances",
        &format!("muster state restore {newest}"),
    ];
    work.run(&["plan"]).code(0).says(&hint);
    work.run(&["state", "list"]).code(1).says(&hint);
    work.run(&["state", "restore", "-auto-approve", &newest.to_string()])
        .code(0);
    assert_eq!(state(&work)["resources"], before["resources"]);
    work.run(&["plan", "-detailed-exitcode"])
        .code(0)
        .never_says(&["is not there"]);
    // Without objects nothing is lost with it.
    work.run(&["destroy", "-auto-approve"]).code(0);
    std::fs::remove_file(work.path().join("terraform.tfstate")).unwrap();
    work.run(&["plan"]).code(0).never_says(&["is not there"]);
}
