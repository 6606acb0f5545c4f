//! What the environment and the backend say: extra arguments, the data directory, state files;
//! and where output goes: pipes, links.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};

use crate::harness::{Ran, Work};

/// Runs the program with variables in its environment.
fn run(work: &Work, env: &[(&str, &str)], args: &[&str]) -> Ran {
    let mut command = work.command(args);
    command.envs(env.iter().copied());
    Ran::new(&command.output().unwrap())
}

const NUMBER: &str =
    "variable \"n\" {\n  default = 0\n}\noutput \"n\" {\n  value = \"is ${var.n}\"\n}\n";

#[test]
fn arguments_from_the_environment() {
    let work = Work::with(NUMBER);
    let own = ("TF_CLI_ARGS_plan", "-var 'n=o w n'");
    let general = ("TF_CLI_ARGS", "-var n=general");
    let other = ("TF_CLI_ARGS_apply", "-var n=other");
    run(&work, &[own, other], &["plan"])
        .code(0)
        .says(&["is o w n"]);
    run(&work, &[own, general], &["plan"])
        .code(0)
        .says(&["is general"]);
    run(&work, &[own, general], &["plan", "-var", "n=typed"])
        .code(0)
        .says(&["is typed"]);
    run(&work, &[("TF_CLI_ARGS_plan", "-var 'n=1")], &["plan"])
        .code(1)
        .says(&["Error: ", "TF_CLI_ARGS_plan"]);
    run(&work, &[("TF_CLI_ARGS_plan", "-no-such")], &["plan"]).code(1);
}

#[test]
fn input_that_the_environment_forbids() {
    let work = Work::with("variable \"n\" {}\noutput \"n\" {\n  value = var.n\n}\n");
    for (value, asks) in [("0", false), ("false", false), ("1", true)] {
        let ran = run(&work, &[("TF_INPUT", value)], &["plan"]).code(1);
        let ran = ran.says(&["No value for required variable"]);
        assert_eq!(ran.stdout.contains("Enter a value"), asks, "{value}");
    }
}

#[test]
fn modules_in_another_data_directory() {
    let work = Work::with(
        "module \"far\" {\n  source = \"example/far/cloud\"\n}\noutput \"far\" {\n  value = module.far.here\n}\n",
    );
    work.write(
        "data/modules/far/main.tf",
        "output \"here\" {\n  value = \"here it is\"\n}\n",
    );
    work.write(
        "data/modules/modules.json",
        r#"{"Modules": [{"Key": "far", "Source": "registry.terraform.io/example/far/cloud", "Version": "1.0.0", "Dir": "data/modules/far"}]}"#,
    );
    work.run(&["plan"]).code(1).says(&["Module not installed"]);
    let absolute = work.path().join("data");
    for dir in ["data", "./data", absolute.to_str().unwrap()] {
        run(&work, &[("TF_DATA_DIR", dir)], &["plan", "-out=p"])
            .code(0)
            .says(&["here it is"]);
    }
    // The plan has it all, wherever it is applied.
    std::fs::remove_dir_all(&absolute).unwrap();
    work.run(&["apply", "p"]).code(0).says(&["here it is"]);
}

fn backend(settings: &str) -> String {
    format!("terraform {{\n  backend \"local\" {{\n{settings}  }}\n}}\n{NUMBER}")
}

#[test]
fn state_files_of_a_backend() {
    let work = Work::with(&backend(
        "    path          = \"kept/here.tfstate\"\n    workspace_dir = \"others\"\n",
    ));
    work.run(&["apply", "-auto-approve", "-var", "n=1"]).code(0);
    work.run(&["workspace", "new", "dev"]).code(0);
    work.run(&["apply", "-auto-approve", "-var", "n=2"]).code(0);
    assert!(work.read("kept/here.tfstate").contains("is 1"));
    assert!(work.read("others/dev/terraform.tfstate").contains("is 2"));
    assert!(!work.path().join("terraform.tfstate").exists());
    work.run(&["workspace", "list"])
        .code(0)
        .says(&["  default\n* dev"]);
    work.run(&["output"]).code(0).says(&["is 2"]);
    work.run(&["workspace", "select", "default"]).code(0);
    work.run(&["output"]).code(0).says(&["is 1"]);
}

#[test]
fn backends_that_cannot_be() {
    let check = |settings: &str, says: &[&str]| {
        let work = Work::with(&backend(settings));
        for args in [&["init"][..], &["plan"], &["output"], &["state", "list"]] {
            work.run(args).code(1).says(says).says(&["main.tf line 3"]);
        }
    };
    check(
        "    path = terraform_data.x.id\n",
        &["Variables not allowed"],
    );
    check("    pth = \"a\"\n", &["Unsupported argument", "\"path\""]);
    check("    path = \"\"\n", &["Invalid local state file path"]);
}

#[test]
fn the_state_beside_a_configuration_with_errors() {
    let work = Work::with(&backend("    path = \"here.tfstate\"\n"));
    work.run(&["apply", "-auto-approve", "-var", "n=5"]).code(0);
    // Where the state is can be read all the same.
    for more in [
        "module \"gone\" {\n  source = \"./gone\"\n}\n",
        "output \"wrong\" {\n  value = var.none\n}\n",
    ] {
        work.write("more.tf", more);
        work.run(&["plan"]).code(1);
        work.run(&["output"]).code(0).says(&["is 5"]);
    }
    // What does not parse may be the backend.
    work.write("more.tf", "resource {{{\n");
    for args in [&["output"][..], &["output", "-json"], &["state", "list"]] {
        let ran = work.run(args).code(1).says(&["more.tf line 1"]);
        assert_eq!(ran.stdout, "", "{args:?}");
    }
}

#[test]
fn saved_plans_go_into_pipes() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let work = Work::with(NUMBER);
    let path = work.path().join("pipe");
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    // Opened like this it lets nobody wait, and keeps what is written.
    let mut pipe = File::options().read(true).write(true).open(&path).unwrap();
    work.run(&["plan", "-out=pipe"]).code(0);
    assert!(path.symlink_metadata().unwrap().file_type().is_fifo());
    let mut bytes = vec![0; 1 << 16];
    let len = pipe.read(&mut bytes).unwrap();
    work.write("plan", &bytes[..len]);
    work.run(&["apply", "plan"]).code(0).says(&["is 0"]);
}

#[test]
fn saved_plans_go_through_links() {
    let work = Work::with(NUMBER);
    let link = work.path().join("link");
    std::fs::create_dir(work.path().join("kept")).unwrap();
    symlink("kept/plan", &link).unwrap();
    for n in ["1", "2"] {
        let value = format!("n={n}");
        work.run(&["plan", "-out=link", "-var", &value]).code(0);
        assert!(link.is_symlink(), "{n}");
        let kept = work.path().join("kept/plan").symlink_metadata().unwrap();
        assert!(kept.is_file(), "{n}");
        assert_eq!(kept.permissions().mode() & 0o777, 0o600, "{n}");
        work.run(&["show", "kept/plan"])
            .code(0)
            .says(&[&format!("is {n}")]);
    }
}

#[test]
fn each_edit_of_a_state_keeps_a_backup() {
    let config = |name: &str| format!("resource \"terraform_data\" \"{name}\" {{}}\n");
    let names = ["a", "b", "c"].map(config);
    let work = Work::with(&names.concat());
    work.run(&["apply", "-auto-approve"]).code(0);
    let backups = || {
        let entries = std::fs::read_dir(work.path()).unwrap();
        let names = entries.map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut dated: Vec<_> = names
            .filter(|n| n.starts_with("terraform.tfstate.") && n.ends_with(".backup"))
            .collect();
        dated.sort();
        dated
    };
    let before = work.read("terraform.tfstate");
    work.run(&["state", "rm", "-dry-run", "terraform_data.a"])
        .code(0);
    assert!(backups().is_empty());
    work.run(&["state", "rm", "terraform_data.a"]).code(0);
    let between = work.read("terraform.tfstate");
    work.run(&["state", "mv", "terraform_data.b", "terraform_data.d"])
        .code(0);
    let kept: Vec<String> = backups().iter().map(|name| work.read(name)).collect();
    assert_eq!(kept, [before, between]);
    // Where a file is named, it is that one.
    work.run(&["state", "rm", "-backup=mine", "terraform_data.c"])
        .code(0);
    assert!(work.read("mine").contains("\"c\""));
    assert_eq!(backups().len(), 2);
}

#[test]
fn plans_without_symbols_explain_none() {
    let config = |name: &str| format!("resource \"terraform_data\" \"{name}\" {{}}\n");
    let work = Work::with(&config("a"));
    work.run(&["plan"]).code(0).says(&["The symbols mean:"]);
    work.run(&["apply", "-auto-approve"]).code(0);
    let moved = "moved {\n  from = terraform_data.a\n  to   = terraform_data.b\n}\n";
    work.write("main.tf", config("b") + moved);
    work.run(&["plan"])
        .code(0)
        .says(&["This is what apply will do to each object.", "has moved to"])
        .never_says(&["The symbols mean:"]);
}
