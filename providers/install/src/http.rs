//! Requests: encrypted unless a host is exempt, limited in size and time, repeated when a server
//! or the network has a weak moment.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};

use crate::InstallError;
use crate::hash::Sha256;

/// More redirects are a circle.
const MOST_REDIRECTS: usize = 10;

/// How requests are made.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Servers, as `host:port`, that may be asked without encryption.
    pub plain: BTreeSet<String>,
    /// How often a request is repeated that failed for a reason that may pass.
    pub retries: u32,
    /// The pause before the first repetition; it doubles with every further one.
    pub pause: Duration,
    /// How long a server may take to answer, and to send the next piece of a file.
    pub timeout: Duration,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            plain: BTreeSet::new(),
            retries: 3,
            pause: Duration::from_millis(250),
            timeout: Duration::from_secs(30),
        }
    }
}

/// A request that failed.
#[derive(Debug, thiserror::Error)]
#[error("The request for {url} failed: {reason}.")]
pub struct HttpError {
    /// What was asked for.
    pub url: String,
    /// What happened.
    pub reason: HttpReason,
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum HttpReason {
    /// No answer came, or it ended too early.
    #[error("{0}")]
    Connection(String),
    /// A redirect leads in a circle, or to where nothing is encrypted.
    #[error("{0}")]
    Redirect(String),
    /// The server refused.
    #[error("the server answered with status {0}")]
    Status(u16),
    /// The credentials are missing or wrong.
    #[error(
        "the server wants other credentials (status {0}); they stand in a credentials block of the CLI configuration or in a TF_TOKEN_ variable"
    )]
    Credentials(u16),
    /// The answer is longer than it may be.
    #[error("the answer is longer than {0} bytes")]
    TooLarge(u64),
    /// The connection would not be encrypted.
    #[error("it would not be encrypted; only https is allowed here")]
    Plain,
    /// The answer cannot be stored.
    #[error("the file cannot be written: {0}")]
    Write(std::io::Error),
}

impl HttpReason {
    fn may_pass(&self) -> bool {
        match self {
            Self::Connection(_) => true,
            Self::Status(status) => *status >= 500 || *status == 429,
            _ => false,
        }
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Where it came from in the end.
    pub url: Url,
    /// What the server says about it.
    pub headers: HeaderMap,
    /// Without the whole body there is no answer.
    pub body: Vec<u8>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client,
    options: Arc<HttpOptions>,
}

impl Http {
    /// A client.
    ///
    /// # Errors
    /// The system has no way to make encrypted connections.
    pub fn new(options: HttpOptions) -> Result<Self, InstallError> {
        let options = Arc::new(options);
        let plain = Arc::clone(&options);
        let redirects = Policy::custom(move |attempt| {
            if attempt.previous().len() > MOST_REDIRECTS {
                attempt.error("there are too many redirects")
            } else if is_allowed(attempt.url(), &plain.plain) {
                attempt.follow()
            } else {
                attempt.error("it is redirected to where nothing is encrypted")
            }
        });
        let client = Client::builder()
            .user_agent(concat!("muster/", env!("CARGO_PKG_VERSION")))
            .redirect(redirects)
            .connect_timeout(options.timeout)
            .read_timeout(options.timeout)
            .build()
            .map_err(|e| HttpError {
                url: "anything".to_owned(),
                reason: HttpReason::Connection(chain(&e)),
            })?;
        Ok(Self { client, options })
    }

    /// A client that may ask one more server, given as `host:port`, without encryption.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_plain(&self, authority: String) -> Result<Self, InstallError> {
        let mut options = HttpOptions::clone(&self.options);
        options.plain.insert(authority);
        Self::new(options)
    }

    /// Whether a server, given as `host:port`, is asked without encryption.
    pub fn is_plain(&self, authority: &str) -> bool {
        self.options.plain.contains(authority)
    }

    /// What is at an address; `None` where nothing is. At most `limit` bytes.
    ///
    /// # Errors
    /// The request failed, also after repetitions.
    pub async fn get(
        &self,
        url: &Url,
        token: Option<&str>,
        limit: u64,
    ) -> Result<Option<Answer>, HttpError> {
        self.repeat(url, async || {
            let mut response = self.send(url, token).await?;
            if matches!(response.status().as_u16(), 404 | 410) {
                return Ok(None);
            }
            accept(&response)?;
            let (url, headers) = (response.url().clone(), response.headers().clone());
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(connection)? {
                body.extend_from_slice(&chunk);
                if body.len() as u64 > limit {
                    return Err(HttpReason::TooLarge(limit));
                }
            }
            Ok(Some(Answer { url, headers, body }))
        })
        .await
    }

    /// Stores what is at an address in a file, and gives its SHA-256. At most `limit` bytes.
    ///
    /// # Errors
    /// The request failed, also after repetitions, or the file cannot be written.
    pub async fn download(
        &self,
        url: &Url,
        token: Option<&str>,
        path: &Path,
        limit: u64,
    ) -> Result<[u8; 32], HttpError> {
        self.repeat(url, async || {
            let response = self.send(url, token).await?;
            accept(&response)?;
            store(response, path, limit).await
        })
        .await
    }

    async fn repeat<T>(
        &self,
        url: &Url,
        mut request: impl AsyncFnMut() -> Result<T, HttpReason>,
    ) -> Result<T, HttpError> {
        let mut left = self.options.retries;
        let mut pause = self.options.pause;
        loop {
            match request().await {
                Err(reason) if left > 0 && reason.may_pass() => {
                    left -= 1;
                    tokio::time::sleep(pause).await;
                    pause = pause.saturating_mul(2);
                }
                result => {
                    return result.map_err(|reason| HttpError {
                        url: without_secrets(url),
                        reason,
                    });
                }
            }
        }
    }

    async fn send(&self, url: &Url, token: Option<&str>) -> Result<Response, HttpReason> {
        if !is_allowed(url, &self.options.plain) {
            return Err(HttpReason::Plain);
        }
        let mut request = self.client.get(url.clone());
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        request.send().await.map_err(connection)
    }
}

/// Whether an address may be asked.
fn is_allowed(url: &Url, plain: &BTreeSet<String>) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => authority(url).is_some_and(|authority| plain.contains(&authority)),
        _ => false,
    }
}

/// `host:port`.
pub(crate) fn authority(url: &Url) -> Option<String> {
    Some(format!(
        "{}:{}",
        url.host_str()?,
        url.port_or_known_default()?
    ))
}

/// The server of an address, as `host:port`, if the address has a scheme such as `http`.
pub fn authority_of(url: &str, scheme: &str) -> Option<String> {
    let url = Url::parse(url).ok().filter(|url| url.scheme() == scheme)?;
    authority(&url)
}

fn accept(response: &Response) -> Result<(), HttpReason> {
    match response.status().as_u16() {
        200..=299 => Ok(()),
        status @ (401 | 403) => Err(HttpReason::Credentials(status)),
        status => Err(HttpReason::Status(status)),
    }
}

async fn store(mut response: Response, path: &Path, limit: u64) -> Result<[u8; 32], HttpReason> {
    if response
        .content_length()
        .is_some_and(|length| length > limit)
    {
        return Err(HttpReason::TooLarge(limit));
    }
    // Pieces are small, and writing them is no more than copying them.
    let mut file = File::create(path).map_err(HttpReason::Write)?;
    let mut sum = Sha256::new();
    let mut size = 0;
    while let Some(chunk) = response.chunk().await.map_err(connection)? {
        size += chunk.len() as u64;
        if size > limit {
            return Err(HttpReason::TooLarge(limit));
        }
        sum.update(&chunk);
        file.write_all(&chunk).map_err(HttpReason::Write)?;
    }
    Ok(sum.finish())
}

fn connection(error: reqwest::Error) -> HttpReason {
    let redirect = error.is_redirect();
    let text = chain(&error.without_url());
    if redirect {
        HttpReason::Redirect(text)
    } else {
        HttpReason::Connection(text)
    }
}

/// An error with its causes, which say more than it does.
fn chain(error: &dyn std::error::Error) -> String {
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

/// Addresses of files in a storage often carry a secret in their query.
fn without_secrets(url: &Url) -> String {
    let mut url = url.clone();
    if url.query().is_some() {
        url.set_query(Some("..."));
    }
    // A lone name is a token where names are not needed.
    if !url.username().is_empty() && url.password().is_none() {
        let _ = url.set_username("...");
    }
    let _ = url.set_password(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_servers_are_asked_without_encryption() {
        let plain = BTreeSet::from(["127.0.0.1:8080".to_owned()]);
        let check = |url: &str, expect: bool| {
            assert_eq!(
                is_allowed(&Url::parse(url).unwrap(), &plain),
                expect,
                "{url}"
            );
        };
        check("https://example.com/x", true);
        check("http://example.com/x", false);
        check("http://127.0.0.1:8080/x", true);
        check("http://127.0.0.1:8081/x", false);
        check("http://127.0.0.1:8080@example.com/x", false);
        check("ftp://127.0.0.1:8080/x", false);
        check("file:///etc/passwd", false);
    }

    #[test]
    fn errors_do_not_show_secrets() {
        let url = Url::parse("https://u:secret@example.com/x?X-Signature=secret").unwrap();
        assert!(!without_secrets(&url).contains("secret"));
        let url = Url::parse("https://secret@example.com/x").unwrap();
        assert_eq!(without_secrets(&url), "https://...@example.com/x");
    }
}
