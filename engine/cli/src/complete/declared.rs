//! What the root module declares, for commands that take its names.

use std::sync::Arc;

use muster_config::{ConfigFiles as _, is_config_file};
use muster_lang::{Block, BlockSchema, Body, BodySchema, FileId, syntax};

use super::Word;
use crate::session::Disk;

/// Blocks whose names are completed, with what the names of their labels are.
const BLOCKS: &[(&str, &[&str])] = &[
    ("variable", &["name"]),
    ("output", &["name"]),
    ("locals", &[]),
    ("resource", &["type", "name"]),
    ("data", &["type", "name"]),
];

/// The names of the configuration in the working directory, in order. Only its own files are read,
/// and of these what makes sense.
pub(super) fn names() -> Vec<Word> {
    let files = Disk.list(".").unwrap_or_default();
    let files = files.into_iter().filter(|name| is_config_file(name));
    let mut names: Vec<String> = files.filter_map(|name| read(&name)).flatten().collect();
    names.sort();
    names.dedup();
    names.into_iter().map(Word::new).collect()
}

fn read(file: &str) -> Option<Vec<String>> {
    let text: Arc<str> = std::fs::read_to_string(file).ok()?.into();
    let (body, _) = match file.ends_with(".json") {
        true => syntax::parse_json(FileId(0), &text),
        false => syntax::parse_native(FileId(0), &text),
    };
    Some(of_body(&body))
}

fn of_body(body: &Body) -> Vec<String> {
    let blocks = BLOCKS.iter().map(|(name, labels)| BlockSchema {
        type_name: (*name).into(),
        labels: labels.iter().map(|label| (*label).into()).collect(),
    });
    let schema = BodySchema {
        blocks: blocks.collect(),
        ..BodySchema::default()
    };
    let (content, ..) = body.partial_content(&schema);
    content.blocks.iter().flat_map(of_block).collect()
}

fn of_block(block: &Block) -> Vec<String> {
    let labels: Vec<&str> = block.labels.iter().map(|(label, _)| &**label).collect();
    match (&*block.type_name, &*labels) {
        ("variable", [name]) => vec![format!("var.{name}")],
        ("output", [name]) => vec![format!("output.{name}")],
        ("resource", [kind, name]) => vec![format!("{kind}.{name}")],
        ("data", [kind, name]) => vec![format!("data.{kind}.{name}")],
        ("locals", []) => {
            let (attributes, _) = block.body.just_attributes();
            let names = attributes.iter();
            names.map(|a| format!("local.{}", a.name)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_module() {
        let check = |text: &str, expect: &[&str]| {
            let (body, _) = syntax::parse_native(FileId(0), &text.into());
            assert_eq!(of_body(&body), expect, "{text}");
        };
        check(
            "variable \"a\" {}\nlocals {\n  b = 1\n  c = x y z\n}\noutput \"d\" {}\n",
            &["var.a", "local.b", "local.c", "output.d"],
        );
        check(
            "resource \"t\" \"a\" {\n  x {}\n}\ndata \"t\" \"b\" {}\nmodule \"m\" {}\n",
            &["t.a", "data.t.b"],
        );
        // Somebody is in the middle of typing.
        check("variable \"a\" {}\nresource {{{\n", &["var.a"]);
        check("output {\n}\n", &[]);
    }
}
