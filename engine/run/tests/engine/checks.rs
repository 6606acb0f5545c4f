//! Conditions, and what must not go on when something failed.

use std::collections::BTreeMap;

use muster_plan::{Event, Mode, Operation};
use muster_planner::Options;
use muster_snapshot::{Object, Snapshot};
use muster_value::Value;

use crate::lab::{Lab, lines, same};
use crate::provider::{Fault, with};

#[test]
fn a_variable_is_checked_when_its_value_is_known() {
    let config = "
resource \"fake_thing\" \"a\" {
  name = \"a\"
}
module \"m\" {
  source = \"./m\"
  id     = fake_thing.a.id
}
-- m/main.tf --
variable \"id\" {
  type = string
  validation {
    condition     = startswith(var.id, \"z\")
    error_message = \"It must begin with a z.\"
  }
}
resource \"fake_thing\" \"b\" {
  name = \"b\"
  tags = { id = var.id }
}
";
    let mut lab = Lab::default();
    let found = lab.try_apply(config, Options::default());
    same(&found, "Invalid value for variable");
    lab.check_calls("create a");
    lab.check_state("fake_thing.a a");
}

#[test]
fn an_output_is_checked_when_its_value_is_known() {
    let config = |prefix: &str| {
        format!(
            "
resource \"fake_thing\" \"a\" {{
  name = \"a\"
}}
output \"o\" {{
  value = \"x\"
  precondition {{
    condition     = startswith(fake_thing.a.id, \"{prefix}\")
    error_message = \"It must begin otherwise.\"
  }}
}}
"
        )
    };
    let mut lab = Lab::default();
    let found = lab.try_apply(&config("z"), Options::default());
    same(&found, "Module output value precondition failed");
    assert!(lab.state.outputs.is_empty());
    lab.apply(&config("a"));
    assert_eq!(lab.state.outputs.len(), 1);
}

#[test]
fn conditions_of_a_resource_are_checked_when_known() {
    let config = "
resource \"fake_thing\" \"a\" {
  name = \"a\"
  lifecycle {
    postcondition {
      condition     = startswith(self.id, \"z\")
      error_message = \"It must begin with a z.\"
    }
  }
}
resource \"fake_thing\" \"b\" {
  name = \"b\"
  tags = { id = fake_thing.a.id }
}
";
    let mut lab = Lab::default();
    let found = lab.try_apply(config, Options::default());
    same(&found, "Resource postcondition failed");
    lab.check_calls("create a");
}

#[test]
fn nothing_is_destroyed_through_a_provider_that_lacks_its_needs() {
    let config = |size: u32, b: &str| {
        format!(
            "
resource \"fake_thing\" \"a\" {{
  name = \"a\"
  size = {size}
}}
provider \"fake\" {{
  alias  = \"second\"
  region = fake_thing.a.size
}}
{b}
"
        )
    };
    let b = "resource \"fake_thing\" \"b\" {\n provider = fake.second\n name = \"b\"\n}";
    let mut lab = Lab::default();
    lab.apply(&config(1, b));
    lab.fault("update a", Fault::Refuse);
    let plan = lab.plan(&config(2, &b.replace("\"b\"", "\"c\"")));
    let found = lab.carry_out(&config(2, &b.replace("\"b\"", "\"c\"")), plan);
    same(&found, "fake_thing.a: Told to fail");
    lab.check_state("fake_thing.a a 1\nfake_thing.b b");
}

#[test]
fn a_stored_object_of_an_unknown_type_makes_the_plan_invalid() {
    let mut lab = Lab::default();
    lab.apply("resource \"fake_thing\" \"a\" {\n name = \"a\"\n}");
    let text = String::from_utf8(muster_snapshot::encode(&lab.state)).unwrap();
    let renamed = text.replace("fake_thing", "fake_bogus");
    lab.state = muster_snapshot::decode(renamed.as_bytes()).unwrap();
    lab.check_refused(
        "",
        Options::default(),
        "fake_bogus.a: Unsupported resource type in state",
    );
}

#[test]
fn a_limited_destroy_keeps_the_outputs() {
    let config = "
resource \"fake_thing\" \"a\" {
  name = \"a\"
}
output \"o\" {
  value = 1
}
";
    let mut lab = Lab::default();
    lab.apply(config);
    let options = Options {
        mode: Mode::Destroy,
        targets: vec!["fake_thing.a".parse().unwrap()],
        ..Options::default()
    };
    let run = lab.plan_with(config, options);
    same(&run.diags, "Resource targeting is in effect");
    let plan = run.plan.unwrap();
    same(&lines(&plan), "Delete fake_thing.a");
    lab.carry_out(config, plan);
    lab.check_state("");
    assert_eq!(lab.state.outputs.len(), 1);
}

#[test]
fn a_data_source_without_a_block_is_forgotten() {
    let mut lab = Lab::default();
    lab.apply("data \"fake_look\" \"d\" {\n name = \"x\"\n}");
    lab.check_state("data.fake_look.d");
    lab.apply("");
    lab.check_state("");
}

#[test]
fn a_new_object_is_not_called_by_the_one_set_aside_for_it() {
    let a = |name: &str| {
        format!(
            "resource \"fake_thing\" \"a\" {{\n name = \"{name}\"\n lifecycle {{\n create_before_destroy = true\n }}\n}}"
        )
    };
    let mut lab = Lab::default();
    lab.apply(&a("a"));
    lab.apply(&a("b"));
    let started: BTreeMap<String, bool> = lab
        .take_events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Started {
                deposed, operation, ..
            } => Some((format!("{operation:?}"), deposed.is_some())),
            _ => None,
        })
        .collect();
    assert_eq!(
        started.get(&format!("{:?}", Operation::Create)),
        Some(&false)
    );
    assert_eq!(
        started.get(&format!("{:?}", Operation::Delete)),
        Some(&true)
    );
}

#[test]
fn a_lying_provider_does_not_make_secrets_public() {
    let config = "
variable \"password\" {
  default   = \"hunter2\"
  sensitive = true
}
resource \"fake_thing\" \"a\" {
  name = var.password
}
";
    fn lie(value: Value) -> Value {
        with(&value, "name", Value::string("hunter3"))
    }
    for call in ["plan hunter2", "create hunter2"] {
        let mut lab = Lab::default();
        lab.fault(call, Fault::Lie(lie));
        let run = lab.plan_with(config, Options::default());
        let mut told = lab.take_details();
        if let Some(plan) = run.plan.filter(|p| !p.errored) {
            lab.carry_out(config, plan);
            told = lab.take_details();
        }
        assert!(told.contains("Provider produced in"), "{told}");
        assert!(!told.contains("hunter"), "{told}");
    }
}

#[test]
fn there_cannot_be_billions_of_instances() {
    let lab = Lab::default();
    lab.check_refused(
        "resource \"fake_thing\" \"a\" {\n count = 3000000000\n}",
        Options::default(),
        "Invalid count argument",
    );
}

/// How often the state was offered for saving.
fn saves(lab: &mut Lab, config: &str) -> usize {
    let plan = lab.plan(config);
    let mut seen: Vec<Snapshot> = Vec::new();
    lab.carry_out_saving(config, plan, |state| seen.push(state.clone()));
    seen.len()
}

#[test]
fn a_failed_object_is_saved_too() {
    let config = "resource \"fake_thing\" \"a\" {\n name = \"a\"\n}\nresource \"fake_thing\" \"b\" {\n name = \"b\"\n tags = { x = fake_thing.a.id }\n}";
    let mut lab = Lab::default();
    lab.world().slow = true;
    lab.fault("create a", Fault::Half);
    assert!(saves(&mut lab, config) > 0);
    let tainted = |o: &Object| o.is_tainted();
    let addr = "fake_thing.a".parse().unwrap();
    assert!(lab.state.current(&addr).is_some_and(tainted));
}

/// The state's `check_results`, one line each: address, result and messages.
fn results(lab: &Lab) -> Vec<String> {
    let Some(text) = &lab.state.checks else {
        return Vec::new();
    };
    let list = text.to_value().unwrap();
    let objects = list.as_array().unwrap().iter().flat_map(|checked| {
        let objects = checked["objects"].as_array().cloned().unwrap_or_default();
        objects.into_iter()
    });
    objects
        .map(|o| {
            let messages = o["failure_messages"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let messages = messages
                .iter()
                .filter_map(|m| m.as_str().map(str::to_owned));
            let mut line = vec![
                o["object_addr"].as_str().unwrap().to_owned(),
                o["status"].as_str().unwrap().to_owned(),
            ];
            line.extend(messages);
            line.join(" ")
        })
        .collect()
}

fn with_check(size: u32) -> String {
    format!(
        "
variable \"v\" {{
  default = 1
  validation {{
    condition     = var.v > 0
    error_message = \"v is too small.\"
  }}
}}
resource \"fake_thing\" \"a\" {{
  name = \"a\"
  size = {size}
  lifecycle {{
    postcondition {{
      condition     = self.id != \"\"
      error_message = \"It has no id.\"
    }}
  }}
}}
check \"small\" {{
  assert {{
    condition     = fake_thing.a.size < 3 && fake_thing.a.id != \"\"
    error_message = \"It is too large.\"
  }}
}}
"
    )
}

#[test]
fn a_check_that_does_not_hold_is_a_warning() {
    let mut lab = Lab::default();
    let run = lab.plan_with(&with_check(1), Options::default());
    same(&run.diags, "Check block assertion known after apply");
    let found = lab.carry_out(&with_check(1), run.plan.unwrap());
    same(&found, "");
    same(
        &results(&lab),
        "check.small pass
         fake_thing.a pass
         var.v pass",
    );
    let run = lab.plan_with(&with_check(5), Options::default());
    same(&run.diags, "Check block assertion failed");
    let found = lab.carry_out(&with_check(5), run.plan.unwrap());
    same(&found, "Check block assertion failed");
    same(
        &results(&lab),
        "check.small fail It is too large.
         fake_thing.a pass
         var.v pass",
    );
    lab.check_state("fake_thing.a a 5");
}

#[test]
fn the_data_source_of_a_check_may_fail() {
    let config = "
check \"found\" {
  data \"fake_look\" \"d\" {
    name = \"x\"
  }
  assert {
    condition     = data.fake_look.d.found == \"x:1\"
    error_message = \"There is no x.\"
  }
}
resource \"fake_thing\" \"x\" {
  name = \"x\"
}
";
    let mut lab = Lab::default();
    lab.fault("look x", Fault::Refuse);
    let run = lab.plan_with(config, Options::default());
    same(&run.diags, "data.fake_look.d: Told to fail");
    let plan = run.plan.unwrap();
    same(
        &lines(&plan),
        "Create fake_thing.x
         Read data.fake_look.d read_because_check_nested",
    );
    let found = lab.carry_out(config, plan);
    same(&found, "data.fake_look.d: Told to fail");
    same(&results(&lab), "check.found fail Told to fail: look x");
    lab.heal();
    let run = lab.plan_with(config, Options::default());
    let found = lab.carry_out(config, run.plan.unwrap());
    same(&found, "");
    same(&results(&lab), "check.found pass");
}
