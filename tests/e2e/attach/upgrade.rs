//! Programs whose files are replaced while they run.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use super::Gate;
use crate::background::{Running, lives, wait_until};
use crate::harness::Work;
use crate::kill::{CHAIN, finish};

/// The program under another name, and what takes its place.
struct Copy {
    program: PathBuf,
    next: PathBuf,
}

impl Copy {
    fn new(work: &Work) -> Self {
        let program = work.path().join("installed");
        let built = env!("CARGO_BIN_EXE_muster");
        // A link is as good, where it can be.
        if std::fs::hard_link(built, &program).is_err() {
            std::fs::copy(built, &program).unwrap();
        }
        let next = work.path().join("next");
        work.write("next", "#!/bin/sh\nexit 7\n");
        std::fs::set_permissions(&next, PermissionsExt::from_mode(0o755)).unwrap();
        Self { program, next }
    }

    fn command(&self, work: &Work, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        work.prepare(&mut command, args);
        command
    }

    /// Installs something that does not understand this version.
    fn replace(&self) {
        std::fs::rename(&self.next, &self.program).unwrap();
    }
}

#[test]
fn runs_go_on_after_an_upgrade() {
    let third = "resource \"muster_zone\" \"third\" {";
    let chain = CHAIN
        .replace(
            "sim { latency = var.latency }",
            "sim { path = \"slow.json\" }",
        )
        .replace(third, &format!("{third}\n  provider = muster.last"));
    let last = "provider \"muster\" {\n  alias = \"last\"\n  sim { path = \"last.json\" }\n}\n";
    let work = Work::with(&(chain + last));
    let copy = Copy::new(&work);
    work.run(&["plan", "-out=plan", "-var=latency=0s"]).code(0);
    let gate = Gate::new(&work, "slow.json");
    let mut run = Running::start(copy.command(&work, &["apply", "plan"]));
    run.wait_for("muster_zone.second: Creating...");
    gate.wait_for(&run);
    let before = run.plugins();
    copy.replace();
    let after = Gate::new(&work, "last.json");
    gate.open();
    // The plugin of the third zone is one that nobody needed before.
    after.wait_for(&run);
    let added = run.plugins();
    assert!(added.iter().any(|plugin| !before.contains(plugin)));
    after.open();
    run.end()
        .code(0)
        .says(&["3 added, 0 changed, 0 destroyed."]);
    wait_until("the end of the plugins", || {
        !added.iter().any(|plugin| lives(*plugin))
    });
    finish(&work, "0 added, 0 changed, 0 destroyed.");
}
