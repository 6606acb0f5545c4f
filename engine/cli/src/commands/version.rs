//! `muster version`

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use muster_install::{LockFile, Platform};

use crate::args::Version;
use crate::session::TERRAFORM_VERSION;

/// Shows the version.
pub(crate) fn run(args: &Version) -> ExitCode {
    let version = env!("CARGO_PKG_VERSION");
    let platform = Platform::current().to_string();
    // A lock file that cannot be read is the matter of commands that need it.
    let lock = LockFile::load(Path::new(".")).unwrap_or_default();
    if args.json {
        let selections: BTreeMap<String, String> = lock
            .providers
            .iter()
            .map(|(addr, locked)| (addr.to_string(), locked.version.to_string()))
            .collect();
        let document = serde_json::json!({
            "muster_version": version,
            "terraform_version": TERRAFORM_VERSION,
            "platform": platform,
            "provider_selections": selections,
            "terraform_outdated": false,
        });
        outln!("{document:#}");
    } else {
        outln!("muster v{version}");
        outln!("on {platform}");
        outln!("compatible with the language, state and plugins of Terraform v{TERRAFORM_VERSION}");
        for (addr, locked) in &lock.providers {
            outln!("+ provider {addr} v{}", locked.version);
        }
    }
    ExitCode::SUCCESS
}
