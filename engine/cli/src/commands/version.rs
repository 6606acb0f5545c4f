//! `muster version`

use std::process::ExitCode;

use crate::args::Version;
use crate::install::platform;
use crate::session::TERRAFORM_VERSION;

/// Shows the version.
pub(crate) fn run(args: &Version) -> ExitCode {
    let version = env!("CARGO_PKG_VERSION");
    if args.json {
        let document = serde_json::json!({
            "muster_version": version,
            "terraform_version": TERRAFORM_VERSION,
            "platform": platform(),
        });
        outln!("{document:#}");
    } else {
        outln!("muster v{version}");
        outln!("on {}", platform());
        outln!("compatible with the language, state and plugins of Terraform v{TERRAFORM_VERSION}");
    }
    ExitCode::SUCCESS
}
