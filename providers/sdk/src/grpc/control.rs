//! The small services beside the provider itself: an orderly end, a stream of output, health.

use std::pin::Pin;

use futures::{FutureExt, Stream, StreamExt};
use muster_wire::plugin;
use plugin::grpc_controller_server::{GrpcController, GrpcControllerServer};
use plugin::grpc_stdio_server::{GrpcStdio, GrpcStdioServer};
use tonic::transport::server::Router;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_server::{Health, HealthServer};

use super::Done;

/// Adds the services to those there are.
pub(super) fn add(router: Router, done: &Done) -> Router {
    router
        .add_service(GrpcControllerServer::new(Control(done.clone())))
        .add_service(GrpcStdioServer::new(Control(done.clone())))
}

/// The health service: the plugin serves as long as it runs.
pub(super) async fn health() -> HealthServer<impl Health> {
    let (reporter, service) = tonic_health::server::health_reporter();
    reporter
        .set_service_status("plugin", tonic_health::ServingStatus::Serving)
        .await;
    service
}

struct Control(Done);

#[tonic::async_trait]
impl GrpcController for Control {
    async fn shutdown(&self, _: Request<plugin::Empty>) -> Result<Response<plugin::Empty>, Status> {
        self.0.set();
        Ok(Response::new(plugin::Empty {}))
    }
}

#[tonic::async_trait]
impl GrpcStdio for Control {
    type StreamStdioStream = Pin<Box<dyn Stream<Item = Result<plugin::StdioData, Status>> + Send>>;

    /// Stays open and silent: a provider writes its log to standard error, and the host has
    /// both real streams in its hands.
    async fn stream_stdio(
        &self,
        _: Request<()>,
    ) -> Result<Response<Self::StreamStdioStream>, Status> {
        let end = self
            .0
            .wait()
            .into_stream()
            .filter_map(|()| std::future::ready(None));
        Ok(Response::new(Box::pin(end)))
    }
}
