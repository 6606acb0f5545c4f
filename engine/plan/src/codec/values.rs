//! Values, types and paths as bytes. Everything is kept: element types of empty collections,
//! marks where they sit, and what is known about unknown values.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use muster_value::{Marks, Number, ObjectType, Path, PathStep, Refinement, Type, Value, set_value};

use super::wire::{Reader, Result, Writer, invalid};
use crate::Str;

fn deep<T>(work: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, work)
}

pub(super) fn write_value(out: &mut Writer, value: &Value) {
    deep(|| match value {
        Value::Null(ty) => tagged_type(out, 0, ty),
        Value::Unknown(unknown) => {
            tagged_type(out, 1, &unknown.ty);
            write_refinement(out, &unknown.refinement);
        }
        Value::Bool(false) => out.byte(2),
        Value::Bool(true) => out.byte(3),
        Value::Number(n) => {
            out.byte(4);
            write_number(out, n);
        }
        Value::String(text) => {
            out.byte(5);
            out.str(text);
        }
        Value::List(list) => {
            tagged_type(out, 6, &list.elem);
            out.list(&list.items, write_value);
        }
        Value::Set(set) => {
            tagged_type(out, 7, &set.elem);
            out.list(&set.items, write_value);
        }
        Value::Map(map) => {
            tagged_type(out, 8, &map.elem);
            write_entries(out, &map.entries, write_value);
        }
        Value::Tuple(items) => {
            out.byte(9);
            out.list(items.iter(), write_value);
        }
        Value::Object(attributes) => {
            out.byte(10);
            write_entries(out, attributes, write_value);
        }
        Value::Marked(marked) => {
            out.byte(11);
            let bit = |mark, bit| if marked.marks.contains(mark) { bit } else { 0 };
            out.byte(bit(Marks::SENSITIVE, 1) | bit(Marks::EPHEMERAL, 2));
            write_value(out, &marked.value);
        }
    });
}

pub(super) fn read_value(input: &mut Reader<'_>) -> Result<Value> {
    deep(|| {
        Ok(match input.byte()? {
            0 => Value::Null(read_type(input)?),
            1 => {
                let ty = read_type(input)?;
                Value::refined(ty, read_refinement(input)?)
            }
            2 => Value::Bool(false),
            3 => Value::Bool(true),
            4 => Value::Number(read_number(input)?),
            5 => Value::String(input.str()?),
            6 => Value::list(read_type(input)?, input.list(read_value)?),
            7 => set_value(read_type(input)?, input.list(read_value)?),
            8 => Value::map(read_type(input)?, read_entries(input, read_value)?),
            9 => Value::tuple(input.list(read_value)?),
            10 => Value::Object(Arc::new(read_entries(input, read_value)?.into())),
            11 => {
                let bits = input.byte()?;
                let mark = |mark, bit| if bits & bit != 0 { mark } else { Marks::NONE };
                let marks = mark(Marks::SENSITIVE, 1) | mark(Marks::EPHEMERAL, 2);
                read_value(input)?.mark(marks)
            }
            other => return invalid(format!("unknown kind of value {other}")),
        })
    })
}

/// The text of a number of little precision reads back as another number (0.1 as a machine float
/// is not a tenth): such numbers are kept as machine floats.
fn write_number(out: &mut Writer, n: &Number) {
    let text = n.to_string();
    let exact = Number::parse(&text).is_ok_and(|back| back == *n);
    let float = n.to_f64();
    if !exact && Number::from_f64(float).is_ok_and(|back| back == *n) {
        out.byte(1);
        out.bytes.extend_from_slice(&float.to_le_bytes());
    } else {
        out.byte(0);
        out.str(&text);
    }
}

fn read_number(input: &mut Reader<'_>) -> Result<Number> {
    let number = match input.byte()? {
        0 => Number::parse(input.text()?),
        1 => Number::from_f64(f64::from_le_bytes(input.array()?)),
        other => return invalid(format!("unknown kind of number {other}")),
    };
    number.or_else(|error| invalid(error.to_string()))
}

fn write_refinement(out: &mut Writer, refinement: &Refinement) {
    let bound = |out: &mut Writer, (n, inclusive): &(Number, bool)| {
        write_number(out, n);
        out.bool(*inclusive);
    };
    out.bool(refinement.is_empty());
    if refinement.is_empty() {
        return;
    }
    out.bool(refinement.not_null);
    out.option(refinement.prefix.as_deref(), |out, prefix| out.str(prefix));
    out.option(refinement.lower.as_ref(), bound);
    out.option(refinement.upper.as_ref(), bound);
    out.option(refinement.min_length, Writer::uint);
    out.option(refinement.max_length, Writer::uint);
}

fn read_refinement(input: &mut Reader<'_>) -> Result<Refinement> {
    let bound = |input: &mut Reader<'_>| Ok((read_number(input)?, input.bool()?));
    if input.bool()? {
        return Ok(Refinement::default());
    }
    Ok(Refinement {
        not_null: input.bool()?,
        prefix: input.option(Reader::str)?,
        lower: input.option(bound)?,
        upper: input.option(bound)?,
        min_length: input.option(Reader::uint)?,
        max_length: input.option(Reader::uint)?,
    })
}

fn tagged_type(out: &mut Writer, tag: u8, ty: &Type) {
    out.byte(tag);
    write_type(out, ty);
}

fn write_type(out: &mut Writer, ty: &Type) {
    deep(|| match ty {
        Type::Dynamic => out.byte(0),
        Type::Bool => out.byte(1),
        Type::Number => out.byte(2),
        Type::String => out.byte(3),
        Type::List(elem) => tagged_type(out, 4, elem),
        Type::Set(elem) => tagged_type(out, 5, elem),
        Type::Map(elem) => tagged_type(out, 6, elem),
        Type::Tuple(elems) => {
            out.byte(7);
            out.list(elems.iter(), write_type);
        }
        Type::Object(object) => {
            out.byte(8);
            write_entries(out, &object.attributes, write_type);
            out.list(&object.optional, |out, name| out.str(name));
        }
    });
}

fn read_type(input: &mut Reader<'_>) -> Result<Type> {
    deep(|| {
        Ok(match input.byte()? {
            0 => Type::Dynamic,
            1 => Type::Bool,
            2 => Type::Number,
            3 => Type::String,
            4 => Type::list(read_type(input)?),
            5 => Type::set(read_type(input)?),
            6 => Type::map(read_type(input)?),
            7 => Type::tuple(input.list(read_type)?),
            8 => Type::Object(Arc::new(ObjectType {
                attributes: read_entries(input, read_type)?,
                optional: BTreeSet::from_iter(input.list(Reader::str)?),
            })),
            other => return invalid(format!("unknown kind of type {other}")),
        })
    })
}

pub(super) fn write_entries<T>(
    out: &mut Writer,
    entries: &BTreeMap<Str, T>,
    mut write: impl FnMut(&mut Writer, &T),
) {
    out.list(entries, |out, (key, value)| {
        out.str(key);
        write(out, value);
    });
}

pub(super) fn read_entries<T>(
    input: &mut Reader<'_>,
    mut read: impl FnMut(&mut Reader<'_>) -> Result<T>,
) -> Result<BTreeMap<Str, T>> {
    Ok(input
        .list(|input| Ok((input.str()?, read(input)?)))?
        .into_iter()
        .collect())
}

pub(super) fn write_path(out: &mut Writer, path: &Path) {
    out.list(&path.0, |out, step| match step {
        PathStep::Attr(name) => {
            out.byte(0);
            out.str(name);
        }
        PathStep::Index(i) => {
            out.byte(1);
            out.uint(*i);
        }
        PathStep::Key(key) => {
            out.byte(2);
            out.str(key);
        }
    });
}

pub(super) fn read_path(input: &mut Reader<'_>) -> Result<Path> {
    Ok(Path(input.list(|input| {
        Ok(match input.byte()? {
            0 => PathStep::Attr(input.str()?),
            1 => PathStep::Index(input.uint()?),
            2 => PathStep::Key(input.str()?),
            other => return invalid(format!("unknown kind of path step {other}")),
        })
    })?))
}
