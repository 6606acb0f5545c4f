//! RE2's syntax in the words of the `regex` crate.

use std::fmt::Write;
use std::iter::Peekable;
use std::str::Chars;

/// Translates a pattern: classes such as `\w` are ASCII, `\Q..\E` quotes, braces that are no
/// repetition stand for themselves, and what only the crate knows is an error.
pub(super) fn translate(pattern: &str) -> Result<String, String> {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        if matches!(c, '*' | '+' | '?') || c == '{' && is_repetition(&chars) {
            repetition(c, &mut chars, &mut out)?;
            continue;
        }
        match c {
            '\\' => escape(&mut chars, &mut out, false)?,
            '[' => class(&mut chars, &mut out)?,
            '{' => out.push_str("\\{"),
            '(' => {
                out.push('(');
                flags(&chars)?;
            }
            c => out.push(c),
        }
    }
    Ok(out)
}

/// A repetition, whose first character is taken already. It cannot be repeated itself.
fn repetition(
    first: char,
    chars: &mut Peekable<Chars<'_>>,
    out: &mut String,
) -> Result<(), String> {
    const MOST: u32 = 1000;
    out.push(first);
    if first == '{' {
        let counts: String = chars.by_ref().take_while(|c| *c != '}').collect();
        let too_many = |n: &str| !n.is_empty() && n.parse().map_or(true, |n: u32| n > MOST);
        if counts.split(',').any(too_many) {
            return Err(format!("{{{counts}}} repeats more than {MOST} times"));
        }
        out.push_str(&counts);
        out.push('}');
    }
    out.extend(chars.next_if_eq(&'?'));
    let mut after = chars.clone();
    let again = match after.next() {
        Some('*' | '+' | '?') => true,
        Some('{') => is_repetition(&after),
        _ => false,
    };
    match again {
        true => Err("a repetition cannot be repeated".into()),
        false => Ok(()),
    }
}

fn escape(chars: &mut Peekable<Chars<'_>>, out: &mut String, class: bool) -> Result<(), String> {
    let Some(c) = chars.next() else {
        return Err("the pattern ends with a backslash".into());
    };
    match c {
        'd' => out.push_str("[0-9]"),
        'D' => out.push_str("[^0-9]"),
        'w' => out.push_str("[0-9A-Za-z_]"),
        'W' => out.push_str("[^0-9A-Za-z_]"),
        's' => out.push_str("[\\t\\n\\x0C\\r ]"),
        'S' => out.push_str("[^\\t\\n\\x0C\\r ]"),
        'b' if !class => out.push_str("(?-u:\\b)"),
        'Q' if !class => quoted(chars, out),
        '1'..='7' if !matches!(chars.peek(), Some('0'..='7')) => {
            return Err("references to groups are not supported".into());
        }
        '0'..='7' => octal(c, chars, out),
        'u' | 'U' | 'h' | 'H' | 'R' | 'X' | 'N' | 'K' | 'G' | 'Z' | '8' | '9' => {
            return Err(format!("\"\\{c}\" is not a known escape"));
        }
        '<' | '>' => out.push(c),
        'x' | 'p' | 'P' if chars.peek() == Some(&'{') => {
            out.push('\\');
            out.push(c);
            for c in chars.by_ref() {
                out.push(c);
                if c == '}' {
                    break;
                }
            }
        }
        c => {
            out.push('\\');
            out.push(c);
        }
    }
    Ok(())
}

fn octal(first: char, chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    let mut code = first.to_digit(8).unwrap_or(0);
    for _ in 0..2 {
        let Some(digit) = chars.peek().and_then(|c| c.to_digit(8)) else {
            break;
        };
        code = code * 8 + digit;
        chars.next();
    }
    let _ = write!(out, "\\x{{{code:X}}}");
}

fn quoted(chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    while let Some(c) = chars.next() {
        if c == '\\' && chars.peek() == Some(&'E') {
            chars.next();
            return;
        }
        out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
    }
}

/// The inside of `[...]`, the first bracket taken already.
fn class(chars: &mut Peekable<Chars<'_>>, out: &mut String) -> Result<(), String> {
    out.push('[');
    if chars.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    let mut first = true;
    while let Some(c) = chars.next() {
        match c {
            ']' if !first => {
                out.push(']');
                return Ok(());
            }
            '\\' => escape(chars, out, true)?,
            '[' if chars.peek() == Some(&':') => {
                out.push('[');
                for c in chars.by_ref() {
                    out.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            '[' | ']' | '&' | '~' => {
                out.push('\\');
                out.push(c);
            }
            '-' if out.ends_with('-') || first || chars.peek() == Some(&']') => {
                out.push_str("\\-");
            }
            c => out.push(c),
        }
        first = false;
    }
    Err("a class of characters has no closing bracket".into())
}

/// Whether what follows an opening brace makes it a repetition: `3}`, `3,}`, `3,5}`.
fn is_repetition(chars: &Peekable<Chars<'_>>) -> bool {
    let rest: String = chars.clone().take_while(|c| *c != '}').take(64).collect();
    let closed = chars.clone().nth(rest.chars().count()) == Some('}');
    let (least, most) = rest.split_once(',').unwrap_or((&rest, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    closed && !least.is_empty() && digits(least) && digits(most)
}

/// Checks that a group only uses the flags that RE2 has.
fn flags(chars: &Peekable<Chars<'_>>) -> Result<(), String> {
    let mut rest = chars.clone();
    if rest.next() != Some('?') {
        return Ok(());
    }
    for c in rest {
        match c {
            'i' | 'm' | 's' | 'U' | '-' => {}
            'x' | 'u' | 'R' => return Err(format!("\"{c}\" is not a known flag")),
            _ => break,
        }
    }
    Ok(())
}
