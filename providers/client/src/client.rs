//! A plugin as the engine sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use muster_provider::{Provider, ProviderError, Request, Response};
use muster_schema::ProviderSchema;
use muster_wire::tfplugin6 as wire;
use rustls::ClientConfig;
use tokio::sync::OnceCell;
use tonic::Code;
use tonic::codegen::Bytes;
use tonic::transport::Channel;

use crate::cache::Cache;
use crate::call::{Call, CallError};
use crate::connect::connect;
use crate::fingerprint::key;
use crate::handshake::{Address, Handshake};
use crate::process::Process;
use crate::protocol::{IDENTITIES, Names, SCHEMA, STOP, Wire, failure};
use crate::schema::{self, provider_schema, with_identities};
use crate::tls::Identity;
use crate::{ClientOptions, Log, PluginSpec, Reattach};

/// How long a plugin may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(2);
/// How long to wait for the news that a process has died, once a call has failed.
const OBITUARY: Duration = Duration::from_millis(500);

/// A plugin. With its schema in the cache it is started only when there is something to ask.
pub struct Client {
    source: Source,
    options: ClientOptions,
    schema: Arc<ProviderSchema>,
    running: OnceCell<Result<Running, ProviderError>>,
}

enum Source {
    Program(PluginSpec),
    Running(Reattach),
}

struct Running {
    wire: Wire,
    /// `None` for a plugin that somebody else has started.
    process: Option<Process>,
    /// Whether somebody has stopped waiting for a call.
    abandoned: AtomicBool,
}

/// A call in flight: dropped before its end, it was given up.
struct InFlight<'a> {
    running: &'a Running,
    done: bool,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.running.abandoned.store(true, Ordering::Relaxed);
        }
    }
}

impl Client {
    /// A plugin that is started here.
    ///
    /// # Errors
    /// Its schema is not in the cache and the program does not start as a plugin should.
    pub async fn start(spec: PluginSpec, options: ClientOptions) -> Result<Self, ProviderError> {
        let place = match options.cache_dir.clone() {
            Some(folder) => {
                let spec = spec.clone();
                // The checksum of a large program takes a second when it is not known yet.
                let find = move || Some((key(&spec, &folder)?, Cache::new(&folder)));
                tokio::task::spawn_blocking(find).await.ok().flatten()
            }
            None => None,
        };
        let known = place.as_ref().and_then(|(key, cache)| cache.load(key));
        if let Some((version, bytes)) = known
            && let Ok((schema, _)) = provider_schema(&bytes, version)
        {
            let schema = Arc::new(schema);
            let running = OnceCell::new();
            return Ok(Self {
                source: Source::Program(spec),
                options,
                schema,
                running,
            });
        }
        let source = Source::Program(spec);
        let running = Running::start(&source, &options).await?;
        let (schema, bytes) = running.schema(&options).await?;
        if let Some((key, cache)) = place {
            cache.store(&key, running.wire.version, &bytes);
        }
        let running = OnceCell::from(Ok(running));
        Ok(Self {
            source,
            options,
            schema: Arc::new(schema),
            running,
        })
    }

    /// A plugin that runs already.
    ///
    /// # Errors
    /// It cannot be reached.
    pub async fn reattach(
        reattach: Reattach,
        options: ClientOptions,
    ) -> Result<Self, ProviderError> {
        let source = Source::Running(reattach);
        let running = Running::start(&source, &options).await?;
        let (schema, _) = running.schema(&options).await?;
        let running = OnceCell::from(Ok(running));
        Ok(Self {
            source,
            options,
            schema: Arc::new(schema),
            running,
        })
    }

    async fn running(&self) -> Result<&Running, ProviderError> {
        let started = self.running.get_or_init(|| async {
            let running = Running::start(&self.source, &self.options).await?;
            if !self.schema.schema_optional {
                // Some plugins set themselves up in this call.
                running.bytes(SCHEMA, &self.options).await?;
            }
            Ok(running)
        });
        started.await.as_ref().map_err(Clone::clone)
    }

    async fn ask(&self, request: Request) -> Result<Response, ProviderError> {
        let running = self.running().await?;
        let name = request.name();
        let call = Call {
            wire: &running.wire,
            schema: &self.schema,
            terraform_version: &self.options.terraform_version,
            name,
        };
        let mut flight = InFlight {
            running,
            done: false,
        };
        let answer = call.send(request).await;
        flight.done = true;
        match answer {
            Ok(response) => Ok(response),
            Err(CallError::Status(status)) => Err(running.explain(name, &status).await),
            Err(error) => Err(error.plain(name)),
        }
    }
}

impl Running {
    async fn start(source: &Source, options: &ClientOptions) -> Result<Self, ProviderError> {
        let spec = match source {
            Source::Program(spec) => spec,
            Source::Running(reattach) => {
                let channel = reach(reattach.address()?, None, options.start_timeout).await?;
                let wire = Wire {
                    channel,
                    version: reattach.version(),
                };
                return Ok(Self {
                    wire,
                    process: None,
                    abandoned: AtomicBool::new(false),
                });
            }
        };
        let identity = Identity::new()?;
        let (process, line) = Process::start(
            spec,
            &identity.pem,
            options.log.clone(),
            options.start_timeout,
        )
        .await?;
        let wire = Self::greet(&line, &identity, options.start_timeout).await;
        let wire = wire.map_err(|error| process.report(error))?;
        drain_output(&wire, options.log.clone());
        Ok(Self {
            wire,
            process: Some(process),
            abandoned: AtomicBool::new(false),
        })
    }

    /// Connects to where the handshake says.
    async fn greet(
        line: &str,
        identity: &Identity,
        timeout: Duration,
    ) -> Result<Wire, ProviderError> {
        let Handshake {
            version,
            address,
            certificate,
        } = Handshake::parse(line)?;
        let tls = certificate.map(|der| identity.config(der)).transpose()?;
        let channel = reach(address, tls, timeout).await?;
        Ok(Wire { channel, version })
    }

    /// An answer about schemas as it comes, within its time.
    async fn bytes(&self, names: Names, options: &ClientOptions) -> Result<Bytes, ProviderError> {
        let timeout = options.schema_timeout;
        match tokio::time::timeout(timeout, self.wire.bytes(names)).await {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(status)) => Err(self.explain(names.1, &status).await),
            Err(_) => {
                let error = ProviderError::Start(format!(
                    "the plugin has started, and did not answer {} in {} seconds",
                    names.1,
                    timeout.as_secs()
                ));
                Err(match &self.process {
                    Some(process) => process.report(error),
                    None => error,
                })
            }
        }
    }

    async fn schema(
        &self,
        options: &ClientOptions,
    ) -> Result<(ProviderSchema, Bytes), ProviderError> {
        let call = SCHEMA.1;
        let bytes = self.bytes(SCHEMA, options).await?;
        let bytes = match self.bytes(IDENTITIES, options).await {
            Ok(identities) => with_identities(&bytes, &identities),
            // Plugins that were built before there were identities.
            Err(ProviderError::Unsupported { .. }) => bytes,
            Err(error) => return Err(error),
        };
        let invalid = |reason: String| ProviderError::Invalid { call, reason };
        let (schema, diags) = provider_schema(&bytes, self.wire.version).map_err(invalid)?;
        match diags.iter().find(|d| d.is_error()) {
            Some(error) => Err(ProviderError::Invalid {
                call,
                reason: format!("{}: {}", error.summary, error.detail),
            }),
            None => {
                schema::check(&bytes, self.wire.version).map_err(invalid)?;
                Ok((schema, bytes))
            }
        }
    }

    /// Why a call failed: most of all, whether the process is gone.
    async fn explain(&self, call: &'static str, status: &tonic::Status) -> ProviderError {
        let transport = matches!(
            status.code(),
            Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled
        );
        if let (true, Some(process)) = (transport, &self.process)
            && let Some(status) = process.wait(OBITUARY).await
        {
            return ProviderError::Crashed {
                call,
                status,
                stderr: process.tail(),
            };
        }
        failure(call, status)
    }

    async fn shutdown(&self) {
        let Some(process) = &self.process else { return };
        if self.abandoned.load(Ordering::Relaxed) {
            // Who does not wait for an answer, because a run was stopped by force, does not wait
            // for the plugin's farewell either: it may be busy with that call for long.
            process.kill();
            process.wait(GRACE).await;
            return;
        }
        let goodbye = self.wire.raw("/plugin.GRPCController/Shutdown", &());
        // Plugins end so fast that the answer is often lost.
        let _ = tokio::time::timeout(GRACE, goodbye).await;
        if process.wait(GRACE).await.is_none() {
            process.kill();
        }
    }
}

/// Connects within a time.
async fn reach(
    address: Address,
    tls: Option<ClientConfig>,
    timeout: Duration,
) -> Result<Channel, ProviderError> {
    let connected = tokio::time::timeout(timeout, connect(address, tls)).await;
    connected.unwrap_or_else(|_| {
        Err(ProviderError::Start(format!(
            "the plugin did not take the connection in {} seconds",
            timeout.as_secs()
        )))
    })
}

/// Reads what the plugin prints after the handshake, which would otherwise block it.
fn drain_output(wire: &Wire, log: Option<Log>) {
    use muster_wire::plugin::grpc_stdio_client::GrpcStdioClient;
    let mut client = GrpcStdioClient::new(wire.channel.clone());
    tokio::spawn(async move {
        // Plugins that lack this service have nothing to say.
        let Ok(stream) = client.stream_stdio(()).await else {
            return;
        };
        let mut stream = stream.into_inner();
        while let Ok(Some(data)) = stream.message().await {
            if let Some(log) = &log {
                log(String::from_utf8_lossy(&data.data).trim_end());
            }
        }
    });
}

impl Provider for Client {
    fn schema(&self) -> Arc<ProviderSchema> {
        Arc::clone(&self.schema)
    }

    fn call(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        self.ask(request).boxed()
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        async {
            if let Some(Ok(running)) = self.running.get() {
                use wire::stop_provider as m;
                let asked = running.wire.call::<_, m::Response>(STOP, m::Request {});
                // It is a wish: whether it was heard shows when the calls in flight return.
                let _ = tokio::time::timeout(GRACE, asked).await;
            }
        }
        .boxed()
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        async {
            if let Some(Ok(running)) = self.running.get() {
                running.shutdown().await;
            }
        }
        .boxed()
    }
}
