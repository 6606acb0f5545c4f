//! The small services beside the provider itself: an orderly end, output, health.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use muster_wire::plugin;
use tonic::{Request, Response, Status};

use super::Done;

/// Ends the process when the host says so.
pub(super) struct Controller(pub(super) Done);

#[tonic::async_trait]
impl plugin::grpc_controller_server::GrpcController for Controller {
    async fn shutdown(&self, _: Request<plugin::Empty>) -> Result<Response<plugin::Empty>, Status> {
        self.0.set();
        Ok(Response::new(plugin::Empty {}))
    }
}
