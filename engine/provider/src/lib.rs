//! The stable interface between the engine and everything that manages objects: plain requests
//! and answers that know nothing of a wire. The plugin client implements [`Provider`]; so does
//! the builtin `terraform` provider here, and so does a provider that makes its answers up, for tests.

mod builtin;
mod error;
mod mock;
mod remote_state;
mod request;
mod schemas;

use std::sync::Arc;

use futures::future::BoxFuture;
use muster_schema::ProviderSchema;

pub use builtin::Builtin;
pub use error::ProviderError;
pub use mock::{MockObject, MockProvider, MockValues};
pub use remote_state::{BackendFault, RemoteStates};
pub use request::{
    Applied, ApplyRequest, Deferred, ImportBy, Imported, Move, Opened, PlanRequest, Planned,
    Private, RawState, Read, ReadData, Request, Response, identity_text,
};
pub use schemas::Schemas;

/// A provider, configured or not. One value stands for one provider configuration for the whole
/// run; calls may come from many tasks at once.
pub trait Provider: Send + Sync {
    /// What the provider offers. Known without starting the plugin when it is cached.
    fn schema(&self) -> Arc<ProviderSchema>;

    /// Sends one request. Diagnostics of the provider are in the answer; an `Err` is a failure
    /// of the provider itself: it crashed, does not know the call, or talks nonsense.
    fn call(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>>;

    /// Asks calls in flight to return soon.
    fn stop(&self) -> BoxFuture<'_, ()>;

    /// Ends the provider in an orderly way.
    fn shutdown(&self) -> BoxFuture<'_, ()>;
}
