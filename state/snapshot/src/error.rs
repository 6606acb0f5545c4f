use muster_value::JsonError;

/// Why bytes are not a state, or a stored object is not a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// The text ends in the middle: it was cut off.
    #[error("the state ends in the middle of line {line}: it has been cut off")]
    Truncated {
        /// The last line, counted from one.
        line: usize,
    },
    /// There is nothing, where something was stored before.
    #[error(
        "the file is empty, although it had {instances} resource instances at serial number {serial}. `muster state restore {serial}` brings them back; remove the empty file to begin anew"
    )]
    Emptied {
        /// Serial number of the last state that was stored.
        serial: u64,
        /// How many resource instances it had.
        instances: u64,
    },
    /// Something else than what was stored, under the serial number of that.
    #[error(
        "it is not what was stored as number {serial}, although nobody has given it a new number: the file was damaged, edited by hand, or made from an earlier copy, as by another program. If it tells what exists, `muster state push -force` with the name of the file takes it as it is; `muster state restore {serial}` brings back what was stored"
    )]
    Altered {
        /// Serial number of the state that was stored.
        serial: u64,
    },
    /// Not JSON, or not of the shape that states have.
    #[error("line {line}, column {column}: {reason}")]
    Malformed {
        /// Line, counted from one.
        line: usize,
        /// Column, counted from one.
        column: usize,
        /// What is wrong.
        reason: String,
    },
    /// A name of the format with a wrong byte in it.
    #[error(
        "{found:?} stands where \"{expected}\" belongs: the file was damaged, or edited by hand"
    )]
    DamagedName {
        /// The name as it is.
        found: String,
        /// The name as it should be.
        expected: &'static str,
    },
    /// Values are nested deeper than any provider needs.
    #[error("values are nested too deeply")]
    TooDeep,
    /// JSON, but without a version number: not a state at all.
    #[error("there is no version number: this is not a state")]
    NotState,
    /// A format before version 4.
    #[error(
        "state version {found} is not supported yet; Terraform 0.12 or later rewrites it as version 4"
    )]
    OldVersion {
        /// The version found.
        found: u64,
    },
    /// A format after version 4.
    #[error("state version {found} is newer than version 4, the newest that is supported here")]
    NewerVersion {
        /// The version found.
        found: u64,
    },
    /// The same thing is in the state twice.
    #[error("{address} is in the state more than once")]
    Duplicate {
        /// What it is.
        address: String,
    },
    /// A part of the state does not make sense.
    #[error("{address}: {reason}")]
    Invalid {
        /// Which resource, instance or output.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A stored object does not fit the type it is asked for as.
    #[error("the stored value does not fit its type{}: {}", at(.0), .0.reason)]
    Value(JsonError),
    /// The object is in the flat form of older states, which only its provider can read.
    #[error("the object was stored in an old form that only its provider can read")]
    Flatmap,
}

fn at(error: &JsonError) -> String {
    if error.path.is_root() {
        String::new()
    } else {
        format!(" at {}", error.path)
    }
}

impl From<JsonError> for StateError {
    fn from(error: JsonError) -> Self {
        Self::Value(error)
    }
}

impl From<serde_json::Error> for StateError {
    fn from(error: serde_json::Error) -> Self {
        if error.is_eof() {
            return Self::Truncated { line: error.line() };
        }
        let text = error.to_string();
        let reason = match text.rfind(" at line ") {
            Some(end) => text[..end].to_owned(),
            None => text,
        };
        Self::Malformed {
            line: error.line(),
            column: error.column(),
            reason,
        }
    }
}
