//! Numbers.

use muster_value::{Number, Type, Value, convert};
use num_bigint::{BigInt, Sign};

use super::{Function, FunctionError, Param, Returns, float};

pub(super) static TABLE: &[Function] = &[
    Function::new(
        "abs",
        "The number without its sign.",
        &[Param::number("num")],
        Returns::NUMBER,
        |a, _| {
            let n = number(a, 0)?;
            // A zero may have a sign as well.
            let minus = n.to_f64().is_sign_negative();
            Ok(Value::Number(if minus { n.neg() } else { n.clone() }))
        },
    ),
    Function::new(
        "ceil",
        "The nearest whole number that is not below the given one.",
        &[Param::number("num")],
        Returns::NUMBER,
        |a, _| Ok(Value::Number(number(a, 0)?.ceil())),
    ),
    Function::new(
        "floor",
        "The nearest whole number that is not above the given one.",
        &[Param::number("num")],
        Returns::NUMBER,
        |a, _| Ok(Value::Number(number(a, 0)?.floor())),
    ),
    Function::new(
        "log",
        "The logarithm of a number to a base.",
        &[Param::number("num"), Param::number("base")],
        Returns::NUMBER,
        |a, _| {
            let (num, base) = (machine_float(a, 0)?, machine_float(a, 1)?);
            finite(float::ln(num) / float::ln(base))
        },
    ),
    Function::new(
        "max",
        "The greatest of the numbers.",
        &[],
        Returns::NUMBER,
        |a, _| extreme(a, |candidate, best| candidate > best),
    )
    .more(Param::number("numbers")),
    Function::new(
        "min",
        "The smallest of the numbers.",
        &[],
        Returns::NUMBER,
        |a, _| extreme(a, |candidate, best| candidate < best),
    )
    .more(Param::number("numbers")),
    Function::new(
        "parseint",
        "The whole number that a string writes in a base from 2 to 62.",
        &[Param::any("number"), Param::number("base")],
        Returns::of(|args| {
            if args.is_empty() {
                Type::Dynamic
            } else {
                Type::Number
            }
        }),
        |a, _| parse_int(a),
    )
    .checked(|a| match a[0].ty() {
        Type::String => Ok(()),
        _ => Err(FunctionError::argument(0, "a string is required")),
    }),
    Function::new(
        "pow",
        "A number raised to a power.",
        &[Param::number("num"), Param::number("power")],
        Returns::NUMBER,
        |a, _| finite(float::pow(machine_float(a, 0)?, machine_float(a, 1)?)),
    ),
    Function::new(
        "signum",
        "The sign of a whole number: -1, 0 or 1.",
        &[Param::number("num")],
        Returns::NUMBER,
        |a, _| Ok(Value::int(whole(a, 0)?.signum())),
    ),
    Function::new(
        "sum",
        "The sum of a list, set or tuple of numbers.",
        &[Param::any("list")],
        Returns::of(|args| {
            if args.is_empty() {
                Type::Dynamic
            } else {
                Type::Number
            }
        }),
        |a, _| sum(a),
    )
    // Elements are looked at when all of them are known.
    .checked(|a| match a[0].is_known() && a[0].as_slice().is_none() {
        true => Err(FunctionError::argument(
            0,
            "a list, set or tuple of numbers is required",
        )),
        false => Ok(()),
    }),
    Function::new(
        "range",
        "Numbers from a start to a limit, which is left out, by a step.",
        &[],
        Returns::of(|_| Type::list(Type::Number)),
        |a, _| range(a),
    )
    .more(Param::number("params")),
];

/// A number argument.
pub(super) fn number(args: &[Value], at: usize) -> Result<&Number, FunctionError> {
    args[at]
        .as_number()
        .ok_or_else(|| FunctionError::argument(at, "a number is required"))
}

/// An argument that is a whole number of machine size.
pub(super) fn whole(args: &[Value], at: usize) -> Result<i64, FunctionError> {
    let n = number(args, at)?;
    n.to_i64()
        .ok_or_else(|| format!("{n} is not a whole number of 64 bits").into())
}

/// An argument as a machine float, infinite only if it is infinite itself.
fn machine_float(args: &[Value], at: usize) -> Result<f64, FunctionError> {
    let n = number(args, at)?;
    let float = n.to_f64();
    match float.is_infinite() && !n.is_infinite() {
        true => Err(format!("argument {} is out of the range of floats", at + 1).into()),
        false => Ok(float),
    }
}

fn finite(result: f64) -> Result<Value, FunctionError> {
    Number::from_f64(result)
        .map(Value::Number)
        .map_err(|e| e.to_string().into())
}

fn extreme(args: &[Value], better: fn(&Number, &Number) -> bool) -> Result<Value, FunctionError> {
    if args.is_empty() {
        return Err("at least one number is needed".into());
    }
    let mut best = 0;
    for at in 1..args.len() {
        if better(number(args, at)?, number(args, best)?) {
            best = at;
        }
    }
    Ok(args[best].clone())
}

/// No number has more digits, not even in base 2.
const MOST_DIGITS: usize = 1 << 16;

fn parse_int(args: &[Value]) -> Result<Value, FunctionError> {
    let Some(text) = args[0].as_str() else {
        return Err(FunctionError::argument(0, "a string is required"));
    };
    let base = whole(args, 1).map_err(|e| FunctionError::argument(1, e.reason))?;
    let base = u32::try_from(base).ok().filter(|b| (2..=62).contains(b));
    let Some(base) = base else {
        return Err(FunctionError::argument(1, "the base must be from 2 to 62"));
    };
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.trim_start_matches('0').len() > MOST_DIGITS {
        return Err(FunctionError::argument(0, "the number is too large"));
    }
    let parsed = digits
        .chars()
        .map(|c| digit(c, base))
        .collect::<Option<Vec<u8>>>()
        .filter(|d| !d.is_empty())
        .and_then(|d| BigInt::from_radix_be(Sign::Plus, &d, base));
    let Some(n) = parsed else {
        let reason = format!("\"{text}\" is not a whole number in base {base}");
        return Err(FunctionError::argument(0, reason));
    };
    let n = if text.starts_with('-') { -n } else { n };
    Number::from_integer(&n)
        .map(Value::Number)
        .map_err(|e| FunctionError::argument(0, e.to_string()))
}

fn digit(c: char, base: u32) -> Option<u8> {
    let value = match c {
        '0'..='9' => c as u32 - '0' as u32,
        'a'..='z' => c as u32 - 'a' as u32 + 10,
        'A'..='Z' if base <= 36 => c as u32 - 'A' as u32 + 10,
        'A'..='Z' => c as u32 - 'A' as u32 + 36,
        _ => return None,
    };
    (value < base).then_some(value as u8)
}

fn sum(args: &[Value]) -> Result<Value, FunctionError> {
    let Some(items) = args[0].as_slice() else {
        return Err(FunctionError::argument(
            0,
            "a list, set or tuple of numbers is required",
        ));
    };
    if items.is_empty() {
        return Err(FunctionError::argument(0, "there is nothing to add up"));
    }
    let mut total: Option<Number> = None;
    for item in items {
        let bad = || FunctionError::argument(0, "all elements must be numbers");
        if item.is_null() {
            return Err(bad());
        }
        let item = convert(item, &Type::Number).map_err(|_| bad())?;
        let n = item.as_number().ok_or_else(bad)?;
        total = Some(match total {
            None => n.clone(),
            Some(t) => t.add(n).map_err(|e| e.to_string())?,
        });
    }
    Ok(total.map_or(Value::int(0), Value::Number))
}

/// How many numbers `range` gives at most.
const MOST: usize = 1024;

fn range(args: &[Value]) -> Result<Value, FunctionError> {
    let zero = Number::from(0i64);
    let one = Number::from(1i64);
    let (start, limit, step) = match args.len() {
        1 => (zero.clone(), number(args, 0)?.clone(), None),
        2 => (number(args, 0)?.clone(), number(args, 1)?.clone(), None),
        3 => (
            number(args, 0)?.clone(),
            number(args, 1)?.clone(),
            Some(number(args, 2)?.clone()),
        ),
        n => return Err(format!("it takes one, two or three numbers, not {n}").into()),
    };
    let down = limit < start;
    let step = step.unwrap_or_else(|| if down { one.neg() } else { one });
    if limit == start {
        return Ok(Value::list(Type::Number, Vec::new()));
    }
    if step.is_zero() {
        return Err("the step must not be zero".into());
    }
    if step.is_negative() != down {
        let way = if down { "negative" } else { "positive" };
        return Err(FunctionError::argument(
            2,
            format!("the step must be {way} to reach the limit"),
        ));
    }
    let mut items = Vec::new();
    let mut at = start;
    while if down { at > limit } else { at < limit } {
        if items.len() >= MOST {
            return Err(format!("the range has more than {MOST} numbers").into());
        }
        items.push(Value::Number(at.clone()));
        at = at.add(&step).map_err(|e| e.to_string())?;
    }
    Ok(Value::list(Type::Number, items))
}
