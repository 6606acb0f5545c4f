//! Tokens and credentials of zones in the simulated world. Of both it keeps digests only.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::world::World;
use crate::driver::DriverError;
use crate::model::{Kind, TOKEN_LASTS, Zone, ZoneToken};

/// A token that was given out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Token {
    zone: String,
    digest: String,
    /// Seconds.
    lasts: u64,
    /// Seconds since the epoch.
    expires: i64,
}

/// See [`Driver::open_token`](crate::driver::Driver::open_token).
pub(super) fn open(
    world: &mut World,
    zone: &str,
    lasts: u64,
    now: i64,
) -> Result<ZoneToken, DriverError> {
    exists(world, zone)?;
    if !TOKEN_LASTS.contains(&lasts) {
        let (least, most) = (TOKEN_LASTS.start(), TOKEN_LASTS.end());
        let reason = format!("A token lasts at least {least} and at most {most} seconds");
        return Err(DriverError::invalid("ttl", reason));
    }
    forget_old(world, now);
    let secret = format!("mzt_{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let id = world.new_id("token");
    let expires = ends(now, lasts);
    let token = Token {
        zone: zone.into(),
        digest: digest(&secret),
        lasts,
        expires,
    };
    world.tokens.insert(id.clone(), token);
    Ok(ZoneToken {
        id,
        token: secret,
        expires,
    })
}

/// See [`Driver::renew_token`](crate::driver::Driver::renew_token).
pub(super) fn renew(world: &mut World, id: &str, now: i64) -> Result<i64, DriverError> {
    forget_old(world, now);
    let token = world.tokens.get_mut(id);
    let token = token.ok_or_else(|| DriverError::NotFound {
        kind: "token",
        id: id.into(),
    })?;
    token.expires = ends(now, token.lasts);
    Ok(token.expires)
}

/// See [`Driver::close_token`](crate::driver::Driver::close_token).
pub(super) fn close(world: &mut World, id: &str, now: i64) {
    world.tokens.remove(id);
    forget_old(world, now);
}

/// See [`Driver::set_credential`](crate::driver::Driver::set_credential).
pub(super) fn set_credential(
    world: &mut World,
    zone: &str,
    credential: Option<&str>,
) -> Result<(), DriverError> {
    exists(world, zone)?;
    match credential {
        Some(credential) => {
            world.credentials.insert(zone.into(), digest(credential));
        }
        None => {
            world.credentials.remove(zone);
        }
    }
    Ok(())
}

fn exists(world: &World, zone: &str) -> Result<(), DriverError> {
    match world.zones.contains_key(zone) {
        true => Ok(()),
        false => Err(DriverError::NotFound {
            kind: Zone::NAME,
            id: zone.into(),
        }),
    }
}

/// Removes tokens that have ended, and what was kept of zones that are gone.
fn forget_old(world: &mut World, now: i64) {
    let zones = &world.zones;
    let lives = |token: &Token| token.expires > now && zones.contains_key(&token.zone);
    world.tokens.retain(|_, token| lives(token));
    world.credentials.retain(|zone, _| zones.contains_key(zone));
}

fn ends(now: i64, lasts: u64) -> i64 {
    now.saturating_add(i64::try_from(lasts).unwrap_or(i64::MAX))
}

fn digest(secret: &str) -> String {
    let digest = Sha256::digest(secret.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
