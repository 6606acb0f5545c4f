//! Provisioners: when they run, in which order, and what their failure means.

use muster_plan::Event;
use muster_planner::Options;

use crate::lab::{Lab, same};

/// What happened to objects and what provisioners did and printed, in order.
fn check_events(lab: &Lab, expect: &str) {
    let events = lab.take_events();
    let lines = events.iter().filter_map(|event| {
        Some(match event {
            Event::Started {
                addr, operation, ..
            } => format!("{addr} {operation:?} begins"),
            Event::Finished {
                addr, operation, ..
            } => format!("{addr} {operation:?} ends"),
            Event::Failed {
                addr, operation, ..
            } => format!("{addr} {operation:?} fails"),
            // The command itself says nothing new.
            Event::ProvisionOutput { line, .. } if line.starts_with("Executing") => return None,
            Event::ProvisionOutput { line, .. } => format!("  {line}"),
            Event::ProvisionFailed { .. } => "  failed".into(),
            _ => return None,
        })
    });
    let lines: Vec<String> = lines.map(|line| line.trim().to_owned()).collect();
    same(&lines, expect);
}

/// Two provisioners for either end; `FIRST` and `LAST` are commands, `MORE` more arguments.
fn thing(first: &str, last: &str, more: &str) -> String {
    r#"
resource "fake_thing" "a" {
  name = "a"
  provisioner "local-exec" {
    command = "FIRST"
    MORE
  }
  provisioner "local-exec" {
    when    = destroy
    command = "LAST"
    MORE
  }
  provisioner "local-exec" {
    when    = destroy
    command = "echo farewell"
  }
  provisioner "local-exec" {
    command = "echo ready"
  }
}
resource "fake_thing" "b" {
  name  = "b"
  input = [fake_thing.a.id]
}
"#
    .replace("FIRST", first)
    .replace("LAST", last)
    .replace("MORE", more)
}

const NONE: &str = "resource \"fake_thing\" \"b\" { name = \"b\" }";

#[test]
fn they_run_before_an_object_is_used_and_before_it_goes() {
    let mut lab = Lab::default();
    let config = thing("echo hello ${self.name}", "echo bye ${self.name}", "");
    lab.apply(&config);
    check_events(
        &lab,
        "fake_thing.a Create begins
         hello a
         ready
         fake_thing.a Create ends
         fake_thing.b Create begins
         fake_thing.b Create ends",
    );
    // They are no part of what an object is.
    lab.check(&config.replace("hello", "hi"), "");
    let options = Options {
        mode: muster_plan::Mode::Destroy,
        ..Options::default()
    };
    assert!(lab.try_apply(&config, options).is_empty());
    check_events(
        &lab,
        "fake_thing.b Delete begins
         fake_thing.b Delete ends
         fake_thing.a Delete begins
         bye a
         farewell
         fake_thing.a Delete ends",
    );
    lab.check_state("");
}

#[test]
fn a_failed_one_taints_a_new_object() {
    let mut lab = Lab::default();
    let config = thing("echo oh; exit 3", "exit 1", "");
    let found = lab.try_apply(&config, Options::default());
    assert_eq!(found, ["fake_thing.a: local-exec provisioner error"]);
    let details = lab.take_details();
    assert!(details.contains("exit status 3. Output:\noh"), "{details}");
    check_events(
        &lab,
        "fake_thing.a Create begins
         oh
         failed
         fake_thing.a Create fails",
    );
    lab.check_state("fake_thing.a a tainted");
    let plan = "DeleteThenCreate fake_thing.a replace_because_tainted
                Create fake_thing.b";
    lab.check(&config, plan);
    // What never was as it should be is not taken leave of.
    lab.apply(&thing("echo fine", "exit 1", ""));
    check_events(
        &lab,
        "fake_thing.a Delete begins
         fake_thing.a Delete ends
         fake_thing.a Create begins
         fine
         ready
         fake_thing.a Create ends
         fake_thing.b Create begins
         fake_thing.b Create ends",
    );
    lab.check_state("fake_thing.a a\nfake_thing.b b");
}

#[test]
fn a_failed_one_keeps_an_object_that_was_to_go() {
    let mut lab = Lab::default();
    let config = thing("true", "echo no; exit 1", "");
    lab.apply(&config);
    let options = || Options {
        mode: muster_plan::Mode::Destroy,
        ..Options::default()
    };
    let found = lab.try_apply(&config, options());
    assert_eq!(found, ["fake_thing.a: local-exec provisioner error"]);
    check_events(
        &lab,
        "fake_thing.b Delete begins
         fake_thing.b Delete ends
         fake_thing.a Delete begins
         no
         failed
         fake_thing.a Delete fails",
    );
    lab.check_state("fake_thing.a a");
    assert!(
        lab.try_apply(&thing("true", "true", ""), options())
            .is_empty()
    );
    lab.check_state("");
}

#[test]
fn failure_may_not_matter() {
    let mut lab = Lab::default();
    let config = thing("exit 1", "exit 2", "on_failure = continue");
    lab.apply(&config);
    check_events(
        &lab,
        "fake_thing.a Create begins
         failed
         ready
         fake_thing.a Create ends
         fake_thing.b Create begins
         fake_thing.b Create ends",
    );
    let options = Options {
        mode: muster_plan::Mode::Destroy,
        ..Options::default()
    };
    assert!(lab.try_apply(&config, options).is_empty());
    lab.check_state("");
}

#[test]
fn arguments_that_cannot_be_evaluated_end_the_work() {
    let mut lab = Lab::default();
    let config = thing("${[self.name][self.size]}", "true", "on_failure = continue");
    let config = config.replace("name = \"a\"", "name = \"a\"\n size = 7");
    let found = lab.try_apply(&config, Options::default());
    assert_eq!(found, ["Invalid index"]);
    check_events(
        &lab,
        "fake_thing.a Create begins
         fake_thing.a Create fails",
    );
    lab.check_state("fake_thing.a a 7 tainted");
}

#[test]
fn instances_know_their_keys_at_their_end() {
    let config = |keys: &str| {
        r#"
resource "fake_thing" "a" {
  for_each = toset(KEYS)
  name     = each.key
  provisioner "local-exec" {
    command = "echo hello ${each.value} ${self.name}"
  }
  provisioner "local-exec" {
    when    = destroy
    command = "echo bye ${each.key} ${self.name}"
  }
}
"#
        .replace("KEYS", keys)
    };
    let mut lab = Lab::default();
    lab.apply(&config("[\"x\"]"));
    lab.apply(&config("[]"));
    check_events(
        &lab,
        "fake_thing.a[\"x\"] Delete begins
         bye x x
         fake_thing.a[\"x\"] Delete ends",
    );
}

#[test]
fn nothing_runs_for_what_is_set_aside() {
    let config = |name: &str| {
        thing("true", "echo bye", "")
            .replace("name = \"a\"", &format!("name = \"{name}\""))
            .replace(
                "provisioner",
                "lifecycle { create_before_destroy = true }\n provisioner",
            )
    };
    // One block is enough.
    let once = |text: String| {
        let block = "lifecycle { create_before_destroy = true }\n ";
        let (head, tail) = text.split_once(block).unwrap();
        format!("{head}{block}{}", tail.replace(block, ""))
    };
    let mut lab = Lab::default();
    lab.apply(&once(config("a")));
    lab.apply(&once(config("other")));
    let events = lab.take_events();
    let said = |text: &str| {
        events
            .iter()
            .any(|e| matches!(e, Event::ProvisionOutput { line, .. } if &**line == text))
    };
    assert!(said("ready"));
    assert!(!said("bye"));
}

#[test]
fn removed_blocks_take_leave() {
    let mut lab = Lab::default();
    lab.apply(&thing("true", "echo old", ""));
    let removed = r#"
removed {
  from = fake_thing.a
  provisioner "local-exec" {
    when    = destroy
    command = "echo gone ${self.name}"
  }
}
"#;
    lab.apply(&format!("{NONE}\n{removed}"));
    let events = lab.take_events();
    let output = events.iter().filter_map(|e| match e {
        Event::ProvisionOutput { line, .. } if !line.starts_with("Exec") => Some(line.to_string()),
        _ => None,
    });
    assert_eq!(output.collect::<Vec<_>>(), ["gone a"]);
    lab.check_state("fake_thing.b b");
}

#[test]
fn what_they_use_comes_first() {
    let mut lab = Lab::default();
    lab.apply(
        r#"
resource "fake_thing" "a" {
  name = "a"
  provisioner "local-exec" {
    command = "echo ${fake_thing.z.name} ${fake_thing.a.name}"
  }
}
resource "fake_thing" "z" { name = "z" }
"#,
    );
    check_events(
        &lab,
        "fake_thing.z Create begins
         fake_thing.z Create ends
         fake_thing.a Create begins
         z a
         fake_thing.a Create ends",
    );
    let a = "fake_thing.a".parse().unwrap();
    let stored = lab.state.current(&a).unwrap();
    let names: Vec<String> = stored
        .dependencies
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(names, ["fake_thing.z"]);
}

#[test]
fn secrets_are_not_shown() {
    let mut lab = Lab::default();
    let config = r#"
variable "s" {
  default   = "hush"
  sensitive = true
}
resource "fake_thing" "a" {
  name = "a"
  provisioner "local-exec" {
    command = "echo ${var.s}; exit 1"
  }
}
"#;
    let found = lab.try_apply(config, Options::default());
    assert_eq!(found, ["fake_thing.a: local-exec provisioner error"]);
    assert!(!lab.take_details().contains("hush"));
    check_events(
        &lab,
        "fake_thing.a Create begins
         (output suppressed due to sensitive value in config)
         (output suppressed due to sensitive value in config)
         failed
         fake_thing.a Create fails",
    );
}

#[test]
fn what_cannot_be_used_is_named_unless_it_is_secret() {
    let check = |provisioner: &str| {
        for (value, is_shown) in [("\"hush\"", true), ("var.s", false)] {
            let mut lab = Lab::default();
            let config = r#"
variable "s" {
  default   = "hush"
  sensitive = true
}
locals {
  path = "/nowhere/${VALUE}"
}
resource "fake_thing" "a" {
  name = "a"
  connection {
    host = "nowhere.invalid"
  }
  provisioner PROVISIONER
}
"#;
            let config = config.replace("VALUE", value);
            let config = config.replace("PROVISIONER", provisioner);
            assert_eq!(lab.try_apply(&config, Options::default()).len(), 1);
            let details = lab.take_details();
            assert_eq!(details.contains("hush"), is_shown, "{details}");
            let says = "(sensitive value)";
            assert_eq!(details.contains(says), !is_shown, "{details}");
        }
    };
    check("\"local-exec\" {\n command = \"true\"\n working_dir = local.path\n }");
    check("\"local-exec\" {\n command = \"true\"\n interpreter = [local.path]\n }");
    check("\"remote-exec\" {\n script = local.path\n }");
    check("\"remote-exec\" {\n scripts = [local.path]\n }");
    check("\"file\" {\n source = local.path\n destination = \"/x\"\n }");
}
