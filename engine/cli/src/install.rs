//! Finds the program of a provider.

mod missing;

use std::path::{Path, PathBuf};

use muster_addr::ProviderAddr;
use muster_config::version::{Constraints, Version};
use muster_install::{LockFile, Locked, Method, MethodKind, Platform, package_dir, program_in};

use crate::cli_config::{CliConfig, implied_directories};
pub(crate) use missing::{Absent, Missing};

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

    /// The version that the lock file selects, where the constraints do not allow it.
    pub(crate) fn refused(&self, addr: &ProviderAddr, asked: &[Constraints]) -> Option<&Version> {
        let version = &self.lock.providers.get(addr)?.version;
        let allowed = asked.iter().all(|c| c.allow_provider(version));
        (!allowed && !self.is_override(addr)).then_some(version)
    }

    /// The program of a provider: the version that is locked, whatever is asked of it. As long as
    /// nothing at all is locked, the newest that a directory of the CLI configuration has and the
    /// constraints allow.
    pub(crate) fn find(
        &self,
        addr: &ProviderAddr,
        constraints: &[Constraints],
    ) -> Result<Found, Missing> {
        if let Some(dir) = self.config.dev_overrides.get(addr) {
            return override_program(dir, addr).map(Found::Override);
        }
        if let Some(locked) = self.lock.providers.get(addr) {
            return self.find_locked(addr, locked);
        }
        let allowed = |version: &Version| constraints.iter().all(|c| c.allow_provider(version));
        // Who has a lock file wants to know what runs.
        let unlocked = self.lock.providers.is_empty();
        let best = self
            .mirrors(addr)
            .filter(|_| unlocked)
            .flat_map(|dir| versions(dir, addr))
            .filter(|(version, _)| allowed(version))
            .reduce(|best, next| if best.0 < next.0 { next } else { best });
        match best {
            Some((version, program)) => Ok(Found::Installed {
                program,
                version: version.to_string(),
            }),
            None if self.is_embedded(addr) => Ok(Found::Embedded),
            None => Err(Missing::Unlocked),
        }
    }

    /// Only a package whose files are those that were locked will do outside of where init puts
    /// packages.
    fn find_locked(&self, addr: &ProviderAddr, locked: &Locked) -> Result<Found, Missing> {
        let version = &locked.version;
        let fits = |dir: &Path| {
            *dir == *self.packages
                || muster_install::hash_directory(&package(dir, addr, version))
                    .is_ok_and(|hash| locked.hashes.contains(&hash))
        };
        let program = self.directories(addr).find_map(|dir| {
            let program = program_in(&package(dir, addr, version), addr)?;
            fits(dir).then_some(program)
        });
        match program {
            Some(program) => Ok(Found::Installed {
                program,
                version: version.to_string(),
            }),
            None => Err(Missing::NotInstalled(version.clone())),
        }
    }

    /// The directories that have unpacked packages of a provider.
    fn directories<'a>(&'a self, addr: &'a ProviderAddr) -> impl Iterator<Item = &'a Path> {
        std::iter::once(&*self.packages).chain(self.mirrors(addr))
    }

    /// Those that the CLI configuration names.
    fn mirrors<'a>(&'a self, addr: &'a ProviderAddr) -> impl Iterator<Item = &'a Path> {
        let mirrors = self.mirrors.iter().filter(|method| method.covers(addr));
        mirrors.filter_map(|method| match &method.kind {
            MethodKind::FilesystemMirror(dir) => Some(&**dir),
            _ => None,
        })
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

fn override_program(dir: &Path, addr: &ProviderAddr) -> Result<PathBuf, Missing> {
    program_in(dir, addr).ok_or_else(|| {
        Missing::NoBuild(format!(
            "The CLI configuration names {} as the directory of the development build of {addr}, but there is no program terraform-provider-{} in it.",
            dir.display(),
            addr.type_name
        ))
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
        let locked = |version: &str, hash: &str| {
            let lock = format!(
                "provider \"example.com/a/b\" {{\n  version = \"{version}\"\n  hashes = [\"{hash}\"]\n}}\n"
            );
            finder_with(dir.path(), &lock)
        };
        let hash = muster_install::hash_directory(nine.parent().unwrap()).unwrap();
        let finder = locked("1.9.0", hash.as_str());
        let (program, version) = (nine.clone(), "1.9.0".to_owned());
        let expect = Ok(Found::Installed { program, version });
        let asked = |text: &str| [Constraints::parse(text).unwrap()];
        for constraint in [">= 1.0", ">= 1.10"] {
            assert_eq!(finder.find(&addr, &asked(constraint)), expect);
        }
        assert_eq!(finder.refused(&addr, &asked(">= 1.0")), None);
        let refused = finder.refused(&addr, &asked(">= 1.10"));
        assert_eq!(refused.map(Version::to_string).as_deref(), Some("1.9.0"));
        let check = |version: &str, hash: &str| {
            let found = locked(version, hash).find(&addr, &[]);
            let version = Version::parse(version).unwrap();
            assert_eq!(found, Err(Missing::NotInstalled(version)));
        };
        check("1.9.0", "h1:other");
        check("1.8.0", hash.as_str());
        // What is not locked when others are is not taken from anywhere.
        let other = ProviderAddr::parse_source("example.com/a/c").unwrap();
        assert_eq!(finder.find(&other, &[]), Err(Missing::Unlocked));
    }

    #[test]
    fn the_newest_allowed_version_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let nine = put(dir.path(), "1.9.0");
        let ten = put(dir.path(), "1.10.0");
        let addr = ProviderAddr::parse_source("example.com/a/b").unwrap();
        let finder = finder(dir.path());
        let find = |constraint: &str| {
            let constraints = [Constraints::parse(constraint).unwrap()];
            finder.find(&addr, &constraints)
        };
        let check = |constraint: &str, expect: &Path, version: &str| {
            let (program, version) = (expect.to_owned(), version.to_owned());
            assert_eq!(find(constraint), Ok(Found::Installed { program, version }));
        };
        check(">= 1.0", &ten, "1.10.0");
        check("< 1.10", &nine, "1.9.0");
        assert_eq!(find("~> 2.0"), Err(Missing::Unlocked));
    }

    #[test]
    fn what_init_has_put_there_needs_a_lock() {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), "1.9.0");
        let addr = ProviderAddr::parse_source("example.com/a/b").unwrap();
        let mut finder = finder(Path::new("nowhere"));
        finder.packages = dir.path().to_owned();
        assert_eq!(finder.find(&addr, &[]), Err(Missing::Unlocked));
    }

    #[test]
    fn ours_is_part_of_the_program() {
        let dir = tempfile::tempdir().unwrap();
        let ours = ProviderAddr::new("muster", "muster");
        assert_eq!(finder(dir.path()).find(&ours, &[]), Ok(Found::Embedded));
    }
}
