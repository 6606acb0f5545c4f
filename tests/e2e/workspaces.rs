//! Making, selecting and deleting workspaces: what is said, and the exit codes, as other engines
//! have them.

use crate::harness::{Ran, Work};

const ONE: &str = "resource \"terraform_data\" \"a\" {}\n";

fn workspace(work: &Work, args: &[&str]) -> Ran {
    work.run(&[&["workspace"], args].concat())
}

#[test]
fn one_is_made_selected_and_deleted() {
    let work = Work::with(ONE);
    workspace(&work, &["new", "x"])
        .code(0)
        .says(&["Created and switched to workspace \"x\"!"]);
    workspace(&work, &["new", "x"])
        .code(1)
        .says(&["Workspace \"x\" already exists"]);
    work.run(&["apply", "-auto-approve"]).code(0);
    workspace(&work, &["select", "-or-create", "y"])
        .code(0)
        .says(&["Created and switched to workspace \"y\"!"]);
    workspace(&work, &["delete", "y"])
        .code(1)
        .says(&["Workspace \"y\" is your active workspace."]);
    workspace(&work, &["delete", "x"])
        .code(1)
        .says(&["Error: Workspace is not empty", "- terraform_data.a"]);
    workspace(&work, &["delete", "-force", "x"])
        .code(0)
        .says(&["Deleted workspace \"x\"!", "WARNING: \"x\" was non-empty."]);
    workspace(&work, &["delete", "default"])
        .code(1)
        .says(&["cannot delete default state"]);
    workspace(&work, &["select", "default"])
        .code(0)
        .says(&["Switched to workspace \"default\"."]);
    workspace(&work, &["select", "default"])
        .code(0)
        .never_says(&["Switched"]);
    workspace(&work, &["delete", "y"])
        .code(0)
        .says(&["Deleted workspace \"y\"!"])
        .never_says(&["WARNING"]);
}

#[test]
fn names_that_cannot_be() {
    let work = Work::with(ONE);
    for name in ["a/b", "a b", "ä", "..", "."] {
        let summary = format!("The workspace name \"{name}\" is not allowed.");
        workspace(&work, &["new", name]).code(1).says(&[&summary]);
        workspace(&work, &["select", name])
            .code(1)
            .says(&[&summary]);
    }
    for name in ["gone", ""] {
        let summary = format!("Workspace \"{name}\" doesn't exist.");
        workspace(&work, &["select", name])
            .code(1)
            .says(&[&summary]);
        workspace(&work, &["delete", name])
            .code(1)
            .says(&[&summary]);
    }
    for command in ["new", "select", "delete"] {
        for names in [&[][..], &["a", "b"]] {
            workspace(&work, &[&[command], names].concat())
                .code(1)
                .says(&["Expected a single argument: NAME."])
                .never_says(&["flag provided"]);
        }
    }
    workspace(&work, &["list", "a"])
        .code(1)
        .says(&["Too many command line arguments"]);
}

#[test]
fn the_environment_names_one() {
    let work = Work::with(ONE);
    let named = |name: &str, args: &[&str]| {
        let output = work.command(args).env("TF_WORKSPACE", name).output();
        Ran::new(&output.unwrap())
    };
    named("x", &["workspace", "select", "default"])
        .code(1)
        .says(&["The selected workspace is currently overridden using the TF_WORKSPACE"]);
    named("x", &["workspace", "new", "y"])
        .code(1)
        .says(&["You cannot create a new workspace when using this setting."]);
    named("x", &["workspace", "new", "x"]).code(0);
    named("default", &["workspace", "list"])
        .code(0)
        .says(&["* default", "  x", "TF_WORKSPACE"]);
    for args in [
        &["plan"][..],
        &["validate"],
        &["output"],
        &["state", "list"],
        &["workspace", "list"],
    ] {
        named("../x", args)
            .code(1)
            .says(&["Invalid workspace name set using TF_WORKSPACE"]);
    }
}

#[test]
fn what_cannot_be_deleted_is_said_first() {
    let work = Work::with(ONE);
    work.run(&["apply", "-auto-approve"]).code(0);
    workspace(&work, &["delete", "default"])
        .code(1)
        .says(&["is your active workspace", "it cannot be deleted"])
        .never_says(&["Select another", "-force"]);
    workspace(&work, &["new", "x"]).code(0);
    for args in [&["delete", "default"][..], &["delete", "-force", "default"]] {
        workspace(&work, args)
            .code(1)
            .says(&["cannot delete default state", "is always there"])
            .never_says(&["not empty", "-force"]);
    }
    let mut named = work.command(&["workspace", "delete", "x"]);
    let output = named.env("TF_WORKSPACE", "x").output();
    Ran::new(&output.unwrap())
        .code(1)
        .says(&["is your active workspace", "TF_WORKSPACE names it"])
        .never_says(&["Select another"]);
}

#[test]
fn a_workspace_without_a_state_is_named() {
    let work = Work::with(ONE);
    let commands = [
        &["state", "list"][..],
        &["state", "mv", "terraform_data.a", "terraform_data.b"],
        &["state", "rm", "terraform_data.a"],
    ];
    for args in commands {
        work.run(args)
            .code(1)
            .says(&["No state file was found!", "There is no state here yet"]);
    }
    workspace(&work, &["new", "x"]).code(0);
    for args in commands {
        work.run(args).code(1).says(&[
            "No state file was found!",
            "no state in workspace \"x\": an",
        ]);
        let output = work.command(args).env("TF_WORKSPACE", "y").output();
        Ran::new(&output.unwrap())
            .code(1)
            .says(&["\"y\", which TF_WORKSPACE names", "can name another"])
            .never_says(&["workspace select"]);
    }
    work.run(&["state", "list", "-state=none.tfstate"])
        .code(1)
        .says(&["There is no state here yet"]);
}

#[test]
fn a_workspace_that_is_deleted_during_a_run_without_a_lock() {
    let (work, gate) = crate::attach::gated();
    // The first write of a new workspace makes its folder.
    work.run(&["workspace", "new", "x"]).code(0);
    let mut run = crate::attach::at_the_gate(&work, &gate, &["-lock=false"]);
    work.run(&["workspace", "select", "default"]).code(0);
    let x = work.path().join("terraform.tfstate.d/x");
    // As it is deleted elsewhere, or by Terraform, which knows nothing of the run.
    std::fs::rename(&x, work.path().join("gone")).unwrap();
    gate.open();
    run.end()
        .code(1)
        .says(&[
            "Error: Failed to save state",
            "the workspace was deleted in the meantime",
            "Error: The state was written elsewhere",
            "errored.tfstate",
        ])
        .never_says(&["panicked"]);
    assert!(!x.exists(), "it does not come back");
    let kept: serde_json::Value = serde_json::from_str(&work.read("errored.tfstate")).unwrap();
    assert_eq!(kept["resources"].as_array().unwrap().len(), 3);
}

#[test]
fn workspaces_share_a_simulated_world_unless_it_has_its_own_file() {
    let config = |sim: &str| {
        format!(
            "terraform {{\n  required_providers {{\n    muster = {{ source = \"muster/muster\" }}\n  }}\n}}\nprovider \"muster\" {{\n  sim {{{sim}}}\n}}\nresource \"muster_zone\" \"a\" {{\n  name     = \"a\"\n  type     = \"edge\"\n  location = \"here\"\n  capacity = {{ cpu = 1, memory_gb = 1 }}\n}}\n"
        )
    };
    let work = Work::with(&config(""));
    work.run(&["apply", "-auto-approve"]).code(0);
    work.run(&["workspace", "new", "x"]).code(0);
    let ran = work.run(&["apply", "-auto-approve"]).code(1);
    ran.says(&["muster_zone.a", "exists already"]);
    work.write(
        "main.tf",
        config(" path = \".muster/${terraform.workspace}.json\" "),
    );
    work.run(&["apply", "-auto-approve"])
        .code(0)
        .says(&["1 added"]);
    assert!(work.path().join(".muster/x.json").exists());
}
