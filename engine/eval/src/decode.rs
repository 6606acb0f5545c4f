//! A laid out body to a value.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_addr::InstanceAddr;
use muster_lang::{Diagnostic, Diags, Expr, Scope, Span, eval, eval_stored};
use muster_schema::{FunctionSignature, Nesting};
use muster_value::{Marks, Path, Type, Value, convert, set_value};

use crate::Str;
use crate::layout::BlocksLayout;
use crate::spec::{AttributeSpec, BlocksSpec, Item, Spec};

impl Spec {
    /// The value of the body: an object of the schema's type, marked.
    pub fn decode(&self, scope: &dyn Scope) -> Result<Value, Diags> {
        let mut diags = Diags::new();
        let mut failed = false;
        let value = body(self, scope, &mut Vec::new(), &mut |found| {
            diags.extend(found);
            failed = true;
        });
        if failed { Err(diags) } else { Ok(value) }
    }
}

const EPHEMERAL: &str = "Invalid use of ephemeral value";

/// Says whose attribute was given an ephemeral value. Other errors of evaluation are about a place
/// in the configuration, and not about one object.
pub(crate) fn name_ephemeral(found: Diags, addr: &InstanceAddr) -> Diags {
    let name = |d: Diagnostic| match d.summary == EPHEMERAL {
        true => d.about(addr),
        false => d,
    };
    Diags(found.into_iter().map(name).collect())
}

type Report<'a> = &'a mut dyn FnMut(Diags);

fn body(spec: &Spec, scope: &dyn Scope, slots: &mut Vec<Value>, report: Report<'_>) -> Value {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
        let mut object = spec.layout.empty.clone();
        for attribute in &spec.attributes {
            let value = attribute_value(spec, attribute, scope, slots).unwrap_or_else(|d| {
                report(d);
                let ty = spec.layout.attributes.get(&attribute.name);
                Value::unknown(ty.map_or(Type::Dynamic, |a| a.constraint.without_optional()))
            });
            object.insert(attribute.name.clone(), value);
        }
        for blocks in &spec.blocks {
            let value = blocks_value(blocks, spec.span, scope, slots, report);
            object.insert(blocks.layout.name.clone(), value);
        }
        for kind in spec.layout.blocks.iter().filter(|b| b.min_items > 0) {
            if !spec.blocks.iter().any(|b| b.layout.name == kind.name) {
                check_count(kind, 0, spec.span, report);
            }
        }
        Value::Object(Arc::new(object))
    })
}

fn attribute_value(
    spec: &Spec,
    attribute: &AttributeSpec,
    scope: &dyn Scope,
    slots: &[Value],
) -> Result<Value, Diags> {
    let value = eval_stored(&attribute.expr, scope, slots)?;
    let at = attribute.expr.span();
    let Some(layout) = spec.layout.attributes.get(&attribute.name) else {
        return Ok(value);
    };
    let takes_ephemeral = layout.write_only || spec.ephemeral;
    if !takes_ephemeral && value.marks_deep().contains(Marks::EPHEMERAL) {
        let detail = format!(
            "The value is ephemeral, so it must not be stored, but \"{}\" is. Only write-only attributes take such values.",
            attribute.name
        );
        return Err(Diagnostic::error(EPHEMERAL, detail).at(at).into());
    }
    convert(&value, &layout.constraint).map_err(|e| {
        let part = if e.path.is_root() {
            String::new()
        } else {
            format!("{}: ", e.path.to_string().trim_start_matches('.'))
        };
        let detail = format!(
            "Inappropriate value for attribute \"{}\": {part}{}.",
            attribute.name, e.reason
        );
        Diagnostic::error("Incorrect attribute value type", detail)
            .at(at)
            .into()
    })
}

/// One block of the result: its label where there are labels, and its value.
struct Element {
    label: Option<(Str, Span)>,
    value: Value,
}

fn blocks_value(
    blocks: &BlocksSpec,
    outer: Span,
    scope: &dyn Scope,
    slots: &mut Vec<Value>,
    report: Report<'_>,
) -> Value {
    let mut elements = Vec::new();
    let mut unknown = false;
    let mut marks = Marks::NONE;
    for item in &blocks.items {
        match item {
            Item::Static { label, body: inner } => {
                let value = body(inner, scope, slots, report);
                elements.push(Element {
                    label: label.clone(),
                    value,
                });
            }
            Item::Dynamic {
                for_each,
                label,
                body: inner,
            } => match dynamic_elements(for_each, label.as_ref(), inner, scope, slots, report) {
                Some((found, own)) => {
                    elements.extend(found);
                    marks |= own;
                }
                None => unknown = true,
            },
        }
    }
    if unknown {
        return Value::unknown(blocks.layout.ty.clone()).mark(marks);
    }
    let at = if elements.is_empty() {
        outer
    } else {
        blocks.span
    };
    check_count(&blocks.layout, elements.len(), at, report);
    assemble(&blocks.layout, elements, report).mark(marks)
}

/// `None` when nobody knows yet how many there are.
fn dynamic_elements(
    for_each: &Expr,
    label: Option<&Expr>,
    inner: &Spec,
    scope: &dyn Scope,
    slots: &mut Vec<Value>,
    report: Report<'_>,
) -> Option<(Vec<Element>, Marks)> {
    let collection = match eval(for_each, scope, slots) {
        Ok(value) => value,
        Err(diags) => {
            report(diags);
            return None;
        }
    };
    let (collection, marks) = collection.unmark();
    if !collection.is_known() {
        return None;
    }
    let mut invalid = |detail: &str| {
        report(
            Diagnostic::error("Invalid dynamic for_each value", detail)
                .at(for_each.span())
                .into(),
        );
    };
    if collection.is_null() {
        invalid("The value is null. For no blocks give an empty collection.");
        return None;
    }
    let Some(pairs) = pairs(&collection) else {
        invalid("The value must be a list, set, map, tuple or object.");
        return None;
    };
    let mut found = Vec::new();
    for (key, value) in pairs {
        slots.push(Value::object([
            ("key", key.mark(marks)),
            ("value", value.mark(marks)),
        ]));
        let label = label.and_then(|expr| match eval(expr, scope, slots) {
            Ok(value) => value.as_str().map(|text| (text.clone(), expr.span())),
            Err(diags) => {
                report(diags);
                None
            }
        });
        let value = body(inner, scope, slots, report);
        found.push(Element { label, value });
        slots.pop();
    }
    Some((found, marks))
}

/// Keys and values of what is iterated; the elements of a set are their own keys.
fn pairs(collection: &Value) -> Option<Vec<(Value, Value)>> {
    if let Some(entries) = collection.as_entries() {
        return Some(
            entries
                .iter()
                .map(|(k, v)| (Value::string(k.clone()), v.clone()))
                .collect(),
        );
    }
    if let Value::Set(set) = collection {
        return Some(set.items.iter().map(|v| (v.clone(), v.clone())).collect());
    }
    let items = collection.as_slice()?;
    Some(
        (0u64..)
            .zip(items)
            .map(|(i, v)| (Value::Number(i.into()), v.clone()))
            .collect(),
    )
}

fn check_count(schema: &BlocksLayout, count: usize, at: Span, report: Report<'_>) {
    let name = &schema.name;
    let count = count as u64;
    if count < schema.min_items {
        let detail = format!(
            "At least {} \"{name}\" blocks are required, and there are {count}.",
            schema.min_items
        );
        report(
            Diagnostic::error(format!("Insufficient {name} blocks"), detail)
                .at(at)
                .into(),
        );
    }
    let one = matches!(schema.nesting, Nesting::Single | Nesting::Group);
    if one && count > 1 {
        let detail = format!("Only one \"{name}\" block is allowed, and there are {count}.");
        report(
            Diagnostic::error(format!("Duplicate {name} block"), detail)
                .at(at)
                .into(),
        );
    } else if schema.max_items > 0 && count > schema.max_items {
        let detail = format!(
            "No more than {} \"{name}\" blocks are allowed, and there are {count}.",
            schema.max_items
        );
        report(
            Diagnostic::error(format!("Too many {name} blocks"), detail)
                .at(at)
                .into(),
        );
    }
}

fn assemble(schema: &BlocksLayout, elements: Vec<Element>, report: Report<'_>) -> Value {
    let dynamic = schema.dynamic;
    let elem = || schema.block.ty.clone();
    match schema.nesting {
        Nesting::Single | Nesting::Group => match elements.into_iter().next() {
            Some(element) => element.value,
            None => schema.assemble_none(),
        },
        Nesting::List if dynamic => Value::tuple(elements.into_iter().map(|e| e.value)),
        Nesting::List => Value::list(elem(), elements.into_iter().map(|e| e.value).collect()),
        Nesting::Set => set_value(elem(), elements.into_iter().map(|e| e.value).collect()),
        Nesting::Map => {
            let mut entries = BTreeMap::new();
            for Element { label, value } in elements {
                let Some((label, span)) = label else { continue };
                if entries.insert(label.clone(), value).is_some() {
                    let detail = format!(
                        "There is another block with the label \"{label}\" before this one."
                    );
                    report(
                        Diagnostic::error("Duplicate block label", detail)
                            .at(span)
                            .into(),
                    );
                }
            }
            if dynamic {
                Value::Object(Arc::new(entries.into()))
            } else {
                Value::map(elem(), entries)
            }
        }
    }
}

/// Prepares the arguments of a provider's function and calls it.
pub(crate) fn call_function(
    signature: &FunctionSignature,
    args: &[Value],
    call: impl FnOnce(&[Value]) -> Result<Value, String>,
) -> Result<Value, String> {
    if args.len() < signature.params.len()
        || (signature.variadic.is_none() && args.len() > signature.params.len())
    {
        return Err(format!(
            "The function takes {} arguments, not {}.",
            signature.params.len(),
            args.len()
        ));
    }
    let mut marks = Marks::NONE;
    let mut prepared = Vec::with_capacity(args.len());
    for (i, arg) in args.iter().enumerate() {
        let Some(param) = signature.params.get(i).or(signature.variadic.as_ref()) else {
            continue;
        };
        marks |= arg.marks_deep();
        let value = convert(&arg.unmark_deep(), &param.ty).map_err(|e| {
            format!(
                "Invalid value for \"{}\" parameter: {}{}.",
                param.name,
                prefix(&e.path),
                e.reason
            )
        })?;
        if value.is_null() && !param.allow_null {
            return Err(format!(
                "Invalid value for \"{}\" parameter: argument must not be null.",
                param.name
            ));
        }
        if !value.is_wholly_known() && !param.allow_unknown {
            return Ok(Value::unknown(signature.returns.clone()).mark(marks));
        }
        prepared.push(value);
    }
    call(&prepared).map(|value| value.mark(marks))
}

fn prefix(path: &Path) -> String {
    if path.is_root() {
        String::new()
    } else {
        format!("{path}: ")
    }
}
