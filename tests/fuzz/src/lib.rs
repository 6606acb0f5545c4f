//! What the fuzz targets share.

mod scope;
mod types;

use std::sync::Arc;

use muster_lang::{Diags, Expr, FileId, RawExpr, Span, expr::Node};

pub use scope::{Empty, Fixtures};
pub use types::{TYPES, conforms};

/// The file every input is.
pub const FILE: FileId = FileId(0);

/// Any bytes as text, read as a file that is not UTF-8 would be shown.
pub fn text(data: &[u8]) -> Arc<str> {
    String::from_utf8_lossy(data).into()
}

/// A span must cut the text between characters, or drawing a snippet would panic.
pub fn check_span(span: Span, text: &str) {
    let (start, end) = (span.start as usize, span.end as usize);
    assert_eq!(span.file, FILE);
    assert!(text.get(start..end).is_some(), "{start}..{end} in {text:?}");
}

/// Diagnostics say something and point into the text.
pub fn check_diags(diags: &Diags, text: &str) {
    for d in diags.iter() {
        assert!(!d.summary.is_empty());
        for span in [d.subject, d.context].into_iter().flatten() {
            check_span(span, text);
        }
    }
}

/// Everything one may ask of an expression as it stands in the source; gives the lowered one.
pub fn look_at(raw: &RawExpr, text: &str) -> (Expr, Diags) {
    check_span(raw.span(), text);
    raw.as_keyword();
    raw.as_traversal();
    raw.as_list();
    raw.as_pairs();
    raw.as_call();
    let (expr, diags) = raw.lower(&[]);
    check_diags(&diags, text);
    for reference in expr.references() {
        check_span(reference.span, text);
        check_span(reference.full_span, text);
    }
    if let Some(value) = raw.as_literal() {
        assert!(value.is_wholly_known() && !value.is_marked_deep());
    }
    (expr, diags)
}

/// Whether evaluation ends soon: loops inside loops multiply, and an input of a few bytes could
/// keep the fuzzer busy for hours without anything being wrong.
pub fn is_quick(expr: &Expr) -> bool {
    let heavy = |n: &&Node| match n {
        Node::For(_) | Node::TemplateFor(_) | Node::Splat { .. } => true,
        Node::Call { function, .. } => {
            matches!(
                function.name,
                "setproduct" | "range" | "templatefile" | "templatestring"
            )
        }
        _ => false,
    };
    expr.0.nodes.iter().filter(heavy).count() <= 3
}
