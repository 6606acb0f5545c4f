//! Where changes come from.

mod several;

use crate::harness::Work;

const MAIN: &str = "variable \"v\" {
  default = 1
}

variable \"names\" {
  type    = set(string)
  default = [\"a\", \"b\"]
}

variable \"secret\" {
  default   = \"hidden\"
  sensitive = true
}

locals {
  label = \"n-${var.v * 2}\"
}

resource \"terraform_data\" \"a\" {
  triggers_replace = local.label
}

resource \"terraform_data\" \"b\" {
  for_each = var.names
  input    = [terraform_data.a.id, var.secret]
}
";

fn applied() -> Work {
    let work = Work::with(MAIN);
    work.run(&["apply", "-auto-approve"]).code(0);
    work
}

#[test]
fn a_replacement_is_traced_to_a_variable() {
    let work = applied();
    let answer = work.run(&["why", "-var=v=2", "terraform_data.a"]).code(0);
    assert_eq!(
        answer.stdout,
        "terraform_data.a must be replaced  main.tf:19
└─ triggers_replace = local.label: \"n-2\" -> \"n-4\", forces replacement  main.tf:20
   local.label = \"n-${var.v * 2}\"  main.tf:16
   var.v = \"2\"  main.tf:1
"
    );
}

#[test]
fn an_unknown_is_traced_through_other_objects_and_secrets_stay_hidden() {
    let work = applied();
    let answer = work
        .run(&["why", "-var=v=2", "terraform_data.b[\"a\"]", "input[0]"])
        .code(0)
        .says(&[
            "-> (known after apply)",
            "-> (known after apply), as it must be replaced",
            "var.v = \"2\"",
            "var.secret = (sensitive value)",
        ]);
    assert!(!answer.stdout.contains("hidden"), "{}", answer.stdout);
    // The expression is one of more than that.
    let line = answer.stdout.lines().next().unwrap();
    assert!(
        line.starts_with("terraform_data.b[\"a\"].input[0]: "),
        "{line}"
    );
    let json = work.json(&[
        "why",
        "-json",
        "-var=v=2",
        "terraform_data.b[\"a\"]",
        "input",
    ]);
    assert!(!json.to_string().contains("hidden"), "{json}");
    assert_eq!(json["before_sensitive"], true);
}

#[test]
fn an_instance_that_goes_is_traced_to_its_keys() {
    let work = applied();
    work.run(&["plan", "-out=tfplan", "-var=names=[\"a\"]"])
        .code(0);
    work.run(&["why", "-plan=tfplan", "terraform_data.b[\"b\"]"])
        .code(0)
        .says(&[
            "will be destroyed: the key is not in for_each",
            "for_each = var.names  main.tf:24",
            "var.names = [\"a\"]",
        ]);
}

#[test]
fn what_a_plan_does_not_speak_of_is_refused() {
    let work = applied();
    work.run(&["why", "terraform_data.b[\"z\"]"])
        .code(1)
        .says(&["Unknown resource instance", "terraform_data.b[\"a\"]"]);
    work.run(&["why", "-destroy", "terraform_data.nope"])
        .code(1)
        .never_says(&["data sources"]);
    for address in ["terraform_data.nope", "module.nope"] {
        work.run(&["why", address])
            .code(1)
            .says(&["Unknown resource instance"]);
    }
    work.run(&["why", "module.nope", "x"])
        .code(1)
        .says(&["Unsupported attribute"]);
    work.run(&["why", "terraform_data.a", "nope"])
        .code(1)
        .says(&["Unsupported attribute"]);
    work.run(&["why", "terraform_data.a", "[x"])
        .code(1)
        .says(&["Invalid attribute path"]);
    work.run(&["why", "not an address"])
        .code(1)
        .says(&["Invalid address"]);
    for name in ["output.nope", "local.nope", "var.nope", "module.m.nope"] {
        let undeclared = format!("declares no {name}");
        work.run(&["why", name])
            .code(1)
            .says(&["Reference to undeclared value", &undeclared]);
    }
    work.run(&["why", "local.label", "x"])
        .code(1)
        .says(&["Unsupported attribute"]);
}

/// What is said of an object with these arguments, with nothing below it.
#[track_caller]
fn only(work: &Work, args: &[&str], expect: &str) {
    let ran = work.run(&[&["why"], args].concat()).code(0);
    assert_eq!(ran.stdout, format!("{expect}\n"), "{args:?}");
}

#[test]
fn what_arguments_ask_for_has_no_other_cause() {
    let work = applied();
    let check = |args: &[&str], expect: &str| only(&work, args, expect);
    let many = "terraform_data.b[\"a\"]";
    check(
        &["-destroy", many],
        "terraform_data.b[\"a\"] will be destroyed: -destroy asks for it  main.tf:23",
    );
    check(
        &["-destroy", "-target=terraform_data.a", many],
        "terraform_data.b[\"a\"] will be destroyed: it rests on what -destroy asks for  main.tf:23",
    );
    check(
        &["-replace=terraform_data.a", "terraform_data.a"],
        "terraform_data.a must be replaced: -replace asks for it  main.tf:19",
    );
    let json = work.json(&["why", "-json", "-destroy", many]);
    assert_eq!(json["because"], "destroy_mode");
    assert_eq!(json["causes"].as_array().unwrap().len(), 0);
    work.run(&["taint", "terraform_data.a"]).code(0);
    check(
        &["terraform_data.a"],
        "terraform_data.a must be replaced: it is tainted  main.tf:19",
    );
}

#[test]
fn what_triggers_a_replacement() {
    let config = |input: u8| {
        let life = "lifecycle {\n    replace_triggered_by = [terraform_data.a]\n  }";
        format!(
            "resource \"terraform_data\" \"a\" {{\n  input = {input}\n}}\nresource \"terraform_data\" \"b\" {{\n  {life}\n}}\n"
        )
    };
    let work = Work::with(&config(1));
    work.run(&["apply", "-auto-approve"]).code(0);
    work.write("main.tf", config(2));
    let ran = work.run(&["why", "terraform_data.b"]).code(0);
    assert_eq!(
        ran.stdout,
        "terraform_data.b must be replaced: something in replace_triggered_by changes  main.tf:4
└─ terraform_data.a will be updated in-place  main.tf:1
   input: 1 -> 2  main.tf:2
"
    );
}

#[test]
fn what_an_earlier_replacement_left() {
    let work = applied();
    let mut state: serde_json::Value =
        serde_json::from_str(&work.read("terraform.tfstate")).unwrap();
    let resources = state["resources"].as_array_mut().unwrap();
    let mut found = resources.iter_mut();
    let resource = found.find(|resource| resource["name"] == "a").unwrap();
    let mut deposed = resource["instances"][0].clone();
    deposed["deposed"] = "abcd1234".into();
    resource["instances"].as_array_mut().unwrap().push(deposed);
    state["serial"] = 10.into();
    work.write("terraform.tfstate", state.to_string());
    let ran = work.run(&["why", "terraform_data.a"]).code(0);
    assert_eq!(
        ran.stdout,
        "terraform_data.a is unchanged  main.tf:19
└─ terraform_data.a (deposed object abcd1234) will be destroyed: an earlier replacement left it  main.tf:19
"
    );
}

#[test]
fn what_the_configuration_has_no_more() {
    let work = applied();
    work.write(
        "main.tf",
        "removed {\n  from = terraform_data.b\n  lifecycle {\n    destroy = false\n  }\n}\n",
    );
    only(
        &work,
        &["terraform_data.b[\"a\"]"],
        "terraform_data.b[\"a\"] will be forgotten: a removed block says so  main.tf:1",
    );
    only(
        &work,
        &["terraform_data.a"],
        "terraform_data.a will be destroyed: the configuration has no such resource",
    );
}

const ZONES: &str = "terraform {
  required_providers {
    muster = { source = \"muster/muster\" }
  }
}

resource \"muster_zone\" \"a\" {
  name     = \"a\"
  type     = \"edge\"
  location = \"here\"
  capacity = { cpu = 1, memory_gb = 1 }
}

resource \"terraform_data\" \"b\" {
  input = muster_zone.a.id
}
";

#[test]
fn what_was_deleted_outside_is_made_again_because_of_that() {
    let work = Work::with(ZONES);
    work.run(&["apply", "-auto-approve"]).code(0);
    std::fs::remove_file(work.path().join(".muster/sim.json")).unwrap();
    only(
        &work,
        &["muster_zone.a"],
        "muster_zone.a will be created: it was deleted outside muster  main.tf:7",
    );
    only(
        &work,
        &["-refresh-only", "muster_zone.a"],
        "muster_zone.a was deleted outside muster  main.tf:7",
    );
}

#[test]
fn what_was_changed_outside_is_put_right() {
    let work = Work::with(ZONES);
    work.run(&["apply", "-auto-approve"]).code(0);
    let world = work.read(".muster/sim.json");
    let changed = world.replace("\"edge\"", "\"cloud\"");
    assert_ne!(world, changed);
    work.write(".muster/sim.json", &changed);
    let ran = work.run(&["why", "muster_zone.a", "type"]).code(0);
    assert_eq!(
        ran.stdout,
        "muster_zone.a.type: \"cloud\" -> \"edge\", forces replacement  main.tf:9
└─ type was changed outside muster: \"edge\" -> \"cloud\"
"
    );
}

#[test]
fn a_new_one_comes_first_for_the_sake_of_a_dependent() {
    let config = |v: u8| {
        let first = "lifecycle {\n    create_before_destroy = true\n  }";
        format!(
            "resource \"terraform_data\" \"a\" {{\n  triggers_replace = {v}\n}}\n\nresource \"terraform_data\" \"b\" {{\n  triggers_replace = terraform_data.a.id\n  {first}\n}}\n"
        )
    };
    let work = Work::with(&config(1));
    work.run(&["apply", "-auto-approve"]).code(0);
    work.write("main.tf", config(2));
    work.run(&["why", "terraform_data.a"]).code(0).says(&[
        "terraform_data.a must be replaced, the new one first because terraform_data.b has create_before_destroy  main.tf:1",
        "└─ triggers_replace: 1 -> 2, forces replacement  main.tf:2",
    ]);
    let ran = work.run(&["why", "terraform_data.b"]).code(0);
    ran.says(&["terraform_data.b must be replaced, the new one first  main.tf:5"]);
}

#[test]
fn each_step_through_modules_has_one_line() {
    let work = Work::with(
        "variable \"size\" {
  default = 1
}
module \"a\" {
  source = \"./a\"
  size   = var.size
}
output \"final\" {
  value = module.a.result
}
",
    );
    work.write(
        "a/main.tf",
        "variable \"size\" {}
module \"b\" {
  source = \"../b\"
  size   = var.size + 1
}
output \"result\" {
  value = module.b.result
}
",
    );
    work.write(
        "b/main.tf",
        "variable \"size\" {}
resource \"terraform_data\" \"x\" {
  triggers_replace = var.size
  input            = var.size
}
resource \"terraform_data\" \"y\" {
  input = [terraform_data.x.id, terraform_data.x.output, var.size]
}
output \"result\" {
  value = terraform_data.y.output
}
",
    );
    work.run(&["init"]).code(0);
    work.run(&["apply", "-auto-approve"]).code(0);
    let check = |address: &str, expect: &str| {
        let ran = work.run(&["why", "-var=size=3", address]).code(0);
        assert_eq!(ran.stdout, expect, "{address}");
    };
    check(
        "module.a.module.b.terraform_data.x",
        "module.a.module.b.terraform_data.x must be replaced  b/main.tf:2
└─ triggers_replace = var.size: 2 -> 4, forces replacement  b/main.tf:3
   module.a.module.b.var.size = var.size + 1  a/main.tf:4
   module.a.var.size = var.size  main.tf:6
   var.size = \"3\"  main.tf:1
",
    );
    let lines = |address: &str, expect: &[&str]| {
        let ran = work.run(&["why", "-var=size=3", address]).code(0);
        let lines: Vec<&str> = ran.stdout.lines().collect();
        assert_eq!(lines.len(), expect.len(), "{}", ran.stdout);
        for (line, (start, end)) in lines
            .iter()
            .zip(expect.iter().filter_map(|e| e.split_once("*")))
        {
            let fits = line.starts_with(start) && line.ends_with(end);
            assert!(fits, "{line}\nis not\n{start}*{end}");
        }
    };
    let shared = [
        "   terraform_data.x.id: *-> (known after apply), as it must be replaced  b/main.tf:2",
        "   triggers_replace = var.size: 2 -> 4, forces replacement*  b/main.tf:3",
        "   module.a.module.b.var.size = var.size + 1*  a/main.tf:4",
        "   module.a.var.size = var.size*  main.tf:6",
        "   var.size = \"3\"*  main.tf:1",
    ];
    let y = [
        "module.a.module.b.terraform_data.y will be updated in-place*  b/main.tf:6",
        "└─ input = [terraform_data.x.id, *-> (partly known after apply)  b/main.tf:7",
    ];
    lines(
        "module.a.module.b.terraform_data.y",
        &[&y[..], &shared].concat(),
    );
    let output = [
        "output.final = module.a.result: *-> (known after apply)  main.tf:9",
        "└─ module.a.result = module.b.result*  a/main.tf:7",
        "   module.b.result = terraform_data.y.output*  b/main.tf:10",
        "   terraform_data.y.output: *, as it will be updated in-place  b/main.tf:6",
        "   input = [terraform_data.x.id, *-> (partly known after apply)  b/main.tf:7",
    ];
    lines("output.final", &[&output[..], &shared].concat());
}

#[test]
fn chains_may_be_longer_than_the_stack_is_deep() {
    const LEN: usize = 5000;
    let mut config = "variable \"v\" {\n  default = 1\n}\nlocals {\n  l0 = var.v\n".to_owned();
    for i in 1..LEN {
        config += &format!("  l{i} = local.l{} + var.v\n", i - 1);
    }
    config += &format!(
        "}}\nresource \"terraform_data\" \"a\" {{\n  input = local.l{}\n}}\n",
        LEN - 1
    );
    let work = Work::with(&config);
    let ran = work
        .run(&["why", "-var=v=2", "terraform_data.a", "input"])
        .code(0);
    assert_eq!(ran.stdout.lines().count(), LEN + 2);
    assert!(ran.stdout.ends_with("   var.v = \"2\"  main.tf:1\n"));
    let ran = work
        .run(&["why", "-json", "-var=v=2", "terraform_data.a", "input"])
        .code(0);
    assert_eq!(ran.stdout.matches("\"causes\"").count(), LEN + 2);
}

#[test]
fn instances_that_are_alike_are_told_of_once() {
    let work = Work::with(
        "variable \"tag\" {
  default = \"x\"
}
resource \"terraform_data\" \"base\" {
  triggers_replace = var.tag
}
resource \"terraform_data\" \"many\" {
  for_each = toset([for i in range(50) : tostring(i)])
  input    = \"${each.key}-${terraform_data.base.id}\"
}
resource \"terraform_data\" \"sum\" {
  input = [for m in terraform_data.many : m.output]
}
",
    );
    work.run(&["apply", "-auto-approve"]).code(0);
    let ran = work
        .run(&["why", "-var=tag=y", "terraform_data.sum"])
        .code(0)
        .says(&[
            "terraform_data.many[\"0\"] and 49 more will be updated in-place  main.tf:7",
            "triggers_replace = var.tag: \"x\" -> \"y\", forces replacement  main.tf:5",
            "var.tag = \"y\"  main.tf:1",
        ])
        // The keys are the same as before.
        .never_says(&["for_each"]);
    assert_eq!(ran.stdout.lines().count(), 7, "{}", ran.stdout);
    let json = work.json(&["why", "-json", "-var=tag=y", "terraform_data.sum", "input"]);
    assert_eq!(json["causes"][0]["more"], 49);
    let ran = work
        .run(&["why", "-var=tag=y", "terraform_data.many"])
        .code(0);
    assert_eq!(ran.stdout.lines().count(), 6, "{}", ran.stdout);
    ran.says(&[
        "terraform_data.many: 50 of 50 instances change  main.tf:7\n└─ terraform_data.many[\"0\"] and 49 more will be updated in-place  main.tf:7\n",
        "var.tag = \"y\"  main.tf:1",
    ]);
    let json = work.json(&["why", "-json", "terraform_data.many"]);
    assert_eq!(json["kind"], "instances");
    assert_eq!(
        (&json["instances"], &json["changing"]),
        (&50.into(), &0.into())
    );
}

/// What is a secret may be one in the source already.
#[test]
fn expressions_of_secrets_stay_hidden() {
    let work = Work::with(
        "variable \"n\" {
  default = 1
}
module \"m\" {
  source = \"./m\"
  pw     = \"hunter-${var.n}\"
}
output \"o\" {
  value     = \"hunter-${module.m.o}\"
  sensitive = true
}
",
    );
    work.write(
        "m/main.tf",
        "variable \"pw\" {
  sensitive = true
}
resource \"terraform_data\" \"p\" {
  input = \"hunter-${var.pw}\"
}
output \"o\" {
  value     = \"hunter-${var.pw}\"
  sensitive = true
}
",
    );
    work.run(&["init"]).code(0);
    work.run(&["apply", "-auto-approve"]).code(0);
    for name in ["module.m.terraform_data.p", "module.m.o", "output.o"] {
        work.run(&["why", "-var=n=2", name])
            .code(0)
            .says(&["var.n = \"2\"  main.tf:1"])
            .never_says(&["hunter"]);
    }
}

#[test]
fn what_secrets_are_made_of_stays_hidden() {
    let work = Work::with(
        "variable \"n\" {
  default = 1
}
module \"m\" {
  source = \"./m\"
  n      = var.n
}
",
    );
    work.write(
        "m/main.tf",
        "variable \"n\" {}
variable \"pw\" {
  default   = \"hunter-default\"
  sensitive = true
}
locals {
  key = \"hunter-local-${var.n}\"
}
resource \"terraform_data\" \"default\" {
  input = \"${var.n}-${var.pw}\"
}
resource \"terraform_data\" \"local\" {
  input = sensitive(local.key)
}
resource \"terraform_data\" \"plain\" {
  input = local.key
}
",
    );
    work.run(&["init"]).code(0);
    work.run(&["apply", "-auto-approve"]).code(0);
    let why = |args: &[&str]| work.run(&[&["why", "-var=n=2"][..], args].concat()).code(0);
    for (args, expect) in [
        (&["module.m.var.pw"][..], "(sensitive value), the default"),
        (
            &["module.m.terraform_data.default"],
            "var.n = \"2\"  main.tf:1",
        ),
        (&["module.m.terraform_data.local"], "local.key"),
    ] {
        why(args).says(&[expect]).never_says(&["hunter"]);
        let json = work.json(&[&["why", "-json", "-var=n=2"][..], args].concat());
        assert!(!json.to_string().contains("hunter"), "{json}");
    }
    let json = work.json(&["why", "-json", "module.m.var.pw"]);
    assert_eq!(json["value_sensitive"], true);
    // Nobody calls this one a secret.
    why(&["module.m.terraform_data.plain"]).says(&["local.key = \"hunter-local-${var.n}\""]);
}

#[test]
fn data_sources() {
    let work = Work::with(
        "resource \"terraform_data\" \"path\" {
  input = \"other.tfstate\"
}
data \"terraform_remote_state\" \"late\" {
  backend = \"local\"
  config  = { path = terraform_data.path.output }
}
data \"terraform_remote_state\" \"early\" {
  backend = \"local\"
  config  = { path = \"other.tfstate\" }
}
",
    );
    work.write(
        "other.tfstate",
        r#"{"version":4,"terraform_version":"1.11.4","serial":1,"lineage":"a","outputs":{},"resources":[]}"#,
    );
    only(
        &work,
        &["data.terraform_remote_state.early"],
        "data.terraform_remote_state.early was read while planning  main.tf:8",
    );
    let ran = work
        .run(&["why", "data.terraform_remote_state.late"])
        .code(0);
    assert_eq!(
        ran.stdout,
        "data.terraform_remote_state.late will be read during apply: its configuration is not known before  main.tf:4
└─ terraform_data.path.output = (known after apply), as it will be created: the state has no such object  main.tf:1
"
    );
    work.run(&["why", "-destroy", "data.terraform_remote_state.late"])
        .code(1)
        .says(&["With -destroy, data sources are not read."]);
}

#[test]
fn the_key_that_a_module_has_no_more() {
    let config = "variable \"keys\" {
  type    = set(string)
  default = [\"x\", \"y\"]
}
module \"m\" {
  source   = \"./m\"
  for_each = var.keys
}
";
    let work = Work::with(config);
    work.write("m/main.tf", "resource \"terraform_data\" \"z\" {}\n");
    work.run(&["init"]).code(0);
    work.run(&["apply", "-auto-approve"]).code(0);
    let ran = work
        .run(&[
            "why",
            "-var=keys=[\"x\"]",
            "module.m[\"y\"].terraform_data.z",
        ])
        .code(0);
    assert_eq!(
        ran.stdout,
        "module.m[\"y\"].terraform_data.z will be destroyed: its module has no such instance  m/main.tf:1
└─ for_each of module m = var.keys  main.tf:7
   var.keys = [\"x\"]  main.tf:1
"
    );
    // All that is in the module, in a part of it, and the resource in all of its instances.
    let told = "module.m[\"y\"].terraform_data.z will be destroyed: its module";
    for address in ["module.m", "module.m.terraform_data.z"] {
        work.run(&["why", "-var=keys=[\"x\"]", address])
            .code(0)
            .says(&[&format!("{address}: 1 of 2 instances change  "), told]);
    }
    only(
        &work,
        &["-var=keys=[\"x\"]", "module.m[\"x\"]"],
        "module.m[\"x\"]: 0 of 1 instances change  main.tf:5",
    );
}
