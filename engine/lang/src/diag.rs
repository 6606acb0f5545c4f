//! Diagnostics: what went wrong, where, and what to do about it. Data only; drawing them with
//! a source snippet is the renderer's work.

use std::sync::Arc;

use muster_value::Path;

use crate::Str;

/// A file known to [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// A range of bytes in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The smallest span that holds both. Spans of two files give the first.
    #[must_use]
    pub fn to(self, other: Span) -> Span {
        if self.file != other.file {
            return self;
        }
        Span {
            file: self.file,
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }
}

/// The text of every file read in a run, for snippets.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
}

/// One file.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// The name people see: relative to the working directory.
    pub name: Str,
    /// Its text.
    pub text: Arc<str>,
}

impl Sources {
    /// Adds a file.
    pub fn add(&mut self, name: impl Into<Str>, text: impl Into<Arc<str>>) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(SourceFile {
            name: name.into(),
            text: text.into(),
        });
        id
    }

    /// The file of an id handed out by [`Sources::add`].
    pub fn get(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(id.0 as usize)
    }

    /// All files in the order they were added.
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The run cannot go on as asked.
    Error,
    /// It can, but somebody should look.
    Warning,
}

/// What code has to know of a diagnostic. Texts are for people and may change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DiagnosticKind {
    /// Nothing beyond its severity.
    #[default]
    Plain,
    /// A template in a JSON string that cannot be read. It is read as late as an expression is
    /// evaluated, so that what is around it is sound.
    JsonTemplate,
    /// A `depends_on` that names nothing to depend on, in a block that is sound.
    Dependency,
    /// A reference that leads nowhere, in a configuration whose blocks are sound.
    Reference,
    /// A provider configuration that somebody needs and nobody has written.
    MissingProvider,
    /// A condition that was evaluated, and does not hold.
    Condition,
    /// What a plan says of a `check` block, which is looked at again when the plan is applied.
    Check,
    /// There may be more to apply than a limited plan was about.
    Incomplete,
    /// What became of a creation that an earlier run began, or that nobody knows it.
    Interrupted,
}

/// One thing to tell the user.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// What it is to code that handles it.
    pub kind: DiagnosticKind,
    /// One line; the same words Terraform uses, because tools read it.
    pub summary: String,
    /// The explanation, and what to do. May be empty.
    pub detail: String,
    /// What exactly is wrong.
    pub subject: Option<Span>,
    /// The construct around the subject.
    pub context: Option<Span>,
    /// The resource instance or other object it is about.
    pub address: Option<String>,
    /// Which part of a value it is about, for diagnostics that come without a source position.
    pub path: Option<Path>,
    /// References in the expression with a short word on their value: `var.x is "a"`.
    pub values: Vec<(String, String)>,
    /// The builtin function whose call it is about.
    pub call: Option<&'static str>,
}

impl Diagnostic {
    /// An error without a position.
    pub fn error(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            kind: DiagnosticKind::Plain,
            summary: summary.into(),
            detail: detail.into(),
            subject: None,
            context: None,
            address: None,
            path: None,
            values: Vec::new(),
            call: None,
        }
    }

    /// A warning without a position.
    pub fn warning(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(summary, detail)
        }
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, subject: Span) -> Self {
        self.subject = Some(subject);
        self
    }

    /// Says where, if that is known.
    #[must_use]
    pub fn at_opt(mut self, subject: Option<Span>) -> Self {
        self.subject = subject.or(self.subject);
        self
    }

    /// Says what it is to code that handles it.
    #[must_use]
    pub fn of_kind(mut self, kind: DiagnosticKind) -> Self {
        self.kind = kind;
        self
    }

    /// Names the construct around the subject.
    #[must_use]
    pub fn within(mut self, context: Span) -> Self {
        self.context = Some(context);
        self
    }

    /// Says which object it is about.
    #[must_use]
    pub fn about(mut self, address: impl ToString) -> Self {
        self.address = Some(address.to_string());
        self
    }

    /// Whether it is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Diagnostics in the order they were found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diags(pub Vec<Diagnostic>);

impl Diags {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds all of another.
    pub fn extend(&mut self, other: Diags) {
        self.0.extend(other.0);
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(Diagnostic::is_error)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The diagnostics.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }
}

impl From<Diagnostic> for Diags {
    fn from(d: Diagnostic) -> Self {
        Self(vec![d])
    }
}

impl IntoIterator for Diags {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
