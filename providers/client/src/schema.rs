//! Schemas as they come over the wire. Only the outermost layer of the answer is read at once;
//! the schema of a type is laid out when somebody asks for it.

use std::ops::Range;
use std::sync::Arc;

use muster_lang::Diags;
use muster_schema::{
    Attribute, AttributeType, Block, FunctionSignature, IdentityAttribute, IdentitySchema,
    NestedBlock, Nesting, Parameter, ProviderSchema, Schema, StringKind,
};
use muster_value::{Type, type_from_json};
use muster_wire::{tfplugin5, tfplugin6};
use prost::Message;
use tonic::codegen::Bytes;

use crate::Str;

/// Lays out an answer to the call for schemas, of protocol `version`.
pub(crate) fn provider_schema(
    bytes: &Bytes,
    version: u32,
) -> Result<(ProviderSchema, Diags), String> {
    let mut found = ProviderSchema::default();
    let mut diags = Vec::new();
    for field in Fields::new(bytes) {
        let (number, range) = field?;
        let slice = bytes.slice(range);
        match number {
            1 => found.provider = schema(&slice, version)?,
            2 => lazy(&mut found.resources, slice, version)?,
            3 => lazy(&mut found.data_sources, slice, version)?,
            4 => diags.push(tfplugin6::Diagnostic::decode(slice).map_err(|e| e.to_string())?),
            5 => found.provider_meta = Some(schema(&slice, version)?),
            6 => {
                let able =
                    tfplugin6::ServerCapabilities::decode(slice).map_err(|e| e.to_string())?;
                found.plan_destroy = able.plan_destroy;
                found.schema_optional = able.get_provider_schema_optional;
                found.move_resource_state = able.move_resource_state;
            }
            7 => {
                let (name, body) = entry(&slice)?;
                let message = tfplugin6::Function::decode(body).map_err(|e| e.to_string())?;
                found.functions.insert(name, function(message)?);
            }
            8 => lazy(&mut found.ephemeral_resources, slice, version)?,
            IDENTITIES => {
                let answer = tfplugin6::get_resource_identity_schemas::Response::decode(slice)
                    .map_err(|e| e.to_string())?;
                diags.extend(answer.diagnostics);
                for (name, message) in answer.identity_schemas {
                    let identity = identity(message)
                        .map_err(|reason| format!("the identity schema of {name}: {reason}"))?;
                    found.identities.insert(name.into(), Arc::new(identity));
                }
            }
            _ => {}
        }
    }
    Ok((found, crate::convert::diags(diags)))
}

/// A field that the protocol does not have, under which the answer to the call for identity
/// schemas is kept with the answer to the call for all others.
const IDENTITIES: u64 = 1000;

/// Both answers as one.
pub(crate) fn with_identities(schemas: &Bytes, identities: &Bytes) -> Bytes {
    let mut both = Vec::with_capacity(schemas.len() + identities.len() + 16);
    both.extend_from_slice(schemas);
    prost::encoding::encode_varint((IDENTITIES << 3) | 2, &mut both);
    prost::encoding::encode_varint(identities.len() as u64, &mut both);
    both.extend_from_slice(identities);
    both.into()
}

/// The messages of both versions are the same.
fn identity(message: tfplugin6::ResourceIdentitySchema) -> Result<IdentitySchema, String> {
    let attribute = |message: tfplugin6::resource_identity_schema::IdentityAttribute| {
        let ty = ty(&message.r#type).map_err(|e| format!("attribute {}: {e}", message.name))?;
        let attribute = IdentityAttribute {
            ty,
            required_for_import: message.required_for_import,
            optional_for_import: message.optional_for_import,
            description: message.description,
        };
        Ok((message.name.into(), attribute))
    };
    let attributes = message.identity_attributes.into_iter().map(attribute);
    Ok(IdentitySchema {
        version: u64::try_from(message.version)
            .map_err(|_| "its version is negative".to_owned())?,
        attributes: attributes.collect::<Result<_, String>>()?,
    })
}

/// Lays out everything once and forgets it, to find what is wrong with an answer that nobody has
/// looked at yet.
pub(crate) fn check(bytes: &Bytes, version: u32) -> Result<(), String> {
    for field in Fields::new(bytes) {
        let (number, range) = field?;
        if matches!(number, 2 | 3 | 8) {
            let (name, body) = entry(&bytes.slice(range))?;
            schema(&body, version).map_err(|reason| format!("the schema of {name}: {reason}"))?;
        }
    }
    Ok(())
}

fn lazy(map: &mut muster_schema::SchemaMap, slice: Bytes, version: u32) -> Result<(), String> {
    let (name, body) = entry(&slice)?;
    // Answers are checked when they come, before they are kept.
    map.insert_lazy(name, move || schema(&body, version).unwrap_or_default());
    Ok(())
}

/// Key and value of an entry of a map.
fn entry(slice: &Bytes) -> Result<(Str, Bytes), String> {
    let mut name: Str = "".into();
    let mut body = Bytes::new();
    for field in Fields::new(slice) {
        match field? {
            (1, range) => {
                let text = std::str::from_utf8(&slice[range]).map_err(|e| e.to_string())?;
                name = text.into();
            }
            (2, range) => body = slice.slice(range),
            _ => {}
        }
    }
    Ok((name, body))
}

fn schema(bytes: &Bytes, version: u32) -> Result<Arc<Schema>, String> {
    let bytes = bytes.clone();
    let schema = match version {
        5 => v5::schema(tfplugin5::Schema::decode(bytes).map_err(|e| e.to_string())?),
        _ => v6::schema(tfplugin6::Schema::decode(bytes).map_err(|e| e.to_string())?),
    };
    schema.map(Arc::new)
}

/// The fields of a message that have a length of their own: all that matter here.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn varint(&mut self) -> Result<u64, String> {
        let mut rest = &self.bytes[self.at..];
        let before = rest.len();
        let number = prost::encoding::decode_varint(&mut rest).map_err(|e| e.to_string())?;
        self.at += before - rest.len();
        Ok(number)
    }

    fn field(&mut self) -> Result<Option<(u64, Range<usize>)>, String> {
        let key = self.varint()?;
        let len = match key & 7 {
            0 => {
                self.varint()?;
                return Ok(None);
            }
            1 => 8,
            2 => usize::try_from(self.varint()?).unwrap_or(usize::MAX),
            5 => 4,
            _ => return Err("the message is broken".to_owned()),
        };
        let end = self
            .at
            .checked_add(len)
            .filter(|end| *end <= self.bytes.len());
        let Some(end) = end else {
            return Err("the message ends too early".to_owned());
        };
        let range = self.at..end;
        self.at = end;
        Ok((key & 7 == 2).then_some((key >> 3, range)))
    }
}

impl Iterator for Fields<'_> {
    type Item = Result<(u64, Range<usize>), String>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.at < self.bytes.len() {
            match self.field() {
                Ok(Some(found)) => return Some(Ok(found)),
                Ok(None) => {}
                Err(error) => {
                    self.at = self.bytes.len();
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

fn function(message: tfplugin6::Function) -> Result<FunctionSignature, String> {
    let params = message.parameters.into_iter().map(parameter);
    Ok(FunctionSignature {
        params: params.collect::<Result<_, _>>()?,
        variadic: message.variadic_parameter.map(parameter).transpose()?,
        returns: match message.r#return {
            Some(returns) => ty(&returns.r#type)?,
            None => return Err("a function returns nothing".to_owned()),
        },
        summary: message.summary,
        description: message.description,
    })
}

fn parameter(message: tfplugin6::function::Parameter) -> Result<Parameter, String> {
    Ok(Parameter {
        ty: ty(&message.r#type)?,
        name: message.name.into(),
        allow_null: message.allow_null_value,
        allow_unknown: message.allow_unknown_values,
        description: message.description,
    })
}

fn ty(json: &[u8]) -> Result<Type, String> {
    let shown = || String::from_utf8_lossy(&json[..json.len().min(200)]).into_owned();
    let parsed =
        serde_json::from_slice(json).map_err(|_| format!("{:?} is not a type", shown()))?;
    type_from_json(&parsed).map_err(|error| format!("{:?} is not a type: {error}", shown()))
}

/// The same for both versions, over the messages of each.
macro_rules! version {
    ($module:ident, $wire:ident, $nested:expr) => {
        mod $module {
            use muster_wire::$wire as wire;

            use super::{
                Attribute, AttributeType, Block, NestedBlock, Nesting, Schema, StringKind,
            };

            /// With or without what is wrong with it.
            type Checked<T> = Result<T, String>;

            pub(super) fn schema(message: wire::Schema) -> Checked<Schema> {
                Ok(Schema {
                    version: u64::try_from(message.version)
                        .map_err(|_| "its version is negative".to_owned())?,
                    block: message.block.map(block).transpose()?.unwrap_or_default(),
                })
            }

            fn block(message: wire::schema::Block) -> Checked<Block> {
                let attributes = message.attributes.into_iter().map(attribute);
                let blocks = message.block_types.into_iter().map(nested);
                Ok(Block {
                    attributes: attributes.collect::<Checked<_>>()?,
                    blocks: blocks.collect::<Checked<_>>()?,
                    description: message.description,
                    description_kind: kind(message.description_kind),
                    deprecated: message.deprecated,
                })
            }

            pub(super) fn attribute(
                message: wire::schema::Attribute,
            ) -> Checked<(super::Str, Attribute)> {
                let nested: fn(&wire::schema::Attribute) -> Checked<Option<AttributeType>> =
                    $nested;
                let ty = match nested(&message)? {
                    Some(ty) => ty,
                    None => {
                        let ty = super::ty(&message.r#type);
                        let ty = ty.map_err(|e| format!("attribute {}: {e}", message.name))?;
                        AttributeType::Plain(ty)
                    }
                };
                let attribute = Attribute {
                    ty,
                    required: message.required,
                    optional: message.optional,
                    computed: message.computed,
                    sensitive: message.sensitive,
                    write_only: message.write_only,
                    deprecated: message.deprecated,
                    description: message.description,
                    description_kind: kind(message.description_kind),
                };
                Ok((message.name.into(), attribute))
            }

            fn nested(message: wire::schema::NestedBlock) -> Checked<(super::Str, NestedBlock)> {
                use wire::schema::nested_block::NestingMode;
                let nesting = match message.nesting() {
                    NestingMode::List => Nesting::List,
                    NestingMode::Set => Nesting::Set,
                    NestingMode::Map => Nesting::Map,
                    NestingMode::Group => Nesting::Group,
                    NestingMode::Single => Nesting::Single,
                    NestingMode::Invalid => {
                        return Err(format!("block {}: no nesting mode", message.type_name));
                    }
                };
                let nested = NestedBlock {
                    nesting,
                    min_items: u64::try_from(message.min_items).unwrap_or(0),
                    max_items: u64::try_from(message.max_items).unwrap_or(0),
                    block: message.block.map(block).transpose()?.unwrap_or_default(),
                };
                Ok((message.type_name.into(), nested))
            }

            fn kind(kind: i32) -> StringKind {
                match wire::StringKind::try_from(kind) {
                    Ok(wire::StringKind::Markdown) => StringKind::Markdown,
                    _ => StringKind::Plain,
                }
            }
        }
    };
}

version!(v5, tfplugin5, |_| Ok(None));
version!(v6, tfplugin6, |message| {
    use wire::schema::object::NestingMode;
    let Some(nested) = message.nested_type.as_ref() else {
        return Ok(None);
    };
    let nesting = match nested.nesting() {
        NestingMode::List => Nesting::List,
        NestingMode::Set => Nesting::Set,
        NestingMode::Map => Nesting::Map,
        NestingMode::Single => Nesting::Single,
        NestingMode::Invalid => {
            return Err(format!("attribute {}: no nesting mode", message.name));
        }
    };
    let attributes = nested.attributes.iter().cloned().map(attribute);
    Ok(Some(AttributeType::Nested {
        attributes: attributes.collect::<Checked<_>>()?,
        nesting,
    }))
});

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Vec<u8> {
        answer_with(tfplugin6::schema::Attribute {
            name: "size".into(),
            r#type: b"\"number\"".to_vec(),
            required: true,
            ..Default::default()
        })
    }

    fn answer_with(attribute: tfplugin6::schema::Attribute) -> Vec<u8> {
        let block = tfplugin6::schema::Block {
            attributes: vec![attribute],
            ..Default::default()
        };
        let schema = tfplugin6::Schema {
            version: 3,
            block: Some(block),
        };
        tfplugin6::get_provider_schema::Response {
            resource_schemas: [("a_b".to_owned(), schema)].into(),
            ..Default::default()
        }
        .encode_to_vec()
    }

    #[test]
    fn types_are_laid_out_when_asked_for() {
        let (schema, diags) = provider_schema(&Bytes::from(answer()), 6).unwrap();
        assert!(diags.is_empty());
        let found = schema.resources.get("a_b").unwrap();
        assert_eq!(found.version, 3);
        assert!(found.block.attributes["size"].required);
        assert!(schema.resources.get("a_c").is_none());
    }

    fn with_identity(ty: &str, version: i64) -> Bytes {
        let attribute = tfplugin6::resource_identity_schema::IdentityAttribute {
            name: "arn".into(),
            r#type: ty.into(),
            required_for_import: true,
            ..Default::default()
        };
        let identity = tfplugin6::ResourceIdentitySchema {
            version,
            identity_attributes: vec![attribute],
        };
        let identities = tfplugin6::get_resource_identity_schemas::Response {
            identity_schemas: [("a_b".to_owned(), identity)].into(),
            ..Default::default()
        };
        with_identities(&answer().into(), &identities.encode_to_vec().into())
    }

    #[test]
    fn identity_schemas_are_kept_with_the_others() {
        let (schema, diags) = provider_schema(&with_identity("\"string\"", 2), 5).unwrap();
        assert!(diags.is_empty() && schema.resources.get("a_b").is_some());
        let identity = &schema.identities["a_b"];
        assert_eq!(identity.version, 2);
        let arn = &identity.attributes["arn"];
        assert!(arn.required_for_import && !arn.optional_for_import);
        assert_eq!(arn.ty, Type::String);
        let wrong = |bytes: Bytes| provider_schema(&bytes, 6).unwrap_err();
        assert_eq!(
            wrong(with_identity("odd", 0)),
            "the identity schema of a_b: attribute arn: \"odd\" is not a type"
        );
        assert_eq!(
            wrong(with_identity("\"string\"", -1)),
            "the identity schema of a_b: its version is negative"
        );
    }

    #[test]
    fn broken_answers_are_refused() {
        let whole = answer();
        for len in 1..whole.len() {
            let cut = Bytes::copy_from_slice(&whole[..len]);
            assert!(provider_schema(&cut, 6).is_err(), "{len}");
        }
    }

    fn wrong(attribute: tfplugin6::schema::Attribute, expect: &str) {
        let error = check(&Bytes::from(answer_with(attribute)), 6).unwrap_err();
        assert_eq!(
            error,
            format!("the schema of a_b: attribute size: {expect}")
        );
    }

    #[test]
    fn attributes_of_no_type() {
        assert_eq!(check(&Bytes::from(answer()), 6), Ok(()));
        let attribute = |json: &str| tfplugin6::schema::Attribute {
            name: "size".into(),
            r#type: json.into(),
            ..Default::default()
        };
        wrong(attribute(""), "\"\" is not a type");
        wrong(attribute("[["), "\"[[\" is not a type");
        let mut nested = attribute("");
        nested.nested_type = Some(tfplugin6::schema::Object::default());
        wrong(nested, "no nesting mode");
    }
}
