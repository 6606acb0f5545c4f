//! Saved plans: the plan, the configuration it was made from, and the state it fits.

use std::path::Path;

use muster_lang::Sources;
use muster_plan::Plan;

use crate::commands::plan::Planned;
use crate::error::{Failure, Outcome};
use crate::session::Session;

/// A plan read from a file.
pub(crate) struct Loaded {
    pub plan: Plan,
    pub lineage: String,
    pub serial: u64,
}

/// Whether a file looks like a saved plan.
pub(crate) fn is_plan(_path: &Path) -> bool {
    false
}

/// Saves a plan.
pub(crate) fn write(_path: &Path, _planned: &Planned, _session: &Session) -> Outcome<()> {
    Ok(())
}

/// Reads a saved plan and the configuration in it.
pub(crate) fn load(_path: &Path) -> Result<(Session, Loaded), (Failure, Sources)> {
    Err((Failure::told(), Sources::default()))
}
