//! Finds the program of a provider.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use muster_addr::ProviderAddr;
use muster_config::version::{Constraints, Version};
use muster_install::{LockFile, Locked, Method, MethodKind, Platform, package_dir, program_in};

use crate::cli_config::{CliConfig, implied_directories};

/// A program that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// This program itself: the muster provider.
    Embedded,
    /// A development build.
    Override(PathBuf),
    /// A released version.
    Installed {
        /// The program.
        program: PathBuf,
        /// Its version.
        version: String,
    },
}

/// Knows the places that programs of providers are in.
#[derive(Clone, Debug)]
pub(crate) struct Finder {
    config: CliConfig,
    lock: LockFile,
    /// Where init puts packages.
    packages: PathBuf,
    /// Directories that the CLI configuration names.
    mirrors: Vec<Method>,
}

impl Finder {
    /// A finder for a working directory whose data directory is `data_dir`, with its lock file.
    pub(crate) fn new(config: CliConfig, data_dir: &Path, lock: LockFile) -> Self {
        let mirrors = match &config.methods {
            Some(methods) => methods.clone(),
            None => Method::implied(implied_directories()),
        };
        Self {
            config,
            lock,
            packages: data_dir.join("providers"),
            mirrors,
        }
    }

    /// The CLI configuration.
    pub(crate) fn config(&self) -> &CliConfig {
        &self.config
    }

    /// What is locked.
    pub(crate) fn lock(&self) -> &LockFile {
        &self.lock
    }

    /// Where init puts packages.
    pub(crate) fn packages(&self) -> &Path {
        &self.packages
    }

    /// Whether a provider is a development build.
    pub(crate) fn is_override(&self, addr: &ProviderAddr) -> bool {
        self.config.dev_overrides.contains_key(addr)
    }

    /// Whether a provider is part of this program, and no other build of it is at hand.
    pub(crate) fn is_embedded(&self, addr: &ProviderAddr) -> bool {
        *addr == ProviderAddr::new("muster", "muster")
            && !self.lock.providers.contains_key(addr)
            && self
                .directories(addr)
                .all(|dir| versions(dir, addr).is_empty())
    }

    /// The program of a provider: the version that is locked, or else the newest that the
    /// constraints allow.
    pub(crate) fn find(
        &self,
        addr: &ProviderAddr,
        constraints: &[Constraints],
    ) -> Result<Found, String> {
        if let Some(dir) = self.config.dev_overrides.get(addr) {
            return override_program(dir, addr).map(Found::Override);
        }
        if let Some(locked) = self.lock.providers.get(addr) {
            return self.find_locked(addr, locked, constraints);
        }
        let mut best: Option<(Version, PathBuf)> = None;
        let mut others = Vec::new();
        for (version, program) in self.directories(addr).flat_map(|dir| versions(dir, addr)) {
            if !constraints.iter().all(|c| c.allow_provider(&version)) {
                others.push(version.to_string());
            } else if best.as_ref().is_none_or(|(b, _)| *b < version) {
                best = Some((version, program));
            }
        }
        match best {
            Some((version, program)) => Ok(Found::Installed {
                program,
                version: version.to_string(),
            }),
            None if self.is_embedded(addr) => Ok(Found::Embedded),
            None => Err(self.not_found(addr, &others)),
        }
    }

    /// Only a package whose files are those that were locked will do outside of where init puts
    /// packages.
    fn find_locked(
        &self,
        addr: &ProviderAddr,
        locked: &Locked,
        constraints: &[Constraints],
    ) -> Result<Found, String> {
        let version = &locked.version;
        if !constraints.iter().all(|c| c.allow_provider(version)) {
            return Err(format!(
                "The lock file selects version {version} of {addr}, which the configuration does not allow. Run init with -upgrade to select another version."
            ));
        }
        let fits = |dir: &Path| {
            *dir == *self.packages
                || muster_install::hash_directory(&package(dir, addr, version))
                    .is_ok_and(|hash| locked.hashes.contains(&hash))
        };
        let program = self.directories(addr).find_map(|dir| {
            let program = program_in(&package(dir, addr, version), addr)?;
            fits(dir).then_some(program)
        });
        let version = version.to_string();
        match program {
            Some(program) => Ok(Found::Installed { program, version }),
            None => Err(format!(
                "The lock file selects version {version} of {addr}, which is not installed here. Run init to install it."
            )),
        }
    }

    /// The directories that have unpacked packages of a provider.
    fn directories<'a>(&'a self, addr: &'a ProviderAddr) -> impl Iterator<Item = &'a Path> {
        let mirrors = self.mirrors.iter().filter(|method| method.covers(addr));
        let mirrors = mirrors.filter_map(|method| match &method.kind {
            MethodKind::FilesystemMirror(dir) => Some(&**dir),
            _ => None,
        });
        std::iter::once(&*self.packages).chain(mirrors)
    }

    fn not_found(&self, addr: &ProviderAddr, others: &[String]) -> String {
        let mut text = if others.is_empty() {
            format!("The provider {addr} is not installed. Looked in:")
        } else {
            let list = others.join(", ");
            format!(
                "The provider {addr} is there in version {list}, which the version constraints do not allow. Looked in:"
            )
        };
        for dir in self.directories(addr) {
            let _ = write!(text, "\n  - {}", dir.display());
        }
        text.push_str("\n\nRun init to install it.");
        text
    }
}

fn package(root: &Path, addr: &ProviderAddr, version: &Version) -> PathBuf {
    package_dir(root, addr, version, &Platform::current())
}

/// Unpacked versions of a provider in a directory.
fn versions(root: &Path, addr: &ProviderAddr) -> Vec<(Version, PathBuf)> {
    let versions = muster_install::unpacked_versions(root, addr, &Platform::current());
    versions
        .into_iter()
        .filter_map(|version| {
            let program = program_in(&package(root, addr, &version), addr)?;
            Some((version, program))
        })
        .collect()
}

fn override_program(dir: &Path, addr: &ProviderAddr) -> Result<PathBuf, String> {
    program_in(dir, addr).ok_or_else(|| {
        format!(
            "The CLI configuration names {} as the directory of the development build of {addr}, but there is no program terraform-provider-{} in it.",
            dir.display(),
            addr.type_name
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finder_with(dir: &Path, lock: &str) -> Finder {
        let kind = MethodKind::FilesystemMirror(dir.to_owned());
        let config = CliConfig {
            methods: Some(vec![Method::all(kind)]),
            ..CliConfig::default()
        };
        let lock = LockFile::parse(lock).unwrap();
        Finder::new(config, Path::new("nowhere"), lock)
    }

    fn finder(dir: &Path) -> Finder {
        finder_with(dir, "")
    }

    fn put(root: &Path, version: &str) -> PathBuf {
        let addr = ProviderAddr::parse_source("example.com/a/b").unwrap();
        let dir = package(root, &addr, &Version::parse(version).unwrap());
        std::fs::create_dir_all(&dir).unwrap();
        let program = dir.join(format!("terraform-provider-b_v{version}"));
        std::fs::write(&program, version).unwrap();
        program
    }

    #[test]
    fn the_locked_version_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let nine = put(dir.path(), "1.9.0");
        put(dir.path(), "1.10.0");
        let addr = ProviderAddr::parse_source("example.com/a/b").unwrap();
        let find = |version: &str, hash: &str, constraint: &str| {
            let lock = format!(
                "provider \"example.com/a/b\" {{\n  version = \"{version}\"\n  hashes = [\"{hash}\"]\n}}\n"
            );
            let constraints = [Constraints::parse(constraint).unwrap()];
            finder_with(dir.path(), &lock).find(&addr, &constraints)
        };
        let hash = muster_install::hash_directory(nine.parent().unwrap()).unwrap();
        let (program, version) = (nine.clone(), "1.9.0".to_owned());
        let expect = Ok(Found::Installed { program, version });
        assert_eq!(find("1.9.0", hash.as_str(), ">= 1.0"), expect);
        let refused = |found: Result<Found, String>, expect: &str| {
            let error = found.unwrap_err();
            assert!(error.contains(expect), "{error}");
        };
        refused(find("1.9.0", "h1:other", ">= 1.0"), "Run init to install");
        refused(
            find("1.8.0", hash.as_str(), ">= 1.0"),
            "Run init to install",
        );
        refused(find("1.9.0", hash.as_str(), ">= 1.10"), "with -upgrade");
    }

    #[test]
    fn the_newest_allowed_version_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let nine = put(dir.path(), "1.9.0");
        let ten = put(dir.path(), "1.10.0");
        let addr = ProviderAddr::parse_source("example.com/a/b").unwrap();
        let finder = finder(dir.path());
        let check = |constraint: &str, expect: &Path, version: &str| {
            let constraints = [Constraints::parse(constraint).unwrap()];
            let found = finder.find(&addr, &constraints).unwrap();
            let (program, version) = (expect.to_owned(), version.to_owned());
            assert_eq!(found, Found::Installed { program, version });
        };
        check(">= 1.0", &ten, "1.10.0");
        check("< 1.10", &nine, "1.9.0");
        let constraints = [Constraints::parse("~> 2.0").unwrap()];
        let error = finder.find(&addr, &constraints).unwrap_err();
        assert!(
            error.contains("1.9.0") && error.contains("do not allow"),
            "{error}"
        );
    }

    #[test]
    fn what_is_not_there_is_said_to_be_missing() {
        let dir = tempfile::tempdir().unwrap();
        let addr = ProviderAddr::parse_source("example.com/no/such").unwrap();
        let error = finder(dir.path()).find(&addr, &[]).unwrap_err();
        assert!(error.contains(&dir.path().display().to_string()), "{error}");
        let ours = ProviderAddr::new("muster", "muster");
        assert_eq!(
            finder(dir.path()).find(&ours, &[]).unwrap(),
            Found::Embedded
        );
    }
}
