//! Installation from a registry.

use std::collections::BTreeMap;

use crate::support::publisher::{Publisher, hex_sum};
use crate::support::server::{Reply, Server};
use crate::support::{World, archive, archive_name};
use muster_addr::ProviderAddr;
use muster_install::{Authentication, DEFAULT_HOST, Event, HttpReason, InstallError, LockFile};

fn hashes(lock: &LockFile) -> Vec<String> {
    let locked = lock.providers.values().next().unwrap();
    locked.hashes.iter().map(ToString::to_string).collect()
}

fn version(lock: &LockFile) -> String {
    lock.providers.values().next().unwrap().version.to_string()
}

#[tokio::test]
async fn what_is_installed_is_signed_and_locked() {
    let mut world = World::new();
    let installed = world.install("~> 1.0", false).await.unwrap();
    assert_eq!(version(&world.lock), "1.1.0");
    assert!(installed.incomplete.is_empty());
    let found = hashes(&world.lock);
    assert_eq!(
        found.iter().filter(|h| h.starts_with("zh:")).count(),
        2,
        "{found:?}"
    );
    assert_eq!(
        found.iter().filter(|h| h.starts_with("h1:")).count(),
        1,
        "{found:?}"
    );
    assert!(
        world
            .program(&world.addr(), "1.1.0")
            .contains("1.1.0 linux_amd64")
    );
    let Event::Installed(_, _, Authentication::SelfSigned(key)) = world.last_event() else {
        panic!("{:?}", world.last_event());
    };
    assert_eq!(key.0, *world.publisher.key_id());
    // Once more, with nothing to do.
    let before = world.lock.clone();
    let asked = world.server.hits("").len();
    world.install("~> 1.0", false).await.unwrap();
    assert!(matches!(world.last_event(), Event::Present(..)));
    assert_eq!((world.server.hits("").len(), &world.lock), (asked, &before));
}

#[tokio::test]
async fn the_lock_holds_until_an_upgrade() {
    let mut world = World::new();
    world.install("1.0.0", false).await.unwrap();
    let old = world.lock.clone();
    world.install(">= 1.0.0", false).await.unwrap();
    assert_eq!(version(&world.lock), "1.0.0");
    let error = world.install(">= 1.1.0", false).await.unwrap_err();
    assert!(matches!(error, InstallError::LockedOut { .. }), "{error}");
    world.install(">= 1.1.0", true).await.unwrap();
    assert_eq!(version(&world.lock), "2.0.0");
    assert!(
        hashes(&world.lock)
            .iter()
            .all(|h| !hashes(&old).contains(h))
    );
    let error = world.install("~> 3.0", true).await.unwrap_err();
    assert!(matches!(error, InstallError::NoVersion { .. }), "{error}");
    assert!(
        error.to_string().contains("There are: 2.0.0, 1.1.0, 1.0.0"),
        "{error}"
    );
}

#[tokio::test]
async fn other_packages_than_the_locked_one_are_refused() {
    let mut world = World::new();
    world.install("1.0.0", false).await.unwrap();
    let good = world.lock.clone();
    std::fs::remove_dir_all(world.providers()).unwrap();
    // The publisher releases something else under the same version.
    world.server.put("/other", Reply::default());
    let text = LockFile::parse(
        &good
            .to_string()
            .replace("zh:", "zh:0")
            .replace("h1:", "h1:0"),
    )
    .unwrap();
    world.lock = text;
    let error = world.install("1.0.0", false).await.unwrap_err();
    assert!(matches!(error, InstallError::NotLocked { .. }), "{error}");
    assert!(!world.providers().join(world.addr().to_string()).exists());
    world.lock = good;
    world.install("1.0.0", false).await.unwrap();
    // A program that was exchanged in its place is replaced.
    let program = world.providers().join(format!(
        "{}/1.0.0/linux_amd64/terraform-provider-fake_v1.0.0",
        world.addr()
    ));
    std::fs::write(&program, "evil").unwrap();
    world.install("1.0.0", false).await.unwrap();
    assert!(
        world
            .program(&world.addr(), "1.0.0")
            .contains("1.0.0 linux_amd64")
    );
}

#[tokio::test]
async fn a_tampered_archive_is_refused() {
    let mut world = World::new();
    let path = format!("/files/{}", archive_name("1.0.0", ("linux", "amd64")));
    world.server.change(&path, |reply| {
        let middle = reply.body.len() / 2;
        reply.body[middle] ^= 1;
    });
    let error = world.install("1.0.0", false).await.unwrap_err();
    assert!(matches!(error, InstallError::Checksum { .. }), "{error}");
    // Nor does it help to have the registry name the other checksum.
    let other = archive("6.6.6", "linux_amd64");
    let download = "/v1/providers/a/fake/1.0.0/download/linux/amd64";
    let good = archive("1.0.0", "linux_amd64");
    world.server.change(download, |reply| {
        let text = String::from_utf8(reply.body.clone()).unwrap();
        reply.body = text.replace(&hex_sum(&good), &hex_sum(&other)).into_bytes();
    });
    world
        .server
        .change(&path, |reply| reply.body = other.clone());
    let error = world.install("1.0.0", false).await.unwrap_err();
    assert!(matches!(error, InstallError::Sums { .. }), "{error}");
    world.server.change("/files/1.0.0/SHA256SUMS", |reply| {
        let text = String::from_utf8(reply.body.clone()).unwrap();
        reply.body = text.replace(&hex_sum(&good), &hex_sum(&other)).into_bytes();
    });
    let error = world.install("1.0.0", false).await.unwrap_err();
    assert!(matches!(error, InstallError::Signature { .. }), "{error}");
}

#[tokio::test]
async fn a_wrong_signature_is_refused() {
    let mut world = World::new();
    let sums = archive_sums(&world.server).await;
    let stranger = Publisher::new().sign(&sums);
    world
        .server
        .put("/files/1.0.0/SHA256SUMS.sig", Reply::ok(stranger));
    let error = world.install("1.0.0", false).await.unwrap_err();
    assert!(
        error.to_string().contains("none of the given keys"),
        "{error}"
    );
    let other = world.publisher.sign(b"something else");
    world
        .server
        .put("/files/1.0.0/SHA256SUMS.sig", Reply::ok(other));
    let error = world.install("1.0.0", false).await.unwrap_err();
    assert!(error.to_string().contains("does not fit"), "{error}");
    assert!(!world.providers().join(world.addr().to_string()).exists());
    world.server.put(
        "/files/1.0.0/SHA256SUMS.sig",
        Reply::ok(world.publisher.sign(&sums)),
    );
    world.install("1.0.0", false).await.unwrap();
}

async fn archive_sums(server: &Server) -> Vec<u8> {
    let mut body = Vec::new();
    server.change("/files/1.0.0/SHA256SUMS", |reply| body = reply.body.clone());
    body
}

#[tokio::test]
async fn weak_moments_pass() {
    let mut world = World::new();
    let path = format!("/files/{}", archive_name("1.0.0", ("linux", "amd64")));
    world
        .server
        .change("/v1/providers/a/fake/versions", |reply| reply.failures = 1);
    world
        .server
        .change("/files/1.0.0/SHA256SUMS", |reply| reply.failures = 2);
    world.server.change(&path, |reply| {
        reply.failures = 1;
        reply.broken = 1;
    });
    world.install("1.0.0", false).await.unwrap();
    assert_eq!(world.server.hits(&path).len(), 3);
}

#[tokio::test]
async fn lasting_failures_are_told() {
    let mut world = World::new();
    let path = format!("/files/{}", archive_name("1.0.0", ("linux", "amd64")));
    world.server.change(&path, |reply| reply.broken = 100);
    let error = world.install("1.0.0", false).await.unwrap_err();
    assert!(
        matches!(&error, InstallError::Http(e) if matches!(e.reason, HttpReason::Connection(_))),
        "{error}"
    );
    assert_eq!(world.server.hits(&path).len(), 3);
    world
        .server
        .change("/v1/providers/a/fake/versions", |reply| {
            reply.failures = 100
        });
    let error = world.install("1.0.0", false).await.unwrap_err();
    assert!(error.to_string().contains("status 500"), "{error}");
    world.server.put(
        "/v1/providers/a/fake/versions",
        Reply::ok("{\"versions\": 1}"),
    );
    let error = world.install("1.0.0", false).await.unwrap_err();
    assert!(matches!(error, InstallError::Answer { .. }), "{error}");
    let unknown =
        ProviderAddr::parse_source(&format!("{}/a/unknown", world.server.authority)).unwrap();
    let error = world.install_addr(unknown, "", false).await.unwrap_err();
    assert!(matches!(error, InstallError::NotFound { .. }), "{error}");
    world
        .server
        .put("/.well-known/terraform.json", Reply::ok("{}"));
    let error = world.install("1.0.0", false).await.unwrap_err();
    assert!(matches!(error, InstallError::Discovery { .. }), "{error}");
}

#[tokio::test]
async fn redirects_are_followed_where_they_are_safe() {
    let mut world = World::new();
    let name = archive_name("1.0.0", ("linux", "amd64"));
    let storage = Server::start();
    storage.put("/x", Reply::ok(archive("1.0.0", "linux_amd64")));
    world.server.put(
        &format!("/files/{name}"),
        Reply::redirect(&storage.url("/x")),
    );
    let error = world.install("1.0.0", false).await.unwrap_err();
    assert!(error.to_string().contains("encrypted"), "{error}");
    assert!(storage.hits("").is_empty());
    world.settings.http.plain.insert(storage.authority.clone());
    world.install("1.0.0", false).await.unwrap();
    world.server.put(
        "/.well-known/terraform.json",
        Reply::redirect("/.well-known/terraform.json"),
    );
    let error = world.install("1.1.0", true).await.unwrap_err();
    assert!(error.to_string().contains("too many redirects"), "{error}");
}

#[tokio::test]
async fn the_default_host_has_a_stand_in() {
    let mut world = World::new();
    let authority = world.server.authority.clone();
    world
        .settings
        .hosts
        .stand_ins
        .insert(DEFAULT_HOST.to_owned(), authority);
    let addr = ProviderAddr::new("a", "fake");
    world
        .install_addr(addr.clone(), "1.0.0", false)
        .await
        .unwrap();
    assert!(world.lock.providers.contains_key(&addr));
    assert!(world.program(&addr, "1.0.0").contains("1.0.0"));
    // So do services that are configured.
    let service = world.server.url("/v1/providers");
    let services = BTreeMap::from([("providers.v1".to_owned(), service)]);
    world
        .settings
        .hosts
        .services
        .insert(DEFAULT_HOST.to_owned(), services);
    world.settings.hosts.stand_ins.clear();
    world.install_addr(addr, "1.1.0", true).await.unwrap();
    assert_eq!(version(&world.lock), "1.1.0");
}

#[tokio::test]
async fn credentials_go_to_their_host_only() {
    let mut world = World::new();
    for path in [
        "/v1/providers/a/fake/versions",
        "/v1/providers/a/fake/1.0.0/download/linux/amd64",
    ] {
        world
            .server
            .change(path, |reply| reply.token = Some("secret".to_owned()));
    }
    let error = world.install("1.0.0", false).await.unwrap_err();
    assert!(error.to_string().contains("credentials"), "{error}");
    let authority = world.server.authority.clone();
    world
        .settings
        .hosts
        .tokens
        .insert(authority, "secret".to_owned());
    world.install("1.0.0", false).await.unwrap();
    let files: Vec<_> = world
        .server
        .hits("")
        .into_iter()
        .filter(|r| r.path.starts_with("/files"))
        .collect();
    assert!(
        !files.is_empty() && files.iter().all(|r| r.token.is_none()),
        "{files:?}"
    );
}

#[tokio::test]
async fn platforms_and_protocols_have_to_fit() {
    let mut world = World::new();
    let download = "/v1/providers/a/fake/1.0.0/download/linux/amd64";
    world.server.change(download, |reply| {
        let text = String::from_utf8(reply.body.clone()).unwrap();
        reply.body = text.replace("[\"6.0\"]", "[\"4.0\"]").into_bytes();
    });
    let error = world.install("1.0.0", false).await.unwrap_err();
    assert!(matches!(error, InstallError::Protocol { .. }), "{error}");
    world.server.put(
        download,
        Reply {
            status: 404,
            ..Reply::default()
        },
    );
    let error = world.install("1.0.0", false).await.unwrap_err();
    assert!(matches!(error, InstallError::NoPackage { .. }), "{error}");
}
