//! Finds elements in the answers of services, which are flat and made by machines. Whatever is not
//! understood is skipped.

/// The text of the first element of a name, without entities.
pub(crate) fn first(xml: &str, name: &str) -> Option<String> {
    elements(xml, name).next().map(text)
}

/// The insides of all elements of a name, in their order. Elements of one name do not hold each
/// other in these answers.
pub(crate) fn elements<'a>(xml: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let mut rest = xml;
    std::iter::from_fn(move || {
        loop {
            let start = rest.find('<')? + 1;
            rest = &rest[start..];
            let Some(after) = rest.strip_prefix(name) else {
                continue;
            };
            if !after.starts_with(|c: char| c == '>' || c == '/' || c.is_ascii_whitespace()) {
                continue;
            }
            let end = after.find('>')?;
            let is_empty = after[..end].ends_with('/');
            rest = &after[end + 1..];
            if is_empty {
                return Some("");
            }
            let end = closing(rest, name)?;
            let inside = &rest[..end];
            rest = &rest[end..];
            return Some(inside);
        }
    })
}

/// Where the end tag of a name starts.
fn closing(xml: &str, name: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + xml[from..].find("</")?;
        let after = xml[at + 2..].strip_prefix(name);
        if after.is_some_and(|after| after.trim_start().starts_with('>')) {
            return Some(at);
        }
        from = at + 2;
    }
}

/// A text without entities.
fn text(raw: &str) -> String {
    let raw = raw.trim();
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('&') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        // The longest entity is that of a character by its number.
        let end = rest.bytes().take(12).position(|b| b == b';');
        match end.and_then(|end| Some((end, entity(&rest[..end])?))) {
            Some((end, character)) => {
                text.push(character);
                rest = &rest[end + 1..];
            }
            None => text.push('&'),
        }
    }
    text.push_str(rest);
    text
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(xml: &str, expect: &[&str]) {
        let found: Vec<_> = elements(xml, "Key").map(text).collect();
        assert_eq!(found, expect, "{xml}");
    }

    #[test]
    fn elements_are_found_by_name() {
        check(
            "<A><Key>a</Key><KeyCount>1</KeyCount><Key >b</Key ></A>",
            &["a", "b"],
        );
        check(
            "<Key xmlns=\"x\">a&amp;b&#x41;&#66;&quot;&bad;&</Key>",
            &["a&bAB\"&bad;&"],
        );
        check("<Key/><Key></Key>", &["", ""]);
    }

    #[test]
    fn broken_answers_are_no_problem() {
        for xml in [
            "",
            "<",
            "<Key",
            "<Key>",
            "<Key>a</Ke",
            "</Key>",
            "<Key>a&#xFFFFFFFFF;",
            "&é;",
        ] {
            check(xml, &[]);
        }
        check("<Key>&é;&#x110000;</Key>", &["&é;&#x110000;"]);
    }
}
