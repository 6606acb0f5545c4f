//! A loopback registry, and working directories that install from it.

pub(crate) mod publisher;
pub(crate) mod server;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use muster_addr::ProviderAddr;
use muster_config::version::Constraints;
use muster_install::{
    Event, InstallError, Installation, Installer, LockFile, Method, Platform, Request, Settings,
};

use publisher::{Publisher, Releases};
use server::Server;

/// The platforms that everything is released for.
pub(crate) const PLATFORMS: [(&str, &str); 2] = [("linux", "amd64"), ("darwin", "arm64")];

/// Versions of the provider `a/fake`.
fn releases<'a>(versions: &'a [&'a str]) -> Releases<'a> {
    Releases {
        provider: "a/fake",
        versions,
        platforms: &PLATFORMS,
        program: &|version, platform| format!("#!/bin/sh\necho {version} {platform}\n").repeat(100),
    }
}

/// The archive of a version of `a/fake`.
pub(crate) fn archive(version: &str, platform: &str) -> Vec<u8> {
    releases(&[]).archive(version, platform)
}

/// The name of an archive of `a/fake`.
pub(crate) fn archive_name(version: &str, platform: (&str, &str)) -> String {
    releases(&[]).archive_name(version, platform)
}

/// Publishes versions of `a/fake` in a registry.
pub(crate) fn publish(server: &Server, publisher: &Publisher, versions: &[&str]) {
    releases(versions).publish(server, publisher);
}

/// A registry with the versions 1.0.0, 1.1.0 and 2.0.0 of a provider, and a working directory.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) publisher: Publisher,
    pub(crate) settings: Settings,
    pub(crate) dir: tempfile::TempDir,
    pub(crate) lock: LockFile,
    pub(crate) events: Mutex<Vec<Event>>,
}

impl World {
    pub(crate) fn new() -> Self {
        let (server, publisher) = (Server::start(), Publisher::new());
        publish(&server, &publisher, &["1.0.0", "2.0.0", "1.1.0"]);
        let settings = settings(&server);
        Self {
            server,
            publisher,
            settings,
            dir: tempfile::tempdir().unwrap(),
            lock: LockFile::default(),
            events: Mutex::default(),
        }
    }

    /// The address of the provider, on the registry itself.
    pub(crate) fn addr(&self) -> ProviderAddr {
        ProviderAddr::parse_source(&format!("{}/a/fake", self.server.authority)).unwrap()
    }

    pub(crate) fn installer(&self) -> Installer {
        Installer::new(self.settings.clone()).unwrap()
    }

    /// Installs, and keeps the lock file when that went well.
    pub(crate) async fn install(
        &mut self,
        constraints: &str,
        upgrade: bool,
    ) -> Result<Installation, InstallError> {
        let addr = self.addr();
        self.install_addr(addr, constraints, upgrade).await
    }

    pub(crate) async fn install_addr(
        &mut self,
        addr: ProviderAddr,
        constraints: &str,
        upgrade: bool,
    ) -> Result<Installation, InstallError> {
        self.events.lock().unwrap().clear();
        let constraints = match constraints {
            "" => Constraints::default(),
            text => Constraints::parse(text).unwrap(),
        };
        let request = Request {
            wanted: &BTreeMap::from([(addr, constraints)]),
            lock: &self.lock,
            upgrade,
            dir: &self.providers(),
        };
        let on = |event| self.events.lock().unwrap().push(event);
        let result = self.installer().install(&request, &on).await;
        let result = result.map_err(|mut failures| failures.remove(0).error);
        if let Ok(installation) = &result {
            self.lock = installation.lock.clone();
        }
        result
    }

    pub(crate) fn providers(&self) -> PathBuf {
        self.dir.path().join(".terraform/providers")
    }

    /// The text of the installed program.
    pub(crate) fn program(&self, addr: &ProviderAddr, version: &str) -> String {
        let dir = self
            .providers()
            .join(addr.to_string())
            .join(version)
            .join("linux_amd64");
        let program = muster_install::program_in(&dir, addr).unwrap();
        std::fs::read_to_string(program).unwrap()
    }

    pub(crate) fn last_event(&self) -> Event {
        self.events.lock().unwrap().last().unwrap().clone()
    }
}

/// For a platform that is always there, with short pauses.
pub(crate) fn settings(server: &Server) -> Settings {
    let mut settings = Settings {
        platform: Platform::parse("linux_amd64").unwrap(),
        ..Settings::default()
    };
    settings.http.plain.insert(server.authority.clone());
    settings.http.retries = 2;
    settings.http.pause = Duration::from_millis(5);
    settings.http.timeout = Duration::from_secs(5);
    settings
}

pub(crate) fn filesystem_mirror(dir: PathBuf) -> Vec<Method> {
    vec![Method::all(muster_install::MethodKind::FilesystemMirror(
        dir,
    ))]
}
