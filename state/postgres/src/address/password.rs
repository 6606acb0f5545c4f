//! The password file that PostgreSQL's own programs read.

use std::path::{Path, PathBuf};

use super::text::Parameters;

/// The password for these parameters, if the file has one for them.
pub(super) fn find(
    parameters: &Parameters,
    env: &dyn Fn(&str) -> Option<String>,
) -> Option<String> {
    let given = parameters.get("passfile").cloned();
    let path = match given.or_else(|| env("PGPASSFILE")) {
        Some(path) => PathBuf::from(path),
        None => Path::new(&env("HOME")?).join(".pgpass"),
    };
    if !is_private(&path) {
        return None;
    }
    lookup(&std::fs::read_to_string(path).ok()?, parameters)
}

/// A file that others can read is not used, which is what libpq does.
#[cfg(unix)]
fn is_private(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.mode() & 0o077 == 0)
}

#[cfg(not(unix))]
fn is_private(path: &Path) -> bool {
    path.is_file()
}

/// The password of the first line that fits: `host:port:database:user:password`.
fn lookup(lines: &str, parameters: &Parameters) -> Option<String> {
    let value = |name: &str| parameters.get(name).map_or("", String::as_str);
    let host = match value("host") {
        socket if socket.starts_with('/') => "localhost",
        host => host,
    };
    let wanted = [host, value("port"), value("dbname"), value("user")];
    lines
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(fields)
        .find(|(patterns, _)| {
            let mut pairs = patterns.iter().zip(wanted);
            pairs.all(|(pattern, wanted)| pattern == "*" || pattern == wanted)
        })
        .map(|(_, password)| password)
}

/// The four patterns and the password of a line. A backslash takes the next character as it is.
fn fields(line: &str) -> Option<([String; 4], String)> {
    let mut fields: [String; 5] = Default::default();
    let mut at = 0;
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match c {
            ':' if at < 4 => at += 1,
            '\\' => fields[at].extend(characters.next()),
            c => fields[at].push(c),
        }
    }
    let [host, port, database, user, password] = fields;
    (at == 4).then_some(([host, port, database, user], password))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &str, expect: Option<&str>) {
        let parameters = [("host", "h"), ("port", "1"), ("dbname", "d"), ("user", "u")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        assert_eq!(lookup(lines, &parameters).as_deref(), expect, "{lines}");
    }

    #[test]
    fn the_first_line_that_fits_counts() {
        check("h:1:d:u:a\n*:*:*:*:b", Some("a"));
        check("x:1:d:u:a\n*:*:*:*:b", Some("b"));
        check(
            "#*:*:*:*:a\n\nh:1:d\nh:*:d:u:it\\:s\\\\:b",
            Some("it:s\\:b"),
        );
        check("h:2:d:u:a", None);
    }
}
