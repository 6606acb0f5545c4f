//! One file per command.

pub(crate) mod apply;
pub(crate) mod completion;
pub(crate) mod console;
pub(crate) mod fmt;
pub(crate) mod force_unlock;
pub(crate) mod get;
pub(crate) mod graph;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod metadata;
pub(crate) mod modules;
pub(crate) mod output;
mod packages;
pub(crate) mod plan;
pub(crate) mod providers;
mod saved_variables;
pub(crate) mod show;
pub(crate) mod state;
pub(crate) mod state_edit;
pub(crate) mod state_history;
pub(crate) mod state_rekey;
pub(crate) mod taint;
pub(crate) mod test;
pub(crate) mod validate;
pub(crate) mod version;
pub(crate) mod why;
pub(crate) mod workspace;
