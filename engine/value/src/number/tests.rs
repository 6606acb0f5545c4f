use super::*;
use crate::testing::Random;

fn n(text: &str) -> Number {
    Number::parse(text).unwrap()
}

fn check(result: Result<Number, NumberError>, expect: &str) {
    let text = match result {
        Ok(n) => n.to_string(),
        Err(e) => format!("error: {e}"),
    };
    assert_eq!(text, expect);
}

#[test]
fn parses_and_prints() {
    for text in [
        "0",
        "-0",
        "1",
        "-1",
        "0.5",
        "9223372036854775808",
        "-9223372036854775808",
    ] {
        check(Number::parse(text), text);
    }
    check(Number::parse("1e3"), "1000");
    check(Number::parse("1p3"), "8");
    check(Number::parse(".5"), "0.5");
    check(Number::parse("5."), "5");
    check(Number::parse("+5"), "5");
    check(Number::parse("017"), "17");
    check(Number::parse("-inf"), "-Inf");
    check(Number::parse("1e-30"), "0.000000000000000000000000000001");
    check(Number::parse("1e400"), &format!("1{}", "0".repeat(400)));
    check(Number::parse("1e-400"), &format!("0.{}1", "0".repeat(399)));
}

#[test]
fn agrees_with_recorded_results() {
    for line in include_str!("recorded.txt").lines() {
        let parts: Vec<&str> = line.split(' ').collect();
        let [a, op, b, expect] = parts[..] else {
            panic!("a recorded case has four parts: {line}");
        };
        let (a, b) = (n(a), n(b));
        let result = match op {
            "+" => a.add(&b),
            "-" => a.sub(&b),
            "*" => a.mul(&b),
            "/" => a.div(&b),
            "%" => a.rem(&b),
            "floor" => Ok(a.floor()),
            "ceil" => Ok(a.ceil()),
            _ => panic!("unknown operation {op}"),
        };
        let text = result.map_or_else(|e| e.0, |n| n.to_string());
        assert_eq!(text, expect, "{line}");
    }
}

#[test]
fn refuses_what_is_no_number() {
    for text in [
        "", " 1", "1 ", "x", "NaN", "0x10", "1_000", "1e", "e1", ".", "-", "+-1", "1e+-1", "1.2.3",
        "--1", "१", "1e1.5", "infinity",
    ] {
        assert!(Number::parse(text).is_err(), "{text}");
    }
}

#[test]
fn huge_exponents_are_refused_at_once() {
    for text in [
        "1e999999999",
        "1e-999999999",
        "1p999999999",
        "1e99999999999999999999",
        "1e20001",
    ] {
        check(
            Number::parse(text),
            "error: the number is too large or too small",
        );
    }
    let large = n("1e17000");
    assert!(large.mul(&large).is_err());
    assert!(n("1e-17000").div(&large).is_err());
    check(Ok(n("1e17000")), &format!("1{}", "0".repeat(17_000)));
    check(Ok(n("-1e-17000")), &format!("-0.{}1", "0".repeat(16_999)));
    assert!(n(&"9".repeat(15_000)).is_integer());
    assert!(Number::parse(&"9".repeat(5_000_000)).is_err());
}

#[test]
fn precision_follows_the_origin() {
    let one = Number::from(1i64);
    check(one.div(&Number::from(3i64)), "0.33333333333333333334");
    check(Number::from_f64(2f64.powi(64)), "18446744073709550000");
    let power = Number::from_f64(2f64.powi(64)).unwrap();
    check(power.add(&n("0")), "18446744073709551616");
    let power = Number::from_f64(2f64.powi(60)).unwrap();
    check(power.mul(&Number::from(3i64)), "3458764513820540928");
    check(one.mul(&n("0.1")), "0.1");
    let three = Number::from(3i64);
    let rounded = n("7.5").floor().div(&three).map(|n| n.to_string().len());
    assert_eq!(rounded, Ok(156));
    let root = Number::from_f64(50f64.sqrt()).unwrap();
    check(
        root.ceil().div(&Number::from_f64(3.0).unwrap()),
        "2.6666666666666665",
    );
    let half = one.div(&Number::from(2i64)).unwrap();
    check(half.ceil().div(&three), "0.33333333333333333334");
    check(Number::from_f64(0.1), "0.1");
    check(Ok(Number::from(u64::MAX)), "18446744073709551615");
}

#[test]
fn infinities_and_zeros() {
    let (inf, minus) = (Number::infinity(false), Number::infinity(true));
    check(n("1").div(&n("0")), "+Inf");
    check(n("-1").div(&n("0")), "-Inf");
    check(n("1").div(&n("-0")), "-Inf");
    check(n("0").div(&n("-5")), "-0");
    check(n("0").mul(&n("-5")), "-0");
    check(n("-0").add(&n("0")), "0");
    check(n("-0").add(&n("-0")), "-0");
    check(Ok(n("-0.5").ceil()), "0");
    check(Ok(n("-0").floor()), "0");
    check(n("5").rem(&n("0")), "5");
    check(inf.rem(&n("0")), "+Inf");
    let power = Number::from_f64(2f64.powi(54)).unwrap();
    check(power.rem(&n("3")), "0");
    check(n("18014398509481984").rem(&n("3")), "1");
    check(n("-0").rem(&n("3")), "-0");
    check(n("-0").rem(&n("-1")), "0");
    check(n("-5").rem(&n("3")), "-2");
    check(inf.add(&n("1")), "+Inf");
    for undefined in [
        inf.sub(&inf),
        inf.add(&minus),
        inf.mul(&n("0")),
        inf.div(&minus),
        n("0").div(&n("0")),
        n("5").rem(&inf),
        inf.rem(&n("5")),
        Number::from_f64(f64::NAN),
    ] {
        assert!(undefined.is_err());
    }
    assert!(minus < n("-1e4000") && n("1e4000") < inf);
}

#[test]
fn order_equality_and_hash_agree() {
    let sorted = [
        "-Inf",
        "-1e30",
        "-9223372036854775808",
        "-1.5",
        "-1",
        "-1e-30",
        "0",
        "1e-400",
        "0.1",
        "0.5",
        "1",
        "9223372036854775807",
        "9223372036854775808",
        "1e300",
        "Inf",
    ];
    for (i, a) in sorted.iter().enumerate() {
        for (j, b) in sorted.iter().enumerate() {
            assert_eq!(n(a).cmp(&n(b)), i.cmp(&j), "{a} {b}");
        }
    }
    let hash = |n: &Number| {
        let mut hasher = std::hash::DefaultHasher::new();
        n.hash(&mut hasher);
        hasher.finish()
    };
    let pairs = [
        ("0", "-0"),
        ("1", "1.000"),
        ("100", "1e2"),
        ("0.5", "5e-1"),
        ("1e30", "10e29"),
    ];
    for (a, b) in pairs {
        assert_eq!(n(a), n(b));
        assert_eq!(hash(&n(a)), hash(&n(b)));
    }
    let half = Number::from_f64(0.5).unwrap();
    assert_eq!((&half, hash(&half)), (&n("0.5"), hash(&n("0.5"))));
}

#[test]
fn floats_survive() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let special = [
        0.0,
        -0.0,
        5e-324,
        f64::MIN_POSITIVE,
        f64::MAX,
        f64::INFINITY,
        1e15,
        -2.5,
    ];
    let random = (0..3000).map(|_| f64::from_bits(random.bits()));
    for f in special.into_iter().chain(random).filter(|f| !f.is_nan()) {
        let number = Number::from_f64(f).unwrap();
        assert_eq!(number.to_f64().to_bits(), f.to_bits(), "{f}");
    }
}

#[test]
fn nearest_float_is_the_one_the_standard_library_reads() {
    let mut random = Random(0x1234_5678_9abc_def1);
    for _ in 0..3000 {
        let exponent = i64::try_from(random.bits() % 680).unwrap() - 350;
        let text = format!("{}.{}e{exponent}", random.bits(), random.bits());
        let expect: f64 = text.parse().unwrap();
        assert_eq!(n(&text).to_f64(), expect, "{text}");
    }
}

#[test]
fn printed_numbers_read_back() {
    let mut random = Random(42);
    for _ in 0..500 {
        let exponent = i64::try_from(random.bits() % 300).unwrap() - 150;
        let a = n(&format!("{}e{exponent}", random.bits()));
        let b = n(&format!("-{}.{}", random.bits(), random.bits()));
        for result in [a.add(&b), a.sub(&b), a.mul(&b), a.div(&b), a.rem(&b)] {
            let number = result.unwrap();
            assert_eq!(n(&number.to_string()), number);
        }
    }
}

/// With twenty thousand digits behind the point, and a few more.
#[test]
fn least_numbers_read_back() {
    for text in ["3p-66560", "-5p-66000", "1e-19880"] {
        let number = n(text);
        assert_eq!(n(&number.to_string()), number, "{text}");
        check(Number::parse(&number.to_string()), &number.to_string());
    }
}

#[test]
fn whole_numbers_convert() {
    assert_eq!(n("5.0").to_i64(), Some(5));
    assert_eq!(n("5.5").to_i64(), None);
    assert_eq!(n("-1").to_u64(), None);
    assert_eq!(n("18446744073709551615").to_u64(), Some(u64::MAX));
    assert_eq!(n("18446744073709551616").to_u64(), None);
    assert_eq!(n("-9223372036854775808").to_i64(), Some(i64::MIN));
    assert_eq!(n("-9223372036854775808").neg().to_i64(), None);
    assert_eq!(n("9223372036854775808").neg().to_i64(), Some(i64::MIN));
    let whole = n("-12345678901234567890.75").trunc_to_integer().unwrap();
    assert_eq!(whole.to_string(), "-12345678901234567890");
    check(Number::from_integer(&whole), "-12345678901234567890");
}
