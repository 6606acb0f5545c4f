//! What a `backend "http"` block and the environment say.

use std::time::Duration;

use muster_store::{Setting, SettingKind, Settings, StoreError};
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap};
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde_json::Value;

/// The arguments of the block. Most can be given in the environment, too: `retry_max` as
/// `TF_HTTP_RETRY_MAX`.
pub const SETTINGS: &[Setting] = &[
    Setting::new("address", SettingKind::Text),
    Setting::new("update_method", SettingKind::Text),
    Setting::new("lock_address", SettingKind::Text),
    Setting::new("lock_method", SettingKind::Text),
    Setting::new("unlock_address", SettingKind::Text),
    Setting::new("unlock_method", SettingKind::Text),
    Setting::new("username", SettingKind::Text),
    Setting::secret("password", SettingKind::Text),
    Setting::secret("token", SettingKind::Text),
    Setting::secret("headers", SettingKind::Map),
    Setting::new("skip_cert_verification", SettingKind::Bool),
    Setting::new("retry_max", SettingKind::Number),
    Setting::new("retry_wait_min", SettingKind::Number),
    Setting::new("retry_wait_max", SettingKind::Number),
    Setting::new("client_ca_certificate_pem", SettingKind::Text),
    Setting::new("client_certificate_pem", SettingKind::Text),
    Setting::secret("client_private_key_pem", SettingKind::Text),
];

/// How to reach the server.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) update: Endpoint,
    pub(crate) lock: Option<Endpoint>,
    pub(crate) unlock: Option<Endpoint>,
    pub(crate) headers: HeaderMap,
    pub(crate) retries: Retries,
    pub(crate) tls: Tls,
}

/// Where to, and by which method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) url: Url,
    pub(crate) method: Method,
}

/// What is done about failures that may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retries {
    /// How often a request is repeated.
    pub(crate) most: u64,
    /// The pause before the first repetition; it doubles with every further one.
    pub(crate) shortest_pause: Duration,
    /// No pause is longer.
    pub(crate) longest_pause: Duration,
}

/// How servers and clients show who they are.
#[derive(Clone, Default)]
pub(crate) struct Tls {
    pub(crate) trust_anyone: bool,
    /// Trusted instead of those that the system trusts.
    pub(crate) authorities: Option<String>,
    /// Private key and certificate of this client.
    pub(crate) identity: Option<String>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls")
            .field("trust_anyone", &self.trust_anyone)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// Reads settings; those that are not there come from the environment.
    pub(crate) fn new(
        settings: &Settings,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, StoreError> {
        let given = Given { settings, env };
        let address = given
            .url("address")?
            .ok_or_else(|| wrong("address", "is required"))?;
        let lock_address = given.url("lock_address")?;
        let unlock_address = given.url("unlock_address")?;
        let headers = headers(&given, &address)?;
        let endpoint = |url: Option<Url>, name, usual| -> Result<Option<Endpoint>, StoreError> {
            let method = given.method(name, usual)?;
            Ok(url.map(|url| Endpoint {
                url: without_user(url),
                method,
            }))
        };
        let update = Endpoint {
            url: without_user(address),
            method: given.method("update_method", "POST")?,
        };
        Ok(Self {
            update,
            lock: endpoint(lock_address, "lock_method", "LOCK")?,
            unlock: endpoint(unlock_address, "unlock_method", "UNLOCK")?,
            headers,
            retries: retries(&given)?,
            tls: tls(&given)?,
        })
    }
}

/// Settings before they are understood.
struct Given<'a> {
    settings: &'a Settings,
    env: &'a dyn Fn(&str) -> Option<String>,
}

impl Given<'_> {
    /// A setting as text; an empty one counts as none.
    fn text(&self, name: &'static str) -> Result<Option<String>, StoreError> {
        let text = match self.settings.get(name) {
            None | Some(Value::Null) => (self.env)(&format!("TF_HTTP_{}", name.to_uppercase())),
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Bool(bool)) => Some(bool.to_string()),
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(Value::Array(_) | Value::Object(_)) => return Err(wrong(name, "must be a text")),
        };
        Ok(text.filter(|text| !text.is_empty()))
    }

    fn url(&self, name: &'static str) -> Result<Option<Url>, StoreError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let url = Url::parse(&text).map_err(|e| wrong(name, format!("is no address: {e}")))?;
        match url.scheme() {
            "http" | "https" => Ok(Some(url)),
            _ => Err(wrong(name, "must begin with http:// or https://")),
        }
    }

    fn method(&self, name: &'static str, usual: &str) -> Result<Method, StoreError> {
        let text = self.text(name)?;
        let text = text.as_deref().unwrap_or(usual);
        Method::from_bytes(text.as_bytes()).map_err(|_| wrong(name, "is no HTTP method"))
    }

    fn number(&self, name: &'static str, usual: u64) -> Result<u64, StoreError> {
        match self.text(name)? {
            None => Ok(usual),
            Some(text) => text
                .parse()
                .map_err(|_| wrong(name, "must be a whole number that is not negative")),
        }
    }

    fn bool(&self, name: &'static str) -> Result<bool, StoreError> {
        match self.text(name)?.as_deref() {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => Err(wrong(name, "must be true or false")),
        }
    }
}

fn wrong(name: &'static str, reason: impl Into<String>) -> StoreError {
    StoreError::Setting {
        name,
        reason: reason.into(),
    }
}

/// An address that can be shown: who asks is told in a header.
fn without_user(mut url: Url) -> Url {
    // These only fail for addresses that have no host, which those of servers have.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

fn retries(given: &Given<'_>) -> Result<Retries, StoreError> {
    let shortest = given.number("retry_wait_min", 1)?;
    let longest = given.number("retry_wait_max", 30)?;
    Ok(Retries {
        most: given.number("retry_max", 2)?,
        shortest_pause: Duration::from_secs(shortest),
        longest_pause: Duration::from_secs(longest),
    })
}

fn tls(given: &Given<'_>) -> Result<Tls, StoreError> {
    let certificate = given.text("client_certificate_pem")?;
    let key = given.text("client_private_key_pem")?;
    let identity = match (certificate, key) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some(format!("{key}\n{certificate}\n")),
        (Some(_), None) => {
            let reason = "is required when client_certificate_pem is given";
            return Err(wrong("client_private_key_pem", reason));
        }
        (None, Some(_)) => {
            let reason = "is required when client_private_key_pem is given";
            return Err(wrong("client_certificate_pem", reason));
        }
    };
    Ok(Tls {
        trust_anyone: given.bool("skip_cert_verification")?,
        authorities: given.text("client_ca_certificate_pem")?,
        identity,
    })
}

/// Headers of all requests.
fn headers(given: &Given<'_>, address: &Url) -> Result<HeaderMap, StoreError> {
    let mut headers = HeaderMap::new();
    let invalid = || wrong("headers", "has a name or a value that headers cannot have");
    match given.settings.get("headers") {
        None | Some(Value::Null) => {}
        Some(Value::Object(map)) => {
            for (name, value) in map {
                let name: HeaderName = name.parse().map_err(|_| invalid())?;
                if [CONTENT_TYPE, CONTENT_LENGTH, HOST].contains(&name) || name == "content-md5" {
                    let reason = format!("must not have {name}, which muster sets");
                    return Err(wrong("headers", reason));
                }
                let value = value.as_str().ok_or_else(invalid)?;
                headers.insert(name, secret(value).ok_or_else(invalid)?);
            }
        }
        Some(_) => return Err(wrong("headers", "must be a map of texts")),
    }
    if let Some(value) = authorization(given, address)? {
        if headers.contains_key(AUTHORIZATION) {
            let reason = "must not have authorization when a username or a token is given";
            return Err(wrong("headers", reason));
        }
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Who asks: by a token, by name and password, or as the address says.
fn authorization(given: &Given<'_>, address: &Url) -> Result<Option<HeaderValue>, StoreError> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    let username = given.text("username")?;
    if let Some(token) = given.text("token")? {
        if username.is_some() {
            return Err(wrong("token", "cannot be given together with a username"));
        }
        let value = secret(&format!("Bearer {token}"));
        let value = value.ok_or_else(|| wrong("token", "has characters that headers cannot have"));
        return value.map(Some);
    }
    let (name, password) = match username {
        Some(name) => (name, given.text("password")?.unwrap_or_default()),
        None if address.username().is_empty() && address.password().is_none() => return Ok(None),
        None => (
            decoded(address.username()),
            decoded(address.password().unwrap_or_default()),
        ),
    };
    let pair = STANDARD.encode(format!("{name}:{password}"));
    Ok(secret(&format!("Basic {pair}")))
}

/// What a name in an address stands for: `%40` for `@`.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = (*first == b'%').then(|| after.get(..2)).flatten();
        let byte = hex
            .filter(|hex| hex.iter().all(u8::is_ascii_hexdigit))
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        let value = match name {
            "TF_HTTP_ADDRESS" => "https://example.com/env",
            "TF_HTTP_LOCK_ADDRESS" => "https://example.com/lock",
            "TF_HTTP_UPDATE_METHOD" => "PUT",
            "TF_HTTP_RETRY_MAX" => "7",
            "TF_HTTP_TOKEN" => "secret",
            "TF_HTTP_USERNAME" => "",
            _ => return None,
        };
        Some(value.to_owned())
    }

    fn settings(json: serde_json::Value) -> Settings {
        json.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn the_environment_fills_gaps() {
        let config = Config::new(&settings(serde_json::json!({})), &env).unwrap();
        assert_eq!(config.update.url.as_str(), "https://example.com/env");
        assert_eq!(config.update.method, "PUT");
        assert_eq!(config.lock.unwrap().method, "LOCK");
        assert_eq!(config.unlock, None);
        assert_eq!(config.retries.most, 7);
        assert_eq!(config.headers[AUTHORIZATION], "Bearer secret");
        let given = serde_json::json!({
            "address": "http://example.com/block",
            "update_method": null,
            "lock_address": "",
            "retry_max": 1,
        });
        let config = Config::new(&settings(given), &env).unwrap();
        assert_eq!(config.update.url.as_str(), "http://example.com/block");
        assert_eq!(
            (config.update.method.as_str(), config.retries.most),
            ("PUT", 1)
        );
        assert_eq!(config.lock, None);
    }

    #[test]
    fn nothing_secret_is_printed() {
        let given = serde_json::json!({
            "address": "http://me:hunter2@example.com/state",
            "headers": {"x-key": "hunter2"},
            "client_certificate_pem": "c",
            "client_private_key_pem": "hunter2",
        });
        let config = Config::new(&settings(given), &|_| None).unwrap();
        let printed = format!("{config:?}");
        assert!(!printed.contains("hunter2"), "{printed}");
        assert!(config.headers.contains_key(AUTHORIZATION));
    }

    #[test]
    fn names_in_addresses_are_decoded() {
        let check = |text: &str, expect: &str| assert_eq!(decoded(text), expect);
        check("a%40b", "a@b");
        check("%C3%A9", "é");
        check("100%", "100%");
        check("%+1%4", "%+1%4");
        check("", "");
    }
}
