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
