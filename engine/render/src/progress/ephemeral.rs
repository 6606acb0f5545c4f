//! Documents on ephemeral resources, which have types of their own in the stream.

use std::time::Duration;

use muster_plan::Operation;
use serde_json::{Value as Json, json};

use super::stream::{document, resource};
use super::{Work, duration, rounded, words};

/// What the stream calls an operation on an ephemeral resource; `None` for all others.
pub(super) fn action(operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::Open => Some("open"),
        Operation::Renew => Some("renew"),
        Operation::Close => Some("close"),
        _ => None,
    }
}

pub(super) fn started(work: &Work) -> String {
    let text = format!("{}: {}...", work.name, words(work.operation).0);
    document("ephemeral_op_start", &text, "hook", hook(work))
}

pub(super) fn progress(work: &Work, told: Duration) -> String {
    let doing = words(work.operation).1;
    let text = format!(
        "{}: Still {doing}... [{} elapsed]",
        work.name,
        duration(told)
    );
    let mut hook = hook(work);
    hook["elapsed_seconds"] = told.as_secs().into();
    document("ephemeral_op_progress", &text, "hook", hook)
}

pub(super) fn finished(work: &Work, elapsed: Duration) -> String {
    ended(work, elapsed, "complete", "ephemeral_op_complete")
}

pub(super) fn failed(work: &Work, elapsed: Duration) -> String {
    ended(work, elapsed, "errored", "ephemeral_op_errored")
}

fn ended(work: &Work, elapsed: Duration, how: &str, kind: &str) -> String {
    let what = words(work.operation).2;
    let text = format!("{}: {what} {how} after {}", work.name, duration(elapsed));
    let mut hook = hook(work);
    hook["elapsed_seconds"] = rounded(elapsed).into();
    document(kind, &text, "hook", hook)
}

fn hook(work: &Work) -> Json {
    json!({ "resource": resource(&work.addr), "action": action(work.operation) })
}
