//! Addresses: their queries, and how they are shown without the secrets in them.

/// Parts of a query that are no secrets.
const PLAIN: [&str; 4] = ["ref", "depth", "archive", "checksum"];

/// What stands for a secret.
const HIDDEN: &str = "***";

/// An address, or the source of a module, for people: passwords, tokens and all parts of a query
/// that may be secrets are left out.
pub fn shown(address: &str) -> String {
    let (front, query) = match address.split_once('?') {
        Some((front, query)) => (front, Some(query)),
        None => (address, None),
    };
    let mut text = without_user(front);
    if let Some(query) = query {
        let parts = query.split('&').map(|part| match part.split_once('=') {
            Some((name, value)) if !PLAIN.contains(&name) && !value.is_empty() => {
                format!("{name}={HIDDEN}")
            }
            _ => part.to_owned(),
        });
        let parts: Vec<String> = parts.collect();
        text = format!("{text}?{}", parts.join("&"));
    }
    text
}

fn without_user(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let Some((user, host)) = authority.rsplit_once('@') else {
        return text.to_owned();
    };
    let user = match user.split_once(':') {
        Some((name, _)) => format!("{name}:{HIDDEN}"),
        // A lone name is a token where names are not needed.
        None if scheme.ends_with("http") || scheme.ends_with("https") => HIDDEN.to_owned(),
        None => user.to_owned(),
    };
    format!("{scheme}://{user}@{host}{path}")
}

/// The secrets of an address, to find them in texts of others.
pub(crate) fn secrets(address: &str) -> Vec<String> {
    let (front, query) = address.split_once('?').unwrap_or((address, ""));
    let mut found = Vec::new();
    if let Some((scheme, rest)) = front.split_once("://") {
        let authority = rest.split('/').next().unwrap_or_default();
        if let Some((user, _)) = authority.rsplit_once('@') {
            match user.split_once(':') {
                Some((_, password)) => found.push(password.to_owned()),
                None if scheme.contains("http") => found.push(user.to_owned()),
                None => {}
            }
        }
    }
    for part in query.split('&') {
        if let Some((name, value)) = part.split_once('=')
            && !PLAIN.contains(&name)
        {
            found.push(value.to_owned());
        }
    }
    found.retain(|secret| !secret.is_empty());
    found
}

/// A text of others without the secrets of an address.
pub(crate) fn hide(text: &str, address: &str) -> String {
    secrets(address)
        .iter()
        .fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN))
}

/// Takes parts with some names out of the query of an address, and gives the last value of each.
pub(crate) fn take<const N: usize>(
    address: &str,
    names: [&str; N],
) -> (String, [Option<String>; N]) {
    let mut found = [const { None }; N];
    let Some((front, query)) = address.split_once('?') else {
        return (address.to_owned(), found);
    };
    let mut kept = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match names.iter().position(|n| *n == name) {
            Some(at) => found[at] = Some(decoded(value)),
            None => kept.push(part),
        }
    }
    let address = match kept.is_empty() {
        true => front.to_owned(),
        false => format!("{front}?{}", kept.join("&")),
    };
    (address, found)
}

/// A value of a query, with `%XX` and `+` read.
fn decoded(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        let pair = rest.hex_ahead();
        match (byte, pair) {
            (b'+', _) => bytes.push(b' '),
            (b'%', Some(code)) => {
                bytes.push(code);
                rest.nth(1);
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Looks at what comes next.
trait Ahead {
    /// The byte that two hexadecimal digits stand for, if there are two next.
    fn hex_ahead(&self) -> Option<u8>;
}

impl Ahead for std::str::Bytes<'_> {
    fn hex_ahead(&self) -> Option<u8> {
        let mut ahead = self.clone();
        let mut digit = || char::from(ahead.next()?).to_digit(16);
        u8::try_from(digit()? * 16 + digit()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let check = |address: &str, expect: &str| {
            let text = shown(address);
            assert_eq!(text, expect);
            for secret in secrets(address) {
                assert!(!text.contains(&secret), "{text} has {secret}");
            }
        };
        check("https://e.com/x", "https://e.com/x");
        check("https://u:pw@e.com/x//s", "https://u:***@e.com/x//s");
        check("git::https://tok@e.com/x", "git::https://***@e.com/x");
        check("git::ssh://git@e.com/x", "git::ssh://git@e.com/x");
        check(
            "https://e.com/x?tok=a&ref=b",
            "https://e.com/x?tok=***&ref=b",
        );
        check("git@e.com:x", "git@e.com:x");
        let said = "fatal: 'https://u:pw@e.com' says no to pw";
        let hidden = "fatal: 'https://u:***@e.com' says no to ***";
        assert_eq!(hide(said, "https://u:pw@e.com/x"), hidden);
    }

    #[test]
    fn queries_are_taken_apart() {
        let (rest, [name, depth]) = take("x://y?a=1&ref=a%2Fb+c&&depth", ["ref", "depth"]);
        assert_eq!(rest, "x://y?a=1");
        assert_eq!(name.as_deref(), Some("a/b c"));
        assert_eq!(depth.as_deref(), Some(""));
        let (rest, [none]) = take("x://y", ["ref"]);
        assert_eq!((rest.as_str(), none), ("x://y", None));
        assert_eq!(decoded("%zz%4"), "%zz%4");
    }
}
