//! Durations such as `1h30m`.

const UNITS: [(&str, u64); 8] = [
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
    let long = || format!("the duration \"{text}\" is too long");
    let unsigned = text.strip_prefix(['-', '+']);
    let mut rest = unsigned.unwrap_or(text);
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (number, after) = split(rest, |c| c.is_ascii_digit() || c == '.');
        let (unit, after) = split(after, |c| !c.is_ascii_digit() && c != '.');
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
            return Err(wrong());
        }
        let unit = UNITS.iter().find(|(name, _)| *name == unit);
        let unit = unit.ok_or_else(wrong)?.1;
        let nanos = nanoseconds(whole, fraction, unit);
        let sum = nanos.and_then(|nanos| total.checked_add(nanos));
        total = sum.ok_or_else(long)?;
        rest = after;
    }
    // There is one more below zero than above.
    let signed = match text.starts_with('-') {
        true => 0i64.checked_sub_unsigned(total),
        false => i64::try_from(total).ok(),
    };
    signed.ok_or_else(long)
}

/// What a text starts with, and the rest.
fn split(text: &str, inside: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !inside(c)).unwrap_or(text.len()))
}

/// A number of units in nanoseconds.
fn nanoseconds(whole: &str, fraction: &str, unit: u64) -> Option<u64> {
    let whole: u64 = match whole {
        "" => 0,
        digits => digits.parse().ok()?,
    };
    // As a float, whose last digit can round the part up to a whole.
    let (mut digits, mut scale) = (0u64, 1f64);
    for digit in fraction.bytes() {
        if digits > i64::MAX as u64 / 10 {
            break;
        }
        digits = digits * 10 + u64::from(digit - b'0');
        scale *= 10.0;
    }
    let part = (digits as f64 * (unit as f64 / scale)) as u64;
    whole.checked_mul(unit)?.checked_add(part)
}
