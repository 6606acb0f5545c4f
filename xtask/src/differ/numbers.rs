//! Random operations on numbers.

use super::random::Random;
use super::tree::{Tree, leaf, text};

/// An expression of numbers.
pub(crate) fn generate(random: &mut Random) -> Tree {
    match random.below(10) {
        0 => list(random),
        1 | 2 => shown(random),
        3 => read(random),
        4 => compared(random),
        _ => number(random, 3),
    }
}

fn number(random: &mut Random, depth: usize) -> Tree {
    if depth == 0 || random.chance(15) {
        return literal(random);
    }
    let next = depth - 1;
    match random.below(12) {
        0..=6 => {
            let op = random.pick(&[" + ", " - ", " * ", " / ", " % "]);
            let left = number(random, next);
            Tree::Expr(vec![
                text("("),
                left,
                text(op),
                number(random, next),
                text(")"),
            ])
        }
        7 => Tree::Expr(vec![text("-"), number(random, next)]),
        8 => call(
            random.pick(&["pow", "log"]),
            vec![number(random, next), number(random, 0)],
        ),
        9 => call(
            random.pick(&["min", "max"]),
            vec![number(random, next), number(random, next)],
        ),
        10 => call(random.pick(&["ceil", "floor"]), vec![number(random, next)]),
        _ => call(random.pick(&["abs", "signum"]), vec![number(random, next)]),
    }
}

/// A call of a function.
pub(crate) fn call(name: &str, args: Vec<Tree>) -> Tree {
    Tree::Expr(vec![
        text(format!("{name}(")),
        Tree::Items(args, ", "),
        text(")"),
    ])
}

fn list(random: &mut Random) -> Tree {
    let count = 1 + random.below(4);
    let items = (0..count).map(|_| number(random, 1)).collect();
    let items = Tree::Expr(vec![text("["), Tree::Items(items, ", "), text("]")]);
    let name = random.pick(&[
        "sum",
        "sort",
        "distinct",
        "toset",
        "jsonencode",
        "yamlencode",
    ]);
    call(name, vec![items])
}

/// A number as a text.
fn shown(random: &mut Random) -> Tree {
    let value = number(random, 2);
    match random.below(6) {
        0 => call("tostring", vec![value]),
        1 => call("jsonencode", vec![value]),
        2 => Tree::Expr(vec![text("\"<${"), value, text("}>\"")]),
        _ => call("format", vec![verb(random), value]),
    }
}

/// A format string with one verb.
pub(crate) fn verb(random: &mut Random) -> Tree {
    let mut flags = String::new();
    for flag in ["-", "+", "0", " ", "#"] {
        if random.chance(20) {
            flags.push_str(flag);
        }
    }
    let width = random.pick(&["", "", "", "1", "8", "20", "0"]);
    let precision = random.pick(&["", "", "", ".", ".0", ".1", ".3", ".17", ".40"]);
    let verb = random.pick(&[
        "d", "d", "d", "b", "o", "x", "X", "e", "E", "f", "F", "g", "G", "s", "q", "v", "#v", "t",
        "c",
    ]);
    leaf(format!("\"%{flags}{width}{precision}{verb}\""))
}

/// A text as a number.
fn read(random: &mut Random) -> Tree {
    let digits = match random.below(8) {
        0 => "".into(),
        1 => random
            .pick(&[
                "zz", "-7f", "+5", "0x1f", "1_000", " 1", "1 ", "ÿ", "-0", "Az9",
            ])
            .into(),
        2 => random
            .pick(&[
                "1.", ".5", "1e5", "1E+5", "-1e-5", "Inf", "-inf", "NaN", "0b11", "1p4", "0x1p-2",
            ])
            .into(),
        _ => plain(random),
    };
    let value = leaf(format!("\"{digits}\""));
    match random.below(3) {
        0 => call("tonumber", vec![value]),
        1 => Tree::Expr(vec![value, text(" * 1")]),
        _ => {
            let base = random.pick(&["2", "8", "10", "16", "36", "37", "62", "63", "1", "0"]);
            call("parseint", vec![value, leaf(base)])
        }
    }
}

fn compared(random: &mut Random) -> Tree {
    let op = random.pick(&[" == ", " != ", " < ", " <= ", " > ", " >= "]);
    let left = number(random, 2);
    Tree::Expr(vec![left, text(op), number(random, 2)])
}

/// A number as it may be written, small ones more often than others.
pub(crate) fn literal(random: &mut Random) -> Tree {
    leaf(plain(random))
}

fn plain(random: &mut Random) -> String {
    const NOTABLE: [&str; 20] = [
        "0",
        "1",
        "2",
        "3",
        "10",
        "0.1",
        "0.2",
        "0.5",
        "1.5",
        "2.5",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551616",
        "4294967296",
        "0.30000000000000004",
        "1e308",
        "1e-320",
        "123456789.123456789",
        "1e21",
    ];
    match random.below(8) {
        0..=2 => random.below(20).to_string(),
        3 | 4 => random.pick(&NOTABLE).to_owned(),
        5 => digits(random, 30),
        6 => format!("{}.{}", digits(random, 20), digits(random, 30)),
        _ => {
            let mantissa = match random.chance(50) {
                true => digits(random, 5),
                false => format!("{}.{}", digits(random, 3), digits(random, 20)),
            };
            let e = random.pick(&["e", "E"]);
            let sign = random.pick(&["", "+", "-"]);
            let exponent = match random.below(4) {
                0 => random.below(5),
                1 => random.below(30),
                2 => random.below(330),
                _ => random.below(60),
            };
            format!("{mantissa}{e}{sign}{exponent}")
        }
    }
}

/// Up to so many digits.
fn digits(random: &mut Random, most: usize) -> String {
    let count = 1 + random.below(most);
    let digit = |_| char::from(b'0' + u8::try_from(random.below(10)).unwrap_or(0));
    (0..count).map(digit).collect()
}
