//! Durations such as `1h30m`.

const UNITS: [(&str, i64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// The nanoseconds of a duration: a sign, then numbers with units, fractions allowed.
pub(super) fn parse(text: &str) -> Result<i64, String> {
    let wrong = || format!("\"{text}\" is not a duration such as 1h30m or -5s");
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let number = rest.len()
            - rest
                .trim_start_matches(|c: char| c.is_ascii_digit() || c == '.')
                .len();
        let (number, after) = rest.split_at(number);
        let unit = after.len()
            - after
                .trim_start_matches(|c: char| !c.is_ascii_digit() && c != '.')
                .len();
        let (unit, after) = after.split_at(unit);
        let scale = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(wrong)?
            .1;
        total += part(number, scale).ok_or_else(wrong)?;
        if total > i128::from(i64::MAX) {
            return Err(format!("the duration \"{text}\" is too long"));
        }
        rest = after;
    }
    let total = total as i64;
    Ok(if negative { -total } else { total })
}

fn part(number: &str, scale: i64) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') || whole.len() > 19 {
        return None;
    }
    let whole: i128 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut nanos = whole * i128::from(scale);
    let mut place = i128::from(scale);
    for digit in fraction.bytes() {
        // Digits beyond a nanosecond do not count: the longest unit has 13 digits.
        place /= 10;
        nanos += place * i128::from(digit - b'0');
    }
    Some(nanos)
}
