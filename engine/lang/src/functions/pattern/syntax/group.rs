//! Groups and flags.

use super::Translator;

/// Flags that are set or taken back, in the order of [`NAMES`].
type Flags = [Option<bool>; 4];

const NAMES: [char; 4] = ['i', 'm', 's', 'U'];

impl<'a> Translator<'a> {
    /// What an opening parenthesis starts.
    pub(super) fn open(&mut self) -> Result<(), String> {
        let after = &self.rest[1..];
        if let Some(inner) = ["?P<", "?<"].iter().find_map(|s| after.strip_prefix(s)) {
            let (name, after) = name(inner)?;
            self.names.push(Some(name.to_owned()));
            self.rest = after;
            self.enter("(");
        } else if let Some(flags) = after.strip_prefix('?') {
            self.set_flags(flags)?;
        } else {
            self.names.push(None);
            self.rest = after;
            self.enter("(");
        }
        Ok(())
    }

    fn enter(&mut self, opening: &str) {
        self.begin();
        self.out.push_str(opening);
        self.outer.push(self.most);
        self.most = 1;
    }

    /// `i-s)` for the rest of a group, `i-s:` for a group of its own.
    fn set_flags(&mut self, text: &'a str) -> Result<(), String> {
        let (flags, colon, len) = read(text)?;
        let written = written(&flags);
        self.rest = &text[len..];
        if colon {
            self.enter(&format!("(?{written}:"));
        } else if !written.is_empty() {
            self.flags.push_str(&format!("(?{written})"));
        }
        Ok(())
    }
}

/// Name of a group, which ends at an angle bracket, and what follows it.
fn name(text: &str) -> Result<(&str, &str), String> {
    let closed = text.split_once('>');
    let (name, after) = closed.ok_or("the name of a group has no closing bracket")?;
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    match !name.is_empty() && name.bytes().all(fits) {
        true => Ok((name, after)),
        false => Err(format!(
            "a group cannot be called \"{name}\": names have letters, digits and underscores"
        )),
    }
}

/// Flags up to a parenthesis or, with `true`, a colon, and the length of it all. What is said of
/// a flag last counts.
fn read(text: &str) -> Result<(Flags, bool, usize), String> {
    let mut flags = Flags::default();
    // No flag yet behind the minus sign.
    let mut bare_minus = false;
    let mut on = true;
    for (at, c) in text.char_indices() {
        match c {
            '-' if on => (on, bare_minus) = (false, true),
            ':' | ')' if !bare_minus => return Ok((flags, c == ':', at + 1)),
            _ => {
                let known = NAMES.iter().position(|name| *name == c);
                flags[known.ok_or_else(|| wrong(text, at + c.len_utf8()))?] = Some(on);
                bare_minus = false;
            }
        }
    }
    Err("a parenthesis is not closed".into())
}

fn wrong(text: &str, len: usize) -> String {
    format!("\"(?{}\" starts no group", &text[..len])
}

/// The flags as the crate wants them: each once.
fn written(flags: &Flags) -> String {
    let which = |on: bool| {
        let pairs = NAMES.iter().zip(flags);
        pairs
            .filter(move |(_, flag)| **flag == Some(on))
            .map(|(name, _)| *name)
    };
    let mut out: String = which(true).collect();
    if which(false).next().is_some() {
        out.push('-');
        out.extend(which(false));
    }
    out
}
