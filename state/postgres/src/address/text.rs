//! Connection strings: URLs, or words of the form `key=value`.

use std::collections::BTreeMap;

/// What a connection string says, by the names that libpq gives to parameters.
pub(super) type Parameters = BTreeMap<String, String>;

/// Reads a connection string. The error says what is wrong without repeating any of it, because
/// there may be a password in it.
pub(super) fn parse(text: &str) -> Result<Parameters, &'static str> {
    let text = text.trim();
    for scheme in ["postgres://", "postgresql://"] {
        if let Some(rest) = text.strip_prefix(scheme) {
            return parse_url(rest);
        }
    }
    // The query of a URL has equals signs, too.
    let (first_name, _) = text.split_once('=').unwrap_or((text, ""));
    if first_name.contains("://") {
        return Err("is not a URL that starts with postgres://");
    }
    parse_words(text)
}

/// Reads what follows the scheme: `user:password@host:port,host:port/database?key=value`.
fn parse_url(rest: &str) -> Result<Parameters, &'static str> {
    let mut parameters = Parameters::new();
    let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = match login.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (login, None),
    };
    let mut put = |name: &str, value: &str| -> Result<(), &'static str> {
        if !value.is_empty() {
            parameters.insert(name.to_owned(), percent_decoded(value)?);
        }
        Ok(())
    };
    put("user", user)?;
    put("password", password.unwrap_or_default())?;
    put("dbname", database)?;
    let (names, ports) = split_hosts(hosts)?;
    put("host", &names)?;
    put("port", &ports)?;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair
            .split_once('=')
            .ok_or("has a parameter without a value")?;
        put(&percent_decoded(name)?, value)?;
    }
    Ok(parameters)
}

/// The names and the ports of hosts, each list with commas. Ports are empty if none is given.
fn split_hosts(hosts: &str) -> Result<(String, String), &'static str> {
    let mut names = Vec::new();
    let mut ports = Vec::new();
    for host in hosts.split(',') {
        let (name, port) = match host.strip_prefix('[') {
            Some(v6) => {
                let (name, rest) = v6
                    .split_once(']')
                    .ok_or("has a host with a bracket that is not closed")?;
                (name, rest.strip_prefix(':').unwrap_or_default())
            }
            None => host.split_once(':').unwrap_or((host, "")),
        };
        names.push(name);
        ports.push(port);
    }
    let ports = match ports.iter().all(|port| port.is_empty()) {
        true => String::new(),
        false => ports.join(","),
    };
    Ok((names.join(","), ports))
}

fn percent_decoded(text: &str) -> Result<String, &'static str> {
    const WRONG: &str = "has a percent sign that two hexadecimal digits do not follow";
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
        let (high, low) = digit(0).zip(digit(1)).ok_or(WRONG)?;
        // Two hexadecimal digits always fit into a byte.
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| WRONG)?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).map_err(|_| "is not valid UTF-8")
}

/// Reads words: `host=localhost password='it\'s secret'`.
fn parse_words(text: &str) -> Result<Parameters, &'static str> {
    let mut parameters = Parameters::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, after) = rest
            .split_once('=')
            .ok_or("is neither a URL nor a list of parameters with values")?;
        let name = name.trim();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err("has a parameter without a value");
        }
        let (value, after) = take_value(after.trim_start())?;
        parameters.insert(name.to_owned(), value);
        rest = after.trim_start();
    }
    Ok(parameters)
}

/// A value, with quotes or without, and what follows it.
fn take_value(text: &str) -> Result<(String, &str), &'static str> {
    let (quoted, text) = match text.strip_prefix('\'') {
        Some(inside) => (true, inside),
        None => (false, text),
    };
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            c if c.is_whitespace() && !quoted => return Ok((value, &text[at..])),
            c => value.push(c),
        }
    }
    match quoted {
        true => Err("has a quoted value that does not end"),
        false => Ok((value, "")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<&str, &str>) {
        let shown = parse(text).map(|parameters| {
            let words: Vec<_> = parameters.iter().map(|(k, v)| format!("{k}={v}")).collect();
            words.join(" ")
        });
        assert_eq!(shown.as_deref().map_err(|e| *e), expect, "{text}");
    }

    #[test]
    fn urls_are_read() {
        check("", Ok(""));
        check("postgres://", Ok(""));
        check(
            "postgres://db.example.com/state",
            Ok("dbname=state host=db.example.com"),
        );
        check(
            "postgresql://me:p%40s:s@h:5433/d?sslmode=disable&application_name=a%20b",
            Ok(
                "application_name=a b dbname=d host=h password=p@s:s port=5433 sslmode=disable user=me",
            ),
        );
        check(
            "postgres://a@b@[::1]:1/x",
            Ok("dbname=x host=::1 port=1 user=a@b"),
        );
        check("postgres://a:1,b,c:3", Ok("host=a,b,c port=1,,3"));
        check("postgres:///d?host=/run/pg", Ok("dbname=d host=/run/pg"));
        check("postgres://%2Frun%2Fpg/d", Ok("dbname=d host=/run/pg"));
    }

    #[test]
    fn words_are_read() {
        check("host=h  port = 1", Ok("host=h port=1"));
        check(
            r"password='it\'s a b' user=u",
            Ok("password=it's a b user=u"),
        );
        check(r"password=a\ b", Ok("password=a b"));
        check("host='' user=u", Ok("host= user=u"));
    }

    #[test]
    fn what_is_wrong_is_said_without_secrets() {
        check(
            "mysql://u:secret@h/d",
            Err("is not a URL that starts with postgres://"),
        );
        check(
            "postgrs://u:secret@h/d?sslmode=disable",
            Err("is not a URL that starts with postgres://"),
        );
        check(
            "secret",
            Err("is neither a URL nor a list of parameters with values"),
        );
        check(
            "password='secret",
            Err("has a quoted value that does not end"),
        );
        check("a secret=b", Err("has a parameter without a value"));
        check(
            "postgres://h/d?secret",
            Err("has a parameter without a value"),
        );
        check(
            "postgres://u:secret%4@h/d",
            Err("has a percent sign that two hexadecimal digits do not follow"),
        );
        check("postgres://u:%ff@h/d", Err("is not valid UTF-8"));
        check(
            "postgres://[::1/d",
            Err("has a host with a bracket that is not closed"),
        );
    }
}
