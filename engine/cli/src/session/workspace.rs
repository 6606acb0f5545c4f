//! Which workspace is selected.

use super::data_dir;
use crate::error::{Failure, Outcome};

/// The selected workspace.
pub(crate) fn workspace() -> String {
    let stored = || std::fs::read_to_string(data_dir().join("environment")).ok();
    let name = named_workspace()
        .or_else(stored)
        .map(|s| s.trim().to_owned())
        .filter(|s| !s.is_empty());
    name.unwrap_or_else(|| "default".to_owned())
}

/// The workspace that the environment names, whatever is selected.
pub(crate) fn named_workspace() -> Option<String> {
    let named = std::env::var("TF_WORKSPACE").ok();
    named.filter(|name| !name.is_empty())
}

/// Whether a workspace may have this name: where states are, it is part of a path or an address.
pub(crate) fn is_workspace_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.~!$&'()*+,;=:@%".contains(c);
    !name.is_empty() && name.chars().all(allowed) && name != "." && name != ".."
}

pub(super) fn check_workspace() -> Outcome<()> {
    match named_workspace() {
        Some(name) if !is_workspace_name(&name) => {
            let detail = format!(
                "{name:?} is no name of a workspace: it may have letters, digits and characters that are safe in a URL, but no slash."
            );
            let summary = "Invalid workspace name set using TF_WORKSPACE";
            Err(Failure::new(summary, detail))
        }
        _ => Ok(()),
    }
}
