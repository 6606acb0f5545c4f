//! The machine-readable form.

use muster_lang::functions::{self, Function, Param};
use muster_lang::{Diagnostic, Severity};

use super::DiagnosticRenderer;
use super::snippet::{Position, Snippet};
use crate::json::JsonWriter;

pub(super) fn write(r: &DiagnosticRenderer<'_>, w: &mut JsonWriter<'_>, diagnostic: &Diagnostic) {
    w.object(|w| {
        w.key("severity").string(match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        });
        w.key("summary").string(&diagnostic.summary);
        w.key("detail").string(&diagnostic.detail);
        if let Some(address) = &diagnostic.address {
            w.key("address").string(address);
        }
        if let Some(snippet) = r.snippet(diagnostic) {
            write_range(w, &snippet);
            write_snippet(w, &snippet, diagnostic);
        }
    });
}

fn write_range(w: &mut JsonWriter<'_>, snippet: &Snippet<'_>) {
    let position = |w: &mut JsonWriter<'_>, p: Position| {
        w.object(|w| {
            w.key("line").uint(p.line as u64);
            w.key("column").uint(p.column as u64);
            w.key("byte").uint(p.byte as u64);
        });
    };
    let (start, mut end) = (snippet.start, snippet.end);
    if start.byte == end.byte {
        // Nobody would see an empty range, such as that of the end of a file.
        end.column += 1;
        end.byte += 1;
    }
    w.key("range").object(|w| {
        w.key("filename").string(snippet.filename);
        position(w.key("start"), start);
        position(w.key("end"), end);
    });
}

fn write_snippet(w: &mut JsonWriter<'_>, snippet: &Snippet<'_>, diagnostic: &Diagnostic) {
    w.key("snippet").object(|w| {
        match &snippet.context {
            Some(context) => w.key("context").string(context),
            None => w.key("context").null(),
        }
        w.key("code").string(snippet.code);
        w.key("start_line").uint(snippet.start_line as u64);
        w.key("highlight_start_offset")
            .uint(snippet.highlight.0 as u64);
        w.key("highlight_end_offset")
            .uint(snippet.highlight.1 as u64);
        w.key("values").array(|w| {
            for (traversal, statement) in &diagnostic.values {
                w.object(|w| {
                    w.key("traversal").string(traversal);
                    w.key("statement").string(statement);
                });
            }
        });
        let function = diagnostic.call.and_then(functions::lookup);
        if let Some(function) = function {
            w.key("function_call").object(|w| {
                w.key("called_as").string(function.name);
                write_signature(w.key("signature"), function);
            });
        }
    });
}

/// What a function takes and gives.
fn write_signature(w: &mut JsonWriter<'_>, function: &Function) {
    let param = |w: &mut JsonWriter<'_>, param: &Param| {
        w.object(|w| {
            w.key("name").string(param.name);
            w.key("type").ty(&(param.ty)());
        });
    };
    w.object(|w| {
        w.key("name").string(function.name);
        w.key("params").array(|w| {
            for each in function.params {
                param(w, each);
            }
        });
        if let Some(variadic) = &function.variadic {
            param(w.key("variadic_param"), variadic);
        }
        w.key("return_type").ty(&(function.returns.ty)(&[]));
    });
}
