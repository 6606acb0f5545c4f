//! `muster providers schema -json`

use muster_store::Store;
use std::io::Write;

use crate::error::Outcome;
use crate::session::Session;

/// Writes the schemas of all providers that the configuration and the state need.
pub(super) async fn run(session: &Session) -> Outcome<()> {
    let state = session.store(None)?.any().read()?;
    let schemas = session.schemas(state.as_ref()).await?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    // A reader that goes away early has seen enough.
    let _ = muster_render::write_schemas_json(&schemas, &mut out)
        .and_then(|()| writeln!(out))
        .and_then(|()| out.flush());
    Ok(())
}
