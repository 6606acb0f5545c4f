//! Decimal digits of numbers, rounded exactly.

use muster_value::Number;
use num_bigint::BigUint;

/// How many binary places are looked at: numbers that need more are refused.
const MOST_PLACES: u32 = 1 << 16;

/// A number without its sign, in the form of the letter `f`, `e`, `E`, `g` or `G`.
pub(super) fn float(
    number: &Number,
    letter: char,
    precision: Option<usize>,
) -> Result<String, String> {
    let text = match letter {
        'f' => {
            let places = precision.unwrap_or(6);
            fixed(&Exact::of(number)?.rounded(places as i64), places)
        }
        'e' | 'E' => {
            let places = precision.unwrap_or(6);
            let (digits, exponent) = Exact::of(number)?.significant(places + 1);
            scientific(&digits, exponent)
        }
        _ => general(number, precision)?,
    };
    Ok(if letter.is_ascii_uppercase() {
        text.to_uppercase()
    } else {
        text
    })
}

fn general(number: &Number, precision: Option<usize>) -> Result<String, String> {
    let (digits, exponent) = match precision {
        None => shortest(number),
        Some(p) => Exact::of(number)?.significant(p.max(1)),
    };
    let digits = digits.trim_end_matches('0');
    let digits = if digits.is_empty() { "0" } else { digits };
    let limit = match precision {
        None => 6,
        // Digits that are all there are printed rather than an exponent.
        Some(p) if p > digits.len() && digits.len() as i64 > exponent => digits.len() as i64,
        Some(p) => p.max(1) as i64,
    };
    if exponent < -4 || exponent >= limit {
        return Ok(scientific(digits, exponent));
    }
    if exponent < 0 {
        return Ok(format!(
            "0.{}{digits}",
            "0".repeat((-exponent - 1) as usize)
        ));
    }
    let whole = exponent as usize + 1;
    Ok(match digits.len() {
        n if n <= whole => format!("{digits}{}", "0".repeat(whole - n)),
        _ => format!("{}.{}", &digits[..whole], &digits[whole..]),
    })
}

/// The digits that read back as the number, and the exponent of the first.
fn shortest(number: &Number) -> (String, i64) {
    let text = number.to_string();
    let text = text.trim_start_matches('-');
    let (text, shift) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse().unwrap_or(0)),
        None => (text, 0i64),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let all = format!("{whole}{fraction}");
    let leading = all.len() - all.trim_start_matches('0').len();
    if leading == all.len() {
        return ("0".into(), 0);
    }
    let exponent = whole.len() as i64 - 1 - leading as i64 + shift;
    (all[leading..].to_owned(), exponent)
}

/// Rounded digits with so many places after the point.
fn fixed(rounded: &BigUint, places: usize) -> String {
    let digits = rounded.to_string();
    if places == 0 {
        return digits;
    }
    let digits = format!(
        "{}{digits}",
        "0".repeat((places + 1).saturating_sub(digits.len()))
    );
    let (whole, fraction) = digits.split_at(digits.len() - places);
    format!("{whole}.{fraction}")
}

fn scientific(digits: &str, exponent: i64) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    format!("{first}{point}{rest}e{sign}{:02}", exponent.abs())
}

/// A number without its sign as a fraction whose denominator is a power of two.
struct Exact {
    mantissa: BigUint,
    places: u32,
}

impl Exact {
    fn of(number: &Number) -> Result<Self, String> {
        let mut places = 0u32;
        let mut scaled = number.clone();
        let step = 512u32;
        let factor = (0..step).try_fold(Number::from(1i64), |n, _| n.add(&n));
        let factor = factor.map_err(|e| e.to_string())?;
        while !scaled.is_integer() {
            if places >= MOST_PLACES {
                return Err("it is too close to zero".into());
            }
            scaled = scaled.mul(&factor).map_err(|e| e.to_string())?;
            places += step;
        }
        let whole = scaled.trunc_to_integer().ok_or("it is not finite")?;
        Ok(Self {
            mantissa: whole.magnitude().clone(),
            places,
        })
    }

    /// The number times a power of ten, rounded, halves to even.
    fn rounded(&self, ten: i64) -> BigUint {
        let mut over = self.mantissa.clone();
        let mut under = BigUint::from(1u8) << self.places;
        let power = BigUint::from(10u8).pow(ten.unsigned_abs() as u32);
        if ten >= 0 {
            over *= power;
        } else {
            under *= power;
        }
        let quotient = &over / &under;
        let rest = (over - &quotient * &under) * 2u8;
        let up = rest > under || rest == under && quotient.bit(0);
        if up { quotient + 1u8 } else { quotient }
    }

    /// So many significant digits, and the exponent of the first.
    fn significant(&self, count: usize) -> (String, i64) {
        if self.mantissa.bits() == 0 {
            return ("0".repeat(count), 0);
        }
        let bits = self.mantissa.bits() as f64 - f64::from(self.places);
        let mut exponent = ((bits - 1.0) * std::f64::consts::LOG10_2).floor() as i64;
        loop {
            let digits = self.rounded(count as i64 - 1 - exponent).to_string();
            match digits.len().cmp(&count) {
                std::cmp::Ordering::Greater => exponent += 1,
                std::cmp::Ordering::Less => exponent -= 1,
                std::cmp::Ordering::Equal => return (digits, exponent),
            }
        }
    }
}
