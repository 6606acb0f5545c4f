//! Times and durations as users write them.

use muster_value::Date;

/// Reads a duration like `90s`, `5m` or `1h30m`, in seconds.
///
/// # Errors
/// Completes the sentence "the value ...".
pub fn parse_duration(text: &str) -> Result<f64, String> {
    let wrong = || format!("must be a duration like \"30s\", \"5m\" or \"1h30m\", and is {text:?}");
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let factor = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86400.0,
            _ => return Err(wrong()),
        };
        let number: f64 = number.parse().map_err(|_| wrong())?;
        seconds += number * factor;
        rest = tail;
    }
    if text.is_empty() {
        Err(wrong())
    } else {
        Ok(seconds)
    }
}

/// Reads an RFC 3339 time like `2034-01-15T10:00:00Z`, in seconds since the epoch. Fractions of
/// a second are dropped.
///
/// # Errors
/// Completes the sentence "the value ...".
pub fn parse_time(text: &str) -> Result<i64, String> {
    timestamp(text)
        .ok_or_else(|| format!("must be a time like \"2034-01-15T10:00:00Z\", and is {text:?}"))
}

fn timestamp(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let digits = |from: usize, to: usize| -> Option<i64> {
        let part = bytes.get(from..to)?;
        part.iter().try_fold(0i64, |n, b| {
            b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0'))
        })
    };
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if separators
        .iter()
        .any(|(at, byte)| bytes.get(*at) != Some(byte))
    {
        return None;
    }
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    let (hour, minute, second) = (digits(11, 13)?, digits(14, 16)?, digits(17, 19)?);
    let (month, day) = (u32::try_from(month).ok()?, u32::try_from(day).ok()?);
    if !(1..=12).contains(&month) || !(1..=Date::days_in(year, month)).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut rest = text.get(19..)?;
    if let Some(fraction) = rest.strip_prefix('.') {
        let end = fraction.find(|c: char| !c.is_ascii_digit())?;
        rest = if end == 0 {
            return None;
        } else {
            &fraction[end..]
        };
    }
    let days = Date { year, month, day }.days();
    Some(days * 86400 + hour * 3600 + minute * 60 + second - offset(rest)?)
}

/// Seconds east of UTC: `Z`, `+01:00`.
fn offset(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let number = |part: &str| -> Option<i64> {
        let plain = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| part.parse().ok())?
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Prints seconds since the epoch as `2034-01-15T10:00:00Z`.
pub fn format_time(seconds: i64) -> String {
    let Date { year, month, day } = Date::from_days(seconds.div_euclid(86400));
    let second = seconds.rem_euclid(86400);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_add_up() {
        assert_eq!(parse_duration("30s"), Ok(30.0));
        assert_eq!(parse_duration("1h30m"), Ok(5400.0));
        assert_eq!(parse_duration("1.5h"), Ok(5400.0));
        assert_eq!(parse_duration("250ms"), Ok(0.25));
        for bad in ["", "5", "m", "5 m", "-5m", "5y", "1..2s", "5mé"] {
            assert!(parse_duration(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn times_go_both_ways() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2024-02-29T23:59:59Z",
            "2034-01-15T10:00:00Z",
        ] {
            assert_eq!(parse_time(text).map(format_time).as_deref(), Ok(text));
        }
        assert_eq!(parse_time("2024-01-15T10:00:00Z"), Ok(1_705_312_800));
        assert_eq!(parse_time("2024-01-15T11:00:00.5+01:00"), Ok(1_705_312_800));
        for bad in [
            "",
            "2024-01-15",
            "2023-02-29T00:00:00Z",
            "2024-01-15T24:00:00Z",
            "2024-01-15T10:00:00",
            "2024-01-15T10:00:00+1:00",
        ] {
            assert!(parse_time(bad).is_err(), "{bad:?}");
        }
    }
}
