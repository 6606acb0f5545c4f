//! `muster completion`

use std::process::ExitCode;

use crate::args::{Completion, Shell};

/// Writes a completion script. The scripts ask this program for the words.
pub(crate) fn run(args: &Completion) -> ExitCode {
    let script = match args.shell {
        Shell::Bash => include_str!("completion/muster.bash"),
        Shell::Fish => include_str!("completion/muster.fish"),
        Shell::Zsh => include_str!("completion/muster.zsh"),
    };
    out!("{script}");
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use crate::complete::ARGUMENT;

    #[test]
    fn scripts_run_this_program() {
        for script in [
            include_str!("completion/muster.bash"),
            include_str!("completion/muster.fish"),
            include_str!("completion/muster.zsh"),
        ] {
            assert!(script.contains(&format!(" {ARGUMENT} ")), "{script}");
        }
    }
}
