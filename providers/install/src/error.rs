//! What can go wrong on the way to a package.

use std::io;
use std::path::{Path, PathBuf};

use muster_addr::ProviderAddr;
use muster_config::version::{Constraints, Version};

use crate::{HttpError, PgpError, Platform, UnpackError};

/// A provider cannot be installed.
#[derive(Debug)]
pub struct Failure {
    /// Which one.
    pub addr: ProviderAddr,
    /// The version, if one was selected.
    pub version: Option<Version>,
    /// Why.
    pub error: InstallError,
}

/// Why a provider cannot be installed. Texts are whole sentences.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// No source knows the provider.
    #[error(
        "The provider {addr} was not found in any of the places that were searched:{}",
        lines(places)
    )]
    NotFound {
        /// The provider.
        addr: ProviderAddr,
        /// Where it was looked for.
        places: Vec<String>,
    },
    /// No version can be used.
    #[error("{}", no_version(constraints, available))]
    NoVersion {
        /// What was asked for.
        constraints: Constraints,
        /// What there is, oldest first.
        available: Vec<Version>,
    },
    /// The version in the lock file is not among those that the configuration allows.
    #[error(
        "The lock file selects version {locked}, which the configuration does not allow ({constraints}). Run init with -upgrade to select another version."
    )]
    LockedOut {
        /// The version in the lock file.
        locked: Version,
        /// What the configuration asks for.
        constraints: Constraints,
    },
    /// The version is not released for the platform.
    #[error(
        "Version {version} of {addr} has no package for this platform, {platform}. Not all versions are released for all platforms; another version may be."
    )]
    NoPackage {
        /// The provider.
        addr: ProviderAddr,
        /// The version.
        version: Version,
        /// The platform.
        platform: Platform,
    },
    /// The version speaks another language.
    #[error(
        "Version {version} of {addr} speaks the plugin protocol {}, but versions 5 and 6 are what is understood. Choose another version of the provider.",
        protocols.join(", ")
    )]
    Protocol {
        /// The provider.
        addr: ProviderAddr,
        /// The version.
        version: Version,
        /// What it speaks: `4.0`, ...
        protocols: Vec<String>,
    },
    /// The host is no registry.
    #[error("The host {host} has no registry that can be used: {reason}.")]
    Discovery {
        /// The host.
        host: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A request failed.
    #[error("{0}")]
    Http(#[from] HttpError),
    /// An answer is not what it should be.
    #[error("The answer of {url} cannot be used: {reason}.")]
    Answer {
        /// Who answered.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The archive is not the one that the source promised.
    #[error(
        "The package {package} does not have the checksum that its source promised ({expected}); it has {found}. It was damaged or exchanged on its way."
    )]
    Checksum {
        /// The archive.
        package: String,
        /// What was promised.
        expected: String,
        /// What was found.
        found: String,
    },
    /// The package is not the one in the lock file.
    #[error(
        "The package of {addr} {version} matches none of the checksums in the lock file. Either it is not the package that was selected before, or the lock file has checksums of other platforms only, or of another publisher's build of the same version. When you trust the source, add the checksums of this platform with: muster providers lock -platform={platform}"
    )]
    NotLocked {
        /// The provider.
        addr: ProviderAddr,
        /// The version.
        version: Version,
        /// The platform of the package.
        platform: Platform,
    },
    /// The list of checksums is not signed as it should be.
    #[error("The signature of the checksums of {package} cannot be accepted: {reason}.")]
    Signature {
        /// The archive.
        package: String,
        /// What is wrong.
        reason: PgpError,
    },
    /// The list of checksums does not belong to the package.
    #[error("The signed checksums of {package} do not fit: {reason}.")]
    Sums {
        /// The archive.
        package: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The archive cannot be unpacked.
    #[error("The package {package} cannot be unpacked: {reason}.")]
    Unpack {
        /// The archive.
        package: String,
        /// What is wrong.
        reason: UnpackError,
    },
    /// The package has no program.
    #[error("There is no program terraform-provider-{} in the package {package}.", addr.type_name)]
    NoProgram {
        /// The provider.
        addr: ProviderAddr,
        /// The package.
        package: String,
    },
    /// A file or directory cannot be used.
    #[error("{}: {source}.", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A worker ended in the middle.
    #[error("The installation was broken off.")]
    Aborted,
}

impl InstallError {
    /// A failure of the file system.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::File { path, source }
    }

    pub(crate) fn answer(url: &reqwest::Url, reason: impl ToString) -> Self {
        Self::Answer {
            url: url.to_string(),
            reason: reason.to_string(),
        }
    }

    /// Whether another source may have what this one has not.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self, Self::NotFound { .. } | Self::NoPackage { .. })
    }
}

fn lines(places: &[String]) -> String {
    places
        .iter()
        .map(|place| format!("\n  - {place}"))
        .collect()
}

fn no_version(constraints: &Constraints, available: &[Version]) -> String {
    const SHOWN: usize = 5;
    let wanted = match constraints.is_empty() {
        true => "a release".to_owned(),
        false => format!("what the configuration asks for ({constraints})"),
    };
    if available.is_empty() {
        return "The provider has no versions at all.".to_owned();
    }
    let newest: Vec<String> = available
        .iter()
        .rev()
        .take(SHOWN)
        .map(Version::to_string)
        .collect();
    let more = if available.len() > SHOWN { ", ..." } else { "" };
    format!(
        "No version of the provider is {wanted}. There are: {}{more}",
        newest.join(", ")
    )
}
