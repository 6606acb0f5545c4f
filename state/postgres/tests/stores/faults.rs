//! Connections that are cut at the worst moment.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use muster_postgres::{PgBackend, RowsBackend};
use muster_snapshot::{JsonText, Snapshot};
use muster_store::{Codec, LockInfo, Settings, Store, StoreError};

use crate::rows_locks::{PATIENT, losses, wait_for};
use crate::support::{Server, query};

/// When a connection is cut: with the first request that has these bytes in it.
#[derive(Clone, Copy)]
enum Cut {
    /// The server does not get the request.
    Before(&'static str),
    /// The server gets it, but its answer is lost.
    After(&'static str),
}

type Plan = Arc<Mutex<Option<Cut>>>;

/// Stands between a store and its server.
struct Proxy {
    plan: Plan,
    port: u16,
}

impl Proxy {
    fn new(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let port = listener.local_addr().expect("it has an address").port();
        let plan = Plan::default();
        let within = plan.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(("127.0.0.1", server)).expect("it is there");
                let plan = within.clone();
                thread::spawn(move || forward(&client, &server, &plan));
            }
        });
        Self { plan, port }
    }

    fn plan(&self, cut: Cut) {
        *self.plan.lock().expect("nobody panics") = Some(cut);
    }

    /// Settings that go through the proxy.
    fn instead_of(&self, server: &Server, direct: &Settings) -> Settings {
        let url = direct["conn_str"].as_str().expect("there is one");
        let (old, new) = (format!(":{}/", server.port()), format!(":{}/", self.port));
        let mut settings = direct.clone();
        settings.insert("conn_str".to_owned(), url.replace(&old, &new).into());
        settings
    }

    fn is_done(&self) -> bool {
        self.plan.lock().expect("nobody panics").is_none()
    }
}

fn copy(mut from: &TcpStream, mut to: &TcpStream, muted: &Mutex<bool>) {
    let mut buffer = [0; 65536];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        if *muted.lock().expect("nobody panics") || to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

fn forward(mut client: &TcpStream, mut server: &TcpStream, plan: &Plan) {
    let muted = Mutex::new(false);
    thread::scope(|scope| {
        scope.spawn(|| copy(server, client, &muted));
        let mut buffer = [0; 65536];
        while let Ok(n @ 1..) = client.read(&mut buffer) {
            let request = String::from_utf8_lossy(&buffer[..n]);
            let cut = plan
                .lock()
                .expect("nobody panics")
                .take_if(|cut| match cut {
                    Cut::Before(text) | Cut::After(text) => request.contains(*text),
                });
            if let Some(Cut::Before(_)) = cut {
                break;
            }
            *muted.lock().expect("nobody panics") = cut.is_some();
            if server.write_all(&buffer[..n]).is_err() {
                break;
            }
            if cut.is_some() {
                // The server has time to do it.
                thread::sleep(Duration::from_millis(300));
                break;
            }
        }
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    });
}

type Open = fn(&Settings) -> Box<dyn Store>;

fn open_pg(settings: &Settings) -> Box<dyn Store> {
    let backend = PgBackend::open(settings, Codec::default());
    let store = backend.and_then(|backend| backend.open("default"));
    store.expect("the database can be used")
}

fn open_rows(settings: &Settings) -> Box<dyn Store> {
    let backend = RowsBackend::open(settings, Codec::default());
    let store = backend.and_then(|backend| backend.open("default"));
    store.expect("the database can be used")
}

/// Writes with and without a lock while the connection is cut: it is written exactly once.
fn check(server: &Server, open: Open, cut: Cut, is_locked: bool) {
    let proxy = Proxy::new(server.port());
    let direct = server.database();
    let settings = proxy.instead_of(server, &direct);
    let store = open(&settings);
    let lock = is_locked.then(|| {
        let lock = store.lock(LockInfo::new("apply", "0"), Duration::ZERO);
        lock.expect("it is free")
    });
    let mut state = Snapshot::new("1");
    for n in 1..4u64 {
        if n == 2 {
            proxy.plan(cut);
        }
        state.checks = JsonText::parse(&n.to_string()).ok();
        assert!(store.write(&mut state).expect("it is tried again"));
        assert_eq!(state.serial, n);
        assert_eq!(
            open(&direct).read().expect("it can be read"),
            Some(state.clone())
        );
    }
    assert!(proxy.is_done(), "the connection was cut");
    if let Ok(history) = store.history() {
        let serials: Vec<_> = history.iter().map(|version| version.serial).collect();
        assert_eq!(serials, [3, 2, 1]);
    }
    if let Some(lock) = lock {
        let other = open(&direct).lock(LockInfo::new("plan", "0"), Duration::ZERO);
        assert!(other.is_err(), "it is still locked");
        lock.release().expect("it is held");
    }
    let other = open(&direct).lock(LockInfo::new("plan", "0"), Duration::from_secs(5));
    other.expect("it is free").release().expect("it is held");
}

#[test]
fn writes_through_cut_connections_are_done_once() {
    let Some(server) = Server::start_own("") else {
        return;
    };
    for open in [open_pg as Open, open_rows] {
        for is_locked in [false, true] {
            for cut in [
                Cut::Before("COMMIT"),
                Cut::After("COMMIT"),
                Cut::After("FOR UPDATE"),
            ] {
                check(&server, open, cut, is_locked);
            }
        }
    }
}

#[test]
fn answers_about_locks_may_be_lost() {
    let Some(server) = Server::start_own("") else {
        return;
    };
    for (open, take, release) in [
        (
            open_pg as Open,
            "pg_try_advisory_lock",
            "pg_advisory_unlock_all",
        ),
        (open_rows, "INSERT INTO", "DELETE FROM"),
    ] {
        let proxy = Proxy::new(server.port());
        let direct = server.database();
        let settings = proxy.instead_of(&server, &direct);
        let store = open(&settings);
        proxy.plan(Cut::After(take));
        let lock = store.lock(LockInfo::new("apply", "0"), Duration::from_secs(5));
        let lock = lock.expect("it is free");
        assert!(proxy.is_done(), "the connection was cut");
        let again = open(&direct).lock(LockInfo::new("plan", "0"), Duration::ZERO);
        assert!(again.is_err(), "it is locked");
        proxy.plan(Cut::After(release));
        // Whatever it says, the lock is gone with the session or by the second attempt.
        let _ = lock.release();
        let again = open(&direct).lock(LockInfo::new("plan", "0"), Duration::from_secs(5));
        again.expect("it is free").release().expect("it is held");
    }
}

/// The sessions that hold locks as Terraform's are.
const HOLDERS: &str = "FROM pg_locks WHERE locktype = 'advisory'
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

#[test]
fn a_session_that_is_cut_off_takes_its_lock_again() {
    let Some(server) = Server::start_own("") else {
        return;
    };
    let proxy = Proxy::new(server.port());
    let direct = server.database();
    let store = open_pg(&proxy.instead_of(&server, &direct));
    store
        .write(&mut Snapshot::new("1"))
        .expect("it can be written");
    let lock = store.lock(LockInfo::new("apply", "0"), Duration::ZERO);
    let lock = lock.expect("it is free");
    let is_held_elsewhere = |first: &str| format!("SELECT pid <> {first} {HOLDERS}");
    let first = query(&direct, &format!("SELECT pid {HOLDERS}"));
    // What looks after the lock finds the connection cut, without any write.
    proxy.plan(Cut::Before("pg_backend_pid"));
    wait_for(&direct, &is_held_elsewhere(&first));
    assert!(proxy.is_done(), "the connection was cut");
    // The same when the server is started again.
    server.shut_down();
    server.restart();
    wait_for(&direct, &format!("SELECT true {HOLDERS}"));
    lock.check().expect("it is held");
    let other = open_pg(&direct).lock(LockInfo::new("plan", "0"), Duration::ZERO);
    assert!(other.is_err(), "it is still locked");
    lock.release().expect("it is held");
}

#[test]
fn a_lock_is_lost_if_the_state_has_changed_before_it_is_taken_again() {
    let Some(server) = Server::start_own("") else {
        return;
    };
    let proxy = Proxy::new(server.port());
    let direct = server.database();
    let store = open_pg(&proxy.instead_of(&server, &direct));
    let mut state = Snapshot::new("1");
    store.write(&mut state).expect("it can be written");
    let lock = store.lock(LockInfo::new("apply", "0"), Duration::ZERO);
    let lock = lock.expect("it is free");
    let told = losses(&lock);
    let mut theirs = store.read().expect("it can be read").expect("it is there");
    theirs.checks = JsonText::parse("[1]").ok();
    // Another store knows nothing of the lock, as somebody who has it between two looks.
    let wrote = open_pg(&direct).write(&mut theirs);
    assert!(wrote.expect("it can be written"));
    proxy.plan(Cut::Before("pg_backend_pid"));
    let loss = told.recv_timeout(PATIENT).expect("it is told");
    assert!(loss.contains("has changed the state since"), "{loss}");
    assert!(matches!(lock.check(), Err(StoreError::LockLost { .. })));
    // Nor is it held by the next attempt to write, and others may have it.
    state.checks = JsonText::parse("[2]").ok();
    let refused = store.write(&mut state);
    assert!(
        matches!(refused, Err(StoreError::LockLost { .. })),
        "{refused:?}"
    );
    let other = open_pg(&direct).lock(LockInfo::new("plan", "0"), PATIENT);
    other.expect("it is free").release().expect("it is held");
    lock.release()
        .expect("its session has nothing to give back");
}
