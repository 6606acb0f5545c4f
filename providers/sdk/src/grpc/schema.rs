//! Schemas as messages of the wire.

use muster_schema::{
    Attribute, AttributeType, Block, FunctionSignature, IdentitySchema, NestedBlock, Nesting,
    Parameter, Schema, StringKind,
};
use muster_value::{Type, type_to_json};
use muster_wire::tfplugin6 as wire;

use crate::Str;

pub(super) fn schema(schema: &Schema) -> wire::Schema {
    wire::Schema {
        version: i64::try_from(schema.version).unwrap_or(i64::MAX),
        block: Some(block(&schema.block)),
    }
}

fn block(block: &Block) -> wire::schema::Block {
    wire::schema::Block {
        version: 0,
        attributes: block
            .attributes
            .iter()
            .map(|(name, a)| attribute(name, a))
            .collect(),
        block_types: block
            .blocks
            .iter()
            .map(|(name, b)| nested_block(name, b))
            .collect(),
        description: block.description.clone(),
        description_kind: kind(block.description_kind),
        deprecated: block.deprecated,
        ..Default::default()
    }
}

fn attribute(name: &Str, attribute: &Attribute) -> wire::schema::Attribute {
    let mut message = wire::schema::Attribute {
        name: name.to_string(),
        description: attribute.description.clone(),
        description_kind: kind(attribute.description_kind),
        required: attribute.required,
        optional: attribute.optional,
        computed: attribute.computed,
        sensitive: attribute.sensitive,
        deprecated: attribute.deprecated,
        write_only: attribute.write_only,
        ..Default::default()
    };
    match &attribute.ty {
        AttributeType::Plain(plain) => message.r#type = ty(plain),
        AttributeType::Nested {
            attributes,
            nesting,
        } => {
            use wire::schema::object::NestingMode;
            let nesting = match nesting {
                Nesting::Single | Nesting::Group => NestingMode::Single,
                Nesting::List => NestingMode::List,
                Nesting::Set => NestingMode::Set,
                Nesting::Map => NestingMode::Map,
            };
            message.nested_type = Some(wire::schema::Object {
                attributes: attributes
                    .iter()
                    .map(|(name, a)| self::attribute(name, a))
                    .collect(),
                nesting: nesting.into(),
                ..Default::default()
            });
        }
    }
    message
}

fn nested_block(name: &Str, nested: &NestedBlock) -> wire::schema::NestedBlock {
    use wire::schema::nested_block::NestingMode;
    let nesting = match nested.nesting {
        Nesting::Single => NestingMode::Single,
        Nesting::Group => NestingMode::Group,
        Nesting::List => NestingMode::List,
        Nesting::Set => NestingMode::Set,
        Nesting::Map => NestingMode::Map,
    };
    wire::schema::NestedBlock {
        type_name: name.to_string(),
        block: Some(block(&nested.block)),
        nesting: nesting.into(),
        min_items: i64::try_from(nested.min_items).unwrap_or(i64::MAX),
        max_items: i64::try_from(nested.max_items).unwrap_or(i64::MAX),
    }
}

pub(super) fn identity(schema: &IdentitySchema) -> wire::ResourceIdentitySchema {
    use wire::resource_identity_schema::IdentityAttribute;
    let attributes = schema.attributes.iter();
    let attributes = attributes.map(|(name, attribute)| IdentityAttribute {
        name: name.to_string(),
        r#type: ty(&attribute.ty),
        required_for_import: attribute.required_for_import,
        optional_for_import: attribute.optional_for_import,
        description: attribute.description.clone(),
    });
    wire::ResourceIdentitySchema {
        version: i64::try_from(schema.version).unwrap_or(i64::MAX),
        identity_attributes: attributes.collect(),
    }
}

pub(super) fn function(signature: &FunctionSignature) -> wire::Function {
    wire::Function {
        parameters: signature.params.iter().map(parameter).collect(),
        variadic_parameter: signature.variadic.as_ref().map(parameter),
        r#return: Some(wire::function::Return {
            r#type: ty(&signature.returns),
        }),
        summary: signature.summary.clone(),
        description: signature.description.clone(),
        ..Default::default()
    }
}

fn parameter(parameter: &Parameter) -> wire::function::Parameter {
    wire::function::Parameter {
        name: parameter.name.to_string(),
        r#type: ty(&parameter.ty),
        allow_null_value: parameter.allow_null,
        allow_unknown_values: parameter.allow_unknown,
        description: parameter.description.clone(),
        ..Default::default()
    }
}

fn ty(ty: &Type) -> Vec<u8> {
    type_to_json(ty).to_string().into_bytes()
}

fn kind(kind: StringKind) -> i32 {
    match kind {
        StringKind::Plain => wire::StringKind::Plain.into(),
        StringKind::Markdown => wire::StringKind::Markdown.into(),
    }
}
