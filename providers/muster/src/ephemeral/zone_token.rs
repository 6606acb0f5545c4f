use std::time::{Duration, SystemTime, UNIX_EPOCH};

use muster_sdk::schema::{Schema, string};
use muster_sdk::{Context, Diagnostic, EphemeralResource, Opened};
use serde::{Deserialize, Serialize};

use crate::client::{Client, diagnostic};
use crate::driver::DriverError;
use crate::model::TOKEN_LASTS;
use crate::model::time::{format_time, parse_duration};

/// How long a token lasts where nothing is said.
const DEFAULT_TTL: &str = "15m";

/// What renewing and closing find a token by.
const ID: &str = "id";

/// `muster_zone_token`
pub(crate) struct ZoneTokenResource;

/// The token, as a configuration sees it.
#[derive(Serialize, Deserialize)]
pub(crate) struct TokenState {
    zone_id: String,
    ttl: Option<String>,
    token: Option<String>,
    expires_at: Option<String>,
}

impl EphemeralResource for ZoneTokenResource {
    type Client = Client;
    type State = TokenState;

    fn schema(&self) -> Schema {
        Schema::builder()
            .description(
                "A token that lets whoever has it into a zone. It is made when a run needs it, \
                 renewed as long as it is in use and revoked at the end, and is in no plan and no \
                 state.",
            )
            .attribute(
                "zone_id",
                string().required().not_empty().description("The zone."),
            )
            .attribute(
                "ttl",
                string()
                    .default(DEFAULT_TTL)
                    .check(|value| match value.as_str() {
                        Some(text) => seconds(text).map(|_| ()),
                        None => Ok(()),
                    })
                    .description(
                        "How long it is good for unless it is renewed, like `15m`, which is the \
                         default; from `1m` to `12h`.",
                    ),
            )
            .attribute(
                "token",
                string().computed().sensitive().description("The token."),
            )
            .attribute(
                "expires_at",
                string()
                    .computed()
                    .description("When it ends unless it is renewed."),
            )
            .build()
    }

    async fn open(
        &self,
        config: TokenState,
        cx: &mut Context<'_, Client>,
    ) -> Result<Opened<TokenState>, Diagnostic> {
        let ttl = config.ttl.as_deref().unwrap_or(DEFAULT_TTL);
        let lasts = seconds(ttl).map_err(|reason| failed("opening", invalid(&reason)))?;
        let opened = cx.client().driver().open_token(&config.zone_id, lasts);
        let made = opened.await.map_err(|error| failed("opening", error))?;
        let kept = cx.private.set(ID, &made.id);
        kept.map_err(|e| Diagnostic::error("Error opening zone token", e.to_string()))?;
        let state = TokenState {
            token: Some(made.token),
            expires_at: Some(format_time(made.expires)),
            ..config
        };
        Ok(Opened::new(state).renew_at(in_time(made.expires, lasts)))
    }

    async fn renew(&self, cx: &mut Context<'_, Client>) -> Result<Option<SystemTime>, Diagnostic> {
        let Some(id) = id(cx) else { return Ok(None) };
        let renewed = cx.client().driver().renew_token(&id);
        let expires = renewed.await.map_err(|error| failed("renewing", error))?;
        let left = at(expires).duration_since(SystemTime::now());
        Ok(Some(in_time(expires, left.unwrap_or_default().as_secs())))
    }

    async fn close(&self, cx: &mut Context<'_, Client>) -> Result<(), Diagnostic> {
        let Some(id) = id(cx) else { return Ok(()) };
        let closed = cx.client().driver().close_token(&id);
        closed.await.map_err(|error| failed("closing", error))
    }
}

fn id(cx: &Context<'_, Client>) -> Option<String> {
    cx.private.get(ID)
}

/// The length of a token's life.
fn seconds(text: &str) -> Result<u64, String> {
    let seconds = parse_duration(text)?;
    let whole = seconds as u64;
    match TOKEN_LASTS.contains(&whole) {
        true => Ok(whole),
        false => Err("must be from 1m to 12h".into()),
    }
}

fn invalid(reason: &str) -> DriverError {
    DriverError::invalid("ttl", format!("The time {reason}"))
}

fn failed(doing: &str, error: DriverError) -> Diagnostic {
    diagnostic("zone token", doing, &error)
}

/// When to renew what ends at a time: with a third of its life left.
fn in_time(expires: i64, lasts: u64) -> SystemTime {
    let left = Duration::from_secs(lasts / 3);
    at(expires).checked_sub(left).unwrap_or(UNIX_EPOCH)
}

/// A time in seconds since the epoch; the farthest that there is for one beyond.
fn at(seconds: i64) -> SystemTime {
    /// Ten thousand years.
    const FAR: u64 = 315_576_000_000;
    let seconds = u64::try_from(seconds).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(seconds.min(FAR))
}
