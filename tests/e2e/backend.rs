//! Where states are kept, and what becomes of them when the configuration does not say so any more.

use std::process::Command;

use super::harness::{Ran, Work, skip};

const ONE: &str = "resource \"terraform_data\" \"a\" {\n  input = 1\n}\n";

#[test]
fn what_is_left_without_files_can_be_destroyed() {
    for destroy in [
        &["destroy", "-auto-approve"][..],
        &["apply", "-destroy", "-auto-approve"],
    ] {
        let work = Work::with(ONE);
        work.run(&["apply", "-auto-approve"]).code(0);
        std::fs::remove_file(work.path().join("main.tf")).unwrap();
        for args in [&["plan"][..], &["apply"], &["plan", "-refresh-only"]] {
            let ran = work.run(args).code(1);
            ran.says(&["Error: No configuration files"]);
        }
        work.run(&["refresh"]).code(0);
        assert_eq!(work.state_list(), ["terraform_data.a"]);
        let ran = work.run(&["plan", "-destroy"]).code(0);
        ran.says(&["Plan: 0 to add, 0 to change, 1 to destroy."]);
        work.run(destroy).code(0).says(&["1 destroyed"]);
        assert!(work.state_list().is_empty());
    }
}

const REQUIRED: &str = "Error: Backend initialization required, please run \"terraform init\"";
const REQUIRED_AGAIN: &str =
    "Error: Backend initialization required: please run \"terraform init\"";
const CHANGED: &str = "Error: Backend configuration changed";

/// A configuration that keeps its state in this file.
fn at(path: &str) -> String {
    format!("terraform {{\n  backend \"local\" {{\n    path = \"{path}\"\n  }}\n}}\n{ONE}")
}

fn has(work: &Work, path: &str) -> bool {
    work.path().join(path).exists()
}

#[test]
fn a_changed_place_is_noticed() {
    let work = Work::with(&at("one.tfstate"));
    work.run(&["init"]).code(0);
    work.run(&["apply", "-auto-approve"]).code(0);
    let record = work.read(".terraform/terraform.tfstate");
    for (config, required) in [
        (at("two.tfstate"), REQUIRED_AGAIN),
        (ONE.to_owned(), REQUIRED),
    ] {
        work.write("main.tf", config);
        for args in [
            &["plan"][..],
            &["apply", "-auto-approve"],
            &["destroy", "-auto-approve"],
            &["output"],
            &["show"],
            &["state", "list"],
            &["state", "pull"],
            &["workspace", "list"],
            &["providers"],
        ] {
            work.run(args).code(1).says(&[required]);
        }
        work.run(&["validate"]).code(0);
        work.run(&["init"]).code(1).says(&[CHANGED]);
        assert_eq!(work.read(".terraform/terraform.tfstate"), record);
    }
    // Nobody ever ran init with this.
    work.run(&["init", "-reconfigure"]).code(0);
    work.run(&["plan"]).code(0).says(&["1 to add"]);
    assert!(has(&work, "one.tfstate") && !has(&work, "two.tfstate"));
    work.write("main.tf", at("one.tfstate"));
    work.run(&["plan"]).code(0).says(&["No changes."]);
}

#[test]
fn the_first_use_without_init_counts() {
    let work = Work::with(&at("one.tfstate"));
    work.run(&["apply", "-auto-approve"]).code(0);
    work.write("main.tf", at("two.tfstate"));
    work.run(&["plan"]).code(1).says(&[REQUIRED_AGAIN]);
    // A state in the usual place counts as well.
    let work = Work::with(ONE);
    work.run(&["apply", "-auto-approve"]).code(0);
    work.write("main.tf", at("one.tfstate"));
    work.run(&["plan"]).code(1).says(&[REQUIRED, "muster init"]);
    work.answer(&["init"], "yes\n").code(0);
    work.run(&["plan"]).code(0).says(&["No changes."]);
}

#[test]
fn a_database_that_nobody_names() {
    let config = "terraform {\n  backend \"pg\" {}\n}\n";
    let work = Work::with(config);
    let init = |variable: &str, value: &str| {
        let mut command = work.command(&["init"]);
        // Nobody listens there.
        command.env_remove("PG_CONN_STR").env("PGPORT", "1");
        command.env("PGHOST", "127.0.0.1").env(variable, value);
        Ran::new(&command.output().unwrap()).code(1)
    };
    // As in Terraform, the variables of PostgreSQL say which it is.
    init("PGDATABASE", "d").says(&["127.0.0.1:1/d", "Nothing names a database", "PG_CONN_STR"]);
    init("PG_CONN_STR", "postgres://127.0.0.1:1/e")
        .says(&["127.0.0.1:1/e"])
        .never_says(&["Nothing names"]);
}

const COPY: &str = "Do you want to copy existing state to the new backend?";
const NOBODY: &str =
    "Error: Can't ask approval for state migration when interactive input is disabled.";
const NO_ANSWER: &str = "Error: Error asking for confirmation: EOF";

#[test]
fn the_first_block_asks_for_the_state() {
    for flags in [&[][..], &["-migrate-state"], &["-reconfigure"]] {
        let work = Work::with(ONE);
        work.run(&["apply", "-auto-approve"]).code(0);
        let before = work.read("terraform.tfstate");
        work.write("main.tf", at("one.tfstate"));
        let init = [&["init"], flags].concat();
        // Without an answer everything is as it was.
        work.run(&init).code(1).says(&[COPY, NO_ANSWER]);
        let silent = [&init[..], &["-input=false"]].concat();
        work.run(&silent)
            .code(1)
            .says(&[NOBODY, "-force-copy"])
            .never_says(&[COPY]);
        work.answer(&init, "perhaps\nnever\n")
            .code(1)
            .says(&["neither \"yes\" nor \"no\""]);
        assert!(!has(&work, "one.tfstate") && !has(&work, ".terraform/terraform.tfstate"));
        // The second answer counts when the first one makes no sense.
        let ran = work.answer(&init, "perhaps\nyes\n").code(0);
        ran.says(&[
            COPY,
            "Please answer",
            "1 resource, serial ",
            // What is typed ends a line, too.
            "  Enter a value: \nThe state is kept in the backend \"local\"",
        ]);
        assert_eq!(work.read("one.tfstate"), before);
        work.run(&["plan"]).code(0).says(&["No changes."]);
    }
}

#[test]
fn who_wants_no_copy_starts_anew() {
    let work = Work::with(ONE);
    work.run(&["apply", "-auto-approve"]).code(0);
    let before = work.read("terraform.tfstate");
    work.write("main.tf", at("one.tfstate"));
    work.answer(&["init"], "no\n").code(0).says(&[
        COPY,
        "Warning: State was not copied",
        "state push",
    ]);
    work.run(&["plan"]).code(0).says(&["1 to add"]);
    assert_eq!(work.read("terraform.tfstate"), before);
    // Nobody is asked again.
    work.run(&["init"]).code(0).never_says(&[COPY]);
}

#[test]
fn copies_without_questions() {
    for flags in [&[][..], &["-input=false"], &["-json"]] {
        let work = Work::with(ONE);
        work.run(&["apply", "-auto-approve"]).code(0);
        work.write("main.tf", at("one.tfstate"));
        let args = [&["init", "-force-copy"], flags].concat();
        work.run(&args).code(0).never_says(&[COPY]);
        assert_eq!(work.read("one.tfstate"), work.read("terraform.tfstate"));
        // The copy that is left is no reason to ask, whatever becomes of the new one.
        std::fs::remove_dir_all(work.path().join(".terraform")).unwrap();
        work.run(&["init"]).code(0).never_says(&[COPY]);
    }
    let work = Work::with(ONE);
    work.run(&["apply", "-auto-approve"]).code(0);
    work.write("main.tf", at("one.tfstate"));
    let ran = work.run(&["init", "-json"]).code(1).never_says(&[COPY]);
    assert!(ran_lines_are_json(&ran.stdout), "{}", ran.stdout);
    work.run(&["init", "-json", "-migrate-state"])
        .code(1)
        .says(&["The -migrate-state and -json options are mutually-exclusive"]);
}

fn ran_lines_are_json(text: &str) -> bool {
    let mut lines = text.lines();
    lines.all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
}

#[test]
fn a_state_that_is_not_a_copy_is_asked_about() {
    let work = Work::with(&at("one.tfstate"));
    work.run(&["apply", "-auto-approve"]).code(0);
    std::fs::remove_dir_all(work.path().join(".terraform")).unwrap();
    work.write("main.tf", ONE);
    work.run(&["apply", "-auto-approve"]).code(0);
    let [here, there] = ["terraform.tfstate", "one.tfstate"].map(|path| work.read(path));
    work.write("main.tf", at("one.tfstate"));
    work.run(&["plan"]).code(1).says(&[REQUIRED]);
    work.answer(&["init"], "no\n")
        .code(0)
        .says(&[COPY, "would take the place of"]);
    assert_eq!(work.read("one.tfstate"), there);
    std::fs::remove_dir_all(work.path().join(".terraform")).unwrap();
    work.answer(&["init"], "yes\n").code(0);
    assert_eq!(work.read("one.tfstate"), here);
}

#[test]
fn a_backend_that_is_unset() {
    let work = Work::with(&at("one.tfstate"));
    work.run(&["init"]).code(0);
    work.run(&["apply", "-auto-approve"]).code(0);
    work.write("main.tf", ONE);
    work.run(&["init"]).code(1).says(&[
        CHANGED,
        "Unsetting the previously set backend",
        "muster init -migrate-state",
    ]);
    work.run(&["init", "-migrate-state", "-input=false"])
        .code(1)
        .says(&[NOBODY]);
    assert!(!has(&work, "terraform.tfstate"));
    work.answer(&["init", "-migrate-state"], "yes\n")
        .code(0)
        .says(&[COPY, "The backend \"local\" is unset"]);
    assert_eq!(work.read("terraform.tfstate"), work.read("one.tfstate"));
    work.run(&["plan"]).code(0).says(&["No changes."]);
}

#[test]
fn an_empty_state_is_not_asked_about() {
    let work = Work::with(&at("one.tfstate"));
    work.run(&["init"]).code(0);
    work.write("main.tf", at("two.tfstate"));
    work.run(&["init"]).code(1).says(&[CHANGED]);
    work.run(&["init", "-migrate-state", "-input=false"])
        .code(0)
        .never_says(&[COPY]);
}

#[test]
fn states_are_copied_to_a_new_place() {
    let work = Work::with(&at("one.tfstate"));
    work.run(&["init"]).code(0);
    work.run(&["apply", "-auto-approve"]).code(0);
    work.run(&["workspace", "new", "dev"]).code(0);
    work.run(&["apply", "-auto-approve"]).code(0);
    let dev = work.read("terraform.tfstate.d/dev/terraform.tfstate");
    let config = at("two.tfstate").replace("path =", "workspace_dir = \"others\"\n    path =");
    work.write("main.tf", config);
    work.run(&["init", "-migrate-state", "-reconfigure"])
        .code(1)
        .says(&["Error: Invalid init options"]);
    let all = "Do you want to migrate all workspaces to \"local\"?";
    let args = ["init", "-migrate-state"];
    work.run(&args).code(1).says(&[all, NO_ANSWER]);
    let ran = work.answer(&args, "no\n").code(1);
    ran.says(&[all, "Error: Migration aborted by user."]);
    assert!(!has(&work, "two.tfstate") && !has(&work, "others"));
    work.answer(&args, "yes\n")
        .code(0)
        .says(&["- default\n", "- dev\n"]);
    assert_eq!(work.read("two.tfstate"), work.read("one.tfstate"));
    assert_eq!(work.read("others/dev/terraform.tfstate"), dev);
    work.run(&["plan"]).code(0).says(&["No changes."]);
}

#[test]
fn a_state_in_the_new_place_is_not_overwritten() {
    let work = Work::with(&at("two.tfstate"));
    work.run(&["apply", "-auto-approve"]).code(0);
    work.write("main.tf", at("one.tfstate"));
    work.run(&["init", "-reconfigure"]).code(0);
    work.run(&["apply", "-auto-approve"]).code(0);
    let (one, two) = (work.read("one.tfstate"), work.read("two.tfstate"));
    work.write("main.tf", at("two.tfstate"));
    work.run(&["init", "-migrate-state"])
        .code(1)
        .says(&[COPY, NO_ANSWER, "two.tfstate"]);
    assert_eq!(work.read("two.tfstate"), two);
    work.run(&["plan"]).code(1).says(&[REQUIRED_AGAIN]);
    // Who keeps it goes on with it.
    work.answer(&["init", "-migrate-state"], "no\n").code(0);
    assert_eq!(work.read("two.tfstate"), two);
    work.run(&["plan"]).code(0).says(&["No changes."]);
    work.write("main.tf", at("one.tfstate"));
    work.run(&["init", "-reconfigure"]).code(0);
    work.write("main.tf", at("two.tfstate"));
    work.run(&["init", "-force-copy"]).code(0);
    assert_eq!(work.read("two.tfstate"), one);
    work.run(&["plan"]).code(0).says(&["No changes."]);
}

#[test]
fn a_newer_state_in_the_new_place_stays() {
    let work = Work::with(ONE);
    work.run(&["apply", "-auto-approve"]).code(0);
    let there = at("one.tfstate").replace("path =", "workspace_dir = \"others\"\n    path =");
    work.write("main.tf", there.as_str());
    work.run(&["init", "-force-copy"]).code(0);
    let forget = || std::fs::remove_dir_all(work.path().join(".terraform")).unwrap();
    for change in [
        &["apply", "-auto-approve", "-replace=terraform_data.a"][..],
        &["destroy", "-auto-approve"],
    ] {
        work.run(change).code(0);
        let newer = work.read("one.tfstate");
        // The old copy is no reason to ask.
        forget();
        let ran = work.run(&["init", "-input=false"]).code(0);
        ran.never_says(&["Warning"]);
        // Another workspace is one, and takes no other with it.
        forget();
        work.write("main.tf", ONE);
        let name = format!("w{}", newer.len());
        work.run(&["workspace", "new", &name]).code(0);
        work.run(&["apply", "-auto-approve"]).code(0);
        forget();
        work.write("main.tf", there.as_str());
        let ran = work.run(&["init", "-force-copy"]).code(0);
        ran.says(&["Warning: State was not copied", "newer version"]);
        assert_eq!(work.read("one.tfstate"), newer);
        assert!(has(&work, &format!("others/{name}/terraform.tfstate")));
    }
}

#[test]
fn both_versions_of_a_state_are_named() {
    let work = Work::with(&at("one.tfstate"));
    work.run(&["init"]).code(0);
    for name in ["default", "dev"] {
        if name != "default" {
            work.run(&["workspace", "new", name]).code(0);
        }
        work.run(&["apply", "-auto-approve"]).code(0);
    }
    work.write(
        "two.tfstate",
        work.read("one.tfstate")
            .replace("\"lineage\": \"", "\"lineage\": \"x"),
    );
    let config = at("two.tfstate").replace("path =", "workspace_dir = \"others\"\n    path =");
    work.write("main.tf", config);
    let told = "default, where another state (1 resource, serial 1) is overwritten by this one (1 resource, serial 1)";
    work.run(&["init", "-migrate-state"]).code(1).says(&[told]);
    // All of it is said, too, where nobody is asked.
    let ran = work
        .run(&["init", "-migrate-state", "-input=false"])
        .code(1);
    ran.says(&[NOBODY, told, "; dev. Nothing was copied."]);
}

#[test]
fn terraform_takes_turns() {
    let work = Work::with(&at("one.tfstate"));
    let terraform = |args: &[&str]| {
        let mut command = Command::new("terraform");
        work.prepare(&mut command, args);
        command.env("CHECKPOINT_DISABLE", "1");
        command.output().ok().map(|output| Ran::new(&output))
    };
    if terraform(&["version"]).is_none() {
        return skip("there is no terraform");
    }
    work.run(&["init"]).code(0);
    let record = work.read(".terraform/terraform.tfstate");
    terraform(&["init"]).unwrap().code(0);
    assert_eq!(work.read(".terraform/terraform.tfstate"), record);
    terraform(&["apply", "-auto-approve"]).unwrap().code(0);
    work.run(&["plan"]).code(0).says(&["No changes."]);
    work.write("main.tf", at("two.tfstate"));
    terraform(&["plan"])
        .unwrap()
        .code(1)
        .says(&[REQUIRED_AGAIN.trim_start_matches("Error: ")]);
    work.run(&["plan"]).code(1).says(&[REQUIRED_AGAIN]);
    terraform(&["init", "-force-copy"]).unwrap().code(0);
    work.run(&["plan"]).code(0).says(&["No changes."]);
    // What only Terraform's command line said.
    work.write("main.tf", at("x").replace("path = \"x\"", ""));
    let args = ["init", "-reconfigure", "-backend-config=path=two.tfstate"];
    terraform(&args).unwrap().code(0);
    work.run(&["init"]).code(0);
    work.run(&["plan"]).code(0).says(&["No changes."]);
}
