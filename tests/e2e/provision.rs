//! Provisioners: commands on this machine, and on machines behind a fake `ssh` and `scp`.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::background::{Running, lives, signal, wait_until};
use crate::harness::{Ran, Work};

#[test]
fn local_exec() {
    let work = Work::with(
        r#"
resource "terraform_data" "a" {
  input = "hi"
  provisioner "local-exec" {
    command     = "echo $WORD ${self.output}; basename $PWD; echo >&2 err; read x || echo no input"
    environment = { WORD = "word" }
    working_dir = "sub"
  }
  provisioner "local-exec" {
    interpreter = ["/bin/sh", "-ec"]
    command     = "echo quietly; false; echo never"
    quiet       = true
    on_failure  = continue
  }
  provisioner "local-exec" {
    when    = destroy
    command = "echo bye ${self.input} > bye.txt"
  }
}
"#,
    );
    work.write("sub/x", "");
    work.run(&["init"]).code(0);
    let says = [
        "terraform_data.a: Creating...",
        "terraform_data.a: Provisioning with 'local-exec'...",
        "terraform_data.a (local-exec): Executing: [\"/bin/sh\" \"-c\" \"echo $WORD hi;",
        "terraform_data.a (local-exec): word hi",
        "terraform_data.a (local-exec): sub",
        "terraform_data.a (local-exec): err",
        "terraform_data.a (local-exec): no input",
        "terraform_data.a (local-exec): local-exec: Executing: Suppressed by quiet=true",
        "terraform_data.a (local-exec): quietly",
        "terraform_data.a: Creation complete after 0s",
    ];
    let ran = work.run(&["apply", "-auto-approve"]).code(0);
    ran.says(&says).never_says(&["never\n", "Warning"]);
    work.run(&["plan", "-detailed-exitcode"]).code(0);
    work.run(&["destroy", "-auto-approve"]).code(0);
    assert_eq!(work.read("bye.txt"), "bye hi\n");
}

/// A command that would run for hours, told to end in some way.
fn stopped(command: &str, times: usize) -> (Ran, Work) {
    let config = r#"
resource "terraform_data" "a" {
  provisioner "local-exec" {
    command = "COMMAND"
  }
  provisioner "local-exec" {
    command = "echo never"
  }
}
"#;
    let work = Work::with(&config.replace("COMMAND", command));
    work.run(&["init"]).code(0);
    let mut run = Running::muster(&work, &["apply", "-auto-approve"]);
    run.wait_for("(local-exec): started");
    let pid: u32 = work.read("pid").trim().parse().unwrap();
    for _ in 0..times {
        signal(run.pid(), Signal::INT);
        std::thread::sleep(Duration::from_millis(300));
    }
    let began = Instant::now();
    let ran = run.end().code(1).never_says(&["(local-exec): never"]);
    assert!(began.elapsed() < Duration::from_secs(300));
    wait_until("the end of the command", || !lives(pid));
    (ran, work)
}

#[test]
fn a_command_that_hangs_ends_with_the_run() {
    let (ran, work) = stopped("echo $$ > pid; echo started; sleep 36000", 1);
    ran.says(&[
        "Error: local-exec provisioner error",
        "when the run was stopped",
    ]);
    // What was made stays in the state, and is not taken for finished.
    work.run(&["plan"])
        .code(0)
        .says(&["terraform_data.a is tainted"]);
}

#[test]
fn a_stubborn_command_ends_with_a_hard_stop() {
    let command = "trap : INT; echo $$ > pid; echo started; while true; do sleep 1; done";
    let (ran, work) = stopped(command, 2);
    ran.says(&[
        "Error: Apply canceled",
        "still in progress: terraform_data.a.",
    ])
    .never_says(&["Apply complete!"]);
    work.run(&["plan"])
        .code(0)
        .says(&["terraform_data.a is tainted"]);
}

/// A machine of which everything that is done there is written down: `ssh` runs commands here,
/// `scp` copies to here. Every call is a line of `calls`.
const SSH: &str = r#"#!/bin/sh
name=$(basename "$0")
echo "$name" "$@" >> calls
for arg in "$@"; do
  case $arg in
    IdentityFile=\"*) file=${arg#IdentityFile=\"}; file=${file%\"}
      stat -c %a "$file" >> keys; cat "$file" >> keys; echo "$file" > key-path ;;
    UserKnownHostsFile=\"*) file=${arg#UserKnownHostsFile=\"}; cat "${file%\"}" >> known ;;
  esac
done
[ -z "$SSH_ASKPASS" ] || "$SSH_ASKPASS" >> passwords
if [ -e refuse ]; then echo "Connection refused" >&2; exit 255; fi
while [ "$1" != "--" ]; do shift; done
if [ "$name" = ssh ]; then exec sh -c "$3"; fi
exec cp -r "$2" "${3#*:}"
"#;

impl Work {
    /// A directory with a configuration and the machine behind it.
    fn with_machine(config: &str) -> Self {
        let here = Self::empty();
        let config = config.replace("HERE", &here.path().to_string_lossy());
        here.write("main.tf", config);
        for name in ["ssh", "scp"] {
            here.write(&format!("bin/{name}"), SSH);
            let path = here.path().join("bin").join(name);
            set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        }
        here.run(&["init"]).code(0);
        here
    }

    fn apply_there(&self) -> Ran {
        let mut command = self.command(&["apply", "-auto-approve"]);
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", self.path().join("bin").display());
        command.env("PATH", path).env_remove("SSH_AUTH_SOCK");
        Ran::new(&command.output().unwrap())
    }
}

#[test]
fn remote_exec_and_file() {
    let work = Work::with_machine(
        r#"
resource "terraform_data" "a" {
  input = "x"
  connection {
    host        = "192.0.2.1"
    user        = "me"
    port        = 2222
    private_key = "KEY"
    host_key    = "ssh-ed25519 HOST"
    script_path = "HERE/script-%RAND%"
  }
  provisioner "remote-exec" {
    inline = ["echo one ${self.input}", "echo $0", "exit 0"]
  }
  provisioner "remote-exec" {
    scripts = ["s1", "s2"]
    connection {
      user = "other"
    }
  }
  provisioner "file" {
    content     = "some content"
    destination = "HERE/sent.txt"
  }
  provisioner "file" {
    source      = "tree"
    destination = "HERE/copy"
  }
}
"#,
    );
    work.write("s1", "#!/bin/sh\necho first\n");
    work.write("s2", "#!/bin/sh\necho second\n");
    work.write("tree/deep/file", "deep");
    work.apply_there().code(0).says(&[
        "terraform_data.a: Provisioning with 'remote-exec'...",
        "terraform_data.a (remote-exec):   Host: 192.0.2.1",
        "terraform_data.a (remote-exec):   Checking Host Key: true",
        "terraform_data.a (remote-exec): Connected!",
        "terraform_data.a (remote-exec): one x",
        "/script-",
        "terraform_data.a (remote-exec):   User: other",
        "terraform_data.a (remote-exec): first",
        "terraform_data.a (remote-exec): second",
        "terraform_data.a: Provisioning with 'file'...",
    ]);
    assert_eq!(work.read("sent.txt"), "some content");
    assert_eq!(work.read("copy/deep/file"), "deep");
    assert!(work.read("keys").starts_with("600\nKEY\n600\n"));
    assert!(work.read("known").starts_with("* ssh-ed25519 HOST\n"));
    let calls = work.read("calls");
    for part in [
        "-o User=me -o Port=2222",
        "StrictHostKeyChecking=yes",
        "BatchMode=yes",
    ] {
        assert!(calls.contains(part), "{part} is not in {calls}");
    }
    assert!(!calls.contains("KEY"));
    // Keys and scripts are gone.
    assert!(!std::path::Path::new(work.read("key-path").trim()).exists());
    let left = std::fs::read_dir(work.path()).unwrap().flatten();
    assert!(
        !left
            .into_iter()
            .any(|e| e.file_name().to_string_lossy().starts_with("script-"))
    );
}

#[test]
fn a_remote_command_that_fails() {
    let work = Work::with_machine(
        r#"
resource "terraform_data" "a" {
  provisioner "remote-exec" {
    inline = ["echo oh no", "exit 7"]
    connection {
      host         = "h"
      password     = "it's secret"
      bastion_host = "gate"
      bastion_user = "guard"
      script_path  = "HERE/script"
    }
  }
}
"#,
    );
    work.apply_there().code(1).says(&[
        "Using configured bastion host...",
        "User: guard",
        "Error: remote-exec provisioner error",
        "ended with exit status 7. Output:\noh no",
    ]);
    assert_eq!(work.state_list(), ["terraform_data.a"]);
    assert!(work.read("passwords").starts_with("it's secret\n"));
    let calls = work.read("calls");
    assert!(calls.contains("-W '[%h]:%p' -- 'gate'"), "{calls}");
    assert!(!calls.contains("secret"));
}

#[test]
fn a_machine_that_does_not_answer() {
    let work = Work::with_machine(
        r#"
resource "terraform_data" "a" {
  provisioner "file" {
    content     = "x"
    destination = "HERE/sent"
    connection {
      host    = "h"
      timeout = "2s"
    }
  }
}
"#,
    );
    work.write("refuse", "");
    work.apply_there().code(1).says(&[
        "Error: file provisioner error",
        "No connection to h (port 22) within 2 seconds. The last attempt: Connection refused",
    ]);
    assert_eq!(work.read("calls").lines().count(), 2);
    let config = work.read("main.tf");
    work.write(
        "main.tf",
        config.replace("timeout = \"2s\"", "type = \"winrm\""),
    );
    work.apply_there()
        .code(1)
        .says(&["Connections of type winrm are not supported"]);
}
