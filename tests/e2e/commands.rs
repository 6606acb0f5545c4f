//! The commands around a run.

use crate::background::Running;
use crate::harness::Work;

/// An apply that takes its time.
const SLOW: &str = r#"
resource "terraform_data" "slow" {
  provisioner "local-exec" {
    command = "sleep 600"
  }
}
"#;

#[test]
fn a_lock_on_a_file_ends_with_its_holder_only() {
    let refused = "Local state cannot be unlocked by another process";
    let work = Work::with(SLOW);
    work.run(&["force-unlock"]).code(1);
    work.run(&["force-unlock", "a", "b"]).code(1);
    work.run(&["force-unlock", "a"])
        .code(1)
        .says(&[refused, "Nobody holds it now"]);
    let mut apply = Running::muster(&work, &["apply", "-auto-approve"]);
    apply.wait_for("Provisioning with");
    let info = work.read(".terraform.tfstate.lock.info");
    let info: serde_json::Value = serde_json::from_str(&info).unwrap();
    let id = info["ID"].as_str().unwrap();
    work.run(&["force-unlock", "a"])
        .code(1)
        .says(&[refused, "another ID", id]);
    work.run(&["force-unlock", id])
        .code(1)
        .says(&[refused, "Wait for that process", id]);
    work.run(&["force-unlock", "-force", id])
        .code(1)
        .says(&["Failed to unlock state: LocalState not locked", id]);
    assert!(apply.runs(), "it still has its lock");
    work.run(&["plan"])
        .code(1)
        .says(&["Error acquiring the state lock"]);
}
