//! Decimal text of numbers.

use std::fmt;

use num_bigint::BigUint;

use super::big::{self, Big, Precision};
use super::digits::{Decimal, shortest};
use super::{Number, NumberError};

/// Decimal exponents beyond this are refused before anything is computed.
const MAX_DECIMAL_EXPONENT: i64 = 20_000;

/// More digits than this in one number are refused: reading them costs more than linear time.
const MAX_DIGITS: usize = 20_000;

/// More digits behind the point than this are refused. The least numbers there are print with a
/// few more of them than other numbers may have digits, most of them zeros.
const MAX_FRACTION: usize = MAX_DIGITS + 500;

/// The common case: an integer of up to 18 digits.
pub(super) fn plain_integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty()
        && digits.len() <= 18
        && digits.bytes().all(|b| b.is_ascii_digit())
        && text != "-0";
    plain
        .then(|| text.parse().ok())?
        .filter(|n| *n != 0 || !text.starts_with('-'))
}

pub(super) fn parse(text: &str) -> Result<Number, NumberError> {
    let (negative, rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if matches!(rest, "Inf" | "inf") {
        return Ok(Number::infinity(negative));
    }
    let (mantissa, binary, exponent) = split_exponent(rest)?;
    let (digits, fraction) = split_point(mantissa)?;
    let mant = BigUint::parse_bytes(digits.as_bytes(), 10).ok_or_else(not_a_number)?;
    if mant.bits() == 0 {
        return Ok(if negative {
            Number::from(0i64).neg().reduced_to(Precision::FULL)
        } else {
            Number::from(0i64).reduced_to(Precision::FULL)
        });
    }
    let (power2, power5) = if binary {
        (exponent.saturating_sub(fraction), -fraction)
    } else {
        let power = exponent.saturating_sub(fraction);
        (power, power)
    };
    scale(negative, mant, power2, power5)
}

/// `mant * 2^power2 * 5^power5`, rounded.
fn scale(negative: bool, mant: BigUint, power2: i64, power5: i64) -> Result<Number, NumberError> {
    let limit = MAX_DECIMAL_EXPONENT + MAX_DIGITS as i64;
    if power2.abs() > 4 * limit || power5.abs() > limit {
        return Err(out_of_range());
    }
    let wider = Precision::new(u64::from(Precision::FULL.bits()) + 64);
    let five = big::power_of_five(power5.unsigned_abs(), wider);
    let number = if power5 < 0 {
        big::divide((mant, power2), five, Precision::FULL)
    } else {
        big::round(mant * five.0, power2 + five.1, false, Precision::FULL)
    };
    Number::finish(negative, number, Precision::FULL)
}

/// The text before the exponent, whether the exponent is of two, and the exponent.
fn split_exponent(text: &str) -> Result<(&str, bool, i64), NumberError> {
    let Some(at) = text.find(['e', 'E', 'p', 'P']) else {
        return Ok((text, false, 0));
    };
    let binary = matches!(text.as_bytes()[at], b'p' | b'P');
    let exponent = &text[at + 1..];
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(not_a_number());
    }
    let exponent = exponent.parse().map_err(|_| out_of_range())?;
    Ok((&text[..at], binary, exponent))
}

/// All digits, and how many of them are behind the point.
fn split_point(text: &str) -> Result<(String, i64), NumberError> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(not_a_number());
    }
    // Small numbers begin with thousands of zeros, which cost time and say nothing.
    let significant = digits.trim_start_matches('0');
    if significant.len() > MAX_DIGITS || fraction.len() > MAX_FRACTION {
        return Err(out_of_range());
    }
    let digits = if significant.is_empty() {
        "0"
    } else {
        significant
    };
    Ok((digits.to_owned(), fraction.len() as i64))
}

fn not_a_number() -> NumberError {
    NumberError::new("a number is required")
}

fn out_of_range() -> NumberError {
    NumberError::new("the number is too large or too small")
}

/// Writes the shortest digits that tell the number from its neighbours at its precision.
pub(super) fn write(f: &mut fmt::Formatter<'_>, number: &Big) -> fmt::Result {
    if let Some(text) = short(number) {
        return f.write_str(&text);
    }
    let Decimal { digits, point } = shortest(number);
    // Only ASCII digits were ever put in.
    let digits = String::from_utf8(digits).map_err(|_| fmt::Error)?;
    let zeros = |n: usize| "0".repeat(n);
    if number.negative {
        f.write_str("-")?;
    }
    match usize::try_from(point) {
        Ok(point) if point >= digits.len() => write!(f, "{digits}{}", zeros(point - digits.len())),
        Ok(point) if point > 0 => write!(f, "{}.{}", &digits[..point], &digits[point..]),
        _ => {
            let leading = usize::try_from(point.unsigned_abs()).unwrap_or(0);
            write!(f, "0.{}{digits}", zeros(leading))
        }
    }
}

/// The cheap way for numbers that people write: the digits that tell the nearest `f64` from its
/// neighbours, if they read back as the very number. Nothing shorter can then.
fn short(number: &Big) -> Option<String> {
    if number.precision != Precision::FULL || !(-500..500).contains(&number.top()) {
        return None;
    }
    let text = number.to_f64().to_string();
    let Number(super::Repr::Big(read)) = parse(&text).ok()? else {
        return None;
    };
    (read.negative == number.negative && read.exp == number.exp && read.mant == number.mant)
        .then_some(text)
}
