//! What requests say, and what blocks may say.

use muster_store::{Backend as _, StoreError};
use serde_json::{Value, json};

use super::fake::Fake;
use super::{backend, settings};
use crate::config::{Config, Encryption};

fn config(more: Value, env: &[(&str, &str)]) -> Result<Config, StoreError> {
    let found = |name: &str| {
        let found = env.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    Config::new(&settings("http://localhost", more), &found)
}

#[test]
fn blocks_that_make_no_sense_are_refused() {
    let check = |more: Value, expect: &str| {
        let refused = config(more, &[]).map(|_| ()).unwrap_err().to_string();
        assert!(refused.contains(expect), "{refused}");
        assert!(!refused.contains("c2VjcmV0"), "{refused}");
    };
    check(
        json!({"bucket": null}),
        "\"bucket\" of the backend is required",
    );
    check(json!({"bucket": " "}), "must not be empty");
    check(json!({"bucket": "arn:aws:s3:::x"}), "access point");
    for key in ["/a", "a/", "a//b", "a/../b", "."] {
        check(json!({"key": key}), "\"key\"");
    }
    check(
        json!({"workspace_key_prefix": "/a"}),
        "must not start or end",
    );
    check(
        json!({"secret_key": null}),
        "\"secret_key\" of the backend is required",
    );
    check(
        json!({"access_key": null}),
        "\"access_key\" of the backend is required",
    );
    check(json!({"kms_key_id": "x"}), "key");
    check(json!({"sse_customer_key": "c2VjcmV0"}), "256 bits");
    let both = json!({"kms_key_id": "alias/x", "sse_customer_key": "x"});
    check(both, "cannot be given together");
    check(json!({"endpoint": "x"}), "cannot be given together");
    check(json!({"max_retries": -1}), "whole number");
    check(json!({"max_retries": "many"}), "whole number");
    check(json!({"encrypt": "perhaps"}), "true or false");
    check(json!({"retry_mode": "x"}), "retry_mode");
    check(json!({"use_lockfiles": true}), "use_lockfiles");
    check(
        json!({"endpoints": {"kms": "x"}}),
        "has no argument \"kms\"",
    );
    check(json!({"assume_role": {}}), "role_arn");
    for duration in ["1s", "13h", "x", "1", "é", "99999999999999999999h"] {
        let role = json!({"role_arn": "x", "duration": duration});
        check(json!({"assume_role": role}), "duration");
    }
    check(
        json!({"assume_role_with_web_identity": {"role_arn": "x"}}),
        "web_identity_token",
    );
    let skip = json!({"skip_requesting_account_id": true, "allowed_account_ids": ["1"]});
    check(skip, "cannot be used");
}

#[test]
fn the_environment_fills_gaps() {
    let env = [
        ("AWS_REGION", ""),
        ("AWS_DEFAULT_REGION", "eu-west-3"),
        (
            "AWS_SSE_CUSTOMER_KEY",
            "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        ),
        ("AWS_ENDPOINT_URL_S3", "https://a"),
        ("AWS_DYNAMODB_ENDPOINT", "https://b"),
        ("AWS_USE_FIPS_ENDPOINT", "true"),
        ("HOME", "/home/x"),
    ];
    let more = json!({"region": null, "endpoints": null, "shared_config_files": ["~/c"]});
    let env: Vec<_> = env
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let found = config(more, &env).unwrap();
    assert_eq!(found.region.as_deref(), Some("eu-west-3"));
    assert!(matches!(found.encryption, Encryption::Customer(_)));
    assert_eq!(found.endpoints.s3.as_deref(), Some("https://a"));
    assert_eq!(found.endpoints.dynamodb.as_deref(), Some("https://b"));
    assert_eq!(found.fips, Some(true));
    assert_eq!(
        found.identity.config_files,
        [std::path::Path::new("/home/x/c")]
    );
    let given = config(json!({}), &env).unwrap();
    assert_eq!(given.region.as_deref(), Some("us-east-1"));
    assert_eq!(given.endpoints.s3.as_deref(), Some("http://localhost"));
}

#[test]
fn requests_say_what_the_block_says() {
    let check = |more: Value, expect: &[(&str, &str)]| {
        let fake = Fake::start();
        let backend = backend(&fake.url, more);
        let store = backend.open("dev").unwrap();
        let mut snapshot = muster_snapshot::Snapshot::new("1.2.3");
        store.write(&mut snapshot).unwrap();
        let seen = fake.seen();
        let put = seen.iter().find(|seen| seen.method == "PUT").unwrap();
        assert_eq!(put.target, "/states/env%3A/dev/dir/tf.state");
        assert_eq!(put.headers["if-none-match"], "*");
        assert_eq!(put.headers["content-type"], "application/json");
        let signed = &put.headers["authorization"];
        assert!(
            signed.contains("AKIAEXAMPLE/") && signed.contains("/us-east-1/s3/"),
            "{signed}"
        );
        for (name, value) in expect {
            let found = put.headers.get(*name).map_or("none", String::as_str);
            assert_eq!(found, *value, "{name}");
        }
        let text = format!("{seen:?}");
        assert!(!text.contains("very-secret-key"), "{text}");
    };
    let kind = "x-amz-server-side-encryption";
    check(
        json!({}),
        &[(kind, "none"), ("x-amz-sdk-checksum-algorithm", "SHA256")],
    );
    check(
        json!({"skip_s3_checksum": true}),
        &[("x-amz-checksum-sha256", "none")],
    );
    let more = json!({"encrypt": true, "acl": "private"});
    check(more, &[(kind, "AES256"), ("x-amz-acl", "private")]);
    let id = "arn:aws:kms:us-east-1:1:key/x";
    let name = "x-amz-server-side-encryption-aws-kms-key-id";
    check(json!({"kms_key_id": id}), &[(kind, "aws:kms"), (name, id)]);
    let key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    let name = "x-amz-server-side-encryption-customer-key";
    check(
        json!({"sse_customer_key": key}),
        &[(kind, "none"), (name, key)],
    );
    check(json!({"token": "abc"}), &[("x-amz-security-token", "abc")]);
}

#[test]
fn nobody_sees_secrets() {
    let backend = backend("http://127.0.0.1:1", json!({"token": "very-secret-token"}));
    assert_eq!(backend.describe(), "s3://states/dir/tf.state");
    let secret = crate::SETTINGS.iter().filter(|setting| setting.sensitive);
    let names: Vec<_> = secret.map(|setting| setting.name).collect();
    for name in ["secret_key", "token", "sse_customer_key"] {
        assert!(names.contains(&name), "{name}");
    }
}
