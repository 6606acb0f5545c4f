//! What is said when providers are not there.

use std::fmt;

use muster_addr::ProviderAddr;
use muster_config::version::{Constraints, Version};
use muster_lang::{Diagnostic, Diags};

use crate::error::Failure;

/// Why a program of a provider cannot be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// No version is selected.
    Unlocked,
    /// This version is selected, but its package is not here.
    NotInstalled(Version),
    /// There is no program where a development build should be: a sentence.
    NoBuild(String),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlocked => write!(
                f,
                "The lock file selects no version of it. Run `muster init` to select and install one."
            ),
            Self::NotInstalled(version) => write!(
                f,
                "The lock file selects its version {version}, which is not installed here. Run `muster init` to install it."
            ),
            Self::NoBuild(sentence) => f.write_str(sentence),
        }
    }
}

/// Providers that stand in the way of a command, by what is wrong with them.
#[derive(Debug, Default)]
pub(crate) struct Absent {
    unlocked: Vec<ProviderAddr>,
    not_installed: Vec<(ProviderAddr, Version)>,
    /// The selected version, and what is asked of it.
    not_allowed: Vec<(ProviderAddr, Version, Constraints)>,
    /// Mentioned by the state alone.
    stored: Vec<ProviderAddr>,
}

impl Absent {
    /// One that the configuration needs.
    pub(crate) fn add(&mut self, addr: &ProviderAddr, reason: Missing) {
        match reason {
            Missing::Unlocked => self.unlocked.push(addr.clone()),
            Missing::NotInstalled(version) => self.not_installed.push((addr.clone(), version)),
            // Whoever starts it says so.
            Missing::NoBuild(_) => {}
        }
    }

    /// One that the state alone needs.
    pub(crate) fn add_stored(&mut self, addr: &ProviderAddr, reason: Missing) {
        match reason {
            Missing::Unlocked => self.stored.push(addr.clone()),
            reason => self.add(addr, reason),
        }
    }

    /// One whose selected version the configuration does not allow.
    pub(crate) fn refuse(&mut self, addr: &ProviderAddr, version: Version, asked: Constraints) {
        self.not_allowed.push((addr.clone(), version, asked));
    }

    /// What to say before a run: the lock file has to fit the configuration.
    pub(crate) fn for_run(self) -> Result<(), Failure> {
        let mut diags = self.packages();
        if !diags.has_errors() {
            diags = self.selections();
        }
        diags.extend(self.of_state());
        finish(diags)
    }

    /// What to say where the configuration is looked at, and nothing is run: which version of a
    /// provider is there does not matter.
    pub(crate) fn for_validation(self) -> Result<(), Failure> {
        let mut diags = self.packages();
        for addr in &self.unlocked {
            let detail = format!(
                "The configuration needs the provider {}, but no version of it is selected yet. Run `muster init` to select and install one.",
                addr.for_display()
            );
            diags.push(Diagnostic::error("Missing required provider", detail));
        }
        finish(diags)
    }

    fn packages(&self) -> Diags {
        if self.not_installed.is_empty() {
            return Diags::new();
        }
        let lines = self.not_installed.iter();
        let lines = lines.map(|(addr, version)| format!("\n  - {addr} {version}"));
        let detail = format!(
            "Versions of providers that the lock file selects are not installed here:{}\n\nRun `muster init` to install them.",
            lines.collect::<String>()
        );
        Diagnostic::error("Required plugins are not installed", detail).into()
    }

    fn selections(&self) -> Diags {
        let unlocked = self.unlocked.iter();
        let unlocked = unlocked.map(|addr| format!("\n  - {addr}: no version is selected"));
        let others = self.not_allowed.iter().map(|(addr, version, asked)| {
            format!("\n  - {addr}: version {version} is selected, but the configuration asks for {asked}")
        });
        let lines: String = unlocked.chain(others).collect();
        if lines.is_empty() {
            return Diags::new();
        }
        let advice = match self.not_allowed.is_empty() {
            true => "Run `muster init` to select versions and install them.",
            false => "Run `muster init -upgrade` to select versions that fit, and install them.",
        };
        let detail = format!(
            "What the lock file selects does not fit what the configuration needs:{lines}\n\n{advice}"
        );
        Diagnostic::error("Inconsistent dependency lock file", detail).into()
    }

    fn of_state(&self) -> Diags {
        let errors = self.stored.iter().map(|addr| {
            let detail = format!(
                "The state has objects of the provider {}, which is not in the configuration any more. {} Without the provider the objects can be neither looked at nor destroyed; `muster state rm` takes them out of the state.",
                addr.for_display(),
                Missing::Unlocked
            );
            Diagnostic::error("Missing required provider", detail)
        });
        Diags(errors.collect())
    }
}

fn finish(diags: Diags) -> Result<(), Failure> {
    match diags.has_errors() {
        true => Err(diags.into()),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(name: &str) -> ProviderAddr {
        ProviderAddr::parse_source(&format!("example.com/a/{name}")).unwrap()
    }

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    /// The summary and the last sentence of every error.
    #[track_caller]
    fn check(result: Result<(), Failure>, expect: &[(&str, &str)]) {
        let diags = result
            .err()
            .map(|failure| failure.diags)
            .unwrap_or_default();
        let found: Vec<_> = diags
            .iter()
            .map(|d| (d.summary.as_str(), d.detail.as_str()))
            .collect();
        assert_eq!(found.len(), expect.len(), "{found:?}");
        for ((summary, detail), (expect, part)) in found.iter().zip(expect) {
            assert_eq!(summary, expect);
            assert!(detail.contains(part), "{detail}");
        }
    }

    #[test]
    fn packages_come_before_selections() {
        let both = || {
            let mut absent = Absent::default();
            absent.add(&addr("b"), Missing::Unlocked);
            absent.add(&addr("c"), Missing::NotInstalled(version("1.2.0")));
            absent
        };
        let packages = (
            "Required plugins are not installed",
            "example.com/a/c 1.2.0",
        );
        check(both().for_run(), &[packages]);
        let selection = ("Missing required provider", "example.com/a/b");
        check(both().for_validation(), &[packages, selection]);
    }

    #[test]
    fn selections_do_not_matter_to_a_validation() {
        let one = || {
            let mut absent = Absent::default();
            let asked = Constraints::parse("~> 2.0").unwrap();
            absent.refuse(&addr("b"), version("1.2.0"), asked);
            absent
        };
        let summary = "Inconsistent dependency lock file";
        check(one().for_run(), &[(summary, "1.2.0 is selected")]);
        check(one().for_run(), &[(summary, "`muster init -upgrade`")]);
        check(one().for_validation(), &[]);
    }

    #[test]
    fn all_that_is_not_selected_is_told_at_once() {
        let two = || {
            let mut absent = Absent::default();
            absent.add(&addr("b"), Missing::Unlocked);
            absent.add(&addr("c"), Missing::Unlocked);
            absent.add_stored(&addr("d"), Missing::Unlocked);
            absent
        };
        let missing = "Missing required provider";
        let inconsistent = "Inconsistent dependency lock file";
        check(
            two().for_run(),
            &[
                (inconsistent, "a/c: no version"),
                (missing, "muster state rm"),
            ],
        );
        check(
            two().for_validation(),
            &[(missing, "a/b"), (missing, "a/c")],
        );
    }
}
