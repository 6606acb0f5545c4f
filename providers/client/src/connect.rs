//! A connection to a plugin that listens.

use std::io;
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use muster_provider::ProviderError;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

use crate::handshake::Address;

/// Anything that bytes can be exchanged with.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Connects, encrypted if there is a configuration for it.
pub(crate) async fn connect(
    address: Address,
    tls: Option<ClientConfig>,
) -> Result<Channel, ProviderError> {
    let tls = tls.map(Arc::new);
    let connector = service_fn(move |_| {
        let (address, tls) = (address.clone(), tls.clone());
        async move { open(address, tls).await.map(TokioIo::new) }
    });
    // The name is not looked up: the connector knows where to go.
    let endpoint = Endpoint::from_static("http://localhost");
    endpoint
        .connect_with_connector(connector)
        .await
        .map_err(|error| {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(inner) = cause {
                text = format!("{text}: {inner}");
                cause = inner.source();
            }
            ProviderError::Start(format!("no connection to the plugin: {text}"))
        })
}

async fn open(address: Address, tls: Option<Arc<ClientConfig>>) -> io::Result<Box<dyn Stream>> {
    let plain: Box<dyn Stream> = match address {
        Address::Unix(path) => Box::new(UnixStream::connect(path).await?),
        Address::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Box::new(stream)
        }
    };
    match tls {
        None => Ok(plain),
        Some(config) => {
            let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
            Ok(Box::new(
                TlsConnector::from(config).connect(name, plain).await?,
            ))
        }
    }
}
