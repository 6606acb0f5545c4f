//! Options that contradict each other, and the forms that options take.

use crate::harness::{Ran, Work};

/// Exactly these errors, with these summaries.
#[track_caller]
fn refuse(args: &[&str], summaries: &[&str]) {
    let work = Work::with("resource \"terraform_data\" \"a\" {}\n");
    let ran = work.run(args).code(1);
    let found: Vec<_> = ran
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("Error: "))
        .collect();
    assert_eq!(found, summaries, "{args:?}: {}", ran.stderr);
    assert!(!work.path().join("terraform.tfstate").exists());
}

#[test]
fn modes_of_planning() {
    const REPLACE: &str = "-replace=terraform_data.a";
    refuse(
        &["plan", "-refresh-only", "-refresh=false"],
        &["Incompatible refresh options"],
    );
    for command in ["plan", "apply"] {
        refuse(
            &[command, "-destroy", "-refresh-only"],
            &["Incompatible plan mode options"],
        );
        for mode in ["-destroy", "-refresh-only"] {
            refuse(&[command, mode, REPLACE], &["Unsupported plan mode"]);
        }
    }
    refuse(&["destroy", REPLACE], &["Unsupported plan mode"]);
    refuse(&["destroy", "-refresh-only"], &["Invalid mode option"]);
}

#[test]
fn the_last_of_an_option_counts() {
    let work = Work::with("resource \"terraform_data\" \"a\" {}\n");
    work.run(&[
        "plan",
        "-refresh=false",
        "-refresh",
        "-no-color",
        "-no-color",
    ])
    .code(0);
    work.run(&["plan", "-lock-timeout=nonsense", "-lock-timeout=1s"])
        .code(0);
}

/// The state before a change, and a file that is not formatted.
const CHANGED: &str = "resource \"terraform_data\" \"a\" {\n  input = \"new\"\n}\noutput \"x\" {\n    value = \"y\"\n}\n";

/// What tells runs apart: the exit code, what comes first, what is planned, and whether the state
/// is another one afterwards.
type Seen = (i32, Option<String>, Option<String>, bool);

#[track_caller]
fn seen(state: &str, args: &[&str]) -> Seen {
    let work = Work::with(CHANGED);
    work.write("terraform.tfstate", state);
    let ran = work.run(args);
    let is_changed = work.read("terraform.tfstate") != state;
    let mut lines = ran.stdout.lines();
    // Documents of runs differ in their times, their first parts do not.
    let first = lines.clone().next().map(|l| l.chars().take(12).collect());
    let planned = lines.find(|l| l.starts_with("Plan:")).map(str::to_owned);
    (ran.code, first, planned, is_changed)
}

#[test]
fn bools_in_every_form() {
    const TRUE: &[&str] = &["1", "t", "T", "true", "TRUE", "True"];
    const FALSE: &[&str] = &["0", "f", "F", "false", "FALSE", "False"];
    let table: &[(&str, &[&str], &[&str])] = &[
        ("-auto-approve", &["apply"], &[]),
        ("-auto-approve", &["destroy"], &[]),
        ("-json", &["plan"], &[]),
        ("-json", &["output"], &[]),
        ("-raw", &["output"], &["x"]),
        ("-json", &["version"], &[]),
        ("-detailed-exitcode", &["plan"], &[]),
        ("-destroy", &["plan"], &[]),
        ("-refresh-only", &["plan"], &[]),
        ("-refresh", &["plan"], &[]),
        ("-check", &["fmt", "-write=0"], &[]),
        ("-list", &["fmt", "-write=F"], &[]),
        (
            "-dry-run",
            &["state", "mv"],
            &["terraform_data.a", "terraform_data.b"],
        ),
    ];
    let old = Work::with(&CHANGED.replace("new", "old"));
    old.run(&["apply", "-auto-approve=true", "-input=0", "-lock=f"])
        .code(0);
    let state = old.read("terraform.tfstate");
    for (flag, before, after) in table {
        let with = |given: &str| seen(&state, &[before, [given].as_slice(), after].concat());
        let (is, is_not) = (with(flag), with(&format!("{flag}=false")));
        assert_ne!(is, is_not, "{flag} of {before:?}");
        for (values, expect) in [(TRUE, &is), (FALSE, &is_not)] {
            for value in values {
                let given = format!("{flag}={value}");
                assert_eq!(&with(&given), expect, "{given} of {before:?}");
            }
        }
    }
}

#[test]
fn the_last_bool_counts() {
    let work = Work::with("output \"x\" {\n  value = \"y\"\n}\n");
    let plan = |first: &str, second: &str| work.run(&["plan", first, second]).code;
    const EXITCODE: &str = "-detailed-exitcode";
    assert_eq!(plan(EXITCODE, "-detailed-exitcode=0"), 0);
    assert_eq!(plan("-detailed-exitcode=0", EXITCODE), 2);
}

#[test]
fn what_is_no_bool_is_refused() {
    for (command, flag) in [
        ("apply", "-auto-approve"),
        ("plan", "-lock"),
        ("fmt", "-check"),
        ("version", "-json"),
    ] {
        for value in ["maybe", "", "yes", "tRUE", "2"] {
            let given = format!("{flag}={value}");
            refuse(&[command, &given], &["Failed to parse command-line flags"]);
        }
    }
}

#[test]
fn options_and_commands_that_nobody_knows() {
    let work = Work::with("");
    for args in [&["plan", "-nosuch"][..], &["plan", "--nosuch=3"]] {
        work.run(args).code(1).says(&[
            "Error: Failed to parse command-line flags",
            "flag provided but not defined: -nosuch\n",
            "muster plan -help",
        ]);
    }
    work.run(&["state", "list", "-bogus"])
        .code(1)
        .says(&["not defined: -bogus", "muster state list -help"]);
    work.run(&["plan", "-detailed-exitcod"])
        .code(1)
        .says(&["Did you mean -detailed-exitcode?"]);
    work.run(&["nosuch"])
        .code(1)
        .says(&["muster has no command named \"nosuch\".", "muster -help"]);
    work.run(&["plan", "-help"])
        .code(0)
        .says(&["-detailed-exitcode"]);
}

#[test]
fn limits_that_nothing_is_within() {
    let work = Work::with("resource \"terraform_data\" \"a\" {}\n");
    let none = "Nothing is called module.b.";
    let limited = |args: &[&str]| work.run(&[&["plan"], args].concat()).code(0);
    limited(&["-target=module.b"]).says(&["Resource targeting is in effect", none]);
    limited(&["-exclude=module.b"]).says(&["1 to add", none]);
    limited(&["-target=terraform_data.a[3]"]).never_says(&["Nothing is called"]);
    limited(&["-target=terraform_data.a", "-target=module.b"]).says(&["1 to add", none]);
}

#[test]
fn limits_go_the_other_way_when_destroying() {
    let work = Work::with(
        "resource \"terraform_data\" \"a\" {}\nresource \"terraform_data\" \"b\" {\n  input = terraform_data.a.id\n}\n",
    );
    work.run(&["apply", "-auto-approve"]).code(0);
    let plan = |limit: &str| work.run(&["plan", "-destroy", limit]).code(0);
    plan("-target=terraform_data.a").says(&["2 to destroy", "names and what depends on it."]);
    plan("-target=terraform_data.b").says(&["1 to destroy"]);
    plan("-exclude=terraform_data.b").says(&["No changes", "names and what that needs"]);
    plan("-exclude=terraform_data.a").says(&["1 to destroy"]);
}

#[test]
fn limited_plans_leave_outputs_alone() {
    let resource = "resource \"terraform_data\" \"a\" {}\n";
    let work = Work::with(&format!("{resource}output \"gone\" {{\n  value = 1\n}}\n"));
    work.run(&["apply", "-auto-approve"]).code(0);
    work.write("main.tf", resource);
    let target = "-target=terraform_data.a";
    work.run(&["plan", "-detailed-exitcode", target]).code(0);
    work.run(&["apply", "-auto-approve", target]).code(0);
    work.run(&["output", "gone"]).code(0);
    work.run(&["plan", "-detailed-exitcode"]).code(2);
}

#[test]
fn outputs_that_are_not_there() {
    let work = Work::with("");
    for args in [&["output"][..], &["output", "o"]] {
        work.run(args).code(0).says(&["Warning: No outputs found"]);
    }
    for args in [&["output", "-json", "o"][..], &["output", "-raw", "o"]] {
        work.run(args).code(1).says(&["Output \"o\" not found"]);
    }
    work.run(&["output", "-raw"])
        .code(1)
        .says(&["Error: Output name required"]);
}

#[test]
fn advice_for_what_is_missing() {
    let work = Work::with("");
    work.run(&["test", "-test-directory=nowhere"])
        .code(0)
        .says(&["Warning: Test directory does not exist", "nowhere"]);
    work.run(&["import", "terraform_data.a", "x"])
        .code(1)
        .says(&[
            "does not exist in the configuration",
            "-generate-config-out",
        ]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_no_success() {
    let work = Work::with("output \"o\" {\n  value = 1\n}\n");
    work.run(&["apply", "-auto-approve"]).code(0);
    for args in [
        &["output", "-json"][..],
        &["output"],
        &["show", "-json"],
        &["plan"],
    ] {
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let output = work.command(args).stdout(full).output().unwrap();
        crate::harness::Ran::new(&output)
            .code(1)
            .says(&["Error: the output cannot be written"]);
    }
}

#[test]
fn wrong_values_are_told_with_where_they_are_set() {
    let work = Work::with(
        r#"
variable "n" {
  type    = number
  default = 1
  validation {
    condition     = var.n < 10
    error_message = "Less than ten."
  }
}
variable "secret" {
  type      = number
  default   = 1
  sensitive = true
  validation {
    condition     = var.secret < 10
    error_message = "Less than ten."
  }
}
"#,
    );
    work.write("a.tfvars", "\nn = 20\n");
    work.write("b.tfvars", "\nn = \"x\"\n");
    let check = |environment: &str, option: &str, place: &str| {
        for json in [false, true] {
            let mut args = vec!["plan", "-input=false"];
            args.extend((!option.is_empty()).then_some(option));
            args.extend(json.then_some("-json"));
            let mut command = work.command(&args);
            if !environment.is_empty() {
                command.env("TF_VAR_n", environment);
            }
            let ran = Ran::new(&command.output().unwrap()).code(1);
            // In JSON quotes have backslashes before them.
            let place = match json {
                true => place.replace('"', "\\\""),
                false => place.to_owned(),
            };
            ran.says(&["Error: Invalid value for ", &place]);
        }
    };
    check(
        "20",
        "",
        "The value of var.n is set by TF_VAR_n in the environment.",
    );
    check(
        "x",
        "",
        "The value of var.n is set by TF_VAR_n in the environment.",
    );
    check(
        "",
        "-var=n=20",
        "The value of var.n is set with -var \"n=...\".",
    );
    check(
        "",
        "-var=n=x",
        "The value of var.n is set with -var \"n=...\".",
    );
    check(
        "",
        "-var-file=a.tfvars",
        "The value of var.n is set in a.tfvars:2.",
    );
    check(
        "",
        "-var-file=b.tfvars",
        "The value of var.n is set in b.tfvars:2.",
    );
    for value in ["4711", "\"pass4711\""] {
        work.write("c.tfvars", format!("secret = {value}\n"));
        let ran = work.run(&["plan", "-var-file=c.tfvars"]).code(1);
        ran.says(&["var.secret is set in c.tfvars:1."])
            .never_says(&["4711"]);
        let option = format!("-var=secret={value}");
        let ran = work.run(&["plan", "-json", &option]).code(1);
        ran.says(&["var.secret is set with -var"])
            .never_says(&["4711"]);
    }
    // What is not set from outside has no place there.
    let config = work
        .read("main.tf")
        .replace("default = 1\n", "default = 20\n");
    work.write("main.tf", config);
    work.run(&["plan"])
        .code(1)
        .says(&["Less than ten."])
        .never_says(&["is set "]);
}

#[test]
fn the_last_value_on_the_command_line_counts() {
    let work = Work::with("variable \"a\" {}\noutput \"o\" { value = var.a }\n");
    work.write("f.tfvars", "a = \"file\"\n");
    let (value, file) = ("-var=a=value", "-var-file=f.tfvars");
    for (options, expect) in [
        (&[value, file][..], "file"),
        (&[file, value], "value"),
        (&[value, file, "-var=a=last"], "last"),
    ] {
        let args = [&["apply", "-auto-approve"][..], options].concat();
        work.run(&args).code(0);
        assert_eq!(work.json(&["output", "-json", "o"]), expect, "{options:?}");
    }
    let condition = "condition = output.o == \"file\"\n    error_message = \"No.\"";
    let test = format!("run \"r\" {{\n  assert {{\n    {condition}\n  }}\n}}\n");
    work.write("t.tftest.hcl", test);
    work.run(&["test", value, file]).code(0);
    work.run(&["test", file, value]).code(1);
    // What is known before the configuration is there follows it as well.
    let backend = "terraform {\n  backend \"local\" {\n    path = \"${var.a}.tfstate\"\n  }\n}\n";
    work.write("backend.tf", backend);
    work.run(&["init", value, file]).code(0);
    work.run(&["apply", "-auto-approve", value, file]).code(0);
    assert!(work.path().join("file.tfstate").exists());
    assert!(!work.path().join("value.tfstate").exists());
}
