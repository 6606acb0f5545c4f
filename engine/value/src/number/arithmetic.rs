use std::sync::Arc;

use num_bigint::{BigInt, Sign};

use super::big::{self, Big, Precision};
use super::{Number, NumberError, Repr, sign, zero};

impl Number {
    /// Sum. Infinities of opposite sign have none.
    pub fn add(&self, other: &Self) -> Result<Self, NumberError> {
        let precision = self.precision().max(other.precision());
        if let (Repr::Int(a, _), Repr::Int(b, _)) = (&self.0, &other.0)
            && let Some(sum) = a.checked_add(*b).and_then(|n| Self::exact(n, precision))
        {
            return Ok(sum);
        }
        match (&self.0, &other.0) {
            (Repr::Infinity(a), Repr::Infinity(b)) if a != b => {
                Err(NumberError::new("opposite infinities have no sum"))
            }
            (Repr::Infinity(_), _) => Ok(self.clone()),
            (_, Repr::Infinity(_)) => Ok(other.clone()),
            (Repr::NegativeZero(_), Repr::NegativeZero(_)) => Ok(Self(zero(true, precision))),
            _ => self.add_finite(other, precision),
        }
    }

    /// Difference. Infinities of the same sign have none.
    pub fn sub(&self, other: &Self) -> Result<Self, NumberError> {
        self.add(&other.neg())
    }

    /// Product. Zero times infinity has none.
    pub fn mul(&self, other: &Self) -> Result<Self, NumberError> {
        let precision = self.precision().max(other.precision());
        if let (Repr::Int(a, _), Repr::Int(b, _)) = (&self.0, &other.0)
            && let Some(product) = a.checked_mul(*b)
            && product != 0
        {
            return Ok(Self(Repr::Int(product, precision.at_least_for(product))));
        }
        let negative = self.has_minus() != other.has_minus();
        if self.is_infinite() || other.is_infinite() {
            if self.is_zero() || other.is_zero() {
                return Err(NumberError::new("zero times infinity is undefined"));
            }
            return Ok(Self::infinity(negative));
        }
        let (a, b) = (self.parts(), other.parts());
        // The product keeps every bit that 512 can hold, also when both factors have fewer.
        let full = Self::rounded(negative, a.0 * b.0, a.1 + b.1, Precision::FULL)?;
        Ok(full.reduced_to(precision))
    }

    /// Quotient. Anything else than zero divided by zero is infinite; zero by zero and infinity
    /// by infinity have none.
    pub fn div(&self, other: &Self) -> Result<Self, NumberError> {
        let precision = self.precision().max(other.precision());
        if let (Repr::Int(a, _), Repr::Int(b, _)) = (&self.0, &other.0)
            && a.checked_rem(*b) == Some(0)
            && *a != 0
            && let Some(exact) = Self::exact(a / b, precision)
        {
            return Ok(exact);
        }
        let negative = self.has_minus() != other.has_minus();
        match (self.is_infinite(), other.is_infinite()) {
            (true, true) => Err(NumberError::new("infinity by infinity is undefined")),
            (true, false) => Ok(Self::infinity(negative)),
            (false, true) => Ok(Self(zero(negative, precision))),
            (false, false) if other.is_zero() && self.is_zero() => {
                Err(NumberError::new("zero divided by zero is undefined"))
            }
            (false, false) if other.is_zero() => Ok(Self::infinity(negative)),
            (false, false) => {
                let quotient = big::divide(self.parts(), other.parts(), precision);
                Self::finish(negative, quotient, precision)
            }
        }
    }

    /// Remainder of the truncated quotient, with the sign of `self`. By zero it is `self`; with
    /// an infinity on either side there is none otherwise.
    pub fn rem(&self, other: &Self) -> Result<Self, NumberError> {
        if let (Repr::Int(a, p), Repr::Int(b, _)) = (&self.0, &other.0)
            && let Some(rest) = a.checked_rem(*b)
            && p.holds(a - rest)
        {
            return Ok(Self(Repr::Int(rest, *p)));
        }
        if other.is_zero() {
            return Ok(self.clone());
        }
        if self.is_infinite() || other.is_infinite() {
            return Err(NumberError::new("infinity has no remainder"));
        }
        if self.is_zero() {
            let negative = self.has_minus() && !other.has_minus();
            return Ok(Self(zero(negative, self.precision())));
        }
        // By way of the rounded quotient, as the language defines it, not the exact remainder.
        let precision = self.precision();
        let quotient = self.div(other)?.trunc_to_integer().unwrap_or_default();
        let negative = quotient.sign() == Sign::Minus;
        let whole = Self::rounded(negative, quotient.into_parts().1, 0, precision)?;
        let (a, b) = (whole.parts(), other.parts());
        let negative = whole.has_minus() != other.has_minus();
        let product = Self::rounded(negative, a.0 * b.0, a.1 + b.1, precision)?;
        self.add_finite(&product.neg(), precision)
    }

    /// Negation; of zero it is a zero with a minus sign.
    #[must_use]
    pub fn neg(&self) -> Self {
        Self(match &self.0 {
            Repr::Int(0, p) => Repr::NegativeZero(*p),
            Repr::Int(n, p) => match n.checked_neg() {
                Some(n) => Repr::Int(n, *p),
                None => Repr::Big(Arc::new(Big {
                    negative: false,
                    mant: 1u8.into(),
                    exp: 63,
                    precision: *p,
                })),
            },
            Repr::NegativeZero(p) => Repr::Int(0, *p),
            Repr::Big(b) => {
                let flipped = Big {
                    negative: !b.negative,
                    ..(**b).clone()
                };
                return Self::from_big(flipped);
            }
            Repr::Infinity(negative) => Repr::Infinity(!negative),
        })
    }

    /// Greatest whole number not above.
    #[must_use]
    pub fn floor(&self) -> Self {
        self.to_whole(true)
    }

    /// Least whole number not below.
    #[must_use]
    pub fn ceil(&self) -> Self {
        self.to_whole(false)
    }

    fn to_whole(&self, down: bool) -> Self {
        let Repr::Big(b) = &self.0 else {
            return match self.0 {
                Repr::NegativeZero(p) => Self(Repr::Int(0, p)),
                _ => self.clone(),
            };
        };
        if b.exp >= 0 {
            return self.clone();
        }
        let mut magnitude = b.trunc();
        if b.negative == down {
            magnitude += 1u8;
        }
        // Zero loses its sign, and the range that the number itself is in cannot be left.
        let negative = b.negative && magnitude.bits() > 0;
        Self::rounded(negative, magnitude, 0, b.precision).unwrap_or_else(|_| self.clone())
    }

    fn add_finite(&self, other: &Self, precision: Precision) -> Result<Self, NumberError> {
        let (am, ae) = self.parts();
        let (bm, be) = other.parts();
        let exp = ae.min(be);
        let a = BigInt::from_biguint(sign(self.has_minus()), am << (ae - exp));
        let b = BigInt::from_biguint(sign(other.has_minus()), bm << (be - exp));
        let (sign, magnitude) = (a + b).into_parts();
        Self::rounded(sign == Sign::Minus, magnitude, exp, precision)
    }
}
