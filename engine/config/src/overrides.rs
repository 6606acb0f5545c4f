//! Override files: blocks whose content is laid over blocks of the same name in ordinary files.

use std::collections::HashMap;
use std::sync::LazyLock;

use muster_lang::{Block, Body, BodySchema};

use crate::Str;
use crate::decode::{Decoder, schema};

static REPETITION: LazyLock<BodySchema> =
    LazyLock::new(|| schema(&[], &["count", "for_each"], &[]));

static DEPENDS_ON: LazyLock<BodySchema> = LazyLock::new(|| schema(&[], &["depends_on"], &[]));

static ALIAS: LazyLock<BodySchema> = LazyLock::new(|| schema(&[], &["alias"], &[]));

/// Blocks inside others that are merged by argument and not replaced as a whole.
const MERGED_INSIDE: &[&str] = &["lifecycle"];

/// What a block is found by: type, labels, and the alias of a provider.
type Key = (Str, Vec<Str>, Option<Str>);

/// Lays the override blocks over the base blocks. Returns those that replace by entry instead:
/// `locals` and `terraform`.
pub(crate) fn apply(
    cx: &mut Decoder<'_>,
    base: &mut Vec<Block>,
    overriding: Vec<Block>,
) -> Vec<Block> {
    let mut late = Vec::new();
    if overriding.is_empty() {
        return late;
    }
    let mut index: HashMap<Key, usize> = HashMap::new();
    for (i, block) in base.iter().enumerate() {
        index.entry(key(block)).or_insert(i);
    }
    for block in overriding {
        match &*block.type_name {
            "locals" | "terraform" => late.push(block),
            "moved" | "import" | "removed" => {
                let summary = format!("Cannot override '{}' blocks", block.type_name);
                let detail = "Blocks of this type stand in ordinary files only.";
                cx.error(&summary, detail, block.header);
            }
            "check" => {
                let detail = "Blocks of this type stand in ordinary files only.";
                cx.error("Can't override check blocks", detail, block.header);
            }
            _ => match index.get(&key(&block)) {
                Some(at) => base[*at] = merge(cx, &base[*at], &block),
                // Every provider has a default configuration, if only an empty one.
                None if &*block.type_name == "provider" && key(&block).2.is_none() => {
                    index.insert(key(&block), base.len());
                    base.push(block);
                }
                None => missing_base(cx, &block),
            },
        }
    }
    late
}

/// One body laid over another: arguments replace arguments, and the blocks of a type replace all
/// blocks of the type, save that blocks of the types in `inside` are merged in the same way.
pub(crate) fn merge_bodies(base: &Body, over: &Body, inside: &[&str]) -> Body {
    base.overridden_by(over, inside)
}

fn key(block: &Block) -> Key {
    let labels = block
        .labels
        .iter()
        .map(|(label, _)| label.clone())
        .collect();
    let alias = (&*block.type_name == "provider").then(|| {
        let (content, _, _) = block.body.partial_content(&ALIAS);
        content
            .attribute("alias")?
            .expr
            .as_literal()?
            .as_str()
            .cloned()
    });
    (block.type_name.clone(), labels, alias.flatten())
}

fn merge(cx: &mut Decoder<'_>, base: &Block, over: &Block) -> Block {
    let (dependencies, _, _) = over.body.partial_content(&DEPENDS_ON);
    for attribute in &dependencies.attributes {
        if attribute
            .expr
            .as_list()
            .is_none_or(|items| !items.is_empty())
        {
            let detail = "depends_on cannot be overridden: change it in the ordinary file.";
            cx.error("Unsupported override", detail, attribute.name_span);
        }
    }
    let (repetition, _, _) = over.body.partial_content(&REPETITION);
    let (_, without_repetition, _) = base.body.partial_content(&REPETITION);
    // A new kind of repetition takes the place of the old one.
    let replaced = !repetition.attributes.is_empty();
    let body = if replaced {
        &without_repetition
    } else {
        &base.body
    };
    Block {
        body: merge_bodies(body, &over.body, MERGED_INSIDE),
        ..base.clone()
    }
}

fn missing_base(cx: &mut Decoder<'_>, block: &Block) {
    let summary = match &*block.type_name {
        "variable" => "Missing base variable declaration to override",
        "output" => "Missing base output definition to override",
        "module" => "Missing module call to override",
        "resource" => "Missing resource to override",
        "data" => "Missing data resource to override",
        "ephemeral" => "Missing ephemeral resource to override",
        _ => "Missing base provider configuration for override",
    };
    let labels: Vec<_> = block
        .labels
        .iter()
        .map(|(label, _)| format!(" {label:?}"))
        .collect();
    let detail = format!(
        "There is no {}{} in the ordinary files, so there is nothing to override.",
        block.type_name,
        labels.concat()
    );
    cx.error(summary, detail, block.header);
}
