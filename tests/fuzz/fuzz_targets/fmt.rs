//! Formatting any file: what is formatted stays as it is, and no token changes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_fuzz::{FILE, check_diags, text};
use muster_lang::fmt::format;
use muster_lang::syntax::{NodeKind, TokenKind, Tree, parse_tree};

/// Whether there may be notations that formatting replaces by others.
fn is_rewritten(tree: &Tree) -> bool {
    let by_token = |t: usize| match tree.token_kind(t) {
        TokenKind::Interp => true,
        TokenKind::Ident => tree.token_text(t) == "type",
        // A comment before a label is taken away.
        TokenKind::Comment => tree.token_text(t).starts_with("/*"),
        _ => false,
    };
    let by_node = |n: u32| match tree.kind(n) {
        // The step of a number becomes its fraction: `1 . 2`.
        NodeKind::Index | NodeKind::LegacyIndex => true,
        NodeKind::Label => !is_plain_label(tree, n),
        _ => false,
    };
    (0..tree.token_count()).any(by_token) || (0..=tree.root()).any(by_node)
}

fn is_plain_label(tree: &Tree, label: u32) -> bool {
    let text: String = tree.tokens(label).map(|t| tree.token_text(t)).collect();
    let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
    inner.is_some_and(|t| t.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// The tokens that mean something, and comments.
fn tokens(tree: &Tree) -> Vec<(TokenKind, &str)> {
    let seen = |t: &usize| {
        let kind = tree.token_kind(*t);
        !matches!(kind, TokenKind::Whitespace | TokenKind::Newline)
    };
    let token = |t: usize| (tree.token_kind(t), tree.token_text(t).trim());
    (0..tree.token_count()).filter(seen).map(token).collect()
}

fuzz_target!(|data: &[u8]| {
    let text = text(data);
    let formatted = match format(FILE, &text) {
        Ok(formatted) => formatted.into(),
        Err(diags) => return check_diags(&diags, &text),
    };
    let (tree, _) = parse_tree(FILE, &text);
    if is_rewritten(&tree) {
        return;
    }
    let (again, diags) = parse_tree(FILE, &formatted);
    assert!(!diags.has_errors(), "{text:?} {formatted:?} {diags:?}");
    assert_eq!(tokens(&tree), tokens(&again));
    let twice = format(FILE, &formatted);
    assert_eq!(twice.as_deref(), Ok(&*formatted), "{text:?}");
});
