//! What objects are known by, from the plugin to the state and back.

use std::process::Command;

use rustix::process::Signal;

use crate::attach::Gate;
use crate::background::{Running, lives, signal, wait_until};
use crate::harness::{Ran, Work, skip};

/// A zone.
fn zone(cpu: u32) -> String {
    format!(
        "terraform {{
  required_providers {{
    muster = {{ source = \"muster/muster\" }}
  }}
}}
provider \"muster\" {{
  sim {{}}
}}
resource \"muster_zone\" \"a\" {{
  name     = \"edge\"
  type     = \"edge\"
  location = \"here\"
  capacity = {{ cpu = {cpu}, memory_gb = 1 }}
}}
"
    )
}

/// The only instance in the state file.
fn instance(work: &Work) -> serde_json::Value {
    let state: serde_json::Value = serde_json::from_str(&work.read("terraform.tfstate")).unwrap();
    state["resources"][0]["instances"][0].clone()
}

#[test]
fn the_state_has_it_where_terraform_keeps_it() {
    let work = Work::with(&zone(1));
    work.run(&["apply", "-auto-approve"]).code(0);
    let made = instance(&work);
    let id = made["attributes"]["id"].clone();
    assert!(id.is_string());
    assert_eq!(made["identity"], serde_json::json!({ "id": id }));
    assert_eq!(made["identity_schema_version"], 0);
    // An older Terraform reads such a state.
    if Command::new("terraform").arg("-version").output().is_err() {
        return skip("terraform is not on PATH");
    }
    let mut terraform = Command::new("terraform");
    work.prepare(&mut terraform, &["state", "list"]);
    Ran::new(&terraform.output().unwrap())
        .code(0)
        .says(&["muster_zone.a"]);
}

#[test]
fn an_object_is_imported_by_its_identity() {
    let work = Work::with(&zone(1));
    work.run(&["apply", "-auto-approve"]).code(0);
    let id = instance(&work)["attributes"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    std::fs::remove_file(work.path().join("terraform.tfstate")).unwrap();
    let import = |identity: &str| format!("import {{\n  to = muster_zone.a\n  {identity}\n}}\n");
    work.write(
        "import.tf",
        import(&format!("identity = {{ id = {id:?} }}")),
    );
    work.run(&["plan"]).code(0).says(&[
        "Plan: 1 to import, 0 to add",
        &format!("[identity=id={id}]"),
    ]);
    work.run(&["plan", "-out=plan"]).code(0);
    let plan = work.json(&["show", "-json", "plan"]);
    assert_eq!(
        plan["resource_changes"][0]["change"]["importing"],
        serde_json::json!({ "identity": { "id": id } })
    );
    work.run(&["apply", "plan"]).code(0).says(&["1 imported"]);
    assert_eq!(instance(&work)["identity"]["id"], *id);
    work.run(&["plan", "-detailed-exitcode"]).code(0);

    std::fs::remove_file(work.path().join("terraform.tfstate")).unwrap();
    work.write("import.tf", import("identity = { id = \"zone-nobody\" }"));
    work.run(&["plan"])
        .code(1)
        .says(&["Cannot import non-existent remote object"]);
    work.write(
        "import.tf",
        import("identity = { id = \"zone-nobody\" }\n  or_create = true"),
    );
    work.run(&["plan"]).code(0).says(&["1 to add"]);
    work.write("import.tf", import("identity = { name = \"edge\" }"));
    work.run(&["plan"])
        .code(1)
        .says(&["Invalid import identity argument", "id: is required"]);
    work.write(
        "import.tf",
        import(&format!("id = {id:?}\n identity = {{}}")),
    );
    work.run(&["plan"]).code(1).says(&["Invalid import block"]);
    work.write("import.tf", import(""));
    work.run(&["plan"])
        .code(1)
        .says(&["Missing required argument", "identity"]);
}

#[test]
fn what_a_killed_run_has_made_is_found_by_it() {
    let work = Work::with(&zone(1));
    let gate = Gate::new(&work, ".muster/sim.json");
    let mut run = Running::muster(&work, &["apply", "-auto-approve"]);
    run.wait_for("muster_zone.a: Creating...");
    gate.wait_for(&run);
    let (engine, plugins) = (run.engine(), run.plugins());
    // The engine hears nothing any more, while the plugin makes the zone and answers.
    signal(engine, Signal::STOP);
    gate.open();
    let world = work.path().join(".muster/sim.json");
    wait_until("the zone", || {
        std::fs::read_to_string(&world).is_ok_and(|text| text.contains("edge"))
    });
    signal(engine, Signal::KILL);
    wait_until("the end of the run", || {
        !lives(engine) && !plugins.iter().any(|plugin| lives(*plugin))
    });
    // Another capacity is another plan, so that the creation cannot be repeated as it was: the
    // zone is looked for, and found by what it is known by.
    work.write("main.tf", zone(2));
    let ran = work.run(&["apply", "-auto-approve"]).code(0).says(&[
        "An earlier run was interrupted",
        "Object of an interrupted run adopted",
        "with the identity id=",
        "0 added, 1 changed, 0 destroyed",
    ]);
    // What is known of the call is not told to be unknown.
    ran.never_says(&["never answered", "create muster_zone.a"]);
    assert_eq!(instance(&work)["attributes"]["capacity"]["cpu"], 2);
    work.run(&["plan", "-detailed-exitcode"]).code(0);
    work.run(&["destroy", "-auto-approve"])
        .code(0)
        .says(&["1 destroyed"]);
}
