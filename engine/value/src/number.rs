//! Numbers: skeleton to be replaced.
use std::cmp::Ordering;
use std::fmt;

/// A number.
#[derive(Clone, Debug)]
pub struct Number(f64);
/// Why a text is not a number or an operation has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberError(pub String);
impl fmt::Display for NumberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for NumberError {}
impl Number {
    /// Parses decimal text.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        text.parse()
            .map(Self)
            .map_err(|_| NumberError("a number is required".into()))
    }
    /// From f64; NaN is refused.
    pub fn from_f64(f: f64) -> Result<Self, NumberError> {
        Ok(Self(f))
    }
    /// As i64, if whole and in range.
    pub fn to_i64(&self) -> Option<i64> {
        (self.0.fract() == 0.0).then_some(self.0 as i64)
    }
    /// As u64, if whole and in range.
    pub fn to_u64(&self) -> Option<u64> {
        (self.0.fract() == 0.0 && self.0 >= 0.0).then_some(self.0 as u64)
    }
    /// Nearest f64.
    pub fn to_f64(&self) -> f64 {
        self.0
    }
    /// Whether it is a whole number.
    pub fn is_integer(&self) -> bool {
        self.0.fract() == 0.0
    }
    /// Sum.
    pub fn add(&self, o: &Self) -> Result<Self, NumberError> {
        Ok(Self(self.0 + o.0))
    }
    /// Difference.
    pub fn sub(&self, o: &Self) -> Result<Self, NumberError> {
        Ok(Self(self.0 - o.0))
    }
    /// Product.
    pub fn mul(&self, o: &Self) -> Result<Self, NumberError> {
        Ok(Self(self.0 * o.0))
    }
    /// Quotient.
    pub fn div(&self, o: &Self) -> Result<Self, NumberError> {
        Ok(Self(self.0 / o.0))
    }
    /// Remainder.
    pub fn rem(&self, o: &Self) -> Result<Self, NumberError> {
        Ok(Self(self.0 % o.0))
    }
    /// Negation.
    pub fn neg(&self) -> Self {
        Self(-self.0)
    }
    /// Greatest whole number not above.
    pub fn floor(&self) -> Self {
        Self(self.0.floor())
    }
    /// Least whole number not below.
    pub fn ceil(&self) -> Self {
        Self(self.0.ceil())
    }
    /// Whether below zero.
    pub fn is_negative(&self) -> bool {
        self.0 < 0.0
    }
    /// Whether infinite.
    pub fn is_infinite(&self) -> bool {
        self.0.is_infinite()
    }
}
impl From<i64> for Number {
    fn from(n: i64) -> Self {
        Self(n as f64)
    }
}
impl From<u64> for Number {
    fn from(n: u64) -> Self {
        Self(n as f64)
    }
}
impl PartialEq for Number {
    fn eq(&self, o: &Self) -> bool {
        self.0 == o.0
    }
}
impl Eq for Number {}
impl PartialOrd for Number {
    fn partial_cmp(&self, o: &Self) -> Option<Ordering> {
        Some(self.cmp(o))
    }
}
impl Ord for Number {
    fn cmp(&self, o: &Self) -> Ordering {
        self.0.total_cmp(&o.0)
    }
}
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
