//! RE2's syntax in the words of the `regex` crate.

use std::fmt::Write;

mod class;
mod escape;
mod group;
mod property;

/// How often anything may be repeated, repetitions inside of repetitions multiplied.
const MOST_REPEATS: u32 = 1000;

/// What a pattern becomes.
pub(super) struct Translation {
    /// The same for the `regex` crate, groups without their names.
    pub(super) text: String,
    /// Name of each group, from the first. A name can stand for several.
    pub(super) names: Vec<Option<String>>,
}

/// Translates a pattern: classes such as `\w` are ASCII, `\Q..\E` quotes, braces that are no
/// repetition stand for themselves, and what only the crate knows is an error. What is wrong in
/// both ways to write is left for the crate to find.
pub(super) fn translate(pattern: &str) -> Result<Translation, String> {
    let mut translator = Translator {
        rest: pattern,
        out: String::with_capacity(pattern.len() + 16),
        flags: String::new(),
        names: Vec::new(),
        outer: Vec::new(),
        most: 1,
        last: 1,
    };
    translator.run()?;
    Ok(Translation {
        text: translator.out,
        names: translator.names,
    })
}

struct Translator<'a> {
    rest: &'a str,
    out: String,
    /// Flags set inside a group that are not written yet: a repetition behind them belongs to
    /// what is before them.
    flags: String,
    names: Vec<Option<String>>,
    /// For each open group what `most` was outside.
    outer: Vec<u32>,
    /// The most repetitions of anything in the group so far.
    most: u32,
    /// The same of what a repetition would apply to.
    last: u32,
}

impl<'a> Translator<'a> {
    fn run(&mut self) -> Result<(), String> {
        // A repetition cannot be repeated itself.
        let mut repeated = false;
        while let Some(c) = self.rest.chars().next() {
            if let Some((counts, after)) = repetition(self.rest)? {
                if repeated {
                    return Err("a repetition cannot be repeated".into());
                }
                self.repeat(counts, after)?;
                repeated = true;
                continue;
            }
            repeated = false;
            match c {
                '(' => self.open()?,
                ')' => self.close()?,
                '[' => {
                    self.rest = &self.rest[1..];
                    self.begin();
                    self.class()?;
                }
                '\\' => self.escape()?,
                '|' | '^' | '$' | '.' => {
                    self.begin();
                    self.take(1);
                }
                c => {
                    self.rest = &self.rest[c.len_utf8()..];
                    self.literal(c);
                }
            }
        }
        Ok(())
    }

    /// Starts something that can be repeated.
    fn begin(&mut self) {
        self.out.push_str(&self.flags);
        self.flags.clear();
        self.last = 1;
    }

    /// Copies so many bytes.
    fn take(&mut self, len: usize) {
        let (text, rest) = self.rest.split_at(len);
        self.out.push_str(text);
        self.rest = rest;
    }

    fn literal(&mut self, c: char) {
        self.begin();
        self.out
            .push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
    }

    /// A character by its number. Halves of surrogate pairs are numbers too, that nothing matches.
    fn code(&mut self, code: u32) {
        self.begin();
        match char::from_u32(code) {
            Some(_) => _ = write!(self.out, "\\x{{{code:X}}}"),
            None => self.out.push_str(class::NOTHING),
        }
    }

    fn close(&mut self) -> Result<(), String> {
        let outer = self.outer.pop();
        let outer = outer.ok_or("a closing parenthesis has no opening one")?;
        self.begin();
        self.last = self.most;
        self.most = self.most.max(outer);
        self.take(1);
        Ok(())
    }

    /// A repetition, which ends where `after` starts.
    fn repeat(&mut self, counts: Option<Counts>, after: &'a str) -> Result<(), String> {
        let after = after.strip_prefix('?').unwrap_or(after);
        if let Some(Counts { least, most }) = counts {
            let times = most.unwrap_or(least);
            let nested = times.saturating_mul(self.last);
            if times >= 2 && nested > MOST_REPEATS {
                return Err(format!(
                    "something is repeated more than {MOST_REPEATS} times"
                ));
            }
            self.last = if times == 0 { 1 } else { nested.max(self.last) };
            self.most = self.most.max(self.last);
        }
        self.take(self.rest.len() - after.len());
        Ok(())
    }
}

/// How often something is repeated at least and at most.
struct Counts {
    least: u32,
    most: Option<u32>,
}

/// A repetition at the start of a text and what follows it: `*`, `+`, `?`, or `{3}`, `{3,}` and
/// `{3,5}` with their counts. Braces around anything else are no repetition.
fn repetition(text: &str) -> Result<Option<(Option<Counts>, &str)>, String> {
    if let Some(after) = text.strip_prefix(['*', '+', '?']) {
        return Ok(Some((None, after)));
    }
    let inner = text.strip_prefix('{');
    let Some((least, after)) = inner.and_then(count) else {
        return Ok(None);
    };
    let (most, after) = match after.strip_prefix(',') {
        None => (Some(least), after),
        Some(after) if after.starts_with('}') => (None, after),
        Some(after) => match count(after) {
            Some((most, after)) => (Some(most), after),
            None => return Ok(None),
        },
    };
    let Some(after) = after.strip_prefix('}') else {
        return Ok(None);
    };
    if least.max(most.unwrap_or(0)) > MOST_REPEATS {
        return Err(format!(
            "something is repeated more than {MOST_REPEATS} times"
        ));
    }
    Ok(Some((Some(Counts { least, most }), after)))
}

/// A number without zeros at its start, and what follows it.
fn count(text: &str) -> Option<(u32, &str)> {
    let len = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, after) = text.split_at(len);
    if len == 0 || len > 1 && digits.starts_with('0') {
        return None;
    }
    Some((digits.parse().unwrap_or(u32::MAX), after))
}
