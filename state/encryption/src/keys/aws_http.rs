//! Signed requests to services of AWS, and the client that those who look for credentials use.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use muster_store::SealError;
use reqwest::Client;
use serde::Deserialize;
use zeroize::Zeroizing;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(30);
/// The pause before the second attempt; it doubles.
const PAUSE: Duration = Duration::from_millis(200);

/// Where a request goes.
pub(super) struct Target {
    pub(super) url: String,
    pub(super) region: String,
    /// The operation, with the name that the service has in headers.
    pub(super) operation: String,
    /// How often it is sent at most.
    pub(super) attempts: u32,
}

/// Why nothing came of an attempt.
struct Fault {
    reason: String,
    is_passing: bool,
}

/// Makes the client.
pub(super) fn client() -> Result<Client, SealError> {
    let mut builder = Client::builder()
        .user_agent(concat!("muster/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT);
    let wrong = |reason: String| SealError(format!("There is no HTTP client: {reason}."));
    if let Some(path) = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) {
        let pem = std::fs::read(&path).map_err(|e| wrong(format!("AWS_CA_BUNDLE: {e}")))?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem);
        let certificates = certificates.map_err(|e| wrong(chain(&e)))?;
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|e| wrong(chain(&e)))
}

/// Sends a request until something comes of it.
pub(super) async fn post(
    client: &Client,
    target: &Target,
    credentials: &Credentials,
    body: Vec<u8>,
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let mut pause = PAUSE;
    let mut attempt = 1;
    loop {
        match once(client, target, credentials, &body).await {
            Ok(answer) => return Ok(answer),
            Err(fault) if fault.is_passing && attempt < target.attempts => {
                tokio::time::sleep(pause).await;
                pause = pause.saturating_mul(2).min(Duration::from_secs(5));
                attempt += 1;
            }
            Err(fault) => {
                let place = place(&target.url);
                return Err(SealError(format!("{place}: {}.", fault.reason)));
            }
        }
    }
}

/// An address for people: without a password, and without what may be one.
fn place(url: &str) -> String {
    let Ok(url) = reqwest::Url::parse(url) else {
        return "The address of the service".to_owned();
    };
    let port = url.port().map(|port| format!(":{port}"));
    let host = url.host_str().unwrap_or_default();
    format!("{}://{host}{}", url.scheme(), port.unwrap_or_default())
}

async fn once(
    client: &Client,
    target: &Target,
    credentials: &Credentials,
    body: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let request = signed(target, credentials, body).map_err(|reason| Fault {
        reason,
        is_passing: false,
    })?;
    let io = |error: reqwest::Error| Fault {
        reason: chain(&error.without_url()),
        is_passing: true,
    };
    let response = client.execute(request).await.map_err(io)?;
    let status = response.status();
    let bytes = Zeroizing::new(response.bytes().await.map_err(io)?.to_vec());
    match status.is_success() {
        true => Ok(bytes),
        false => Err(refusal(status, &bytes)),
    }
}

/// What the service says of a request that it refuses.
fn refusal(status: reqwest::StatusCode, body: &[u8]) -> Fault {
    #[derive(Deserialize)]
    struct Refusal {
        #[serde(rename = "__type", default)]
        kind: String,
        #[serde(alias = "Message", default)]
        message: String,
    }
    let refusal = serde_json::from_slice::<Refusal>(body).ok();
    let kind = refusal.as_ref().map_or("", |refusal| &refusal.kind);
    let reason = match &refusal {
        Some(Refusal { kind, message }) if !kind.is_empty() => {
            format!("{}: {message}", kind.rsplit('#').next().unwrap_or(kind))
        }
        _ => format!("HTTP status {status}"),
    };
    Fault {
        is_passing: status.is_server_error()
            || status.as_u16() == 429
            || kind.contains("Throttling"),
        reason: reason.trim_end_matches(['.', ' ', ':']).to_owned(),
    }
}

fn signed(
    target: &Target,
    credentials: &Credentials,
    body: &[u8],
) -> Result<reqwest::Request, String> {
    let request = http::Request::post(&target.url)
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", &target.operation)
        .body(body.to_vec());
    let mut request = request.map_err(|_| "this is no address of a service".to_owned())?;
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&target.region)
        .name("kms")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|e| chain(&e))?
        .into();
    let headers = request.headers().iter();
    let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let signable = SignableRequest::new("POST", &target.url, headers, SignableBody::Bytes(body));
    let signable = signable.map_err(|e| chain(&e))?;
    let (instructions, _) = sign(signable, &params).map_err(|e| chain(&e))?.into_parts();
    instructions.apply_to_request_http1x(&mut request);
    reqwest::Request::try_from(request).map_err(|e| chain(&e))
}

/// An error and what led to it.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = error.source();
    }
    text
}

/// Lets those who look for credentials send their requests through the client.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    client: Client,
    limit: Duration,
}

impl Connector {
    pub(super) fn new(client: Client) -> Self {
        let limit = TIMEOUT;
        Self { client, limit }
    }

    async fn send(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let user = |error: String| ConnectorError::user(error.into());
        let request = request.try_into_http1x().map_err(|e| user(e.to_string()))?;
        let (parts, body) = request.into_parts();
        let body = body.bytes().map(<[u8]>::to_vec).unwrap_or_default();
        let request = reqwest::Request::try_from(http::Request::from_parts(parts, body))
            .map_err(|e| user(e.to_string()))?;
        let io = |error: reqwest::Error| ConnectorError::io(error.into());
        let mut answer = self.client.execute(request).await.map_err(io)?;
        let mut response = http::Response::new(());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        let body = answer.bytes().await.map_err(io)?;
        let response = response.map(|()| SdkBody::from(body.to_vec()));
        HttpResponse::try_from(response).map_err(|e| ConnectorError::other(e.into(), None))
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        HttpConnectorFuture::new(async move {
            match tokio::time::timeout(this.limit, this.send(request)).await {
                Ok(result) => result,
                Err(elapsed) => Err(ConnectorError::timeout(elapsed.into())),
            }
        })
    }
}

impl HttpClient for Connector {
    /// The service that tells machines who they are is only waited for as long as it is said to
    /// take: most machines do not have it.
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let connect = settings.connect_timeout().unwrap_or(CONNECT_TIMEOUT);
        let limit = connect + settings.read_timeout().unwrap_or(TIMEOUT);
        let client = self.client.clone();
        SharedHttpConnector::new(Self { client, limit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_passwords() {
        let check = |url: &str, expect: &str| assert_eq!(place(url), expect);
        check("http://127.0.0.1:5000", "http://127.0.0.1:5000");
        check(
            "https://me:hunter2@kms.example.com/x?token=hunter2",
            "https://kms.example.com",
        );
        check("hunter2", "The address of the service");
    }
}
