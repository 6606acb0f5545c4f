//! The msgpack form of values on the plugin wire.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::json::{nfc, read_element};
use crate::{
    Number, ObjectType, Path, PathStep, Refinement, Str, Type, Unknown, Value, set_value,
    type_from_json, type_to_json,
};

/// Extension type of an unknown value about which nothing is known.
const PLAIN: i8 = 0;
/// Extension type of an unknown value with refinements.
const REFINED: i8 = 12;
/// Deeper values are refused, so that nothing that walks a value later overflows the stack.
const MAX_DEPTH: usize = 512;
/// Longest prefix that is written, in bytes.
const PREFIX: usize = 256;

/// Why bytes are not a value of the type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MsgpackError {
    /// Where in the value.
    pub path: Path,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for MsgpackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_root() {
            f.write_str(&self.reason)
        } else {
            write!(
                f,
                "{}: {}",
                self.path.to_string().trim_start_matches('.'),
                self.reason
            )
        }
    }
}

impl std::error::Error for MsgpackError {}

impl MsgpackError {
    fn new(reason: impl Into<String>) -> Self {
        Self {
            path: Path::root(),
            reason: reason.into(),
        }
    }

    fn inside(mut self, step: PathStep) -> Self {
        self.path.0.insert(0, step);
        self
    }

    /// Elements of sets have no path: what went wrong in one is told of the set.
    fn in_set(mut self) -> Self {
        self.path = Path::root();
        self
    }
}

type Done<T> = Result<T, MsgpackError>;

/// Encodes an unmarked value as a value of the type; unknowns become extension values.
///
/// # Errors
/// A part is marked or not of the type.
pub fn to_msgpack(value: &Value, ty: &Type) -> Result<Vec<u8>, MsgpackError> {
    let mut out = Vec::new();
    write(&mut out, value, ty)?;
    Ok(out)
}

/// Decodes a value of the type.
///
/// # Errors
/// The bytes are not one msgpack value of the type's shape.
pub fn from_msgpack(bytes: &[u8], ty: &Type) -> Result<Value, MsgpackError> {
    let mut reader = Reader { bytes, depth: 0 };
    let value = reader.value(&ty.without_optional())?;
    match reader.bytes {
        [] => Ok(value),
        rest => Err(MsgpackError::new(format!(
            "{} bytes follow the value",
            rest.len()
        ))),
    }
}

// ---- writing ---------------------------------------------------------------------------------

fn write(out: &mut Vec<u8>, value: &Value, ty: &Type) -> Done<()> {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || write_value(out, value, ty))
}

fn write_value(out: &mut Vec<u8>, value: &Value, ty: &Type) -> Done<()> {
    match (value, ty) {
        (Value::Marked(_), _) => return Err(MsgpackError::new("a marked value cannot be sent")),
        (_, Type::Dynamic) if value.ty() != Type::Dynamic => {
            let own = value.ty();
            out.push(0x92);
            write_bytes(out, type_to_json(&own).to_string().as_bytes());
            return write(out, value, &own);
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
                write(out, item, elem).map_err(|e| e.inside(PathStep::Key(key.clone())))?;
            }
        }
        (Value::Object(o), Type::Object(object)) if o.keys().eq(object.attributes.keys()) => {
            write_length(out, o.len(), 0x80, 16, 0xde, 0xdf);
            for ((name, item), ty) in o.iter().zip(object.attributes.values()) {
                write_text(out, name);
                write(out, item, ty).map_err(|e| e.inside(PathStep::Attr(name.clone())))?;
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
        write(out, item, ty(i)).map_err(|e| e.inside(PathStep::Index(i as u64)))?;
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
        write_text(out, &n.to_string());
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

// ---- reading ---------------------------------------------------------------------------------

struct Reader<'a> {
    bytes: &'a [u8],
    depth: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Done<&'a [u8]> {
        match self.bytes.split_at_checked(len) {
            Some((taken, rest)) => {
                self.bytes = rest;
                Ok(taken)
            }
            None => Err(MsgpackError::new("the data ends too early")),
        }
    }

    fn byte(&mut self) -> Done<u8> {
        Ok(self.take(1)?[0])
    }

    fn uint(&mut self, width: usize) -> Done<u64> {
        Ok(self
            .take(width)?
            .iter()
            .fold(0, |n, b| (n << 8) | u64::from(*b)))
    }

    fn int(&mut self, width: usize) -> Done<i64> {
        let shift = 64 - 8 * u32::try_from(width).unwrap_or(8);
        let raw = self.uint(width)? << shift;
        Ok(i64::from_be_bytes(raw.to_be_bytes()) >> shift)
    }

    fn length(&mut self, width: usize) -> Done<usize> {
        let len = usize::try_from(self.uint(width)?).unwrap_or(usize::MAX);
        // Every element has at least one byte: a length beyond the rest is a lie.
        if len > self.bytes.len() {
            return Err(MsgpackError::new("a length goes beyond the data"));
        }
        Ok(len)
    }

    fn value(&mut self, ty: &Type) -> Done<Value> {
        if self.depth == MAX_DEPTH {
            return Err(MsgpackError::new("the value is nested too deeply"));
        }
        self.depth += 1;
        let value = stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.read(ty));
        self.depth -= 1;
        value
    }

    fn read(&mut self, ty: &Type) -> Done<Value> {
        match self.bytes.first() {
            Some(0xc0) => {
                self.bytes = &self.bytes[1..];
                return Ok(Value::Null(ty.clone()));
            }
            Some(0xd4..=0xd8 | 0xc7..=0xc9) => return self.unknown(ty),
            _ => {}
        }
        match ty {
            Type::Dynamic => self.dynamic(),
            Type::Bool => match self.byte()? {
                0xc2 => Ok(Value::Bool(false)),
                0xc3 => Ok(Value::Bool(true)),
                _ => Err(MsgpackError::new("a bool is required")),
            },
            Type::Number => self.number().map(Value::Number),
            Type::String => self.text().map(Value::string_nfc),
            Type::List(elem) => {
                let len = self.array()?;
                let items = self.items(len, |_| elem)?;
                Ok(Value::list(element(elem, &items)?, items))
            }
            Type::Set(elem) => {
                let len = self.array()?;
                let items = self.items(len, |_| elem).map_err(MsgpackError::in_set)?;
                Ok(set_value(element(elem, &items)?, items))
            }
            Type::Tuple(types) => {
                let len = self.array()?;
                if len != types.len() {
                    let wanted = types.len();
                    return Err(MsgpackError::new(format!(
                        "a tuple of {wanted} elements is required"
                    )));
                }
                Ok(Value::tuple(self.items(len, |i| &types[i])?))
            }
            Type::Map(elem) => self.map(elem),
            Type::Object(object) => self.object(object),
        }
    }

    fn items<'t>(&mut self, len: usize, ty: impl Fn(usize) -> &'t Type) -> Done<Vec<Value>> {
        (0..len)
            .map(|i| {
                self.value(ty(i))
                    .map_err(|e| e.inside(PathStep::Index(i as u64)))
            })
            .collect()
    }

    fn dynamic(&mut self) -> Done<Value> {
        if self.array()? != 2 {
            return Err(MsgpackError::new(
                "a value of any type must come with its type",
            ));
        }
        let json: serde_json::Value = serde_json::from_slice(self.raw()?)
            .map_err(|e| MsgpackError::new(format!("the type of a value is not JSON: {e}")))?;
        let own = type_from_json(&json).map_err(|e| MsgpackError::new(e.reason))?;
        if own == Type::Dynamic {
            return Err(MsgpackError::new(
                "the type of a value must be a concrete one",
            ));
        }
        self.value(&own.without_optional())
    }

    fn map(&mut self, elem: &Type) -> Done<Value> {
        let mut keys = Vec::new();
        let mut items = Vec::new();
        for _ in 0..self.map_length()? {
            let key = nfc(self.text()?);
            items.push(
                self.value(elem)
                    .map_err(|e| e.inside(PathStep::Key(key.clone())))?,
            );
            keys.push(key);
        }
        let elem = element(elem, &items)?;
        Ok(Value::map(elem, keys.into_iter().zip(items).collect()))
    }

    fn object(&mut self, object: &ObjectType) -> Done<Value> {
        let mut attributes: BTreeMap<Str, Value> = BTreeMap::new();
        for _ in 0..self.map_length()? {
            let name = self.text()?;
            let Some((name, ty)) = object.attributes.get_key_value(&*nfc(name)) else {
                return Err(MsgpackError::new(format!("there is no attribute {name:?}")));
            };
            let item = self
                .value(ty)
                .map_err(|e| e.inside(PathStep::Attr(name.clone())))?;
            attributes.insert(name.clone(), item);
        }
        if let Some(name) = object
            .attributes
            .keys()
            .find(|n| !attributes.contains_key(*n))
        {
            return Err(MsgpackError::new(format!("attribute {name:?} is missing")));
        }
        Ok(Value::Object(Arc::new(attributes)))
    }

    fn array(&mut self) -> Done<usize> {
        match self.byte()? {
            marker @ 0x90..=0x9f => Ok(usize::from(marker & 0x0f)),
            0xdc => self.length(2),
            0xdd => self.length(4),
            _ => Err(MsgpackError::new("a list is required")),
        }
    }

    fn map_length(&mut self) -> Done<usize> {
        match self.byte()? {
            marker @ 0x80..=0x8f => Ok(usize::from(marker & 0x0f)),
            0xde => self.length(2),
            0xdf => self.length(4),
            _ => Err(MsgpackError::new("a map is required")),
        }
    }

    /// The bytes of a string or of binary data.
    fn raw(&mut self) -> Done<&'a [u8]> {
        let len = match self.byte()? {
            marker @ 0xa0..=0xbf => usize::from(marker & 0x1f),
            0xd9 | 0xc4 => self.length(1)?,
            0xda | 0xc5 => self.length(2)?,
            0xdb | 0xc6 => self.length(4)?,
            _ => return Err(MsgpackError::new("a string is required")),
        };
        self.take(len)
    }

    fn text(&mut self) -> Done<&'a str> {
        std::str::from_utf8(self.raw()?).map_err(|_| MsgpackError::new("a string is not UTF-8"))
    }

    fn number(&mut self) -> Done<Number> {
        let marker = self.bytes.first().copied().unwrap_or(0xc1);
        if matches!(marker, 0xa0..=0xbf | 0xd9..=0xdb) {
            let text = self.text()?;
            return Number::parse(text).map_err(|e| MsgpackError::new(e.0));
        }
        self.byte()?;
        match marker {
            0x00..=0x7f => Ok(Number::from(u64::from(marker))),
            0xe0..=0xff => Ok(Number::from(i64::from(i8::from_be_bytes([marker])))),
            0xcc => self.uint(1).map(Number::from),
            0xcd => self.uint(2).map(Number::from),
            0xce => self.uint(4).map(Number::from),
            0xcf => self.uint(8).map(Number::from),
            0xd0 => self.int(1).map(Number::from),
            0xd1 => self.int(2).map(Number::from),
            0xd2 => self.int(4).map(Number::from),
            0xd3 => self.int(8).map(Number::from),
            0xca => {
                let bits = u32::try_from(self.uint(4)?).unwrap_or(0);
                float(f64::from(f32::from_bits(bits)))
            }
            0xcb => self.uint(8).and_then(|bits| float(f64::from_bits(bits))),
            _ => Err(MsgpackError::new("a number is required")),
        }
    }

    fn unknown(&mut self, ty: &Type) -> Done<Value> {
        let len = match self.byte()? {
            0xd4 => 1,
            0xd5 => 2,
            0xd6 => 4,
            0xd7 => 8,
            0xd8 => 16,
            0xc7 => self.length(1)?,
            0xc8 => self.length(2)?,
            _ => self.length(4)?,
        };
        let kind = i8::from_be_bytes([self.byte()?]);
        let body = self.take(len)?;
        if kind != REFINED || len > 1024 {
            return Ok(Value::unknown(ty.clone()));
        }
        // What is said about the value is a help; nonsense in it does no harm.
        let mut reader = Reader {
            bytes: body,
            depth: 0,
        };
        let refinement = reader.refinement(ty).unwrap_or_default();
        Ok(Value::refined(ty.clone(), refinement))
    }

    fn refinement(&mut self, ty: &Type) -> Done<Refinement> {
        let mut r = Refinement::default();
        for _ in 0..self.map_length()? {
            match self.number()?.to_u64() {
                Some(1) => r.not_null = self.byte()? == 0xc2,
                Some(2) if *ty == Type::String => r.prefix = Some(self.text()?.into()),
                Some(key @ (3 | 4)) if *ty == Type::Number => {
                    self.array()?;
                    let bound = Some((self.number()?, self.byte()? == 0xc3));
                    if key == 3 {
                        r.lower = bound
                    } else {
                        r.upper = bound
                    }
                }
                Some(5) if ty.is_collection() => r.min_length = self.number()?.to_u64(),
                Some(6) if ty.is_collection() => r.max_length = self.number()?.to_u64(),
                _ => return Ok(r),
            }
        }
        Ok(r)
    }
}

/// The one element type of a collection that was read.
fn element(want: &Type, items: &[Value]) -> Done<Type> {
    read_element(want, items)
        .ok_or_else(|| MsgpackError::new("all elements must have the same type"))
}

fn float(f: f64) -> Done<Number> {
    Number::from_f64(f).map_err(|e| MsgpackError::new(e.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: Value, ty: &Type, bytes: &[u8]) {
        assert_eq!(to_msgpack(&value, ty).unwrap(), bytes);
        assert_eq!(from_msgpack(bytes, ty).unwrap(), value);
    }

    fn n(text: &str) -> Value {
        Value::Number(Number::parse(text).unwrap())
    }

    #[test]
    fn numbers() {
        check(n("0"), &Type::Number, &[0]);
        check(n("-33"), &Type::Number, &[0xd0, 0xdf]);
        check(n("300"), &Type::Number, &[0xcd, 1, 44]);
        check(
            n("1.5"),
            &Type::Number,
            &[0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0],
        );
        check(n("0.1"), &Type::Number, b"\xa30.1");
        check(
            n("9223372036854775808"),
            &Type::Number,
            b"\xb39223372036854775808",
        );
    }

    #[test]
    fn unknowns() {
        check(Value::unknown(Type::Bool), &Type::Bool, &[0xd4, 0, 0]);
        let r = Refinement {
            prefix: Some("first-".into()),
            ..Refinement::not_null()
        };
        let bytes = b"\xc7\x0b\x0c\x82\x01\xc2\x02\xa6first-";
        check(Value::refined(Type::String, r), &Type::String, bytes);
    }

    #[test]
    fn structures() {
        let ty = Type::object([("a", Type::list(Type::Bool)), ("b", Type::String)]);
        let value = Value::object([
            ("a", Value::list(Type::Bool, vec![Value::Bool(true)])),
            ("b", Value::Null(Type::String)),
        ]);
        check(value, &ty, b"\x82\xa1a\x91\xc3\xa1b\xc0");
        check(
            Value::string("x"),
            &Type::Dynamic,
            b"\x92\xc4\x08\"string\"\xa1x",
        );
    }

    #[test]
    fn garbage_is_refused() {
        let ty = Type::object([("a", Type::list(Type::map(Type::Dynamic)))]);
        let mut seed = 0x9e37_79b9_u64;
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..12)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (seed >> 56) as u8
                })
                .collect();
            let _ = from_msgpack(&bytes, &ty);
            let _ = from_msgpack(&bytes, &Type::Dynamic);
        }
        assert!(from_msgpack(&[0xdd, 0xff, 0xff, 0xff, 0xff], &Type::list(Type::Bool)).is_err());
        assert!(from_msgpack(&[], &Type::Bool).is_err());
        assert!(from_msgpack(&[0xc3, 0xc3], &Type::Bool).is_err());
    }
}
