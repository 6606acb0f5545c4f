//! muster's own provider: compute zones, and the fleets, settlements and DR policies in them.
//!
//! Resource types, data sources and ephemeral resources (`resources`, `data`, `ephemeral`) speak to the world through the
//! [`Driver`](driver::Driver) trait only. What the objects are is plain data in [`model`]; how
//! they come about is a driver's matter. The one driver so far is the embedded simulator,
//! [`drivers::sim`].

mod client;
pub mod conformance;
mod data;
pub mod driver;
pub mod drivers;
mod ephemeral;
mod functions;
mod ledger;
pub mod model;
mod provider;
mod resources;

use std::process::ExitCode;

pub use client::Client;
pub use provider::MusterProvider;

/// The provider's source address.
pub const ADDRESS: &str = "registry.terraform.io/muster/muster";

/// Runs the provider as a plugin, until the engine that started it is done with it.
pub fn serve() -> ExitCode {
    muster_sdk::serve(
        MusterProvider,
        muster_sdk::ServeOptions::new(ADDRESS).with_args(),
    )
}
