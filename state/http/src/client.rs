//! Requests that are repeated when the server or the network has a weak moment.

use std::error::Error;
use std::time::{Duration, Instant};

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
/// How long a server may be silent: until it answers, all attempts together, and until it sends
/// the next piece of an answer.
const LONGEST_SILENCE: Duration = Duration::from_secs(120);
/// How many bytes a second are sent at least. The server cannot answer before it has all.
const SLOWEST: u32 = 64 << 10;
/// No state has more bytes.
const LONGEST_BODY: u64 = 4 << 30;
/// How much is shown of what a server says about its refusal.
const LONGEST_REASON: usize = 200;
/// Shorter values in addresses are not taken for secrets.
const SHORTEST_SECRET: usize = 8;

/// What makes requests.
#[derive(Debug)]
pub(crate) struct Client {
    config: Config,
    http: reqwest::Client,
    bridge: Bridge,
    silence: Duration,
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
    /// What the server says about a refusal, as far as it can be shown.
    said: String,
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
            silence: LONGEST_SILENCE,
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
        let patience = Patience::new(self.silence, &request);
        let answer = self.bridge.wait(send(http, config, request, patience));
        answer.unwrap_or_else(|| Err("the request stopped".to_owned()))
    }
}

impl Reply {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Why the server refused.
    pub(crate) fn refusal(&self) -> String {
        let (status, said) = (self.status, &self.said);
        let what = match status {
            401 | 403 => format!("the server wants other credentials (status {status})"),
            _ => format!("the server answered with status {status}"),
        };
        match said.is_empty() {
            true => what,
            false => format!("{what}: {said}"),
        }
    }
}

/// What people are shown of what a server says: the beginning of its first line. Servers may
/// repeat what they were asked, secrets included.
fn saying(body: &[u8], config: &Config) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text.lines().find(|line| !line.trim().is_empty());
    let line = line.unwrap_or_default();
    let words: Vec<_> = line
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let words = words.join(" ");
    let is_secret = secrets(config)
        .iter()
        .any(|secret| line.contains(secret) || words.contains(secret));
    // Pages are for browsers.
    match is_secret || words.starts_with('<') {
        true => String::new(),
        false => words.chars().take(LONGEST_REASON).collect(),
    }
}

/// What must not be shown: what headers say of who asks, and what addresses may.
fn secrets(config: &Config) -> Vec<String> {
    let mut secrets = Vec::new();
    for value in config.headers.values() {
        let value = String::from_utf8_lossy(value.as_bytes());
        let (kind, rest) = value.split_once(' ').unwrap_or(("", &value));
        let pair = STANDARD.decode(rest).ok().filter(|_| kind == "Basic");
        let pair = pair.map(|pair| String::from_utf8_lossy(&pair).into_owned());
        let password = pair.as_deref().and_then(|pair| pair.split_once(':'));
        secrets.extend(password.map(|(_, password)| password.to_owned()));
        secrets.push(rest.to_owned());
    }
    let others = [&config.lock, &config.unlock].into_iter().flatten();
    for endpoint in others.chain([&config.update]) {
        let values = endpoint.url.query_pairs().map(|(_, value)| value);
        let values = values.filter(|value| value.len() >= SHORTEST_SECRET);
        secrets.extend(values.map(|value| value.into_owned()));
    }
    secrets.retain(|secret| !secret.is_empty());
    secrets
}

/// For how long a server that says nothing is still waited for.
struct Patience {
    /// In all attempts.
    most: Duration,
    left: Duration,
    /// In the middle of an answer.
    pause: Duration,
}

impl Patience {
    fn new(silence: Duration, request: &Request) -> Self {
        let bytes = request.body.as_ref().map_or(0, Bytes::len);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let most = silence + Duration::from_secs((bytes / SLOWEST).into());
        Self {
            most,
            left: most,
            pause: silence,
        }
    }

    /// Waits for the beginning of an answer, for as long as is left.
    async fn answer<T>(
        &mut self,
        future: impl Future<Output = reqwest::Result<T>>,
    ) -> Result<T, String> {
        let started = Instant::now();
        let answer = tokio::time::timeout(self.left, future).await;
        self.left = match answer.is_ok() {
            true => self.left.saturating_sub(started.elapsed()),
            false => Duration::ZERO,
        };
        self.told(answer, self.most)
    }

    /// Waits for the next piece of an answer: slow ones are waited for to their end.
    async fn piece<T>(
        &mut self,
        future: impl Future<Output = reqwest::Result<T>>,
    ) -> Result<T, String> {
        let piece = tokio::time::timeout(self.pause, future).await;
        if piece.is_err() {
            self.left = Duration::ZERO;
        }
        self.told(piece, self.pause)
    }

    fn told<T>(
        &self,
        answer: Result<reqwest::Result<T>, tokio::time::error::Elapsed>,
        waited: Duration,
    ) -> Result<T, String> {
        match answer {
            Ok(answer) => answer.map_err(connection),
            Err(_) => Err(format!(
                "the server has said nothing for {} seconds",
                waited.as_secs()
            )),
        }
    }

    /// Whether there is no point in asking once more.
    fn is_over(&self) -> bool {
        self.left < self.most / 4
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
        .connect_timeout(CONNECT_TIMEOUT);
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

async fn send(
    http: reqwest::Client,
    config: Config,
    request: Request,
    mut patience: Patience,
) -> Result<Reply, String> {
    let retries = config.retries;
    let mut usual = retries.shortest_pause;
    let mut repeated = false;
    for left in (0..=retries.most).rev() {
        let weakness = match attempt(&http, &config, &request, (repeated, &mut patience)).await {
            Attempt::Done(reply) => return Ok(reply),
            Attempt::Failed(reason) => return Err(reason),
            Attempt::Weak(weakness) => weakness,
        };
        if left == 0 || patience.is_over() {
            return Err(match retries.most - left {
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
    config: &Config,
    request: &Request,
    (repeated, patience): (bool, &mut Patience),
) -> Attempt {
    let mut url = request.url.clone();
    for _ in 0..=MOST_REDIRECTS {
        let answer = patience.answer(once(http, &config.headers, request, &url));
        let response = match answer.await {
            Ok(response) => response,
            Err(reason) => return weak(reason),
        };
        match redirect(request, &url, &response) {
            Err(reason) => return Attempt::Failed(reason),
            Ok(Some(target)) => url = target,
            Ok(None) => return finish(response, config, (repeated, patience)).await,
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
async fn finish(
    mut response: Response,
    config: &Config,
    (repeated, patience): (bool, &mut Patience),
) -> Attempt {
    let status = response.status().as_u16();
    let pause = pause(response.headers());
    let sum = response.headers().get(CONTENT_MD5).cloned();
    let mut body = Vec::new();
    loop {
        match patience.piece(response.chunk()).await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(reason) => return weak(reason),
        }
        if body.len() as u64 > LONGEST_BODY {
            return Attempt::Failed("the answer has no end".to_owned());
        }
    }
    if sum.is_some_and(|sum| sum.as_bytes() != STANDARD.encode(Md5::digest(&body)).as_bytes()) {
        return weak("the answer was changed on its way: its checksum is wrong".to_owned());
    }
    let said = match status {
        200..300 => String::new(),
        _ => saying(&body, config),
    };
    let reply = Reply {
        status,
        body,
        repeated,
        said,
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

#[cfg(test)]
mod tests;
