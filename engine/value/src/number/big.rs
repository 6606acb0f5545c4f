//! Magnitudes as mantissa times a power of two, and their rounding.

use std::cmp::Ordering;

use num_bigint::BigUint;
use num_traits::{ToPrimitive, Zero};

/// Bits beyond this, above or below the point, are refused: nobody means such a number, and its
/// decimal text would be as long.
const MAX_EXPONENT: i64 = 1 << 16;

/// How many bits of mantissa a number was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Precision(u16);

impl Precision {
    pub(super) const FULL: Self = Self(512);
    pub(super) const INTEGER: Self = Self(64);
    pub(super) const F64: Self = Self(53);

    /// Of so many bits; callers stay far below `u16::MAX`.
    pub(super) const fn new(bits: u64) -> Self {
        let most = u16::MAX as u64;
        Self(if bits < most { bits as u16 } else { u16::MAX })
    }

    pub(super) fn bits(self) -> u32 {
        self.0.into()
    }

    /// Whether `n` has no more significant bits than this.
    pub(super) fn holds(self, n: i64) -> bool {
        significant_bits(n) <= self.bits()
    }

    /// This, or what `n` needs if that is more.
    pub(super) fn at_least_for(self, n: i64) -> Self {
        self.max(Self::new(significant_bits(n).into()))
    }
}

fn significant_bits(n: i64) -> u32 {
    match n.unsigned_abs() {
        0 => 0,
        n => u64::BITS - n.leading_zeros() - n.trailing_zeros(),
    }
}

/// A finite number other than zero: `mant * 2^exp`, `mant` odd.
#[derive(Clone)]
pub(super) struct Big {
    pub(super) negative: bool,
    pub(super) mant: BigUint,
    pub(super) exp: i64,
    pub(super) precision: Precision,
}

impl Big {
    /// Position of the highest bit, counted from the point: the magnitude is below `2^top`.
    pub(super) fn top(&self) -> i64 {
        bits(&self.mant) + self.exp
    }

    pub(super) fn in_range(&self) -> bool {
        self.top() <= MAX_EXPONENT && self.exp >= -MAX_EXPONENT - 1024
    }

    pub(super) fn to_i64(&self) -> Option<i64> {
        if self.exp < 0 || self.top() > 64 {
            return None;
        }
        let magnitude = i128::from((&self.mant << self.exp).to_u64()?);
        i64::try_from(if self.negative { -magnitude } else { magnitude }).ok()
    }

    /// The whole part of the magnitude.
    pub(super) fn trunc(&self) -> BigUint {
        if self.exp >= 0 {
            &self.mant << self.exp
        } else {
            &self.mant >> self.exp.unsigned_abs()
        }
    }

    pub(super) fn to_f64(&self) -> f64 {
        let sign = if self.negative { -1.0 } else { 1.0 };
        let top = self.top();
        if top > 1024 {
            return sign * f64::INFINITY;
        }
        // Below 2^-1021 an f64 has fewer bits; below 2^-1075 everything rounds to zero.
        let width = (top + 1074).min(53);
        if width < 0 {
            return sign * 0.0;
        }
        let (mant, exp) = if width == 0 {
            // Between nothing and the least f64: exactly half goes to even, that is zero.
            let above_half = bits(&self.mant) > 1;
            (BigUint::from(u8::from(above_half)), -1074)
        } else {
            round(
                self.mant.clone(),
                self.exp,
                false,
                Precision::new(width.unsigned_abs()),
            )
        };
        let mantissa = mant.to_u64().unwrap_or(0) as f64;
        // Each step is exact, as the result has no more bits than an f64 holds.
        let half = exp / 2;
        sign * mantissa * power_of_two(half) * power_of_two(exp - half)
    }
}

fn power_of_two(exp: i64) -> f64 {
    2f64.powi(i32::try_from(exp).unwrap_or(0))
}

/// Length in bits.
fn bits(n: &BigUint) -> i64 {
    i64::try_from(n.bits()).unwrap_or(i64::MAX)
}

/// The same magnitude with an odd mantissa; zero has exponent zero.
pub(super) fn strip(mant: BigUint, exp: i64) -> (BigUint, i64) {
    match mant.trailing_zeros() {
        None => (mant, 0),
        Some(0) => (mant, exp),
        Some(zeros) => (mant >> zeros, exp.saturating_add_unsigned(zeros)),
    }
}

/// Rounds to nearest, ties to even, and strips. `more` says that the true value is a little
/// above `mant * 2^exp`; then `mant` must have at least two bits more than the precision.
pub(super) fn round(mant: BigUint, exp: i64, more: bool, precision: Precision) -> (BigUint, i64) {
    let excess = mant.bits().saturating_sub(precision.bits().into());
    if excess == 0 {
        return strip(mant, exp);
    }
    let half = mant.bit(excess - 1);
    let beyond_half = more || mant.trailing_zeros().is_some_and(|z| z < excess - 1);
    let mut kept = mant >> excess;
    if half && (beyond_half || kept.bit(0)) {
        kept += 1u8;
    }
    strip(kept, exp.saturating_add_unsigned(excess))
}

/// The rounded quotient; the divisor is not zero.
pub(super) fn divide(a: (BigUint, i64), b: (BigUint, i64), precision: Precision) -> (BigUint, i64) {
    let wanted = i64::from(precision.bits()) + 2;
    let shift = (wanted - bits(&a.0) + bits(&b.0)).max(0);
    let dividend = a.0 << shift;
    let quotient = &dividend / &b.0;
    let more = !(dividend - &quotient * &b.0).is_zero();
    round(quotient, a.1 - b.1 - shift, more, precision)
}

/// Compares magnitudes, zero included.
pub(super) fn compare(a: &(BigUint, i64), b: &(BigUint, i64)) -> Ordering {
    let (a_bits, b_bits) = (bits(&a.0), bits(&b.0));
    if a_bits == 0 || b_bits == 0 {
        return a_bits.cmp(&b_bits);
    }
    (a_bits + a.1).cmp(&(b_bits + b.1)).then_with(|| {
        let exp = a.1.min(b.1);
        (&a.0 << (a.1 - exp)).cmp(&(&b.0 << (b.1 - exp)))
    })
}

/// `5^n` rounded to `precision` the way Go's float parser does it, so that texts with large
/// exponents read as the same number.
pub(super) fn power_of_five(mut n: u64, precision: Precision) -> (BigUint, i64) {
    if n <= 27 {
        return (BigUint::from(5u8).pow(n as u32), 0);
    }
    let wider = Precision::new(u64::from(precision.bits()) + 64);
    let mut result = strip(BigUint::from(5u8).pow(27), 0);
    let mut factor = (BigUint::from(5u8), 0);
    n -= 27;
    while n > 0 {
        if n & 1 == 1 {
            result = round(result.0 * &factor.0, result.1 + factor.1, false, precision);
        }
        factor = round(&factor.0 * &factor.0, 2 * factor.1, false, wider);
        n >>= 1;
    }
    result
}
