//! The dependency lock file: which version of every provider was selected, and the checksums of
//! its packages.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, Write as _};
use std::path::Path;

use hcl::{Block, Body, Expression};
use muster_addr::ProviderAddr;
use muster_config::version::{Constraints, Version};

use crate::Hash;

/// The name of the file, in the working directory.
pub const LOCK_FILE: &str = ".terraform.lock.hcl";

/// Deeper nesting is not in any lock file, and would be too deep for the parser.
const DEEPEST: usize = 32;

/// What a lock file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockFile {
    /// The selected providers.
    pub providers: BTreeMap<ProviderAddr, Locked>,
}

/// The selection of one provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locked {
    /// The version.
    pub version: Version,
    /// The constraints at the time of the selection.
    pub constraints: Constraints,
    /// Checksums of the version's packages, for all platforms; a package has to match one.
    pub hashes: BTreeSet<Hash>,
}

/// A lock file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It cannot be read.
    #[error("The file {LOCK_FILE} cannot be read: {0}.")]
    Read(#[source] io::Error),
    /// It cannot be written.
    #[error("The file {LOCK_FILE} cannot be written: {0}.")]
    Write(#[source] io::Error),
    /// It does not follow the language.
    #[error("The file {LOCK_FILE} is damaged: {0}")]
    Syntax(String),
    /// It says something that a lock file does not say.
    #[error("The file {LOCK_FILE} is damaged: {0}.")]
    Content(String),
}

impl LockFile {
    /// Reads the file of a working directory. One that is not there locks nothing.
    pub fn load(dir: &Path) -> Result<Self, LockError> {
        match std::fs::read_to_string(dir.join(LOCK_FILE)) {
            Ok(text) => Self::parse(&text),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(e) => Err(LockError::Read(e)),
        }
    }

    /// Parses the text of a lock file.
    pub fn parse(text: &str) -> Result<Self, LockError> {
        if is_deep(text) {
            return Err(content("it is nested too deeply"));
        }
        let body: Body = hcl::parse(text).map_err(|e| LockError::Syntax(e.to_string()))?;
        if let Some(attribute) = body.attributes().next() {
            let text = format!(
                "there is no argument \"{}\" in a lock file",
                attribute.key()
            );
            return Err(LockError::Content(text));
        }
        let mut file = Self::default();
        for block in body.blocks() {
            let (addr, locked) = read_block(block)?;
            if file.providers.insert(addr.clone(), locked).is_some() {
                return Err(LockError::Content(format!("{addr} is locked twice")));
            }
        }
        Ok(file)
    }

    /// Whether the same versions are selected with the same checksums. Constraints are only notes
    /// on how that came to be.
    pub fn selects_as(&self, other: &Self) -> bool {
        let mine = self.providers.iter();
        self.providers.len() == other.providers.len()
            && mine
                .zip(&other.providers)
                .all(|((a, x), (b, y))| a == b && x.version == y.version && x.hashes == y.hashes)
    }

    /// Writes the file of a working directory, all of it or nothing.
    pub fn save(&self, dir: &Path) -> Result<(), LockError> {
        self.write(dir).map_err(LockError::Write)
    }

    fn write(&self, dir: &Path) -> io::Result<()> {
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let mut file = builder.prefix(LOCK_FILE).tempfile_in(dir)?;
        file.write_all(self.to_string().as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(dir.join(LOCK_FILE)).map_err(|e| e.error)?;
        Ok(())
    }
}

/// The text of the file, byte for byte what Terraform writes.
impl fmt::Display for LockFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The words are Terraform's: the file stays the same whichever of the two writes it.
        f.write_str("# This file is maintained automatically by \"terraform init\".\n")?;
        f.write_str("# Manual edits may be lost in future updates.\n")?;
        for (addr, locked) in &self.providers {
            writeln!(f, "\nprovider \"{addr}\" {{")?;
            if locked.constraints.is_empty() {
                writeln!(f, "  version = \"{}\"", locked.version)?;
            } else {
                writeln!(f, "  version     = \"{}\"", locked.version)?;
                writeln!(f, "  constraints = \"{}\"", locked.constraints)?;
            }
            if !locked.hashes.is_empty() {
                f.write_str("  hashes = [\n")?;
                for hash in &locked.hashes {
                    writeln!(f, "    \"{hash}\",")?;
                }
                f.write_str("  ]\n")?;
            }
            f.write_str("}\n")?;
        }
        Ok(())
    }
}

fn read_block(block: &Block) -> Result<(ProviderAddr, Locked), LockError> {
    let labels = block.labels();
    let ("provider", [label]) = (block.identifier(), labels) else {
        let text = format!(
            "there is no such block \"{}\" in a lock file",
            block.identifier()
        );
        return Err(LockError::Content(text));
    };
    let source = label.as_str();
    let addr = ProviderAddr::parse_source(source).filter(|addr| addr.to_string() == source);
    let Some(addr) = addr else {
        return Err(LockError::Content(format!(
            "\"{source}\" is not the full address of a provider"
        )));
    };
    let mut version = None;
    let mut constraints = Constraints::default();
    let mut hashes = BTreeSet::new();
    for attribute in block.body().attributes() {
        match (attribute.key(), attribute.expr()) {
            ("version", Expression::String(text)) => {
                let parsed = Version::parse(text).map_err(|e| about(&addr, &e))?;
                version = Some(parsed);
            }
            ("constraints", Expression::String(text)) => {
                constraints = Constraints::parse(text).map_err(|e| about(&addr, &e))?;
            }
            ("hashes", Expression::Array(items)) => hashes = read_hashes(&addr, items)?,
            (key, _) => {
                return Err(about(
                    &addr,
                    &format!("the argument \"{key}\" is not what it should be"),
                ));
            }
        }
    }
    let Some(version) = version else {
        return Err(about(&addr, &"the version is missing"));
    };
    let locked = Locked {
        version,
        constraints,
        hashes,
    };
    Ok((addr, locked))
}

fn read_hashes(addr: &ProviderAddr, items: &[Expression]) -> Result<BTreeSet<Hash>, LockError> {
    let hash = |item: &Expression| match item {
        Expression::String(text) => Hash::parse(text),
        _ => None,
    };
    let hashes: Option<_> = items.iter().map(hash).collect();
    hashes.ok_or_else(|| about(addr, &"hashes must be texts such as \"h1:...\""))
}

fn about(addr: &ProviderAddr, what: &dyn fmt::Display) -> LockError {
    LockError::Content(format!("{addr}: {what}"))
}

fn content(text: &str) -> LockError {
    LockError::Content(text.to_owned())
}

/// Whether brackets may be nested deeply. Those in texts and comments count, too: there are none
/// in lock files.
fn is_deep(text: &str) -> bool {
    let mut depth = 0_usize;
    text.bytes().any(|b| {
        match b {
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > DEEPEST
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# This file is maintained automatically by "terraform init".
# Manual edits may be lost in future updates.

provider "example.com/acme/other" {
  version = "2.0.0"
  hashes = [
    "h1:vUfGYsDEtrgy6Y8CpeatrFU6H6WCdHu7te0nOXxrfHw=",
  ]
}

provider "registry.terraform.io/hashicorp/fake" {
  version     = "1.1.0"
  constraints = ">= 1.0.0, ~> 1.0, < 2.0.0"
  hashes = [
    "h1:4RhByDtEimuXXrArJX48J0wOvCGIbL2Cd99kx7rQJs8=",
    "zh:0000000000000000000000000000000000000000000000000000000000000000",
  ]
}
"#;

    #[test]
    fn what_is_read_is_written_byte_for_byte() {
        let file = LockFile::parse(TEXT).unwrap();
        assert_eq!(file.to_string(), TEXT);
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(LockFile::load(dir.path()).unwrap(), LockFile::default());
        file.save(dir.path()).unwrap();
        assert_eq!(
            std::fs::read_to_string(dir.path().join(LOCK_FILE)).unwrap(),
            TEXT
        );
        assert_eq!(LockFile::load(dir.path()).unwrap(), file);
    }

    #[test]
    fn order_and_form_of_the_text_do_not_matter() {
        let text = "provider \"registry.terraform.io/b/b\" { version = \"1.0.0\" }\nprovider \"registry.terraform.io/a/b\" {\n hashes = [\"zh:b\", \"h1:a\"]\n constraints = \"<2,>=1\"\n version=\"1.2.0\"\n}\n";
        let written = LockFile::parse(text).unwrap().to_string();
        let body = written.split_once("updates.\n\n").unwrap().1;
        assert_eq!(
            body,
            "provider \"registry.terraform.io/a/b\" {\n  version     = \"1.2.0\"\n  constraints = \">= 1.0.0, < 2.0.0\"\n  hashes = [\n    \"h1:a\",\n    \"zh:b\",\n  ]\n}\n\nprovider \"registry.terraform.io/b/b\" {\n  version = \"1.0.0\"\n}\n"
        );
    }

    #[test]
    fn damage_is_named() {
        let check = |text: &str, expect: &str| {
            let error = LockFile::parse(text).unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        };
        let twice = "provider \"registry.terraform.io/a/b\" {\n version = \"1.0.0\"\n}\n".repeat(2);
        check(&twice, "locked twice");
        check("provider \"a/b\" {\n version = \"1\"\n}\n", "full address");
        check(
            "provider \"registry.terraform.io/a/b\" {\n}\n",
            "version is missing",
        );
        check(
            "provider \"registry.terraform.io/a/b\" {\n version = \"x\"\n}\n",
            "\"x\"",
        );
        check(
            "provider \"registry.terraform.io/a/b\" {\n version = 1\n}\n",
            "\"version\"",
        );
        check(
            "provider \"registry.terraform.io/a/b\" {\n hashes = [\"x\"]\n}\n",
            "hashes must",
        );
        check("module \"x\" {\n}\n", "\"module\"");
        check("x = 1\n", "\"x\"");
        check("<<<<<<< HEAD\n", "damaged");
        check(&"[".repeat(100_000), "too deeply");
    }
}
