//! Plans for configurations in memory, with a provider that makes its answers up.

mod desk;
mod order;
mod repeated_providers;
