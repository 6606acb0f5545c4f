//! A small server that keeps one state and its lock, and misbehaves on demand.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// What a server does to one request instead of answering it well.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Answers with this status and nothing else.
    Status(u16),
    /// Does what is asked, and closes the connection instead of answering.
    LoseAnswer,
    /// Closes the connection without doing anything.
    Cut,
    /// Does what is asked, and sends half of the answer.
    CutAnswer,
    /// Waits before it does what is asked.
    Slow(Duration),
    /// Answers with this body.
    Body(&'static str),
    /// Says something that is not HTTP.
    Garbage,
    /// Answers with a checksum that is not that of the body.
    WrongSum,
    /// Sends to another address.
    Redirect(u16, String),
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(n, _)| n == name);
        Some(&found.next()?.1)
    }
}

#[derive(Default)]
pub(crate) struct Inside {
    pub(crate) state: Option<Vec<u8>>,
    pub(crate) lock: Option<Vec<u8>>,
    pub(crate) faults: VecDeque<Fault>,
    pub(crate) seen: Vec<Seen>,
}

/// A server that runs until the test ends.
pub(crate) struct Server {
    pub(crate) address: String,
    inside: Arc<Mutex<Inside>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let inside = Arc::<Mutex<Inside>>::default();
        let shared = Arc::clone(&inside);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { address, inside }
    }

    pub(crate) fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap()
    }

    /// What it does to the next requests.
    pub(crate) fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.inside().faults.extend(faults);
    }

    /// The requests since the last call, as `METHOD target`.
    pub(crate) fn asked(&self) -> Vec<String> {
        let seen = std::mem::take(&mut self.inside().seen);
        let line = |s: Seen| format!("{} {}", s.method, s.target);
        seen.into_iter().map(line).collect()
    }
}

/// Answers requests of one connection.
fn serve(stream: TcpStream, inside: &Mutex<Inside>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    while let Some(seen) = request(&mut reader) {
        let fault = {
            let mut inside = inside.lock().unwrap();
            inside.seen.push(seen.clone());
            inside.faults.pop_front()
        };
        match respond(&mut stream, inside, &seen, fault) {
            Some(()) => {}
            None => return,
        }
    }
}

fn request(reader: &mut impl BufRead) -> Option<Seen> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.push((name.to_lowercase(), value.to_owned()));
    }
    let mut seen = Seen {
        method,
        target,
        headers,
        body: Vec::new(),
    };
    let length = seen
        .header("content-length")
        .map_or(0, |l| l.parse().unwrap());
    seen.body.resize(length, 0);
    reader.read_exact(&mut seen.body).ok()?;
    Some(seen)
}

/// `None` if the connection is to be closed.
fn respond(
    stream: &mut TcpStream,
    inside: &Mutex<Inside>,
    seen: &Seen,
    fault: Option<Fault>,
) -> Option<()> {
    if let Some(Fault::Slow(pause)) = &fault {
        std::thread::sleep(*pause);
    }
    let done = || work(&mut inside.lock().unwrap(), seen);
    let head = |status: u16, length: usize| {
        format!("HTTP/1.1 {status} Something\r\nContent-Length: {length}\r\n")
    };
    let (status, body, more) = match fault {
        None | Some(Fault::Slow(_)) => {
            let (status, body) = done();
            (status, body, String::new())
        }
        Some(Fault::Status(status)) => (status, b"so it is".to_vec(), String::new()),
        Some(Fault::Body(body)) => (200, body.into(), String::new()),
        Some(Fault::WrongSum) => {
            let (status, body) = done();
            (
                status,
                body,
                "Content-MD5: AAAAAAAAAAAAAAAAAAAAAA==\r\n".into(),
            )
        }
        Some(Fault::Redirect(status, to)) => (status, Vec::new(), format!("Location: {to}\r\n")),
        Some(Fault::Cut) => return None,
        Some(Fault::LoseAnswer) => {
            done();
            return None;
        }
        Some(Fault::Garbage) => {
            let _ = stream.write_all(b"\0\0\0 what?\r\n\r\n");
            return None;
        }
        Some(Fault::CutAnswer) => {
            let (status, body) = done();
            let half = &body[..body.len() / 2];
            let _ = stream.write_all(format!("{}\r\n", head(status, body.len())).as_bytes());
            let _ = stream.write_all(half);
            return None;
        }
    };
    let head = format!("{}{more}\r\n", head(status, body.len()));
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(&body).ok()
}

/// Does what is asked.
fn work(inside: &mut Inside, seen: &Seen) -> (u16, Vec<u8>) {
    let locked_by = inside.lock.as_deref().map(id);
    let conflict = |inside: &Inside| (423, inside.lock.clone().unwrap_or_default());
    match seen.method.as_str() {
        "GET" => match &inside.state {
            Some(state) => (200, state.clone()),
            None => (404, b"none".to_vec()),
        },
        "POST" | "PUT" => {
            let allowed = locked_by.is_none_or(|id| seen.target.contains(&format!("ID={id}")));
            if !allowed {
                return conflict(inside);
            }
            inside.state = Some(seen.body.clone());
            (200, Vec::new())
        }
        "LOCK" if locked_by.is_some() => conflict(inside),
        "LOCK" => {
            inside.lock = Some(seen.body.clone());
            (200, Vec::new())
        }
        "UNLOCK" if locked_by.is_none() => (409, Vec::new()),
        "UNLOCK" if locked_by != Some(id(&seen.body)) => conflict(inside),
        "UNLOCK" => {
            inside.lock = None;
            (200, Vec::new())
        }
        _ => (405, Vec::new()),
    }
}

fn id(lock: &[u8]) -> String {
    let lock: serde_json::Value = serde_json::from_slice(lock).unwrap();
    lock["ID"].as_str().unwrap().to_owned()
}
