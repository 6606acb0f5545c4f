//! Plans for configurations in memory, with a provider that makes its answers up.

mod checks;
mod desk;
mod destroy;
mod moves;
mod order;
mod repeated_providers;
