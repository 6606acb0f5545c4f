//! The modules that runs of tests are about, in the place of the root module.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use muster_config::testing::{TestFile, module_key};
use muster_config::{InstalledModules, RootPlace, load_with_providers};
use muster_lang::{Diagnostic, DiagnosticKind, Diags, Sources};

use crate::commands::test::not_installed;
use crate::session::{Disk, Session};

/// Checks them as root modules, each directory once.
pub(super) async fn check(tests: &[TestFile], sources: &mut Sources) -> Diags {
    let mut diags = Diags::new();
    // A record that cannot be read was reported with the configuration.
    let installed = InstalledModules::read(".", &Disk).unwrap_or_default();
    let mut seen = BTreeSet::new();
    let runs = tests
        .iter()
        .flat_map(|file| file.runs.iter().map(move |run| (file, run)));
    for (file, run) in runs {
        let Some(module) = &run.module else { continue };
        let key = module_key(file, run);
        match installed.0.get(&key) {
            None => diags.push(not_installed(run, module.span)),
            Some(found) if seen.insert(found.dir.as_str()) => {
                let dir = found.dir.as_str();
                diags.extend(check_one(RootPlace { dir, key: &key }, sources).await);
            }
            Some(_) => {}
        }
    }
    diags
}

async fn check_one(place: RootPlace<'_>, sources: &mut Sources) -> Diags {
    let (config, mut diags) = load_with_providers(place, &Disk, sources, &[]);
    // The test file may have the configuration that the module lacks.
    let mendable = |d: &Diagnostic| d.kind == DiagnosticKind::MissingProvider;
    diags.0.retain(|d| !mendable(d));
    let is_broken = |d: &Diagnostic| d.is_error() && d.kind != DiagnosticKind::Reference;
    if diags.iter().any(is_broken) {
        return diags;
    }
    let session = match Session::with_config(Arc::new(config), sources, diags.clone()) {
        Ok(session) => session,
        Err(failure) => {
            diags.extend(failure.diags);
            return diags;
        }
    };
    match super::content(&session, Diags::new()).await {
        Ok(found) => diags = found,
        Err(failure) => diags.extend(failure.diags),
    }
    session.pool.shutdown().await;
    *sources = session.sources;
    diags
}

/// What is new of what was found: a module that the configuration calls as well is wrong once.
pub(super) fn news(known: &Diags, found: Diags) -> Diags {
    let key = |d: &Diagnostic| {
        let place = d.subject.map(|span| (span.start, span.end));
        (d.summary.clone(), d.detail.clone(), place)
    };
    let mut seen: HashSet<_> = known.iter().map(key).collect();
    let found = found.into_iter();
    Diags(found.filter(|d| seen.insert(key(d))).collect())
}
