//! Logarithms and powers of machine floats.
//!
//! No standard fixes their last digit, and mathematical libraries differ in it. It can be seen:
//! results are printed, stored and compared with what was stored before. These are the methods
//! that states at hand were made with, step by step in the same order of rounding.

/// The natural logarithm, by the series in `f / (2 + f)` that fdlibm made known.
pub(super) fn ln(x: f64) -> f64 {
    const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    const SERIES: [f64; 7] = [
        6.666_666_666_666_735e-1,
        3.999_999_999_940_942e-1,
        2.857_142_874_366_239e-1,
        2.222_219_843_214_978_4e-1,
        1.818_357_216_161_805e-1,
        1.531_383_769_920_937_3e-1,
        1.479_819_860_511_658_6e-1,
    ];
    if x <= 0.0 || !x.is_finite() {
        return x.ln();
    }
    let (mut mantissa, mut exponent) = split(x);
    if mantissa < std::f64::consts::FRAC_1_SQRT_2 {
        mantissa *= 2.0;
        exponent -= 1;
    }
    let [s1, s3, s5, s7, s9, s11, s13] = SERIES;
    let f = mantissa - 1.0;
    let k = f64::from(exponent);
    let s = f / (2.0 + f);
    let s_2 = s * s;
    let s_4 = s_2 * s_2;
    let odd = s_2 * (s1 + s_4 * (s5 + s_4 * (s9 + s_4 * s13)));
    let even = s_4 * (s3 + s_4 * (s7 + s_4 * s11));
    let half_square = 0.5 * f * f;
    k * LN2_HIGH - ((half_square - (s * (half_square + (odd + even)) + k * LN2_LOW)) - f)
}

/// A power: the fraction of the exponent by way of `exp` and `ln`, its whole part by squaring.
pub(super) fn pow(x: f64, y: f64) -> f64 {
    let plain = y == 0.0 || y == 1.0 || x == 1.0 || x == 0.0;
    if plain || !x.is_finite() || !y.is_finite() || y.abs() >= 9.3e18 {
        return x.powf(y);
    }
    if y.abs() == 0.5 {
        return if y > 0.0 { x.sqrt() } else { 1.0 / x.sqrt() };
    }
    let mut whole = y.abs().trunc();
    let mut fraction = y.abs() - whole;
    let mut result = 1.0;
    if fraction != 0.0 {
        if x < 0.0 {
            return f64::NAN;
        }
        if fraction > 0.5 {
            fraction -= 1.0;
            whole += 1.0;
        }
        result = exp(fraction * ln(x));
    }
    let mut exponent = 0;
    let (mut square, mut square_exponent) = split(x);
    let mut bits = whole as u64;
    while bits != 0 {
        // Out of the range of floats in any case: only the direction counts.
        if square_exponent.abs() > 1 << 12 {
            exponent += square_exponent;
            break;
        }
        if bits & 1 == 1 {
            result *= square;
            exponent += square_exponent;
        }
        square *= square;
        square_exponent *= 2;
        if square < 0.5 {
            square += square;
            square_exponent -= 1;
        }
        bits >>= 1;
    }
    if y < 0.0 {
        result = 1.0 / result;
        exponent = -exponent;
    }
    scale(result, exponent)
}

/// `e` to a power of moderate size: a Taylor series for a sixteenth of what is left after whole
/// powers of two, then four doublings (Shibata 2010).
fn exp(x: f64) -> f64 {
    const LN2_HIGH: f64 = 0.693_147_180_559_662_956_511_601_805_686_950_683_593_75;
    const LN2_LOW: f64 = 0.282_352_905_630_315_771_225_884_481_750_134_360_255e-12;
    const SERIES: [f64; 8] = [
        1.0,
        1.0 / 2.0,
        1.0 / 6.0,
        1.0 / 24.0,
        1.0 / 120.0,
        1.0 / 720.0,
        1.0 / 5040.0,
        1.0 / 40320.0,
    ];
    let k = (std::f64::consts::LOG2_E * x).round_ties_even();
    let rest = k.mul_add(-LN2_LOW, k.mul_add(-LN2_HIGH, x)) * 0.0625;
    let terms = SERIES.iter().rev();
    let series = terms.fold(0.0, |sum: f64, term| sum.mul_add(rest, *term));
    let mut less_one = rest * series;
    for _ in 0..3 {
        less_one *= less_one + 2.0;
    }
    scale(less_one.mul_add(less_one + 2.0, 1.0), k as i32)
}

/// A mantissa from a half up to one, with the sign of the number, and the exponent of two. The
/// number is finite and not zero.
fn split(x: f64) -> (f64, i32) {
    const BIAS: i32 = 1022;
    let exponent = |x: f64| ((x.to_bits() >> 52) & 0x7ff) as i32;
    match exponent(x) {
        0 => {
            let (mantissa, exponent) = split(x * 2f64.powi(64));
            (mantissa, exponent - 64)
        }
        e => (
            f64::from_bits(x.to_bits() & !(0x7ff << 52) | (BIAS as u64) << 52),
            e - BIAS,
        ),
    }
}

/// The number times a power of two, rounded once.
fn scale(mut x: f64, mut exponent: i32) -> f64 {
    while exponent > 1023 && x.is_finite() {
        x *= 2f64.powi(1023);
        exponent -= 1023;
    }
    // Steps that leave the bits below the point where they are until the last one.
    while exponent < -1022 && x != 0.0 {
        x *= 2f64.powi(-969);
        exponent += 969;
    }
    x * 2f64.powi(exponent.clamp(-1022, 1023))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(got: f64, expect: f64) {
        assert_eq!(got.to_bits(), expect.to_bits(), "{got:?}, not {expect:?}");
    }

    #[test]
    fn logarithms() {
        let log = |x, base| ln(x) / ln(base);
        check(log(12912613.0, 3.0), 14.903997809302043);
        check(log(14.0, 4294967296.0), 0.11897984131430014);
        check(log(36e-17, 3.0), -32.368496155776626);
        check(log(28.9305, 18.2293), 1.159097970756371);
        check(ln(0.0), f64::NEG_INFINITY);
        check(ln(1.0), 0.0);
        assert!(ln(-1.0).is_nan());
        assert!((ln(1e-320) + 736.827).abs() < 0.001);
    }

    #[test]
    fn powers() {
        check(pow(9.0, 17.0), 16677181699666568.0);
        check(pow(4240.06489, 12.0), 33765255246584343e27);
        check(pow(3.0, 0.3333), 1.442196755504422);
        check(pow(53.5234, 15.5792), 8.498218853375861e26);
        check(pow(5e10, -8.70953), 6.56144931103085e-94);
        check(pow(9.0, 13.2078), 4012769521280.0293);
        check(pow(-2.0, 3.0), -8.0);
        check(pow(-2.0, 62.0), 4611686018427387904.0);
        check(pow(2.0, -1074.0), 5e-324);
        check(pow(2.0, -1075.0), 0.0);
        check(pow(3.0, -678.0), 3f64.powi(-339) * 3f64.powi(-339));
        check(pow(2.0, 1e15), f64::INFINITY);
        check(pow(0.5, 1e15), 0.0);
        check(pow(0.0, -1.0), f64::INFINITY);
        assert!(pow(-2.0, 0.3).is_nan());
    }
}
