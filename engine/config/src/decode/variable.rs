//! `variable`, `output` and `locals`.

use std::sync::LazyLock;

use muster_lang::{Block, Body, BodySchema, Expr, Subject};
use muster_value::{Type, Value};

use super::context::{Decoder, schema};
use super::type_expr::parse_type;
use crate::naming::check_name;
use crate::variables::apply_constraint;
use crate::{Check, Defaults, Local, Output, Str, Variable};

static VARIABLE: LazyLock<BodySchema> = LazyLock::new(|| {
    let optional = &[
        "description",
        "default",
        "type",
        "sensitive",
        "ephemeral",
        "nullable",
    ];
    schema(&[], optional, &[("validation", &[])])
});

static OUTPUT: LazyLock<BodySchema> = LazyLock::new(|| {
    let optional = &["description", "depends_on", "sensitive", "ephemeral"];
    let conditions: &[(&str, &[&str])] = &[("precondition", &[]), ("postcondition", &[])];
    schema(&["value"], optional, conditions)
});

static CHECK: LazyLock<BodySchema> =
    LazyLock::new(|| schema(&["condition", "error_message"], &[], &[]));

/// Names that stand for something else in a `module` block.
const RESERVED: [&str; 8] = [
    "source",
    "version",
    "providers",
    "count",
    "for_each",
    "lifecycle",
    "depends_on",
    "locals",
];

pub(crate) fn variable(cx: &mut Decoder<'_>, block: &Block) -> Option<Variable> {
    let (name, name_span) = block.labels.first()?.clone();
    cx.diags
        .0
        .extend(check_name(&name, name_span, "Invalid variable name"));
    if RESERVED.contains(&&*name) {
        let detail =
            format!("{name:?} has a meaning of its own in module blocks. Choose another name.");
        cx.error("Invalid variable name", detail, name_span);
    }
    let content = block.body.content(&VARIABLE);
    let content = cx.take(content);
    let ty_attribute = content.attribute("type");
    let parsed = ty_attribute.and_then(|a| parse_type(cx, &a.expr));
    let (ty, optional_defaults) = parsed.unwrap_or((Type::Dynamic, Defaults::default()));
    let mut variable = Variable {
        description: cx
            .string(content.attribute("description"))
            .map_or_else(String::new, |s| s.to_string()),
        sensitive: cx.bool(content.attribute("sensitive")).unwrap_or(false),
        ephemeral: cx.bool(content.attribute("ephemeral")).unwrap_or(false),
        nullable: cx.bool(content.attribute("nullable")).unwrap_or(true),
        literal_input: ty_attribute.is_none() || ty.is_primitive(),
        default: None,
        validations: Vec::new(),
        span: block.header,
        name,
        ty,
        optional_defaults,
    };
    if let Some(attribute) = content.attribute("default") {
        variable.default = default(cx, &variable, &attribute.expr);
    }
    let validations = content
        .blocks_of("validation")
        .filter_map(|b| validation(cx, &variable.name, b));
    variable.validations = validations.collect();
    Some(variable)
}

/// The default; a wrong one becomes unknown, so that the variable does not look required.
fn default(cx: &mut Decoder<'_>, variable: &Variable, raw: &muster_lang::RawExpr) -> Option<Value> {
    let unknown = || Some(Value::unknown(variable.ty.without_optional()));
    let Some(value) = cx.constant(raw) else {
        return unknown();
    };
    let detail = if value.is_null() && !variable.nullable {
        "The variable has nullable = false, so its default cannot be null.".to_owned()
    } else {
        match apply_constraint(variable, &value) {
            Ok(value) => return Some(value),
            Err(error) => {
                let at = if error.path.is_root() {
                    String::new()
                } else {
                    format!(" at {}", error.path)
                };
                format!(
                    "The default does not fit the variable's type {}{at}: {error}.",
                    variable.ty
                )
            }
        }
    };
    cx.error("Invalid default value for variable", detail, raw.span());
    unknown()
}

fn validation(cx: &mut Decoder<'_>, name: &Str, block: &Block) -> Option<Check> {
    let check = check(cx, block, "Invalid validation expression")?;
    let own = Subject::Variable(name.clone());
    if !check
        .condition
        .references()
        .iter()
        .any(|r| r.subject == own)
    {
        let detail = format!("The condition has to test var.{name}, the value it is there for.");
        cx.error(
            "Invalid variable validation condition",
            detail,
            check.condition.span(),
        );
    }
    Some(check)
}

/// A block with a condition and a message. The condition must refer to something: otherwise it
/// checks nothing, which has the given summary.
pub(crate) fn check(cx: &mut Decoder<'_>, block: &Block, summary: &str) -> Option<Check> {
    let content = block.body.content(&CHECK);
    let content = cx.take(content);
    let condition = cx.lower(&content.attribute("condition")?.expr);
    if condition.references().is_empty() && !is_broken(&condition) {
        let detail = "The condition refers to nothing, so its result is always the same.";
        cx.error(summary, detail, condition.span());
    }
    let message = cx.lower(&content.attribute("error_message")?.expr);
    Some(Check {
        condition,
        message,
        span: block.header,
    })
}

/// Whether a part did not parse: what it refers to is not known.
fn is_broken(expr: &Expr) -> bool {
    expr.0
        .nodes
        .iter()
        .any(|n| matches!(n, muster_lang::Node::Invalid))
}

pub(crate) fn output(cx: &mut Decoder<'_>, block: &Block) -> Option<(Str, Output)> {
    let (name, name_span) = block.labels.first()?.clone();
    cx.diags
        .0
        .extend(check_name(&name, name_span, "Invalid output name"));
    let content = block.body.content(&OUTPUT);
    let content = cx.take(content);
    let expr = match content.attribute("value") {
        Some(attribute) => cx.lower(&attribute.expr),
        // Its absence is reported; the output itself is there for those who refer to it.
        None => Expr::literal(Value::unknown(Type::Dynamic), block.header),
    };
    let preconditions = content.blocks_of("precondition");
    let preconditions = preconditions
        .filter_map(|b| check(cx, b, "Invalid precondition expression"))
        .collect();
    for block in content.blocks_of("postcondition") {
        let detail = "Nothing happens to an output that could be looked at afterwards: write the \
                      condition as a precondition.";
        cx.error("Postconditions are not allowed", detail, block.header);
    }
    let output = Output {
        expr,
        description: cx
            .string(content.attribute("description"))
            .map_or_else(String::new, |s| s.to_string()),
        sensitive: cx.bool(content.attribute("sensitive")).unwrap_or(false),
        ephemeral: cx.bool(content.attribute("ephemeral")).unwrap_or(false),
        depends_on: cx.depends_on(content.attribute("depends_on")),
        preconditions,
        span: block.header,
    };
    Some((name, output))
}

pub(crate) fn locals(cx: &mut Decoder<'_>, body: &Body) -> Vec<(Str, Local)> {
    let attributes = body.just_attributes();
    let attributes = cx.take(attributes);
    let mut locals = Vec::with_capacity(attributes.len());
    for attribute in attributes {
        let invalid = check_name(
            &attribute.name,
            attribute.name_span,
            "Invalid local value name",
        );
        cx.diags.0.extend(invalid);
        let expr = cx.lower(&attribute.expr);
        locals.push((
            attribute.name,
            Local {
                expr,
                span: attribute.span,
            },
        ));
    }
    locals
}
