//! An instant with an offset from UTC.

use std::fmt;

use muster_value::Date;

const NANOS: i128 = 1_000_000_000;
const DAY: i64 = 86_400;

/// A point in time.
pub(super) struct Instant {
    /// Seconds since 1970 in local time: the offset is added already.
    local: i64,
    /// Part of the second.
    nanos: u32,
    /// Seconds that local time is ahead of UTC.
    offset: i32,
}

/// An instant as a calendar and a clock show it.
pub(super) struct Fields {
    pub(super) year: i64,
    /// 1 to 12.
    pub(super) month: u32,
    /// 1 to 31.
    pub(super) day: u32,
    /// 0 to 6 from Sunday.
    pub(super) weekday: usize,
    pub(super) hour: u32,
    pub(super) minute: u32,
    pub(super) second: u32,
    /// Seconds that local time is ahead of UTC.
    pub(super) offset: i32,
}

impl Instant {
    /// From seconds since 1970, in UTC.
    pub(super) fn from_unix(seconds: i64) -> Self {
        Self {
            local: seconds,
            nanos: 0,
            offset: 0,
        }
    }

    /// Reads an RFC 3339 timestamp.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        Self::read(text.as_bytes(), (23, 59)).ok_or_else(|| wrong(text))
    }

    /// As [`parse`](Self::parse), but the hour may have one digit, a comma may stand for the
    /// point, and the offset may be a day and an hour.
    pub(super) fn parse_loosely(text: &str) -> Result<Self, String> {
        const MOST_OFFSET: (i64, i64) = (24, 60);
        let mut bytes = text.as_bytes().to_vec();
        if let Some(b':') = bytes.get(12) {
            bytes.insert(11, b'0');
        }
        if let Some(mark @ b',') = bytes.get_mut(19) {
            *mark = b'.';
        }
        Self::read(&bytes, MOST_OFFSET).ok_or_else(|| wrong(text))
    }

    /// Reads a timestamp with an offset of so many hours and minutes at most.
    fn read(bytes: &[u8], most_offset: (i64, i64)) -> Option<Self> {
        let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
        if bytes.len() < 20 || marks.iter().any(|(at, mark)| bytes[*at] != *mark) {
            return None;
        }
        let field = |from: usize, to: usize, least: i64, most: i64| {
            digits(&bytes[from..to]).filter(|n| (least..=most).contains(n))
        };
        let (year, month) = (field(0, 4, 0, 9999)?, field(5, 7, 1, 12)?);
        let month = month as u32;
        let day = field(8, 10, 1, Date::days_in(year, month).into())? as u32;
        let clock =
            field(11, 13, 0, 23)? * 3600 + field(14, 16, 0, 59)? * 60 + field(17, 19, 0, 59)?;
        let mut rest = &bytes[19..];
        let mut nanos = 0;
        if let [b'.', fraction @ ..] = rest {
            let count = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
            if count == 0 {
                return None;
            }
            for place in 0..9 {
                let digit = fraction[..count].get(place).map_or(0, |b| b - b'0');
                nanos = nanos * 10 + u32::from(digit);
            }
            rest = &fraction[count..];
        }
        let offset = offset(rest, most_offset)?;
        Some(Self {
            local: Date { year, month, day }.days() * DAY + clock,
            nanos,
            offset,
        })
    }

    /// Nanoseconds since 1970.
    pub(super) fn nanoseconds(&self) -> i128 {
        i128::from(self.local - i64::from(self.offset)) * NANOS + i128::from(self.nanos)
    }

    /// The instant so many nanoseconds later.
    pub(super) fn plus(&self, nanos: i64) -> Self {
        let total = i128::from(self.local) * NANOS + i128::from(self.nanos) + i128::from(nanos);
        Self {
            local: total.div_euclid(NANOS) as i64,
            nanos: total.rem_euclid(NANOS) as u32,
            offset: self.offset,
        }
    }

    /// Calendar and clock.
    pub(super) fn fields(&self) -> Fields {
        let days = self.local.div_euclid(DAY);
        let clock = self.local.rem_euclid(DAY) as u32;
        let Date { year, month, day } = Date::from_days(days);
        Fields {
            year,
            month,
            day,
            // The first of January 1970 was a Thursday.
            weekday: (days + 4).rem_euclid(7) as usize,
            hour: clock / 3600,
            minute: clock / 60 % 60,
            second: clock % 60,
            offset: self.offset,
        }
    }
}

/// RFC 3339 without parts of seconds.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.fields();
        let sign = if at.year < 0 { "-" } else { "" };
        write!(
            f,
            "{sign}{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}",
            at.year.abs(),
            at.month,
            at.day,
            at.hour,
            at.minute,
            at.second,
            at.zone(":", "Z")
        )
    }
}

impl Fields {
    /// The offset, with what stands between hours and minutes, and what UTC is called.
    pub(super) fn zone(&self, between: &str, utc: &str) -> String {
        if self.offset == 0 && !utc.is_empty() {
            return utc.to_owned();
        }
        let sign = if self.offset < 0 { '-' } else { '+' };
        let minutes = self.offset.abs() / 60;
        format!("{sign}{:02}{between}{:02}", minutes / 60, minutes % 60)
    }
}

fn wrong(text: &str) -> String {
    format!("\"{text}\" is not an RFC 3339 timestamp such as 2024-01-31T12:00:00Z")
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |n, b| {
        b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0'))
    })
}

fn offset(text: &[u8], most: (i64, i64)) -> Option<i32> {
    let (sign, hours, minutes) = match text {
        b"Z" => return Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => (sign, [*h1, *h2], [*m1, *m2]),
        _ => return None,
    };
    let hours = digits(&hours).filter(|h| *h <= most.0)?;
    let minutes = digits(&minutes).filter(|m| *m <= most.1)?;
    let seconds = (hours * 3600 + minutes * 60) as i32;
    Some(if *sign == b'-' { -seconds } else { seconds })
}
