//! Classes of characters in brackets.

use std::fmt::Write;

use super::Translator;

/// A class that nothing is in.
pub(super) const NOTHING: &str = "[^\\x00-\\x{10FFFF}]";

/// What stands between `[:` and `:]`.
const NAMES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

impl Translator<'_> {
    /// The inside of a class, the opening bracket taken already.
    pub(super) fn class(&mut self) -> Result<(), String> {
        self.out.push('[');
        if let Some(rest) = self.rest.strip_prefix('^') {
            self.out.push('^');
            self.rest = rest;
        }
        let mut first = true;
        loop {
            match self.rest.chars().next() {
                None => return Err("a class of characters has no closing bracket".into()),
                Some(']') if !first => {
                    self.take(1);
                    return Ok(());
                }
                Some('[') if self.named()? => {}
                Some('\\') => match self.class_escape()? {
                    Some(class) => self.out.push_str(&class),
                    None => self.range()?,
                },
                Some(_) => self.range()?,
            }
            first = false;
        }
    }

    /// A class by its name, such as `[:alpha:]` or `[:^alpha:]`, if there is one.
    fn named(&mut self) -> Result<bool, String> {
        let Some(inner) = self.rest.strip_prefix("[:") else {
            return Ok(false);
        };
        let Some((name, rest)) = inner.split_once(":]") else {
            return Ok(false);
        };
        if !NAMES.contains(&name.strip_prefix('^').unwrap_or(name)) {
            return Err(format!("\"[:{name}:]\" is not a known class of characters"));
        }
        self.take(self.rest.len() - rest.len());
        Ok(true)
    }

    /// One character, or all from one to another.
    fn range(&mut self) -> Result<(), String> {
        let low = self.one()?;
        let mut high = low;
        let after = self.rest.strip_prefix('-');
        if let Some(after) = after.filter(|after| !after.starts_with(']')) {
            self.rest = after;
            high = self.one()?;
        }
        if high < low {
            return Err("the end of a range of characters is before its start".into());
        }
        // Halves of surrogate pairs are in no text.
        let low = if char::from_u32(low).is_some() {
            low
        } else {
            0xE000
        };
        let high = if char::from_u32(high).is_some() {
            high
        } else {
            0xD7FF
        };
        match low <= high {
            true => _ = write!(self.out, "\\x{{{low:X}}}-\\x{{{high:X}}}"),
            false => self.out.push_str(NOTHING),
        }
        Ok(())
    }

    fn one(&mut self) -> Result<u32, String> {
        let c = self.rest.chars().next();
        let c = c.ok_or("a class of characters has no closing bracket")?;
        if c == '\\' {
            return self.code_escape();
        }
        self.rest = &self.rest[c.len_utf8()..];
        Ok(c.into())
    }
}
