//! A service on this machine that keeps objects, and fails when it is told to.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read as _, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// What becomes of a request.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// It is carried out.
    Serve,
    /// It is refused with this status and this error.
    Refuse(u16, &'static str),
    /// It is carried out after a while.
    Delay(Duration),
    /// Somebody else puts these bytes there first, then it is carried out.
    After(&'static str, Vec<u8>),
    /// It is carried out, but before the answer somebody else puts these bytes there, and the
    /// connection ends.
    ServeAndPut(&'static str, Vec<u8>),
    /// The connection ends before anything is done.
    Cut,
    /// It is carried out, but the connection ends before the answer.
    ServeAndCut,
    /// Half of the answer comes.
    Half,
    /// A byte of the answer is another one.
    Flip,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// By name, in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

#[derive(Default)]
struct Inner {
    objects: BTreeMap<String, (Vec<u8>, u64)>,
    count: u64,
    /// For requests whose method and path start so.
    acts: BTreeMap<String, VecDeque<Act>>,
    seen: Vec<Seen>,
}

/// The service.
#[derive(Clone)]
pub(super) struct Fake {
    inner: Arc<Mutex<Inner>>,
    pub url: String,
}

impl Fake {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let fake = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            inner: Arc::default(),
        };
        let server = fake.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = server.clone();
                std::thread::spawn(move || server.serve(&stream));
            }
        });
        fake
    }

    /// Lets the next requests with such a method and path, `PUT /states/key`, meet this.
    pub(super) fn next(&self, request: &str, acts: impl IntoIterator<Item = Act>) {
        let mut inner = self.lock();
        inner
            .acts
            .entry(request.to_owned())
            .or_default()
            .extend(acts);
    }

    /// All requests that came.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.lock().seen.clone()
    }

    /// How many requests came with such a method and path.
    pub(super) fn count(&self, request: &str) -> usize {
        let is_such = |seen: &&Seen| format!("{} {}", seen.method, seen.target) == request;
        self.lock().seen.iter().filter(is_such).count()
    }

    pub(super) fn object(&self, path: &str) -> Option<Vec<u8>> {
        Some(self.lock().objects.get(path)?.0.clone())
    }

    pub(super) fn put(&self, path: &str, bytes: &[u8]) {
        let mut inner = self.lock();
        inner.count += 1;
        let count = inner.count;
        inner
            .objects
            .insert(path.to_owned(), (bytes.to_vec(), count));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    fn act(&self, seen: &Seen) -> Act {
        let mut inner = self.lock();
        inner.seen.push(seen.clone());
        let request = format!("{} {}", seen.method, seen.target);
        let acts = inner.acts.get_mut(&request);
        acts.and_then(VecDeque::pop_front).unwrap_or(Act::Serve)
    }

    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some(seen) = read(&mut reader) {
            let act = self.act(&seen);
            let answer = match act {
                Act::Refuse(status, code) => {
                    let body = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
                    answer(status, "", body.as_bytes())
                }
                Act::Cut => Vec::new(),
                Act::Delay(time) => {
                    std::thread::sleep(time);
                    self.carry_out(&seen)
                }
                Act::After(path, ref bytes) => {
                    self.put(path, bytes);
                    self.carry_out(&seen)
                }
                Act::ServeAndPut(path, ref bytes) => {
                    let answer = self.carry_out(&seen);
                    self.put(path, bytes);
                    answer
                }
                _ => self.carry_out(&seen),
            };
            let mut stream = stream;
            let end = match act {
                Act::Cut | Act::ServeAndCut | Act::ServeAndPut(..) => 0,
                Act::Half => answer.len() - 10,
                _ => answer.len(),
            };
            let mut answer = answer;
            if let (Act::Flip, Some(last)) = (&act, answer.last_mut()) {
                *last ^= 1;
            }
            let sent = stream.write_all(&answer[..end]);
            if sent.is_err() || end < answer.len() || answer.is_empty() {
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
        }
    }

    fn carry_out(&self, seen: &Seen) -> Vec<u8> {
        let mut inner = self.lock();
        let header = |name: &str| seen.headers.get(name).map(String::as_str);
        let found = inner.objects.get(&seen.target).cloned();
        let tag = |count: u64| format!("\"tag-{count}\"");
        match &*seen.method {
            "PUT" => {
                let absent = header("if-none-match") == Some("*");
                let tag_wanted = header("if-match");
                let holds = match (&found, tag_wanted) {
                    (Some((_, count)), Some(wanted)) => *wanted == tag(*count),
                    (None, Some(_)) => return answer(404, "", b"<Code>NoSuchKey</Code>"),
                    (Some(_), None) => !absent,
                    (None, None) => true,
                };
                if !holds {
                    return answer(412, "", b"<Code>PreconditionFailed</Code>");
                }
                inner.count += 1;
                let count = inner.count;
                let bytes = seen.body.clone();
                inner.objects.insert(seen.target.clone(), (bytes, count));
                answer(200, &format!("ETag: {}\r\n", tag(count)), b"")
            }
            "GET" => match found {
                None => answer(404, "", b"<Code>NoSuchKey</Code>"),
                Some((bytes, count)) => {
                    use base64::Engine as _;
                    use sha2::Digest as _;
                    let sum = base64::prelude::BASE64_STANDARD.encode(sha2::Sha256::digest(&bytes));
                    let tag = tag(count);
                    let headers = format!("ETag: {tag}\r\nx-amz-checksum-sha256: {sum}\r\n");
                    answer(200, &headers, &bytes)
                }
            },
            "DELETE" => {
                inner.objects.remove(&seen.target);
                answer(204, "", b"")
            }
            _ => answer(405, "", b""),
        }
    }
}

fn answer(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = match status {
        204 => String::new(),
        _ => format!("Content-Length: {}\r\n", body.len()),
    };
    let mut answer = format!("HTTP/1.1 {status} -\r\n{headers}{length}\r\n").into_bytes();
    answer.extend_from_slice(body);
    answer
}

/// The address of a server that lets one request at a time through to the one at another address:
/// moto looks and stores in two steps.
pub(super) fn one_at_a_time(url: &str) -> String {
    let behind = url.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let turn = Arc::new(Mutex::new(()));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (behind, turn) = (behind.clone(), turn.clone());
            std::thread::spawn(move || {
                let Some(seen) = read(&mut BufReader::new(&stream)) else {
                    return;
                };
                let answer = pass_on(&seen, &behind, &turn.lock().unwrap());
                let _ = (&stream).write_all(&answer);
            });
        }
    });
    url
}

fn pass_on(seen: &Seen, behind: &str, _turn: &MutexGuard<'_, ()>) -> Vec<u8> {
    let mut text = format!(
        "{} {} HTTP/1.1\r\nconnection: close\r\n",
        seen.method, seen.target
    );
    for (name, value) in &seen.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut stream = TcpStream::connect(behind).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream.write_all(b"\r\n").unwrap();
    stream.write_all(&seen.body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

fn read(reader: &mut impl BufRead) -> Option<Seen> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or("0", String::as_str);
    let mut body = vec![0; length.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some(Seen {
        method,
        target,
        headers,
        body,
    })
}
