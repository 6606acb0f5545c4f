//! Plugins that greet as they should and fail later.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant};

use futures::FutureExt;
use muster_addr::ProviderAddr;
use muster_client::{Client, ClientOptions, PluginSpec};
use muster_provider::ProviderError;

fn script(dir: &Path, text: &str) -> PluginSpec {
    let program = dir.join("terraform-provider-fake");
    std::fs::write(&program, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    PluginSpec {
        program,
        ..PluginSpec::default()
    }
}

/// Why a script does not become a client. `SOCKET` in it is a socket at which `serve` listens.
async fn refusal(
    text: &str,
    timeout: Duration,
    serve: impl FnOnce(UnixListener) + Send + 'static,
) -> ProviderError {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || serve(listener));
    let text = text.replace("SOCKET", socket.to_str().unwrap());
    let options = ClientOptions {
        start_timeout: timeout,
        schema_timeout: timeout,
        ..ClientOptions::default()
    };
    match Client::start(script(dir.path(), &text), options).await {
        Ok(_) => panic!("it started: {text}"),
        Err(error) => error,
    }
}

/// Takes one connection, waits for the first bytes, and hangs up after a while.
fn hang_up(listener: UnixListener) {
    let (mut stream, _) = listener.accept().unwrap();
    let mut byte = [0];
    stream.read_exact(&mut byte).unwrap();
    std::thread::sleep(Duration::from_millis(600));
}

/// Takes connections and never says anything.
fn say_nothing(listener: UnixListener) {
    let _held = listener.accept();
    std::thread::sleep(Duration::from_secs(30));
}

#[tokio::test]
async fn a_plugin_dies_in_the_middle_of_a_call() {
    let text = "echo '1|6|unix|SOCKET|grpc|'; sleep 0.5; echo 'panic: boom' >&2; exit 2";
    let error = refusal(text, Duration::from_secs(60), hang_up).await;
    let ProviderError::Crashed {
        call,
        status,
        stderr,
    } = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(call, "GetProviderSchema");
    assert_eq!(status, "exit status: 2");
    assert_eq!(stderr, "panic: boom");
}

#[tokio::test]
async fn children_of_a_dead_plugin_do_not_hide_its_death() {
    // The child keeps the plugin's output open.
    let text = "echo '1|6|unix|SOCKET|grpc|'; sleep 90 & sleep 0.5; echo 'panic: boom' >&2; exit 2";
    let error = refusal(text, Duration::from_secs(60), hang_up).await;
    assert!(
        matches!(&error, ProviderError::Crashed { status, .. } if status == "exit status: 2"),
        "{error:?}"
    );

    let begin = Instant::now();
    let text = "echo no licence >&2; sleep 90 & exit 3";
    let error = refusal(text, Duration::from_secs(60), |_| {})
        .await
        .to_string();
    assert!(error.contains("exit status: 3"), "{error}");
    assert!(error.contains("no licence"), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(40), "{error}");
}

#[tokio::test]
async fn a_plugin_that_never_answers_the_connection() {
    let certificate = "A".repeat(64);
    let text = format!("echo '1|6|unix|SOCKET|grpc|{certificate}'; sleep 120");
    let start = refusal(&text, Duration::from_secs(4), say_nothing);
    let error = tokio::time::timeout(Duration::from_secs(60), start).await;
    let error = error
        .expect("the start ends when its time is over")
        .to_string();
    assert!(error.contains("4 seconds"), "{error}");
}

#[tokio::test]
async fn a_plugin_that_greets_and_never_answers() {
    let text = "echo starting >&2; echo '1|6|unix|SOCKET|grpc|'; sleep 120";
    let start = refusal(text, Duration::from_secs(4), say_nothing);
    let error = tokio::time::timeout(Duration::from_secs(60), start).await;
    let error = error.expect("the start ends when its time is over");
    assert!(matches!(error, ProviderError::Start(_)), "{error:?}");
    let detail = error
        .diagnostic(&ProviderAddr::new("hashicorp", "aws"))
        .detail;
    let parts = [
        "hashicorp/aws",
        "GetProviderSchema",
        "4 seconds",
        "starting",
    ];
    for part in parts {
        assert!(detail.contains(part), "{detail}");
    }
}

#[tokio::test]
async fn a_talkative_plugin_does_not_fill_the_screen() {
    let text = "i=0; while [ $i -lt 60 ]; do head -c 100000 /dev/zero | tr '\\0' x; echo; \
                i=$((i+1)); done >&2; head -c 3000000 /dev/zero | tr '\\0' y >&2; echo >&2; \
                echo no licence >&2; exit 3";
    let error = refusal(text, Duration::from_secs(30), |_| {})
        .await
        .to_string();
    assert!(error.contains("exit status: 3"));
    assert!(error.ends_with("no licence"));
    assert!(error.len() < 17 * 1024, "{}", error.len());
    assert!(error.lines().all(|line| line.len() <= 2048));
    let long = error.lines().filter(|line| line.starts_with('y'));
    assert_eq!(long.count(), 1, "a line that is read in parts is one line");
}

#[tokio::test]
async fn what_a_program_says_beside_its_greeting() {
    let text = "echo cannot read the settings >&2; sleep 0.2; echo hello; sleep 5";
    let error = refusal(text, Duration::from_secs(5), |_| {})
        .await
        .to_string();
    assert!(error.contains("not a provider plugin"), "{error}");
    assert!(error.contains("cannot read the settings"), "{error}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_plugin_behind_a_script_is_killed_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    let text = format!("sleep 60 & echo $! >{}; wait", pid.display());
    refusal(&text, Duration::from_secs(1), |_| {}).await;
    let pid = std::fs::read_to_string(pid).unwrap();
    gone(&Path::new("/proc").join(pid.trim()));
}

/// Checks that a plugin is gone when its start is given up after so long.
#[cfg(target_os = "linux")]
async fn check_given_up(after: Duration) {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || say_nothing(listener));
    let pid = dir.path().join("pid");
    let text = format!(
        "echo $$ >{pid}.new; mv {pid}.new {pid}; echo '1|6|unix|{}|grpc|'; exec sleep 60",
        socket.display(),
        pid = pid.display()
    );
    let start = Client::start(script(dir.path(), &text), ClientOptions::default());
    // As when a run is stopped by force: nobody waits any more.
    let given_up = match after.is_zero() {
        true => start.now_or_never().is_none(),
        false => tokio::time::timeout(after, start).await.is_err(),
    };
    assert!(given_up, "it hangs");
    // It may be killed before it has said anything.
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(2) {
        if let Ok(pid) = std::fs::read_to_string(&pid) {
            return gone(&Path::new("/proc").join(pid.trim()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_plugin_does_not_outlive_the_wish_for_it() {
    check_given_up(Duration::ZERO).await;
    check_given_up(Duration::from_secs(1)).await;
}

const HOST: &str = "MUSTER_TEST_HOST_FOLDER";

/// Not a test by itself: the host that the next one kills, in a process of its own.
#[tokio::test]
async fn host() {
    let Some(folder) = std::env::var_os(HOST) else {
        return;
    };
    let spec = script(
        Path::new(&folder),
        "echo $$ > pid.new; mv pid.new pid; exec sleep 60",
    );
    std::env::set_current_dir(&folder).unwrap();
    let _ = Client::start(spec, ClientOptions::default()).await;
}

#[cfg(target_os = "linux")]
#[test]
fn a_plugin_does_not_outlive_a_killed_host() {
    let dir = tempfile::tempdir().unwrap();
    let mut host = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "host"])
        .env(HOST, dir.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let pid = eventually(|| std::fs::read_to_string(dir.path().join("pid")).ok());
    let plugin = Path::new("/proc").join(pid.trim());
    assert!(plugin.exists());
    host.kill().unwrap();
    host.wait().unwrap();
    gone(&plugin);
}

/// Waits until a process is gone, or dead and not reaped yet by whoever inherited it.
#[cfg(target_os = "linux")]
fn gone(process: &Path) {
    eventually(|| match std::fs::read_to_string(process.join("stat")) {
        Ok(stat) => stat.contains(") Z ").then_some(()),
        Err(_) => Some(()),
    });
}

/// Tries until there is an answer.
#[cfg(target_os = "linux")]
fn eventually<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(60) {
        if let Some(found) = attempt() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("it did not happen");
}
