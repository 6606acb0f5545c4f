//! `muster init`

use muster_store::Store;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use muster_addr::ProviderAddr;
use muster_config::testing::{self, TestPlace, load_tests};
use muster_config::version::Constraints;
use muster_config::{Config, ConfigFiles};
use muster_install::{Installation, Installer, LockFile, Platform, Request};
use muster_lang::{Diagnostic, Sources};
use muster_snapshot::Snapshot;

use super::get::{self, Tell};
use super::packages::{self, log, step};
use crate::args::Init;
use crate::backend;
use crate::error::{Failure, Outcome};
use crate::session::{self, Disk, Session};
use crate::view::{self, View};

/// Installs what the configuration needs.
pub(crate) async fn run(args: &Init) -> ExitCode {
    let view = match View::open(&args.view) {
        Ok(view) => view,
        Err(code) => return code,
    };
    view.version();
    if let Err(failure) = modules(args, &view).await {
        return view.fail(&failure, &Sources::default());
    }
    let mut session = match Session::load_to_install() {
        Ok(session) => session,
        Err((failure, sources)) => return view.fail(&failure, &sources),
    };
    let result = prepare(args, &view, &mut session).await;
    session.pool.shutdown().await;
    view.diags(&session.warnings, &session.sources);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => view.fail(&failure, &session.sources),
    }
}

/// Whether the lock file has to stay as it is.
fn is_readonly(args: &Init) -> Outcome<bool> {
    match args.lockfile.as_deref() {
        None => Ok(false),
        Some("readonly") if args.upgrade => {
            let summary = "The -upgrade flag conflicts with -lockfile=readonly.";
            Err(Failure::new(summary, "An upgrade changes the lock file."))
        }
        Some("readonly") => Ok(true),
        Some(other) => {
            let detail =
                format!("There is no mode \"{other}\" for -lockfile; there is \"readonly\".");
            Err(Failure::new("Invalid -lockfile mode", detail))
        }
    }
}

/// Everything that comes before the configuration can be loaded as a whole.
async fn modules(args: &Init, view: &View) -> Outcome<()> {
    is_readonly(args)?;
    if let Some(source) = &args.from_module {
        get::copy(view, source).await?;
        view.say("\n");
    }
    let names = Disk.list(".").unwrap_or_default();
    let is_config = |name: &String| muster_config::is_config_file(name);
    if !names.iter().any(is_config) {
        return Ok(());
    }
    step(
        view,
        "initializing_backend_message",
        "Initializing the backend...",
    );
    match args.get {
        true => get::install(view, args.upgrade, &args.test_directory, Tell::Steps).await,
        false => Ok(()),
    }
}

async fn prepare(args: &Init, view: &View, session: &mut Session) -> Outcome<()> {
    let readonly = is_readonly(args)?;
    if session.sources.files().is_empty() {
        step(
            view,
            "output_init_empty_message",
            "There are no configuration files in this directory yet.",
        );
        return Ok(());
    }
    // A state that cannot be read is better known now than in the middle of a plan.
    let state = match args.backend {
        true => {
            let block = session.config.root().backend.as_ref();
            let found = backend::initialize(block, args, &mut session.sources)?;
            session.warnings.extend(found.warnings);
            if let Some(kind) = found.configured {
                let text = format!("\nThe state is kept in the backend \"{kind}\" from now on.");
                step(view, "backend_configured_success", &text);
            }
            if let Some(kind) = found.unset {
                let text = format!(
                    "\nThe backend \"{kind}\" is unset: the state is kept in a local file from now on."
                );
                step(view, "backend_configured_unset", &text);
            }
            session.store(None)?.any().read()?
        }
        false => None,
    };
    step(
        view,
        "initializing_provider_plugin_message",
        "Initializing provider plugins...",
    );
    let tests = test_modules(args, session)?;
    let wanted = wanted(view, session, state.as_ref(), &tests);
    let before = session.plugins.finder().lock();
    let mut installation = install(args, view, session, &wanted).await?;
    // A development build for a while is no reason to forget what was selected.
    let kept = before
        .providers
        .iter()
        .filter(|(addr, _)| session.plugins.is_development(addr));
    installation
        .lock
        .providers
        .extend(kept.map(|(addr, locked)| (addr.clone(), locked.clone())));
    if !installation.lock.selects_as(before) {
        if readonly {
            return Err(changes_detected(before, &installation.lock));
        }
        save(view, before, &installation)?;
        tell_incomplete(view, session, &installation);
    }
    step(
        view,
        "output_init_success_message",
        "\nmuster has been successfully initialized!",
    );
    if view::is_automated() {
        return Ok(());
    }
    step(
        view,
        "output_init_success_cli_message",
        "\nRun \"muster plan\" to see what would change. After changes to modules, providers or the\nbackend, run init again.",
    );
    Ok(())
}

/// The modules that tests are about. What they ask of the versions of providers counts from now on.
fn test_modules(args: &Init, session: &mut Session) -> Outcome<Vec<Config>> {
    let place = TestPlace {
        dir: ".",
        tests: &args.test_directory,
    };
    // What is wrong with tests was said when modules were installed.
    let (tests, _) = load_tests(place, &Disk, &mut session.sources);
    let modules = testing::test_modules(&tests, &Disk, &mut session.sources);
    if !modules.is_empty() {
        session.plugins = Arc::new(session::plugins_of(&session.config, &modules)?);
    }
    Ok(modules)
}

/// The providers that have to be installed, with what is asked of their versions. Tells of the
/// others.
fn wanted(
    view: &View,
    session: &Session,
    state: Option<&Snapshot>,
    tests: &[Config],
) -> BTreeMap<ProviderAddr, Constraints> {
    let plugins = &session.plugins;
    let mut addrs: Vec<ProviderAddr> = session.config.providers().into_keys().collect();
    let of_tests = tests.iter().map(|config| config.providers().into_keys());
    addrs.extend(of_tests.flatten());
    let resources = state.into_iter().flat_map(|s| s.resources.values());
    addrs.extend(resources.map(|r| r.provider.provider.clone()));
    addrs.sort();
    addrs.dedup();
    let mut wanted = BTreeMap::new();
    for addr in addrs {
        let name = addr.for_display();
        let here = if addr.is_builtin() || plugins.finder().is_embedded(&addr) {
            Some("is part of this program")
        } else {
            plugins
                .is_development(&addr)
                .then_some("is a development build")
        };
        if let Some(here) = here {
            log(view, &format!("- {name} {here}"), &format!("{name} {here}"));
        } else {
            let constraints = plugins.constraints(&addr);
            wanted.insert(addr, constraints);
        }
    }
    wanted
}

async fn install(
    args: &Init,
    view: &View,
    session: &Session,
    wanted: &BTreeMap<ProviderAddr, Constraints>,
) -> Outcome<Installation> {
    if wanted.is_empty() {
        return Ok(Installation::default());
    }
    let finder = session.plugins.finder();
    let installer = Installer::new(finder.config().settings(&args.plugin_dirs))
        .map_err(|e| Failure::new("Invalid provider installation method", e.to_string()))?;
    let request = Request {
        wanted,
        lock: finder.lock(),
        upgrade: args.upgrade,
        dir: finder.packages(),
    };
    let on = |event| {
        let (text, json) = packages::told(&event);
        log(view, &text, &json);
    };
    let installed = installer.install(&request, &on).await;
    installed.map_err(|failures| packages::diagnostics(failures).into())
}

fn changes_detected(before: &LockFile, after: &LockFile) -> Failure {
    let changed = after.providers.iter().filter(|(addr, locked)| {
        let old = before.providers.get(addr);
        old.is_none_or(|old| old.version != locked.version || old.hashes != locked.hashes)
    });
    let gone = before
        .providers
        .keys()
        .filter(|addr| !after.providers.contains_key(addr));
    let list: String = changed
        .map(|(addr, _)| addr)
        .chain(gone)
        .map(|addr| format!("\n  - {addr}"))
        .collect();
    let detail = format!(
        "The lock file would have to change for:{list}\n\nWith -lockfile=readonly it is left as it is. Run init without this option to record the new selections."
    );
    Failure::new("Provider dependency changes detected", detail)
}

fn save(view: &View, before: &LockFile, installation: &Installation) -> Outcome<()> {
    installation
        .lock
        .save(Path::new("."))
        .map_err(|e| Failure::new("Failed to save dependency lock file", e.to_string()))?;
    if before.providers.is_empty() {
        step(
            view,
            "lock_info",
            "\nThe selections above are recorded in the new lock file .terraform.lock.hcl. Keep it under\nversion control: whoever runs init with it gets the same providers.",
        );
    } else {
        step(
            view,
            "dependencies_lock_changes_info",
            "\nThe lock file .terraform.lock.hcl has changed with the selections above. Look at the changes\nand commit them if they are what you want.",
        );
    }
    Ok(())
}

/// Checksums of other platforms are not known where nobody signs them.
fn tell_incomplete(view: &View, session: &Session, installation: &Installation) {
    if installation.incomplete.is_empty() {
        return;
    }
    let list: String = installation
        .incomplete
        .iter()
        .map(|addr| format!("\n  - {}", addr.for_display()))
        .collect();
    let platform = Platform::current();
    let detail = format!(
        "The source of these providers gives no signed checksums, so that only those of the packages for {platform} are in the lock file:{list}\n\nOn other platforms init will refuse them. To add the checksums of another platform, run:\n  muster providers lock -platform=OS_ARCH"
    );
    let warning = Diagnostic::warning("Incomplete lock file information for providers", detail);
    view.diags(&warning.into(), &session.sources);
}
