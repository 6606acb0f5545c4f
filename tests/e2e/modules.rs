//! Modules from elsewhere: repositories, archives and a registry, all on this machine.

mod archives;
mod git;
mod registry;
#[path = "../../providers/install/tests/install/support/server.rs"]
pub(crate) mod server;
mod tests;

use serde_json::{Value, json};

use crate::harness::{Ran, Work, skip};

/// A call of a module.
fn call(source: &str) -> String {
    format!("module \"a\" {{\n  source = \"{source}\"\n}}\n")
}

/// A working directory that calls one module, which gives `from`.
fn calling(source: &str) -> Work {
    let output = "output \"from\" {\n  value = module.a.from\n}\n";
    Work::with(&(call(source) + output))
}

/// A module that gives `from`.
fn giving(text: &str) -> String {
    format!("output \"from\" {{\n  value = \"{text}\"\n}}\n")
}

/// What is recorded of all modules but the root.
fn record(work: &Work) -> Value {
    let record: Value =
        serde_json::from_str(&work.read(".terraform/modules/modules.json")).unwrap();
    let modules = record["Modules"].as_array().unwrap();
    assert_eq!(modules[0], json!({"Key": "", "Source": "", "Dir": "."}));
    modules[1..].iter().cloned().collect()
}

/// What the configuration gives at last.
#[track_caller]
fn planned(work: &Work, expect: &str) {
    let line = format!("+ from = \"{expect}\"");
    work.run(&["plan"]).code(0).says(&[&line]);
}

/// Terraform in a directory; `None` when it is not there.
fn terraform(work: &Work, args: &[&str]) -> Option<Ran> {
    let mut command = std::process::Command::new("terraform");
    work.prepare(&mut command, args);
    match command.output() {
        Ok(output) => Some(Ran::new(&output)),
        Err(_) => {
            skip("terraform is not on PATH");
            None
        }
    }
}

#[test]
fn directories_beside_are_recorded() {
    let work = calling("./real/../link");
    work.write(
        "real/main.tf",
        giving("${path.module} ${module.b.from}") + "module \"b\" {\n  source = \"./in\"\n}\n",
    );
    work.write("real/in/main.tf", giving("${path.module}"));
    std::os::unix::fs::symlink("real", work.path().join("link")).unwrap();
    for args in [
        &["plan"][..],
        &["validate"],
        &["apply"],
        &["graph"],
        &["init", "-get=false"],
    ] {
        work.run(args)
            .code(1)
            .says(&["Error: Module not installed", "main.tf line 1"]);
    }
    let ran = work.run(&["init"]).code(0);
    let steps = "Initializing the backend...\nInitializing modules...\n- a in real\n- a.b in real/in\nInitializing provider plugins...\n";
    assert!(ran.stdout.starts_with(steps), "{}", ran.stdout);
    assert_eq!(
        record(&work),
        json!([
            {"Key": "a", "Source": "./link", "Dir": "real"},
            {"Key": "a.b", "Source": "./in", "Dir": "real/in"},
        ])
    );
    planned(&work, "real real/in");
    work.run(&["init"]).code(0).never_says(&["- a in"]);
    assert_eq!(work.run(&["get"]).code(0).stdout, "");
    let ran = work.run(&["get", "-update"]).code(0);
    assert_eq!(ran.stdout, "- a in real\n- a.b in real/in\n");
    let ours = record(&work);
    if let Some(ran) = terraform(&work, &["get"]) {
        assert_eq!(ran.code(0).stdout, "");
        assert_eq!(record(&work), ours);
    }
    std::fs::remove_dir_all(work.path().join("real/in")).unwrap();
    work.run(&["plan"])
        .code(1)
        .says(&["Error: Module not installed", "real/in"]);
    work.run(&["get"])
        .code(1)
        .says(&["Error: Unreadable module directory", "real/main.tf line 4"]);
}

#[test]
fn directories_that_lead_to_themselves() {
    let work = calling("./a");
    work.write("a/main.tf", giving("x") + &call("../b"));
    work.write("b/main.tf", call("../a"));
    work.run(&["init"])
        .code(1)
        .says(&["Error: Module cycle", "b/main.tf line 2"]);
    work.run(&["plan"]).code(1).says(&["Error: Module cycle"]);
}

#[test]
fn sources_that_are_none() {
    let check = |source: &str, summary: &str, says: &[&str]| {
        let work = Work::with(&call(source));
        for args in [&["get"][..], &["init"]] {
            let ran = work.run(args).code(1);
            ran.says(&[&format!("Error: {summary}")]).says(says);
        }
    };
    let invalid = "Invalid module source address";
    check("child", invalid, &["\"./child\"", "main.tf line 2"]);
    check("", invalid, &["empty"]);
    check("example/a/cloud//../b", invalid, &["out of the package"]);
    let failed = "Failed to download module";
    for source in [
        "s3::https://s3.amazonaws.com/bucket/key.zip",
        "s3-eu-west-1.amazonaws.com/bucket/key",
        "gcs::https://www.googleapis.com/storage/v1/modules/m.zip",
    ] {
        check(source, failed, &["storage of a cloud", "not supported"]);
    }
    check("hg::https://example.com/x", failed, &["Mercurial"]);
    check("ftp://example.com/x", failed, &["no way \"ftp\""]);
    check(
        "https://127.0.0.1:1/x.zip?checksum=x:y",
        failed,
        &["md5, sha1"],
    );
    let versioned = "module \"a\" {\n  source  = \"./a\"\n  version = \"1.0\"\n}\n";
    Work::with(versioned).run(&["init"]).code(1).says(&[
        "Error: Invalid registry module source address",
        "main.tf line 2",
    ]);
}

#[test]
fn steps_for_machines() {
    let work = calling("./m");
    work.write("m/main.tf", giving("x"));
    let ran = work.run(&["init", "-json"]).code(0);
    let lines: Vec<Value> = ran
        .stdout
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let step = |line: &Value| line["message_code"].as_str().map(str::to_owned);
    assert_eq!(
        step(&lines[2]).as_deref(),
        Some("initializing_modules_message")
    );
    assert_eq!(lines[3]["@message"], "- a in m");
    assert_eq!(lines[3]["type"], "log");
    let ran = work.run(&["init", "-json", "-upgrade"]).code(0);
    assert!(ran.stdout.contains("\"upgrading_modules_message\""));
    let without = Work::with(&giving("x"));
    let ran = without
        .run(&["init"])
        .code(0)
        .never_says(&["Initializing modules"]);
    assert!(ran.stdout.contains("successfully initialized"));
    assert!(!without.path().join(".terraform/modules").exists());
}

#[test]
fn configurations_start_as_copies() {
    let work = Work::empty();
    work.write("origin/main.tf", giving("copy") + &call("./in"));
    work.write("origin/in/main.tf", giving("in"));
    work.write("origin/.git/config", "");
    work.write("work/.hidden", "");
    let run = |args: &[&str]| {
        let mut args = args.to_vec();
        args.insert(0, "-chdir=work");
        work.run(&args)
    };
    run(&["init", "-from-module=../nowhere"])
        .code(1)
        .says(&["Error: Failed to download module", "nowhere"]);
    run(&["init", "-from-module=../origin"])
        .code(0)
        .says(&["Copying configuration from \"../origin\"...", "- a in in"]);
    assert_eq!(work.read("work/in/main.tf"), giving("in"));
    assert!(!work.path().join("work/.git").exists());
    run(&["plan"]).code(0).says(&["+ from = \"copy\""]);
    run(&["init", "-from-module=../origin"])
        .code(1)
        .says(&["already contains files"]);
}
