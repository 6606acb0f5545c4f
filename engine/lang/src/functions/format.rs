//! `format` and `formatlist`.

use muster_value::{Number, Type, Value, convert};

use super::limits::check_bytes;
use super::string::{graphemes, text};
use super::{Function, FunctionError, Param, Returns, json};

mod digits;
mod spec;

use spec::{Piece, Verb};

type Result<T = Value> = std::result::Result<T, FunctionError>;

pub(super) static TABLE: &[Function] = &[
    Function::new(
        "format",
        "A string with values put in where it has verbs such as %s and %d.",
        &[Param::string("format")],
        Returns::of(|a| {
            if a.is_empty() {
                Type::Dynamic
            } else {
                Type::String
            }
        }),
        |a, _| {
            if has_bare_null(a) {
                return Ok(Value::unknown(Type::Dynamic));
            }
            if a.iter().any(|v| !v.is_wholly_known()) {
                let before = text(a, 0).split('%').next().unwrap_or_default();
                return Ok(crate::eval::unknown_string(before));
            }
            let values: Vec<&Value> = a[1..].iter().collect();
            format(text(a, 0), &values)
                .map(Value::from)
                .map_err(|e| match e {
                    Wrong::TooMany(used) => FunctionError::argument(used + 1, too_many(used)),
                    Wrong::Other(reason) => reason.into(),
                })
        },
    )
    .more(Param::any("args").null().unknown()),
    Function::new(
        "formatlist",
        "A list of strings, one for each element of the lists among the values.",
        &[Param::string("format")],
        Returns::of(|a| {
            if a.is_empty() {
                Type::Dynamic
            } else {
                Type::list(Type::String)
            }
        }),
        |a, _| format_list(a),
    )
    .more(Param::any("args").null().unknown()),
];

enum Wrong {
    /// More values than the format uses, which are so many.
    TooMany(usize),
    Other(String),
}

impl From<String> for Wrong {
    fn from(reason: String) -> Self {
        Self::Other(reason)
    }
}

fn too_many(used: usize) -> String {
    format!("the format uses only {used} of the values")
}

/// Whether there is a null without a type among the values. Of such a call nothing is ever known.
fn has_bare_null(args: &[Value]) -> bool {
    args[1..]
        .iter()
        .any(|v| matches!(v, Value::Null(Type::Dynamic)))
}

fn format_list(args: &[Value]) -> Result {
    if has_bare_null(args) {
        return Ok(Value::unknown(Type::Dynamic));
    }
    let unknown = || Ok(Value::unknown_not_null(Type::list(Type::String)));
    let mut length: Option<(usize, usize)> = None;
    for (at, arg) in args.iter().enumerate().skip(1) {
        let list = matches!(arg.ty(), Type::List(_) | Type::Set(_) | Type::Tuple(_));
        if !arg.is_known() {
            return unknown();
        }
        let Some(items) = arg.as_slice().filter(|_| list) else {
            continue;
        };
        match length {
            Some((first, n)) if n != items.len() => {
                let reason = format!(
                    "it has {} elements, but argument {} has {n}",
                    items.len(),
                    first + 1
                );
                return Err(FunctionError::argument(at, reason));
            }
            _ => length = Some((at, items.len())),
        }
    }
    let mut lines = Vec::new();
    let mut bytes = 0;
    for row in 0..length.map_or(1, |(_, n)| n) {
        let values: Vec<&Value> = args[1..]
            .iter()
            .map(|v| v.as_slice().map_or(v, |items| &items[row]))
            .collect();
        if values.iter().any(|v| !v.is_wholly_known()) {
            lines.push(Value::unknown_not_null(Type::String));
            continue;
        }
        lines.push(match format(text(args, 0), &values) {
            Ok(line) => {
                bytes += line.len();
                check_bytes(bytes)?;
                Value::from(line)
            }
            Err(Wrong::TooMany(used)) => return Err(too_many(used).into()),
            Err(Wrong::Other(reason)) => return Err(reason.into()),
        });
    }
    Ok(Value::list(Type::String, lines))
}

fn format(format: &str, values: &[&Value]) -> std::result::Result<String, Wrong> {
    let mut out = String::new();
    let mut next = 0;
    let mut used = 0;
    for piece in spec::parse(format)? {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Verb(verb) => {
                let index = verb.argument.unwrap_or(next);
                next = index + 1;
                used = used.max(next);
                let value = values.get(index).ok_or_else(|| {
                    format!(
                        "\"{}\" needs value {}, but there are {}",
                        verb.source,
                        index + 1,
                        values.len()
                    )
                })?;
                check_bytes(out.len().saturating_add(verb.width)).map_err(|e| e.reason)?;
                let part = write(&verb, value).map_err(|e| {
                    format!("value {} does not suit \"{}\": {e}", index + 1, verb.source)
                })?;
                out.push_str(&part);
            }
        }
        check_bytes(out.len()).map_err(|e| e.reason)?;
    }
    if used < values.len() {
        return Err(Wrong::TooMany(used));
    }
    Ok(out)
}

/// One value as its verb wants it.
fn write(verb: &Verb<'_>, value: &Value) -> std::result::Result<String, String> {
    if verb.letter == 'v' {
        return natural(verb, value);
    }
    if value.is_null() {
        return Err("it is null".into());
    }
    let to = |ty: &Type| convert(value, ty).map_err(|e| e.reason);
    match verb.letter {
        't' => Ok(if to(&Type::Bool)?.as_bool() == Some(true) {
            "true"
        } else {
            "false"
        }
        .into()),
        's' | 'q' => {
            let string = to(&Type::String)?;
            Ok(write_text(verb, string.as_str().map_or("", |s| s)))
        }
        _ => {
            let number = to(&Type::Number)?;
            match number.as_number() {
                Some(n) => write_number(verb, n),
                None => Err("a number is required".into()),
            }
        }
    }
}

/// `%v`: the form that suits the type; `%#v`: JSON.
fn natural(verb: &Verb<'_>, value: &Value) -> std::result::Result<String, String> {
    let text = match value {
        Value::String(s) if !verb.sharp => s.to_string(),
        Value::Number(n) if !verb.sharp && n.is_infinite() => n.to_string(),
        Value::Number(n) if !verb.sharp => {
            let sign = if has_minus(n) { "-" } else { "" };
            format!("{sign}{}", digits::float(n, 'g', None)?)
        }
        Value::Bool(b) if !verb.sharp => b.to_string(),
        _ => json::encode(value)?,
    };
    Ok(pad(verb, &text))
}

fn write_text(verb: &Verb<'_>, text: &str) -> String {
    let mut text = text.to_owned();
    if let Some(most) = verb.precision.filter(|p| *p > 0) {
        text = graphemes(&text).into_iter().take(most).collect();
    }
    if verb.letter == 'q' {
        let mut quoted = String::new();
        json::quote(&text, &mut quoted);
        text = quoted;
    }
    pad(verb, &text)
}

fn write_number(verb: &Verb<'_>, number: &Number) -> std::result::Result<String, String> {
    let whole_number = matches!(verb.letter, 'd' | 'x' | 'X' | 'o' | 'b');
    if whole_number && verb.precision == Some(0) && number.is_zero() {
        return Ok(String::new());
    }
    if number.is_infinite() {
        return match number.is_negative() {
            _ if whole_number => Err("it must be whole".into()),
            false if verb.space => Ok(pad_number(verb, " ", "Inf", ' ')),
            negative => Ok(pad_number(
                verb,
                if negative { "-" } else { "+" },
                "Inf",
                ' ',
            )),
        };
    }
    let sign = match () {
        () if number.is_negative() || !whole_number && has_minus(number) => "-",
        () if verb.plus => "+",
        () if verb.space => " ",
        () => "",
    };
    let fill = match whole_number {
        true if verb.minus || verb.precision.is_some() => ' ',
        _ if verb.zero => '0',
        _ => ' ',
    };
    let (prefix, digits) = match verb.letter {
        _ if whole_number => whole(verb, number)?,
        letter => ("", digits::float(number, letter, verb.precision)?),
    };
    Ok(pad_number(verb, &format!("{sign}{prefix}"), &digits, fill))
}

/// What marks the radix, and the digits.
fn whole(verb: &Verb<'_>, number: &Number) -> std::result::Result<(&'static str, String), String> {
    let whole = number.trunc_to_integer().filter(|_| number.is_integer());
    let whole = whole.ok_or("it must be whole")?;
    let magnitude = whole.magnitude();
    let (radix, prefix) = match verb.letter {
        'x' => (16, "0x"),
        'X' => (16, "0X"),
        'o' => (8, "0"),
        'b' => (2, "0b"),
        _ => (10, ""),
    };
    let mut digits = magnitude.to_str_radix(radix);
    if verb.letter == 'X' {
        digits = digits.to_uppercase();
    }
    let least = verb.precision.unwrap_or(0);
    let zeros = "0".repeat(least.saturating_sub(digits.len()));
    let prefix = if verb.sharp { prefix } else { "" };
    Ok((prefix, format!("{zeros}{digits}")))
}

/// Fills a text up to the width, on either side with what the flag `0` says.
fn pad(verb: &Verb<'_>, text: &str) -> String {
    let missing = verb.width.saturating_sub(graphemes(text).len());
    let fill = if verb.zero { "0" } else { " " }.repeat(missing);
    match verb.minus {
        true => format!("{text}{fill}"),
        false => format!("{fill}{text}"),
    }
}

/// A zero may have one as well.
fn has_minus(number: &Number) -> bool {
    number.to_f64().is_sign_negative()
}

/// Fills a number up to the width. On the right there are only spaces, and on the left zeros go
/// behind the sign.
fn pad_number(verb: &Verb<'_>, sign: &str, digits: &str, fill: char) -> String {
    let missing = verb.width.saturating_sub(sign.len() + digits.len());
    let filling = String::from(fill).repeat(missing);
    match fill {
        '0' => format!("{sign}{filling}{digits}"),
        _ if verb.minus => format!("{sign}{digits}{filling}"),
        _ => format!("{filling}{sign}{digits}"),
    }
}
