//! The plugin program: handshake, socket, services, and an orderly end.

mod answers;
mod control;
mod convert;
mod listener;
mod schema;
mod service;
mod tls;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::provider::Provider;
use crate::server::Server;
use listener::Socket;
use tls::Tls;

/// What a host that means to start a plugin puts into `TF_PLUGIN_MAGIC_COOKIE`. It is no secret:
/// it only tells a plugin from a program that somebody started by hand.
const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

/// How long calls in flight may take to end after the host has asked for a shutdown.
const GRACE: Duration = Duration::from_millis(100);

/// How often to look whether the host is still there.
const PARENT_INTERVAL: Duration = Duration::from_millis(250);

/// How to serve a provider.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    address: String,
    debug: bool,
}

impl ServeOptions {
    /// Serves the provider with this source address, like
    /// `registry.terraform.io/muster/muster`.
    pub fn new(address: &str) -> Self {
        Self {
            address: address.into(),
            debug: false,
        }
    }

    /// Waits for a host to attach instead of being started by one, and prints the
    /// `TF_REATTACH_PROVIDERS` that makes it so. For running a provider in a debugger.
    #[must_use]
    pub fn debug(mut self, debug: bool) -> Self {
        self.debug = debug;
        self
    }

    /// Takes `--debug` from the program's arguments.
    #[must_use]
    pub fn with_args(self) -> Self {
        let debug = std::env::args().any(|arg| arg == "--debug" || arg == "-debug");
        self.debug(debug)
    }
}

/// Runs a provider as a plugin until its host is done with it. This is all that the `main` of a
/// provider has to call.
pub fn serve<P: Provider>(provider: P, options: ServeOptions) -> ExitCode {
    match run(provider, &options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

fn run<P: Provider>(provider: P, options: &ServeOptions) -> Result<(), String> {
    if !options.debug && std::env::var("TF_PLUGIN_MAGIC_COOKIE").as_deref() != Ok(COOKIE) {
        return Err(format!(
            "This program is a plugin: the provider {}. It is started by muster, Terraform or \
             OpenTofu when a configuration asks for it, and cannot do anything on its own.\n\n\
             Start it with --debug to attach to it from such a program.",
            options.address
        ));
    }
    let server = Server::new(provider).map_err(|problems| {
        format!(
            "The schemas of {} are not valid:\n  {}",
            options.address,
            problems.join("\n  ")
        )
    })?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("The provider cannot start its threads: {error}."))?;
    let result = runtime.block_on(listen(Arc::new(server), options));
    // Threads that still wait for something outside must not hold the process up.
    runtime.shutdown_timeout(GRACE);
    result
}

async fn listen<P: Provider>(server: Arc<Server<P>>, options: &ServeOptions) -> Result<(), String> {
    // Known before the host hears of us: it may be gone right afterwards.
    let ended = ended(options.debug);
    let tls = match std::env::var("PLUGIN_CLIENT_CERT") {
        Ok(pem) if !options.debug && !pem.is_empty() => Some(Tls::new(&pem)?),
        _ => None,
    };
    let folder = std::env::var_os("PLUGIN_UNIX_SOCKET_DIR").map(PathBuf::from);
    let socket = Socket::open(folder.as_deref())
        .map_err(|error| format!("The provider cannot open its socket: {error}."))?;
    let announcement = match options.debug {
        true => reattach(&options.address, &socket),
        false => handshake(&socket, tls.as_ref()),
    };
    let done = Done::new();
    let (_folder, incoming) = socket.accept(tls.map(|tls| tls.config));
    let router = service::router(server, &done).add_service(control::health().await);
    let serving = router.serve_with_incoming_shutdown(incoming, done.wait());
    announce(&announcement)?;
    tokio::select! {
        result = serving => result.map_err(|error| format!("The provider stopped serving: {error}.")),
        () = async { done.wait().await; tokio::time::sleep(GRACE).await } => Ok(()),
        () = ended => Ok(()),
    }
}

/// The line by which the host finds the socket.
fn handshake(socket: &Socket, tls: Option<&Tls>) -> String {
    let certificate = tls.map_or("", |tls| tls.announced.as_str());
    let mut line = format!("1|6|unix|{}|grpc|{certificate}", socket.path().display());
    if std::env::var_os("PLUGIN_MULTIPLEX_GRPC").is_some() {
        line.push_str("|false");
    }
    line
}

/// What to tell a user who wants to attach.
fn reattach(address: &str, socket: &Socket) -> String {
    let mut providers = serde_json::Map::new();
    let attach = serde_json::json!({
        "Protocol": "grpc",
        "ProtocolVersion": 6,
        "Pid": std::process::id(),
        "Test": true,
        "Addr": {"Network": "unix", "String": socket.path()},
    });
    providers.insert(address.into(), attach);
    let json = serde_json::Value::Object(providers);
    format!(
        "The provider waits. To use it, set this in the shell of muster or Terraform:\n\n\
         TF_REATTACH_PROVIDERS='{json}'"
    )
}

fn announce(text: &str) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(|error| format!("The provider cannot reach its host: {error}."))
}

/// Returns when the process should end without having been asked over the wire: the host is
/// gone, or somebody sent SIGTERM. An interrupt is meant for the host, which tells us to stop;
/// only a provider that nobody started ends by it.
fn ended(debug: bool) -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let orphaned = orphaned();
    let (interrupt, terminate) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    );
    let interrupted = async move {
        let Ok(mut interrupt) = interrupt else {
            return std::future::pending().await;
        };
        loop {
            interrupt.recv().await;
            if debug {
                return;
            }
        }
    };
    let terminated = async move {
        match terminate {
            Ok(mut terminate) => {
                terminate.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    async move {
        tokio::select! {
            () = interrupted => {}
            () = terminated => {}
            () = orphaned, if !debug => {}
        }
    }
}

/// Returns when the process that started this one is gone. The kernel could tell at once, but
/// does so when the starting *thread* ends, which in a host with a thread pool means nothing.
fn orphaned() -> impl Future<Output = ()> {
    let parent = rustix::process::getppid();
    async move {
        let mut interval = tokio::time::interval(PARENT_INTERVAL);
        while rustix::process::getppid() == parent {
            interval.tick().await;
        }
    }
}

/// Tells all services that the host is done.
#[derive(Clone)]
struct Done(watch::Sender<bool>);

impl Done {
    fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    fn set(&self) {
        self.0.send_replace(true);
    }

    fn wait(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut receiver = self.0.subscribe();
        async move {
            if receiver.wait_for(|done| *done).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
