//! The builtin provider. Skeleton to be replaced.
use std::sync::Arc;

use futures::future::BoxFuture;
use muster_schema::ProviderSchema;

use crate::{Provider, ProviderError, Request, Response};

/// `terraform.io/builtin/terraform`: the resource type `terraform_data`.
#[derive(Debug, Default)]
pub struct Builtin;

impl Provider for Builtin {
    fn schema(&self) -> Arc<ProviderSchema> {
        Arc::default()
    }
    fn call(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        Box::pin(async move {
            Err(ProviderError::Unsupported {
                call: request.name(),
            })
        })
    }
    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
    fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}
