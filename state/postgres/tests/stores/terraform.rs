//! Terraform and this store take turns on one database.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use muster_postgres::PgBackend;
use muster_store::{Codec, LockInfo, Settings, Store, StoreError};
use tempfile::TempDir;

use crate::support::{Server, query};

const CONFIGURATION: &str = r#"
    terraform {
      backend "pg" {}
    }
    variable "wait" {
      default = 0
    }
    resource "terraform_data" "a" {
      input = "a${var.wait}"
      provisioner "local-exec" {
        command = "touch waiting; sleep ${var.wait}"
      }
      triggers_replace = var.wait
    }
"#;

/// A folder with a configuration, and the database that its state is in.
struct Work {
    folder: TempDir,
    _server: Arc<Server>,
    settings: Settings,
}

impl Work {
    fn new() -> Option<Self> {
        let server = Server::start()?;
        let version = Command::new("terraform").arg("version").output();
        if !version.is_ok_and(|answer| answer.status.success()) {
            eprintln!("SKIPPED: there is no terraform on this machine");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder can be made");
        std::fs::write(folder.path().join("main.tf"), CONFIGURATION).expect("it can be written");
        let work = Self {
            settings: server.database(),
            folder,
            _server: server,
        };
        let schema = work.settings["schema_name"].as_str().expect("there is one");
        let url = work.settings["conn_str"].as_str().expect("there is one");
        let url = format!("-backend-config=conn_str={url}");
        let schema = format!("-backend-config=schema_name={schema}");
        work.runs(&["init", &url, &schema]);
        Some(work)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("terraform");
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("TF_CLI_CONFIG_FILE")
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_IN_AUTOMATION", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments)
            .output()
            .expect("terraform can be run")
    }

    fn runs(&self, arguments: &[&str]) -> String {
        let answer = self.run(arguments);
        assert!(answer.status.success(), "{arguments:?}: {answer:?}");
        String::from_utf8_lossy(&answer.stdout).into_owned()
    }

    /// What it says when it refuses.
    fn refuses(&self, arguments: &[&str]) -> String {
        let answer = self.run(arguments);
        assert!(!answer.status.success(), "{arguments:?}: {answer:?}");
        String::from_utf8_lossy(&answer.stderr).into_owned()
    }

    /// An apply that has begun to change things and takes some seconds.
    fn applies_for(&self, seconds: u32) -> Child {
        let _ = std::fs::remove_file(self.waiting());
        let wait = format!("-var=wait={seconds}");
        let child = self
            .command(&["apply", "-auto-approve", "-no-color", &wait])
            .spawn()
            .expect("terraform can be run");
        while !self.waiting().exists() {
            std::thread::sleep(Duration::from_millis(50));
        }
        child
    }

    fn waiting(&self) -> std::path::PathBuf {
        self.folder.path().join(Path::new("waiting"))
    }

    fn store(&self, workspace: &str) -> Box<dyn Store> {
        let backend = PgBackend::open(&self.settings, Codec::default());
        let store = backend.and_then(|backend| backend.open(workspace));
        store.expect("the database can be used")
    }
}

fn info() -> LockInfo {
    LockInfo::new("apply", "0.0.0")
}

fn check_refused(store: &dyn Store) {
    match store.lock(info(), Duration::ZERO) {
        Err(StoreError::Locked {
            holder: Some(holder),
            ..
        }) => assert!(
            holder.id.starts_with("session-") && holder.who.starts_with("tester@127.0.0.1"),
            "{holder}"
        ),
        refused => panic!("not refused as it should be: {refused:?}"),
    }
}

#[test]
fn states_are_taken_over_both_ways() {
    let Some(work) = Work::new() else { return };
    work.runs(&["apply", "-auto-approve"]);
    let store = work.store("default");
    let lock = store.lock(info(), Duration::ZERO).unwrap();
    let mut state = store.read().unwrap().unwrap();
    assert_eq!(state.instances().count(), 1);
    let before = work.runs(&["state", "pull"]);
    let refused = work.refuses(&["plan", "-no-color"]);
    assert!(
        refused.contains("Workspace is already locked: default"),
        "{refused}"
    );
    state.outputs.clear();
    state.resources.clear();
    assert!(store.write(&mut state).unwrap());
    lock.release().unwrap();
    let plan = work.runs(&["plan", "-no-color"]);
    assert!(plan.contains("1 to add"), "{plan}");
    let mut again = muster_snapshot::decode(before.as_bytes()).unwrap();
    again.serial = state.serial;
    assert!(store.write(&mut again).unwrap());
    let plan = work.runs(&["plan", "-no-color"]);
    assert!(plan.contains("No changes"), "{plan}");
}

#[test]
fn locks_are_respected_both_ways() {
    let Some(work) = Work::new() else { return };
    let store = work.store("default");
    for workspace in ["default", "other"] {
        // The first apply holds the lock for making rows, which is in the way of all workspaces.
        let child = work.applies_for(3);
        check_refused(&*work.store(workspace));
        let waited = store.lock(info(), Duration::from_secs(60)).unwrap();
        assert!(child.wait_with_output().unwrap().status.success());
        assert_eq!(store.read().unwrap().unwrap().instances().count(), 1);
        waited.release().unwrap();
        work.runs(&["state", "rm", "terraform_data.a"]);
        // From now on there is a row, whose lock is held.
        let child = work.applies_for(2);
        check_refused(&*store);
        assert!(child.wait_with_output().unwrap().status.success());
        query(
            &work.settings,
            &format!(
                "TRUNCATE \"{}\".states",
                work.settings["schema_name"].as_str().unwrap()
            ),
        );
    }
    // A lock without a row, and one whose row was made meanwhile.
    let lock = store.lock(info(), Duration::ZERO).unwrap();
    let refused = work.refuses(&["plan", "-no-color"]);
    assert!(
        refused.contains("lready locked for workspace creation"),
        "{refused}"
    );
    store
        .write(&mut muster_snapshot::Snapshot::new("1.11.4"))
        .unwrap();
    let refused = work.refuses(&["plan", "-no-color"]);
    assert!(
        refused.contains("Workspace is already locked: default"),
        "{refused}"
    );
    work.runs(&["workspace", "new", "another"]);
    lock.release().unwrap();
    let backend = PgBackend::open(&work.settings, Codec::default()).unwrap();
    assert_eq!(backend.workspaces().unwrap(), ["default", "another"]);
}

#[test]
fn workspaces_are_the_same_for_both() {
    let Some(work) = Work::new() else { return };
    let backend = PgBackend::open(&work.settings, Codec::default()).unwrap();
    backend.create("made-here").unwrap();
    work.runs(&["workspace", "select", "made-here"]);
    work.runs(&["apply", "-auto-approve"]);
    assert!(work.store("made-here").read().unwrap().is_some());
    work.runs(&["workspace", "new", "made-there"]);
    assert_eq!(
        backend.workspaces().unwrap(),
        ["default", "made-here", "made-there"]
    );
}
