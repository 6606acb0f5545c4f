//! What is there while a run needs it and never stored.

mod zone_token;

pub(crate) use zone_token::ZoneTokenResource;
