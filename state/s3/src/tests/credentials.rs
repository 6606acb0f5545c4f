//! Where credentials and addresses come from.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use muster_store::{Backend, Codec, StoreError};
use serde_json::{Value, json};

use super::fake::Fake;
use super::moto::Moto;
use super::{backend, settings};
use crate::backend::S3Backend;
use crate::config::Config;

/// A file in a folder.
fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// A backend without credentials in its block.
fn bare(url: &str, more: Value) -> Result<S3Backend, StoreError> {
    let mut settings = settings(url, json!({"access_key": null, "secret_key": null}));
    let Value::Object(more) = more else {
        unreachable!("it is an object");
    };
    settings.extend(more);
    S3Backend::new(Config::new(&settings, &|_| None)?, Codec::default())
}

/// The access key that a backend signs its requests with, and the region.
fn signer(fake: &Fake, backend: &S3Backend) -> String {
    backend.workspaces().unwrap_err();
    let seen = fake.seen().pop().unwrap();
    let signed = &seen.headers["authorization"];
    let (_, scope) = signed.split_once("Credential=").unwrap();
    let mut parts = scope.split('/');
    let (key, _, region) = (parts.next(), parts.next(), parts.next());
    format!("{} {}", key.unwrap(), region.unwrap())
}

#[test]
fn profiles_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start();
    let config = format!(
        "[default]\nregion = eu-west-1\n[profile p]\nregion = eu-west-2\nendpoint_url = http://127.0.0.1:1\nservices = s\n[services s]\ns3 =\n  endpoint_url = {}\n[profile c]\nregion = eu-west-3\ncredential_process = echo '{{\"Version\": 1, \"AccessKeyId\": \"AKIAC\", \"SecretAccessKey\": \"s\"}}'\n",
        fake.url
    );
    let config = file(folder.path(), "config", &config);
    let credentials = "[default]\naws_access_key_id = AKIAD\naws_secret_access_key = s\n[p]\naws_access_key_id = AKIAP\naws_secret_access_key = s\n";
    let credentials = file(folder.path(), "credentials", credentials);
    let open = |more: Value| {
        let files = json!({
            "shared_config_files": [config],
            "shared_credentials_files": [credentials],
            "region": null,
        });
        let (Value::Object(mut files), Value::Object(more)) = (files, more) else {
            unreachable!("both are objects");
        };
        files.extend(more);
        bare(&fake.url, Value::Object(files)).unwrap()
    };
    let from_profile = open(json!({"profile": "p", "endpoints": null}));
    assert_eq!(signer(&fake, &from_profile), "AKIAP eu-west-2");
    let from_process = open(json!({"profile": "c"}));
    assert_eq!(signer(&fake, &from_process), "AKIAC eu-west-3");
    let region = open(json!({"profile": "p", "region": "us-west-2"}));
    assert_eq!(signer(&fake, &region), "AKIAP us-west-2");
    let missing =
        open(json!({"profile": "nobody", "region": "us-west-2", "skip_metadata_api_check": true}));
    let refused = missing.workspaces().unwrap_err().to_string();
    assert!(
        refused.contains("no credentials") && refused.contains("nobody"),
        "{refused}"
    );
}

#[test]
fn the_environment_is_read_by_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "tests::credentials::in_an_environment",
            "--ignored",
        ])
        .env_clear()
        .env("HOME", folder.path())
        .env("AWS_ACCESS_KEY_ID", "AKIAENV")
        .env("AWS_SECRET_ACCESS_KEY", "s")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .unwrap();
    assert!(
        child.status.success(),
        "{}",
        String::from_utf8_lossy(&child.stdout)
    );
}

#[test]
#[ignore = "another test runs it with an environment of its own"]
fn in_an_environment() {
    let fake = Fake::start();
    assert_eq!(
        signer(&fake, &bare(&fake.url, json!({})).unwrap()),
        "AKIAENV us-east-1"
    );
    let nobody = bare(&fake.url, json!({"profile": "nobody"})).unwrap();
    let started = Instant::now();
    let refused = nobody.workspaces().unwrap_err().to_string();
    assert!(
        refused.contains("no credentials") && refused.contains("\"nobody\""),
        "{refused}"
    );
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

#[test]
fn roles_are_taken_on() {
    let Some(moto) = Moto::start() else {
        return;
    };
    let role = json!({
        "role_arn": "arn:aws:iam::123456789012:role/r",
        "duration": "1h",
        "session_name": "me&you",
        "tags": {"a": "b"},
        "policy_arns": ["arn:aws:iam::aws:policy/x"],
    });
    let taken = backend(&moto.url, json!({"assume_role": role}));
    assert_eq!(taken.workspaces().unwrap(), ["default"]);
    let folder = tempfile::tempdir().unwrap();
    let token = file(folder.path(), "token", "eyJhbGciOiJIUzI1NiJ9.e30.x\n");
    let web =
        json!({"role_arn": "arn:aws:iam::123456789012:role/w", "web_identity_token_file": token});
    let taken = bare(&moto.url, json!({"assume_role_with_web_identity": web})).unwrap();
    assert_eq!(taken.workspaces().unwrap(), ["default"]);
    let web = json!({"role_arn": "x", "web_identity_token_file": folder.path().join("none")});
    let missing = bare(&moto.url, json!({"assume_role_with_web_identity": web})).unwrap();
    let refused = missing.workspaces().unwrap_err().to_string();
    assert!(refused.contains("cannot be read"), "{refused}");
}

#[test]
fn accounts_are_checked() {
    let Some(moto) = Moto::start() else {
        return;
    };
    let check = |more: Value, allowed: bool| {
        let found = bare(&moto.url, more.clone()).map(|_| ());
        match found {
            Ok(()) => assert!(allowed, "{more}"),
            Err(error) => {
                assert!(!allowed, "{error}");
                let text = error.to_string();
                assert!(text.contains("\"123456789012\""), "{text}");
            }
        }
    };
    let keys = |mut more: Value| {
        more["access_key"] = "AKIAEXAMPLE".into();
        more["secret_key"] = "s".into();
        more
    };
    check(
        keys(json!({"allowed_account_ids": ["1", "123456789012"]})),
        true,
    );
    check(keys(json!({"allowed_account_ids": ["1"]})), false);
    check(keys(json!({"forbidden_account_ids": ["1"]})), true);
    check(
        keys(json!({"forbidden_account_ids": ["123456789012"]})),
        false,
    );
}

#[test]
fn proxies_are_used() {
    let proxy = Fake::start();
    let url = "http://s3.example.invalid";
    let direct = backend(
        url,
        json!({"http_proxy": proxy.url, "no_proxy": "example.invalid", "max_retries": 1}),
    );
    direct.workspaces().unwrap_err();
    assert!(proxy.seen().is_empty());
    let more = json!({"http_proxy": proxy.url, "max_retries": 1});
    backend(url, more).workspaces().unwrap_err();
    let seen = proxy.seen();
    assert!(seen[0].target.starts_with(url), "{seen:?}");
}

#[test]
fn certificates_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate = file(folder.path(), "cert.pem", &key.cert.pem());
    let secret = file(folder.path(), "key.pem", &key.signing_key.serialize_pem());
    let Some(moto) = Moto::start_with_tls(&certificate, &secret) else {
        return;
    };
    let trusting = backend(&moto.url, json!({"custom_ca_bundle": certificate}));
    assert_eq!(trusting.workspaces().unwrap(), ["default"]);
    let careless = backend(&moto.url, json!({"insecure": true}));
    assert_eq!(careless.workspaces().unwrap(), ["default"]);
    let careful = backend(&moto.url, json!({"max_retries": 1}));
    let refused = careful.workspaces().unwrap_err().to_string();
    assert!(refused.to_lowercase().contains("certificate"), "{refused}");
    let settings = settings(
        &moto.url,
        json!({"custom_ca_bundle": folder.path().join("none")}),
    );
    let refused = S3Backend::open(&settings, Codec::default())
        .map(|_| ())
        .unwrap_err()
        .to_string();
    assert!(refused.contains("custom_ca_bundle"), "{refused}");
}
