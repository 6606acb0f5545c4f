//! `muster providers schema -json`

use muster_store::Store;

use crate::error::Outcome;
use crate::session::Session;
use crate::view::put_bytes;

/// Writes the schemas of all providers that the configuration and the state need.
pub(super) async fn run(session: &Session) -> Outcome<()> {
    let state = session.store(None)?.any().read()?;
    let schemas = session.schemas(state.as_ref()).await?;
    let mut out = Vec::new();
    // Writing to memory cannot fail.
    let _ = muster_render::write_schemas_json(&schemas, &mut out);
    out.push(b'\n');
    put_bytes(&out);
    Ok(())
}
