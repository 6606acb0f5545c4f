//! The whole engine without a process: configurations as text, a strict provider and its world
//! in memory.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod actions;
mod additions;
mod checks;
mod ephemeral;
mod failures;
mod identity;
mod interrupted;
mod lab;
mod meta;
mod order;
mod provider;
mod provision;
mod random;
mod recorded;
mod refactor;
mod relevant;
