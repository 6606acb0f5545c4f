//! Arithmetic on two numbers.
#![no_main]

use std::hash::{DefaultHasher, Hash, Hasher};

use libfuzzer_sys::fuzz_target;
use muster_value::Number;

/// A number from the first bytes, and what is left: an integer, a float, or text up to a space.
fn number(data: &[u8]) -> Option<(Number, &[u8])> {
    let (kind, rest) = data.split_first()?;
    let word = || rest.split_first_chunk::<8>();
    match kind {
        b'i' => word().map(|(n, rest)| (Number::from(i64::from_le_bytes(*n)), rest)),
        b'u' => word().map(|(n, rest)| (Number::from(u64::from_le_bytes(*n)), rest)),
        b'f' => {
            let (n, rest) = word()?;
            Some((Number::from_f64(f64::from_le_bytes(*n)).ok()?, rest))
        }
        _ => {
            let end = data.iter().position(|b| *b == b' ').unwrap_or(data.len());
            let text = std::str::from_utf8(&data[..end]).ok()?;
            let n = Number::parse(text).ok()?;
            // What is parsed prints to a text that reads back as the same number, but for powers
            // of two, of which the shortest text may be nearer to the number below.
            let again = Number::parse(&n.to_string()).expect("what is printed can be read");
            if let Ok(difference) = again.sub(&n) {
                assert!(n.is_infinite() || is_small(&difference, &n), "{text}");
            }
            Some((n, data.get(end + 1..).unwrap_or_default()))
        }
    }
}

/// Whether a difference is at most the last bit of a number of 512.
fn is_small(difference: &Number, of: &Number) -> bool {
    let size = |n: &Number| if n.is_negative() { n.neg() } else { n.clone() };
    let last = Number::parse("1p-512").and_then(|bit| size(of).mul(&bit));
    last.is_ok_and(|last| size(difference) <= last) || difference.is_zero()
}

fn hash(n: &Number) -> u64 {
    let mut hasher = DefaultHasher::new();
    n.hash(&mut hasher);
    hasher.finish()
}

/// What holds for one number.
fn check_one(n: &Number) {
    let text = n.to_string();
    let again = Number::parse(&text).expect("what is printed can be read");
    assert_eq!(again.to_string(), text);
    assert_eq!(n.neg().neg(), *n);
    assert_eq!(n.is_negative(), *n < n.neg());
    assert!(n.floor() <= *n && *n <= n.ceil());
    assert_eq!(n.is_integer(), !n.is_infinite() && n.floor() == *n);
    if let Some(whole) = n.to_i64() {
        assert_eq!(Number::from(whole), *n);
        assert_eq!(hash(&Number::from(whole)), hash(n));
    }
    if let Some(whole) = n.to_u64() {
        assert_eq!(Number::from(whole), *n);
    }
    if let Some(whole) = n.trunc_to_integer() {
        let whole = Number::from_integer(&whole).expect("no larger than the number");
        let expected = if n.is_negative() { n.ceil() } else { n.floor() };
        assert_eq!(whole, expected);
    }
    let float = Number::from_f64(n.to_f64()).expect("never NaN");
    assert_eq!(Number::from_f64(float.to_f64()), Ok(float));
}

/// What holds for two.
fn check_two(a: &Number, b: &Number) {
    assert_eq!(a.cmp(b), b.cmp(a).reverse());
    assert_eq!(a == b, a.cmp(b).is_eq());
    if a == b {
        assert_eq!(hash(a), hash(b));
    }
    assert_eq!(a.add(b), b.add(a));
    assert_eq!(a.mul(b), b.mul(a));
    let difference = a.sub(b);
    assert_eq!(difference, b.sub(a).map(|d| d.neg()));
    assert_eq!(difference, a.add(&b.neg()));
    if let Ok(difference) = difference.filter_finite() {
        // Rounding never turns the order around.
        assert!(!difference.is_negative() || a < b);
        assert!(difference.is_negative() || difference.is_zero() || a > b);
    }
    // Other remainders come from a rounded quotient and may be off by a little to either side,
    // those of numbers with the 53 bits of a float even where they are integers.
    if let (Some(x), Some(y)) = (a.to_i64(), b.to_i64())
        && let Some(rest) = x.checked_rem(y)
    {
        let (x, y) = (Number::from(x), Number::from(y));
        assert_eq!(x.rem(&y), Ok(Number::from(rest)));
    }
    for result in [a.add(b), a.sub(b), a.mul(b), a.div(b), a.rem(b)] {
        // Printing thousands of digits takes long, and the inputs have that already.
        let short = |n: &&Number| n.to_f64().is_normal() || n.is_zero() || n.is_infinite();
        result.iter().filter(short).for_each(check_one);
    }
}

trait FilterFinite {
    fn filter_finite(self) -> Result<Number, ()>;
}

impl<E> FilterFinite for Result<Number, E> {
    fn filter_finite(self) -> Result<Number, ()> {
        self.ok().filter(|n| !n.is_infinite()).ok_or(())
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((a, rest)) = number(data) else {
        return;
    };
    check_one(&a);
    if let Some((b, _)) = number(rest) {
        check_one(&b);
        check_two(&a, &b);
    }
});
