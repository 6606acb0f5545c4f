//! What a backslash starts.

use super::Translator;
use super::property::property;

impl<'a> Translator<'a> {
    /// Outside of a class.
    pub(super) fn escape(&mut self) -> Result<(), String> {
        let after = &self.rest[1..];
        match after.chars().next() {
            Some('A' | 'z') => {
                self.begin();
                self.take(2);
            }
            Some(c @ ('b' | 'B')) => {
                self.begin();
                self.out.push_str(&format!("(?-u:\\{c})"));
                self.rest = &after[1..];
            }
            Some('Q') => {
                let quoted = &after[1..];
                let (text, rest) = quoted.split_once("\\E").unwrap_or((quoted, ""));
                self.rest = rest;
                text.chars().for_each(|c| self.literal(c));
            }
            _ => match self.class_escape()? {
                Some(class) => {
                    self.begin();
                    self.out.push_str(&class);
                }
                None => {
                    let code = self.code_escape()?;
                    self.code(code);
                }
            },
        }
        Ok(())
    }

    /// An escape that stands for a class of characters, as a class of the crate. Nothing is taken
    /// if it is another one.
    pub(super) fn class_escape(&mut self) -> Result<Option<String>, String> {
        let after = &self.rest[1..];
        let class = match after.chars().next() {
            Some('d') => "[0-9]",
            Some('D') => "[^0-9]",
            Some('w') => "[0-9A-Za-z_]",
            Some('W') => "[^0-9A-Za-z_]",
            Some('s') => "[\\t\\n\\x0C\\r ]",
            Some('S') => "[^\\t\\n\\x0C\\r ]",
            Some('p' | 'P') => {
                let (class, rest) = property(after)?;
                self.rest = rest;
                return Ok(Some(class));
            }
            _ => return Ok(None),
        };
        self.rest = &after[1..];
        Ok(Some(class.to_owned()))
    }

    /// An escape that stands for one character.
    pub(super) fn code_escape(&mut self) -> Result<u32, String> {
        let after = &self.rest[1..];
        let c = after.chars().next();
        let c = c.ok_or("the pattern ends with a backslash")?;
        self.rest = &after[c.len_utf8()..];
        let control = match c {
            'a' => 7,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'v' => 11,
            'x' => return self.hexadecimal(),
            '1'..='7' if !self.rest.starts_with(|c| matches!(c, '0'..='7')) => {
                return Err("references to groups are not supported".into());
            }
            '0'..='7' => {
                self.rest = after;
                return Ok(self.octal());
            }
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => u32::from(c),
            c => return Err(format!("\"\\{c}\" is not a known escape")),
        };
        Ok(control)
    }

    /// Up to three digits.
    fn octal(&mut self) -> u32 {
        let digits = self.rest.bytes().take(3);
        let len = digits.take_while(|b| matches!(b, b'0'..=b'7')).count();
        let (digits, rest) = self.rest.split_at(len);
        self.rest = rest;
        u32::from_str_radix(digits, 8).unwrap_or(0)
    }

    /// Two digits, or any number in braces.
    fn hexadecimal(&mut self) -> Result<u32, String> {
        let wrong = || "\"\\x\" wants two digits, or the number of a character in braces";
        let (digits, rest) = match self.rest.strip_prefix('{') {
            Some(inner) => inner.split_once('}'),
            None => self.rest.split_at_checked(2),
        }
        .ok_or_else(wrong)?;
        self.rest = rest;
        let valid = digits.bytes().all(|b| b.is_ascii_hexdigit());
        let code = u32::from_str_radix(digits, 16);
        match code {
            Ok(code) if valid && code <= u32::from(char::MAX) => Ok(code),
            _ => Err(wrong().into()),
        }
    }
}
