//! Strings.

use muster_value::{Str, Type, Value};
use unicode_segmentation::UnicodeSegmentation;

use super::collection::items;
use super::limits::check_bytes;
use super::numeric::whole;
use super::{Function, FunctionError, Param, Returns};

type Result<T = Value> = std::result::Result<T, FunctionError>;

pub(super) static TABLE: &[Function] = &[
    Function::new(
        "chomp",
        "A string without the line breaks at its end.",
        &[Param::string("str")],
        Returns::STRING,
        |a, _| Ok(text(a, 0).trim_end_matches(['\r', '\n']).into()),
    ),
    Function::new(
        "endswith",
        "Whether a string ends with another.",
        &[Param::string("str"), Param::string("suffix")],
        Returns::BOOL,
        |a, _| Ok(Value::Bool(text(a, 0).ends_with(text(a, 1)))),
    ),
    Function::new(
        "indent",
        "A string in which all lines but the first are indented.",
        &[Param::number("spaces"), Param::string("str")],
        Returns::STRING,
        |a, _| indent(a),
    ),
    Function::new(
        "join",
        "The strings of one or more lists, with a separator between them.",
        &[Param::string("separator")],
        Returns::STRING,
        |a, _| join(a),
    )
    .more(Param::strings("lists")),
    Function::new(
        "lower",
        "A string in lower case.",
        &[Param::string("str")],
        Returns::STRING,
        |a, _| Ok(text(a, 0).chars().map(lower).collect::<String>().into()),
    ),
    Function::new(
        "split",
        "The parts of a string between separators.",
        &[Param::string("separator"), Param::string("str")],
        Returns::STRINGS,
        |a, _| Ok(split(text(a, 0), text(a, 1))),
    ),
    Function::new(
        "startswith",
        "Whether a string starts with another.",
        &[
            Param::string("str").unknown(),
            Param::string("prefix").unknown(),
        ],
        Returns::BOOL,
        |a, _| Ok(starts_with(&a[0], &a[1])),
    ),
    Function::new(
        "strcontains",
        "Whether a string has another as a part.",
        &[Param::string("str"), Param::string("substr")],
        Returns::BOOL,
        |a, _| Ok(Value::Bool(text(a, 0).contains(text(a, 1)))),
    ),
    Function::new(
        "strrev",
        "A string backwards.",
        &[Param::string("str")],
        Returns::STRING,
        |a, _| {
            Ok(graphemes(text(a, 0))
                .into_iter()
                .rev()
                .collect::<String>()
                .into())
        },
    ),
    Function::new(
        "substr",
        "Characters of a string from an offset on, as many as given; all of the rest for -1.",
        &[
            Param::string("str"),
            Param::number("offset"),
            Param::number("length"),
        ],
        Returns::STRING,
        |a, _| substr(a),
    ),
    Function::new(
        "title",
        "A string in which each word starts with a capital.",
        &[Param::string("str")],
        Returns::STRING,
        |a, _| Ok(title(text(a, 0)).into()),
    ),
    Function::new(
        "trim",
        "A string without the given characters at both ends.",
        &[Param::string("str"), Param::string("cutset")],
        Returns::STRING,
        |a, _| Ok(text(a, 0).trim_matches(|c| text(a, 1).contains(c)).into()),
    ),
    Function::new(
        "trimprefix",
        "A string without the given start, if it has it.",
        &[Param::string("str"), Param::string("prefix")],
        Returns::STRING,
        |a, _| {
            Ok(text(a, 0)
                .strip_prefix(text(a, 1))
                .unwrap_or(text(a, 0))
                .into())
        },
    ),
    Function::new(
        "trimspace",
        "A string without white space at both ends.",
        &[Param::string("str")],
        Returns::STRING,
        |a, _| Ok(text(a, 0).trim().into()),
    ),
    Function::new(
        "trimsuffix",
        "A string without the given end, if it has it.",
        &[Param::string("str"), Param::string("suffix")],
        Returns::STRING,
        |a, _| {
            Ok(text(a, 0)
                .strip_suffix(text(a, 1))
                .unwrap_or(text(a, 0))
                .into())
        },
    ),
    Function::new(
        "upper",
        "A string in upper case.",
        &[Param::string("str")],
        Returns::STRING,
        |a, _| Ok(text(a, 0).chars().map(upper).collect::<String>().into()),
    ),
];

/// A string argument.
pub(super) fn text(args: &[Value], at: usize) -> &str {
    args[at].as_str().map_or("", |s| s)
}

/// The characters as people see them. Indic consonants that a virama joins count one by one, as
/// they did before Unicode 15.1: `length` must not depend on the edition of the tables.
pub(super) fn graphemes(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for cluster in text.graphemes(true) {
        let mut start = 0;
        for (at, c) in cluster.char_indices().skip(1) {
            if is_linking_consonant(c) {
                found.push(&cluster[start..at]);
                start = at;
            }
        }
        found.push(&cluster[start..]);
    }
    found
}

fn is_linking_consonant(c: char) -> bool {
    matches!(c,
        '\u{915}'..='\u{939}' | '\u{958}'..='\u{95f}' | '\u{978}'..='\u{97f}'
        | '\u{995}'..='\u{9b9}' | '\u{9dc}'..='\u{9df}' | '\u{9f0}'..='\u{9f1}'
        | '\u{a95}'..='\u{ab9}' | '\u{af9}'
        | '\u{b15}'..='\u{b39}' | '\u{b5c}'..='\u{b5f}' | '\u{b71}'
        | '\u{c15}'..='\u{c39}' | '\u{c58}'..='\u{c5a}'
        | '\u{d15}'..='\u{d3a}')
}

fn indent(args: &[Value]) -> Result {
    let Ok(spaces) = usize::try_from(whole(args, 0)?) else {
        return Err("the number of spaces must not be negative".into());
    };
    let text = text(args, 1);
    let breaks = text.matches('\n').count();
    if breaks == 0 {
        return Ok(args[1].clone());
    }
    check_bytes(text.len().saturating_add(breaks.saturating_mul(spaces)))?;
    Ok(text
        .replace('\n', &format!("\n{}", " ".repeat(spaces)))
        .into())
}

fn join(args: &[Value]) -> Result {
    if args.len() < 2 {
        return Err("at least one list is needed".into());
    }
    let mut parts: Vec<&str> = Vec::new();
    for (at, list) in args.iter().enumerate().skip(1) {
        for item in items(list, at)? {
            let part = item
                .as_str()
                .ok_or_else(|| FunctionError::argument(at, "an element of the list is null"))?;
            parts.push(part);
        }
    }
    let separator = text(args, 0);
    let between = separator.len().saturating_mul(parts.len());
    check_bytes(between + parts.iter().map(|p| p.len()).sum::<usize>())?;
    Ok(parts.join(separator).into())
}

fn split(separator: &str, text: &str) -> Value {
    let parts: Vec<Value> = match separator {
        "" => text.chars().map(|c| Value::from(c.to_string())).collect(),
        _ => text.split(separator).map(Value::from).collect(),
    };
    Value::list(Type::String, parts)
}

fn starts_with(value: &Value, prefix: &Value) -> Value {
    let undecided = || Value::unknown_not_null(Type::Bool);
    let Some(prefix) = prefix.as_str() else {
        return undecided();
    };
    match value {
        Value::String(s) => Value::Bool(s.starts_with(&**prefix)),
        Value::Unknown(u) => match &u.refinement.prefix {
            Some(known) if known.starts_with(&**prefix) => Value::Bool(true),
            Some(known) if !prefix.starts_with(&**known) => Value::Bool(false),
            _ => undecided(),
        },
        _ => undecided(),
    }
}

fn substr(args: &[Value]) -> Result {
    let graphemes = graphemes(text(args, 0));
    let count = graphemes.len() as i64;
    let (offset, length) = (whole(args, 1)?, whole(args, 2)?);
    let start = if offset < 0 {
        offset.saturating_add(count)
    } else {
        offset
    };
    let start = start.clamp(0, count) as usize;
    let end = match usize::try_from(length) {
        // Counted from the end, no length means all of the rest.
        Ok(0) if offset < 0 => graphemes.len(),
        Ok(length) => start.saturating_add(length).min(graphemes.len()),
        Err(_) => graphemes.len(),
    };
    Ok(graphemes[start..end].concat().into())
}

/// The one character a character becomes in upper case; characters that would become several
/// stay as they are.
fn upper(c: char) -> char {
    let mut mapped = c.to_uppercase();
    match (mapped.next(), mapped.next()) {
        (Some(only), None) => only,
        _ => c,
    }
}

fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

/// The form a character takes at the start of a word, which differs from upper case for the
/// characters that are two letters in one.
fn capital(c: char) -> char {
    match c {
        'Ǆ'..='ǆ' => 'ǅ',
        'Ǉ'..='ǉ' => 'ǈ',
        'Ǌ'..='ǌ' => 'ǋ',
        'Ǳ'..='ǳ' => 'ǲ',
        c => upper(c),
    }
}

fn title(text: &str) -> String {
    let mut starts = true;
    text.chars()
        .map(|c| {
            let mapped = if starts { capital(c) } else { c };
            starts = match c {
                '_' => false,
                c if c.is_ascii() => !c.is_ascii_alphanumeric(),
                c if c.is_alphanumeric() => false,
                c => c.is_whitespace(),
            };
            mapped
        })
        .collect()
}

/// A list of strings.
pub(super) fn strings(items: impl IntoIterator<Item = Str>) -> Value {
    Value::list(Type::String, items.into_iter().map(Value::String).collect())
}
