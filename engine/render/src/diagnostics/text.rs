//! The form for people.

use std::collections::HashMap;
use std::fmt::Write as _;

use muster_lang::functions;
use muster_lang::{Diagnostic, Diags, Severity};

use super::DiagnosticRenderer;
use super::snippet::Snippet;
use crate::style::{Paint, Style, wrap};

pub(super) fn draw(r: &DiagnosticRenderer<'_>, diagnostic: &Diagnostic, note: &str) -> String {
    let style = r.style;
    let (word, paint) = match diagnostic.severity {
        Severity::Error => ("Error: ", Paint::Red),
        Severity::Warning => ("Warning: ", Paint::Yellow),
    };
    let mut body = String::new();
    if style.color {
        body.push_str("\x1b[1m");
        style.paint(&mut body, paint, word);
        style.paint(&mut body, Paint::Bold, &diagnostic.summary);
    } else {
        body.push_str(word);
        body.push_str(&diagnostic.summary);
    }
    body.push_str("\n\n");
    draw_place(r, diagnostic, &mut body);
    let detail = [diagnostic.detail.trim_end(), note].concat();
    if !detail.is_empty() {
        let border = if style.color { 2 } else { 0 };
        let width = style.width.map(|w| w.saturating_sub(border + 1).max(20));
        body.push_str(&wrap(&detail, width));
        body.push('\n');
    }
    frame(style, paint, body.trim_end_matches('\n'))
}

/// The left border, or just an empty line before.
fn frame(style: Style, paint: Paint, body: &str) -> String {
    if !style.color {
        return format!("\n{body}\n");
    }
    let mut out = style.painted(paint, "╷");
    out.push('\n');
    for line in body.split('\n') {
        style.paint(&mut out, paint, "│");
        let _ = writeln!(out, " {line}");
    }
    style.paint(&mut out, paint, "╵");
    out.push('\n');
    out
}

fn draw_place(r: &DiagnosticRenderer<'_>, diagnostic: &Diagnostic, out: &mut String) {
    let snippet = r.snippet(diagnostic);
    if let Some(address) = &diagnostic.address {
        let end = if snippet.is_some() || diagnostic.path.is_some() {
            ","
        } else {
            ":"
        };
        let _ = writeln!(out, "  with {address}{end}");
    }
    if let Some(snippet) = &snippet {
        draw_snippet(r.style, snippet, diagnostic, out);
    } else if let Some(path) = diagnostic.path.as_ref().filter(|p| !p.is_root()) {
        let path = path.to_string();
        let _ = writeln!(out, "  at {}:", path.trim_start_matches('.'));
    }
    if snippet.is_some() || diagnostic.address.is_some() || diagnostic.path.is_some() {
        out.push('\n');
    }
}

fn draw_snippet(style: Style, snippet: &Snippet<'_>, diagnostic: &Diagnostic, out: &mut String) {
    let _ = write!(out, "  on {} line {}", snippet.filename, snippet.start.line);
    if let Some(context) = &snippet.context {
        let _ = write!(out, ", in {context}");
    }
    out.push_str(":\n");
    let mut offset = 0;
    for (i, line) in snippet.code.split('\n').enumerate() {
        let _ = write!(out, "{:>4}: ", snippet.start_line + i);
        draw_line(style, line, offset, snippet.highlight, out);
        out.push('\n');
        offset += line.len() + 1;
    }
    let call = diagnostic.call.and_then(functions::lookup);
    if diagnostic.values.is_empty() && call.is_none() {
        return;
    }
    let _ = writeln!(
        out,
        "    {}",
        style.painted(Paint::Dim, "├────────────────")
    );
    let border = style.painted(Paint::Dim, "│");
    if let Some(function) = call {
        let params = function.params.iter().map(|param| param.name.to_owned());
        let rest = function.variadic.iter().map(|p| format!("{}...", p.name));
        let params: Vec<String> = params.chain(rest).collect();
        let name = style.painted(Paint::Bold, function.name);
        let _ = writeln!(
            out,
            "    {border} while calling {name}({})",
            params.join(", ")
        );
    }
    for (traversal, statement) in &diagnostic.values {
        let traversal = style.painted(Paint::Bold, traversal);
        let _ = writeln!(out, "    {border} {traversal} {statement}");
    }
}

/// A line of source text that begins at `offset` of the snippet, its subject underlined.
fn draw_line(
    style: Style,
    line: &str,
    offset: usize,
    (from, to): (usize, usize),
    out: &mut String,
) {
    let clamp = |at: usize| line.floor_char_boundary(at.saturating_sub(offset).min(line.len()));
    let (from, to) = (clamp(from), clamp(to));
    out.push_str(&line[..from]);
    style.paint(out, Paint::Underline, line[from..to].trim_end_matches('\r'));
    out.push_str(line[to..].trim_end_matches('\r'));
}

pub(super) fn draw_all(r: &DiagnosticRenderer<'_>, diagnostics: &Diags, compact: bool) -> String {
    let mut more: HashMap<&str, usize> = HashMap::new();
    for warning in diagnostics.iter().filter(|d| !d.is_error()) {
        *more.entry(&warning.summary).or_default() += 1;
    }
    let mut out = String::new();
    let mut warnings = String::new();
    for diagnostic in diagnostics.iter() {
        if diagnostic.is_error() {
            out.push_str(&draw(r, diagnostic, ""));
            continue;
        }
        // Only the first of its kind is left in the map.
        let Some(count) = more.remove(diagnostic.summary.as_str()) else {
            continue;
        };
        if compact {
            draw_compact(r, diagnostic, count - 1, &mut warnings);
        } else {
            let note = match count - 1 {
                0 => String::new(),
                1 => "\n\n(and one more similar warning elsewhere)".to_owned(),
                n => format!("\n\n(and {n} more similar warnings elsewhere)"),
            };
            out.push_str(&draw(r, diagnostic, &note));
        }
    }
    if warnings.is_empty() {
        return out;
    }
    let title = r.style.painted(Paint::Yellow, "Warnings:");
    let hint = "To see the full warning notes, run muster without -compact-warnings.";
    format!("{title}\n\n{warnings}\n{hint}\n{out}")
}

fn draw_compact(r: &DiagnosticRenderer<'_>, warning: &Diagnostic, more: usize, out: &mut String) {
    let _ = writeln!(out, "- {}", warning.summary);
    let place = match (r.snippet(warning), &warning.address) {
        (Some(snippet), _) => format!("on {} line {}", snippet.filename, snippet.start.line),
        (None, Some(address)) => format!("with {address}"),
        (None, None) => String::new(),
    };
    let more = if more > 0 {
        format!("(and {more} more)")
    } else {
        String::new()
    };
    let line = [place.as_str(), more.as_str()].join(" ");
    if !line.trim().is_empty() {
        let _ = writeln!(out, "  {}", line.trim());
    }
}
