//! What the backend block says now, compared with what the working directory was initialised with.

use std::path::PathBuf;

use muster_config::Backend as Block;
use muster_lang::{Diagnostic, Diags, Sources};
use muster_store::{Backend as _, Settings, Store, StoreError};

use super::consent::Consent;
use super::kinds::LOCAL;
use super::migrate;
use super::place::{Place, kind_of};
use super::record::Record;
use super::settings;
use crate::args::Init;
use crate::error::{Failure, Outcome};
use crate::session::workspace;

/// The reason that is the usual one.
const BLOCK_CHANGED: &str = "Backend configuration block has changed";

/// What is wrong where another backend than the recorded one is asked for.
const REQUIRED_AGAIN: &str = "Backend initialization required: please run \"terraform init\"";
/// The same where there is a backend only here or only there. It reads so in Terraform, too.
const REQUIRED: &str = "Backend initialization required, please run \"terraform init\"";

/// Whether the block and the record agree.
enum Standing {
    /// There is no record, and no state that the block does not speak of.
    Fresh,
    /// There is no record, but a state in the usual place that the new one does not have.
    First { usual: Place, reason: String },
    /// States are there.
    Settled(Place),
    /// States may still be in the old place.
    Changed {
        /// `None` if it is of a kind that is not known.
        old: Option<Place>,
        reason: String,
    },
}

/// What a configuration and a command line ask for.
struct Asked {
    /// What the block says, or its absence.
    written: Place,
    /// With what the command line says.
    place: Place,
    has_block: bool,
    /// Where variables say where the state is, another place is no surprise.
    is_fixed: bool,
    /// The command line says something.
    is_overridden: bool,
}

impl Asked {
    fn new(block: Option<&Block>, overrides: Option<Settings>) -> Outcome<Self> {
        let written = Place::of(block)?;
        let is_overridden = overrides.is_some();
        Ok(Self {
            place: written.clone().with(overrides.unwrap_or_default()),
            written,
            has_block: block.is_some(),
            is_fixed: block.is_some_and(|block| block.early.is_empty()),
            is_overridden,
        })
    }

    /// Compares with the record, or looks for states that may have to be copied.
    ///
    /// # Errors
    /// The record cannot be read, or a place cannot be looked into.
    fn standing(&self) -> Outcome<Standing> {
        if let Some(record) = Record::load()? {
            return Ok(self.beside(&record));
        }
        Ok(match self.left_behind()? {
            Some(usual) => Standing::First {
                usual,
                reason: self.initial(),
            },
            None => Standing::Fresh,
        })
    }

    /// Compares with the record.
    fn beside(&self, record: &Record) -> Standing {
        let old = record.place();
        // The record may have a place that the command line gave.
        let is_as_written = self.has_block && self.written.record().hash == record.hash;
        if let (true, false, Some(old)) = (is_as_written, self.is_overridden, &old) {
            return Standing::Settled(old.clone());
        }
        if old.as_ref() == Some(&self.place) {
            return Standing::Settled(self.place.clone());
        }
        let (from, to) = (&record.type_name, self.place.kind.name);
        let reason = match self.has_block {
            false => format!("Unsetting the previously set backend \"{from}\""),
            true if from != to => format!("Backend type changed from \"{from}\" to \"{to}\""),
            true => BLOCK_CHANGED.to_owned(),
        };
        Standing::Changed { old, reason }
    }

    /// Why something has to be done where there is no record.
    fn initial(&self) -> String {
        let kind = self.place.kind.name;
        format!("Initial configuration of the requested backend \"{kind}\"")
    }

    /// Why nothing can be done before a backend that is not local was recorded. Until then nobody
    /// but `init` asks it for anything.
    fn unrecorded(&self) -> Failure {
        let usual = usual_file();
        let copied = usual.map_or_else(String::new, |path| {
            format!(
                " There is a file {} as well: if there is a state in it that the new place lacks, init asks before it copies that, and with -force-copy it does so without asking.",
                path.display()
            )
        });
        let reason = self.initial();
        let detail = format!(
            "Reason: {reason}\n\nRun \"muster init\", so that everything else works with it; nothing has been touched.{copied}"
        );
        Failure::new(REQUIRED, detail)
    }

    /// The usual place, if there is a state that the new place does not have.
    fn left_behind(&self) -> Outcome<Option<Place>> {
        let usual = Place::usual();
        if !self.is_lasting() || usual == self.place {
            return Ok(None);
        }
        for name in usual.open()?.workspaces()? {
            let state = usual.state(&name)?.any().read()?;
            let Some(state) = state.filter(|state| !state.is_empty()) else {
                continue;
            };
            if !self.place.has_since(&name, &state)? {
                return Ok(Some(usual));
            }
        }
        Ok(None)
    }

    /// Asks for the state. What it says does not matter: a damaged one can be replaced.
    fn check_reachable(&self) -> Outcome<()> {
        self.place.open()?;
        if *self.place.kind == LOCAL {
            return Ok(());
        }
        match self.place.state(&workspace())?.any().read() {
            Err(error @ (StoreError::Remote { .. } | StoreError::Io { .. })) => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Whether the place is the same for every command.
    fn is_lasting(&self) -> bool {
        self.is_fixed || self.is_overridden
    }

    /// Notes what the working directory is initialised with.
    fn save(&self) -> Outcome<()> {
        if !self.is_lasting() {
            return Record::remove();
        }
        let record = Record {
            hash: self.written.record().hash,
            ..self.place.record()
        };
        record.save()
    }
}

/// Where states are, for commands that open one. The first one to open a local one decides what
/// the block is compared with from then on.
///
/// # Errors
/// States may still be in another place, or nobody has said yet that they are to be in one that
/// is not local.
pub(crate) fn opened(block: Option<&Block>) -> Outcome<Place> {
    let asked = Asked::new(block, None)?;
    let is_far = asked.is_fixed && *asked.place.kind != LOCAL;
    if is_far && Record::load()?.is_none() {
        return Err(asked.unrecorded());
    }
    let (summary, reason) = match asked.standing()? {
        Standing::Settled(place) => return Ok(place),
        Standing::Fresh => {
            if asked.is_fixed {
                asked.save()?;
            }
            return Ok(asked.place);
        }
        Standing::First { usual, reason } => (
            REQUIRED,
            format!(
                "{reason}\n\nThere is a state in {} that the new place does not have, and nothing has been touched. Run \"muster init\", which asks whether to copy it; with -force-copy it does so without asking.",
                usual.open()?.describe()
            ),
        ),
        Standing::Changed { reason, .. } => (
            if asked.has_block {
                REQUIRED_AGAIN
            } else {
                REQUIRED
            },
            format!(
                "{reason}\n\nThe state may still be in the old place, where nothing has been touched. Run \"muster init -migrate-state\" to copy it to the new one, or \"muster init -reconfigure\" to go on with what is in the new one."
            ),
        ),
    };
    Err(Failure::new(summary, format!("Reason: {reason}")))
}

/// A file of the usual place that may have a state. It is not read: that may take a key.
fn usual_file() -> Option<PathBuf> {
    let usual = Place::usual().local()?;
    let names = usual.workspaces().unwrap_or_default();
    let mut paths = names.iter().map(|name| usual.state_path(name));
    paths.find(|path| std::fs::metadata(path).is_ok_and(|file| file.len() > 0))
}

/// What an initialisation came to.
#[derive(Default)]
pub(crate) struct Initialized {
    /// What should be told.
    pub warnings: Diags,
    /// The kind of backend that is used from now on, and was not before.
    pub configured: Option<&'static str>,
    /// The kind of backend that was used, where there is none any more.
    pub unset: Option<&'static str>,
}

/// Initialises the working directory for what the block and the command line say.
///
/// # Errors
/// States may still be in another place and the arguments do not say what to do, or copying them
/// failed.
pub(crate) fn initialize(
    block: Option<&Block>,
    args: &Init,
    sources: &mut Sources,
) -> Outcome<Initialized> {
    let options = &args.place;
    let migrate = options.migrate_state || options.force_copy;
    if migrate && options.reconfigure {
        let detail = "With -migrate-state states are copied to the new place, with -reconfigure they are not: choose one.";
        return Err(Failure::new("Invalid init options", detail));
    }
    if args.view.json && options.migrate_state {
        let detail = "With -json nobody can be asked about the states. Use -force-copy to copy them without being asked, or leave out -json.";
        let summary = "The -migrate-state and -json options are mutually-exclusive";
        return Err(Failure::new(summary, detail));
    }
    let (overrides, mut warnings) = overrides(block, &options.backend_config, sources)?;
    let asked = Asked::new(block, overrides)?;
    let standing = asked.standing()?;
    let configured = match standing {
        Standing::Settled(_) => None,
        _ => block.map(|_| asked.place.kind.name),
    };
    let unset = match &standing {
        Standing::Changed { old: Some(old), .. } if block.is_none() => Some(old.kind.name),
        _ => None,
    };
    if settle(&asked, standing, args, &mut warnings)? {
        // What makes no sense is not recorded, nor what cannot be reached.
        asked.check_reachable()?;
        asked.save()?;
    }
    Ok(Initialized {
        warnings,
        configured,
        unset,
    })
}

/// Brings states to where they are asked for, if that is wanted. Whether the record has to say
/// so from now on.
fn settle(asked: &Asked, standing: Standing, args: &Init, warnings: &mut Diags) -> Outcome<bool> {
    let options = &args.place;
    let migrate = options.migrate_state || options.force_copy;
    let old = match standing {
        // What a command line gave stays, unless it is to be forgotten.
        Standing::Settled(place) => return Ok(options.reconfigure || place == asked.place),
        // Who asks for it wants what is in the usual place, whatever is in the new one.
        Standing::Fresh if migrate && asked.is_lasting() => Some(Place::usual()),
        Standing::Fresh => return Ok(true),
        // Nobody has said yet what becomes of that state, whatever the options are.
        Standing::First { usual, .. } => Some(usual),
        Standing::Changed { .. } if options.reconfigure => return Ok(true),
        Standing::Changed { old, .. } if migrate => old,
        Standing::Changed { reason, .. } => {
            // That the block has changed is what the summary says.
            let reason = match reason.as_str() {
                BLOCK_CHANGED => String::new(),
                other => format!("{other}. "),
            };
            let detail = format!(
                "{reason}The state may still be in the old place. To copy it to the new one, use \"muster init -migrate-state\". To go on with what is in the new place and leave the old one as it is, use \"muster init -reconfigure\"."
            );
            return Err(Failure::new("Backend configuration changed", detail));
        }
    };
    let Some(old) = old else {
        let detail = "The states are in a kind of backend that is not supported. Fetch them with a program that supports it, run \"muster init -reconfigure\", and bring them in with \"muster state push\".";
        return Err(Failure::new("Error migrating the state", detail));
    };
    let consent = Consent::of(options.force_copy, args.input && !args.view.json);
    let locking = options.lock.locking();
    warnings.extend(migrate::copy_all(&old, &asked.place, &locking, consent)?);
    Ok(true)
}

/// What `-backend-config` says; `None` if it says nothing.
fn overrides(
    block: Option<&Block>,
    options: &[String],
    sources: &mut Sources,
) -> Outcome<(Option<Settings>, Diags)> {
    if options.iter().all(String::is_empty) {
        return Ok((None, Diags::new()));
    }
    let Some(block) = block else {
        let detail = "The configuration has no backend block that -backend-config could say more about, so it says nothing. If states are to be kept elsewhere, write a block with the type of the backend; it may be empty.";
        let warning = Diagnostic::warning("Missing backend configuration", detail);
        return Ok((None, warning.into()));
    };
    let kind = kind_of(block)?;
    let given = settings::of_options(kind, options, sources)?;
    Ok((Some(given), Diags::new()))
}
