//! Log lines in the form engines understand: one JSON object a line on standard error. What is
//! shown is the engine's choice (`TF_LOG`).

use std::time::{SystemTime, UNIX_EPOCH};

use muster_value::Date;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Every step.
    Trace,
    /// For the provider's author.
    Debug,
    /// For people who run it.
    Info,
    /// Something is odd.
    Warn,
    /// Something failed.
    Error,
}

/// Writes a line without fields.
pub fn log(level: Level, message: &str) {
    log_with(level, message, &[]);
}

/// Writes a line with fields.
pub fn log_with(level: Level, message: &str, fields: &[(&str, &str)]) {
    eprintln!("{}", line(level, message, fields, SystemTime::now()));
}

fn line(level: Level, message: &str, fields: &[(&str, &str)], at: SystemTime) -> String {
    let level = match level {
        Level::Trace => "trace",
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    };
    let mut object = serde_json::Map::new();
    object.insert("@level".into(), level.into());
    object.insert("@message".into(), message.into());
    object.insert("@timestamp".into(), timestamp(at).into());
    for (name, value) in fields {
        object.insert((*name).into(), (*value).into());
    }
    serde_json::Value::Object(object).to_string()
}

/// `2006-01-02T15:04:05.000000Z`, in UTC. Times before 1970 print as 1970.
fn timestamp(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, seconds) = (since.as_secs() / 86400, since.as_secs() % 86400);
    let Date { year, month, day } = Date::from_days(i64::try_from(days).unwrap_or(i64::MAX));
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:06}Z",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        since.subsec_micros()
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[track_caller]
    fn check(seconds: u64, expect: &str) {
        assert_eq!(timestamp(UNIX_EPOCH + Duration::from_secs(seconds)), expect);
    }

    #[test]
    fn timestamps_are_calendar_dates() {
        check(0, "1970-01-01T00:00:00.000000Z");
        check(951_782_400, "2000-02-29T00:00:00.000000Z");
        check(1_705_312_800, "2024-01-15T10:00:00.000000Z");
        check(4_107_542_399, "2100-02-28T23:59:59.000000Z");
    }

    #[test]
    fn lines_are_json() {
        let text = line(Level::Warn, "a \"b\"", &[("zone", "z")], UNIX_EPOCH);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["@level"], "warn");
        assert_eq!(json["@message"], "a \"b\"");
        assert_eq!(json["zone"], "z");
    }
}
