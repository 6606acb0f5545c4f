//! Plugins that behave, and plugins that do not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use muster_addr::ProviderAddr;
use muster_client::{Client, ClientOptions, PluginSpec};
use muster_provider::{Provider, ProviderError, Request, Response};

fn script(dir: &Path, text: &str) -> PluginSpec {
    let program = dir.join("terraform-provider-fake");
    std::fs::write(&program, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    PluginSpec {
        program,
        ..PluginSpec::default()
    }
}

async fn refuse(start_timeout: Duration, text: &str, expect: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let options = ClientOptions {
        start_timeout,
        ..ClientOptions::default()
    };
    let error = match Client::start(script(dir.path(), text), options).await {
        Ok(_) => panic!("it started: {text}"),
        Err(error) => error.to_string(),
    };
    for part in expect {
        assert!(error.contains(part), "{error}");
    }
}

#[tokio::test]
async fn plugins_that_do_not_start() {
    let (soon, late) = (Duration::from_millis(1500), Duration::from_secs(60));
    refuse(
        late,
        "echo no licence >&2; exit 3",
        &["exit status: 3", "no licence"],
    )
    .await;
    refuse(late, "echo hello", &["not a provider plugin", "hello"]).await;
    refuse(
        late,
        "echo '1|4|unix|/x|grpc|'; sleep 90",
        &["protocol version 4"],
    )
    .await;
    refuse(soon, "sleep 60", &["not ready after 1 seconds"]).await;
    refuse(
        Duration::from_secs(5),
        "echo '1|6|unix|/nowhere/at/all|grpc|'; sleep 90",
        &["no connection"],
    )
    .await;
    refuse(soon, "head -c 100000 /dev/zero; sleep 90", &["not ready"]).await;
}

#[tokio::test]
async fn programs_that_are_not_there() {
    let spec = PluginSpec {
        program: "no/such/program".into(),
        ..PluginSpec::default()
    };
    let result = Client::start(spec, ClientOptions::default()).await;
    assert!(matches!(result, Err(ProviderError::Start(text)) if text.contains("no/such/program")));
}

/// The AWS provider, if there is a mirror with it.
fn aws() -> Option<PluginSpec> {
    let Some(mirror) = std::env::var_os("TF_PLUGIN_MIRROR") else {
        eprintln!("skipped: TF_PLUGIN_MIRROR does not name a directory with the AWS provider");
        return None;
    };
    let versions = PathBuf::from(mirror).join("registry.terraform.io/hashicorp/aws");
    let version = std::fs::read_dir(versions).ok()?.flatten().next()?.path();
    let platform = std::fs::read_dir(version).ok()?.flatten().next()?.path();
    let program = std::fs::read_dir(platform).ok()?.flatten().next()?.path();
    Some(PluginSpec {
        program,
        source: ProviderAddr::new("hashicorp", "aws"),
        ..PluginSpec::default()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_provider() {
    let Some(spec) = aws() else { return };
    let dir = tempfile::tempdir().unwrap();
    let options = ClientOptions {
        cache_dir: Some(dir.path().to_owned()),
        ..ClientOptions::default()
    };
    let first = Client::start(spec.clone(), options.clone()).await.unwrap();
    let schema = first.schema();
    assert!(schema.resources.len() > 1000 && schema.plan_destroy);
    eprintln!(
        "objects of {} of {} resource types have an identity",
        schema.identities.len(),
        schema.resources.len()
    );
    let vpc = schema.resources.get("aws_vpc").unwrap();
    assert!(vpc.block.attributes["cidr_block"].optional);
    let config = schema.provider.block.empty_value();
    let answer = first
        .call(Request::ValidateProvider { config })
        .await
        .unwrap();
    assert!(matches!(answer, Response::Done(diags) if !diags.has_errors()));
    first.shutdown().await;

    // From the cache no process is needed for the schema.
    let again = Client::start(spec, options).await.unwrap();
    assert_eq!(again.schema().resources.len(), schema.resources.len());
    assert_eq!(
        again.schema().resources.get("aws_vpc"),
        schema.resources.get("aws_vpc")
    );
    again.shutdown().await;
}
