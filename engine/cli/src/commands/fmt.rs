//! `muster fmt`

mod files;
mod replace;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use muster_lang::{Diagnostic, Diags, FileId, Sources};

use crate::args;
use crate::view::{View, put_bytes};
use files::{is_ignored, is_source, shown};
use replace::replace;

/// `fmt`
#[derive(Debug, clap::Args)]
pub(crate) struct Fmt {
    /// Name the files that are not formatted.
    #[arg(long, value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set)]
    pub list: bool,
    /// Write the files; never with -check or standard input.
    #[arg(long, value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set)]
    pub write: bool,
    /// Show what formatting changes.
    #[arg(long, value_name = "BOOL", default_value = "false", num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set)]
    pub diff: bool,
    /// Change nothing; exit code 3 when something is not formatted.
    #[arg(long, value_name = "BOOL", default_value = "false", num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set)]
    pub check: bool,
    /// No colour, even on a terminal.
    #[arg(long)]
    pub no_color: bool,
    /// Directories inside directories too.
    #[arg(long, value_name = "BOOL", default_value = "false", num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set)]
    pub recursive: bool,
    /// Files and directories; the working directory when absent, standard input for "-".
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
}

impl Fmt {
    /// Only the first path counts: what follows it is not looked at then.
    fn reads_stdin(&self) -> bool {
        self.paths
            .first()
            .is_some_and(|path| path == Path::new("-"))
    }
}

/// Exit code when something could not be formatted.
const FAILED: u8 = 2;
/// Exit code when `-check` found something to format.
const UNFORMATTED: u8 = 3;
/// Finding the smallest difference of big texts can take forever; then a larger one will do.
const DIFF_TIME: Duration = Duration::from_secs(2);

/// Brings files into canonical form.
pub(crate) fn run(args: &Fmt) -> ExitCode {
    let view = View::new(&args::View {
        no_color: args.no_color,
        ..args::View::default()
    });
    let mut formatter = Formatter {
        args,
        sources: Sources::default(),
        diags: Diags::new(),
        held: Vec::new(),
        unformatted: false,
    };
    if args.reads_stdin() {
        formatter.stdin();
    } else {
        formatter.paths();
    }
    let failed = formatter.diags.has_errors();
    if !failed && formatter.lists() {
        put_bytes(&formatter.held);
    }
    view.diags(&formatter.diags, &formatter.sources);
    match (failed, args.check && formatter.unformatted) {
        (true, _) => FAILED.into(),
        (false, true) => UNFORMATTED.into(),
        (false, false) => ExitCode::SUCCESS,
    }
}

/// One run of the command.
struct Formatter<'a> {
    args: &'a Fmt,
    /// Text of files with errors.
    sources: Sources,
    diags: Diags,
    /// What `-check` has to tell; an error makes it void.
    held: Vec<u8>,
    /// Something is not in canonical form.
    unformatted: bool,
}

/// A file before and after.
struct Formatted {
    old: Arc<[u8]>,
    new: Vec<u8>,
}

impl Formatted {
    fn changes(&self) -> bool {
        *self.old != *self.new
    }
}

impl Formatter<'_> {
    /// Whether files are named; `-check` says nothing at all without.
    fn lists(&self) -> bool {
        self.args.list && !self.args.reads_stdin()
    }

    fn stdin(&mut self) {
        const NAME: &str = "<stdin>";
        let mut bytes = Vec::new();
        if let Err(error) = io::stdin().lock().read_to_end(&mut bytes) {
            return self.fail("Failed to read input", format!("{error}."));
        }
        let Some(found) = self.format(NAME, bytes) else {
            return;
        };
        self.unformatted = found.changes();
        if self.args.diff {
            self.difference(NAME, &found);
        } else {
            self.text(&found.new);
        }
    }

    /// Goes through what was asked for, up to the first thing that is not there.
    fn paths(&mut self) {
        let here = [PathBuf::from(".")];
        let paths = if self.args.paths.is_empty() {
            &here[..]
        } else {
            &self.args.paths
        };
        for path in paths {
            match fs::metadata(path) {
                Ok(found) if found.is_dir() => self.dir(path),
                Ok(_) if is_source(path) => self.file(path),
                Ok(_) => {
                    let summary =
                        "Only .tf, .tfvars, and .tftest.hcl files can be processed with muster fmt";
                    return self.fail(summary, format!("{} is none.", path.display()));
                }
                Err(_) => {
                    let summary = format!("No file or directory at {}", path.display());
                    return self.fail(summary, "");
                }
            }
        }
    }

    /// Formats the files of a directory, and those of directories in it if asked for. Links to
    /// directories are not followed, for they may lead anywhere.
    fn dir(&mut self, path: &Path) {
        let entries = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => {
                let detail = format!("The directory {} cannot be read: {error}.", shown(path));
                return self.fail("Failed to read directory", detail);
            }
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            if is_ignored(&entry.file_name()) {
                continue;
            }
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && self.args.recursive => self.dir(&path),
                _ if is_source(&path) && !path.is_dir() => self.file(&path),
                _ => {}
            }
        }
    }

    fn file(&mut self, path: &Path) {
        let name = shown(path);
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let detail = format!("The file {name} could not be read: {error}.");
                return self.fail("Failed to read file", detail);
            }
        };
        let Some(found) = self.format(&name, bytes) else {
            return;
        };
        // The text is the only thing left that could be shown.
        if !self.args.list && !self.args.write && !self.args.diff {
            self.text(&found.new);
        }
        if !found.changes() {
            return;
        }
        self.unformatted = true;
        if self.args.list {
            self.tell(format!("{name}\n").as_bytes());
        }
        if self.args.write
            && !self.args.check
            && let Err(error) = replace(path, &found.new)
        {
            let detail = format!("The file {name} could not be written: {error}.");
            return self.fail("Failed to write file", detail);
        }
        if self.args.diff {
            self.difference(&name, &found);
        }
    }

    /// A file and its canonical form. `None` if it has errors, which are noted.
    fn format(&mut self, name: &str, bytes: Vec<u8>) -> Option<Formatted> {
        // Only texts that something is said about are kept.
        let next = FileId(u32::try_from(self.sources.files().len()).unwrap_or(u32::MAX));
        let (old, new): (Arc<[u8]>, _) = match String::from_utf8(bytes) {
            Ok(text) => {
                let text: Arc<str> = text.into();
                let new = muster_lang::fmt::format(next, &text).map(String::into_bytes);
                (text.into(), new)
            }
            Err(error) => {
                let new = muster_lang::fmt::format_bytes(next, error.as_bytes());
                (error.as_bytes().into(), new)
            }
        };
        match new {
            Ok(new) => Some(Formatted { old, new }),
            Err(diags) => {
                self.sources.add(name, muster_lang::syntax::shown(&old));
                self.diags.extend(diags);
                None
            }
        }
    }

    fn difference(&mut self, name: &str, found: &Formatted) {
        let old = String::from_utf8_lossy(&found.old);
        let new = String::from_utf8_lossy(&found.new);
        let diff = similar::TextDiff::configure()
            .timeout(DIFF_TIME)
            .diff_lines(&*old, &*new);
        let (before, after) = (format!("old/{name}"), format!("new/{name}"));
        let text = diff.unified_diff().header(&before, &after).to_string();
        self.tell(text.as_bytes());
    }

    /// Shows a text in its canonical form.
    fn text(&mut self, new: &[u8]) {
        self.tell(new);
        if !new.ends_with(b"\n") {
            self.tell(b"\n");
        }
    }

    fn tell(&mut self, text: &[u8]) {
        if self.args.check {
            self.held.extend_from_slice(text);
        } else {
            put_bytes(text);
        }
    }

    fn fail(&mut self, summary: impl Into<String>, detail: impl Into<String>) {
        self.diags.push(Diagnostic::error(summary, detail));
    }
}
