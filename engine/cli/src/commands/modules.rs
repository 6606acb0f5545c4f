//! `muster modules`

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use muster_config::{Config, InstalledModules, Module};
use muster_lang::Sources;
use serde_json::{Value as Json, json};

use crate::args;
use crate::error::Outcome;
use crate::session::{Disk, Session};
use crate::view::View;

/// `modules`
#[derive(Debug, Args)]
pub(crate) struct Modules {
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// One call of a module, below those that lead to it.
struct Called<'a> {
    key: &'a str,
    source: &'a str,
    constraint: &'a str,
    version: String,
    calls: Vec<Called<'a>>,
}

/// Lists the modules that the configuration calls.
pub(crate) fn run(args: &Modules) -> ExitCode {
    let view = View::new(&args::View::default());
    let session = match Session::load(Sources::default()) {
        Ok(session) => session,
        Err((failure, sources)) => return view.fail(&failure, &sources),
    };
    match print(args, &session.config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => view.fail(&failure, &session.sources),
    }
}

fn print(args: &Modules, config: &Config) -> Outcome<()> {
    let installed = InstalledModules::read(".", &Disk).map_err(|d| *d)?;
    let calls = calls(config, config.root(), &installed);
    if args.json {
        let mut list = Vec::new();
        flatten(&calls, &mut list);
        let modules = match list.is_empty() {
            true => Json::Null,
            false => list.into(),
        };
        outln!("{}", json!({"format_version": "1.0", "modules": modules}));
    } else if calls.is_empty() {
        outln!("No modules found in configuration.");
    } else {
        let mut tree = String::new();
        draw(&calls, "", &mut tree);
        outln!("\nModules declared by configuration:\n.\n{tree}");
    }
    Ok(())
}

fn calls<'a>(
    config: &'a Config,
    module: &'a Module,
    installed: &InstalledModules,
) -> Vec<Called<'a>> {
    let mut calls: Vec<_> = module.calls.values().collect();
    calls.sort_by(|a, b| a.name.cmp(&b.name));
    let called = calls.into_iter().map(|call| {
        let module = config.module(call.module);
        let record = installed.0.get(&module.path.0.join("."));
        Called {
            key: &call.name,
            source: &call.source,
            constraint: &call.version,
            version: record.and_then(|m| m.version.clone()).unwrap_or_default(),
            calls: stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
                self::calls(config, module, installed)
            }),
        }
    });
    called.collect()
}

fn flatten(calls: &[Called<'_>], list: &mut Vec<Json>) {
    for call in calls {
        list.push(json!({"key": call.key, "source": call.source, "version": call.version}));
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || flatten(&call.calls, list));
    }
}

fn draw(calls: &[Called<'_>], indent: &str, tree: &mut String) {
    for (at, call) in calls.iter().enumerate() {
        let (branch, below) = match at + 1 == calls.len() {
            true => ("└── ", "    "),
            false => ("├── ", "│\u{a0}\u{a0} "),
        };
        // Writing into a string cannot fail.
        let _ = write!(tree, "{indent}{branch}{:?}[{}]", call.key, call.source);
        if !call.version.is_empty() {
            let _ = write!(tree, " {}", call.version);
        }
        if !call.constraint.is_empty() {
            let _ = write!(tree, " ({})", call.constraint);
        }
        tree.push('\n');
        let indent = format!("{indent}{below}");
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || draw(&call.calls, &indent, tree));
    }
}
