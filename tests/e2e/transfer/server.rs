//! A server that keeps a state, and answers or does not.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::harness::Work;

/// What a server does with a state that is sent to it.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Mode {
    /// Stores it and says so.
    Answer,
    /// Stores it and says nothing.
    Store,
    /// Neither.
    Ignore,
    /// Does not store it, and says so.
    Refuse,
}

/// A server that keeps one state.
pub(super) struct Server {
    address: String,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    state: Option<Vec<u8>>,
    mode: Mode,
    /// How many states were sent.
    sent: usize,
    /// Those who wait for an answer that never comes.
    silent: Vec<TcpStream>,
}

impl Server {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = format!("http://{}/state", listener.local_addr().unwrap());
        let shared = Arc::new(Mutex::new(Shared {
            state: None,
            mode: Mode::Answer,
            sent: 0,
            silent: Vec::new(),
        }));
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Who goes away in the middle is no trouble.
                let _ = serve(stream, &serving);
            }
        });
        Self { address, shared }
    }

    pub(super) fn set(&self, mode: Mode) {
        self.shared.lock().unwrap().mode = mode;
    }

    pub(super) fn sent(&self) -> usize {
        self.shared.lock().unwrap().sent
    }

    /// The types and names of what is stored.
    pub(super) fn stored(&self) -> Vec<String> {
        let shared = self.shared.lock().unwrap();
        let Some(bytes) = &shared.state else {
            return Vec::new();
        };
        let state: Value = serde_json::from_slice(bytes).unwrap();
        let resources = state["resources"].as_array().unwrap().iter();
        resources
            .map(|r| {
                format!(
                    "{}.{}",
                    r["type"].as_str().unwrap(),
                    r["name"].as_str().unwrap()
                )
            })
            .collect()
    }

    /// A directory whose state is here.
    pub(super) fn work(&self, config: &str) -> Work {
        let work = Work::with(&format!(
            "terraform {{\n  backend \"http\" {{\n    address = \"{}\"\n    retry_max = 0\n  }}\n}}\n{config}",
            self.address
        ));
        work.run(&["init"]).code(0);
        work
    }
}

fn serve(stream: TcpStream, shared: &Mutex<Shared>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim_end().is_empty() {
            break;
        }
        head.push(line.trim_end().to_owned());
    }
    let length = head.iter().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let mut shared = shared.lock().unwrap();
    let is_get = head.first().is_some_and(|line| line.starts_with("GET"));
    let mode = shared.mode;
    if !is_get {
        shared.sent += 1;
        if matches!(mode, Mode::Answer | Mode::Store) {
            shared.state = Some(body);
        }
        if matches!(mode, Mode::Store | Mode::Ignore) {
            shared.silent.push(stream);
            return Ok(());
        }
    }
    let (status, body) = match (&shared.state, is_get) {
        (Some(state), true) => ("200 OK", state.clone()),
        (None, true) => ("404 Not Found", Vec::new()),
        _ if mode == Mode::Refuse => ("500 Internal Server Error", Vec::new()),
        _ => ("200 OK", Vec::new()),
    };
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(&body)
}
