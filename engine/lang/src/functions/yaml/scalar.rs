//! What scalars stand for.

use muster_value::{Number, Value};
use num_bigint::BigInt;

use crate::functions::time;

/// The value of a scalar; what is not plain is a string whatever its tag.
pub(super) fn resolve(text: &str, plain: bool, tag: Option<&str>) -> Result<Value, String> {
    let known = ["str", "int", "float", "bool", "null", "timestamp", "binary"];
    if let Some(tag) = tag
        && !known.contains(&tag)
    {
        return Err(format!("a scalar cannot have the tag \"{tag}\""));
    }
    if !plain {
        return Ok(text.into());
    }
    let wrong = |what: &str| format!("\"{text}\" is not {what}");
    match tag {
        None => implied(text),
        Some("str" | "binary") => Ok(text.into()),
        Some("null") => Ok(Value::NULL),
        Some("bool") => boolean(text)
            .map(Value::Bool)
            .ok_or_else(|| wrong("a bool")),
        Some("int") => integer(text)?.ok_or_else(|| wrong("a whole number")),
        Some("float") => match integer(text)? {
            Some(n) => Ok(n),
            None => float(text)?.ok_or_else(|| wrong("a number")),
        },
        Some(_) => time::of_yaml(text)
            .map(Value::from)
            .ok_or_else(|| wrong("a timestamp")),
    }
}

fn implied(text: &str) -> Result<Value, String> {
    if matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return Ok(Value::NULL);
    }
    if let Some(b) = boolean(text) {
        return Ok(Value::Bool(b));
    }
    if let Some(number) = integer(text)? {
        return Ok(number);
    }
    if let Some(number) = float(text)? {
        return Ok(number);
    }
    Ok(time::of_yaml(text)
        .unwrap_or_else(|| text.to_owned())
        .into())
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => {
            Some(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => {
            Some(false)
        }
        _ => None,
    }
}

fn integer(text: &str) -> Result<Option<Value>, String> {
    let (digits, radix) = match text {
        _ if text.starts_with("0x") => (&text[2..], 16),
        _ if text.starts_with("0o") => (&text[2..], 8),
        _ => (text.strip_prefix(['+', '-']).unwrap_or(text), 10),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Ok(None);
    }
    let number = match radix {
        10 => Number::parse(text.strip_prefix('+').unwrap_or(text)),
        _ => {
            Number::from_integer(&BigInt::parse_bytes(digits.as_bytes(), radix).unwrap_or_default())
        }
    };
    number
        .map(|n| Some(Value::Number(n)))
        .map_err(|e| e.to_string())
}

fn float(text: &str) -> Result<Option<Value>, String> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    match rest {
        ".inf" | ".Inf" | ".INF" => return Ok(Some(Value::Number(Number::infinity(negative)))),
        ".nan" | ".NaN" | ".NAN" => return Err("NaN is not a number here".into()),
        _ => {}
    }
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (rest, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['+', '-']).unwrap_or(e);
        !e.is_empty() && digits(e)
    });
    if whole.is_empty() && fraction.is_empty()
        || !digits(whole)
        || !digits(fraction)
        || !exponent_fits
    {
        return Ok(None);
    }
    let sign = if negative { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { whole };
    let fraction = if fraction.is_empty() { "0" } else { fraction };
    let number = Number::parse(&format!(
        "{sign}{whole}.{fraction}e{}",
        exponent.unwrap_or("0")
    ));
    number
        .map(|n| Some(Value::Number(n)))
        .map_err(|e| e.to_string())
}
