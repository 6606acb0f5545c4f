//! `muster providers lock`

use std::collections::BTreeSet;
use std::path::Path;

use muster_addr::ProviderAddr;
use muster_install::{InstallError, Installer, Locked, Method, MethodKind, Platform};

use super::super::packages;
use super::{packaged, platforms};
use crate::args::ProvidersLock;
use crate::error::{Failure, Outcome};
use crate::session::Session;
use crate::view::View;

/// Records checksums.
pub(super) async fn run(args: &ProvidersLock, view: &View, session: &Session) -> Outcome<()> {
    let platforms = platforms(&args.platforms)?;
    let mut wanted = packaged(session);
    let chosen = chosen(args)?;
    if let Some(other) = chosen.iter().find(|addr| !wanted.contains_key(addr)) {
        let detail = format!("The configuration does not need the provider {other}.");
        return Err(Failure::new("Invalid provider argument", detail));
    }
    wanted.retain(|addr, _| chosen.is_empty() || chosen.contains(addr));
    let installer = installer(args, session)?;
    let before = session.plugins.finder().lock();
    let mut after = before.clone();
    for (addr, constraints) in wanted {
        let version = match before.providers.get(&addr) {
            Some(locked) if constraints.allow_provider(&locked.version) => locked.version.clone(),
            _ => installer
                .select(&addr, &constraints, None, &|_| {})
                .await
                .map_err(|error| failed(&addr, error))?,
        };
        let locked = after.providers.get(&addr).filter(|l| l.version == version);
        let mut hashes = locked.map(|l| l.hashes.clone()).unwrap_or_default();
        let known = locked.is_some();
        for platform in &platforms {
            let on = |event| view.say(&format!("{}\n", packages::told(&event).0));
            let found = installer.checksums(&addr, &version, platform, &on).await;
            let found = found.map_err(|error| failed(&addr, error))?;
            tell(view, &addr, platform, known, found.is_subset(&hashes));
            hashes.extend(found);
        }
        let locked = Locked {
            version,
            constraints,
            hashes,
        };
        after.providers.insert(addr, locked);
    }
    if after.selects_as(before) {
        view.say("\nSuccess! The lock file has all of these checksums already.\n");
        return Ok(());
    }
    after
        .save(Path::new("."))
        .map_err(|e| Failure::new("Failed to save dependency lock file", e.to_string()))?;
    view.say("\nSuccess! The lock file .terraform.lock.hcl was updated. Look at the changes and commit them.\n");
    Ok(())
}

/// The providers that the arguments name.
fn chosen(args: &ProvidersLock) -> Outcome<BTreeSet<ProviderAddr>> {
    let parse = |source: &String| {
        ProviderAddr::parse_source(source).ok_or_else(|| {
            let detail =
                format!("\"{source}\" is not the address of a provider, such as hashicorp/aws.");
            Failure::new("Invalid provider argument", detail)
        })
    };
    args.providers.iter().map(parse).collect()
}

/// Asks registries, whatever the CLI configuration says, or the place that an option names.
fn installer(args: &ProvidersLock, session: &Session) -> Outcome<Installer> {
    let kind = match (&args.fs_mirror, &args.net_mirror) {
        (Some(dir), _) => MethodKind::FilesystemMirror(dir.clone()),
        (_, Some(url)) => MethodKind::NetworkMirror(url.clone()),
        _ => MethodKind::Direct,
    };
    let config = session.plugins.finder().config();
    let settings = config.settings_for(vec![Method::all(kind)]);
    Installer::new(settings)
        .map_err(|e| Failure::new("Invalid provider installation method", e.to_string()))
}

fn tell(view: &View, addr: &ProviderAddr, platform: &Platform, known: bool, complete: bool) {
    let result = match (known, complete) {
        (_, true) => "All checksums for this platform were already tracked in the lock file",
        (true, false) => "Additional checksums for this platform are now tracked in the lock file",
        (false, false) => {
            "This was a new provider and the checksums for this platform are now tracked in the lock file"
        }
    };
    let name = addr.for_display();
    view.say(&format!(
        "- Obtained {name} checksums for {platform}; {result}\n"
    ));
}

fn failed(addr: &ProviderAddr, error: InstallError) -> Failure {
    Failure::new(
        "Could not retrieve providers for locking",
        format!("{addr}: {error}"),
    )
}
