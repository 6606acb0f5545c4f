//! Finds the program of a provider.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use muster_addr::ProviderAddr;
use muster_config::version::{Constraints, Version};

use crate::cli_config::{CliConfig, Method, home};

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

/// Knows the directories that providers are looked for in.
#[derive(Clone, Debug)]
pub(crate) struct Finder {
    config: CliConfig,
    methods: Vec<Method>,
}

impl Finder {
    /// A finder for a working directory whose data directory is `data_dir`.
    pub(crate) fn new(config: CliConfig, data_dir: &Path) -> Self {
        let everything = |path: PathBuf| Method {
            path,
            include: vec![],
            exclude: vec![],
        };
        let mut methods = vec![everything(data_dir.join("providers"))];
        match &config.methods {
            Some(configured) => methods.extend(configured.iter().cloned()),
            None => methods.extend(implied_directories().into_iter().map(everything)),
        }
        Self { config, methods }
    }

    /// Whether a provider is a development build.
    pub(crate) fn is_override(&self, addr: &ProviderAddr) -> bool {
        self.config.dev_overrides.contains_key(addr)
    }

    /// The program of a provider, the newest that the constraints allow.
    pub(crate) fn find(
        &self,
        addr: &ProviderAddr,
        constraints: &[Constraints],
    ) -> Result<Found, String> {
        if let Some(dir) = self.config.dev_overrides.get(addr) {
            return override_program(dir, addr).map(Found::Override);
        }
        let mut best: Option<(Version, PathBuf)> = None;
        let mut others = Vec::new();
        for method in self.methods.iter().filter(|m| m.covers(addr)) {
            for (version, program) in versions(&method.path, addr) {
                if !constraints.iter().all(|c| c.allow(&version)) {
                    others.push(version.to_string());
                } else if best.as_ref().is_none_or(|(b, _)| *b < version) {
                    best = Some((version, program));
                }
            }
        }
        if let Some((version, program)) = best {
            return Ok(Found::Installed {
                program,
                version: version.to_string(),
            });
        }
        if *addr == ProviderAddr::new("muster", "muster") {
            return Ok(Found::Embedded);
        }
        Err(self.not_found(addr, &others))
    }

    fn not_found(&self, addr: &ProviderAddr, others: &[String]) -> String {
        let mut text = String::new();
        if others.is_empty() {
            let _ = write!(
                text,
                "No program for the provider {addr} was found. Looked in:"
            );
        } else {
            let list = others.join(", ");
            let _ = write!(
                text,
                "The provider {addr} is there in version {list}, which the version constraints do not allow. Looked in:"
            );
        }
        for method in self.methods.iter().filter(|m| m.covers(addr)) {
            let _ = write!(text, "\n  - {}", method.path.display());
        }
        text.push_str("\n\nPut the provider into a directory that a filesystem_mirror block of the CLI configuration file (TF_CLI_CONFIG_FILE) names, or name a development build under dev_overrides. Downloads from a registry are not supported yet.");
        text
    }
}

fn implied_directories() -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("terraform.d/plugins")];
    found.extend(home().map(|h| h.join(".terraform.d/plugins")));
    found.extend(home().map(|h| h.join(".local/share/terraform/plugins")));
    found.push(PathBuf::from("/usr/local/share/terraform/plugins"));
    found.push(PathBuf::from("/usr/share/terraform/plugins"));
    found
}

/// `linux_amd64` and the like, in the words of provider releases.
pub(crate) fn platform() -> String {
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    };
    format!("{os}_{arch}")
}

/// Unpacked versions of a provider in a directory.
fn versions(root: &Path, addr: &ProviderAddr) -> Vec<(Version, PathBuf)> {
    let dir = root
        .join(&*addr.host)
        .join(&*addr.namespace)
        .join(&*addr.type_name);
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let version = Version::parse(entry.file_name().to_str()?).ok()?;
            let program = program_in(&entry.path().join(platform()), addr)?;
            Some((version, program))
        })
        .collect()
}

fn program_in(dir: &Path, addr: &ProviderAddr) -> Option<PathBuf> {
    let prefix = format!("terraform-provider-{}", addr.type_name);
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .ok()?
        .flatten()
        .filter(|e| {
            let name = e.file_name();
            let name = name.to_string_lossy();
            let rest = name.strip_prefix(&prefix);
            rest.is_some_and(|r| r.is_empty() || r.starts_with('_') || r.starts_with(".exe"))
        })
        .map(|e| e.path())
        .filter(|path| path.is_file())
        .collect();
    names.sort();
    names.into_iter().next()
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

    fn finder(dir: &Path) -> Finder {
        let method = Method {
            path: dir.to_owned(),
            include: vec![],
            exclude: vec![],
        };
        let config = CliConfig {
            methods: Some(vec![method]),
            ..CliConfig::default()
        };
        Finder::new(config, Path::new("nowhere"))
    }

    fn put(root: &Path, version: &str) -> PathBuf {
        let dir = root.join("example.com/a/b").join(version).join(platform());
        std::fs::create_dir_all(&dir).unwrap();
        let program = dir.join(format!("terraform-provider-b_v{version}"));
        std::fs::write(&program, "").unwrap();
        program
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
