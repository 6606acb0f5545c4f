//! Diagnostics as people and tools read them.

mod json;
mod snippet;
mod text;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use muster_lang::{Diagnostic, Diags, FileId, Severity, Sources, Span};

use crate::Style;
use crate::json::{JsonWriter, to_string};
use snippet::{FileIndex, Snippet};

/// Draws diagnostics. Keeps an index of every file that was needed, so that many diagnostics
/// about one long file cost no more than reading it once.
#[derive(Debug)]
pub struct DiagnosticRenderer<'s> {
    sources: &'s Sources,
    style: Style,
    files: RefCell<HashMap<FileId, Rc<FileIndex>>>,
}

impl<'s> DiagnosticRenderer<'s> {
    /// A renderer for diagnostics about these sources.
    pub fn new(sources: &'s Sources, style: Style) -> Self {
        Self {
            sources,
            style,
            files: RefCell::default(),
        }
    }

    /// One diagnostic as text: in a box with a left border with colour, as plain paragraphs
    /// without. Ends with a newline.
    pub fn text(&self, diagnostic: &Diagnostic) -> String {
        text::draw(self, diagnostic, "")
    }

    /// All diagnostics as text. Warnings of the same summary are told once, with a note on how
    /// many more there are; `compact` leaves just their summaries and places.
    pub fn all(&self, diagnostics: &Diags, compact: bool) -> String {
        text::draw_all(self, diagnostics, compact)
    }

    /// One diagnostic as a JSON object on one line.
    pub fn json(&self, diagnostic: &Diagnostic) -> String {
        to_string(|w| self.write_json(w, diagnostic))
    }

    /// What `validate -json` prints: the verdict and all diagnostics, indented. Ends with
    /// a newline.
    pub fn validate_json(&self, diagnostics: &Diags) -> String {
        let count = |severity: Severity| {
            diagnostics
                .iter()
                .filter(|d| d.severity == severity)
                .count() as u64
        };
        let json = to_string(|w| {
            w.object(|w| {
                w.key("format_version").string("1.0");
                w.key("valid").bool(!diagnostics.has_errors());
                w.key("error_count").uint(count(Severity::Error));
                w.key("warning_count").uint(count(Severity::Warning));
                w.key("diagnostics").array(|w| {
                    for diagnostic in diagnostics.iter() {
                        self.write_json(w, diagnostic);
                    }
                });
            });
        });
        crate::json::indent(&json) + "\n"
    }

    pub(crate) fn write_json(&self, w: &mut JsonWriter<'_>, diagnostic: &Diagnostic) {
        json::write(self, w, diagnostic);
    }

    fn index(&self, file: FileId) -> Option<Rc<FileIndex>> {
        if let Some(found) = self.files.borrow().get(&file) {
            return Some(found.clone());
        }
        let index = Rc::new(FileIndex::new(&self.sources.get(file)?.text));
        self.files.borrow_mut().insert(file, index.clone());
        Some(index)
    }

    fn snippet(&self, diagnostic: &Diagnostic) -> Option<Snippet<'s>> {
        let subject = diagnostic.subject?;
        let file = self.sources.get(subject.file)?;
        let index = self.index(subject.file)?;
        let context = diagnostic.context.map_or(subject, |c: Span| subject.to(c));
        Some(Snippet::new(
            &file.name, &file.text, &index, subject, context,
        ))
    }
}

#[cfg(test)]
mod tests;
