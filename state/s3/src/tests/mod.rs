//! Stores against a service that keeps what it is given, and against one that fails.

mod backend;
mod credentials;
mod fake;
mod faults;
mod moto;
mod turns;

use std::time::Duration;

use muster_store::{Codec, Settings};
use serde_json::{Value, json};

use crate::backend::S3Backend;
use crate::config::Config;

/// The arguments of a block for a service on this machine.
fn settings(url: &str, more: Value) -> Settings {
    let base = json!({
        "bucket": "states",
        "key": "dir/tf.state",
        "region": "us-east-1",
        "access_key": "AKIAEXAMPLE",
        "secret_key": "very-secret-key",
        "use_lockfile": true,
        "use_path_style": true,
        "endpoints": {"s3": url, "dynamodb": url, "sts": url},
    });
    let (Value::Object(mut base), Value::Object(more)) = (base, more) else {
        unreachable!("both are objects");
    };
    base.extend(more);
    base
}

/// A backend.
fn backend(url: &str, more: Value) -> S3Backend {
    let config = Config::new(&settings(url, more), &|_| None).unwrap();
    S3Backend::new(config, Codec::default()).unwrap()
}

/// A backend that does not wait long for answers.
fn hasty(url: &str) -> S3Backend {
    let mut config = Config::new(&settings(url, json!({})), &|_| None).unwrap();
    config.transport.timeout = Some(Duration::from_secs(1));
    S3Backend::new(config, Codec::default()).unwrap()
}
