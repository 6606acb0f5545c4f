//! Write a provider in Rust.
//!
//! A provider is a program that an engine (muster, Terraform, OpenTofu) starts and asks to read,
//! plan and change objects over version 6 of the plugin protocol. With this crate its author
//! writes three things: a schema, a plain struct for the state, and a few async functions. The
//! protocol's rules (what must be unknown in a plan, when a change needs a new object, how
//! values are encoded) are kept here.
//!
//! ```
//! use muster_sdk::schema::{Schema, number, string};
//! use muster_sdk::{Context, Diagnostic, Failure, Resource};
//! use serde::{Deserialize, Serialize};
//!
//! struct Server;
//!
//! #[derive(Serialize, Deserialize)]
//! struct ServerState {
//!     name: String,
//!     size: u64,
//!     id: Option<String>,
//! }
//!
//! impl Resource for Server {
//!     type Client = ();
//!     type State = ServerState;
//!
//!     fn schema(&self) -> Schema {
//!         Schema::builder()
//!             .attribute("name", string().required().forces_replace())
//!             .attribute("size", number().default(1i64).min(1))
//!             .attribute("id", string().computed().stable())
//!             .build()
//!     }
//!
//!     async fn create(
//!         &self,
//!         planned: ServerState,
//!         _cx: &mut Context<'_, ()>,
//!     ) -> Result<ServerState, Failure<ServerState>> {
//!         Ok(ServerState { id: Some("server-1".into()), ..planned })
//!     }
//!
//!     async fn read(
//!         &self,
//!         state: ServerState,
//!         _cx: &mut Context<'_, ()>,
//!     ) -> Result<Option<ServerState>, Diagnostic> {
//!         Ok(Some(state))
//!     }
//!
//!     async fn update(
//!         &self,
//!         _prior: ServerState,
//!         planned: ServerState,
//!         _cx: &mut Context<'_, ()>,
//!     ) -> Result<ServerState, Failure<ServerState>> {
//!         Ok(planned)
//!     }
//!
//!     async fn delete(
//!         &self,
//!         _state: ServerState,
//!         _cx: &mut Context<'_, ()>,
//!     ) -> Result<(), Diagnostic> {
//!         Ok(())
//!     }
//! }
//! ```
//!
//! The crate in `examples/provider` of the repository is a complete provider with a resource, a
//! data source, an ephemeral resource and a function. [`serve`] turns a [`Provider`] into the plugin program; [`Server`]
//! answers the same requests in process, for tests.
//!
//! Nothing here knows of a particular cloud, and nothing writes to standard output: after the
//! handshake that stream belongs to the engine.

mod checks;
mod de;
mod ephemeral;
mod erased;
mod fault;
mod field;
mod fields;
pub mod function;
mod grpc;

pub mod log;
mod private;
mod provider;
mod resource;
mod rules;
pub mod schema;
mod ser;
mod server;
mod stop;

pub use de::from_value;
pub use ephemeral::{EphemeralResource, Opened};
pub use fault::Fault;
pub use field::Field;
pub use fields::Fields;
pub use grpc::{ServeOptions, serve};

pub use muster_lang::{Diagnostic, Diags};
pub use muster_value::{Number, Path, Type, Value};
pub use private::Private;
pub use provider::{Provider, Registry};
pub use resource::{Context, DataSource, Failure, PlanChange, Resource, error_at};
pub use ser::to_value;
pub use server::Server;
pub use stop::Stop;

/// A shared, immutable string.
pub type Str = std::sync::Arc<str>;
