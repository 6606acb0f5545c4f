//! End-to-end tests: the built program in directories of its own, with real plugin processes.

mod bad_input;
mod harness;
mod quickstart;
