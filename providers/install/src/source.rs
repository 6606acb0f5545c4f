//! Where packages come from: installation methods, each for some of the providers.

use std::path::PathBuf;
use std::sync::Arc;

use muster_addr::ProviderAddr;
use muster_config::version::Version;
use reqwest::Url;

use crate::layout::{self, Place};
use crate::network_mirror::NetworkMirror;
use crate::registry::Registries;
use crate::verify::Promise;
use crate::{InstallError, Platform};

/// A way to get providers, as the CLI configuration has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// The way.
    pub kind: MethodKind,
    /// Patterns such as `hashicorp/*` or `example.com/*/*`. Empty is all.
    pub include: Vec<String>,
    /// Patterns of what is left out, even if it is included.
    pub exclude: Vec<String>,
}

/// The ways to get providers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MethodKind {
    /// From the registry that a provider's address names, or its stand-in.
    Direct,
    /// From a directory.
    FilesystemMirror(PathBuf),
    /// From a server with the network mirror protocol, by its address.
    NetworkMirror(String),
}

impl Method {
    /// A method for all providers.
    pub fn all(kind: MethodKind) -> Self {
        Self {
            kind,
            include: Vec::new(),
            exclude: Vec::new(),
        }
    }

    /// What is done without a configuration: providers that have a directory in one of `dirs`
    /// come from there, all others from registries.
    pub fn implied(dirs: impl IntoIterator<Item = PathBuf>) -> Vec<Self> {
        let mut methods = Vec::new();
        let mut found = Vec::new();
        for dir in dirs {
            let here = layout::providers_in(&dir);
            if !here.is_empty() {
                found.extend(here.iter().map(ProviderAddr::to_string));
                methods.push(Self::all(MethodKind::FilesystemMirror(dir)));
            }
        }
        methods.push(Self {
            kind: MethodKind::Direct,
            include: Vec::new(),
            exclude: found,
        });
        methods
    }

    /// Whether the method is for a provider.
    pub fn covers(&self, addr: &ProviderAddr) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|p| matches(p, addr));
        (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }
}

/// A package that a source has.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    /// The name of its archive, for messages.
    pub name: String,
    pub origin: Origin,
    pub promise: Promise,
}

/// Where the package itself is.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// Unpacked.
    Directory(PathBuf),
    Archive(PathBuf),
    Url {
        url: Url,
        token: Option<String>,
    },
}

/// A method that can be asked.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub method: Method,
    pub reach: Reach,
}

#[derive(Clone, Debug)]
pub(crate) enum Reach {
    Registry(Arc<Registries>),
    Directory(PathBuf),
    Mirror(Box<NetworkMirror>),
}

impl Source {
    /// All versions of a provider, in no order; `None` when the source does not know it.
    pub(crate) async fn versions(
        &self,
        addr: &ProviderAddr,
    ) -> Result<Option<Vec<Version>>, InstallError> {
        match &self.reach {
            Reach::Registry(registries) => registries.versions(addr).await,
            Reach::Mirror(mirror) => mirror.versions(addr).await,
            Reach::Directory(dir) => {
                let entries = layout::entries(dir, addr);
                let versions = entries.into_iter().map(|entry| entry.version);
                Ok(Some(versions.collect()).filter(|v: &Vec<_>| !v.is_empty()))
            }
        }
    }

    /// A package; `None` when there is none for the platform.
    pub(crate) async fn package(
        &self,
        addr: &ProviderAddr,
        version: &Version,
        platform: &Platform,
    ) -> Result<Option<Package>, InstallError> {
        match &self.reach {
            Reach::Registry(registries) => registries.package(addr, version, platform).await,
            Reach::Mirror(mirror) => mirror.package(addr, version, platform).await,
            Reach::Directory(dir) => {
                let mut entries = layout::entries(dir, addr).into_iter();
                let found = entries.find(|e| e.version == *version && e.platform == *platform);
                Ok(found.map(|entry| Package {
                    name: crate::archive_name(addr, version, platform),
                    origin: match entry.place {
                        Place::Unpacked(dir) => Origin::Directory(dir),
                        Place::Packed(archive) => Origin::Archive(archive),
                    },
                    promise: Promise::None,
                }))
            }
        }
    }

    /// The place, for messages.
    pub(crate) fn place(&self, addr: &ProviderAddr) -> String {
        match &self.reach {
            Reach::Registry(registries) => format!("the registry {}", registries.asked(addr)),
            Reach::Directory(dir) => dir.display().to_string(),
            Reach::Mirror(mirror) => mirror.base.to_string(),
        }
    }
}

fn matches(pattern: &str, addr: &ProviderAddr) -> bool {
    let parts: Vec<&str> = pattern.split('/').collect();
    let (host, rest) = match parts.len() {
        3 => (parts[0], &parts[1..]),
        _ => (crate::DEFAULT_HOST, &parts[..]),
    };
    let one = |pattern: &str, text: &str| pattern == "*" || pattern.eq_ignore_ascii_case(text);
    rest.len() == 2
        && one(host, &addr.host)
        && one(rest[0], &addr.namespace)
        && one(rest[1], &addr.type_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_cover_what_they_include() {
        let texts = |patterns: &[&str]| patterns.iter().map(|p| (*p).to_owned()).collect();
        let method = Method {
            include: texts(&["hashicorp/*", "example.com/*/*"]),
            exclude: texts(&["hashicorp/gone"]),
            ..Method::all(MethodKind::Direct)
        };
        let check = |source: &str, expect: bool| {
            let addr = ProviderAddr::parse_source(source).unwrap();
            assert_eq!(method.covers(&addr), expect, "{source}");
        };
        check("hashicorp/aws", true);
        check("hashicorp/gone", false);
        check("other/aws", false);
        check("example.com/a/b", true);
        check("example.org/a/b", false);
    }

    #[test]
    fn what_lies_in_a_directory_is_not_downloaded() {
        let dir = tempfile::tempdir().unwrap();
        let here = ProviderAddr::new("a", "here");
        std::fs::create_dir_all(layout::provider_dir(dir.path(), &here)).unwrap();
        let methods = Method::implied([dir.path().to_owned(), dir.path().join("none")]);
        assert_eq!(methods.len(), 2);
        assert!(!methods[1].covers(&here) && methods[0].covers(&here));
        assert!(methods[1].covers(&ProviderAddr::new("a", "there")));
    }
}
