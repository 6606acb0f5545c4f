//! Requests that are repeated when the server or the network has a weak moment.

use std::error::Error;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use md5::{Digest, Md5};
use muster_store::StoreError;
use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Identity, Method, Response, Url};

use crate::bridge::Bridge;
use crate::config::{Config, Tls};

/// The checksum of a body, in base64.
const CONTENT_MD5: &str = "content-md5";
/// More redirects are a circle.
const MOST_REDIRECTS: usize = 10;
/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a server may take to answer, and to send the next piece of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(120);
/// No state has more bytes.
const LONGEST_BODY: u64 = 4 << 30;
/// How much is shown of what a server says about its refusal.
const LONGEST_REASON: usize = 300;

/// What makes requests.
#[derive(Debug)]
pub(crate) struct Client {
    config: Config,
    http: reqwest::Client,
    bridge: Bridge,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) body: Option<Bytes>,
}

/// What was answered, whatever the status.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// An earlier attempt may have reached the server without an answer.
    pub(crate) repeated: bool,
}

/// What became of one attempt.
enum Attempt {
    Done(Reply),
    /// It may go better after a pause, which the server may have told.
    Weak(Weakness),
    Failed(String),
}

/// Why an attempt should be repeated.
struct Weakness {
    reason: String,
    pause: Option<Duration>,
}

impl Client {
    pub(crate) fn new(config: Config) -> Result<Self, StoreError> {
        let http = build(&config)?;
        let bridge = Bridge::new().map_err(|error| StoreError::Remote {
            place: shown(&config.update.url),
            action: "reach",
            reason: error.to_string(),
        })?;
        Ok(Self {
            config,
            http,
            bridge,
        })
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Names the state, without secrets.
    pub(crate) fn place(&self) -> String {
        shown(&self.config.update.url)
    }

    /// Makes a request and waits for the answer. The error is the reason why none came.
    pub(crate) fn send(&self, request: Request) -> Result<Reply, String> {
        let (http, config) = (self.http.clone(), self.config.clone());
        let answer = self.bridge.wait(send(http, config, request));
        answer.unwrap_or_else(|| Err("the request stopped".to_owned()))
    }
}

impl Reply {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Why the server refused.
    pub(crate) fn refusal(&self) -> String {
        let status = self.status;
        let text = String::from_utf8_lossy(&self.body);
        let words: Vec<_> = text
            .split(|c: char| c.is_whitespace() || c.is_control())
            .collect();
        let words = words.into_iter().filter(|word| !word.is_empty());
        let said: String = words
            .collect::<Vec<_>>()
            .join(" ")
            .chars()
            .take(LONGEST_REASON)
            .collect();
        let what = match status {
            401 | 403 => format!("the server wants other credentials (status {status})"),
            _ => format!("the server answered with status {status}"),
        };
        // Pages are for browsers.
        match said.is_empty() || said.starts_with('<') {
            true => what,
            false => format!("{what}: {said}"),
        }
    }
}

/// An address for people. Queries may hold secrets.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    if url.query().is_some() {
        url.set_query(Some("..."));
    }
    url.to_string()
}

fn build(config: &Config) -> Result<reqwest::Client, StoreError> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("muster/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT);
    let builder = secure(builder, &config.tls)?;
    builder.build().map_err(|error| StoreError::Remote {
        place: shown(&config.update.url),
        action: "reach",
        reason: chain(&error),
    })
}

fn secure(
    mut builder: reqwest::ClientBuilder,
    tls: &Tls,
) -> Result<reqwest::ClientBuilder, StoreError> {
    let wrong = |name| {
        move |error: reqwest::Error| StoreError::Setting {
            name,
            reason: format!("is not what it should be: {}", chain(&error)),
        }
    };
    if tls.trust_anyone {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    if let Some(pem) = &tls.authorities {
        let name = "client_ca_certificate_pem";
        let certificates = Certificate::from_pem_bundle(pem.as_bytes()).map_err(wrong(name))?;
        if certificates.is_empty() {
            let reason = "has no certificate".to_owned();
            return Err(StoreError::Setting { name, reason });
        }
        builder = builder.tls_certs_only(certificates);
    }
    if let Some(pem) = &tls.identity {
        let identity =
            Identity::from_pem(pem.as_bytes()).map_err(wrong("client_certificate_pem"))?;
        builder = builder.identity(identity);
    }
    Ok(builder)
}

async fn send(http: reqwest::Client, config: Config, request: Request) -> Result<Reply, String> {
    let retries = config.retries;
    let mut usual = retries.shortest_pause;
    let mut repeated = false;
    for left in (0..=retries.most).rev() {
        let weakness = match attempt(&http, &config.headers, &request, repeated).await {
            Attempt::Done(reply) => return Ok(reply),
            Attempt::Failed(reason) => return Err(reason),
            Attempt::Weak(weakness) => weakness,
        };
        if left == 0 {
            return Err(match retries.most {
                0 => weakness.reason,
                n => format!("{}, {} times", weakness.reason, n.saturating_add(1)),
            });
        }
        let pause = weakness.pause.unwrap_or(usual);
        tokio::time::sleep(pause.min(retries.longest_pause)).await;
        usual = usual.saturating_mul(2);
        repeated = true;
    }
    // The loop runs at least once, and its last turn returns.
    Err("the request was not made".to_owned())
}

/// Makes a request once, redirects followed.
async fn attempt(
    http: &reqwest::Client,
    headers: &HeaderMap,
    request: &Request,
    repeated: bool,
) -> Attempt {
    let mut url = request.url.clone();
    for _ in 0..=MOST_REDIRECTS {
        let response = match once(http, headers, request, &url).await {
            Ok(response) => response,
            Err(error) => return weak(connection(error)),
        };
        match redirect(request, &url, &response) {
            Err(reason) => return Attempt::Failed(reason),
            Ok(Some(target)) => url = target,
            Ok(None) => return finish(response, repeated).await,
        }
    }
    Attempt::Failed("there are too many redirects".to_owned())
}

async fn once(
    http: &reqwest::Client,
    headers: &HeaderMap,
    request: &Request,
    url: &Url,
) -> reqwest::Result<Response> {
    let mut built = http.request(request.method.clone(), url.clone());
    if let Some(body) = &request.body {
        built = built
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_MD5, STANDARD.encode(Md5::digest(body)))
            .body(body.clone());
    }
    // Another server must not see who asks.
    if same_server(&request.url, url) {
        built = built.headers(headers.clone());
    }
    built.send().await
}

fn same_server(a: &Url, b: &Url) -> bool {
    let server = |url: &Url| {
        let host = url.host_str().map(str::to_owned);
        (url.scheme().to_owned(), host, url.port_or_known_default())
    };
    server(a) == server(b)
}

/// Where an answer sends us. Only some statuses say that a request with a body is to be made
/// there again; with others it would become one that stores nothing.
fn redirect(request: &Request, from: &Url, response: &Response) -> Result<Option<Url>, String> {
    let repeats = matches!(response.status().as_u16(), 307 | 308);
    let moves = matches!(response.status().as_u16(), 301..=303);
    if !(repeats || moves) {
        return Ok(None);
    }
    if moves && request.method != Method::GET {
        let status = response.status().as_u16();
        return Err(format!(
            "the server answered with status {status}, which is for reading only"
        ));
    }
    let location = response
        .headers()
        .get(LOCATION)
        .and_then(|l| l.to_str().ok());
    let target = location.and_then(|location| from.join(location).ok());
    let target = target.ok_or("the server redirects to nowhere")?;
    let downgraded = from.scheme() == "https" && target.scheme() != "https";
    if downgraded || !matches!(target.scheme(), "http" | "https") {
        return Err("it is redirected to where nothing is encrypted".to_owned());
    }
    Ok(Some(target))
}

/// Reads an answer to its end.
async fn finish(mut response: Response, repeated: bool) -> Attempt {
    let status = response.status().as_u16();
    let pause = pause(response.headers());
    let sum = response.headers().get(CONTENT_MD5).cloned();
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => return weak(connection(error)),
        }
        if body.len() as u64 > LONGEST_BODY {
            return Attempt::Failed("the answer has no end".to_owned());
        }
    }
    if sum.is_some_and(|sum| sum.as_bytes() != STANDARD.encode(Md5::digest(&body)).as_bytes()) {
        return weak("the answer was changed on its way: its checksum is wrong".to_owned());
    }
    let reply = Reply {
        status,
        body,
        repeated,
    };
    match status {
        429 | 500 | 502.. => Attempt::Weak(Weakness {
            reason: reply.refusal(),
            pause,
        }),
        _ => Attempt::Done(reply),
    }
}

fn weak(reason: String) -> Attempt {
    let pause = None;
    Attempt::Weak(Weakness { reason, pause })
}

/// How long the server wants to be left alone.
fn pause(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn connection(error: reqwest::Error) -> String {
    chain(&error.without_url())
}

/// An error with its causes, which say more than it does.
fn chain(error: &dyn Error) -> String {
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
