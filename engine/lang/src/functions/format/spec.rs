//! The parts of a format string.

use crate::functions::MOST_BYTES;

/// The greatest width of a number.
const MOST_WIDTH: usize = 10_000_009;

/// The greatest precision of a number: so many digits are computed.
const MOST_DIGITS: usize = 1_000_000;

/// A part of a format string.
pub(super) enum Piece<'a> {
    /// Literal text.
    Text(&'a str),
    /// A place for a value.
    Verb(Verb<'a>),
}

/// `%[flags][width][.precision][[argument]]letter`
#[derive(Clone)]
pub(super) struct Verb<'a> {
    /// The whole verb as written.
    pub(super) source: &'a str,
    /// What it is.
    pub(super) letter: char,
    /// Flag `-`: filled up on the right.
    pub(super) minus: bool,
    /// Flag `0`: filled up with zeros.
    pub(super) zero: bool,
    /// Flag `+`: sign always.
    pub(super) plus: bool,
    /// Flag space: a space where a minus would be.
    pub(super) space: bool,
    /// Flag `#`: the other form.
    pub(super) sharp: bool,
    /// Least number of characters.
    pub(super) width: usize,
    /// What it means depends on the letter.
    pub(super) precision: Option<usize>,
    /// Index of the value, counted from zero, if given.
    pub(super) argument: Option<usize>,
}

impl<'a> Verb<'a> {
    fn new(source: &'a str) -> Self {
        Self {
            source,
            letter: 's',
            minus: false,
            zero: false,
            plus: false,
            space: false,
            sharp: false,
            width: 0,
            precision: None,
            argument: None,
        }
    }
}

/// Takes a format string apart.
pub(super) fn parse(format: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        if at > 0 {
            pieces.push(Piece::Text(&rest[..at]));
        }
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("%%") {
            pieces.push(Piece::Text("%"));
            rest = after;
            continue;
        }
        let (verb, after) = verb(rest)?;
        pieces.push(Piece::Verb(verb));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

fn verb(text: &str) -> Result<(Verb<'_>, &str), String> {
    let mut verb = Verb::new(text);
    let mut rest = &text[1..];
    loop {
        let flag = match rest.as_bytes().first() {
            Some(b'-') => &mut verb.minus,
            Some(b'0') => &mut verb.zero,
            Some(b'+') => &mut verb.plus,
            Some(b' ') => &mut verb.space,
            Some(b'#') => &mut verb.sharp,
            _ => break,
        };
        *flag = true;
        rest = &rest[1..];
    }
    if let Some((width, after)) = number(rest) {
        verb.width = width;
        rest = after;
    }
    if let Some(after) = rest.strip_prefix('.') {
        let (precision, after) = number(after).unwrap_or((0, after));
        verb.precision = Some(precision);
        rest = after;
    }
    if let Some(after) = rest.strip_prefix('[') {
        let (index, after) = number(after).unwrap_or((0, after));
        let after = after.strip_prefix(']').filter(|_| index > 0);
        rest = after.ok_or_else(|| {
            format!("the index of a value in \"{text}\" is not [1], [2] and so on")
        })?;
        verb.argument = Some(index - 1);
    }
    let letter = rest.chars().next();
    let letter =
        letter.ok_or_else(|| format!("\"{text}\" at the end of the format is not complete"))?;
    let after = &rest[letter.len_utf8()..];
    verb.source = &text[..text.len() - after.len()];
    verb.letter = letter;
    match letter {
        // Of texts a precision says how much is left of them.
        'v' | 't' | 's' | 'q' => {
            check(verb.width, MOST_BYTES)?;
            Ok((verb, after))
        }
        'd' | 'x' | 'X' | 'o' | 'b' | 'e' | 'E' | 'f' | 'g' | 'G' => {
            check(verb.width, MOST_WIDTH)?;
            check(verb.precision.unwrap_or(0), MOST_DIGITS)?;
            Ok((verb, after))
        }
        _ => Err(format!(
            "\"{}\" is not a verb; a percent sign is written %%",
            verb.source
        )),
    }
}

fn check(number: usize, most: usize) -> Result<(), String> {
    match number <= most {
        true => Ok(()),
        false => Err(format!("a width or precision is more than {most}")),
    }
}

/// A number, or the greatest one there is, and what follows it.
fn number(text: &str) -> Option<(usize, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, after) = text.split_at(digits);
    (digits > 0).then(|| (number.parse().unwrap_or(usize::MAX), after))
}
