//! Stores against moto, which pretends to be AWS.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use muster_store::{Backend as _, LockInfo, StoreError, Version, conformance};
use serde_json::json;

use super::backend;
use super::fake::one_at_a_time;
use crate::fault::Fault;
use crate::table::Table;

/// A server that ends with this.
pub(super) struct Moto {
    child: Child,
    pub url: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Moto {
    /// Starts one with a bucket and a table. `None` where it is not installed.
    pub(super) fn start() -> Option<Self> {
        Self::launch("http", &[])
    }

    /// Starts one that has a certificate.
    pub(super) fn start_with_tls(certificate: &Path, key: &Path) -> Option<Self> {
        Self::launch("https", &[("-c", certificate), ("-k", key)])
    }

    fn launch(scheme: &str, files: &[(&str, &Path)]) -> Option<Self> {
        let mut command = Command::new("moto_server");
        command.args(["-H", "127.0.0.1", "-p", "0"]);
        for (option, path) in files {
            command.arg(option).arg(path);
        }
        let spawned = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let Ok(mut child) = spawned else {
            eprintln!("skipped: moto_server is not on the PATH");
            return None;
        };
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut moto = Self {
            child,
            url: String::new(),
        };
        // It takes a free port, and tells which one when it can be reached.
        let url = lines.find_map(|line| {
            let line = line.unwrap();
            let (_, url) = line.split_once("Running on ")?;
            Some(url.trim().to_owned())
        });
        moto.url = url.expect("it listens");
        assert!(moto.url.starts_with(scheme), "{}", moto.url);
        std::thread::spawn(move || lines.for_each(drop));
        moto.prepare();
        Some(moto)
    }

    fn prepare(&self) {
        let backend = backend(&self.url, json!({"insecure": true}));
        let bucket = backend.bucket();
        let service = bucket.service.clone();
        let table = json!({
            "TableName": "locks",
            "KeySchema": [{"AttributeName": "LockID", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "LockID", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
        });
        let made = backend.run("prepare", async move {
            let url = service.bucket_root();
            let request = service.request("s3", http::Method::PUT, url);
            service.send(&request).await?;
            let url = format!("{}/", service.dynamodb);
            let mut request = service.request("dynamodb", http::Method::POST, url);
            request.headers = vec![
                ("content-type", "application/x-amz-json-1.0".to_owned()),
                ("x-amz-target", "DynamoDB_20120810.CreateTable".to_owned()),
            ];
            request.body = table.to_string().into();
            service.send(&request).await
        });
        made.unwrap();
    }

    /// Lets the bucket keep versions.
    fn keep_versions(&self) {
        let backend = backend(&self.url, json!({}));
        let service = backend.bucket().service.clone();
        let url = format!("{}?versioning=", service.bucket_root());
        let mut request = service.request("s3", http::Method::PUT, url);
        let body = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
        request.body = body.into();
        let made = backend.run("prepare", async move { service.send(&request).await });
        made.unwrap();
    }
}

#[test]
fn stores_do_what_stores_must() {
    let Some(moto) = Moto::start() else {
        return;
    };
    let url = one_at_a_time(&moto.url);
    let count = AtomicU32::new(0);
    for locks in [
        json!({}),
        json!({"use_lockfile": false, "dynamodb_table": "locks"}),
        json!({"dynamodb_table": "locks", "encrypt": true}),
    ] {
        conformance::run(|case| {
            let key = format!("state-{}", count.fetch_add(1, Ordering::Relaxed));
            let mut more = locks.clone();
            more["key"] = key.into();
            case(&|| backend(&url, more.clone()).open("default").unwrap());
        });
    }
}

#[test]
fn workspaces_come_and_go() {
    let Some(moto) = Moto::start() else {
        return;
    };
    for prefix in [json!(null), json!("w/x"), json!("")] {
        let more = json!({"workspace_key_prefix": prefix, "dynamodb_table": "locks"});
        let backend = backend(&moto.url, more);
        assert_eq!(backend.workspaces().unwrap(), ["default"]);
        for name in ["b", "a", "b", "ä&<", "default"] {
            backend.create(name).unwrap();
        }
        assert_eq!(backend.workspaces().unwrap(), ["default", "a", "b", "ä&<"]);
        let store = backend.open("a").unwrap();
        let mut snapshot = store.read().unwrap().unwrap();
        assert!(snapshot.is_empty());
        snapshot.lineage = "other".to_owned();
        store.replace(&snapshot).unwrap();
        backend.create("a").unwrap();
        assert_eq!(
            store.read().unwrap().unwrap(),
            snapshot,
            "it was there already"
        );
        for name in ["a", "b", "ä&<"] {
            backend.delete(name).unwrap();
        }
        assert_eq!(backend.workspaces().unwrap(), ["default"]);
        // Who has read the state does not bring it back.
        snapshot.terraform_version = "9".to_owned();
        snapshot.checks = muster_snapshot::JsonText::parse("1").ok();
        let refused = store.write(&mut snapshot);
        assert!(
            matches!(refused, Err(StoreError::Deleted { .. })),
            "{refused:?}"
        );
        assert_eq!(backend.workspaces().unwrap(), ["default"]);
        assert_eq!(store.read().unwrap(), None);
        assert!(backend.delete("default").is_err());
        assert!(backend.open("a/b").is_err());
    }
}

#[test]
fn many_workspaces_are_listed() {
    let Some(moto) = Moto::start() else {
        return;
    };
    let backend = backend(&moto.url, json!({}));
    let bucket = backend.bucket().clone();
    let put = backend.run("prepare", async move {
        for n in 0..1100 {
            let key = format!("env:/w{n:04}/dir/tf.state");
            bucket
                .put(&key, "".into(), &crate::bucket::Condition::Always)
                .await?;
        }
        Ok::<_, Fault>(())
    });
    put.unwrap();
    assert_eq!(backend.workspaces().unwrap().len(), 1101);
}

#[test]
fn versions_of_the_bucket_are_the_history() {
    let Some(moto) = Moto::start() else {
        return;
    };
    let backend = backend(&moto.url, json!({}));
    let store = backend.open("default").unwrap();
    let refused = store.history().unwrap_err().to_string();
    assert!(
        refused.contains("does not keep earlier states"),
        "{refused}"
    );
    moto.keep_versions();
    assert_eq!(store.history().unwrap(), []);
    let mut snapshot = muster_snapshot::Snapshot::new("1.2.3");
    for n in 0..3 {
        snapshot.checks = muster_snapshot::JsonText::parse(&n.to_string()).ok();
        store.write(&mut snapshot).unwrap();
    }
    let history = store.history().unwrap();
    let serials: Vec<_> = history.iter().map(|version| version.serial).collect();
    assert_eq!(serials, [3, 2, 1]);
    assert!(
        history
            .iter()
            .all(|v| v.who.contains('@') && v.created.starts_with("20")),
        "{history:?}"
    );
    let second = store.version(2).unwrap().unwrap();
    assert_eq!(second.checks, muster_snapshot::JsonText::parse("1").ok());
    assert_eq!(store.version(9).unwrap(), None);
    for version in &history {
        let found = store.version_of(version).unwrap().unwrap();
        assert_eq!(found.serial, version.serial);
    }
    let another = Version {
        created: "2001-01-01T00:00:00.000Z".to_owned(),
        ..history[0].clone()
    };
    assert_eq!(store.version_of(&another).unwrap(), None);
}

#[test]
fn digests_are_compared() {
    let Some(moto) = Moto::start() else {
        return;
    };
    let backend = backend(&moto.url, json!({"dynamodb_table": "locks"}));
    let store = backend.open("default").unwrap();
    let mut snapshot = muster_snapshot::Snapshot::new("1.2.3");
    store.write(&mut snapshot).unwrap();
    assert_eq!(store.read().unwrap().unwrap(), snapshot);
    let table = Table {
        service: backend.bucket().service.clone(),
        name: "locks".to_owned(),
    };
    let set = |digest: &'static str| {
        let table = table.clone();
        let set = async move { table.set_digest("states/dir/tf.state", digest).await };
        backend.run("prepare", set).unwrap();
    };
    set("0123");
    let refused = store.read().unwrap_err().to_string();
    assert!(
        refused.contains("\"0123\"") && refused.contains("-md5"),
        "{refused}"
    );
    assert!(store.write(&mut snapshot).is_err());
    // What is put in its place by hand is right by that.
    store.replace(&snapshot).unwrap();
    assert_eq!(store.read().unwrap().unwrap(), snapshot);
    set("");
    assert_eq!(store.read().unwrap().unwrap(), snapshot);
    let missing = super::backend(&moto.url, json!({"dynamodb_table": "none"}));
    let refused = missing
        .open("default")
        .unwrap()
        .read()
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("table \"none\" does not exist"),
        "{refused}"
    );
    let missing = super::backend(&moto.url, json!({"bucket": "nothing"}));
    let store = missing.open("default").unwrap();
    for refused in [
        store.read().map(|_| ()),
        store.lock(info(), Duration::ZERO).map(|_| ()),
    ] {
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("the bucket does not exist"), "{refused}");
    }
}

fn info() -> LockInfo {
    LockInfo::new("apply", "0.0.0")
}
