//! Saved plans, and what happens between planning and applying.

use crate::harness::Work;

const CHAIN: &str = "
variable \"v\" {
  default = 1
}

resource \"terraform_data\" \"a\" {}

resource \"terraform_data\" \"b\" {
  input = [terraform_data.a.id, var.v]
}

resource \"terraform_data\" \"aside\" {
  input = 1
}

output \"aside\" {
  value = terraform_data.aside.output
}
";

fn planned() -> Work {
    let work = Work::with(CHAIN);
    work.run(&["apply", "-auto-approve"]).code(0);
    work.run(&["plan", "-out=tfplan", "-var=v=2"]).code(0);
    work
}

#[test]
fn a_plan_outlives_changes_of_what_it_is_not_about() {
    let work = planned();
    work.write("aside.tf", "");
    work.run(&["apply", "-auto-approve", "-replace=terraform_data.aside"])
        .code(0);
    work.run(&["taint", "terraform_data.aside"]).code(0);
    let before = work.json(&["show", "-json"]);
    work.run(&["apply", "tfplan"])
        .code(0)
        .says(&["0 added, 1 changed, 0 destroyed"]);
    let after = work.json(&["show", "-json"]);
    let find = |state: &serde_json::Value, name: &str| {
        let all = state["values"]["root_module"]["resources"].as_array();
        let found = all.unwrap().iter().find(|r| r["name"] == name);
        found.unwrap().clone()
    };
    assert_eq!(find(&after, "aside"), find(&before, "aside"));
    assert_eq!(find(&after, "aside")["tainted"], true);
    assert_eq!(find(&after, "b")["values"]["input"][1], "2");
    assert_eq!(after["values"]["outputs"], before["values"]["outputs"]);
}

#[test]
fn a_plan_is_refused_when_what_it_rests_on_has_changed() {
    for address in ["terraform_data.a", "terraform_data.b"] {
        let work = planned();
        work.run(&["taint", address]).code(0);
        let state = work.read("terraform.tfstate");
        work.run(&["apply", "tfplan"])
            .code(1)
            .says(&["Saved plan is stale", address]);
        assert_eq!(work.read("terraform.tfstate"), state);
    }
}

#[test]
fn a_plan_is_refused_for_another_state() {
    let work = planned();
    let state = work.read("terraform.tfstate");
    let other = state.replace("\"lineage\": \"", "\"lineage\": \"other-");
    assert_ne!(state, other);
    work.write("terraform.tfstate", other);
    // It would tell that this was not written by anybody.
    std::fs::remove_file(work.path().join(".terraform.tfstate.history")).unwrap();
    work.run(&["apply", "tfplan"])
        .code(1)
        .says(&["Saved plan is stale"]);
}
