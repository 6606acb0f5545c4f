//! End-to-end tests: the built program in directories of its own, with real plugin processes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod additions;
mod attach;
mod aws;
mod backend;
mod background;
mod bad_input;
mod commands;
mod console;
mod encryption;
mod ephemeral;
mod fmt;
mod harness;
mod identity;
mod kill;
mod locks;
mod modules;
mod options;
mod profile;
mod provision;
mod quickstart;
mod recover;
mod registry;
mod repeated_providers;
mod saved_plans;
mod scenarios;
mod schemas;
mod state;
mod state_damage;
mod state_faults;
mod state_history;
mod state_mv;
mod stores;
mod surroundings;
mod terminal;
mod terraform;
mod testing;
mod tools;
mod torture;
mod transfer;
mod why;
mod workspaces;
