//! The schemas of providers, described for tools.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use indexmap::IndexMap;
use muster_provider::Schemas;
use muster_schema::{
    Attribute, AttributeType, Block, FunctionSignature, IdentityAttribute, IdentitySchema,
    NestedBlock, Nesting, Parameter, ProviderSchema, Schema, SchemaMap, Str, StringKind,
};

use crate::json::JsonWriter;

/// Writes what `providers schema -json` prints.
///
/// # Errors
/// Those of `out`.
pub fn write_schemas_json(schemas: &Schemas, out: &mut dyn io::Write) -> io::Result<()> {
    let mut writer = JsonWriter::new(out);
    writer.object(|w| {
        w.key("format_version").string("1.0");
        if schemas.iter().next().is_none() {
            return;
        }
        w.key("provider_schemas").object(|w| {
            for (addr, schema) in schemas.iter() {
                provider(w.key(&addr.to_string()), schema, addr.is_builtin());
            }
        });
    });
    writer.finish()
}

/// A builtin provider takes no configuration, and has no block for it.
fn provider(w: &mut JsonWriter<'_>, schema: &ProviderSchema, builtin: bool) {
    w.object(|w| {
        w.key("provider").object(|w| {
            w.key("version").uint(schema.provider.version);
            if !builtin {
                block(w.key("block"), &schema.provider.block);
            }
        });
        types(w, "resource_schemas", &schema.resources);
        types(w, "data_source_schemas", &schema.data_sources);
        types(w, "ephemeral_resource_schemas", &schema.ephemeral_resources);
        if !schema.functions.is_empty() {
            w.key("functions").object(|w| {
                for (name, signature) in &schema.functions {
                    function(w.key(name), signature);
                }
            });
        }
        identities(w, &schema.identities);
    });
}

/// What objects are known by. A provider that says nothing of it has no such part.
fn identities(w: &mut JsonWriter<'_>, schemas: &BTreeMap<Str, Arc<IdentitySchema>>) {
    if schemas.is_empty() {
        return;
    }
    w.key("resource_identity_schemas").object(|w| {
        for (name, schema) in schemas {
            w.key(name).object(|w| {
                w.key("version").uint(schema.version);
                if schema.attributes.is_empty() {
                    return;
                }
                w.key("attributes").object(|w| {
                    for (name, attribute) in sorted(&schema.attributes) {
                        identity_attribute(w.key(name), attribute);
                    }
                });
            });
        }
    });
}

fn identity_attribute(w: &mut JsonWriter<'_>, one: &IdentityAttribute) {
    w.object(|w| {
        w.key("type").ty(&one.ty);
        text(w, "description", &one.description);
        flag(w, "required_for_import", one.required_for_import);
        flag(w, "optional_for_import", one.optional_for_import);
    });
}

fn types(w: &mut JsonWriter<'_>, key: &str, schemas: &SchemaMap) {
    if schemas.is_empty() {
        return;
    }
    w.key(key).object(|w| {
        for (name, schema) in schemas.iter() {
            versioned(w.key(name), &schema);
        }
    });
}

fn versioned(w: &mut JsonWriter<'_>, schema: &Schema) {
    w.object(|w| {
        w.key("version").uint(schema.version);
        block(w.key("block"), &schema.block);
    });
}

fn block(w: &mut JsonWriter<'_>, body: &Block) {
    w.object(|w| {
        if !body.attributes.is_empty() {
            attributes(w.key("attributes"), &body.attributes);
        }
        if !body.blocks.is_empty() {
            w.key("block_types").object(|w| {
                for (name, nested) in sorted(&body.blocks) {
                    stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
                        nested_block(w.key(name), nested);
                    });
                }
            });
        }
        text(w, "description", &body.description);
        kind(w, body.description_kind);
        flag(w, "deprecated", body.deprecated);
    });
}

fn nested_block(w: &mut JsonWriter<'_>, nested: &NestedBlock) {
    w.object(|w| {
        w.key("nesting_mode").string(nesting(nested.nesting));
        block(w.key("block"), &nested.block);
        for (key, items) in [
            ("min_items", nested.min_items),
            ("max_items", nested.max_items),
        ] {
            if items > 0 {
                w.key(key).uint(items);
            }
        }
    });
}

fn attributes(w: &mut JsonWriter<'_>, all: &IndexMap<Str, Attribute>) {
    w.object(|w| {
        for (name, one) in sorted(all) {
            stacker::maybe_grow(64 * 1024, 1024 * 1024, || attribute(w.key(name), one));
        }
    });
}

fn attribute(w: &mut JsonWriter<'_>, one: &Attribute) {
    w.object(|w| {
        match &one.ty {
            AttributeType::Plain(ty) => w.key("type").ty(ty),
            AttributeType::Nested {
                attributes: inner,
                nesting: shape,
            } => w.key("nested_type").object(|w| {
                if !inner.is_empty() {
                    attributes(w.key("attributes"), inner);
                }
                w.key("nesting_mode").string(nesting(*shape));
            }),
        }
        text(w, "description", &one.description);
        kind(w, one.description_kind);
        flag(w, "deprecated", one.deprecated);
        flag(w, "required", one.required);
        flag(w, "optional", one.optional);
        flag(w, "computed", one.computed);
        flag(w, "sensitive", one.sensitive);
        flag(w, "write_only", one.write_only);
    });
}

fn function(w: &mut JsonWriter<'_>, signature: &FunctionSignature) {
    w.object(|w| {
        text(w, "description", &signature.description);
        text(w, "summary", &signature.summary);
        w.key("return_type").ty(&signature.returns);
        if !signature.params.is_empty() {
            w.key("parameters").array(|w| {
                for param in &signature.params {
                    parameter(w, param);
                }
            });
        }
        if let Some(param) = &signature.variadic {
            parameter(w.key("variadic_parameter"), param);
        }
    });
}

fn parameter(w: &mut JsonWriter<'_>, param: &Parameter) {
    w.object(|w| {
        text(w, "name", &param.name);
        text(w, "description", &param.description);
        flag(w, "is_nullable", param.allow_null);
        w.key("type").ty(&param.ty);
    });
}

fn sorted<T>(all: &IndexMap<Str, T>) -> Vec<(&Str, &T)> {
    let mut sorted: Vec<_> = all.iter().collect();
    sorted.sort_by_key(|(name, _)| *name);
    sorted
}

fn nesting(nesting: Nesting) -> &'static str {
    match nesting {
        Nesting::Single => "single",
        Nesting::Group => "group",
        Nesting::List => "list",
        Nesting::Set => "set",
        Nesting::Map => "map",
    }
}

fn kind(w: &mut JsonWriter<'_>, kind: StringKind) {
    w.key("description_kind").string(match kind {
        StringKind::Plain => "plain",
        StringKind::Markdown => "markdown",
    });
}

fn text(w: &mut JsonWriter<'_>, key: &str, text: &str) {
    if !text.is_empty() {
        w.key(key).string(text);
    }
}

fn flag(w: &mut JsonWriter<'_>, key: &str, value: bool) {
    if value {
        w.key(key).bool(true);
    }
}

#[cfg(test)]
mod tests {
    use muster_addr::ProviderAddr;
    use muster_value::Type;

    use super::*;

    #[test]
    fn only_what_is_said_is_written() {
        let mut all = Schemas::default();
        let mut schema = ProviderSchema::default();
        let mut body = Block::default();
        body.attributes.insert(
            "b".into(),
            Attribute {
                required: true,
                ..Attribute::new(Type::String)
            },
        );
        body.attributes.insert(
            "a".into(),
            Attribute {
                sensitive: true,
                ..Attribute::new(Type::list(Type::Bool))
            },
        );
        let nested = NestedBlock {
            block: Block::default(),
            nesting: Nesting::Set,
            min_items: 0,
            max_items: 2,
        };
        body.blocks.insert("n".into(), nested);
        schema.resources.insert(
            "r",
            Arc::new(Schema {
                version: 3,
                block: body,
            }),
        );
        all.insert(ProviderAddr::new("x", "y"), Arc::new(schema));
        let mut out = Vec::new();
        write_schemas_json(&all, &mut out).unwrap();
        let expect = r#"{"format_version":"1.0","provider_schemas":{"registry.terraform.io/x/y":{"provider":{"version":0,"block":{"description_kind":"plain"}},"resource_schemas":{"r":{"version":3,"block":{"attributes":{"a":{"type":["list","bool"],"description_kind":"plain","sensitive":true},"b":{"type":"string","description_kind":"plain","required":true}},"block_types":{"n":{"nesting_mode":"set","block":{"description_kind":"plain"},"max_items":2}},"description_kind":"plain"}}}}}}"#;
        assert_eq!(String::from_utf8(out).unwrap(), expect);
    }

    #[test]
    fn identities_are_written() {
        let part = |required, optional, description: &str| IdentityAttribute {
            ty: Type::String,
            required_for_import: required,
            optional_for_import: optional,
            description: description.to_owned(),
        };
        let identity = IdentitySchema {
            version: 2,
            attributes: IndexMap::from([
                ("name".into(), part(true, false, "Its name.")),
                ("account".into(), part(false, true, "")),
            ]),
        };
        let mut schema = ProviderSchema::default();
        schema.identities.insert("r".into(), Arc::new(identity));
        let mut all = Schemas::default();
        all.insert(ProviderAddr::new("x", "y"), Arc::new(schema));
        let mut out = Vec::new();
        write_schemas_json(&all, &mut out).unwrap();
        let found: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let found = &found["provider_schemas"]["registry.terraform.io/x/y"];
        let expect = serde_json::json!({ "r": { "version": 2, "attributes": {
            "account": { "type": "string", "optional_for_import": true },
            "name": { "type": "string", "description": "Its name.", "required_for_import": true },
        }}});
        assert_eq!(found["resource_identity_schemas"], expect);
    }
}
