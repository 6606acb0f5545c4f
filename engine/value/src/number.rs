mod arithmetic;
mod big;
mod digits;
mod text;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use big::{Big, Precision};
use num_bigint::{BigInt, BigUint, Sign};
use num_traits::ToPrimitive;

/// A number of the language: a binary float of up to 512 bits, rounded to nearest even, or an
/// infinity. There is no NaN: operations without a result are errors.
///
/// Each number remembers the precision it was made with, as that decides how results round and
/// print: 512 bits for numbers from text, 64 for machine integers, 53 for machine floats.
/// Equality, order and hash look at the value alone.
#[derive(Clone)]
pub struct Number(Repr);

/// Canonical: a whole value that fits `i64` is always `Int`, zero with a minus sign excepted.
#[derive(Clone)]
enum Repr {
    Int(i64, Precision),
    NegativeZero(Precision),
    Big(Arc<Big>),
    /// `true` for minus infinity.
    Infinity(bool),
}

/// Why a text is not a number or an operation has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberError(pub String);

impl fmt::Display for NumberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NumberError {}

impl NumberError {
    fn new(reason: &str) -> Self {
        Self(reason.into())
    }
}

impl Number {
    /// Parses decimal text: sign, digits with an optional point, an optional exponent (`e` for
    /// powers of ten, `p` for powers of two), or `Inf`. Anything else is an error, and so is a
    /// magnitude beyond about 10^19700 or below its inverse.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        if let Some(n) = text::plain_integer(text) {
            return Ok(Self(Repr::Int(n, Precision::FULL)));
        }
        text::parse(text)
    }

    /// Exactly the value of an `f64`, infinities included; NaN is an error.
    pub fn from_f64(f: f64) -> Result<Self, NumberError> {
        if f.is_nan() {
            return Err(NumberError::new("not a number"));
        }
        if f.is_infinite() {
            return Ok(Self::infinity(f < 0.0));
        }
        if f == 0.0 {
            return Ok(Self(zero(f.is_sign_negative(), Precision::F64)));
        }
        let bits = f.to_bits();
        let fraction = bits & ((1 << 52) - 1);
        let (mantissa, exponent) = match (bits >> 52) & 0x7ff {
            0 => (fraction, -1074),
            e => (fraction | (1 << 52), i64::from(e as u16) - 1075),
        };
        Self::rounded(f < 0.0, mantissa.into(), exponent, Precision::F64)
    }

    /// As i64, if whole and in range.
    pub fn to_i64(&self) -> Option<i64> {
        match &self.0 {
            Repr::Int(n, _) => Some(*n),
            Repr::NegativeZero(_) => Some(0),
            Repr::Big(_) | Repr::Infinity(_) => None,
        }
    }

    /// As u64, if whole and in range.
    pub fn to_u64(&self) -> Option<u64> {
        match &self.0 {
            Repr::Int(n, _) => u64::try_from(*n).ok(),
            Repr::NegativeZero(_) => Some(0),
            Repr::Big(b) if !b.negative && (0..64).contains(&b.exp) => {
                (b.top() <= 64).then(|| (&b.mant << b.exp).to_u64())?
            }
            Repr::Big(_) | Repr::Infinity(_) => None,
        }
    }

    /// The nearest f64; infinite beyond its range.
    pub fn to_f64(&self) -> f64 {
        match &self.0 {
            Repr::Int(n, _) => *n as f64,
            Repr::NegativeZero(_) => -0.0,
            Repr::Big(b) => b.to_f64(),
            Repr::Infinity(negative) => {
                if *negative {
                    f64::NEG_INFINITY
                } else {
                    f64::INFINITY
                }
            }
        }
    }

    /// The value as a whole number of any size; what is behind the point is cut off. `None` for
    /// infinities.
    pub fn trunc_to_integer(&self) -> Option<BigInt> {
        match &self.0 {
            Repr::Int(n, _) => Some((*n).into()),
            Repr::NegativeZero(_) => Some(0.into()),
            Repr::Big(b) => Some(BigInt::from_biguint(sign(b.negative), b.trunc())),
            Repr::Infinity(_) => None,
        }
    }

    /// A whole number of any size, rounded to 512 bits. Beyond about 10^19700 it is an error.
    pub fn from_integer(n: &BigInt) -> Result<Self, NumberError> {
        let bits = n.bits().clamp(64, u64::from(Precision::FULL.bits()));
        let precision = Precision::new(bits);
        Self::rounded(n.sign() == Sign::Minus, n.magnitude().clone(), 0, precision)
    }

    /// Whether it is a whole number; infinities are not.
    pub fn is_integer(&self) -> bool {
        match &self.0 {
            Repr::Int(..) | Repr::NegativeZero(_) => true,
            Repr::Big(b) => b.exp >= 0,
            Repr::Infinity(_) => false,
        }
    }

    /// Whether it is zero, with or without a minus sign.
    pub fn is_zero(&self) -> bool {
        matches!(self.0, Repr::Int(0, _) | Repr::NegativeZero(_))
    }

    /// Whether below zero; zero never is.
    pub fn is_negative(&self) -> bool {
        match &self.0 {
            Repr::Int(n, _) => *n < 0,
            Repr::NegativeZero(_) => false,
            Repr::Big(b) => b.negative,
            Repr::Infinity(negative) => *negative,
        }
    }

    /// Whether infinite.
    pub fn is_infinite(&self) -> bool {
        matches!(self.0, Repr::Infinity(_))
    }

    /// Plus or minus infinity.
    pub fn infinity(negative: bool) -> Self {
        Self(Repr::Infinity(negative))
    }

    /// Decimal text that reads back as the same number, whatever precision this one has: where
    /// [`fmt::Display`] rounds a float of a machine to few digits, all that count are here.
    pub(crate) fn exact_text(&self) -> String {
        let text = self.clone().reduced_to(Precision::FULL).to_string();
        if Self::parse(&text).as_ref() == Ok(self) {
            return text;
        }
        // The shortest text of a power of two may be nearer to the number below it, which is
        // half as far away as the one above. A few more digits decide.
        let wider = Precision::new(u64::from(Precision::FULL.bits()) + 8);
        self.clone().reduced_to(wider).to_string()
    }

    /// The same value with the least precision of the three that numbers are made with. Large
    /// whole numbers, which are stored as text, keep theirs.
    pub(crate) fn as_stored(&self) -> Self {
        let least = match self.to_i64() {
            Some(_) => Precision::INTEGER,
            None if self.is_integer() => self.precision(),
            None if Self::from_f64(self.to_f64()).is_ok_and(|f| f == *self) => Precision::F64,
            None => Precision::FULL,
        };
        self.clone().reduced_to(least)
    }

    fn precision(&self) -> Precision {
        match &self.0 {
            Repr::Int(_, p) | Repr::NegativeZero(p) => *p,
            Repr::Big(b) => b.precision,
            Repr::Infinity(_) => Precision::F64,
        }
    }

    /// Mantissa and exponent; zero for infinities, which callers sort out first.
    fn parts(&self) -> (BigUint, i64) {
        match &self.0 {
            Repr::Int(n, _) => (n.unsigned_abs().into(), 0),
            Repr::Big(b) => (b.mant.clone(), b.exp),
            Repr::NegativeZero(_) | Repr::Infinity(_) => (0u8.into(), 0),
        }
    }

    fn has_minus(&self) -> bool {
        matches!(self.0, Repr::NegativeZero(_)) || self.is_negative()
    }

    /// `n` if it needs no rounding.
    fn exact(n: i64, precision: Precision) -> Option<Self> {
        precision.holds(n).then_some(Self(Repr::Int(n, precision)))
    }

    fn rounded(
        negative: bool,
        mant: BigUint,
        exp: i64,
        precision: Precision,
    ) -> Result<Self, NumberError> {
        let rounded = big::round(mant, exp, false, precision);
        Self::finish(negative, rounded, precision)
    }

    fn finish(
        negative: bool,
        (mant, exp): (BigUint, i64),
        precision: Precision,
    ) -> Result<Self, NumberError> {
        if mant.bits() == 0 {
            return Ok(Self(zero(negative, precision)));
        }
        let big = Big {
            negative,
            mant,
            exp,
            precision,
        };
        if !big.in_range() {
            return Err(NumberError::new("the number is too large or too small"));
        }
        Ok(Self::from_big(big))
    }

    fn from_big(big: Big) -> Self {
        match big.to_i64() {
            Some(n) => Self(Repr::Int(n, big.precision)),
            None => Self(Repr::Big(Arc::new(big))),
        }
    }

    /// The same value with `precision`, or the least that loses nothing.
    fn reduced_to(mut self, precision: Precision) -> Self {
        match &mut self.0 {
            Repr::Int(n, p) => *p = precision.at_least_for(*n),
            Repr::NegativeZero(p) => *p = precision,
            Repr::Big(b) => {
                Arc::make_mut(b).precision = precision.max(Precision::new(b.mant.bits()));
            }
            Repr::Infinity(_) => {}
        }
        self
    }

    /// Sign, mantissa (odd) and exponent: the same for equal numbers.
    fn key(&self) -> (u8, BigUint, i64) {
        match &self.0 {
            Repr::Infinity(negative) => (2 + u8::from(*negative), 0u8.into(), 0),
            _ => {
                let (mant, exp) = self.parts();
                let (mant, exp) = big::strip(mant, exp);
                (u8::from(self.is_negative()), mant, exp)
            }
        }
    }
}

fn zero(negative: bool, precision: Precision) -> Repr {
    if negative {
        Repr::NegativeZero(precision)
    } else {
        Repr::Int(0, precision)
    }
}

fn sign(negative: bool) -> Sign {
    if negative { Sign::Minus } else { Sign::Plus }
}

impl From<i64> for Number {
    fn from(n: i64) -> Self {
        Self(Repr::Int(n, Precision::INTEGER))
    }
}

impl From<u64> for Number {
    fn from(n: u64) -> Self {
        if let Ok(n) = i64::try_from(n) {
            return Self::from(n);
        }
        let (mant, exp) = big::strip(n.into(), 0);
        Self(Repr::Big(Arc::new(Big {
            negative: false,
            mant,
            exp,
            precision: Precision::INTEGER,
        })))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::Int(a, _), Repr::Int(b, _)) => a == b,
            (Repr::Big(a), Repr::Big(b)) => {
                a.negative == b.negative && a.exp == b.exp && a.mant == b.mant
            }
            (Repr::Infinity(a), Repr::Infinity(b)) => a == b,
            _ => self.is_zero() && other.is_zero(),
        }
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        if let (Repr::Int(a, _), Repr::Int(b, _)) = (&self.0, &other.0) {
            return a.cmp(b);
        }
        if self == other {
            return Ordering::Equal;
        }
        match (self.is_negative(), other.is_negative()) {
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            _ => {}
        }
        let magnitude = match (self.is_infinite(), other.is_infinite()) {
            (true, _) => Ordering::Greater,
            (_, true) => Ordering::Less,
            _ => big::compare(&self.parts(), &other.parts()),
        };
        if self.is_negative() {
            magnitude.reverse()
        } else {
            magnitude
        }
    }
}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// Prints the shortest decimal text that reads back as the same number at its precision, never
/// with an exponent.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Int(n, p) if p.holds(*n) && n.unsigned_abs() < 1 << p.bits().min(63) => {
                write!(f, "{n}")
            }
            Repr::Int(n, p) => {
                let (mant, exp) = big::strip(n.unsigned_abs().into(), 0);
                text::write(
                    f,
                    &Big {
                        negative: *n < 0,
                        mant,
                        exp,
                        precision: *p,
                    },
                )
            }
            Repr::NegativeZero(_) => f.write_str("-0"),
            Repr::Big(b) => text::write(f, b),
            Repr::Infinity(false) => f.write_str("+Inf"),
            Repr::Infinity(true) => f.write_str("-Inf"),
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Number({self})")
    }
}

#[cfg(test)]
mod tests;
