//! Starts and drives plugin programs: the handshake, mutual TLS, the calls of protocol versions
//! 5 and 6, logs, and an orderly end. A [`Client`] is a [`muster_provider::Provider`].
//!
//! A plugin runs in a process group of its own, which is killed as a whole when its [`Client`] is
//! dropped, or when it does not end within seconds of being asked to. If the host itself is killed
//! it can do nothing any more: then Linux ends the program that was started, but not what that
//! program has started in turn, a plugin behind a wrapper script for example (a script should
//! `exec` it); other systems end neither.

mod cache;
mod call;
mod client;
mod connect;
mod convert;
mod fingerprint;
mod handshake;
mod process;
mod protocol;
mod reattach;
mod schema;
mod tail;
mod tls;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use muster_addr::ProviderAddr;

pub use client::Client;
pub use reattach::{Reattach, reattach_from_env};

/// A shared, immutable string.
pub(crate) type Str = std::sync::Arc<str>;

/// A program to start.
#[derive(Clone, Debug)]
pub struct PluginSpec {
    /// The program.
    pub program: PathBuf,
    /// Its arguments; released plugins take none.
    pub args: Vec<OsString>,
    /// Added to the environment.
    pub env: Vec<(OsString, OsString)>,
    /// Which provider it is, for messages.
    pub source: ProviderAddr,
}

impl Default for PluginSpec {
    fn default() -> Self {
        Self {
            program: PathBuf::new(),
            args: Vec::new(),
            env: Vec::new(),
            source: ProviderAddr::builtin(),
        }
    }
}

/// Takes one line of a plugin's log.
pub type Log = Arc<dyn Fn(&str) + Send + Sync>;

/// How plugins are driven.
#[derive(Clone)]
pub struct ClientOptions {
    /// Where schemas are kept between runs; `None` keeps none.
    pub cache_dir: Option<PathBuf>,
    /// Takes the plugin's log.
    pub log: Option<Log>,
    /// How long a plugin may take to start.
    pub start_timeout: Duration,
    /// How long a plugin that has started may take to tell its schema. Other calls have no such
    /// limit: an apply may rightly take hours.
    pub schema_timeout: Duration,
    /// What plugins are told is driving them.
    pub terraform_version: String,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            cache_dir: None,
            log: None,
            start_timeout: Duration::from_secs(60),
            schema_timeout: Duration::from_secs(300),
            terraform_version: "1.11.4".to_owned(),
        }
    }
}
