//! What only a console has: a look at types.

use std::fmt::{self, Write};

use muster_value::{Marks, Type, Value};

use super::{Function, Param, Returns};

/// `type(value)`: an object with the name of the value's type as `type`, marked [`Marks::TYPE`].
/// As an object it cannot be taken for a string by mistake.
pub(super) static TYPE: Function = Function::new(
    "type",
    "The type of a value.",
    &[Param::any("value").null().unknown().marked()],
    Returns::ANY,
    |a, _| {
        let mut text = String::new();
        let written = match a[0].marks().contains(Marks::TYPE) {
            true => text.write_str("type"),
            false => write(&mut text, &a[0].ty(), 0),
        };
        written.map_err(|_| "the type cannot be written down")?;
        Ok(Value::object([("type", Value::string(text))]).mark(Marks::TYPE))
    },
);

/// Writes a type as a type expression, objects and tuples over several lines.
fn write(out: &mut String, ty: &Type, depth: usize) -> fmt::Result {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || match ty {
        Type::Dynamic => out.write_str("dynamic"),
        Type::List(elem) => collection(out, "list", elem, depth),
        Type::Set(elem) => collection(out, "set", elem, depth),
        Type::Map(elem) => collection(out, "map", elem, depth),
        Type::Tuple(elems) if elems.is_empty() => out.write_str("tuple([])"),
        Type::Tuple(elems) => {
            out.write_str("tuple([")?;
            for elem in elems.iter() {
                line(out, depth + 1);
                write(out, elem, depth + 1)?;
                out.push(',');
            }
            line(out, depth);
            out.write_str("])")
        }
        Type::Object(object) if object.attributes.is_empty() => out.write_str("object({})"),
        Type::Object(object) => {
            out.write_str("object({")?;
            for (name, ty) in &object.attributes {
                line(out, depth + 1);
                write!(out, "{name}: ")?;
                write(out, ty, depth + 1)?;
                out.push(',');
            }
            line(out, depth);
            out.write_str("})")
        }
        primitive => write!(out, "{primitive}"),
    })
}

fn collection(out: &mut String, kind: &str, elem: &Type, depth: usize) -> fmt::Result {
    write!(out, "{kind}(")?;
    if elem.is_structural() {
        line(out, depth + 1);
        write(out, elem, depth + 1)?;
        out.push(',');
        line(out, depth);
    } else {
        write(out, elem, depth)?;
    }
    out.write_char(')')
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("    ", depth));
}
