use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Done, MsgpackError, REFINED};
use crate::json::{find_attribute, nfc, read_element};
use crate::{
    Number, ObjectType, PathStep, Refinement, Str, Type, Value, set_value, type_from_json,
};

/// Deeper values are refused, so that nothing that walks a value later overflows the stack.
const MAX_DEPTH: usize = 512;

/// Refinements longer than this, in bytes, are not read.
const MAX_REFINEMENT: usize = 1024;

/// Reads the one value that `bytes` are; `ty` has no optional attributes.
pub(super) fn whole(bytes: &[u8], ty: &Type) -> Done<Value> {
    let mut reader = Reader { bytes, depth: 0 };
    let value = reader.value(ty)?;
    match reader.bytes {
        [] => Ok(value),
        rest => Err(MsgpackError::new(format!(
            "{} bytes follow the value",
            rest.len()
        ))),
    }
}

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
            let Some((name, ty)) = find_attribute(object, name) else {
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
        Ok(Value::Object(Arc::new(attributes.into())))
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
        if kind != REFINED || len > MAX_REFINEMENT {
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
                Some(2) if *ty == Type::String => r.prefix = Some(nfc(self.text()?)),
                Some(key @ (3 | 4)) if *ty == Type::Number => {
                    if self.array()? != 2 {
                        return Err(MsgpackError::new("a bound has two parts"));
                    }
                    let bound = Some((self.number()?, self.byte()? == 0xc3));
                    if key == 3 {
                        r.lower = bound
                    } else {
                        r.upper = bound
                    }
                }
                Some(5) if ty.is_collection() => r.min_length = self.number()?.to_u64(),
                Some(6) if ty.is_collection() => r.max_length = self.number()?.to_u64(),
                _ => self.skip()?,
            }
        }
        Ok(r)
    }

    /// Passes over a value of any shape.
    fn skip(&mut self) -> Done<()> {
        let mut left = 1usize;
        while left > 0 {
            left -= 1;
            match self.bytes.first().copied().unwrap_or(0xc1) {
                0x90..=0x9f | 0xdc | 0xdd => left += self.array()?,
                0x80..=0x8f | 0xde | 0xdf => left += 2 * self.map_length()?,
                0xa0..=0xbf | 0xc4..=0xc6 | 0xd9..=0xdb => {
                    self.raw()?;
                }
                0xc7..=0xc9 | 0xd4..=0xd8 => {
                    self.unknown(&Type::Dynamic)?;
                }
                0xc0 | 0xc2 | 0xc3 => {
                    self.byte()?;
                }
                _ => {
                    self.number()?;
                }
            }
        }
        Ok(())
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
