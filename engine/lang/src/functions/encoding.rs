//! Base64, URLs, character sets and CSV.

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use muster_value::Value;

use super::string::text;
use super::{Function, FunctionError, Param, Returns, charset, csv, gzip};

pub(super) static TABLE: &[Function] = &[
    Function::new(
        "base64decode",
        "The text that a Base64 string stands for.",
        &[Param::string("str")],
        Returns::STRING,
        |a, _| {
            let bytes = decode(text(a, 0)).ok_or("the string is not Base64")?;
            let decoded = String::from_utf8(bytes)
                .map_err(|_| "the string stands for bytes that are not UTF-8 text")?;
            Ok(decoded.into())
        },
    ),
    Function::new(
        "base64encode",
        "A text as Base64.",
        &[Param::string("str")],
        Returns::STRING,
        |a, _| Ok(encode(text(a, 0).as_bytes())),
    ),
    Function::new(
        "base64gzip",
        "A text compressed with gzip, as Base64.",
        &[Param::string("str")],
        Returns::STRING,
        |a, _| Ok(encode(&gzip::compress(text(a, 0).as_bytes()))),
    ),
    Function::new(
        "csvdecode",
        "The rows of a CSV text as objects, with names from its first row.",
        &[Param::string("str")],
        Returns::ANY,
        |a, _| csv::decode(text(a, 0)).map_err(FunctionError::from),
    ),
    Function::new(
        "textdecodebase64",
        "The text that a Base64 string stands for in a character encoding.",
        &[Param::string("source"), Param::string("encoding")],
        Returns::STRING,
        |a, _| {
            let charset = charset::find(text(a, 1)).map_err(|e| FunctionError::argument(1, e))?;
            let bytes = decode(text(a, 0))
                .ok_or_else(|| FunctionError::argument(0, "the string is not Base64"))?;
            let decoded = charset
                .decode(&bytes)
                .map_err(|e| FunctionError::argument(0, e))?;
            Ok(decoded.into())
        },
    ),
    Function::new(
        "textencodebase64",
        "A text in a character encoding, as Base64.",
        &[Param::string("string"), Param::string("encoding")],
        Returns::STRING,
        |a, _| {
            let charset = charset::find(text(a, 1)).map_err(|e| FunctionError::argument(1, e))?;
            let bytes = charset
                .encode(text(a, 0))
                .map_err(|e| FunctionError::argument(0, e))?;
            Ok(encode(&bytes))
        },
    ),
    Function::new(
        "urlencode",
        "A text made fit for the query of a URL.",
        &[Param::string("str")],
        Returns::STRING,
        |a, _| Ok(url(text(a, 0)).into()),
    ),
];

/// Standard Base64 with padding; bits left over at the end may be set.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// The bytes of a Base64 string, line breaks left out.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let plain: Vec<u8> = text
        .bytes()
        .filter(|b| !matches!(b, b'\r' | b'\n'))
        .collect();
    BASE64.decode(plain).ok()
}

/// Bytes as a Base64 string.
pub(super) fn encode(bytes: &[u8]) -> Value {
    Value::string(BASE64.encode(bytes))
}

fn url(text: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(byte.into());
            }
            b' ' => out.push('+'),
            byte => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}
