//! What answers of the service are made of.

use muster_provider::RawState;
use muster_wire::{Timestamp, tfplugin6 as wire};
use tonic::{Response, Status};

pub(super) type Reply<T> = Result<Response<T>, Status>;

pub(super) fn timestamp(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

pub(super) fn unknown(kind: &str, name: &str) -> Status {
    Status::invalid_argument(format!("the provider has no {kind} named {name:?}"))
}

pub(super) fn unsupported<T>() -> Reply<T> {
    Err(Status::unimplemented("the provider does not offer this"))
}

/// The server's answers have the shape of the question; anything else is a bug here.
pub(super) fn mismatch() -> Status {
    Status::internal("the answer does not match the question")
}

pub(super) fn raw_state(raw: wire::RawState) -> Result<RawState, Status> {
    if raw.json.is_empty() {
        return Ok(RawState::Flatmap(raw.flatmap.into_iter().collect()));
    }
    let text = String::from_utf8(raw.json)
        .map_err(|_| Status::invalid_argument("the stored object is not UTF-8"))?;
    Ok(RawState::Json(text.into()))
}
