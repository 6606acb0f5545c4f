//! muster's provider as a plugin of its own, for Terraform and OpenTofu.

use std::process::ExitCode;

fn main() -> ExitCode {
    muster_provider_muster::serve()
}
