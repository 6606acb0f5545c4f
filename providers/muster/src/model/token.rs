/// A token that lets its holder into a zone, as a driver gives it out. Whoever has it is in, so
/// that it is stored nowhere.
#[derive(Clone)]
pub struct ZoneToken {
    /// The driver's id of it.
    pub id: String,
    /// The secret.
    pub token: String,
    /// When it ends unless it is renewed, in seconds since the epoch.
    pub expires: i64,
}

/// How long tokens last, in seconds, at the least and at the most.
pub const TOKEN_LASTS: std::ops::RangeInclusive<u64> = 60..=12 * 60 * 60;
