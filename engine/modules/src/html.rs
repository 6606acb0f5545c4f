//! Pages that say where a module is: `<meta name="terraform-get" content="...">`.

/// The content of the first `terraform-get` meta element of a page.
pub(crate) fn pointer(page: &str) -> Option<String> {
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix("!--") {
            rest = after.split_once("-->")?.1;
            continue;
        }
        let (name, inside) = split_name(rest);
        let (attributes, after) = attributes(inside);
        let value = |wanted: &str| {
            let mut all = attributes.iter();
            all.find(|(n, _)| n.eq_ignore_ascii_case(wanted))
        };
        if name.eq_ignore_ascii_case("meta")
            && value("name").is_some_and(|(_, v)| *v == "terraform-get")
        {
            return value("content").map(|(_, v)| unescaped(v));
        }
        // What comes after the head is the page itself.
        if name.eq_ignore_ascii_case("/head") || name.eq_ignore_ascii_case("body") {
            return None;
        }
        rest = after;
    }
    None
}

fn split_name(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| c.is_whitespace() || c == '>');
    text.split_at(end.unwrap_or(text.len()))
}

/// The attributes of an element, and what comes behind it.
fn attributes(mut rest: &str) -> (Vec<(&str, &str)>, &str) {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if rest.is_empty() {
            return (found, rest);
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (found, after);
        }
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '=' | '>'));
        let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
        let Some(after_sign) = after.trim_start().strip_prefix('=') else {
            found.push((name, ""));
            rest = after;
            continue;
        };
        let value = after_sign.trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (value, after) = match quote {
            Some(quote) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
            None => split_name(value),
        };
        found.push((name, value));
        rest = after;
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_point_to_modules() {
        let check = |page: &str, expect: Option<&str>| {
            assert_eq!(pointer(page).as_deref(), expect, "{page}");
        };
        let meta = "<meta name=\"terraform-get\" content=\"/m.zip?a=1&amp;b\">";
        check(meta, Some("/m.zip?a=1&b"));
        let page =
            format!("<!doctype html><HTML><head><meta charset=utf-8><!-- {meta} x --></head>");
        check(&page, None);
        check(
            "<head><META content='x' name='terraform-get'/></head>",
            Some("x"),
        );
        check("<meta name = terraform-get content = x>", Some("x"));
        check(&format!("<head></head><body>{meta}"), None);
        check("<meta name=other content=x>", None);
        for odd in [
            "",
            "<",
            "<meta",
            "<meta name",
            "<meta name=\"x",
            "<!--",
            "<é><",
            "<meta =",
        ] {
            check(odd, None);
        }
    }
}
