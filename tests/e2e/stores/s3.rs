//! States in a bucket of a simulated AWS.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::Child;

use super::*;

/// The simulated AWS; ends when this is dropped.
struct Moto {
    server: Child,
    port: u16,
}

impl Moto {
    /// Starts it with a bucket; `None` where it is not installed.
    fn start() -> Option<Self> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut command = Command::new("moto_server");
        command
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // It may be a script that starts others.
            .process_group(0);
        let moto = Self {
            server: command.spawn().ok()?,
            port,
        };
        let started = Instant::now();
        while !moto.makes_bucket() {
            assert!(started.elapsed() < Duration::from_secs(300), "no answer");
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(moto)
    }

    fn makes_bucket(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) else {
            return false;
        };
        let request = b"PUT /states HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n";
        let mut answer = String::new();
        stream.write_all(request).is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && answer.contains(" 200 ")
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.server.id()).ok().and_then(Pid::from_raw) {
            // It may have ended by itself.
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        let _ = self.server.wait();
    }
}

#[test]
fn states_in_a_bucket() {
    let Some(moto) = Moto::start() else {
        return skip("moto_server is not on PATH");
    };
    let url = format!("http://127.0.0.1:{}", moto.port);
    let settings = format!(
        r#"bucket = "states"
key = "a/state"
region = "us-east-1"
access_key = "x"
secret_key = "y"
use_lockfile = true
use_path_style = true
skip_credentials_validation = true
skip_metadata_api_check = true
endpoints = {{ s3 = "{url}", sts = "{url}", iam = "{url}", dynamodb = "{url}" }}
"#
    );
    let config = in_backend("s3", &settings);
    let work = Work::empty();
    take_turns(&work, &config);
    work.run(&["workspace", "new", "dev"]).code(0);
    work.run(&["apply", "-auto-approve"]).code(0);
    if let Some(ran) = terraform(&work, &["workspace", "list"]) {
        ran.code(0).says(&["  default\n* dev\n"]);
    }
    // To files and back, with both workspaces.
    work.write("main.tf", one(1));
    work.answer(&["init", "-migrate-state"], "yes\n").code(0);
    work.run(&["plan"]).code(0).says(&["No changes."]);
    work.run(&["apply", "-auto-approve", "-replace=terraform_data.a"])
        .code(0);
    let replaced = work.read("terraform.tfstate.d/dev/terraform.tfstate");
    work.write("main.tf", config);
    work.run(&["init", "-migrate-state"])
        .code(1)
        .says(&["Error: Error asking for confirmation: EOF", "-force-copy"]);
    work.run(&["init", "-force-copy"]).code(0);
    let pulled = work.run(&["state", "pull"]).code(0).stdout;
    assert_eq!(pulled.trim_end(), replaced.trim_end());
}
