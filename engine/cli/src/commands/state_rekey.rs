//! `muster state rekey`

use std::io::{self, Write as _};
use std::path::Path;

use clap::Args;
use muster_encryption::looks_encrypted;
use muster_store::{Codec, LocalStore, Store};

use super::state_edit::{missing, store};
use crate::backend::Opened;
use crate::error::{Failure, Outcome};
use crate::locking::lock;
use crate::{args, encryption, recovery};

/// `state rekey`
#[derive(Debug, Args)]
pub(crate) struct Rekey {
    #[command(flatten)]
    pub state_options: args::StateOptions,
}

/// Writes the state again, with the key and the method that are set now. What it was written
/// with before is read with a fallback.
pub(crate) fn run(args: &Rekey) -> Outcome<()> {
    let opened = store(args.state_options.state.as_deref())?;
    let codec = encryption::state_codec();
    if !codec.is_sealed() {
        let detail = "Neither the configuration nor TF_ENCRYPTION says how states are encrypted: there is no \"state\" in an encryption block.";
        return Err(Failure::new("Encryption is not set up", detail));
    }
    encryption::renew()?;
    let backup = match &opened {
        Opened::Local(store) => {
            let mut path = store.path().as_os_str().to_owned();
            path.push(".backup");
            Some(path)
        }
        _ => None,
    };
    // The old state would stay in the backup as it is.
    let store = match opened {
        Opened::Local(store) => {
            let again = LocalStore::with_backup(store.path(), None);
            Opened::Local(again.with_codec(codec.clone())).any()
        }
        elsewhere => elsewhere.any(),
    };
    let guard = lock(&store, &args.state_options.locking(), "rekey")?;
    let Some(mut state) = store.read()? else {
        return Err(missing(args.state_options.state.as_deref()));
    };
    state.serial = state.serial.saturating_add(1);
    store.replace(&state)?;
    recovery::remarks(&store);
    if let Some(backup) = backup
        && let Err(reason) = rewrite(Path::new(&backup), &codec)
    {
        let shown = Path::new(&backup).display();
        outln!("The backup {shown} stays as it is: {reason}");
    }
    if let Some(guard) = guard {
        guard.release()?;
    }
    let written = codec
        .encode(&state)
        .is_ok_and(|bytes| looks_encrypted(&bytes));
    let how = match written {
        true => "encrypted with the key that is set now",
        false => "in plain text, as the method says that is set now",
    };
    outln!("The state is {how}. Its serial number is {}.", state.serial);
    Ok(())
}

/// The state before the last command is kept, too.
fn rewrite(path: &Path, codec: &Codec) -> Result<(), String> {
    let stored = match std::fs::read(path) {
        Ok(stored) => stored,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    let state = codec.decode(&stored).map_err(|e| e.to_string())?;
    let bytes = codec.encode(&state).map_err(|e| e.to_string())?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    let replaced = || -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        file.write_all(&bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| e.error)?;
        Ok(())
    };
    replaced().map_err(|e| e.to_string())
}
