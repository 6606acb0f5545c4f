//! Files and paths. Files are read through the scope.

use muster_value::{Type, Value, set_value};

use super::string::text;
use super::{Call, Function, FunctionError, Param, Returns, encoding, glob};

type Result<T = Value> = std::result::Result<T, FunctionError>;

pub(super) static TABLE: &[Function] = &[
    Function::new(
        "abspath",
        "A path made absolute, from the working directory.",
        &[path()],
        Returns::STRING,
        |a, call| Ok(absolute(text(a, 0), call).into()),
    ),
    Function::new(
        "basename",
        "The last part of a path.",
        &[path()],
        Returns::STRING,
        |a, _| Ok(base(text(a, 0)).into()),
    ),
    Function::new(
        "dirname",
        "A path without its last part.",
        &[path()],
        Returns::STRING,
        |a, _| Ok(directory(text(a, 0)).into()),
    ),
    Function::new(
        "file",
        "The content of a text file.",
        &[path()],
        Returns::STRING,
        |a, call| Ok(read_text(a, call)?.into()),
    ),
    Function::new(
        "filebase64",
        "The content of a file as Base64.",
        &[path()],
        Returns::STRING,
        |a, call| {
            Ok(encoding::encode(
                &content(a, call).map_err(|e| FunctionError::argument(0, e))?,
            ))
        },
    ),
    Function::new(
        "fileexists",
        "Whether there is a file.",
        &[path()],
        Returns::BOOL,
        |a, call| {
            let path = expand(text(a, 0), call)?;
            Ok(Value::Bool(call.scope.files().exists(&path)?))
        },
    ),
    Function::new(
        "fileset",
        "The files below a directory whose paths match a pattern.",
        &[path(), Param::string("pattern")],
        Returns::of(|_| Type::set(Type::String)),
        file_set,
    ),
    Function::new(
        "pathexpand",
        "A path in which a tilde at the start is replaced by the home directory.",
        &[path()],
        Returns::STRING,
        |a, call| Ok(expand(text(a, 0), call)?.into()),
    ),
];

/// The parameter of functions that take a path first.
pub(super) const fn path() -> Param {
    Param::string("path")
}

/// The content of the file that the first argument names.
pub(super) fn content(args: &[Value], call: &Call<'_>) -> std::result::Result<Vec<u8>, String> {
    let path = expand(text(args, 0), call)?;
    let missing = |e| format!("cannot read {path}: {e}");
    call.scope.files().read(&path).map_err(missing)
}

/// The content of the text file that the first argument names.
pub(super) fn read_text(args: &[Value], call: &Call<'_>) -> Result<String> {
    let bytes = content(args, call).map_err(|e| FunctionError::argument(0, e))?;
    String::from_utf8(bytes).map_err(|_| {
        let path = text(args, 0);
        format!("{path} is not UTF-8 text; filebase64 reads any file").into()
    })
}

fn expand(path: &str, call: &Call<'_>) -> std::result::Result<String, String> {
    let Some(rest) = path.strip_prefix('~') else {
        return Ok(path.to_owned());
    };
    if !rest.is_empty() && !rest.starts_with('/') {
        return Err(format!(
            "{path} names the home of another user, which is not supported"
        ));
    }
    let home = call
        .scope
        .files()
        .home()
        .ok_or("the home directory is not known")?;
    Ok(match rest {
        "" => home,
        rest => clean(&format!("{home}{rest}")),
    })
}

fn absolute(path: &str, call: &Call<'_>) -> String {
    match path.starts_with('/') {
        true => clean(path),
        false => clean(&format!("{}/{path}", call.scope.files().cwd())),
    }
}

/// The shortest path that means the same: no empty parts, no `.`, `..` only at the start.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(last) if *last != ".." => {
                    parts.pop();
                }
                None if rooted => {}
                _ => parts.push(".."),
            },
            part => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".into(),
        (false, false) => parts.join("/"),
    }
}

fn base(path: &str) -> &str {
    if path.is_empty() {
        return ".";
    }
    let trimmed = path.trim_end_matches('/');
    match trimmed {
        "" => "/",
        path => path.rsplit('/').next().unwrap_or(path),
    }
}

fn directory(path: &str) -> String {
    clean(path.rfind('/').map_or("", |at| &path[..=at]))
}

fn file_set(args: &[Value], call: &Call<'_>) -> Result {
    let directory = expand(text(args, 0), call)?;
    // The pattern may lead out of the directory: the search then starts higher up.
    let mut pattern = clean(text(args, 1));
    let mut up = String::new();
    while let Some(rest) = pattern.strip_prefix("../") {
        up.push_str("../");
        pattern = rest.to_owned();
    }
    let pattern = glob::Pattern::parse(&pattern)?;
    let start = match up.as_str() {
        "" => directory,
        up => format!("{directory}/{up}"),
    };
    let found = call.scope.files().walk(&start).unwrap_or_default();
    let found = found.into_iter().filter(|file| pattern.matches(file));
    let found = found.map(|file| Value::from(format!("{up}{file}")));
    Ok(set_value(Type::String, found.collect()))
}
