//! Ephemeral resources and write-only arguments, through the process of a provider: what is secret
//! reaches those who need it, and is in nothing that stays.

use std::path::Path;

use serde_json::Value;

use crate::harness::{Ran, Work};

const HUB: &str = r#"terraform {
  required_providers {
    muster = { source = "muster/muster" }
  }
}

provider "muster" {
  sim {
    path = "sim.json"
  }
}

resource "muster_zone" "hub" {
  name     = "hub"
  type     = "edge"
  location = "here"
  capacity = { cpu = 4 }
}
"#;

/// A zone that is signed in to with a token of the other one.
const EDGE: &str = r#"
ephemeral "muster_zone_token" "hub" {
  zone_id = muster_zone.hub.id
  ttl     = "5m"
}

resource "muster_zone" "edge" {
  name                  = "edge"
  type                  = "edge"
  location              = "there"
  capacity              = { cpu = 1 }
  credential_wo         = ephemeral.muster_zone_token.hub.token
  credential_wo_version = 1

  lifecycle {
    precondition {
      condition     = startswith(ephemeral.muster_zone_token.hub.token, "mzt_") && length(ephemeral.muster_zone_token.hub.token) > 60
      error_message = "This is no token."
    }
  }
}
"#;

/// What every token begins with.
const TOKEN: &str = "mzt_";

fn world(work: &Work) -> Value {
    serde_json::from_str(&work.read("sim.json")).unwrap()
}

/// The digest of what a zone is signed in to with.
fn credential(work: &Work, zone: &str) -> Option<String> {
    let world = world(work);
    let zones = world["zones"].as_object().unwrap();
    let (id, _) = zones
        .iter()
        .find(|(_, z)| z["spec"]["name"] == zone)
        .unwrap();
    world["credentials"][id].as_str().map(str::to_owned)
}

/// Runs with a log of everything, and looks for secrets wherever the run has left something.
#[track_caller]
fn run(work: &Work, args: &[&str], secrets: &[&str]) -> Ran {
    let output = work
        .command(args)
        .env("TF_LOG", "trace")
        .env("TF_LOG_PATH", work.path().join("all.log"))
        .output();
    let ran = Ran::new(&output.unwrap()).code(0).never_says(secrets);
    nowhere_in(work.path(), secrets);
    ran
}

#[track_caller]
fn nowhere_in(folder: &Path, secrets: &[&str]) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            nowhere_in(&path, secrets);
        } else if path.extension().is_none_or(|e| e != "tf" && e != "tfvars") {
            let bytes = std::fs::read(&path).unwrap();
            for secret in secrets {
                let found = bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
                assert!(!found, "{secret} is in {}", path.display());
            }
        }
    }
}

#[test]
fn a_token_goes_from_one_zone_to_another() {
    let work = Work::with(HUB);
    work.run(&["init"]).code(0);
    work.run(&["apply", "-auto-approve"]).code(0);
    work.write("edge.tf", EDGE);
    // Whatever a token goes on with.
    let digits = "0123456789abcdef".chars();
    let all: Vec<String> = digits.map(|c| format!("{TOKEN}{c}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    run(&work, &["plan", "-out=p"], &all)
        .says(&["ephemeral.muster_zone_token.hub: Opening...", "1 to add"]);
    run(&work, &["show", "-json", "p"], &all);
    run(&work, &["apply", "p"], &all).says(&[
        "ephemeral.muster_zone_token.hub: Opening complete",
        "ephemeral.muster_zone_token.hub: Closing complete",
        "1 added",
    ]);
    let first = credential(&work, "edge").unwrap();
    assert_eq!(credential(&work, "hub"), None);
    assert!(world(&work)["tokens"].is_null(), "all are revoked");
    let state: Value = serde_json::from_str(&work.read("terraform.tfstate")).unwrap();
    let kept = state["resources"].as_array().unwrap();
    assert!(kept.iter().all(|r| r["type"] == "muster_zone"), "{state}");
    let edge = kept.iter().find(|r| r["name"] == "edge").unwrap();
    let edge = &edge["instances"][0]["attributes"];
    assert_eq!(edge["credential_wo"], Value::Null);
    assert_eq!(edge["credential_wo_version"], 1);

    // Another token is no change, and another version sends it.
    let args = ["plan", "-detailed-exitcode"];
    run(&work, &args, &all).says(&["No changes."]);
    assert_eq!(credential(&work, "edge").unwrap(), first);
    work.write("edge.tf", EDGE.replace("version = 1", "version = 2"));
    run(&work, &["apply", "-auto-approve"], &all).says(&["0 added, 1 changed"]);
    assert_ne!(credential(&work, "edge").unwrap(), first);
    assert!(world(&work)["tokens"].is_null());
    let shown = run(&work, &["show", "-json"], &all).stdout;
    assert!(shown.contains("credential_wo_version"));
    run(&work, &["output", "-json"], &all);
    run(&work, &["state", "pull"], &all);
}

/// What a token is for need not be there yet: then it is opened in the middle of the apply.
#[test]
fn what_is_made_in_the_same_run_has_a_token_too() {
    let work = Work::with(HUB);
    let config = EDGE.replace("muster_zone.hub.id", "terraform_data.id.output");
    let id = "resource \"terraform_data\" \"id\" {\n  input = muster_zone.hub.id\n}\n";
    work.write("edge.tf", format!("{config}{id}"));
    work.run(&["init"]).code(0);
    run(&work, &["apply", "-auto-approve"], &[]).says(&["3 added"]);
    assert!(credential(&work, "edge").is_some());
    assert!(world(&work)["tokens"].is_null());
}

#[test]
fn a_secret_of_the_command_line_is_in_nothing() {
    let config = HUB.replace(
        "capacity = { cpu = 4 }",
        "capacity = { cpu = 4 }\n  credential_wo = var.secret\n  credential_wo_version = var.n",
    );
    let variables =
        "variable \"secret\" {\n  ephemeral = true\n}\nvariable \"n\" {\n  default = 1\n}\n";
    let work = Work::with(&format!("{config}{variables}"));
    work.run(&["init"]).code(0);
    let secret = "hush-7e1c";
    let given = "secret=hush-7e1c";
    run(&work, &["plan", "-out=p", "-var", given], &[secret]);
    run(&work, &["apply", "-var", given, "p"], &[secret]).says(&["1 added"]);
    let first = credential(&work, "hub").unwrap();
    assert_eq!(first.len(), 64);
    let again = ["apply", "-auto-approve", "-var", "secret=other"];
    run(&work, &again, &["other"]).says(&["0 added, 0 changed"]);
    assert_eq!(credential(&work, "hub").unwrap(), first);
    let sent = [
        "apply",
        "-auto-approve",
        "-var",
        "secret=other",
        "-var",
        "n=2",
    ];
    run(&work, &sent, &[]).says(&["0 added, 1 changed"]);
    assert_ne!(credential(&work, "hub").unwrap(), first);
}

#[test]
fn tokens_that_cannot_be() {
    let work = Work::with(HUB);
    work.run(&["init"]).code(0);
    work.run(&["apply", "-auto-approve"]).code(0);
    let with = |old: &str, new: &str| work.write("edge.tf", EDGE.replace(old, new));
    with("\"5m\"", "\"5s\"");
    work.run(&["plan"])
        .code(1)
        .says(&["from 1m to 12h", "edge.tf line 4"]);
    with("muster_zone.hub.id", "\"nowhere\"");
    work.run(&["plan"]).code(1).says(&[
        "Error opening zone token",
        "ephemeral.muster_zone_token.hub",
    ]);
    // A token cannot be kept.
    with("credential_wo         =", "partner_id            =");
    work.run(&["plan"])
        .code(1)
        .says(&["Invalid use of ephemeral value"]);
    assert!(world(&work)["tokens"].is_null());
}
