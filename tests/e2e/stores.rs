//! States that are kept on servers: backends that are not local, from init to migrations.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::attach::{Gate, at_the_gate};
use super::background::{lives, signal, wait_until};
use super::harness::{Ran, Work, skip};
use super::kill::CHAIN;
use http::{Fault, Server};

mod postgres;
mod s3;

#[path = "../../state/http/tests/server/mod.rs"]
#[expect(
    dead_code,
    reason = "the tests of the store itself need more of the server"
)]
mod http;

const REQUIRED: &str = "Error: Backend initialization required, please run \"terraform init\"";
const CHANGED: &str = "Error: Backend configuration changed";
const COPY: &str = "Do you want to copy existing state to the new backend?";

/// A resource with this input.
fn one(input: u32) -> String {
    format!(
        "resource \"terraform_data\" \"a\" {{\n  input = {input}\n}}\n\noutput \"o\" {{\n  value = terraform_data.a.output\n}}\n"
    )
}

/// A configuration that keeps its state in a backend.
fn in_backend(kind: &str, settings: &str) -> String {
    format!(
        "terraform {{\n  backend \"{kind}\" {{\n{settings}  }}\n}}\n{}",
        one(1)
    )
}

fn http_settings(server: &Server) -> String {
    let address = &server.address;
    format!(
        "address = \"{address}/state\"\nlock_address = \"{address}/lock\"\nunlock_address = \"{address}/lock\"\nretry_max = 0\n"
    )
}

fn in_http(server: &Server) -> String {
    in_backend("http", &http_settings(server))
}

/// What the server keeps.
fn stored(server: &Server) -> Option<serde_json::Value> {
    let inside = server.inside();
    let state = inside.state.as_deref()?;
    Some(serde_json::from_slice(state).unwrap())
}

/// Runs Terraform; `None` where there is none.
fn terraform(work: &Work, args: &[&str]) -> Option<Ran> {
    let mut command = Command::new("terraform");
    work.prepare(&mut command, args);
    command.env("CHECKPOINT_DISABLE", "1");
    command.output().ok().map(|output| Ran::new(&output))
}

/// Everything a person can do with a state, in turn with Terraform where that is there.
fn take_turns(work: &Work, config: &str) {
    work.write("main.tf", config);
    work.run(&["plan"]).code(1).says(&[REQUIRED]);
    work.run(&["init"]).code(0);
    work.run(&["apply", "-auto-approve"])
        .code(0)
        .says(&["1 added"]);
    work.run(&["plan"]).code(0).says(&["No changes."]);
    assert_eq!(work.state_list(), ["terraform_data.a"]);
    assert_eq!(work.run(&["output", "-raw", "o"]).code(0).stdout, "1");
    work.run(&["show"]).code(0).says(&["terraform_data.a"]);
    work.run(&["taint", "terraform_data.a"]).code(0);
    work.run(&["plan"]).code(0).says(&["must be replaced"]);
    work.run(&["untaint", "terraform_data.a"]).code(0);
    assert!(!work.path().join("terraform.tfstate").exists());
    if terraform(work, &["version"]).is_none() {
        return skip("there is no terraform");
    }
    let record = work.read(".terraform/terraform.tfstate");
    terraform(work, &["init", "-input=false"]).unwrap().code(0);
    assert_eq!(work.read(".terraform/terraform.tfstate"), record);
    let ran = terraform(work, &["plan"]).unwrap().code(0);
    ran.says(&["No changes."]);
    work.write("main.tf", config.replace("input = 1", "input = 2"));
    terraform(work, &["apply", "-auto-approve"])
        .unwrap()
        .code(0)
        .says(&["1 changed"]);
    work.run(&["plan"]).code(0).says(&["No changes."]);
    work.write("main.tf", config.replace("input = 1", "input = 3"));
    work.run(&["apply", "-auto-approve"])
        .code(0)
        .says(&["1 changed"]);
    let ran = terraform(work, &["plan"]).unwrap().code(0);
    ran.says(&["No changes."]);
    // Terraform's own record is as good.
    std::fs::remove_dir_all(work.path().join(".terraform")).unwrap();
    terraform(work, &["init", "-input=false"]).unwrap().code(0);
    work.run(&["plan"]).code(0).says(&["No changes."]);
    work.run(&["init"]).code(0);
    work.write("main.tf", config);
    work.run(&["apply", "-auto-approve"]).code(0);
}

#[test]
fn terraform_takes_turns_behind_http() {
    let server = Server::start();
    let work = Work::empty();
    take_turns(&work, &in_http(&server));
    assert!(server.inside().lock.is_none());
    // There is only one state behind an address.
    work.run(&["workspace", "list"])
        .code(0)
        .says(&["* default"]);
    work.run(&["workspace", "new", "dev"])
        .code(1)
        .says(&["Error: Not supported by the backend"]);
    work.run(&["destroy", "-auto-approve"]).code(0);
    let state = stored(&server).unwrap();
    assert_eq!(state["resources"].as_array().unwrap().len(), 0);
}

#[test]
fn locks_of_others_are_respected_and_can_be_taken_away() {
    let server = Server::start();
    let work = Work::with(&in_http(&server));
    work.run(&["init"]).code(0);
    let lock = r#"{"ID":"f4d1c6b0-0000-1111-2222-333344445555","Operation":"OperationTypeApply","Info":"","Who":"somebody@else","Version":"1.11.4","Created":"2026-01-01T00:00:00Z","Path":""}"#;
    server.inside().lock = Some(lock.into());
    let shown = [
        "Error: Error acquiring the state lock",
        "f4d1c6b0-0000-1111-2222-333344445555",
        "somebody@else",
    ];
    work.run(&["apply", "-auto-approve"]).code(1).says(&shown);
    work.run(&["plan"]).code(1).says(&shown);
    work.run(&["plan", "-lock=false"]).code(0);
    let id = "f4d1c6b0-0000-1111-2222-333344445555";
    work.run(&["force-unlock", id])
        .code(1)
        .says(&["Do you really want to force-unlock?", "-force"]);
    work.run(&["force-unlock", "-force", "another"])
        .code(1)
        .says(&["Error: Failed to unlock state", id]);
    assert!(server.inside().lock.is_some());
    work.run(&["force-unlock", "-force", id]).code(0);
    assert!(server.inside().lock.is_none());
    work.run(&["apply", "-auto-approve"]).code(0);
}

/// A lock as the run of a process of this machine takes it.
fn lock_of(process: u32) -> String {
    let who = muster_store::LockInfo::new("", "").who;
    format!(
        r#"{{"ID":"f4d1c6b0","Operation":"OperationTypeApply","Info":"process {process}","Who":"{who}","Version":"1.11.4","Created":"2026-01-01T00:00:00Z","Path":""}}"#
    )
}

#[test]
fn locks_that_runs_have_left_behind_are_told_from_others() {
    let server = Server::start();
    let gate = "sim { path = \"slow.json\" }";
    let config = format!(
        "terraform {{\n  backend \"http\" {{\n{}  }}\n}}\n{}",
        http_settings(&server),
        CHAIN.replace("sim { latency = var.latency }", gate)
    );
    let work = Work::with(&config);
    work.run(&["init"]).code(0);
    let gate = Gate::new(&work, "slow.json");
    let mut run = at_the_gate(&work, &gate, &[]);
    let engine = run.engine();
    let locked = |args: &[&str], says: &[&str], never: &[&str]| {
        let summary = "Error: Error acquiring the state lock";
        let ran = work.run(args).code(1).says(&[summary, "Lock Info:"]);
        ran.says(says).never_says(never);
    };
    let plan = ["plan", "-var", "latency=0s"];
    let goes_on = ["Another run holds the lock", "`muster attach"];
    let attach = [
        "`muster attach",
        "Another run holds",
        "has to be waited for",
    ];
    locked(&plan, &goes_on, &["left behind"]);
    signal(engine, Signal::KILL);
    run.end();
    // Those that it has started may have the gate open.
    wait_until("the end of the engine", || !lives(engine));
    let journal = [
        "was left behind by a run that was killed, and whose journal is here",
        "takes the lock away, and the next command here goes on",
    ];
    locked(&plan, &journal, &attach);
    let process = format!("there is no process {engine} on this machine any more");
    let rm = ["state", "rm", "muster_zone.first"];
    locked(
        &rm,
        &[&process, "muster force-unlock", "container"],
        &attach,
    );
    let waiting = [&plan[..], &["-lock-timeout=300ms"]].concat();
    locked(
        &waiting,
        &["The run that took it is gone: `muster force-unlock"],
        &attach,
    );
    let lock = server.inside().lock.clone().unwrap();
    let lock: serde_json::Value = serde_json::from_slice(&lock).unwrap();
    // Somebody else has it by now.
    server.inside().lock = Some(lock_of(std::process::id()).into());
    locked(&plan, &["Another run holds the lock"], &["left behind"]);
    server.inside().lock = Some(lock.to_string().into());
    let id = lock["ID"].as_str().unwrap();
    work.run(&["force-unlock", "-force", id]).code(0);
    gate.open();
    work.run(&plan)
        .code(0)
        .says(&["An earlier run was interrupted"]);
}

#[test]
fn behind_http_there_is_one_state_and_no_earlier_one() {
    let server = Server::start();
    let work = Work::with(&in_http(&server));
    work.run(&["init"]).code(0);
    work.run(&["apply", "-auto-approve"]).code(0);
    let no_others = "In backend \"http\" there can be no others";
    work.run(&["workspace", "select", "x"])
        .code(1)
        .says(&["Workspace \"x\" doesn't exist.", no_others])
        .never_says(&["workspace new"]);
    let to = ["state", "mv", "-to-workspace=x"];
    work.run(&[&to[..], &["terraform_data.a", "terraform_data.a"]].concat())
        .code(1)
        .says(&["There is no workspace \"x\" there", no_others])
        .never_says(&["workspace new"]);
    let whole = server.inside().state.clone().unwrap();
    server.inside().state = Some(whole[..whole.len() / 2].to_vec());
    work.run(&["plan"])
        .code(1)
        .says(&["Failed to read state file"])
        .never_says(&["state history"]);
}

#[test]
fn a_file_without_a_state_is_not_called_one() {
    let server = Server::start();
    let work = Work::with(&one(1));
    work.run(&["apply", "-auto-approve"]).code(0);
    work.run(&["destroy", "-auto-approve"]).code(0);
    work.write("main.tf", in_http(&server));
    work.run(&["plan"]).code(1).says(&[
        REQUIRED,
        "There is a file terraform.tfstate as well: if there is a state in it",
    ]);
    work.run(&["init", "-input=false"]).code(0);
}

#[test]
fn states_are_copied_between_kinds() {
    let server = Server::start();
    let work = Work::with(&one(1));
    work.run(&["apply", "-auto-approve"]).code(0);
    let before = work.read("terraform.tfstate");
    work.write("main.tf", in_http(&server));
    for args in [
        &["plan"][..],
        &["apply", "-auto-approve"],
        &["why", "terraform_data.a"],
        &["state", "list"],
        &["state", "pull"],
        &["output"],
        &["show"],
        &["workspace", "list"],
        &["workspace", "new", "x"],
        &["taint", "terraform_data.a"],
        &["import", "terraform_data.a", "x"],
        &["console"],
        &["providers"],
        &["force-unlock", "x"],
        &["recover"],
    ] {
        let ran = work.run(args).code(1);
        ran.says(&[REQUIRED, "file terraform.tfstate", "muster init"]);
    }
    work.run(&["validate"]).code(0);
    // Nobody has asked for it before.
    assert!(server.inside().seen.is_empty());
    work.run(&["init"]).code(1).says(&[COPY]);
    assert!(stored(&server).is_none());
    work.answer(&["init"], "yes\n").code(0);
    let here: serde_json::Value = serde_json::from_str(&before).unwrap();
    assert_eq!(stored(&server).unwrap(), here);
    assert_eq!(work.read("terraform.tfstate"), before);
    assert!(server.inside().lock.is_none());
    work.write(
        "main.tf",
        in_http(&server).replace("input = 1", "input = 2"),
    );
    work.run(&["apply", "-auto-approve"])
        .code(0)
        .says(&["1 changed"]);
    // Back to the usual place, where the old state still is.
    work.write("main.tf", one(2));
    work.run(&["plan"]).code(1).says(&[REQUIRED]);
    work.run(&["init"]).code(1).says(&[CHANGED]);
    work.run(&["init", "-migrate-state"]).code(1).says(&[
        COPY,
        "would take the place of",
        "-force-copy",
    ]);
    assert_eq!(work.read("terraform.tfstate"), before);
    work.run(&["init", "-force-copy"]).code(0);
    work.run(&["plan"]).code(0).says(&["No changes."]);
    let there = stored(&server).unwrap();
    let here: serde_json::Value = serde_json::from_str(&work.read("terraform.tfstate")).unwrap();
    assert_eq!(here, there);
}

#[test]
fn either_all_states_are_copied_or_none() {
    let server = Server::start();
    let work = Work::with(&one(1));
    work.run(&["apply", "-auto-approve"]).code(0);
    work.run(&["workspace", "new", "dev"]).code(0);
    work.run(&["apply", "-auto-approve"]).code(0);
    work.write("main.tf", in_http(&server));
    // Behind an address there is no place for the second one.
    let one_only = "Do you want to copy only your current workspace?";
    for answer in ["", "no\n", "yes\n", "yes\nperhaps\n"] {
        work.answer(&["init"], answer).code(1).says(&[one_only]);
    }
    work.run(&["init", "-input=false"])
        .code(1)
        .never_says(&[one_only]);
    assert!(stored(&server).is_none());
    assert!(!work.path().join(".terraform/terraform.tfstate").exists());
    work.write("main.tf", one(1));
    work.run(&["plan"]).code(0).says(&["No changes."]);
    let dev = work.read("terraform.tfstate.d/dev/terraform.tfstate");
    work.write("main.tf", in_http(&server));
    work.answer(&["init"], "yes\nyes\n")
        .code(0)
        .says(&[one_only, COPY]);
    let dev: serde_json::Value = serde_json::from_str(&dev).unwrap();
    assert_eq!(stored(&server).unwrap(), dev);
    // There it is the default one.
    work.run(&["workspace", "show"]).code(0).says(&["default"]);
    work.run(&["plan"]).code(0).says(&["No changes."]);
}

#[test]
fn states_that_stay_behind_are_named() {
    let server = Server::start();
    let work = Work::with(&one(1));
    work.run(&["workspace", "new", "dev"]).code(0);
    work.run(&["apply", "-auto-approve"]).code(0);
    work.run(&["workspace", "select", "default"]).code(0);
    work.write("main.tf", in_http(&server));
    // There is nothing to copy of the selected one.
    for args in [&["init", "-force-copy"][..], &["init", "-input=false"]] {
        work.run(args).code(1).says(&[
            "1 with a state here: dev.",
            "The selected one, \"default\", has none",
        ]);
        assert!(!work.path().join(".terraform/terraform.tfstate").exists());
    }
    let behind = "Warning: States were left behind";
    let ran = work.answer(&["init"], "yes\n").code(0);
    ran.says(&["start with an empty state", behind, "were: dev."]);
    assert!(stored(&server).is_none());
    std::fs::remove_dir_all(work.path().join(".terraform")).unwrap();
    work.write("main.tf", one(1));
    work.run(&["apply", "-auto-approve"]).code(0);
    work.write("main.tf", in_http(&server));
    let ran = work.run(&["init", "-force-copy"]).code(0);
    ran.says(&[behind, "were: dev."]);
    assert!(stored(&server).is_some());
}

#[test]
fn what_cannot_be_written_is_not_recorded() {
    let server = Server::start();
    let work = Work::with(&one(1));
    work.run(&["apply", "-auto-approve"]).code(0);
    work.write("main.tf", in_http(&server));
    for asked in 1..100 {
        // One of the requests fails; later than the last one there is nothing to fail.
        let fine = (1..asked).map(|_| Fault::Slow(Duration::ZERO));
        server.fail(fine.chain([Fault::Status(403)]));
        let ran = work.run(&["init", "-force-copy"]);
        server.inside().faults.clear();
        if ran.code == 0 {
            assert!(asked > 3, "{}", ran.stdout);
            break;
        }
        let record = work.path().join(".terraform/terraform.tfstate");
        if !record.exists() {
            work.write("main.tf", one(1));
            work.run(&["plan"]).code(0).says(&["No changes."]);
            work.write("main.tf", in_http(&server));
        }
        server.inside().lock = None;
        server.inside().state = None;
        let _ = std::fs::remove_file(record);
    }
    work.run(&["plan"]).code(0).says(&["No changes."]);
}

#[test]
fn settings_can_be_given_to_init() {
    let server = Server::start();
    let work = Work::with(&in_backend("http", "retry_max = 0\n"));
    work.run(&["init"]).code(1).says(&[
        "Error: Missing Required Value",
        "address",
        "main.tf line 2",
    ]);
    assert!(!work.path().join(".terraform/terraform.tfstate").exists());
    let address = format!("-backend-config=address={}/state", server.address);
    work.write(
        "more.hcl",
        format!(
            "lock_address = \"{0}/lock\"\nunlock_address = \"{0}/lock\"\npassword = \"geheim\"\n",
            server.address
        ),
    );
    let init = ["init", &address, "-backend-config=more.hcl"];
    work.run(&init).code(0).never_says(&["geheim"]);
    let record: serde_json::Value =
        serde_json::from_str(&work.read(".terraform/terraform.tfstate")).unwrap();
    assert_eq!(record["backend"]["config"]["password"], "geheim");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let path = work.path().join(".terraform/terraform.tfstate");
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    work.run(&["apply", "-auto-approve"]).code(0);
    assert!(stored(&server).is_some());
    // What was given stays until something else is.
    work.run(&["init"]).code(0);
    work.run(&init).code(0);
    work.run(&["plan"]).code(0).says(&["No changes."]);
    let other = format!("-backend-config=address={}/other", server.address);
    let changed = ["init", &other, "-backend-config=more.hcl"];
    work.run(&changed).code(1).says(&[CHANGED]);
    work.run(&["init", "-backend-config=addres=x"])
        .code(1)
        .says(&["Error: Invalid backend configuration argument"]);
    work.run(&["init", "-backend-config=retry_max=x"])
        .code(1)
        .says(&["Error: Invalid backend configuration value"]);
    work.run(&["init", "-backend-config=nothing.hcl"])
        .code(1)
        .says(&["Error: Failed to read file"]);
    work.write("wrong.hcl", "addres = 1\n");
    work.run(&["init", "-backend-config=wrong.hcl"])
        .code(1)
        .says(&["Error: Unsupported argument", "wrong.hcl line 1"]);
    work.run(&["plan"]).code(0).says(&["No changes."]);
    // Terraform reads the record, and writes one that can be read.
    if terraform(&work, &["version"]).is_none() {
        return skip("there is no terraform");
    }
    let ran = terraform(&work, &["plan"]).unwrap().code(0);
    ran.says(&["No changes."]);
    let before = work.read(".terraform/terraform.tfstate");
    std::fs::remove_dir_all(work.path().join(".terraform")).unwrap();
    terraform(&work, &init).unwrap().code(0);
    let after = work.read(".terraform/terraform.tfstate");
    assert_eq!(after.trim_end(), before.trim_end());
    work.run(&["plan"]).code(0).says(&["No changes."]);
}

#[test]
fn settings_without_a_block_are_warned_of() {
    let work = Work::with(&one(1));
    work.run(&["init", "-backend-config=path=x"])
        .code(0)
        .says(&["Warning: Missing backend configuration"]);
    work.run(&["apply", "-auto-approve"]).code(0);
    assert!(work.path().join("terraform.tfstate").exists());
}

#[test]
fn outputs_of_states_behind_http_can_be_read() {
    let server = Server::start();
    let other = Work::with(&in_http(&server));
    other.run(&["init"]).code(0);
    other.run(&["apply", "-auto-approve"]).code(0);
    let reader = |backend: &str, config: &str| {
        Work::with(&format!(
            "data \"terraform_remote_state\" \"s\" {{\n  backend = \"{backend}\"\n  config  = {config}\n}}\n\noutput \"seen\" {{\n  value = data.terraform_remote_state.s.outputs.o + 41\n}}\n"
        ))
    };
    let address = format!("{{ address = \"{}/state\" }}", server.address);
    let work = reader("http", &address);
    work.run(&["apply", "-auto-approve"]).code(0);
    assert_eq!(work.run(&["output", "-raw", "seen"]).stdout, "42");
    reader("http", "{ addres = 1 }")
        .run(&["plan"])
        .code(1)
        .says(&["Error: Invalid backend configuration", "addres"]);
    reader("nope", "{}")
        .run(&["plan"])
        .code(1)
        .says(&["Error: Invalid backend configuration", "nope"]);
    server.inside().state = None;
    reader("http", &address)
        .run(&["plan"])
        .code(1)
        .says(&["Error: Unable to find remote state"]);
}

#[test]
fn options_about_files_say_nothing_of_servers() {
    let server = Server::start();
    let work = Work::with(&in_http(&server));
    work.run(&["init"]).code(0);
    let args = [
        "-state=s.tfstate",
        "-state-out=o.tfstate",
        "-backup=b.tfstate",
    ];
    work.run(&[&["apply", "-auto-approve"], &args[..]].concat())
        .code(0);
    for name in ["s.tfstate", "o.tfstate", "b.tfstate", "terraform.tfstate"] {
        assert!(!work.path().join(name).exists(), "{name}");
    }
    assert!(stored(&server).is_some());
    let mv = [
        "state",
        "mv",
        "-backup=b.tfstate",
        "terraform_data.a",
        "terraform_data.b",
    ];
    work.run(&mv)
        .code(1)
        .says(&["Error: Invalid command line options: -backup"]);
    // Objects come out of it into a file all the same.
    let out = ["state", "mv", "-dry-run", "-state-out=o.tfstate"];
    work.run(&[&out[..], &["terraform_data.a", "terraform_data.b"]].concat())
        .code(0)
        .says(&["Would move"]);
    let edited = ["state", "mv", "terraform_data.a", "terraform_data.b"];
    work.run(&edited).code(0);
    assert_eq!(work.state_list(), ["terraform_data.b"]);
}

#[test]
fn servers_that_are_silent_can_be_left() {
    let server = Server::start();
    let work = Work::with(&in_http(&server));
    work.run(&["init"]).code(0);
    server.inside().seen.clear();
    server.fail([Fault::Slow(Duration::from_secs(300))]);
    let started = Instant::now();
    let mut command = work.command(&["plan"]);
    let run = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = run.spawn().unwrap();
    let id = Pid::from_child(&run);
    while server.inside().seen.is_empty() {
        assert!(started.elapsed() < Duration::from_secs(100), "no request");
        std::thread::sleep(Duration::from_millis(20));
    }
    for _ in 0..2 {
        kill_process(id, Signal::INT).unwrap();
        std::thread::sleep(Duration::from_millis(200));
    }
    let ran = Ran::new(&run.wait_with_output().unwrap());
    ran.code(1)
        .says(&["Interrupt received", "it was interrupted"]);
    assert!(started.elapsed() < Duration::from_secs(200));
}

#[test]
fn kinds_that_are_not_supported() {
    let check = |kind: &str, part: &str| {
        let work = Work::with(&in_backend(kind, ""));
        work.run(&["init"]).code(1).says(&[
            "Error: Unsupported backend type",
            "main.tf line 2",
            part,
        ]);
    };
    check("consul", "not supported");
    check("nope", "no backend type");
}
