//! What can go wrong on the way to a module.

use std::io;
use std::path::{Path, PathBuf};

use muster_config::SourceError;
use muster_config::version::Version;
use muster_install::{HttpError, InstallError};

use crate::UnpackError;

/// Why a module cannot be installed. Texts are whole sentences without secrets.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// A method that is not there.
    #[error("{}", unsupported(method))]
    Method {
        /// Its name: `s3`, `hg` and the like.
        method: String,
    },
    /// What an address says about itself is not understood.
    #[error("The address {address} cannot be used: {reason}.")]
    Address {
        /// The address.
        address: String,
        /// What is wrong.
        reason: String,
    },
    /// The program is not there.
    #[error(
        "The program git cannot be started ({0}). It is needed for modules in repositories: install it, or see that it is on the PATH."
    )]
    NoGit(io::Error),
    /// A step of git failed.
    #[error("{what} {address} failed:\n{output}")]
    Git {
        /// The step.
        what: &'static str,
        /// The repository.
        address: String,
        /// What git said.
        output: String,
    },
    /// A repository has no such branch, tag or commit.
    #[error(
        "The repository {address} has no branch, tag or commit \"{name}\". Git said:\n{output}"
    )]
    Reference {
        /// The repository.
        address: String,
        /// The name.
        name: String,
        /// What git said.
        output: String,
    },
    /// Nobody answers.
    #[error("{address} was not there within {seconds} seconds.")]
    Slow {
        /// Who.
        address: String,
        /// So long was waited.
        seconds: u64,
    },
    /// A request failed.
    #[error("{0}")]
    Http(#[from] HttpError),
    /// A host was asked for its registry in vain.
    #[error("{0}")]
    Discovery(InstallError),
    /// There is nothing at an address.
    #[error("There is nothing at {0} (status 404).")]
    Nothing(String),
    /// A page does not say where the module is.
    #[error(
        "{0} is no archive, and says nothing about where the module is, neither in the header X-Terraform-Get nor in a terraform-get meta element. An archive whose address has no ending such as .zip or .tar.gz is named with ?archive=zip."
    )]
    NoPointer(String),
    /// Every page leads to another one.
    #[error("{0} leads from one address to the next without an end.")]
    TooManyPointers(String),
    /// An archive cannot be unpacked.
    #[error("The archive from {address} cannot be unpacked: {reason}.")]
    Unpack {
        /// The archive.
        address: String,
        /// What is wrong.
        reason: UnpackError,
    },
    /// An archive is not the one that was meant.
    #[error("The archive from {address} has the checksum {found} and not {expected}.")]
    Checksum {
        /// The archive.
        address: String,
        /// What was asked for.
        expected: String,
        /// What it has.
        found: String,
    },
    /// The package has no such directory.
    #[error("{}", no_subdir(subdir, *registry))]
    NoSubdir {
        /// The directory.
        subdir: String,
        /// Whether the package is from a registry.
        registry: bool,
    },
    /// A pattern fits more than one directory.
    #[error("More than one directory of the package is like \"{0}\".")]
    ManySubdirs(String),
    /// The registry does not know the module.
    #[error("The registry {host} knows no module {module}.")]
    NotFound {
        /// The registry that was asked.
        host: String,
        /// The module.
        module: String,
    },
    /// Nothing was released.
    #[error("The registry {host} has no version of {module}.")]
    NoVersions {
        /// The registry that was asked.
        host: String,
        /// The module.
        module: String,
    },
    /// No release fits.
    #[error(
        "No version of {module} is what the configuration asks for ({constraints}). {}",
        newest(available)
    )]
    NoVersion {
        /// The module.
        module: String,
        /// What is asked for.
        constraints: String,
        /// What there is, newest first.
        available: Vec<Version>,
    },
    /// The registry does not answer as it should.
    #[error("The answer of {url} cannot be used: {reason}.")]
    Answer {
        /// Who answered.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The registry names no place that a package can be got from.
    #[error("The registry {host} says that {module} is at \"{location}\". {reason}")]
    Location {
        /// The registry that was asked.
        host: String,
        /// The module with its version.
        module: String,
        /// Where it is said to be.
        location: String,
        /// What is wrong with that.
        reason: SourceError,
    },
    /// A text is no source of a module.
    #[error("{0}")]
    Source(SourceError),
    /// A file or directory cannot be used.
    #[error("{}: {source}.", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A module cannot be put in its place.
    #[error("{0}")]
    Place(InstallError),
    /// A worker ended in the middle.
    #[error("The installation was broken off.")]
    Aborted,
}

impl ModuleError {
    /// What went wrong, in one line.
    pub fn summary(&self) -> &'static str {
        match self {
            Self::Discovery(_) | Self::Answer { .. } => "Error accessing remote module registry",
            Self::NotFound { .. } => "Module not found",
            Self::Source(_) => "Invalid module source address",
            Self::NoVersions { .. } => "Module has no versions",
            Self::NoVersion { .. } => "Unresolvable module version constraint",
            Self::Location { .. } => "Invalid package location from module registry",
            Self::NoSubdir { registry: true, .. } => "Unreadable module subdirectory",
            Self::NoSubdir { .. } | Self::ManySubdirs(_) => "Failed to expand subdir globs",
            _ => "Failed to download module",
        }
    }

    /// A failure of the file system.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::File { path, source }
    }

    /// An address that is not understood.
    pub(crate) fn address(address: &str, reason: impl ToString) -> Self {
        Self::Address {
            address: crate::shown(address),
            reason: reason.to_string(),
        }
    }
}

fn unsupported(method: &str) -> String {
    let known = "Modules come from registries, git repositories, archives at http and https \
                 addresses, and directories.";
    match method {
        "s3" | "gcs" => format!(
            "Modules in the storage of a cloud ({method}) are not supported. {known} Such an object can be had through an https address that gives access to it."
        ),
        "hg" => format!("Mercurial repositories are not supported. {known}"),
        _ => format!("There is no way \"{method}\" to get a module. {known}"),
    }
}

fn no_subdir(subdir: &str, registry: bool) -> String {
    let package = match registry {
        true => "The package that the registry names",
        false => "The package",
    };
    format!("{package} has no directory \"{subdir}\".")
}

fn newest(available: &[Version]) -> String {
    const SHOWN: usize = 5;
    let list: Vec<String> = available
        .iter()
        .take(SHOWN)
        .map(Version::to_string)
        .collect();
    let more = if available.len() > SHOWN { ", ..." } else { "" };
    format!("There are: {}{more}.", list.join(", "))
}
