//! The local socket and its connections, plain or encrypted.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::Stream;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

/// A socket in a folder of its own that only the user can enter. The folder goes when this
/// value does.
pub(crate) struct Socket {
    folder: TempDir,
    listener: UnixListener,
}

impl Socket {
    /// Opens a socket below `parent`, the system's temporary folder if there is none.
    pub(crate) fn open(parent: Option<&Path>) -> io::Result<Self> {
        let parent = parent.map_or_else(std::env::temp_dir, PathBuf::from);
        let folder = tempfile::Builder::new()
            .prefix("plugin")
            .tempdir_in(parent)?;
        let listener = UnixListener::bind(folder.path().join("s"))?;
        Ok(Self { folder, listener })
    }

    /// Where clients connect.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// Accepts connections until the process ends. A connection that fails its TLS handshake is
    /// dropped without disturbing the others. The folder lives as long as its guard.
    pub(crate) fn accept(
        self,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> (TempDir, impl Stream<Item = io::Result<Connection>>) {
        let (sender, mut receiver) = mpsc::channel(16);
        let acceptor = tls.map(TlsAcceptor::from);
        let listener = self.listener;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (sender, acceptor) = (sender.clone(), acceptor.clone());
                tokio::spawn(async move {
                    let connection = match acceptor {
                        None => Ok(Connection::Plain(stream)),
                        Some(tls) => tls
                            .accept(stream)
                            .await
                            .map(|s| Connection::Tls(Box::new(s))),
                    };
                    if let Ok(connection) = connection {
                        // The receiver is gone only when the server stops.
                        sender.send(Ok(connection)).await.ok();
                    }
                });
            }
        });
        (
            self.folder,
            futures::stream::poll_fn(move |cx| receiver.poll_recv(cx)),
        )
    }
}

/// An accepted connection.
pub(crate) enum Connection {
    Plain(UnixStream),
    Tls(Box<TlsStream<UnixStream>>),
}

impl Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}
