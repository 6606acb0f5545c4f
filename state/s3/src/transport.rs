//! The client that all requests go through, also those that look for credentials.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use muster_store::StoreError;
use reqwest::{Certificate, Client, NoProxy, Proxy};

use crate::config::Transport;
use crate::fault::chain;
use crate::settings::wrong;

/// How long it may take to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a server may take for the next piece of an answer.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// Makes the client.
///
/// # Errors
/// A certificate or a proxy makes no sense.
pub(crate) fn client(transport: &Transport) -> Result<Client, StoreError> {
    let mut agent = concat!("muster/", env!("CARGO_PKG_VERSION")).to_owned();
    if let Ok(more) = std::env::var("TF_APPEND_USER_AGENT") {
        agent = format!("{agent} {}", more.trim());
    }
    let mut builder = Client::builder()
        .user_agent(agent)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .no_proxy();
    for proxy in proxies(transport)? {
        builder = builder.proxy(proxy);
    }
    if let Some(path) = &transport.ca_bundle {
        let wrong = |reason: String| {
            let reason = format!("names {}, which cannot be used: {reason}", path.display());
            wrong("custom_ca_bundle", reason)
        };
        let pem = std::fs::read(path).map_err(|e| wrong(e.to_string()))?;
        let certificates = Certificate::from_pem_bundle(&pem).map_err(|e| wrong(chain(&e)))?;
        builder = builder.tls_certs_merge(certificates);
    }
    if transport.insecure {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    let built = builder.build();
    built.map_err(|e| {
        wrong(
            "custom_ca_bundle",
            format!("leads to no client: {}", chain(&e)),
        )
    })
}

fn proxies(transport: &Transport) -> Result<Vec<Proxy>, StoreError> {
    let except = || transport.no_proxy.as_deref().and_then(NoProxy::from_string);
    let mut proxies = Vec::new();
    if let Some(url) = &transport.http_proxy {
        let proxy = Proxy::http(url).map_err(|_| wrong("http_proxy", "is not a URL"))?;
        proxies.push(proxy.no_proxy(except()));
    }
    if let Some(url) = &transport.https_proxy {
        let proxy = Proxy::https(url).map_err(|_| wrong("https_proxy", "is not a URL"))?;
        proxies.push(proxy.no_proxy(except()));
    }
    Ok(proxies)
}

/// Lets those who look for credentials send their requests through the same client.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    client: Client,
    limit: Duration,
}

impl Connector {
    pub(crate) fn new(client: Client) -> Self {
        let limit = CONNECT_TIMEOUT + READ_TIMEOUT;
        Self { client, limit }
    }

    async fn send(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request
            .try_into_http1x()
            .map_err(|e| ConnectorError::user(e.into()))?;
        let (parts, body) = request.into_parts();
        let body = body.bytes().map(<[u8]>::to_vec).unwrap_or_default();
        let request = reqwest::Request::try_from(http::Request::from_parts(parts, body))
            .map_err(|e| ConnectorError::user(e.into()))?;
        let io = |e: reqwest::Error| match e.is_timeout() {
            true => ConnectorError::timeout(e.into()),
            false => ConnectorError::io(e.into()),
        };
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
            let limit = this.limit;
            match tokio::time::timeout(limit, this.send(request)).await {
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
        let limit = settings.connect_timeout().unwrap_or(CONNECT_TIMEOUT)
            + settings.read_timeout().unwrap_or(READ_TIMEOUT);
        let client = self.client.clone();
        SharedHttpConnector::new(Self { client, limit })
    }
}
