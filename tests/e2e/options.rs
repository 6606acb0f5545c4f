//! Options that contradict each other.

use crate::harness::Work;

/// Exactly these errors, with these summaries.
#[track_caller]
fn refuse(args: &[&str], summaries: &[&str]) {
    let work = Work::with("resource \"terraform_data\" \"a\" {}\n");
    let ran = work.run(args).code(1);
    let found: Vec<_> = ran
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("Error: "))
        .collect();
    assert_eq!(found, summaries, "{args:?}: {}", ran.stderr);
    assert!(!work.path().join("terraform.tfstate").exists());
}

#[test]
fn modes_of_planning() {
    const REPLACE: &str = "-replace=terraform_data.a";
    refuse(
        &["plan", "-refresh-only", "-refresh=false"],
        &["Incompatible refresh options"],
    );
    for command in ["plan", "apply"] {
        refuse(
            &[command, "-destroy", "-refresh-only"],
            &["Incompatible plan mode options"],
        );
        for mode in ["-destroy", "-refresh-only"] {
            refuse(&[command, mode, REPLACE], &["Unsupported plan mode"]);
        }
    }
    refuse(&["destroy", REPLACE], &["Unsupported plan mode"]);
    refuse(&["destroy", "-refresh-only"], &["Invalid mode option"]);
}

#[test]
fn the_last_of_an_option_counts() {
    let work = Work::with("resource \"terraform_data\" \"a\" {}\n");
    work.run(&[
        "plan",
        "-refresh=false",
        "-refresh",
        "-no-color",
        "-no-color",
    ])
    .code(0);
    work.run(&["plan", "-lock-timeout=nonsense", "-lock-timeout=1s"])
        .code(0);
}
