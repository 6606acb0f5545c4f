//! Terraform drives the provider: the whole story of `examples/quickstart`, and what it gets to
//! see for configurations that cannot be. Needs `terraform` on the PATH and says so otherwise.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A working directory with a configuration, and Terraform to work in it.
struct Workspace {
    folder: TempDir,
}

/// Whether there is a Terraform; says so when there is none.
fn has_terraform() -> bool {
    let found = Command::new("terraform").arg("version").output().is_ok();
    if !found {
        eprintln!("skipped: there is no terraform on the PATH");
    }
    found
}

impl Workspace {
    fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_terraform-provider-muster"));
        let overrides = format!(
            "provider_installation {{\n  dev_overrides {{\n    \"muster/muster\" = {:?}\n  }}\n  \
             direct {{}}\n}}\n",
            program.parent().unwrap()
        );
        fs::write(folder.path().join("cli.tfrc"), overrides).unwrap();
        Self { folder }
    }

    fn with_main(main: &str) -> Self {
        let workspace = Self::empty();
        let head = "terraform {\n  required_providers {\n    muster = { source = \
                    \"muster/muster\" }\n  }\n}\n";
        fs::write(workspace.path("main.tf"), format!("{head}{main}")).unwrap();
        workspace
    }

    fn quickstart() -> Self {
        let workspace = Self::empty();
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/quickstart");
        copy(&example, workspace.folder.path());
        workspace.ok(&["get", "-no-color"]);
        workspace
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new("terraform")
            .args(args)
            .current_dir(self.folder.path())
            .env("TF_CLI_CONFIG_FILE", self.path("cli.tfrc"))
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_IN_AUTOMATION", "1")
            .output()
            .unwrap()
    }

    #[track_caller]
    fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let text = text(&output);
        assert!(
            output.status.success(),
            "terraform {args:?} failed:\n{text}"
        );
        text
    }

    /// The changes that a plan makes, as `address: actions`, without those that are none
    /// and without reads.
    #[track_caller]
    fn plan(&self, vars: &[&str]) -> Vec<String> {
        let mut args = vec!["plan", "-no-color", "-input=false", "-out=tfplan"];
        args.extend_from_slice(vars);
        self.ok(&args);
        let shown = self.run(&["show", "-json", "tfplan"]);
        let plan: Value = serde_json::from_slice(&shown.stdout).unwrap();
        let changes = plan["resource_changes"].as_array().unwrap();
        let described = changes.iter().map(|change| {
            let actions: Vec<&str> = change["change"]["actions"]
                .as_array()
                .unwrap()
                .iter()
                .map(|action| action.as_str().unwrap())
                .collect();
            format!(
                "{}: {}",
                change["address"].as_str().unwrap(),
                actions.join("/")
            )
        });
        described
            .filter(|text| !text.ends_with(": no-op") && !text.ends_with(": read"))
            .collect()
    }

    fn apply_plan(&self) -> String {
        self.ok(&["apply", "-no-color", "tfplan"])
    }

    /// What a plan is refused with.
    #[track_caller]
    fn refused(&self) -> String {
        let output = self.run(&["plan", "-no-color", "-input=false"]);
        let text = text(&output);
        assert_eq!(
            output.status.code(),
            Some(1),
            "the plan should fail:\n{text}"
        );
        // Terraform breaks lines at the width of its box.
        let words = text.split_whitespace().filter(|word| *word != "│");
        words.collect::<Vec<_>>().join(" ")
    }

    fn world(&self) -> Value {
        let text = fs::read_to_string(self.path(".muster/sim.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

fn text(output: &Output) -> String {
    let streams = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&streams).into_owned()
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if entry.file_type().unwrap().is_dir() {
            if name.to_str().is_some_and(|name| !name.starts_with('.')) {
                fs::create_dir_all(to.join(&name)).unwrap();
                copy(&entry.path(), &to.join(&name));
            }
        } else if name.to_str().is_some_and(|name| name.ends_with(".tf")) {
            fs::copy(entry.path(), to.join(&name)).unwrap();
        }
    }
}

#[test]
fn the_quickstart_lives_and_dies() {
    if !has_terraform() {
        return;
    }
    let workspace = Workspace::quickstart();
    workspace.ok(&["validate", "-no-color"]);
    assert_eq!(
        workspace.plan(&[]).len(),
        5,
        "two zones, a fleet, a settlement, a policy"
    );
    let applied = workspace.apply_plan();
    assert!(
        applied.contains("5 added, 0 changed, 0 destroyed"),
        "{applied}"
    );
    let made = workspace.world();
    assert_eq!(
        workspace.plan(&[]),
        [""; 0],
        "an applied configuration has no changes"
    );
    assert_eq!(workspace.world(), made, "a plan changes nothing");
    let settled = &workspace.world()["settlements"];
    let settlement = settled.as_object().unwrap().values().next().unwrap();
    assert!(
        settlement["run"]["zone"]
            .as_str()
            .unwrap()
            .contains("partner-rackspace")
    );

    let bigger = fs::read_to_string(workspace.path("variables.tf")).unwrap();
    let bigger = bigger.replace("cpu = 10000", "cpu = 12000");
    fs::write(workspace.path("variables.tf"), bigger).unwrap();
    // The choice of a zone is open until the zone has grown; the settlement stays all the same.
    let mut grown = workspace.plan(&[]);
    grown.sort();
    let zone = "muster_zone.this[\"partner-rackspace\"]: update";
    assert_eq!(grown, ["muster_settlement.cs_123[0]: update", zone]);
    workspace.apply_plan();

    let larger = ["-var=fleet_capacity=7"];
    assert_eq!(
        workspace.plan(&larger),
        ["module.web.muster_fleet.this: update"]
    );
    let applied = workspace.apply_plan();
    assert!(
        applied.contains("0 added, 1 changed, 0 destroyed"),
        "{applied}"
    );
    assert_eq!(workspace.plan(&larger), [""; 0]);

    let renamed = [
        "-var=fleet_capacity=7",
        "-var=partner_zone_name=partner-equinix",
    ];
    let mut replaced = workspace.plan(&renamed);
    replaced.sort();
    assert_eq!(
        replaced,
        [
            "module.web.muster_fleet.this: delete/create",
            "muster_dr_policy.web: delete/create",
            "muster_settlement.cs_123[0]: delete/create",
            "muster_zone.this[\"partner-rackspace\"]: delete/create",
        ]
    );
    workspace.apply_plan();
    assert_eq!(workspace.plan(&renamed), [""; 0]);

    let unsettled = [&renamed[..], &["-var=settle=false"]].concat();
    assert_eq!(
        workspace.plan(&unsettled),
        ["muster_settlement.cs_123[0]: delete"]
    );
    workspace.apply_plan();
    let destroyed = workspace.ok(&["destroy", "-auto-approve", "-no-color"]);
    assert!(destroyed.contains("4 destroyed"), "{destroyed}");
    let world = workspace.world();
    for kind in ["zones", "fleets", "settlements", "dr_policies"] {
        assert_eq!(world[kind], serde_json::json!({}), "{kind}");
    }
}

const ZONES: &str = r#"
resource "muster_zone" "a" {
  name     = "a"
  type     = "partner"
  location = "here"
  capacity = { cpu = 100, gpu = 8, memory_gb = 400 }
}

resource "muster_zone" "b" {
  name     = "b"
  type     = "edge"
  location = "there"
  capacity = { cpu = 10, memory_gb = 40 }
}

resource "muster_fleet" "web" {
  name     = "web"
  zones    = [muster_zone.a.id, muster_zone.b.id]
  capacity = 4
}
"#;

/// Checks that a plan of `ZONES` and this is refused with all of these texts.
#[track_caller]
fn check_refused(main: &str, expect: &[&str]) {
    let workspace = Workspace::with_main(&format!("{ZONES}{main}"));
    let text = workspace.refused();
    for part in expect {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    assert!(
        !workspace.path(".muster/sim.json").exists(),
        "nothing was made"
    );
}

fn policy(rest: &str) -> String {
    format!(
        "resource \"muster_dr_policy\" \"p\" {{\n  name = \"p\"\n  primary_site = \
         muster_zone.a.id\n  protects = [muster_fleet.web.id]\n  rto = \"10m\"\n  {rest}\n}}\n"
    )
}

#[test]
fn impossible_configurations_name_the_attribute() {
    if !has_terraform() {
        return;
    }
    let negative = r#"resource "muster_zone" "c" {
      name     = "c"
      type     = "edge"
      location = "there"
      capacity = { cpu = -1 }
    }"#;
    check_refused(
        negative,
        &["Invalid Attribute Value", "\"cpu\" must be at least 0"],
    );
    let huge = r#"resource "muster_settlement" "s" {
      contract_id       = "CS_1"
      buyer_id          = "b"
      resource_type     = "gpu"
      quantity          = 9
      duration_hours    = 24
      provider_priority = [muster_zone.a.id, muster_zone.b.id]
    }"#;
    check_refused(
        huge,
        &["Settlement Larger Than Any Zone", "quantity = 9", "has 8"],
    );
    let crowd = r#"resource "muster_settlement" "s" {
      count             = 2
      contract_id       = "CS_${count.index}"
      buyer_id          = "b"
      resource_type     = "gpu"
      quantity          = 5
      duration_hours    = 24
      provider_priority = [muster_zone.a.id]
    }"#;
    check_refused(
        crowd,
        &["Insufficient Capacity", "10 gpu are needed", "offers 8"],
    );
    let same = policy("dr_site = muster_zone.a.id\n rpo = \"1h\"");
    check_refused(
        &same,
        &["DR Site Is the Primary Site", "dr_site = muster_zone.a.id"],
    );
    let backups = policy("dr_site = muster_zone.b.id\n rpo = \"5m\"");
    check_refused(
        &backups,
        &[
            "RPO Cannot Be Met",
            "rpo = \"5m\"",
            "more than the 5m allowed",
        ],
    );
    let slow = "dr_site = muster_zone.b.id\n rpo = \"1h\"\n health_check = { interval = \"4m\" }";
    check_refused(&policy(slow), &["RTO Cannot Be Met", "rto = \"10m\""]);
}

#[test]
fn a_zone_keeps_what_it_has_committed() {
    if !has_terraform() {
        return;
    }
    let workspace = Workspace::with_main(ZONES);
    workspace.ok(&["apply", "-auto-approve", "-no-color"]);
    let smaller = fs::read_to_string(workspace.path("main.tf")).unwrap();
    let smaller = smaller.replace("cpu = 100", "cpu = 3");
    fs::write(workspace.path("main.tf"), smaller).unwrap();
    let text = workspace.refused();
    assert!(text.contains("Zone Smaller Than Its Commitments"), "{text}");
    assert!(text.contains("has committed 4 cpu"), "{text}");
}

#[test]
fn a_delivery_that_has_begun_is_kept() {
    if !has_terraform() {
        return;
    }
    let settlement = r#"resource "muster_settlement" "s" {
      contract_id    = "CS_1"
      buyer_id       = "b"
      resource_type  = "gpu"
      quantity       = 4
      duration_hours = 24
      placement      = { zones = [muster_zone.a.id] }
    }"#;
    let workspace = Workspace::with_main(&format!("{ZONES}{settlement}"));
    workspace.ok(&["apply", "-auto-approve", "-no-color"]);
    assert_eq!(workspace.plan(&[]), [""; 0]);
    let output = workspace.run(&["destroy", "-auto-approve", "-no-color"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output).contains("Settlement Has Begun"),
        "{}",
        text(&output)
    );
    let main = fs::read_to_string(workspace.path("main.tf")).unwrap();
    let larger = main.replace("quantity       = 4", "quantity = 5");
    fs::write(workspace.path("main.tf"), larger).unwrap();
    let text = workspace.refused();
    assert!(text.contains("Settlement Has Begun"), "{text}");
    let allowed = main.replace(
        "quantity       = 4",
        "quantity = 4\n early_termination = true",
    );
    fs::write(workspace.path("main.tf"), allowed).unwrap();
    assert_eq!(workspace.plan(&[]), ["muster_settlement.s: update"]);
    workspace.apply_plan();
    workspace.ok(&["destroy", "-auto-approve", "-no-color"]);
}

#[test]
fn two_resources_never_share_an_object() {
    if !has_terraform() {
        return;
    }
    let twin = r#"resource "muster_fleet" "twin" {
      name       = "web"
      zones      = [muster_zone.a.id, muster_zone.b.id]
      capacity   = 4
      depends_on = [muster_fleet.web]
    }"#;
    let workspace = Workspace::with_main(&format!("{ZONES}{twin}"));
    let output = workspace.run(&["apply", "-auto-approve", "-no-color"]);
    assert_eq!(output.status.code(), Some(1));
    let text = text(&output);
    assert!(text.contains("Object Already Exists"), "{text}");
    assert_eq!(workspace.world()["fleets"].as_object().unwrap().len(), 1);
    let kept = workspace.ok(&["state", "list"]);
    assert!(!kept.contains("twin"), "{kept}");
}

#[test]
fn an_object_is_imported_by_its_id() {
    if !has_terraform() {
        return;
    }
    let workspace = Workspace::with_main(ZONES);
    workspace.ok(&["apply", "-auto-approve", "-no-color"]);
    let state = workspace.ok(&["state", "show", "-no-color", "muster_fleet.web"]);
    let id = state
        .split('"')
        .find(|part| part.starts_with("fleet-"))
        .unwrap();
    workspace.ok(&["state", "rm", "muster_fleet.web"]);
    workspace.ok(&["import", "-no-color", "muster_fleet.web", id]);
    assert_eq!(workspace.plan(&[]), [""; 0]);
}
