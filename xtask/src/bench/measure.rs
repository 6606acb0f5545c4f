//! Time and memory of one run of a program.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::resource::{UsageWho, getrusage};

/// What one run took.
#[derive(Clone, Copy)]
pub(super) struct Taken {
    pub time: Duration,
    /// The most memory that the process held at once, in bytes.
    pub memory: u64,
}

/// `cargo xtask measure PROGRAM ARGS`: runs a program and prints nanoseconds and bytes. In a
/// process of its own, because the kernel keeps the greatest figure over all children.
pub(crate) fn measure(command: &[&str]) -> Result<()> {
    let [program, args @ ..] = command else {
        bail!("give a program to measure");
    };
    let began = Instant::now();
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("{program} cannot be run"))?;
    let time = began.elapsed();
    if !output.status.success() {
        bail!(
            "{}: {}",
            command.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let memory = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss() * 1024;
    println!("{} {memory}", time.as_nanos());
    Ok(())
}

/// Runs a program in a folder and measures it.
pub(super) fn run(program: &Path, args: &[&str], dir: &Path) -> Result<Taken> {
    let output = Command::new(std::env::current_exe()?)
        .arg("measure")
        .arg(program)
        .args(args)
        .current_dir(dir)
        .env("CHECKPOINT_DISABLE", "1")
        .env("TF_CLI_CONFIG_FILE", "none")
        .output()?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut figures = text.split_whitespace().map(str::parse::<u64>);
    match (figures.next(), figures.next()) {
        (Some(Ok(nanoseconds)), Some(Ok(memory))) => Ok(Taken {
            time: Duration::from_nanos(nanoseconds),
            memory,
        }),
        _ => bail!("{}: no figures in {text:?}", program.display()),
    }
}

/// The fastest of some runs.
pub(super) fn best(runs: u32, program: &Path, args: &[&str], dir: &Path) -> Result<Taken> {
    let mut best = run(program, args, dir)?;
    for _ in 1..runs {
        let next = run(program, args, dir)?;
        if next.time < best.time {
            best = next;
        }
    }
    Ok(best)
}
