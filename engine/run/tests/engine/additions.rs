//! What the language has from OpenTofu beside what Terraform knows.

use muster_plan::Mode;
use muster_planner::Options;

use crate::lab::Lab;

/// The resource `fake_thing.a` with this body.
fn a(body: &str) -> String {
    format!("resource \"fake_thing\" \"a\" {{\n name = \"a\"\n {body}\n}}\n")
}

fn destroy() -> Options {
    Options {
        mode: Mode::Destroy,
        ..Options::default()
    }
}

#[test]
fn what_is_destroyed_can_depend_on_variables() {
    let mut lab = Lab::default();
    let kept = |kept: &str| {
        let body = "count = 2\n lifecycle { prevent_destroy = local.kept }";
        format!(
            "-- main.tofu --\nvariable \"kept\" {{ default = {kept} }}\nlocals {{ kept = var.kept }}\n{}",
            a(body)
        )
    };
    let refused = "Instance cannot be destroyed";
    lab.apply(&kept("true"));
    let fewer = |value: &str| kept(value).replace("count = 2", "count = 1");
    lab.check_refused(&fewer("true"), Options::default(), refused);
    lab.check(
        &fewer("false"),
        "Delete fake_thing.a[1] delete_because_count_index",
    );
    lab.check_refused(&kept("\"true\""), destroy(), &[refused; 2].join("\n"));
    lab.check_with(
        &kept("false"),
        destroy(),
        "Delete fake_thing.a[0]\nDelete fake_thing.a[1]",
    );
    let invalid = "Invalid prevent_destroy argument";
    lab.check_refused(&fewer("null"), Options::default(), invalid);
    lab.check_refused(&fewer("\"perhaps\""), Options::default(), invalid);
}

#[test]
fn what_is_destroyed_must_be_known() {
    let mut lab = Lab::default();
    let text = |local: &str| {
        let other = "resource \"fake_thing\" \"b\" {\n name = \"b\"\n}\n";
        let body = "lifecycle { prevent_destroy = local.kept }";
        format!(
            "-- main.tofu --\nlocals {{ kept = {local} }}\n{other}{}",
            a(body)
        )
    };
    lab.apply(&a(""));
    let unknown = text("fake_thing.b.id == \"x\"").replace("\"a\"\n", "\"c\"\n");
    let invalid = "Invalid prevent_destroy argument";
    lab.check_refused(&unknown, Options::default(), invalid);
    lab.apply(&text("fake_thing.b.id == \"x\""));
    // The id is known now.
    lab.check_with(
        &unknown,
        Options::default(),
        "DeleteThenCreate fake_thing.a replace_because_cannot_update .name",
    );
}

#[test]
fn modules_that_are_gone_do_not_say_what_is_kept() {
    let mut lab = Lab::default();
    let module = |count: u32, kept: &str| {
        let call = format!("module \"m\" {{\n source = \"./m\"\n count = {count}\n}}\n");
        let thing = a(&format!("lifecycle {{ prevent_destroy = {kept} }}"));
        format!("{call}-- m/main.tofu --\nvariable \"kept\" {{ default = false }}\n{thing}")
    };
    lab.apply(&module(1, "var.kept"));
    lab.check_refused(
        &module(0, "var.kept"),
        Options::default(),
        "Invalid prevent_destroy argument",
    );
    lab.check_refused(
        &module(0, "true"),
        Options::default(),
        "Instance cannot be destroyed",
    );
    lab.check(
        &module(0, "false"),
        "Delete module.m[0].fake_thing.a delete_because_no_module",
    );
}

/// The resource with `enabled`, and one that looks at it.
fn enabled(on: &str, looks: &str) -> String {
    let on = format!("variable \"on\" {{ default = {on} }}\n");
    let body = a("lifecycle { enabled = var.on }");
    format!("{on}{body}locals {{ o = {looks} }}\n")
}

#[test]
fn resources_can_be_disabled() {
    let mut lab = Lab::default();
    lab.apply(&a(""));
    lab.check(&enabled("true", "1"), "");
    let gone = "Delete fake_thing.a delete_because_enabled_false";
    lab.check(&enabled("false", "1"), gone);
    lab.apply(&enabled("false", "fake_thing.a == null"));
    lab.check_state("");
    lab.check(&enabled("true", "1"), "Create fake_thing.a");
    lab.check(&enabled("false", "try(fake_thing.a.id, null)"), "");
    lab.check(&enabled("false", "fake_thing.a[*].id"), "");
    lab.check(
        &enabled("false", "fake_thing.a == null ? 1 : fake_thing.a.id"),
        "",
    );
    lab.check_refused(
        &enabled("false", "fake_thing.a.id"),
        Options::default(),
        "Attempt to get attribute from null value",
    );
    assert!(lab.take_details().contains("fake_thing.a is not there"));
    let invalid = "Invalid enabled argument";
    lab.check_refused(&enabled("null", "1"), Options::default(), invalid);
    lab.check_refused(&enabled("\"perhaps\"", "1"), Options::default(), invalid);
    let unknown = enabled("null", "1").replace("var.on", "fake_thing.b.id == \"x\"")
        + "resource \"fake_thing\" \"b\" {\n name = \"b\"\n}\n";
    lab.check_refused(&unknown, Options::default(), invalid);
}

#[test]
fn counted_objects_stay_when_enabled_takes_the_place_of_count() {
    let mut lab = Lab::default();
    lab.apply(&a("count = 1"));
    lab.check(&enabled("true", "1"), "");
    lab.apply(&enabled("true", "1"));
    lab.check_state("fake_thing.a a");
    lab.check(&a("count = 1"), "");
}

#[test]
fn modules_can_be_disabled() {
    let mut lab = Lab::default();
    let call = |lifecycle: &str, looks: &str| {
        format!(
            "module \"m\" {{\n source = \"./m\"\n {lifecycle}\n}}\nlocals {{ o = {looks} }}\n-- m/main.tf --\n{}output \"id\" {{ value = fake_thing.a.id }}\n",
            a("")
        )
    };
    let off = "lifecycle { enabled = false }";
    lab.apply(&call("", "module.m.id"));
    lab.check(&call("lifecycle { enabled = true }", "module.m.id"), "");
    let gone = "Delete module.m.fake_thing.a delete_because_no_module";
    lab.check(&call(off, "module.m == null"), gone);
    lab.check_refused(
        &call(off, "module.m.id"),
        Options::default(),
        "Attempt to get attribute from null value",
    );
    assert!(lab.take_details().contains("module.m is not there"));
    lab.apply(&call(off, "try(module.m.id, null)"));
    lab.check_state("");
}

#[test]
fn data_can_be_disabled() {
    let lab = Lab::default();
    let data = |on: bool| {
        format!(
            "data \"fake_look\" \"d\" {{\n name = \"d\"\n lifecycle {{ enabled = {on} }}\n}}\nlocals {{ o = data.fake_look.d == null }}\n"
        )
    };
    lab.check(&data(false), "");
    lab.check_calls("");
}
