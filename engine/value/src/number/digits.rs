//! Decimal digits of binary numbers.

use num_bigint::BigUint;

use super::big::{self, Big, Precision};

/// Numbers with an exponent as far from zero as this have more than a thousand digits, zeros at
/// the end not counted, of which [`shortest`] needs the first 160.
const FAR: i64 = 6_000;

/// Numbers with more bits than this are not taken for far ones.
const MOST_BITS: u64 = 600;

/// How many digits a far number gets.
const LEADING: usize = 250;

/// About how many digits are computed to be sure of those.
const COMPUTED: i64 = 300;

/// Bits of the powers they are computed with.
const WORKING: Precision = Precision::new(1_200);

/// `0.DIGITS * 10^point`, no zeros at the end, first digit not zero.
pub(super) struct Decimal {
    pub(super) digits: Vec<u8>,
    pub(super) point: i64,
}

impl Decimal {
    /// The first digits of a number that has more than these, and of which nobody asks how they
    /// end; all of a number nearer to one.
    fn new(mant: &BigUint, exp: i64) -> Self {
        if exp.abs() < FAR || mant.bits() > MOST_BITS {
            return Self::exact(mant, exp);
        }
        Self::leading(mant, exp).unwrap_or_else(|| Self::exact(mant, exp))
    }

    /// The first [`LEADING`] digits without computing the thousands behind them, unless what is
    /// left out could make a difference to them.
    fn leading(mant: &BigUint, exp: i64) -> Option<Self> {
        let top = exp + i64::try_from(mant.bits()).ok()?;
        // The logarithm of two, to more digits than the largest exponent has.
        let scale = COMPUTED - top * 30_103 / 100_000;
        let power = big::power_of_five(scale.unsigned_abs(), WORKING);
        let (scaled, exp) = if scale < 0 {
            big::divide((mant.clone(), exp + scale), power, WORKING)
        } else {
            (mant * power.0, exp + scale + power.1)
        };
        let scaled = match usize::try_from(exp) {
            Ok(exp) => scaled << exp,
            Err(_) => scaled >> exp.unsigned_abs(),
        };
        // The power is off by some units in the 1200th bit, which is below the point here.
        let (least, most) = ((&scaled - 1u8).to_string(), (scaled + 2u8).to_string());
        let digits = least.get(..LEADING)?;
        let sure = least.len() == most.len() && most.starts_with(digits);
        sure.then(|| Self {
            digits: digits.as_bytes().to_vec(),
            point: least.len() as i64 - scale,
        })
    }

    fn exact(mant: &BigUint, exp: i64) -> Self {
        let whole = if exp >= 0 {
            mant << exp
        } else {
            mant * BigUint::from(5u8).pow(u32::try_from(-exp).unwrap_or(u32::MAX))
        };
        let mut digits = whole.to_string().into_bytes();
        let point = digits.len() as i64 + exp.min(0);
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        Self { digits, point }
    }

    fn at(&self, i: usize) -> u8 {
        self.digits.get(i).copied().unwrap_or(b'0')
    }

    fn round(&mut self, n: usize) {
        let Some(&next) = self.digits.get(n) else {
            return;
        };
        let tie = next == b'5' && n + 1 == self.digits.len();
        let up = if tie {
            n > 0 && (self.digits[n - 1] - b'0') % 2 == 1
        } else {
            next >= b'5'
        };
        if up {
            self.round_up(n)
        } else {
            self.round_down(n)
        }
    }

    fn round_down(&mut self, n: usize) {
        self.digits.truncate(n);
        while self.digits.last() == Some(&b'0') {
            self.digits.pop();
        }
    }

    fn round_up(&mut self, n: usize) {
        self.digits.truncate(n);
        while self.digits.last() == Some(&b'9') {
            self.digits.pop();
        }
        match self.digits.last_mut() {
            Some(last) => *last += 1,
            None => {
                self.digits.push(b'1');
                self.point += 1;
            }
        }
    }
}

/// The shortest digits that tell a number from its neighbours at its precision.
pub(super) fn shortest(number: &Big) -> Decimal {
    let mut decimal = Decimal::new(&number.mant, number.exp);
    // One bit more than the precision: its last bit stands for half a unit in the last place.
    let shift = u64::from(number.precision.bits() + 1).saturating_sub(number.mant.bits());
    let mant = &number.mant << shift;
    let exp = number.exp.saturating_sub_unsigned(shift);
    // At the bounds themselves rounding goes to even.
    let inclusive = !mant.bit(1);
    let lower = Decimal::new(&(&mant - 1u8), exp);
    let upper = Decimal::new(&(&mant + 1u8), exp);
    for i in 0..decimal.digits.len() {
        let (l, m, u) = (lower.at(i), decimal.at(i), upper.at(i));
        let down = l != m || inclusive && i + 1 == lower.digits.len();
        let up = m != u && (inclusive || m + 1 < u || i + 1 < upper.digits.len());
        match (down, up) {
            (true, true) => decimal.round(i + 1),
            (true, false) => decimal.round_down(i + 1),
            (false, true) => decimal.round_up(i + 1),
            (false, false) => continue,
        }
        break;
    }
    decimal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    /// The leading digits are those of all digits.
    fn check(mant: &BigUint, exp: i64) {
        let exact = Decimal::exact(mant, exp);
        let leading = Decimal::leading(mant, exp).expect("the rest makes no difference");
        assert_eq!(leading.point, exact.point, "{mant} * 2^{exp}");
        assert_eq!(leading.digits, exact.digits[..LEADING], "{mant} * 2^{exp}");
        assert!(exact.digits.len() > 1_000);
    }

    #[test]
    fn leading_digits() {
        let full = (BigUint::from(1u8) << 513) - 1u8;
        for exp in [-67_000, -FAR, FAR, 65_000] {
            for mant in [1, 2, 5] {
                check(&BigUint::from(mant as u8), exp);
            }
            check(&full, exp);
            check(&(&full - 2u8), exp);
            check(&BigUint::from(5u8).pow(220), exp);
        }
        let mut random = Random(7);
        for _ in 0..40 {
            let mant = (0..16).fold(BigUint::from(1u8), |n, _| {
                (n << 32u8) + (random.bits() >> 32)
            });
            let exp = FAR + (random.bits() % 10_000) as i64;
            check(&mant, exp);
            check(&mant, -exp);
        }
    }

    #[test]
    fn digits_that_may_be_others() {
        // 10^2600 is between numbers that begin with nines and with a one and zeros.
        let power = BigUint::from(5u8).pow(2_600);
        assert!(Decimal::leading(&power, 2_600).is_none());
        assert_eq!(Decimal::new(&power, 2_600).digits, b"1");
    }
}
