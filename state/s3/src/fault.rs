//! Why a request came to nothing.

use std::error::Error;
use std::fmt;

use crate::xml;

/// The longest message of a server that is passed on.
const LONGEST_MESSAGE: usize = 300;

/// Why a request came to nothing. It holds no secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// There is no answer, or not a whole one, from this host for this reason: whether it was
    /// carried out is not known.
    Connection(String),
    /// The service refuses.
    Refused(Refusal),
    /// There are no credentials to sign it with.
    Credentials(String),
    /// Something else, in a sentence.
    Other(String),
}

/// What a service says when it refuses something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The status of the answer.
    pub status: u16,
    /// The name of the error.
    pub code: String,
    /// What it says to people.
    pub message: String,
    /// Where the bucket is, if that is what is wrong.
    pub region: Option<String>,
}

impl Refusal {
    /// Reads an answer, which is XML, JSON or nothing at all.
    pub(crate) fn new(status: u16, region: Option<String>, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let (code, message) = match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(json) => {
                let field = |names: [&str; 2]| {
                    let found = names.iter().find_map(|name| json.get(name)?.as_str());
                    found.unwrap_or_default().to_owned()
                };
                let code = field(["__type", "code"]);
                let code = code.rsplit('#').next().unwrap_or_default().to_owned();
                (code, field(["message", "Message"]))
            }
            Err(_) => {
                let field = |name| xml::first(&text, name).unwrap_or_default();
                (field("Code"), field("Message"))
            }
        };
        Self {
            status,
            code,
            message: message.chars().take(LONGEST_MESSAGE).collect(),
            region,
        }
    }

    /// Whether the same request may well succeed later.
    pub(crate) fn may_pass(&self) -> bool {
        const CODES: [&str; 12] = [
            "SlowDown",
            "InternalError",
            "ServiceUnavailable",
            "RequestTimeout",
            "RequestTimeoutException",
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "RequestLimitExceeded",
            "ProvisionedThroughputExceededException",
            "OperationAborted",
            "ConditionalRequestConflict",
        ];
        matches!(self.status, 429 | 500 | 502 | 503 | 504) || CODES.contains(&&*self.code)
    }

    /// Whether a session has ended that the credentials belong to.
    pub(crate) fn has_expired(&self) -> bool {
        let codes = [
            "ExpiredToken",
            "ExpiredTokenException",
            "TokenRefreshRequired",
        ];
        codes.contains(&&*self.code)
    }
}

impl Fault {
    /// Whether the service refuses with this status.
    pub(crate) fn is(&self, status: u16) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == status)
    }

    /// Whether the service refuses with this error.
    pub(crate) fn has_code(&self, code: &str) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.code == code)
    }

    /// Whether the same request may well succeed later.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Connection(_) => true,
            Self::Refused(refusal) => refusal.may_pass() || refusal.has_expired(),
            Self::Credentials(_) | Self::Other(_) => false,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&*self.code, &self.region) {
            ("NoSuchBucket", _) => write!(f, "the bucket does not exist"),
            (_, Some(region)) if matches!(self.status, 301 | 307 | 400) => {
                write!(f, "the bucket is in the region {region:?}")
            }
            ("", _) if self.status == 403 => {
                write!(f, "the credentials do not allow it (status 403)")
            }
            ("", _) => write!(f, "the server answered with status {}", self.status),
            ("AccessDenied", _) => write!(f, "the credentials do not allow it (AccessDenied)"),
            (code, _) if self.message.is_empty() => write!(f, "{code} (status {})", self.status),
            (code, _) => write!(f, "{code} (status {}): {}", self.status, self.message),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(reason) => write!(f, "there is no answer from {reason}"),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Credentials(reason) => write!(f, "there are no credentials: {reason}"),
            Self::Other(reason) => f.write_str(reason),
        }
    }
}

/// An error with its causes, which say more than it does.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str, may_pass: bool, expect: &str) {
        let refusal = Refusal::new(status, None, body.as_bytes());
        assert_eq!(refusal.to_string(), expect);
        assert_eq!(refusal.may_pass(), may_pass, "{body}");
    }

    #[test]
    fn refusals_are_read_whatever_their_form() {
        let xml = "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>Be &lt;slow></Message></Error>";
        check(503, xml, true, "SlowDown (status 503): Be <slow>");
        let json = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"none"}"#;
        check(
            400,
            json,
            false,
            "ResourceNotFoundException (status 400): none",
        );
        check(
            400,
            r#"{"__type":"ThrottlingException"}"#,
            true,
            "ThrottlingException (status 400)",
        );
        check(
            500,
            "\u{0}junk",
            true,
            "the server answered with status 500",
        );
        check(
            403,
            "",
            false,
            "the credentials do not allow it (status 403)",
        );
        check(
            404,
            "<Code>NoSuchBucket</Code>",
            false,
            "the bucket does not exist",
        );
        let moved = Refusal::new(301, Some("eu-west-1".to_owned()), b"");
        assert_eq!(
            moved.to_string(),
            "the bucket is in the region \"eu-west-1\""
        );
    }
}
