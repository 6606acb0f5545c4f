//! The story that the README tells.

use crate::harness::{Ran, Work, root, skip};

const APPLY: &[&str] = &["apply", "-auto-approve"];

fn with<'a>(args: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    args.iter().chain(more).copied().collect()
}

#[test]
fn from_nothing_to_nothing() {
    let work = Work::example("quickstart");
    work.run(&["init"])
        .code(0)
        .says(&["muster/muster is part of this program"]);
    work.run(&["validate"])
        .code(0)
        .says(&["Success! The configuration is valid."]);
    work.run(&["plan", "-detailed-exitcode"])
        .code(2)
        .says(&["to add, 0 to change, 0 to destroy."]);
    work.run(APPLY)
        .code(0)
        .says(&["Apply complete!", "0 changed, 0 destroyed."]);
    let listed = work.state_list();
    for addr in [
        "muster_zone.this[\"partner-rackspace\"]",
        "muster_zone.this[\"edge-nyc\"]",
        "module.web.muster_fleet.this",
        "muster_settlement.cs_123[0]",
        "muster_dr_policy.web",
        "data.muster_placement.gpu",
    ] {
        assert!(
            listed.iter().any(|l| l == addr),
            "{addr} is not in {listed:?}"
        );
    }
    work.run(&["plan", "-detailed-exitcode"])
        .code(0)
        .says(&["No changes."]);

    // One update in place.
    let grown = ["-var", "fleet_capacity=7"];
    work.run(&with(&["plan", "-detailed-exitcode"], &grown))
        .code(2)
        .says(&[
            "will be updated in-place",
            "5 -> 7",
            "Plan: 0 to add, 1 to change, 0 to destroy.",
        ]);
    work.run(&with(APPLY, &grown))
        .code(0)
        .says(&["0 added, 1 changed, 0 destroyed."]);
    work.run(&with(&["plan", "-detailed-exitcode"], &grown))
        .code(0);

    // A replacement, with its reason and what depends on it.
    let renamed = with(&grown, &["-var", "partner_zone_name=partner-one"]);
    work.run(&with(&["plan", "-detailed-exitcode"], &renamed))
        .code(2)
        .says(&[
            "muster_zone.this[\"partner-rackspace\"] must be replaced",
            "# forces replacement",
        ]);
    work.run(&with(APPLY, &renamed))
        .code(0)
        .says(&["Apply complete!"]);
    work.run(&with(&["plan", "-detailed-exitcode"], &renamed))
        .code(0);

    // The settlement goes.
    let without = with(&renamed, &["-var", "settle=false"]);
    work.run(&with(&["plan", "-detailed-exitcode"], &without))
        .code(2)
        .says(&[
            "muster_settlement.cs_123[0] will be destroyed",
            "index [0] is out of range",
        ]);
    work.run(&with(APPLY, &without))
        .code(0)
        .says(&["0 added, 0 changed, 1 destroyed."]);

    // The placement is looked up before the zones are planned to go.
    work.run(&with(&["destroy", "-auto-approve"], &without))
        .code(0)
        .says(&["Destroy complete!"])
        .never_says(&["No Zone Fits"]);
    assert!(work.state_list().is_empty());
    work.run(&with(&["plan", "-destroy", "-detailed-exitcode"], &without))
        .code(0);
}

#[test]
fn a_saved_plan_is_carried_out_as_it_is() {
    let work = Work::example("quickstart");
    work.run(&["get"]).code(0);
    work.run(&["plan", "-out=tfplan", "-var", "fleet_capacity=3"])
        .code(0);
    work.run(&["show", "tfplan"])
        .code(0)
        .says(&["muster_zone.this[\"edge-nyc\"] will be created"]);
    let plan = work.json(&["show", "-json", "tfplan"]);
    // A value from the command line is shown as it was given there.
    assert_eq!(plan["variables"]["fleet_capacity"]["value"], "3");
    // The plan holds the configuration that it was made from.
    work.write("main.tf", "this is no configuration {");
    work.run(&["apply", "tfplan"])
        .code(0)
        .says(&["Apply complete!"]);
    work.run(&["apply", "tfplan"])
        .code(1)
        .says(&["Saved plan is stale"]);
}

#[test]
fn outputs_in_every_form() {
    let work = Work::example("quickstart");
    work.run(&["get"]).code(0);
    work.run(APPLY).code(0);
    let all = work.json(&["output", "-json"]);
    assert_eq!(all["zones"]["sensitive"], false);
    let zones = all["zones"]["value"].as_object().unwrap();
    assert_eq!(zones.len(), 2);
    work.run(&["output"])
        .code(0)
        .says(&["serving_site = \"zone-partner-rackspace", "edge-nyc"]);
    let raw = work.run(&["output", "-raw", "serving_site"]).code(0);
    assert!(
        !raw.stdout.contains('"') && !raw.stdout.ends_with('\n'),
        "{}",
        raw.stdout
    );
    work.run(&["output", "-raw", "zones"])
        .code(1)
        .says(&["Unsupported value for raw output"]);
    work.run(&["output", "none"])
        .code(1)
        .says(&["Output \"none\" not found"]);
}

#[test]
fn a_saved_plan_takes_ephemeral_variables_only() {
    let config = "variable \"n\" {}\nvariable \"secret\" {\n  ephemeral = true\n}\nresource \"terraform_data\" \"a\" {\n  input = var.n\n  lifecycle {\n    postcondition {\n      condition     = var.secret == \"s\"\n      error_message = \"The secret is another one.\"\n    }\n  }\n}\n";
    let work = Work::with(config);
    let plan = ["plan", "-out=p", "-var", "n=1", "-var", "secret=s"];
    work.run(&plan).code(0);
    assert!(
        !String::from_utf8_lossy(&std::fs::read(work.path().join("p")).unwrap())
            .contains("secret=s")
    );
    work.write("other.tfvars", "n = 2\n");
    work.write("same.tfvars", "n = \"1\"\nnone = 1\n");
    for other in [["-var", "n=2"], ["-var-file", "other.tfvars"]] {
        work.run(&["apply", other[0], other[1], "-var", "secret=s", "p"])
            .code(1)
            .says(&["Can't change variable when applying a saved plan", "var.n"])
            .never_says(&["Enter a value"]);
    }
    work.run(&["apply", "-var", "none=2", "p"])
        .code(1)
        .says(&["Value for undeclared variable"]);
    work.run(&["apply", "p"])
        .code(1)
        .says(&["No value for required variable"]);
    let mut same = work.command(&["apply", "-var", "n=1", "-var-file=same.tfvars", "p"]);
    same.env("TF_VAR_secret", "s");
    Ran::new(&same.output().unwrap())
        .code(0)
        .says(&["1 added", "Value for undeclared variable"])
        .never_says(&["Ignoring variable"]);
}

#[test]
fn the_environment_cannot_change_a_saved_plan() {
    let work =
        Work::with("variable \"n\" {\n  type = number\n}\noutput \"n\" {\n  value = var.n\n}\n");
    for (value, warns) in [("2", true), ("1", false), ("text", true)] {
        work.run(&["plan", "-out=p", "-var", "n=1", "-state", value])
            .code(0);
        let mut apply = work.command(&["apply", "-state", value, "p"]);
        let ran = Ran::new(&apply.env("TF_VAR_n", value).output().unwrap());
        let ran = ran.code(0).says(&["n = 1"]);
        let summary = "Ignoring variable when applying a saved plan";
        assert_eq!(
            ran.stdout.contains(summary),
            warns,
            "{value}: {}",
            ran.stdout
        );
    }
}

#[test]
fn functions_of_the_provider() {
    let work = Work::with(
        r#"
terraform {
  required_providers {
    muster = { source = "muster/muster" }
  }
}

output "rpo" {
  value = provider::muster::duration_seconds("1h30m")
}

output "fits" {
  value = [
    provider::muster::fits({ cpu = 8, gpu = 2 }, { gpu = 2 }),
    provider::muster::fits({ cpu = 8 }, { gpu = 1 }),
  ]
}
"#,
    );
    work.run(APPLY)
        .code(0)
        .says(&["rpo  = 5400", "true,", "false,"]);
    work.write(
        "main.tf",
        "terraform {\n  required_providers {\n    muster = { source = \"muster/muster\" }\n  }\n}\n\noutput \"x\" {\n  value = provider::muster::duration_seconds(\"soon\")\n}\n",
    );
    work.run(APPLY).code(1).says(&[
        "Error in function call",
        "main.tf line 8",
        "must be a duration",
    ]);
}

#[test]
fn errors_of_documents_are_for_people() {
    let work = Work::with("output \"a\" {\n  value = 1\n}\n");
    work.run(APPLY).code(0);
    work.write("broken.tfstate", "{");
    for args in [
        &["output", "-json", "none"][..],
        &["show", "-json", "none.tfplan"],
        &["show", "-json", "broken.tfstate"],
        &["output", "-json", "-state=broken.tfstate"],
    ] {
        let ran = work.run(args).code(1);
        assert_eq!(ran.stdout, "", "{args:?}");
        assert!(ran.stderr.contains("Error: "), "{args:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains("@level"), "{args:?}: {}", ran.stderr);
    }
    // Runs tell everything in their stream.
    let ran = work.run(&["plan", "-json", "-var", "none=1"]).code(1);
    assert!(
        ran.stdout.contains("\"@level\":\"error\""),
        "{}",
        ran.stdout
    );
}

#[test]
fn what_runs_leave_is_not_for_version_control() {
    let work = Work::example("quickstart");
    let ignored = std::fs::read_to_string(root().join("examples/quickstart/.gitignore")).unwrap();
    work.write(".gitignore", ignored);
    work.run(&["init"]).code(0);
    work.run(&["plan", "-out=tfplan"]).code(0);
    work.run(&["plan", "-out=other.tfplan"]).code(0);
    work.run(&["apply", "tfplan"]).code(0);
    work.run(&["apply", "-auto-approve", "-destroy"]).code(0);
    let git = |args: &[&str]| {
        let mut command = std::process::Command::new("git");
        command.args(args).current_dir(work.path());
        command.output().ok().map(|output| Ran::new(&output))
    };
    let Some(made) = git(&["init", "--quiet"]) else {
        return skip("there is no git");
    };
    made.code(0);
    let listed = git(&["ls-files", "--others", "--exclude-standard"]).unwrap();
    let listed = listed.code(0).stdout;
    let odd = listed.lines().filter(|name| {
        let is_source = name.ends_with(".tf") || *name == ".gitignore" || *name == "cli.tfrc";
        !is_source
    });
    assert_eq!(odd.collect::<Vec<_>>(), Vec::<&str>::new());
}
