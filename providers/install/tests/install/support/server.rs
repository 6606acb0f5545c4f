//! A small web server, whose answers are laid out beforehand.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What is answered.
#[derive(Clone, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) location: Option<String>,
    /// More headers, each with its line end.
    pub(crate) headers: String,
    /// The first so many requests are answered with status 500.
    pub(crate) failures: usize,
    /// The first so many answers end in the middle.
    pub(crate) broken: usize,
    /// Requests need these credentials.
    pub(crate) token: Option<String>,
}

/// A server on this machine; it lives as long as the process.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) authority: String,
    replies: Arc<Mutex<HashMap<String, Reply>>>,
    hits: Arc<Mutex<Vec<Request>>>,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) token: Option<String>,
}

impl Reply {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            body: body.into(),
            ..Self::default()
        }
    }

    pub(crate) fn redirect(to: &str) -> Self {
        Self {
            status: 302,
            location: Some(to.to_owned()),
            ..Self::default()
        }
    }
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            authority: listener.local_addr().unwrap().to_string(),
            replies: Arc::default(),
            hits: Arc::default(),
        };
        let shared = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = shared.clone();
                std::thread::spawn(move || server.serve(stream));
            }
        });
        server
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.authority)
    }

    pub(crate) fn put(&self, path: &str, reply: Reply) {
        self.replies.lock().unwrap().insert(path.to_owned(), reply);
    }

    pub(crate) fn change(&self, path: &str, change: impl FnOnce(&mut Reply)) {
        change(self.replies.lock().unwrap().get_mut(path).unwrap());
    }

    /// Requests for paths that end so.
    pub(crate) fn hits(&self, end: &str) -> Vec<Request> {
        let hits = self.hits.lock().unwrap();
        hits.iter()
            .filter(|r| r.path.ends_with(end))
            .cloned()
            .collect()
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some(request) = read(&mut reader) {
            self.hits.lock().unwrap().push(request.clone());
            if !answer(&stream, self.reply(&request)) {
                return;
            }
        }
    }

    fn reply(&self, request: &Request) -> (Reply, bool) {
        let mut replies = self.replies.lock().unwrap();
        let status = |status| Reply {
            status,
            ..Reply::default()
        };
        let Some(reply) = replies.get_mut(&request.path) else {
            return (status(404), false);
        };
        if reply.token.is_some() && reply.token != request.token {
            return (status(401), false);
        }
        if reply.failures > 0 {
            reply.failures -= 1;
            return (status(500), false);
        }
        let broken = reply.broken > 0;
        reply.broken = reply.broken.saturating_sub(1);
        (reply.clone(), broken)
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut token = None;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        let Some((name, value)) = line.trim().split_once(": ") else {
            return Some(Request { path, token });
        };
        if name.eq_ignore_ascii_case("authorization") {
            token = value.strip_prefix("Bearer ").map(str::to_owned);
        }
    }
}

/// Whether the connection goes on.
fn answer(mut stream: &TcpStream, (reply, broken): (Reply, bool)) -> bool {
    let location = reply
        .location
        .map(|l| format!("Location: {l}\r\n"))
        .unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {} X\r\nContent-Length: {}\r\n{location}{}\r\n",
        reply.status,
        reply.body.len(),
        reply.headers
    );
    let body = if broken {
        &reply.body[..reply.body.len() / 2]
    } else {
        &reply.body
    };
    let sent = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(body));
    sent.is_ok() && !broken
}
