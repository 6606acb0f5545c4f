//! Bytes and how to take them apart: variable-length numbers, strings, lists.

use std::sync::Arc;

use super::DecodeError;
use crate::Str;

#[derive(Default)]
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub(super) fn bool(&mut self, value: bool) {
        self.byte(u8::from(value));
    }

    /// Seven bits a byte, the lowest first.
    pub(super) fn uint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.byte((value as u8) | 0x80);
            value >>= 7;
        }
        self.byte(value as u8);
    }

    pub(super) fn blob(&mut self, bytes: &[u8]) {
        self.uint(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn str(&mut self, text: &str) {
        self.blob(text.as_bytes());
    }

    pub(super) fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        let items = items.into_iter();
        self.uint(items.len() as u64);
        for item in items {
            write(self, item);
        }
    }

    pub(super) fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.bool(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }
}

pub(super) struct Reader<'b> {
    rest: &'b [u8],
}

pub(super) type Result<T> = std::result::Result<T, DecodeError>;

pub(super) fn invalid<T>(what: impl Into<String>) -> Result<T> {
    Err(DecodeError::Invalid(what.into()))
}

impl<'b> Reader<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn finish(&self) -> Result<()> {
        match self.rest.len() {
            0 => Ok(()),
            n => invalid(format!("{n} bytes are left over")),
        }
    }

    fn take(&mut self, len: usize) -> Result<&'b [u8]> {
        let (taken, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| DecodeError::Truncated)
    }

    pub(super) fn byte(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) fn bool(&mut self) -> Result<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            other => invalid(format!("{other} is no truth value")),
        }
    }

    pub(super) fn uint(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        invalid("a number is too long")
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        let value = self.uint()?;
        u32::try_from(value).or_else(|_| invalid(format!("the number {value} is too large")))
    }

    fn len(&mut self) -> Result<usize> {
        usize::try_from(self.uint()?).map_err(|_| DecodeError::Truncated)
    }

    pub(super) fn blob(&mut self) -> Result<&'b [u8]> {
        let len = self.len()?;
        self.take(len)
    }

    pub(super) fn text(&mut self) -> Result<&'b str> {
        std::str::from_utf8(self.blob()?).or_else(|_| invalid("a text is not UTF-8"))
    }

    pub(super) fn str(&mut self) -> Result<Str> {
        Ok(Arc::from(self.text()?))
    }

    pub(super) fn string(&mut self) -> Result<String> {
        Ok(self.text()?.to_owned())
    }

    /// Every item takes at least a byte, so a length beyond what is left is refused before
    /// anything is set aside for it.
    pub(super) fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let len = self.len()?;
        if len > self.rest.len() {
            return Err(DecodeError::Truncated);
        }
        let mut items = Vec::new();
        for _ in 0..len {
            items.push(read(self)?);
        }
        Ok(items)
    }

    pub(super) fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<Option<T>> {
        if self.bool()? {
            read(self).map(Some)
        } else {
            Ok(None)
        }
    }
}
