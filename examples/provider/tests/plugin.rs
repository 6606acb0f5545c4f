//! The provider as a program: how it starts and ends, and how Terraform gets along with it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_terraform-provider-memo");
const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

/// Starts the program as an engine would, without encryption, and reads its first line.
fn start(command: &mut Command) -> (Child, String) {
    let mut child = command
        .env("TF_PLUGIN_MAGIC_COOKIE", COOKIE)
        .env("PLUGIN_PROTOCOL_VERSIONS", "5,6")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    (child, line.trim_end().to_owned())
}

/// The socket of a handshake line.
fn socket(line: &str) -> &Path {
    Path::new(line.split('|').nth(3).unwrap())
}

#[track_caller]
fn eventually(what: &str, test: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !test() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_person_who_starts_it_is_told_what_it_is() {
    let output = Command::new(PROGRAM)
        .env_remove("TF_PLUGIN_MAGIC_COOKIE")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("This program is a plugin"), "{text}");
    assert!(output.stdout.is_empty());
}

#[test]
fn the_handshake_line_has_its_six_fields() {
    let (mut child, line) = start(&mut Command::new(PROGRAM));
    let fields: Vec<&str> = line.split('|').collect();
    assert_eq!(fields[..3], ["1", "6", "unix"]);
    assert_eq!(fields[4..], ["grpc", ""]);
    assert!(socket(&line).exists());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn it_goes_when_its_host_is_gone() {
    // A shell stands for the host: the provider runs under it until the shell is killed.
    let script = format!("{PROGRAM} & wait");
    let (mut host, line) = start(Command::new("sh").args(["-c", &script]));
    let socket = socket(&line).to_owned();
    assert!(socket.exists());
    host.kill().unwrap();
    host.wait().unwrap();
    eventually("the provider outlived its host", || !socket.exists());
}

#[test]
fn an_interrupt_is_left_to_the_host() {
    let (mut child, line) = start(&mut Command::new(PROGRAM));
    let signal = |name: &str| {
        let id = child.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &id])
                .status()
                .unwrap()
                .success()
        );
    };
    signal("-INT");
    std::thread::sleep(Duration::from_millis(200));
    assert!(socket(&line).exists());
    signal("-TERM");
    let status = child.wait().unwrap();
    assert!(status.success());
    assert!(!socket(&line).exists());
}

/// Runs Terraform in a folder. `None`, said aloud, when there is none on the PATH.
fn terraform(folder: &Path, args: &[&str], env: &[(&str, &str)]) -> Option<Output> {
    let output = Command::new("terraform")
        .args(args)
        .current_dir(folder)
        .env("CHECKPOINT_DISABLE", "1")
        .envs(env.iter().copied())
        .output();
    if output.is_err() {
        eprintln!("skipped: there is no terraform on the PATH");
    }
    output.ok()
}

#[track_caller]
fn succeeds(output: Output) -> String {
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

fn example() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let main = Path::new(env!("CARGO_MANIFEST_DIR")).join("example/main.tf");
    fs::copy(main, folder.path().join("main.tf")).unwrap();
    folder
}

#[test]
fn terraform_keeps_memos() {
    let folder = example();
    let folder = folder.path();
    let program = Path::new(PROGRAM).parent().unwrap();
    let cli = format!(
        "provider_installation {{\n  dev_overrides {{\n    \"examples/memo\" = {program:?}\n  }}\n  \
         direct {{}}\n}}\n"
    );
    fs::write(folder.join("cli.tfrc"), cli).unwrap();
    let cli = folder.join("cli.tfrc");
    let env = [("TF_CLI_CONFIG_FILE", cli.to_str().unwrap())];
    let run = |args: &[&str]| terraform(folder, args, &env);
    let Some(applied) = run(&["apply", "-auto-approve", "-no-color"]) else {
        return;
    };
    let applied = succeeds(applied);
    assert!(applied.contains("slug = \"to-be-done\""), "{applied}");
    assert_eq!(
        fs::read_to_string(folder.join("memos/greeting.txt")).unwrap(),
        "Hello, world."
    );
    // The token of the pass got to the provider, and nowhere else; and the pass is closed.
    let seal = fs::read_to_string(folder.join("memos/sealed.seal")).unwrap();
    let state = fs::read_to_string(folder.join("terraform.tfstate")).unwrap();
    assert!(seal.len() == 16 && !state.contains(&seal) && !applied.contains(&seal));
    assert!(!folder.join("memos/passes/archive").exists());
    let again = run(&["plan", "-detailed-exitcode", "-no-color"]).unwrap();
    assert_eq!(again.status.code(), Some(0));
    // Somebody changes the memo behind Terraform's back.
    fs::write(folder.join("memos/greeting.txt"), "Bye.").unwrap();
    let drifted = run(&["plan", "-detailed-exitcode", "-no-color"]).unwrap();
    assert_eq!(drifted.status.code(), Some(2));
    succeeds(run(&["destroy", "-auto-approve", "-no-color"]).unwrap());
    assert!(!folder.join("memos/greeting.txt").exists());
}

#[test]
fn terraform_attaches_to_it() {
    let folder = example();
    let mut child = Command::new(PROGRAM)
        .arg("--debug")
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let found = lines.map(Result::unwrap).find_map(|line| {
        let json = line
            .strip_prefix("TF_REATTACH_PROVIDERS='")?
            .strip_suffix('\'')?;
        Some(json.to_owned())
    });
    let env = [("TF_REATTACH_PROVIDERS", found.as_deref().unwrap())];
    if let Some(init) = terraform(folder.path(), &["init", "-no-color"], &env) {
        succeeds(init);
        let applied = terraform(
            folder.path(),
            &["apply", "-auto-approve", "-no-color"],
            &env,
        );
        assert!(succeeds(applied.unwrap()).contains("2 added"));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
