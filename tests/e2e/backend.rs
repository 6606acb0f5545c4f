//! Where states are kept, and what becomes of them when the configuration does not say so any more.

use super::harness::Work;

const ONE: &str = "resource \"terraform_data\" \"a\" {\n  input = 1\n}\n";

#[test]
fn what_is_left_without_files_can_be_destroyed() {
    for destroy in [
        &["destroy", "-auto-approve"][..],
        &["apply", "-destroy", "-auto-approve"],
    ] {
        let work = Work::with(ONE);
        work.run(&["apply", "-auto-approve"]).code(0);
        std::fs::remove_file(work.path().join("main.tf")).unwrap();
        for args in [&["plan"][..], &["apply"], &["plan", "-refresh-only"]] {
            let ran = work.run(args).code(1);
            ran.says(&["Error: No configuration files"]);
        }
        work.run(&["refresh"]).code(0);
        assert_eq!(work.state_list(), ["terraform_data.a"]);
        let ran = work.run(&["plan", "-destroy"]).code(0);
        ran.says(&["Plan: 0 to add, 0 to change, 1 to destroy."]);
        work.run(destroy).code(0).says(&["1 destroyed"]);
        assert!(work.state_list().is_empty());
    }
}
