//! Requests: signed, sent, and sent again when a service or the network has a weak moment.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningParams,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::time::timeout;

use crate::fault::{Fault, Refusal, chain};

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// The longest answer that is taken: states are smaller.
const LONGEST_ANSWER: u64 = 4 << 30;

/// The slowest connection that states can be sent over, in bytes per second.
const SLOWEST: u64 = 32 << 10;

/// A request that is not signed yet.
#[derive(Clone)]
pub(crate) struct Request {
    /// The name that the service has in signatures: `s3`.
    pub service: &'static str,
    /// The region that it is asked in.
    pub region: String,
    pub method: Method,
    pub url: String,
    /// In lower case.
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
}

/// An answer that says that something was done.
#[derive(Debug)]
pub(crate) struct Answer {
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// A header, if it is a text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Sends requests.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    pub http: reqwest::Client,
    /// How often a request is sent at most.
    pub attempts: u32,
    /// The pause before a request is sent again; it doubles each time.
    pub pause: Duration,
    /// How long a server may take for the next piece of an answer.
    pub timeout: Duration,
}

/// How much more is tried.
pub(crate) struct Patience {
    left: u32,
    pause: Duration,
}

impl Patience {
    /// Waits after an attempt that failed. `false` if there is no point in another one.
    pub(crate) async fn wait(&mut self, fault: &Fault) -> bool {
        if !fault.may_pass() || self.left == 0 {
            return false;
        }
        self.left -= 1;
        tokio::time::sleep(self.pause.mul_f64(jitter())).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }
}

/// Between a half and one, so that those who failed together do not come back together.
fn jitter() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = now.unwrap_or_default().subsec_nanos() ^ std::process::id();
    0.5 + f64::from(nanos % 1000) / 2000.0
}

impl Wire {
    /// What is tried for a request.
    pub(crate) fn patience(&self) -> Patience {
        Patience {
            left: self.attempts.saturating_sub(1),
            pause: self.pause,
        }
    }

    /// Sends a request until something comes of it.
    ///
    /// # Errors
    /// Nothing did.
    pub(crate) async fn send(
        &self,
        request: &Request,
        credentials: Option<&Credentials>,
    ) -> Result<Answer, Fault> {
        let mut patience = self.patience();
        loop {
            match self.once(request, credentials).await {
                Err(fault) if patience.wait(&fault).await => {}
                result => return result,
            }
        }
    }

    /// Sends a request once.
    ///
    /// # Errors
    /// There is no answer, or it is not a good one.
    pub(crate) async fn once(
        &self,
        request: &Request,
        credentials: Option<&Credentials>,
    ) -> Result<Answer, Fault> {
        let request_length = request.body.len() as u64;
        let request = signed(request, credentials)?;
        let request = reqwest::Request::try_from(request).map_err(other)?;
        let host = request.url().host_str().unwrap_or_default().to_owned();
        let sending = Duration::from_secs(request_length / SLOWEST);
        let mut response = timeout(self.timeout + sending, self.http.execute(request))
            .await
            .map_err(|_| late(&host))?
            .map_err(|e| connection(&host, e))?;
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let body = self.body(&host, response).await?;
        if !status.is_success() {
            let region = headers.get("x-amz-bucket-region");
            let region = region.and_then(|r| Some(r.to_str().ok()?.to_owned()));
            return Err(Fault::Refused(Refusal::new(status.as_u16(), region, &body)));
        }
        let body = Bytes::from(body);
        Ok(Answer { headers, body })
    }

    async fn body(&self, host: &str, mut response: reqwest::Response) -> Result<Vec<u8>, Fault> {
        let mut body = Vec::new();
        loop {
            let chunk = timeout(self.timeout, response.chunk()).await;
            let chunk = chunk.map_err(|_| late(host))?;
            let Some(chunk) = chunk.map_err(|e| connection(host, e))? else {
                return Ok(body);
            };
            body.extend_from_slice(&chunk);
            if body.len() as u64 > LONGEST_ANSWER {
                return Err(Fault::Other("the answer is too long".to_owned()));
            }
        }
    }
}

fn late(host: &str) -> Fault {
    Fault::Connection(format!("{host}: it takes too long"))
}

fn connection(host: &str, error: reqwest::Error) -> Fault {
    // What cannot be sent today cannot be sent tomorrow.
    let is_hopeless = error.is_builder();
    let text = format!("{host}: {}", chain(&error.without_url()));
    match is_hopeless {
        true => Fault::Other(text),
        false => Fault::Connection(text),
    }
}

fn other(error: impl std::error::Error) -> Fault {
    Fault::Other(chain(&error))
}

/// The request as it is sent.
fn signed(
    request: &Request,
    credentials: Option<&Credentials>,
) -> Result<http::Request<Bytes>, Fault> {
    let mut builder = http::Request::builder()
        .method(request.method.clone())
        .uri(&request.url);
    for (name, value) in &request.headers {
        builder = builder.header(*name, value);
    }
    let mut built = builder.body(request.body.clone()).map_err(other)?;
    let Some(credentials) = credentials else {
        return Ok(built);
    };
    let mut settings = SigningSettings::default();
    if request.service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&request.region)
        .name(request.service)
        .time(SystemTime::now())
        .settings(settings)
        .build()
        .map_err(other)?;
    let headers = request
        .headers
        .iter()
        .map(|(name, value)| (*name, &**value));
    let body = SignableBody::Bytes(&request.body);
    let signable = SignableRequest::new(request.method.as_str(), &request.url, headers, body)
        .map_err(other)?;
    let (instructions, _) = sign(signable, &SigningParams::V4(params))
        .map_err(other)?
        .into_parts();
    instructions.apply_to_request_http1x(&mut built);
    Ok(built)
}

/// A text as a part of a URL. Slashes stay in a path.
pub(crate) fn escape(text: &str, is_path: bool) -> String {
    use std::fmt::Write as _;
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            b'/' if is_path => escaped.push('/'),
            _ => {
                // Writing to a text does not fail.
                let _ = write!(escaped, "%{byte:02X}");
            }
        }
    }
    escaped
}
