//! Encrypted connections: what stands between the driver and rustls.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use rustls_platform_verifier::Verifier;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::address::{Encryption, Pem, Verify};

type Failure = Box<dyn Error + Send + Sync>;

/// Makes encrypted connections as an [`Encryption`] says.
#[derive(Clone)]
pub(crate) struct Connector(Arc<ClientConfig>);

impl Connector {
    /// Reads the certificates.
    pub(crate) fn new(encryption: &Encryption) -> Result<Self, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(verifier(encryption, provider)?);
        let config = match &encryption.identity {
            Some((certificates, key)) => builder
                .with_client_auth_cert(certificates.certificates()?, key.key()?)
                .map_err(|e| format!("the client's certificate cannot be used: {e}"))?,
            None => builder.with_no_client_auth(),
        };
        Ok(Self(Arc::new(config)))
    }
}

impl Pem {
    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, String> {
        let found: Result<Vec<_>, _> = match self {
            Self::File(path) => match CertificateDer::pem_file_iter(path) {
                Ok(all) => all.collect(),
                Err(error) => Err(error),
            },
            Self::Inline(text) => CertificateDer::pem_slice_iter(text.as_bytes()).collect(),
        };
        match found {
            Ok(all) if all.is_empty() => Err(format!("there is no certificate in {self:?}")),
            found => found.map_err(|e| format!("cannot read certificates from {self:?}: {e}")),
        }
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, String> {
        match self {
            Self::File(path) => PrivateKeyDer::from_pem_file(path),
            Self::Inline(text) => PrivateKeyDer::from_pem_slice(text.as_bytes()),
        }
        .map_err(|e| format!("cannot read a private key from {self:?}: {e}"))
    }
}

fn verifier(
    encryption: &Encryption,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, String> {
    let inner: Option<Arc<dyn ServerCertVerifier>> = match (&encryption.roots, encryption.verify) {
        (_, Verify::Nothing) => None,
        (None, _) => Some(Arc::new(
            Verifier::new(provider.clone()).map_err(|e| e.to_string())?,
        )),
        (Some(pem), _) => {
            let mut roots = RootCertStore::empty();
            for certificate in pem.certificates()? {
                roots.add(certificate).map_err(|e| e.to_string())?;
            }
            let builder =
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone());
            Some(builder.build().map_err(|e| e.to_string())?)
        }
    };
    Ok(match (inner, encryption.verify) {
        (Some(inner), Verify::Host) => inner,
        (inner, _) => Arc::new(Lenient { inner, provider }),
    })
}

/// Takes certificates that name another host, and any at all without a verifier inside.
#[derive(Debug)]
struct Lenient {
    inner: Option<Arc<dyn ServerCertVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(inner) = &self.inner else {
            return Ok(ServerCertVerified::assertion());
        };
        let verified =
            inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            // The name is looked at last, so everything else is right.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let known = &self.provider.signature_verification_algorithms;
        known.supported_schemes()
    }
}

impl<S> MakeTlsConnect<S> for Connector
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Encrypted<S>;
    type TlsConnect = Session;
    type Error = Failure;

    fn make_tls_connect(&mut self, domain: &str) -> Result<Session, Failure> {
        Ok(Session {
            config: self.0.clone(),
            name: ServerName::try_from(domain)?.to_owned(),
        })
    }
}

/// A connection that is to be encrypted.
pub(crate) struct Session {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl<S> TlsConnect<S> for Session
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Encrypted<S>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Encrypted<S>, Failure>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let connect = TlsConnector::from(self.config).connect(self.name, stream);
        Box::pin(async move { Ok(Encrypted(Box::new(connect.await?))) })
    }
}

/// An encrypted connection.
pub(crate) struct Encrypted<S>(Box<TlsStream<S>>);

impl<S: AsyncRead + AsyncWrite + Unpin> tokio_postgres::tls::TlsStream for Encrypted<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(cx)
    }
}
