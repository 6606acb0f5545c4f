//! `moved` blocks in modules that move themselves.

use muster_planner::Options;

use crate::desk::Desk;

/// A thing in each instance of a module, which is called `call` and calls it `thing`.
fn module(call: &str, repetition: &str, thing: &str, moved: &str, inside: &str) -> String {
    format!(
        r#"
module "{call}" {{
  source = "./m"
  {repetition}
}}
{moved}
-- m --
resource "fake_thing" "{thing}" {{
  name = "same"
}}
{inside}
"#
    )
}

fn moved(from: &str, to: &str) -> String {
    format!("moved {{\n  from = {from}\n  to   = {to}\n}}\n")
}

#[track_caller]
fn check(before: &str, after: &str) {
    let mut desk = Desk::default();
    desk.apply(before);
    let planned = desk.plan(after, Options::default());
    planned.changes(&[]);
}

/// What the module says of its own things holds for it where it arrives.
#[test]
fn things_move_within_a_module_that_has_moved() {
    let before = module("a", "count = 2", "r", "", "");
    let inside = moved("fake_thing.r", "fake_thing.q");
    let keys = moved("module.a[0]", "module.b[\"x\"]") + &moved("module.a[1]", "module.b[\"y\"]");
    let repetition = "for_each = toset([\"x\", \"y\"])";
    check(&before, &module("b", repetition, "q", &keys, &inside));
    let whole = moved("module.a", "module.b");
    check(&before, &module("b", "count = 2", "q", &whole, &inside));
    // Twice, and once more inside.
    let twice = whole + &moved("module.b", "module.c");
    let on = inside + &moved("fake_thing.q", "fake_thing.p");
    check(&before, &module("c", "count = 2", "p", &twice, &on));
}

#[test]
fn things_move_within_a_module_that_gets_another_key() {
    let inside = moved("fake_thing.r", "fake_thing.q");
    let before = module("a", "", "r", "", "");
    let first = moved("module.a", "module.a[0]");
    check(&before, &module("a", "count = 1", "q", &first, &inside));
    let key = moved("module.a", "module.a[\"x\"]");
    let repetition = "for_each = toset([\"x\"])";
    check(&before, &module("a", repetition, "q", &key, &inside));
    let before = module("a", repetition, "r", "", "");
    let back = moved("module.a[\"x\"]", "module.a");
    check(&before, &module("a", "", "q", &back, &inside));
}

/// A thing leaves its module before that moves.
#[test]
fn things_leave_a_module_that_moves() {
    let before = module("a", "", "r", "", "");
    let leaving = moved("module.a.fake_thing.r", "fake_thing.out") + &moved("module.a", "module.b");
    let after = "resource \"fake_thing\" \"out\" {\n  name = \"same\"\n}\n".to_owned() + &leaving;
    check(&before, &after);
}
