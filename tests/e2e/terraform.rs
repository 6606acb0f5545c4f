//! The other engine: it drives our plugin, takes turns with us on one state, and plans the same.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;

use crate::aws::{Cloud, without_aws};
use crate::harness::{Ran, Work, skip};

const APPLY: &[&str] = &["apply", "-auto-approve"];
const PLAN: &[&str] = &["plan", "-detailed-exitcode"];

/// A working directory of both engines.
struct Both {
    work: Work,
}

impl Both {
    /// Lets Terraform work in the directory too, or says why not.
    fn new(work: Work) -> Option<Self> {
        if Command::new("terraform").arg("-version").output().is_err() {
            skip("terraform is not on PATH");
            return None;
        }
        Some(Self { work })
    }

    /// The quickstart; Terraform finds our plugin as a development build.
    fn quickstart() -> Option<Self> {
        let both = Self::new(Work::example("quickstart"))?;
        let plugin = "plugin/terraform-provider-muster";
        let muster = env!("CARGO_BIN_EXE_muster");
        let script = format!("#!/bin/sh\nexec '{muster}' internal-plugin-muster \"$@\"\n");
        both.work.write(plugin, script);
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(both.work.path().join(plugin), executable).unwrap();
        let dir = both.work.path().join("plugin");
        both.work.write(
            "terraform.tfrc",
            format!(
                "provider_installation {{\n  dev_overrides {{\n    \"muster/muster\" = \"{}\"\n  }}\n  direct {{}}\n}}\n",
                dir.display()
            ),
        );
        // Development builds are not installed, so that only modules are left to prepare.
        both.terraform(&["get"]).code(0);
        Some(both)
    }

    fn muster(&self, args: &[&str]) -> Ran {
        let mut command = self.work.command(args);
        Ran::new(&without_aws(&mut command).output().unwrap())
    }

    fn terraform(&self, args: &[&str]) -> Ran {
        let mut command = Command::new("terraform");
        self.work.prepare(&mut command, args);
        let own = self.work.path().join("terraform.tfrc");
        if own.exists() {
            command.env("TF_CLI_CONFIG_FILE", own);
        }
        command
            .env("TF_IN_AUTOMATION", "1")
            .env("CHECKPOINT_DISABLE", "1");
        Ran::new(&without_aws(&mut command).output().unwrap())
    }

    /// Both engines plan the same.
    #[track_caller]
    fn agree(&self, args: &[&str]) {
        let plan = |out| [&["plan", out][..], args].concat();
        self.terraform(&plan("-out=terraform.plan")).code(0);
        self.muster(&plan("-out=muster.plan")).code(0);
        let theirs = self.terraform(&["show", "-json", "terraform.plan"]);
        let ours = self.muster(&["show", "-json", "muster.plan"]);
        let (theirs, ours) = (theirs.code(0), ours.code(0));
        assert_eq!(surroundings(&ours), surroundings(&theirs), "with {args:?}");
        self.same_changes(args, &theirs, &ours);
    }

    #[track_caller]
    fn same_changes(&self, args: &[&str], theirs: &Ran, ours: &Ran) {
        let (theirs, ours) = (changes(theirs), changes(ours));
        assert!(!theirs.is_empty());
        for (address, change) in &theirs {
            assert_eq!(Some(change), ours.get(address), "{address} with {args:?}");
        }
        assert_eq!(theirs.len(), ours.len(), "with {args:?}");
    }

    /// One engine applies, and the other finds nothing left to do; then the other way round,
    /// with other variables each time.
    #[track_caller]
    fn take_turns(&self, vars: [&[&str]; 3]) {
        self.muster(&[APPLY, vars[0]].concat()).code(0);
        self.terraform(&[PLAN, vars[0]].concat()).code(0);
        self.terraform(&[APPLY, vars[1]].concat()).code(0);
        self.muster(&[PLAN, vars[1]].concat()).code(0);
        self.muster(&[APPLY, vars[2]].concat()).code(0);
        self.terraform(&[PLAN, vars[2]].concat()).code(0);
        self.terraform(&[&["destroy", "-auto-approve"], vars[2]].concat())
            .code(0);
        assert!(self.work.state_list().is_empty());
    }
}

/// What is planned for each object, without the order in which paths are listed.
fn changes(shown: &Ran) -> BTreeMap<String, Value> {
    let plan: Value = serde_json::from_str(&shown.stdout).unwrap();
    let changes = plan["resource_changes"].as_array().cloned();
    let named = changes.unwrap_or_default().into_iter().map(|mut change| {
        if let Some(paths) = change.pointer_mut("/change/replace_paths") {
            paths
                .as_array_mut()
                .unwrap()
                .sort_by_key(ToString::to_string);
        }
        (change["address"].as_str().unwrap().to_owned(), change)
    });
    named.collect()
}

/// What a plan was made from and can be traced to; the latter has no order of its own.
fn surroundings(shown: &Ran) -> String {
    let mut plan: Value = serde_json::from_str(&shown.stdout).unwrap();
    if let Some(relevant) = plan["relevant_attributes"].as_array_mut() {
        relevant.sort_by_key(ToString::to_string);
    }
    let parts = ["configuration", "relevant_attributes", "variables"];
    let parts = parts.map(|part| format!("{part}: {:#}\n", plan[part]));
    parts.concat()
}

#[test]
fn terraform_drives_our_plugin() {
    let Some(both) = Both::quickstart() else {
        return;
    };
    both.terraform(APPLY)
        .code(0)
        .says(&["Apply complete!", "5 added"]);
    both.terraform(PLAN).code(0).says(&["No changes."]);
    both.muster(PLAN).code(0).says(&["No changes."]);
    both.terraform(&["destroy", "-auto-approve"])
        .code(0)
        .says(&["5 destroyed"]);
    assert!(both.work.state_list().is_empty());
}

#[test]
fn turns_on_the_quickstart() {
    let Some(both) = Both::quickstart() else {
        return;
    };
    both.take_turns([
        &[],
        &["-var", "fleet_capacity=7"],
        &["-var", "fleet_capacity=7", "-var", "partner_zone_name=x"],
    ]);
}

/// Values of every kind, and objects of every kind of address.
const BUILTIN: &str = r#"
variable "n" {
  type    = number
  default = 1
}
resource "terraform_data" "one" {
  input = {
    list   = [1, 2.5, 1e40, "x", null, true]
    text   = "a\n\u00e9<>&"
    number = var.n
    none   = null
    set    = toset(["b", "a"])
  }
}
resource "terraform_data" "counted" {
  count            = var.n
  input            = count.index
  triggers_replace = [var.n]
}
resource "terraform_data" "each" {
  for_each = { a = "x", "b c" = sensitive("y") }
  input    = each.value
  lifecycle {
    create_before_destroy = true
    replace_triggered_by  = [terraform_data.one]
  }
}
output "one" {
  value = terraform_data.one.output
}
output "hidden" {
  value     = terraform_data.each["b c"].output
  sensitive = true
}
"#;

#[test]
fn turns_on_builtin_resources() {
    let Some(both) = Both::new(Work::with(BUILTIN)) else {
        return;
    };
    both.terraform(&["init"]).code(0);
    both.take_turns([&[], &["-var", "n=3"], &["-var", "n=2"]]);
}

#[test]
fn the_same_plans_for_builtin_resources() {
    let Some(both) = Both::new(Work::with(BUILTIN)) else {
        return;
    };
    both.terraform(&["init"]).code(0);
    both.agree(&[]);
    both.muster(&[APPLY, &["-var", "n=2"]].concat()).code(0);
    both.agree(&["-var", "n=2"]);
    both.agree(&["-var", "n=3"]);
    both.agree(&["-var", "n=1"]);
    both.agree(&["-destroy"]);
}

#[test]
fn the_same_plans_for_the_quickstart() {
    let Some(both) = Both::quickstart() else {
        return;
    };
    both.agree(&[]);
    both.muster(APPLY).code(0);
    both.agree(&[]);
    both.agree(&["-var", "fleet_capacity=7"]);
    both.agree(&["-var", "partner_zone_name=x"]);
    both.agree(&["-var", "settle=false"]);
    both.agree(&["-replace=muster_dr_policy.web"]);
    both.agree(&["-destroy"]);
}

#[test]
fn the_same_plans_for_aws() {
    let Some(cloud) = Cloud::start() else { return };
    let Some(both) = Both::new(cloud.work()) else {
        return;
    };
    both.terraform(&["init"]).code(0);
    both.agree(&[]);
    both.muster(APPLY).code(0);
    both.agree(&["-var", "name=other"]);
    both.agree(&["-var", "cidr=10.9.0.0/16"]);
    both.terraform(PLAN).code(0);
}
