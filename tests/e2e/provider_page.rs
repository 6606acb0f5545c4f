//! The examples of docs/provider.md, and whether it names everything that there is.

use serde_json::{Map, Value};

use crate::harness::{Work, root};

fn page() -> String {
    std::fs::read_to_string(root().join("docs/provider.md")).unwrap()
}

/// The examples make one configuration.
fn examples() -> Work {
    let page = page();
    let blocks = page.split("```hcl\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap_or_default());
    Work::with(&blocks.collect::<Vec<_>>().join("\n"))
}

#[test]
fn its_examples_work() {
    let work = examples();
    work.run(&["fmt", "-check", "-diff"]).code(0);
    work.run(&["init"]).code(0);
    work.run(&["validate"])
        .code(0)
        .says(&["Success! The configuration is valid.\n"]);
    work.run(&["apply", "-auto-approve"])
        .code(0)
        .says(&["6 added, 0 changed, 0 destroyed."]);
    let value = |name: &str| work.json(&["output", "-json", name]);
    assert_eq!(value("rpo_seconds"), 5400);
    assert_eq!(value("has_room"), true);
    work.run(&["destroy", "-auto-approve"])
        .code(0)
        .says(&["6 destroyed."]);
}

/// The part of the page with this title.
fn part<'p>(page: &'p str, title: &str) -> &'p str {
    let heading = format!("\n## {title}\n");
    let (_, rest) = page
        .split_once(&heading)
        .unwrap_or_else(|| panic!("no part {title:?}"));
    rest.split("\n## ").next().unwrap_or_default()
}

/// The names of all attributes and blocks, those inside of others too.
fn names(block: &Map<String, Value>, into: &mut Vec<String>) {
    let members = |key: &str| block.get(key).and_then(Value::as_object);
    for (name, attribute) in members("attributes").into_iter().flatten() {
        into.push(name.clone());
        if let Some(nested) = attribute["nested_type"].as_object() {
            names(nested, into);
        }
    }
    for (name, nested) in members("block_types").into_iter().flatten() {
        into.push(name.clone());
        names(nested["block"].as_object().unwrap(), into);
    }
}

#[test]
fn it_names_everything() {
    let page = page();
    let work = examples();
    let all = work.json(&["providers", "schema", "-json"]);
    let schemas = &all["provider_schemas"]["registry.terraform.io/muster/muster"];
    let titled = [
        ("resource_schemas", ""),
        ("data_source_schemas", "data "),
        ("ephemeral_resource_schemas", "ephemeral "),
    ];
    for (kind, prefix) in titled {
        let types = schemas[kind].as_object().unwrap();
        assert!(!types.is_empty(), "{kind}");
        for (name, schema) in types {
            let text = part(&page, &format!("{prefix}{name}"));
            let mut wanted = Vec::new();
            names(schema["block"].as_object().unwrap(), &mut wanted);
            for attribute in wanted {
                let named = format!("`{attribute}`");
                assert!(text.contains(&named), "{name} has no {named} on the page");
            }
        }
    }
    let text = part(&page, "Configuration");
    for name in ["`sim`", "`path`", "`latency`"] {
        assert!(text.contains(name), "{name}");
    }
    let functions = schemas["functions"].as_object().unwrap();
    for name in functions.keys() {
        assert!(
            part(&page, "Functions").contains(&format!("`{name}(")),
            "{name}"
        );
    }
    // Everything is known by its id.
    for (name, identity) in schemas["resource_identity_schemas"].as_object().unwrap() {
        let attributes = identity["attributes"].as_object().unwrap();
        assert_eq!(attributes.keys().collect::<Vec<_>>(), ["id"], "{name}");
    }
}
