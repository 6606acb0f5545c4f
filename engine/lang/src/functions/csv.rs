//! CSV, as RFC 4180 has it.

use std::sync::Arc;

use muster_value::{Str, Type, Value};

/// The rows of a text as a list of objects.
pub(super) fn decode(text: &str) -> Result<Value, String> {
    let mut rows = Rows { text, line: 1 };
    let header = rows
        .next_row()?
        .ok_or("there is no row with the names of the columns")?;
    let mut names: Vec<Str> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for field in header {
        let name = string(&field);
        if !seen.insert(name.clone()) {
            return Err(format!("two columns have the name \"{name}\""));
        }
        names.push(name);
    }
    let mut items = Vec::new();
    while let Some(row) = rows.next_row()? {
        if row.len() != names.len() {
            return Err(format!(
                "the row before line {} has {} fields, but there are {} columns",
                rows.line,
                row.len(),
                names.len()
            ));
        }
        let fields = names
            .iter()
            .zip(row)
            .map(|(n, f)| (n.clone(), Value::from(f)));
        items.push(Value::Object(Arc::new(fields.collect())));
    }
    let elem = Type::object(names.into_iter().map(|n| (n, Type::String)));
    Ok(Value::list(elem, items))
}

fn string(text: &str) -> Str {
    Value::from(text).as_str().cloned().unwrap_or_default()
}

struct Rows<'a> {
    /// What is not read yet.
    text: &'a str,
    line: usize,
}

impl Rows<'_> {
    /// The fields of the next row; empty lines are no rows.
    fn next_row(&mut self) -> Result<Option<Vec<String>>, String> {
        while let Some(rest) = self
            .text
            .strip_prefix('\n')
            .or(self.text.strip_prefix("\r\n"))
        {
            self.text = rest;
            self.line += 1;
        }
        if self.text.is_empty() {
            return Ok(None);
        }
        let mut fields = Vec::new();
        loop {
            let field = match self.text.strip_prefix('"') {
                Some(rest) => {
                    self.text = rest;
                    self.quoted()?
                }
                None => self.plain()?,
            };
            fields.push(field);
            if let Some(rest) = self.text.strip_prefix(',') {
                self.text = rest;
                continue;
            }
            if let Some(rest) = self
                .text
                .strip_prefix("\r\n")
                .or(self.text.strip_prefix('\n'))
            {
                self.text = rest;
                self.line += 1;
            }
            return Ok(Some(fields));
        }
    }

    fn plain(&mut self) -> Result<String, String> {
        let end = self.text.find([',', '\n']).unwrap_or(self.text.len());
        let (field, rest) = self.text.split_at(end);
        let before_break = rest.is_empty() || rest.starts_with('\n');
        let field = field
            .strip_suffix('\r')
            .filter(|_| before_break)
            .unwrap_or(field);
        if field.contains('"') {
            return Err(format!(
                "line {} has a quote inside a field without quotes",
                self.line
            ));
        }
        self.text = rest;
        Ok(field.to_owned())
    }

    /// A field in quotes, the opening one taken already.
    fn quoted(&mut self) -> Result<String, String> {
        let mut field = String::new();
        loop {
            let Some(end) = self.text.find('"') else {
                return Err(format!(
                    "a quote in or before line {} is not closed",
                    self.line
                ));
            };
            let part = &self.text[..end];
            self.line += part.matches('\n').count();
            field.push_str(&part.replace("\r\n", "\n"));
            self.text = &self.text[end + 1..];
            match self.text.as_bytes() {
                [b'"', ..] => {
                    field.push('"');
                    self.text = &self.text[1..];
                }
                [] | [b',', ..] | [b'\n', ..] | [b'\r', b'\n', ..] => return Ok(field),
                _ => return Err(format!("line {} has text after a closing quote", self.line)),
            }
        }
    }
}
