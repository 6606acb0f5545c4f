//! Installs a provider from registries, mirrors and caches of the tests' own.

#![expect(clippy::unwrap_used, reason = "a test may fail at any place")]

mod cache;
mod mirrors;
mod registry;
mod support;
