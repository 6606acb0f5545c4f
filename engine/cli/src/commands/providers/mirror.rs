//! `muster providers mirror`

use muster_install::{Installer, Method, MethodKind, write_index};
use muster_lang::{Diagnostic, Diags};

use super::{packaged, platforms};
use crate::args::ProvidersMirror;
use crate::error::{Failure, Outcome};
use crate::session::Session;
use crate::view::View;

/// Copies packages into a directory.
pub(super) async fn run(args: &ProvidersMirror, view: &View, session: &Session) -> Outcome<()> {
    let platforms = platforms(&args.platforms)?;
    let finder = session.plugins.finder();
    // A mirror is made of what publishers release, not of other mirrors.
    let settings = finder
        .config()
        .settings_for(vec![Method::all(MethodKind::Direct)]);
    let installer = Installer::new(settings)
        .map_err(|e| Failure::new("Invalid provider installation method", e.to_string()))?;
    let mut diags = Diags::new();
    for (addr, constraints) in packaged(session) {
        let name = addr.for_display();
        view.say(&format!("- Mirroring {name}...\n"));
        let mut unavailable = |error: muster_install::InstallError| {
            diags.push(Diagnostic::error(
                "Provider not available",
                format!("{addr}: {error}"),
            ));
        };
        let locked = finder
            .lock()
            .providers
            .get(&addr)
            .filter(|_| args.lock_file);
        let version = match installer.select(&addr, &constraints, locked, &|_| {}).await {
            Ok(version) => version,
            Err(error) => {
                unavailable(error);
                continue;
            }
        };
        view.say(&match constraints.is_empty() {
            true => format!("  - Selected v{version} with no constraints\n"),
            false => format!("  - Selected v{version} to meet constraints {constraints}\n"),
        });
        for platform in &platforms {
            view.say(&format!("  - Downloading package for {platform}...\n"));
            match installer
                .mirror(&addr, &version, platform, &args.directory, &|_| {})
                .await
            {
                Ok(how) => view.say(&format!("  - Package authenticated: {how}\n")),
                Err(error) => unavailable(error),
            }
        }
        if let Err(error) = write_index(&args.directory, &addr) {
            diags.push(Diagnostic::error(
                "Failed to update indexes",
                error.to_string(),
            ));
        }
    }
    match diags.has_errors() {
        true => Err(diags.into()),
        false => Ok(()),
    }
}
