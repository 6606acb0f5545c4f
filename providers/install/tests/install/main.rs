//! Installs a provider from registries, mirrors and caches of the tests' own.

mod cache;
mod mirrors;
mod registry;
mod support;
