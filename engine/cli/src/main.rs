//! The `muster` program: arguments, then a session, then one file per command.

/// Prints; a reader that goes away early has seen enough and is no error.
macro_rules! out {
    ($($text:tt)*) => { $crate::view::put(&format!($($text)*)) };
}

/// As `out!`, with a line end.
macro_rules! outln {
    ($($text:tt)*) => { $crate::view::put(&(format!($($text)*) + "\n")) };
}

/// Prints a line to standard error, where nobody may be reading any more.
macro_rules! errln {
    ($($text:tt)*) => { $crate::view::put_err(&(format!($($text)*) + "\n")) };
}

mod args;
mod backend;
mod bool_flags;
mod cli_config;
mod commands;
mod complete;
mod encryption;
mod env_args;
mod error;
mod fit;
mod generate;
mod help;
mod install;
mod launch;
mod locking;
mod log;
mod owner;
mod plan_file;
mod plan_seal;
mod profile;
mod program;
mod prompt;
mod recovery;
mod refusal;
mod rescue;
mod session;
mod signals;
mod transfer;
mod view;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

// Configurations and states are millions of small shared pieces; the system's allocator spends
// a quarter of the time of a big run on them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args_os()
        .map(|a| a.to_string_lossy().into_owned())
        .collect();
    if args.get(1).is_some_and(|a| a == launch::PLUGIN_ARGUMENT) {
        return muster_provider_muster::serve();
    }
    if args.get(1).is_some_and(|a| a == complete::ARGUMENT) {
        return complete::run(&args[2..]);
    }
    if let Err(error) = owner::begin(&mut args) {
        errln!("Error: The first argument is one that muster gives to itself: {error}");
        return ExitCode::FAILURE;
    }
    let code = match owner::split(&args) {
        Some(code) => code,
        None => carry_out(args),
    };
    match view::output_is_lost() {
        true => ExitCode::FAILURE,
        false => code,
    }
}

/// Does what the arguments say.
fn carry_out(args: Vec<String>) -> ExitCode {
    let cli = match parse(args) {
        Ok(cli) => cli,
        Err(_) if owner::decline() => return ExitCode::FAILURE,
        Err(refused) => return refusal::print(&refused.reason, &refused.args),
    };
    let code = command(cli);
    owner::end(code);
    code
}

/// Why arguments make no sense, and what they are with those of the environment.
struct Refused {
    reason: refusal::Reason,
    args: Vec<String>,
}

fn parse(args: Vec<String>) -> Result<Cli, Refused> {
    let refused = |reason, args| Refused { reason, args };
    if refusal::names_no_folder(&args) {
        return Err(refused(refusal::Reason::Folder, args::normalize(args)));
    }
    let args = match env_args::splice(args.clone(), |name| std::env::var(name).ok()) {
        Ok(spliced) => args::normalize(spliced),
        Err(detail) => return Err(refused(refusal::Reason::Flags(detail), args)),
    };
    let parsed = match bool_flags::without_values(args.clone()) {
        Ok(plain) => {
            Cli::try_parse_from(plain).map_err(|error| refusal::Reason::Parser(Box::new(error)))
        }
        Err(detail) => Err(refusal::Reason::Flags(detail)),
    };
    parsed.map_err(|reason| refused(reason, args))
}

fn command(cli: Cli) -> ExitCode {
    session::remember_cwd();
    if cli.global.no_color {
        view::forbid_color();
    }
    log::init();
    log::log(log::Level::Info, || {
        let terraform = session::TERRAFORM_VERSION;
        format!(
            "muster {}, as Terraform {terraform}",
            env!("CARGO_PKG_VERSION")
        )
    });
    // What was typed may hold secrets: only the names of options are told.
    let typed = std::env::args().skip(1 + usize::from(owner::is_owner()));
    let command: Vec<String> = typed.map(|a| option_name(&a)).collect();
    log::log(log::Level::Info, || {
        format!("CLI command args: {command:?}")
    });
    cli_config::warn_if_missing();
    if let Some(dir) = &cli.global.chdir
        && let Err(error) = std::env::set_current_dir(dir)
    {
        let detail = format!(
            "The directory {} cannot be entered: {error}.",
            dir.display()
        );
        let failure = error::Failure::new("Error handling -chdir option", detail);
        let view = view::View::new(&args::View::default());
        return view.fail(&failure, &muster_lang::Sources::default());
    }
    remember_options(&cli.command);
    if let Some((name, json)) = operation(&cli.command) {
        owner::open(name, json);
    }
    run(cli.command)
}

/// The name of a command that changes things, and whether it says JSON documents.
fn operation(command: &Command) -> Option<(&'static str, bool)> {
    match command {
        Command::Apply(args) => Some(("apply", args.view.json)),
        Command::Destroy(args) => Some(("destroy", args.view.json)),
        Command::Refresh(args) => Some(("refresh", args.view.json)),
        Command::Import(args) => Some(("import", args.view.json)),
        _ => None,
    }
}

/// Values of variables decide where modules come from and where the state is.
fn remember_options(command: &Command) {
    let given = match command {
        Command::Plan(args) => &args.inputs.given,
        Command::Apply(args) => &args.inputs.given,
        Command::Refresh(args) => &args.inputs.given,
        Command::Destroy(args) => &args.inputs.given,
        Command::Import(args) => &args.inputs.given,
        Command::Recover(args) => &args.inputs.given,
        Command::Console(args) => &args.inputs.given,
        Command::Why(args) => &args.inputs.given,
        Command::Init(args) => &args.given,
        Command::Validate(args) => &args.given,
        Command::Get(args) => &args.given,
        Command::Test(args) => &args.given,
        _ => return,
    };
    session::remember_options(given);
}

/// An argument without the value that it gives to an option.
fn option_name(arg: &str) -> String {
    match arg.split_once('=') {
        Some((name, _)) => format!("{name}=..."),
        None => arg.to_owned(),
    }
}

fn run(command: Command) -> ExitCode {
    match command {
        Command::Version(args) => return commands::version::run(&args),
        Command::Completion(args) => return commands::completion::run(&args),
        Command::Metadata(args) => return commands::metadata::run(&args),
        Command::Fmt(args) => return commands::fmt::run(&args),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            errln!("Error: the program cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(async {
        match command {
            Command::Init(args) => commands::init::run(&args).await,
            Command::Validate(args) => commands::validate::run(&args).await,
            Command::Plan(args) => commands::plan::run(&args).await,
            Command::Apply(args) => commands::apply::run(&args).await,
            Command::Refresh(args) => commands::apply::refresh(args).await,
            Command::Destroy(args) => commands::apply::destroy(args).await,
            Command::Import(args) => commands::import::run(&args).await,
            Command::Recover(args) => commands::recover::run(args).await,
            Command::Attach(args) => commands::attach::run(&args).await,
            Command::Show(args) => commands::show::run(&args).await,
            Command::Output(args) => commands::output::run(&args),
            Command::State(args) => commands::state::run(&args).await,
            Command::ForceUnlock(args) => commands::force_unlock::run(&args),
            Command::Get(args) => commands::get::run(&args).await,
            Command::Graph(args) => commands::graph::run(&args),
            Command::Why(args) => commands::why::run(&args).await,
            Command::Modules(args) => commands::modules::run(&args),
            Command::Taint(args) => commands::taint::taint(&args),
            Command::Untaint(args) => commands::taint::untaint(&args),
            Command::Workspace(args) => commands::workspace::run(&args),
            Command::Console(args) => commands::console::run(&args).await,
            Command::Test(args) => commands::test::run(&args).await,
            Command::Providers(args) => commands::providers::run(&args).await,
            Command::Version(_)
            | Command::Completion(_)
            | Command::Metadata(_)
            | Command::Fmt(_) => ExitCode::SUCCESS,
        }
    });
    // Readers of standard input would hold the program up.
    runtime.shutdown_background();
    code
}
