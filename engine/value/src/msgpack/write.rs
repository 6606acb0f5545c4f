use super::{Done, MsgpackError, REFINED};
use crate::{Number, PathStep, Type, Unknown, Value, type_to_json};

/// Extension type of an unknown value about which nothing is known.
const PLAIN: i8 = 0;

/// Longest prefix of an unknown string that is written, in bytes.
const PREFIX: usize = 256;

/// Writes a value of a type.
pub(super) fn value(out: &mut Vec<u8>, value: &Value, ty: &Type) -> Done<()> {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || write_value(out, value, ty))
}

fn write_value(out: &mut Vec<u8>, value: &Value, ty: &Type) -> Done<()> {
    match (value, ty) {
        (Value::Marked(_), _) => return Err(MsgpackError::new("a marked value cannot be sent")),
        (_, Type::Dynamic) if value.ty() != Type::Dynamic => {
            let own = value.ty();
            out.push(0x92);
            write_bytes(out, type_to_json(&own).to_string().as_bytes());
            return self::value(out, value, &own);
        }
        (Value::Unknown(u), _) => write_unknown(out, u),
        (Value::Null(_), _) => out.push(0xc0),
        (Value::Bool(b), Type::Bool) => out.push(if *b { 0xc3 } else { 0xc2 }),
        (Value::Number(n), Type::Number) => write_number(out, n),
        (Value::String(s), Type::String) => write_text(out, s),
        (Value::List(l), Type::List(elem)) => return write_items(out, &l.items, |_| elem),
        (Value::Set(s), Type::Set(elem)) => {
            return write_items(out, &s.items, |_| elem).map_err(MsgpackError::in_set);
        }
        (Value::Tuple(items), Type::Tuple(types)) if items.len() == types.len() => {
            return write_items(out, items, |i| &types[i]);
        }
        (Value::Map(m), Type::Map(elem)) => {
            write_length(out, m.entries.len(), 0x80, 16, 0xde, 0xdf);
            for (key, item) in &m.entries {
                write_text(out, key);
                self::value(out, item, elem).map_err(|e| e.inside(PathStep::Key(key.clone())))?;
            }
        }
        (Value::Object(o), Type::Object(object)) if o.keys().eq(object.attributes.keys()) => {
            write_length(out, o.len(), 0x80, 16, 0xde, 0xdf);
            for ((name, item), ty) in o.iter().zip(object.attributes.values()) {
                write_text(out, name);
                self::value(out, item, ty).map_err(|e| e.inside(PathStep::Attr(name.clone())))?;
            }
        }
        _ => {
            return Err(MsgpackError::new(format!(
                "{} is required, not {}",
                ty.friendly_name(),
                value.ty().friendly_name()
            )));
        }
    }
    Ok(())
}

fn write_items<'a>(out: &mut Vec<u8>, items: &[Value], ty: impl Fn(usize) -> &'a Type) -> Done<()> {
    write_length(out, items.len(), 0x90, 16, 0xdc, 0xdd);
    for (i, item) in items.iter().enumerate() {
        self::value(out, item, ty(i)).map_err(|e| e.inside(PathStep::Index(i as u64)))?;
    }
    Ok(())
}

/// A length below `fixed` goes into the marker itself.
fn write_length(out: &mut Vec<u8>, len: usize, fix: u8, fixed: usize, two: u8, four: u8) {
    if len < fixed {
        out.push(fix | u8::try_from(len).unwrap_or(0));
    } else if let Ok(len) = u16::try_from(len) {
        out.push(two);
        out.extend(len.to_be_bytes());
    } else {
        out.push(four);
        out.extend(u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    if (32..256).contains(&text.len()) {
        out.extend([0xd9, u8::try_from(text.len()).unwrap_or(0)]);
    } else {
        write_length(out, text.len(), 0xa0, 32, 0xda, 0xdb);
    }
    out.extend(text.as_bytes());
}

fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    match u8::try_from(bytes.len()) {
        Ok(len) => out.extend([0xc4, len]),
        Err(_) => write_length(out, bytes.len(), 0, 0, 0xc5, 0xc6),
    }
    out.extend(bytes);
}

fn write_number(out: &mut Vec<u8>, n: &Number) {
    if let Some(int) = n.to_i64() {
        write_int(out, int);
    } else if n.is_infinite() || (!n.is_integer() && is_f64(n)) {
        out.push(0xcb);
        out.extend(n.to_f64().to_be_bytes());
    } else {
        write_text(out, &n.exact_text());
    }
}

fn is_f64(n: &Number) -> bool {
    Number::from_f64(n.to_f64()).is_ok_and(|f| f == *n)
}

/// The smallest form that holds it.
fn write_int(out: &mut Vec<u8>, n: i64) {
    if let Ok(n) = u64::try_from(n) {
        if n < 128 {
            out.push(u8::try_from(n).unwrap_or(0));
        } else if let Ok(n) = u8::try_from(n) {
            out.extend([0xcc, n]);
        } else if let Ok(n) = u16::try_from(n) {
            out.push(0xcd);
            out.extend(n.to_be_bytes());
        } else if let Ok(n) = u32::try_from(n) {
            out.push(0xce);
            out.extend(n.to_be_bytes());
        } else {
            out.push(0xcf);
            out.extend(n.to_be_bytes());
        }
    } else if let Ok(n) = i8::try_from(n) {
        if n < -32 {
            out.push(0xd0);
        }
        out.extend(n.to_be_bytes());
    } else if let Ok(n) = i16::try_from(n) {
        out.push(0xd1);
        out.extend(n.to_be_bytes());
    } else if let Ok(n) = i32::try_from(n) {
        out.push(0xd2);
        out.extend(n.to_be_bytes());
    } else {
        out.push(0xd3);
        out.extend(n.to_be_bytes());
    }
}

fn write_unknown(out: &mut Vec<u8>, unknown: &Unknown) {
    let facts = refinement_bytes(unknown);
    if facts.is_empty() {
        out.extend([0xd4, PLAIN.to_be_bytes()[0], 0]);
        return;
    }
    match facts.len() {
        1 => out.push(0xd4),
        2 => out.push(0xd5),
        4 => out.push(0xd6),
        8 => out.push(0xd7),
        16 => out.push(0xd8),
        len => match u8::try_from(len) {
            Ok(len) => out.extend([0xc7, len]),
            Err(_) => {
                out.push(0xc8);
                out.extend(u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes());
            }
        },
    }
    out.extend(REFINED.to_be_bytes());
    out.extend(facts);
}

fn refinement_bytes(unknown: &Unknown) -> Vec<u8> {
    let r = &unknown.refinement;
    if unknown.ty == Type::Dynamic {
        return Vec::new();
    }
    let mut facts: Vec<Vec<u8>> = Vec::new();
    let mut fact = |key: u8, write: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = vec![key];
        write(&mut bytes);
        facts.push(bytes);
    };
    if r.not_null {
        fact(1, &|out| out.push(0xc2));
    }
    if let (Some(prefix), Type::String) = (&r.prefix, &unknown.ty) {
        let mut end = prefix.len().min(PREFIX);
        while !prefix.is_char_boundary(end) {
            end -= 1;
        }
        if end > 0 {
            fact(2, &|out| write_text(out, &prefix[..end]));
        }
    }
    for (key, bound) in [(3, &r.lower), (4, &r.upper)] {
        if let (Some((n, inclusive)), Type::Number) = (bound, &unknown.ty) {
            fact(key, &|out| {
                out.push(0x92);
                write_number(out, n);
                out.push(if *inclusive { 0xc3 } else { 0xc2 });
            });
        }
    }
    for (key, length) in [(5, r.min_length.filter(|n| *n > 0)), (6, r.max_length)] {
        if let (Some(n), true) = (length, unknown.ty.is_collection()) {
            fact(key, &|out| {
                write_int(out, i64::try_from(n).unwrap_or(i64::MAX))
            });
        }
    }
    if facts.is_empty() {
        return Vec::new();
    }
    let mut out = vec![0x80 | u8::try_from(facts.len()).unwrap_or(0)];
    out.extend(facts.into_iter().flatten());
    out
}
