//! Providers from a registry, which is a server of the tests' own. It has three versions of the
//! muster provider.

#[path = "../../providers/install/tests/install/support/publisher.rs"]
mod publisher;

use std::process::{Child, Stdio};

use muster_install::Platform;

use crate::harness::{Ran, Work};
use crate::modules::server::{self, Server};
use publisher::{Publisher, Releases, hex_sum};

/// A registry, and what was signed by whom.
struct Registry {
    server: Server,
    publisher: Publisher,
    platform: Platform,
}

impl Registry {
    fn new() -> Self {
        let registry = Self {
            server: Server::start(),
            publisher: Publisher::new(),
            platform: Platform::current(),
        };
        registry.with(|releases| releases.publish(&registry.server, &registry.publisher));
        registry
    }

    /// What is released: programs that are the provider, told apart by a comment.
    fn with<T>(&self, use_them: impl FnOnce(&Releases<'_>) -> T) -> T {
        let own = env!("CARGO_BIN_EXE_muster");
        let here = (&*self.platform.os, &*self.platform.arch);
        use_them(&Releases {
            provider: "muster/muster",
            versions: &["1.0.0", "1.1.0", "2.0.0"],
            platforms: &[here, ("plan9", "mips")],
            program: &|version, platform| {
                format!("#!/bin/sh\n# {version} {platform}\nexec {own:?} internal-plugin-muster\n")
            },
        })
    }

    fn source(&self) -> String {
        format!("{}/muster/muster", self.server.authority)
    }

    /// The path of the archive of a version for this platform.
    fn archive(&self, version: &str) -> String {
        let here = (&*self.platform.os, &*self.platform.arch);
        self.with(|releases| format!("/files/{}", releases.archive_name(version, here)))
    }

    /// A directory that needs the provider.
    fn work(&self, version: &str) -> Work {
        let work = Work::empty();
        let own = &self.server.authority;
        let services = self.server.url("/v1/providers/");
        work.write(
            "cli.tfrc",
            format!("host \"{own}\" {{\n  services = {{\n    \"providers.v1\" = \"{services}\"\n  }}\n}}\n"),
        );
        self.want(&work, version);
        work
    }

    fn want(&self, work: &Work, version: &str) {
        let source = self.source();
        work.write(
            "main.tf",
            format!(
                r#"
terraform {{
  required_providers {{
    muster = {{
      source  = "{source}"
      version = "{version}"
    }}
  }}
}}
resource "muster_zone" "z" {{
  name     = "z"
  type     = "edge"
  location = "here"
  capacity = {{ cpu = 1, memory_gb = 1 }}
}}
"#
            ),
        );
    }

    /// The lock file's entry for a version, but for its checksums.
    fn locked(&self, work: &Work, version: &str, constraints: &str) -> Vec<String> {
        let lock = work.read(".terraform.lock.hcl");
        for expect in [
            format!("provider \"{}\" {{\n", self.source()),
            format!("  version     = \"{version}\"\n"),
            format!("  constraints = \"{constraints}\"\n"),
        ] {
            assert!(lock.contains(&expect), "{expect:?} is not in:\n{lock}");
        }
        let hashes = lock.lines().filter(|line| line.starts_with("    \""));
        hashes
            .map(|line| line.trim_matches([' ', '"', ',']).to_owned())
            .collect()
    }
}

fn installed(work: &Work, registry: &Registry) -> Vec<String> {
    let dir = work
        .path()
        .join(".terraform/providers")
        .join(registry.source());
    let versions = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let names = versions.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| !name.starts_with('.')).collect()
}

#[test]
fn the_newest_version_that_fits_is_installed_and_locked() {
    let registry = Registry::new();
    let source = registry.source();
    let work = registry.work("~> 1.0");
    work.run(&["init"]).code(0).says(&[
        &format!("Finding {source} versions matching \"~> 1.0\"..."),
        &format!("Installing {source} v1.1.0..."),
        &format!("Installed {source} v1.1.0 (self-signed, key ID"),
        "recorded in the new lock file .terraform.lock.hcl",
    ]);
    let hashes = registry.locked(&work, "1.1.0", "~> 1.0");
    let zips = registry.with(|releases| {
        releases
            .platforms
            .iter()
            .map(|(os, arch)| {
                format!(
                    "zh:{}",
                    hex_sum(&releases.archive("1.1.0", &format!("{os}_{arch}")))
                )
            })
            .collect::<Vec<_>>()
    });
    let (h1, zh): (Vec<_>, Vec<_>) = hashes.into_iter().partition(|hash| hash.starts_with("h1:"));
    assert_eq!(h1.len(), 1, "what was unpacked is known");
    assert_eq!(zh.len(), 2, "{zh:?}");
    assert!(
        zips.iter().all(|zip| zh.contains(zip)),
        "{zh:?} and {zips:?}"
    );
    // The program that was downloaded is the one that runs.
    work.run(&["apply", "-auto-approve"])
        .code(0)
        .says(&["1 added"]);
    assert!(work.read("terraform.tfstate").contains(&source));

    // The lock holds, until it is told to let go.
    registry.want(&work, ">= 1.0.0");
    work.run(&["init"]).code(0).says(&[
        &format!("Reusing previous version of {source}"),
        &format!("Using previously-installed {source} v1.1.0"),
    ]);
    assert_eq!(installed(&work, &registry), ["1.1.0"]);
    registry.want(&work, ">= 2.0.0");
    work.run(&["init"]).code(1).says(&["-upgrade"]);
    work.run(&["init", "-upgrade"])
        .code(0)
        .says(&[&format!("Installed {source} v2.0.0")]);
    let upgraded = registry.locked(&work, "2.0.0", ">= 2.0.0");
    assert!(
        upgraded
            .iter()
            .all(|hash| !h1.contains(hash) && !zh.contains(hash))
    );
    work.run(&["plan", "-detailed-exitcode"]).code(0);
    // A constraint without a version.
    registry.want(&work, "~> 3.0");
    work.run(&["init", "-upgrade"])
        .code(1)
        .says(&["~> 3.0", "2.0.0, 1.1.0, 1.0.0"]);
}

#[test]
fn nothing_is_run_with_other_providers_than_those_that_are_locked() {
    let registry = Registry::new();
    let work = registry.work("~> 1.0");
    work.write("one.tftest.hcl", "run \"a\" {\n  command = plan\n}\n");
    let source = registry.source();
    let check = |expect: &[(&[&str], &str, &str)]| {
        for (args, summary, detail) in expect {
            let ran = work.run(args).code(1);
            ran.says(&[&format!("Error: {summary}\n"), &source, detail]);
        }
    };
    let inconsistent = "Inconsistent dependency lock file";
    let missing = "Missing required provider";
    let unlocked: [(&[&str], &str, &str); 4] = [
        (&["plan"], inconsistent, "Run `muster init` to"),
        (&["providers", "schema", "-json"], inconsistent, "init"),
        (&["validate"], missing, "Run `muster init` to"),
        (&["test"], missing, "init"),
    ];
    check(&unlocked);
    work.run(&["init"]).code(0);
    work.run(&["plan"]).code(0);
    // What is installed is nothing without its entry in the lock file.
    let lock = work.read(".terraform.lock.hcl");
    std::fs::remove_file(work.path().join(".terraform.lock.hcl")).unwrap();
    check(&unlocked);
    work.write(".terraform.lock.hcl", lock);
    // Another version is asked for than is locked, which does not matter to those who only look.
    registry.want(&work, "~> 2.0");
    check(&[
        (&["plan"], inconsistent, "version 1.1.0 is selected"),
        (&["refresh"], inconsistent, "Run `muster init -upgrade` to"),
    ]);
    work.run(&["validate"]).code(0);
    registry.want(&work, "~> 1.0");
    std::fs::remove_dir_all(work.path().join(".terraform")).unwrap();
    let packages = "Required plugins are not installed";
    check(&[
        (&["plan"], packages, "1.1.0"),
        (&["validate"], packages, "Run `muster init` to"),
    ]);
}

/// Init fails, says why, and leaves neither a provider nor a lock file.
fn refused(registry: &Registry, expect: &[&str]) {
    let work = registry.work("1.0.0");
    work.run(&["init"]).code(1).says(expect);
    assert_eq!(installed(&work, registry), [""; 0]);
    assert!(!work.path().join(".terraform.lock.hcl").exists());
}

#[test]
fn what_was_tampered_with_is_refused() {
    let registry = Registry::new();
    registry.server.change(&registry.archive("1.0.0"), |reply| {
        let middle = reply.body.len() / 2;
        reply.body[middle] ^= 1;
    });
    refused(
        &registry,
        &["Failed to install provider", "checksum", "1.0.0"],
    );
    // Versions that were left alone can be had.
    registry.work("1.1.0").run(&["init"]).code(0);

    // The package that was locked is the only one that will do.
    let work = registry.work("1.1.0");
    work.run(&["init"]).code(0);
    std::fs::remove_dir_all(work.path().join(".terraform")).unwrap();
    let lock = work.read(".terraform.lock.hcl");
    work.write(
        ".terraform.lock.hcl",
        lock.replace("zh:", "zh:0").replace("h1:", "h1:0"),
    );
    work.run(&["init"]).code(1).says(&[
        "Failed to install provider",
        "none of the checksums in the lock file",
    ]);
    assert_eq!(installed(&work, &registry), [""; 0]);
}

#[test]
fn what_somebody_else_signed_is_refused() {
    let registry = Registry::new();
    let stranger = Publisher::new();
    registry
        .server
        .change("/files/1.0.0/SHA256SUMS.sig", |reply| {
            reply.body = stranger.sign(b"whatever");
        });
    refused(
        &registry,
        &["Failed to install provider", "none of the given keys"],
    );
    registry
        .server
        .change("/files/1.0.0/SHA256SUMS.sig", |reply| {
            reply.body = registry.publisher.sign(b"something else");
        });
    refused(&registry, &["Failed to install provider", "signature"]);
}

#[test]
fn many_can_fill_one_cache_at_once() {
    let registry = Registry::new();
    let cache = tempfile::tempdir().unwrap();
    let works: Vec<Work> = (0..50).map(|_| registry.work("~> 1.0")).collect();
    let start = |work: &Work| -> Child {
        let mut command = work.command(&["init"]);
        command
            .env("TF_PLUGIN_CACHE_DIR", cache.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let running: Vec<Child> = works.iter().map(start).collect();
    for child in running {
        Ran::new(&child.wait_with_output().unwrap()).code(0);
    }
    let first = works[0].read(".terraform.lock.hcl");
    for work in &works {
        assert_eq!(work.read(".terraform.lock.hcl"), first);
        work.run(&["validate"]).code(0);
    }
    let kept = walk(cache.path());
    let programs = kept
        .iter()
        .filter(|name| name.starts_with("terraform-provider-muster"));
    assert_eq!(programs.count(), 1, "{kept:?}");
}

/// The names of all files below a directory.
fn walk(dir: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        match entry.path().is_dir() {
            true => found.extend(walk(&entry.path())),
            false => found.push(entry.file_name().to_string_lossy().into_owned()),
        }
    }
    found
}
