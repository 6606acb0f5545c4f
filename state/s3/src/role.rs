//! Roles that are taken on before anything else is done.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use muster_store::StoreError;

use crate::config::{Env, expand};
use crate::settings::{Given, wrong};

/// A role and the conditions of taking it on.
#[derive(Clone)]
pub(crate) struct Role {
    pub arn: String,
    pub duration: Option<Duration>,
    pub external_id: Option<String>,
    pub policy: Option<String>,
    pub policy_arns: Vec<String>,
    pub session_name: Option<String>,
    pub source_identity: Option<String>,
    pub tags: BTreeMap<String, String>,
    pub transitive_tag_keys: Vec<String>,
}

/// A role that somebody takes on who is known to another service.
#[derive(Clone)]
pub(crate) struct WebRole {
    pub role: Role,
    pub token: Token,
}

/// What proves who somebody is.
#[derive(Clone)]
pub(crate) enum Token {
    Text(String),
    File(PathBuf),
}

impl Role {
    /// The role that an argument describes.
    ///
    /// # Errors
    /// Something is missing or makes no sense.
    pub(crate) fn new(given: Given<'_>) -> Result<Self, StoreError> {
        let arn = given.filled("role_arn")?;
        Ok(Self {
            arn: arn.ok_or_else(|| wrong("assume_role", "needs a \"role_arn\""))?,
            duration: duration(given)?,
            external_id: given.text("external_id")?,
            policy: given.text("policy")?,
            policy_arns: given.texts("policy_arns")?,
            session_name: given.text("session_name")?,
            source_identity: given.text("source_identity")?,
            tags: given.map("tags")?,
            transitive_tag_keys: given.texts("transitive_tag_keys")?,
        })
    }

    /// The fields of a request to take this on.
    pub(crate) fn fields(&self) -> Vec<(String, String)> {
        let mut fields = vec![("RoleArn".to_owned(), self.arn.clone())];
        let mut add = |name: &str, value: Option<&str>| {
            fields.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        };
        let seconds = self.duration.map(|d| d.as_secs().to_string());
        add("DurationSeconds", seconds.as_deref());
        add("ExternalId", self.external_id.as_deref());
        add("Policy", self.policy.as_deref());
        add("RoleSessionName", Some(self.session_name()));
        add("SourceIdentity", self.source_identity.as_deref());
        for (n, arn) in self.policy_arns.iter().enumerate() {
            add(&format!("PolicyArns.member.{}.arn", n + 1), Some(arn));
        }
        for (n, (key, value)) in self.tags.iter().enumerate() {
            add(&format!("Tags.member.{}.Key", n + 1), Some(key));
            add(&format!("Tags.member.{}.Value", n + 1), Some(value));
        }
        for (n, key) in self.transitive_tag_keys.iter().enumerate() {
            add(&format!("TransitiveTagKeys.member.{}", n + 1), Some(key));
        }
        fields
    }

    fn session_name(&self) -> &str {
        self.session_name.as_deref().unwrap_or("muster")
    }
}

impl WebRole {
    /// The role that the arguments of a block describe, if they do.
    ///
    /// # Errors
    /// As [`Role::new`].
    pub(crate) fn new(outer: Given<'_>, env: Env<'_>) -> Result<Option<Self>, StoreError> {
        const NAME: &str = "assume_role_with_web_identity";
        let Some(given) = outer.object(NAME)? else {
            return Ok(None);
        };
        let file = given.text("web_identity_token_file")?;
        let token = match (given.text("web_identity_token")?, file) {
            (Some(_), Some(_)) => {
                let reason = "can have a \"web_identity_token\" or a \"web_identity_token_file\"";
                return Err(wrong(NAME, reason));
            }
            (Some(token), None) => Some(Token::Text(token)),
            (None, file) => file
                .or_else(|| env("AWS_WEB_IDENTITY_TOKEN_FILE"))
                .map(|path| Token::File(expand(&path, env))),
        };
        let arn = given.text("role_arn")?.or_else(|| env("AWS_ROLE_ARN"));
        let name = given.text("session_name")?;
        let reason = "needs a \"web_identity_token\" or a \"web_identity_token_file\"";
        Ok(Some(Self {
            token: token.ok_or_else(|| wrong(NAME, reason))?,
            role: Role {
                arn: arn.ok_or_else(|| wrong(NAME, "needs a \"role_arn\""))?,
                duration: duration(given)?,
                policy: given.text("policy")?,
                policy_arns: given.texts("policy_arns")?,
                session_name: name.or_else(|| env("AWS_ROLE_SESSION_NAME")),
                external_id: None,
                source_identity: None,
                tags: BTreeMap::new(),
                transitive_tag_keys: Vec::new(),
            },
        }))
    }
}

/// A duration such as `1h30m`, from 15 minutes to 12 hours.
fn duration(given: Given<'_>) -> Result<Option<Duration>, StoreError> {
    let Some(text) = given.filled("duration")? else {
        return Ok(None);
    };
    let seconds = seconds(&text).ok_or_else(|| wrong("duration", "must look like \"1h30m\""))?;
    match seconds {
        900..=43_200 => Ok(Some(Duration::from_secs(seconds))),
        _ => Err(wrong("duration", "must be from 15 minutes to 12 hours")),
    }
}

fn seconds(text: &str) -> Option<u64> {
    let mut total = 0u64;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..end].parse().ok()?;
        let unit = match rest.as_bytes()[end] {
            b'h' => 3600,
            b'm' => 60,
            b's' => 1,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = &rest[end + 1..];
    }
    Some(total)
}
