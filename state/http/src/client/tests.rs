use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::*;

fn config(more: serde_json::Value) -> Config {
    let mut settings = serde_json::json!({
        "address": "http://127.0.0.1:1/state?key=a-long-key&x=1",
        "retry_wait_min": 0,
    });
    let all = settings.as_object_mut().unwrap();
    all.extend(more.as_object().unwrap().clone());
    Config::new(all, &|_| None).unwrap()
}

/// A server that does so with each of its connections, and how many there were.
fn server(act: impl Fn(TcpStream) + Clone + Send + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/state", listener.local_addr().unwrap());
    let seen = Arc::<AtomicUsize>::default();
    let count = seen.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::Relaxed);
            let act = act.clone();
            thread::spawn(move || act(stream));
        }
    });
    (address, seen)
}

/// Takes a request to its end.
fn take(stream: &mut TcpStream) {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
        seen.extend(byte);
    }
}

/// Reads a state from there, where silence may last so long.
fn read(address: &str, silence: Duration) -> Result<Reply, String> {
    let config = config(serde_json::json!({ "address": address }));
    let url = config.update.url.clone();
    let mut client = Client::new(config).unwrap();
    client.silence = silence;
    client.send(Request {
        method: Method::GET,
        url,
        body: None,
    })
}

#[test]
fn a_server_that_never_answers_is_asked_once() {
    let (address, seen) = server(|mut stream| {
        // Until whoever asks has had enough.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let silence = read(&address, Duration::from_secs(1)).unwrap_err();
    assert_eq!(silence, "the server has said nothing for 1 seconds");
    assert_eq!(seen.load(Ordering::Relaxed), 1);
}

#[test]
fn an_answer_that_stops_is_not_asked_for_again() {
    let (address, seen) = server(|mut stream| {
        take(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1234");
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let silence = read(&address, Duration::from_secs(1)).unwrap_err();
    assert_eq!(silence, "the server has said nothing for 1 seconds");
    assert_eq!(seen.load(Ordering::Relaxed), 1);
}

#[test]
fn slow_answers_are_read_to_their_end() {
    let (address, seen) = server(|mut stream| {
        take(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
        for byte in b"state" {
            // All of them together take longer than silence may last.
            thread::sleep(Duration::from_secs(1));
            let _ = stream.write_all(&[*byte]);
        }
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let reply = read(&address, Duration::from_secs(4)).unwrap();
    assert_eq!((reply.status, reply.body), (200, b"state".to_vec()));
    assert_eq!(seen.load(Ordering::Relaxed), 1);
}

#[test]
fn large_states_may_take_long_to_be_sent() {
    let check = |bytes: usize, expect: u64| {
        let request = Request {
            method: Method::POST,
            url: Url::parse("http://127.0.0.1").unwrap(),
            body: Some(vec![0; bytes].into()),
        };
        let patience = Patience::new(LONGEST_SILENCE, &request);
        assert_eq!(patience.most.as_secs(), expect, "{bytes}");
    };
    check(0, 120);
    check(64 << 20, 120 + 1024);
}

#[test]
fn what_is_said_is_short_and_has_no_secrets() {
    let check = |body: &str, more: serde_json::Value, expect: &str| {
        assert_eq!(saying(body.as_bytes(), &config(more)), expect, "{body}");
    };
    let none = || serde_json::json!({});
    let token = || serde_json::json!({ "token": "hunter2" });
    check("\n so  it\tis\r\nand more", none(), "so it is");
    check(&"x".repeat(900), none(), &"x".repeat(200));
    check("<html>", none(), "");
    check("", token(), "");
    check("no hunter", token(), "no hunter");
    check("wrong token: hunter2", token(), "");
    check(&format!("{}hunter2", "x".repeat(198)), token(), "");
    let password = serde_json::json!({"username": "me", "password": "hunter 2"});
    check("wrong: hunter 2", password.clone(), "");
    check("Basic bWU6aHVudGVyIDI=", password.clone(), "");
    check("me is unknown", password, "me is unknown");
    let address = serde_json::json!({"address": "http://me:hunter2@127.0.0.1/"});
    check("hunter2", address, "");
    check("/state?key=a-long-key&x=1", none(), "");
    let header = serde_json::json!({"headers": {"x-key": "hunter2"}});
    check("x-key=hunter2", header, "");
}
