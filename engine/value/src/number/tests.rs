use super::*;

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
