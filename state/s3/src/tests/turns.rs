//! Terraform and this store work on one state in turn.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use muster_snapshot::JsonText;
use muster_store::{Backend as _, LockInfo, StoreError};
use serde_json::{Value, json};

use super::backend;
use super::moto::Moto;

/// Terraform in a folder.
fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("terraform");
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .env("CHECKPOINT_DISABLE", "1")
        .env_remove("AWS_CA_BUNDLE")
        .env_remove("TF_CLI_CONFIG_FILE");
    command
}

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(out).into_owned() + &String::from_utf8_lossy(err)
}

fn terraform(folder: &Path, arguments: &[&str]) -> String {
    let output = command(folder, arguments).output().unwrap();
    let text = text(&output);
    assert!(output.status.success(), "{text}");
    text
}

/// Writes a configuration with these arguments of the backend.
fn configure(folder: &Path, moto: &Moto, more: &str, input: &str) {
    let url = &moto.url;
    let text = format!(
        "terraform {{
          backend \"s3\" {{
            bucket = \"states\"
            key = \"dir/tf.state\"
            region = \"us-east-1\"
            access_key = \"AKIAEXAMPLE\"
            secret_key = \"s\"
            use_path_style = true
            skip_credentials_validation = true
            skip_requesting_account_id = true
            endpoints = {{ s3 = \"{url}\", dynamodb = \"{url}\" }}
            {more}
          }}
        }}
        variable \"seconds\" {{
          default = 0
        }}
        resource \"terraform_data\" \"x\" {{
          input = \"{input}\"
          provisioner \"local-exec\" {{
            command = \"sleep ${{var.seconds}}\"
          }}
        }}"
    );
    std::fs::write(folder.join("main.tf"), text).unwrap();
}

fn check(block: &str, more: Value) {
    let Some(moto) = Moto::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    configure(folder, &moto, block, "one");
    if command(folder, &["version"]).output().is_err() {
        eprintln!("skipped: terraform is not on the PATH");
        return;
    }
    terraform(folder, &["init", "-no-color"]);
    terraform(folder, &["apply", "-auto-approve", "-no-color"]);
    let backend = backend(&moto.url, more);
    let store = backend.open("default").unwrap();
    let mut snapshot = store.read().unwrap().unwrap();
    assert_eq!((snapshot.serial, snapshot.instances().count()), (1, 1));
    snapshot.checks = JsonText::parse("[]").ok();
    store.write(&mut snapshot).unwrap();
    // Terraform goes on from what was written, and this store from that.
    configure(folder, &moto, block, "two");
    let applied = terraform(folder, &["apply", "-auto-approve", "-no-color"]);
    assert!(
        applied.contains("0 added, 1 changed, 0 destroyed"),
        "{applied}"
    );
    let third = store.read().unwrap().unwrap();
    assert_eq!((third.serial, &third.lineage), (3, &snapshot.lineage));
    snapshot.checks = JsonText::parse("null").ok();
    let stale = store.write(&mut snapshot);
    assert!(
        matches!(stale, Err(StoreError::Stale { stored: 3, .. })),
        "{stale:?}"
    );

    // It waits for a lock of this store.
    let lock = store
        .lock(LockInfo::new("apply", "1"), Duration::ZERO)
        .unwrap();
    let refused = command(folder, &["plan", "-no-color"]).output().unwrap();
    let refused = text(&refused);
    assert!(refused.contains(&lock.info().id), "{refused}");
    lock.release().unwrap();
    terraform(folder, &["plan", "-no-color"]);

    // This store waits for a lock of Terraform.
    let replace = [
        "apply",
        "-auto-approve",
        "-replace=terraform_data.x",
        "-var=seconds=5",
        "-lock-timeout=30s",
    ];
    let mut child = command(folder, &replace)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let holder = loop {
        assert!(
            started.elapsed() < Duration::from_secs(300),
            "it takes no lock"
        );
        match store.lock(LockInfo::new("plan", "1"), Duration::ZERO) {
            Err(StoreError::Locked {
                holder: Some(holder),
                ..
            }) => break holder,
            Err(error) => panic!("{error}"),
            Ok(lock) => drop(lock),
        }
        std::thread::sleep(Duration::from_millis(300));
    };
    assert_eq!(holder.operation, "OperationTypeApply");
    let lock = store
        .lock(LockInfo::new("plan", "1"), Duration::from_secs(60))
        .unwrap();
    drop(lock);
    child.wait().unwrap();

    // A lock that is left behind can be taken away by the other one.
    let lock = store
        .lock(LockInfo::new("apply", "1"), Duration::ZERO)
        .unwrap();
    terraform(folder, &["force-unlock", "-force", &lock.info().id]);
    assert!(lock.release().is_err());

    // Workspaces are the same for both.
    backend.create("ours").unwrap();
    terraform(folder, &["workspace", "new", "theirs"]);
    assert_eq!(backend.workspaces().unwrap(), ["default", "ours", "theirs"]);
    terraform(folder, &["workspace", "select", "ours"]);
    terraform(folder, &["apply", "-auto-approve", "-no-color"]);
    assert_eq!(
        backend
            .open("ours")
            .unwrap()
            .read()
            .unwrap()
            .unwrap()
            .serial,
        2
    );
    terraform(folder, &["workspace", "select", "default"]);
    terraform(folder, &["workspace", "delete", "-force", "ours"]);
    backend.delete("theirs").unwrap();
    let listed = terraform(folder, &["workspace", "list"]);
    assert_eq!(listed.trim(), "* default");
}

#[test]
fn with_lock_files() {
    check("use_lockfile = true", json!({}));
}

#[test]
fn with_a_lock_table() {
    let more = json!({"use_lockfile": false, "dynamodb_table": "locks"});
    check("dynamodb_table = \"locks\"", more);
}

#[test]
fn with_both() {
    let more = json!({"dynamodb_table": "locks", "encrypt": true});
    check(
        "use_lockfile = true\ndynamodb_table = \"locks\"\nencrypt = true",
        more,
    );
}
