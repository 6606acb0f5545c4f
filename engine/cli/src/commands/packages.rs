//! How the installation of providers is told.

use muster_addr::ProviderAddr;
use muster_install::{Event, Failure, InstallError};
use muster_lang::{Diagnostic, Diags};

use crate::view::View;

/// Tells of a step of `init`; `code` is its name in the JSON stream.
pub(crate) fn step(view: &View, code: &str, text: &str) {
    view.tell(&muster_render::document(
        "init_output",
        text.trim(),
        "message_code",
        code.into(),
    ));
    view.say(&format!("{text}\n"));
}

/// Tells of something within a step.
pub(crate) fn log(view: &View, text: &str, json: &str) {
    let none = serde_json::Value::Null;
    view.tell(&muster_render::document("log", json, "", none));
    view.say(&format!("{text}\n"));
}

/// An event in the words of people, and in those of the JSON stream.
pub(crate) fn told(event: &Event) -> (String, String) {
    match event {
        Event::Finding(addr, constraints) if constraints.is_empty() => {
            let addr = addr.for_display();
            (
                format!("- Finding latest version of {addr}..."),
                format!("{addr}: Finding latest version..."),
            )
        }
        Event::Finding(addr, constraints) => {
            let addr = addr.for_display();
            (
                format!("- Finding {addr} versions matching \"{constraints}\"..."),
                format!(
                    "Finding matching versions for provider: {addr}, version_constraint: \"{constraints}\""
                ),
            )
        }
        Event::Reusing(addr) => {
            let addr = addr.for_display();
            let from = "from the dependency lock file";
            (
                format!("- Reusing previous version of {addr} {from}"),
                format!("{addr}: Reusing previous version {from}"),
            )
        }
        Event::Present(addr, version) => {
            let name = format!("{} v{version}", addr.for_display());
            (
                format!("- Using previously-installed {name}"),
                format!("{name}: Using previously-installed provider version"),
            )
        }
        Event::Shared(addr, version) => {
            let name = format!("{} v{version}", addr.for_display());
            (
                format!("- Using {name} from the shared cache directory"),
                format!("{name}: Using from the shared cache directory"),
            )
        }
        Event::Installing(addr, version) => {
            let name = format!("{} v{version}", addr.for_display());
            (
                format!("- Installing {name}..."),
                format!("Installing provider version: {name}..."),
            )
        }
        Event::Installed(addr, version, how) => {
            let name = format!("{} v{version} ({how})", addr.for_display());
            (
                format!("- Installed {name}"),
                format!("Installed provider version: {name}"),
            )
        }
        Event::Fetching(addr, version, platform) => {
            let name = format!("{} {version} for {platform}", addr.for_display());
            both(format!("- Fetching {name}..."))
        }
        Event::Fetched(addr, version, platform, how) => {
            let name = format!("{} {version} for {platform}", addr.for_display());
            both(format!("- Retrieved {name} ({how})"))
        }
    }
}

fn both(text: String) -> (String, String) {
    (text.clone(), text)
}

/// Failures as diagnostics.
pub(crate) fn diagnostics(failures: Vec<Failure>) -> Diags {
    let mut diags = Diags::new();
    for failure in failures {
        diags.push(diagnostic(&failure));
    }
    diags
}

fn diagnostic(failure: &Failure) -> Diagnostic {
    let addr = failure.addr.for_display();
    let error = &failure.error;
    match (error, &failure.version) {
        (InstallError::NoPackage { .. } | InstallError::Protocol { .. }, _) => {
            Diagnostic::error("Incompatible provider version", error.to_string())
        }
        (_, Some(version)) => {
            let detail = format!("{addr} v{version} cannot be installed. {error}");
            Diagnostic::error("Failed to install provider", with_advice(detail, failure))
        }
        (_, None) => {
            let detail = format!(
                "No version of {addr} could be selected. {error}\n\nThe command \"muster providers\" shows which modules need the provider, and in which versions."
            );
            Diagnostic::error("Failed to query available provider packages", detail)
        }
    }
}

/// Builds of the same version differ between the registries that the default host stands for.
fn with_advice(detail: String, failure: &Failure) -> String {
    let default = failure.addr.host == ProviderAddr::new("x", "x").host;
    if !default || !matches!(failure.error, InstallError::NotLocked { .. }) {
        return detail;
    }
    format!(
        "{detail}\n\nDownloads come from {} unless the CLI configuration says otherwise in a host block for {}. Where the two publish different builds, their checksums differ.",
        muster_install::DEFAULT_REGISTRY,
        muster_install::DEFAULT_HOST
    )
}
