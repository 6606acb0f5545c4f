//! `muster providers`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::DEFAULT_TESTS;

/// `providers`
#[derive(Debug, Args)]
pub(crate) struct Providers {
    #[command(subcommand)]
    pub command: Option<ProvidersCommand>,
    /// The directory with more tests.
    #[arg(long, value_name = "DIRECTORY", default_value = DEFAULT_TESTS)]
    pub test_directory: String,
}

/// `providers ...`
#[derive(Debug, Subcommand)]
pub(crate) enum ProvidersCommand {
    /// Record checksums of the providers in the lock file, for this and other platforms.
    #[command(
        after_help = "Examples:\n  muster providers lock -platform=linux_amd64 -platform=darwin_arm64"
    )]
    Lock(ProvidersLock),
    /// Copy the packages of the providers into a directory that serves as a mirror.
    #[command(after_help = "Examples:\n  muster providers mirror -platform=linux_amd64 ./mirror")]
    Mirror(ProvidersMirror),
    /// Show the schemas of the providers.
    #[command(after_help = "Examples:\n  muster providers schema -json")]
    Schema(ProvidersSchema),
}

/// `providers lock`
#[derive(Debug, Args)]
pub(crate) struct ProvidersLock {
    /// A directory to look in, instead of the registries.
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "net_mirror")]
    pub fs_mirror: Option<PathBuf>,
    /// The address of a network mirror to ask, instead of the registries.
    #[arg(long, value_name = "URL")]
    pub net_mirror: Option<String>,
    /// A platform to record checksums for; this one if none is given.
    #[arg(long = "platform", value_name = "OS_ARCH")]
    pub platforms: Vec<String>,
    /// Accepted: packages are always held against what their source promises.
    #[arg(long, hide = true)]
    pub enable_plugin_cache: bool,
    /// Only these providers.
    #[arg(value_name = "PROVIDER")]
    pub providers: Vec<String>,
}

/// `providers mirror`
#[derive(Debug, Args)]
pub(crate) struct ProvidersMirror {
    /// A platform to copy packages for; this one if none is given.
    #[arg(long = "platform", value_name = "OS_ARCH")]
    pub platforms: Vec<String>,
    /// Take the versions that are locked.
    #[arg(long, value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set)]
    pub lock_file: bool,
    /// The directory.
    #[arg(value_name = "DIRECTORY")]
    pub directory: PathBuf,
}

/// `providers schema`
#[derive(Debug, Args)]
pub(crate) struct ProvidersSchema {
    /// As JSON, the only form there is.
    #[arg(long)]
    pub json: bool,
}
