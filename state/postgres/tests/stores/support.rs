//! A PostgreSQL server for tests: one that is thrown away, or the one that the environment names.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use muster_store::Settings;
use tempfile::TempDir;

/// The server to use instead of one that is thrown away.
const URL: &str = "MUSTER_TEST_POSTGRES_URL";
/// The password of the role that tests use.
pub(crate) const PASSWORD: &str = "s3cr3t-of-tests";

/// A server.
pub(crate) struct Server {
    url: String,
    own: Option<Own>,
}

struct Own {
    programs: PathBuf,
    folder: TempDir,
    port: u16,
    owner: Option<u32>,
}

impl Server {
    /// A server for tests that leave it running, or says why the test is skipped. It ends with
    /// the last test that uses it.
    pub(crate) fn start() -> Option<Arc<Self>> {
        static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = shared.upgrade() {
            return Some(running);
        }
        let server = match std::env::var(URL) {
            Ok(url) => Self { url, own: None },
            Err(_) => Self::start_own("")?,
        };
        let server = Arc::new(server);
        *shared = Arc::downgrade(&server);
        Some(server)
    }

    /// Starts a server that may be stopped, with these settings of its own.
    pub(crate) fn start_own(settings: &str) -> Option<Self> {
        let Some(programs) = programs() else {
            let said =
                format!("SKIPPED: there is no PostgreSQL on this machine, and {URL} is not set\n");
            let _ = std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes());
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder can be made");
        let owner = owner();
        let own = Own {
            port: free_port(),
            programs,
            folder,
            owner,
        };
        own.initialize(settings);
        own.start();
        Some(Self {
            url: format!(
                "postgres://tester:{PASSWORD}@127.0.0.1:{}/postgres?sslmode=disable",
                own.port
            ),
            own: Some(own),
        })
    }

    /// How the server is reached.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Settings of a backend with a schema of its own.
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = Settings::new();
        settings.insert("conn_str".to_owned(), self.url().into());
        settings.insert("schema_name".to_owned(), unique_name().into());
        settings
    }

    /// Settings of a backend with a database of its own: advisory locks are shared by schemas.
    pub(crate) fn database(&self) -> Settings {
        let mut settings = self.settings();
        let name = unique_name();
        query(&settings, &format!("CREATE DATABASE {name}"));
        let (place, parameters) = self.url.split_once('?').unwrap_or((&self.url, ""));
        let (host, _) = place.rsplit_once('/').expect("the URL names a database");
        let url = format!("{host}/{name}?{parameters}");
        settings.insert("conn_str".to_owned(), url.into());
        settings
    }

    /// The folder of the data of a server that was started here.
    pub(crate) fn data(&self) -> PathBuf {
        self.own().data()
    }

    /// Writes a file that only the server can read.
    pub(crate) fn put(&self, path: &Path, text: &str) {
        fs::write(path, text).expect("it can be written");
        make_private(path);
        if let Some(owner) = self.own().owner {
            give(path, owner);
        }
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.own().port
    }

    /// Ends it as a crash would.
    pub(crate) fn crash(&self) {
        self.own().stop("immediate");
    }

    /// Ends it in order, and its sessions with it.
    pub(crate) fn shut_down(&self) {
        self.own().stop("fast");
    }

    /// Starts it again.
    pub(crate) fn restart(&self) {
        self.own().start();
    }

    fn own(&self) -> &Own {
        self.own.as_ref().expect("it was started here")
    }
}

/// What a statement answers in the database of these settings.
pub(crate) fn query(settings: &Settings, statement: &str) -> String {
    let programs = programs().expect("psql is there");
    let url = settings["conn_str"].as_str().expect("there is one");
    let answer = Command::new(programs.join("psql"))
        .args([url, "-XAtc", statement])
        .output()
        .expect("psql can be run");
    assert!(answer.status.success(), "{statement}: {answer:?}");
    String::from_utf8_lossy(&answer.stdout).trim().to_owned()
}

/// A session of its own, which ends with this.
pub(crate) struct Session {
    psql: Child,
    answers: BufReader<ChildStdout>,
}

impl Session {
    pub(crate) fn start(settings: &Settings) -> Self {
        let programs = programs().expect("psql is there");
        let url = settings["conn_str"].as_str().expect("there is one");
        let mut psql = Command::new(programs.join("psql"))
            .args([url, "-XAtq", "-v", "ON_ERROR_STOP=1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("psql can be run");
        let answers = psql.stdout.take().expect("it is a pipe");
        Self {
            psql,
            answers: BufReader::new(answers),
        }
    }

    /// Runs statements that answer nothing, to their end.
    pub(crate) fn run(&mut self, statements: &str) {
        let stdin = self.psql.stdin.as_mut().expect("it is a pipe");
        writeln!(stdin, "{statements};\n\\echo done").expect("psql reads");
        let mut answer = String::new();
        let read = self.answers.read_line(&mut answer);
        read.expect("psql answers");
        assert_eq!(answer.trim(), "done", "{statements}");
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // It ends with what it reads.
        drop(self.psql.stdin.take());
        let _ = self.psql.wait();
    }
}

fn unique_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("test_{}_{next}", std::process::id())
}

impl Own {
    fn initialize(&self, settings: &str) {
        let password = self.folder.path().join("password");
        fs::write(&password, PASSWORD).expect("it can be written");
        if let Some(owner) = self.owner {
            give(self.folder.path(), owner);
            give(&password, owner);
        }
        self.run(
            "initdb",
            &[
                "--username=tester",
                "--auth=scram-sha-256",
                "--no-sync",
                "--encoding=UTF8",
                "--locale=C",
                &format!("--pwfile={}", password.display()),
            ],
        );
        let folder = self.folder.path().display();
        let file = self.data().join("postgresql.conf");
        let mut file = fs::OpenOptions::new()
            .append(true)
            .open(file)
            .expect("there are settings");
        let port = self.port;
        writeln!(
            file,
            "listen_addresses = '127.0.0.1'\nport = {port}\nfsync = off\n\
             unix_socket_directories = '{folder}'\n{settings}"
        )
        .expect("it can be written");
    }

    fn start(&self) {
        let log = self.folder.path().join("log");
        self.run("pg_ctl", &["-w", "-l", &log.display().to_string(), "start"]);
    }

    fn stop(&self, mode: &str) {
        self.run("pg_ctl", &["-m", mode, "stop"]);
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new(self.programs.join(program));
        command
            .env("PGDATA", self.data())
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        #[cfg(unix)]
        if let Some(owner) = self.owner {
            std::os::unix::process::CommandExt::uid(&mut command, owner);
        }
        let status = command.status().expect("the program can be run");
        assert!(status.success(), "{program} {arguments:?}: {status}");
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let mut command = Command::new(self.programs.join("pg_ctl"));
        command
            .args(["-m", "immediate", "stop"])
            .env("PGDATA", self.data())
            .current_dir(self.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        #[cfg(unix)]
        if let Some(owner) = self.owner {
            std::os::unix::process::CommandExt::uid(&mut command, owner);
        }
        // It may be stopped already.
        let _ = command.status();
    }
}

/// The folder of the newest server's programs.
fn programs() -> Option<PathBuf> {
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut found: Vec<_> = installed.flatten().map(|e| e.path().join("bin")).collect();
    found.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    found.extend(std::env::split_paths(&path));
    found.into_iter().find(|f| f.join("initdb").is_file())
}

/// The user that the server runs as, because it refuses to run as root.
#[cfg(unix)]
fn owner() -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    let me = fs::metadata("/proc/self").ok()?.uid();
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let id = |name: &str| {
        let mut lines = users.lines().map(|line| line.split(':'));
        let mut user = lines.find(|user| user.clone().next() == Some(name))?;
        user.nth(2)?.parse().ok()
    };
    (me == 0)
        .then(|| id("postgres").or_else(|| id("nobody")))
        .flatten()
}

#[cfg(not(unix))]
fn owner() -> Option<u32> {
    None
}

#[cfg(unix)]
fn make_private(path: &Path) {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(path, mode).expect("it is there");
}

#[cfg(not(unix))]
fn make_private(_: &Path) {}

#[cfg(unix)]
fn give(path: &Path, owner: u32) {
    std::os::unix::fs::chown(path, Some(owner), None).expect("root may give files away");
}

#[cfg(not(unix))]
fn give(_: &Path, _: u32) {}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("it has an address").port()
}
