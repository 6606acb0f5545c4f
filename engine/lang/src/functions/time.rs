//! Points in time, as RFC 3339 writes them.

use std::time::UNIX_EPOCH;

use muster_value::{Type, Value};

use super::string::text;
use super::{Call, Function, FunctionError, Param, Returns};

mod duration;
mod instant;
mod layout;

use instant::Instant;

type Result<T = Value> = std::result::Result<T, FunctionError>;

pub(super) static TABLE: &[Function] = &[
    Function::new(
        "formatdate",
        "A timestamp in another form, such as \"DD MMM YYYY\".",
        &[Param::string("format"), Param::string("time")],
        Returns::STRING,
        |a, _| {
            let instant = parse(a, 1)?;
            let written = layout::write(text(a, 0), &instant);
            written
                .map(Value::from)
                .map_err(|e| FunctionError::argument(0, e))
        },
    ),
    Function::new(
        "plantimestamp",
        "The time at which the plan was made.",
        &[],
        Returns::STRING,
        |_, call| {
            Ok(match call.scope.plan_timestamp() {
                Some(time) => Value::string(time),
                None => Value::unknown_not_null(Type::String),
            })
        },
    ),
    Function::new(
        "timeadd",
        "A timestamp moved by a duration such as \"1h30m\".",
        &[Param::string("timestamp"), Param::string("duration")],
        Returns::STRING,
        |a, _| {
            let instant = Instant::parse(text(a, 0))?;
            let moved = instant.plus(duration::parse(text(a, 1))?);
            Ok(moved.to_string().into())
        },
    ),
    Function::new(
        "timecmp",
        "-1, 0 or 1: whether a timestamp is before, at or after another.",
        &[Param::string("timestamp_a"), Param::string("timestamp_b")],
        Returns::NUMBER,
        |a, _| {
            let parse = |at| {
                let instant = Instant::parse_loosely(text(a, at));
                instant.map_err(|e| FunctionError::argument(at, e))
            };
            let order = parse(0)?.nanoseconds().cmp(&parse(1)?.nanoseconds());
            Ok(Value::int(order as i64))
        },
    ),
    Function::new(
        "timestamp",
        "The current time in UTC.",
        &[],
        Returns::STRING,
        |_, call| now(call),
    ),
];

fn parse(args: &[Value], at: usize) -> Result<Instant> {
    Instant::parse(text(args, at)).map_err(|e| FunctionError::argument(at, e))
}

fn now(call: &Call<'_>) -> Result {
    let time = call.scope.files().now();
    let Some(time) = time.filter(|_| call.scope.impure_now()) else {
        return Ok(Value::unknown_not_null(Type::String));
    };
    let since = time.duration_since(UNIX_EPOCH).map_err(|e| e.to_string())?;
    Ok(Instant::from_unix(since.as_secs() as i64)
        .to_string()
        .into())
}

/// The RFC 3339 form of a timestamp as YAML writes them: `2024-1-2`, `2024-01-02 03:04:05`.
pub(super) fn of_yaml(text: &str) -> Option<String> {
    let (date, clock) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let number = |s: &str, most: usize| {
        let fits = (1..=most).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| s.parse::<u32>().ok()).flatten()
    };
    let mut parts = date.split('-');
    let year = parts.next().filter(|y| y.len() == 4)?;
    let (month, day) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    if parts.next().is_some() {
        return None;
    }
    let clock = match clock {
        None => "00:00:00Z".to_owned(),
        Some(clock) => {
            let zone = clock.find(['Z', '+', '-']).unwrap_or(clock.len());
            let (clock, zone) = clock.split_at(zone);
            // Without a zone only the form with a space is a timestamp.
            let zone = match zone {
                "" if text.contains(' ') => "Z",
                zone => zone,
            };
            let mut parts = clock.splitn(3, ':');
            let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
            let second = parts.next()?;
            let (second, fraction) = second.split_once('.').unwrap_or((second, ""));
            let second = number(second, 2)?;
            let dot = if fraction.is_empty() { "" } else { "." };
            format!("{hour:02}:{minute:02}:{second:02}{dot}{fraction}{zone}")
        }
    };
    let instant = Instant::parse(&format!("{year}-{month:02}-{day:02}T{clock}")).ok()?;
    Some(instant.to_string())
}
