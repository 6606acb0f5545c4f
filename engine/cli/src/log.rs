//! The log: what `TF_LOG` and its kin ask for, for people who look for the cause of something.
//!
//! It is apart from what commands show, and goes to standard error or a file. It holds what is
//! done to which object, never values.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use muster_lang::{Diagnostic, Diags};
use muster_plan::Event;

use crate::view::put_log;

/// How much something matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Every step.
    Trace,
    /// What helps to find errors.
    Debug,
    /// What is done.
    Info,
    /// What looks wrong.
    Warn,
    /// What went wrong.
    Error,
}

impl Level {
    const ALL: [(&'static str, Self); 5] = [
        ("TRACE", Self::Trace),
        ("DEBUG", Self::Debug),
        ("INFO", Self::Info),
        ("WARN", Self::Warn),
        ("ERROR", Self::Error),
    ];

    fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, level)| *level == self);
        found.map_or("", |(name, _)| name)
    }
}

/// What the environment asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Wanted {
    /// The least that the engine tells.
    core: Option<Level>,
    /// Whether plugins are listened to; they read the variables themselves, and say as much as
    /// they are asked for.
    plugins: bool,
    /// One JSON document per line.
    json: bool,
}

#[derive(Debug)]
struct Logger {
    wanted: Wanted,
    file: Option<File>,
}

static LOGGER: OnceLock<Logger> = OnceLock::new();

/// Reads the environment. Before this nothing is logged.
pub(crate) fn init() {
    let mut warnings = Vec::new();
    let wanted = wanted(|name| std::env::var(name).ok(), &mut warnings);
    for warning in warnings {
        errln!("{warning}");
    }
    if wanted.core.is_none() && !wanted.plugins {
        return;
    }
    let path = std::env::var_os("TF_LOG_PATH").filter(|path| !path.is_empty());
    let file = path.and_then(|path| open(Path::new(&path)));
    LOGGER.get_or_init(|| Logger { wanted, file });
}

fn open(path: &Path) -> Option<File> {
    let file = File::options().create(true).append(true).open(path);
    file.inspect_err(|error| {
        errln!("The log file {} cannot be opened: {error}.", path.display());
    })
    .ok()
}

fn wanted(env: impl Fn(&str) -> Option<String>, warnings: &mut Vec<String>) -> Wanted {
    let get = |name: &str| env(name).filter(|text| !text.is_empty());
    let all = get("TF_LOG");
    let form = all.clone().or_else(|| get("TF_LOG_CORE"));
    let json = form.is_some_and(|text| text.eq_ignore_ascii_case("json"));
    let mut level = |own: &str| match (get(own), &all) {
        (Some(text), _) => self::level(own, &text, warnings),
        (None, Some(text)) => self::level("TF_LOG", text, warnings),
        (None, None) => None,
    };
    let core = level("TF_LOG_CORE");
    let plugins = level("TF_LOG_PROVIDER").is_some();
    warnings.dedup();
    Wanted {
        core,
        plugins,
        json,
    }
}

/// The level that a variable names; what is no level asks for everything.
fn level(variable: &str, text: &str, warnings: &mut Vec<String>) -> Option<Level> {
    let upper = text.to_ascii_uppercase();
    if upper == "OFF" {
        return None;
    }
    let known = Level::ALL.iter().find(|(name, _)| *name == upper);
    if known.is_none() && upper != "JSON" {
        warnings.push(format!(
            "[WARN] There is no log level {text:?} for {variable}; there are TRACE, DEBUG, INFO, WARN, ERROR, OFF and JSON. TRACE is taken."
        ));
    }
    Some(known.map_or(Level::Trace, |(_, level)| *level))
}

/// Adds a line to the log, if anybody wants lines of this level. An empty message is none.
pub(crate) fn log(level: Level, message: impl FnOnce() -> String) {
    let Some(logger) = LOGGER.get() else { return };
    if logger.wanted.core.is_none_or(|least| level < least) {
        return;
    }
    let message = message();
    if !message.is_empty() {
        let now = muster_store::timestamp();
        logger.put(&line(level, &now, &message, logger.wanted.json));
    }
}

/// Adds what has happened in a run.
pub(crate) fn event(event: &Event) {
    if let Event::Diagnostic(diagnostic) = event {
        return self::diagnostic(diagnostic);
    }
    log(Level::Debug, || match event {
        Event::Started {
            addr, operation, ..
        } => format!("run: {addr}: {operation:?} begins"),
        Event::Finished {
            addr,
            operation,
            elapsed,
            ..
        } => format!("run: {addr}: {operation:?} is done after {elapsed:.1?}"),
        Event::Failed {
            addr,
            operation,
            elapsed,
            ..
        } => format!("run: {addr}: {operation:?} has failed after {elapsed:.1?}"),
        Event::ProvisionStarted {
            addr, provisioner, ..
        } => format!("run: {addr}: {provisioner} begins"),
        _ => String::new(),
    });
}

/// Adds what commands report.
pub(crate) fn diags(diags: &Diags) {
    diags.iter().for_each(diagnostic);
}

fn diagnostic(diagnostic: &Diagnostic) {
    let level = match diagnostic.is_error() {
        true => Level::Error,
        false => Level::Warn,
    };
    log(level, || diagnostic.summary.clone());
}

/// What takes the lines of plugins; `None` when nobody wants them.
pub(crate) fn of_plugins() -> Option<muster_client::Log> {
    let logger = LOGGER.get().filter(|logger| logger.wanted.plugins)?;
    Some(Arc::new(|text| logger.put(text)))
}

impl Logger {
    /// A log that cannot be written is no reason to stop.
    fn put(&self, line: &str) {
        let line = format!("{line}\n");
        match &self.file {
            Some(file) => {
                let mut file = file;
                let _ = file.write_all(line.as_bytes());
            }
            None => put_log(&line),
        }
    }
}

/// A line in the form that Terraform gives to it. `now` has parts of seconds down to the
/// billionth.
fn line(level: Level, now: &str, message: &str, json: bool) -> String {
    let (seconds, fraction) = now
        .trim_end_matches('Z')
        .split_once('.')
        .unwrap_or((now, ""));
    let name = level.name();
    if json {
        let micros = format!("{fraction:0<6}");
        let document = serde_json::json!({
            "@level": name.to_ascii_lowercase(),
            "@message": message,
            "@timestamp": format!("{seconds}.{}Z", &micros[..6]),
        });
        return document.to_string();
    }
    let millis = format!("{fraction:0<3}");
    let tag = format!("[{name}]");
    format!("{seconds}.{}Z {tag:<7} {message}", &millis[..3])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_environment_asks_for() {
        let check = |env: &[(&str, &str)], core: Option<Level>, plugins: bool, json: bool| {
            let get = |name: &str| {
                let found = env.iter().find(|(n, _)| *n == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let mut warnings = Vec::new();
            let expect = Wanted {
                core,
                plugins,
                json,
            };
            assert_eq!(wanted(get, &mut warnings), expect, "{env:?}");
            warnings.len()
        };
        assert_eq!(check(&[], None, false, false), 0);
        check(&[("TF_LOG", "")], None, false, false);
        check(&[("TF_LOG", "info")], Some(Level::Info), true, false);
        check(&[("TF_LOG", "OFF")], None, false, false);
        check(&[("TF_LOG", "JSON")], Some(Level::Trace), true, true);
        check(&[("TF_LOG_CORE", "WARN")], Some(Level::Warn), false, false);
        check(&[("TF_LOG_PROVIDER", "WARN")], None, true, false);
        let mixed = [("TF_LOG", "ERROR"), ("TF_LOG_PROVIDER", "off")];
        check(&mixed, Some(Level::Error), false, false);
        let wrong = check(&[("TF_LOG", "loud")], Some(Level::Trace), true, false);
        assert_eq!(wrong, 1);
    }

    #[test]
    fn lines() {
        let now = "2026-11-21T08:09:42.9233Z";
        assert_eq!(
            line(Level::Warn, now, "a \"b\"", false),
            "2026-11-21T08:09:42.923Z [WARN]  a \"b\""
        );
        assert_eq!(
            line(Level::Debug, now, "a \"b\"", true),
            r#"{"@level":"debug","@message":"a \"b\"","@timestamp":"2026-11-21T08:09:42.923300Z"}"#
        );
    }
}
