//! Any bytes as a file in either syntax.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_fuzz::{FILE, check_diags, check_span, look_at, text};
use muster_lang::syntax::{TokenKind, Tree, parse_json, parse_native, parse_tree};
use muster_lang::{AttributeSchema, BlockSchema, Body, BodySchema, Str};

/// Bodies inside bodies are looked at down to this depth.
const DEPTH: usize = 2;

/// Tokens cover every byte, and nodes nest.
fn check_tree(tree: &Tree, text: &str) {
    let all: String = (0..tree.token_count())
        .map(|t| tree.token_text(t))
        .collect();
    assert_eq!(all, text);
    let last = tree.token_count() - 1;
    assert_eq!(tree.token_kind(last), TokenKind::Eof);
    assert_eq!(tree.token_text(last), "");
    for node in 0..=tree.root() {
        check_span(tree.span(node), text);
        let range = tree.tokens(node);
        let mut from = range.start;
        for child in tree.children(node) {
            let inner = tree.tokens(child);
            assert!(
                from <= inner.start && inner.end <= range.end,
                "{node} {child}"
            );
            from = inner.end;
        }
    }
}

/// A schema of every name in a file, blocks with `labels` labels.
fn schema(names: &[Str], labels: usize) -> BodySchema {
    let attributes = names.iter().map(|name| AttributeSchema {
        name: name.clone(),
        required: false,
    });
    let blocks = names.iter().map(|name| BlockSchema {
        type_name: name.clone(),
        labels: vec!["name".into(); labels],
    });
    BodySchema {
        attributes: attributes.collect(),
        blocks: blocks.collect(),
    }
}

fn check_body(body: &Body, names: &[Str], depth: usize, text: &str) {
    check_span(body.missing_item_span(), text);
    let (attributes, diags) = body.just_attributes();
    check_diags(&diags, text);
    for attribute in &attributes {
        check_span(attribute.name_span, text);
        check_span(attribute.span, text);
        look_at(&attribute.expr, text);
    }
    for labels in 0..3 {
        let (whole, diags) = body.content(&schema(names, labels));
        check_diags(&diags, text);
        let (some, rest, diags) = body.partial_content(&schema(&names[..names.len() / 2], labels));
        check_diags(&diags, text);
        let (others, diags) = rest.content(&schema(names, labels));
        check_diags(&diags, text);
        // In two steps the same is found as in one.
        assert_eq!(
            whole.attributes.len(),
            some.attributes.len() + others.attributes.len()
        );
        if depth == 0 {
            continue;
        }
        for block in &whole.blocks {
            check_span(block.header, text);
            block
                .labels
                .iter()
                .for_each(|(_, at)| check_span(*at, text));
            check_body(&block.body, names, depth - 1, text);
        }
    }
}

/// Names to ask for: the words of a file, and the attributes of its root.
fn names(tree: &Tree, body: &Body) -> Vec<Str> {
    let words = (0..tree.token_count()).filter(|t| tree.token_kind(*t) == TokenKind::Ident);
    let mut names: Vec<Str> = words.map(|t| tree.token_text(t).into()).collect();
    names.extend(body.just_attributes().0.into_iter().map(|a| a.name));
    names.sort();
    names.dedup();
    // What one body is asked for is never long, and asking costs time for each name.
    names.truncate(12);
    names
}

fn check(body: &Body, tree: &Tree, text: &str) {
    for reference in body.references() {
        check_span(reference.span, text);
        check_span(reference.full_span, text);
    }
    check_body(body, &names(tree, body), DEPTH, text);
}

fuzz_target!(|data: &[u8]| {
    let text = text(data);
    let (tree, _) = parse_tree(FILE, &text);
    check_tree(&tree, &text);
    let (body, diags) = parse_native(FILE, &text);
    check_diags(&diags, &text);
    check(&body, &tree, &text);
    let (body, diags) = parse_json(FILE, &text);
    check_diags(&diags, &text);
    check(&body, &tree, &text);
});
