//! Roles that are taken on before anything else is done.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

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
