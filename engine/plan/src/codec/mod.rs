//! Plans as bytes: an exact, versioned and checksummed form, and the file that a plan is saved in
//! together with the configuration it was made from.

mod addrs;
mod checks;
mod plan;
mod values;
mod wire;

use std::collections::BTreeMap;
use std::fmt;

use muster_snapshot::StateError;
use sha2::{Digest, Sha256};

use crate::Plan;
use wire::{Reader, Writer};

const PLAN_MAGIC: &[u8; 8] = b"MUSTERPL";
const FILE_MAGIC: &[u8; 8] = b"MUSTERPF";
/// Grows whenever the form changes. A plan is applied by the version that made it, so there is
/// nothing to be gained from reading older forms.
const VERSION: u32 = 3;
const HEADER: usize = 8 + 4 + 8;
const CHECKSUM: usize = 32;

/// Why bytes are not a plan.
#[derive(Debug)]
pub enum DecodeError {
    /// They begin like something else.
    NotAPlan,
    /// They were written in another version of the form.
    Version {
        /// The version found.
        found: u32,
        /// The version that can be read.
        supported: u32,
    },
    /// They end too early.
    Truncated,
    /// The checksum does not fit: they were changed or damaged.
    Damaged,
    /// The checksum fits, but they do not make sense.
    Invalid(String),
    /// The state inside cannot be read.
    State(StateError),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAPlan => f.write_str("this is not a saved plan of muster"),
            Self::Version { found, supported } => write!(
                f,
                "the plan is saved in format {found}, and this version of muster reads format \
                 {supported}; make a new plan with this version"
            ),
            Self::Truncated => {
                f.write_str("the saved plan ends too early, as if it was not copied whole")
            }
            Self::Damaged => f.write_str("the saved plan is damaged: its checksum does not fit"),
            Self::Invalid(what) => write!(f, "the saved plan does not make sense: {what}"),
            Self::State(error) => write!(f, "the state in the saved plan cannot be read: {error}"),
        }
    }
}

impl std::error::Error for DecodeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::State(error) => Some(error),
            _ => None,
        }
    }
}

/// A plan as it is saved: with all that the apply needs to know about how it was made.
#[derive(Clone, Debug, Default)]
pub struct PlanFile {
    /// The plan.
    pub plan: Plan,
    /// The configuration it was made from: paths relative to the root module, and texts, in the
    /// order they were read.
    pub config_sources: Vec<(String, String)>,
    /// The version of muster that made it.
    pub muster_version: String,
    /// The workspace it is for.
    pub workspace: String,
    /// Lineage of the state it was made from; empty when there was none.
    pub prior_lineage: String,
    /// Serial of the state it was made from.
    pub prior_serial: u64,
    /// Of each stored resource that the plan rests on the address and a digest.
    pub prior_digests: BTreeMap<String, String>,
    /// The providers it was made with: source addresses and versions.
    pub providers: Vec<(String, String)>,
}

impl Plan {
    /// The plan as bytes. [`Plan::decode`] gives back exactly this plan.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        plan::write(&mut out, self);
        seal(PLAN_MAGIC, &out.bytes)
    }

    /// Reads what [`Plan::encode`] wrote.
    ///
    /// # Errors
    /// The bytes are something else, cut off, damaged or of another version.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Reader::new(open(PLAN_MAGIC, bytes)?);
        let plan = plan::read(&mut input)?;
        input.finish()?;
        Ok(plan)
    }
}

impl PlanFile {
    /// The file as bytes. [`PlanFile::decode`] gives back exactly this.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.str(&self.muster_version);
        out.str(&self.workspace);
        out.str(&self.prior_lineage);
        out.uint(self.prior_serial);
        out.list(&self.prior_digests, |out, (address, digest)| {
            out.str(address);
            out.str(digest);
        });
        for pairs in [&self.config_sources, &self.providers] {
            out.list(pairs, |out, (a, b)| {
                out.str(a);
                out.str(b);
            });
        }
        plan::write(&mut out, &self.plan);
        seal(FILE_MAGIC, &out.bytes)
    }

    /// Reads what [`PlanFile::encode`] wrote.
    ///
    /// # Errors
    /// The bytes are something else, cut off, damaged or of another version.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Reader::new(open(FILE_MAGIC, bytes)?);
        let pair = |input: &mut Reader<'_>| Ok((input.string()?, input.string()?));
        let file = Self {
            muster_version: input.string()?,
            workspace: input.string()?,
            prior_lineage: input.string()?,
            prior_serial: input.uint()?,
            prior_digests: input.list(pair)?.into_iter().collect(),
            config_sources: input.list(pair)?,
            providers: input.list(pair)?,
            plan: plan::read(&mut input)?,
        };
        input.finish()?;
        Ok(file)
    }

    /// Whether bytes begin like a saved plan, so that a state file can be told from one.
    pub fn is_plan_file(bytes: &[u8]) -> bool {
        bytes.starts_with(FILE_MAGIC)
    }
}

fn seal(magic: &[u8; 8], payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER + payload.len() + CHECKSUM);
    out.extend_from_slice(magic);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    out.extend_from_slice(payload);
    let sum = Sha256::digest(&out);
    out.extend_from_slice(&sum);
    out
}

fn open<'b>(magic: &[u8; 8], bytes: &'b [u8]) -> Result<&'b [u8], DecodeError> {
    let head = &bytes[..bytes.len().min(magic.len())];
    if head.is_empty() || !magic.starts_with(head) {
        return Err(DecodeError::NotAPlan);
    }
    let mut header = Reader::new(&bytes[head.len()..]);
    let found = u32::from_le_bytes(header.array()?);
    if found != VERSION {
        return Err(DecodeError::Version {
            found,
            supported: VERSION,
        });
    }
    let len = u64::from_le_bytes(header.array()?);
    let end = usize::try_from(len)
        .ok()
        .and_then(|len| len.checked_add(HEADER));
    let Some(end) = end.filter(|end| bytes.len() - HEADER >= *end - HEADER) else {
        return Err(DecodeError::Truncated);
    };
    let sum = &bytes[end..];
    if sum.len() < CHECKSUM {
        return Err(DecodeError::Truncated);
    }
    if sum != Sha256::digest(&bytes[..end]).as_slice() {
        return Err(DecodeError::Damaged);
    }
    Ok(&bytes[HEADER..end])
}

#[cfg(test)]
mod tests;
