//! Mirrors in directories and on the network.

use std::path::Path;

use muster_addr::ProviderAddr;
use muster_config::version::Version;
use muster_install::{
    Authentication, Event, InstallError, LockFile, Method, MethodKind, Platform, write_index,
};

use crate::support::server::{Reply, Server};
use crate::support::{PLATFORMS, World, archive, archive_name, filesystem_mirror};

fn addr() -> ProviderAddr {
    ProviderAddr::new("a", "fake")
}

/// A directory with packed versions.
fn packed(versions: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(addr().to_string());
    std::fs::create_dir_all(&folder).unwrap();
    for version in versions {
        for (os, arch) in PLATFORMS {
            let name = archive_name(version, (os, arch));
            std::fs::write(folder.join(name), archive(version, &format!("{os}_{arch}"))).unwrap();
        }
    }
    dir
}

fn authentication(world: &World) -> Authentication {
    match world.last_event() {
        Event::Installed(_, _, authentication) => authentication,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn packed_archives_are_unpacked() {
    let mirror = packed(&["1.0.0", "1.1.0"]);
    let mut world = World::new();
    world.settings.methods = filesystem_mirror(mirror.path().to_owned());
    let installed = world.install_addr(addr(), "", false).await.unwrap();
    assert_eq!(installed.incomplete, [addr()]);
    assert_eq!(authentication(&world), Authentication::Unauthenticated);
    assert!(
        world
            .program(&addr(), "1.1.0")
            .contains("1.1.0 linux_amd64")
    );
    let locked = &world.lock.providers[&addr()];
    assert!(locked.hashes.len() == 1 && locked.hashes.iter().all(|h| h.is_contents()));
    std::fs::remove_dir_all(world.providers()).unwrap();
    world.install_addr(addr(), "", false).await.unwrap();
    assert_eq!(authentication(&world), Authentication::Locked);
    // An archive that was cut off.
    std::fs::remove_dir_all(world.providers()).unwrap();
    let path = mirror
        .path()
        .join(addr().to_string())
        .join(archive_name("1.1.0", ("linux", "amd64")));
    let data = std::fs::read(&path).unwrap();
    std::fs::write(&path, &data[..data.len() / 2]).unwrap();
    let error = world.install_addr(addr(), "", false).await.unwrap_err();
    assert!(matches!(error, InstallError::Unpack { .. }), "{error}");
}

#[tokio::test]
async fn unpacked_packages_are_linked() {
    let dir = tempfile::tempdir().unwrap();
    let package = dir
        .path()
        .join(addr().to_string())
        .join("1.0.0/linux_amd64");
    std::fs::create_dir_all(&package).unwrap();
    std::fs::write(package.join("README"), "").unwrap();
    let mut world = World::new();
    world.settings.methods = filesystem_mirror(dir.path().to_owned());
    let error = world.install_addr(addr(), "", false).await.unwrap_err();
    assert!(matches!(error, InstallError::NoProgram { .. }), "{error}");
    std::fs::write(package.join("terraform-provider-fake_v1.0.0"), "here").unwrap();
    world.install_addr(addr(), "", false).await.unwrap();
    assert_eq!(world.program(&addr(), "1.0.0"), "here");
    let target = world
        .providers()
        .join(addr().to_string())
        .join("1.0.0/linux_amd64");
    assert!(target.is_symlink());
    std::fs::write(package.join("terraform-provider-fake_v1.0.0"), "other").unwrap();
    let error = world.install_addr(addr(), "", false).await.unwrap_err();
    assert!(matches!(error, InstallError::NotLocked { .. }), "{error}");
}

#[tokio::test]
async fn the_first_method_with_a_version_gives_it() {
    let (one, two) = (packed(&["1.0.0"]), packed(&["1.0.0", "1.1.0"]));
    let mut world = World::new();
    world.settings.methods = [one.path(), two.path()]
        .map(|dir| filesystem_mirror(dir.to_owned()).remove(0))
        .to_vec();
    world.install_addr(addr(), "", false).await.unwrap();
    assert!(world.program(&addr(), "1.1.0").contains("1.1.0"));
    world.settings.methods[1].exclude.push("a/*".to_owned());
    world.install_addr(addr(), "", true).await.unwrap();
    assert!(world.program(&addr(), "1.0.0").contains("1.0.0"));
    world.settings.methods[0].include.push("b/*".to_owned());
    let error = world.install_addr(addr(), "", true).await.unwrap_err();
    assert!(matches!(error, InstallError::NotFound { .. }), "{error}");
    world.settings.methods.clear();
    assert!(world.install_addr(addr(), "", true).await.is_err());
}

/// Offers a directory on a server.
fn offer(server: &Server, dir: &Path) {
    for entry in std::fs::read_dir(dir.join(addr().to_string()))
        .unwrap()
        .flatten()
    {
        let name = entry.file_name().into_string().unwrap();
        let body = std::fs::read(entry.path()).unwrap();
        server.put(&format!("/mirror/{}/{name}", addr()), Reply::ok(body));
    }
}

#[tokio::test]
async fn a_mirror_that_was_made_here_is_used_over_the_network() {
    // From the registry to a directory, from there to a server, and from there to a project.
    let mut world = World::new();
    let authority = world.server.authority.clone();
    world
        .settings
        .hosts
        .stand_ins
        .insert("registry.terraform.io".to_owned(), authority.clone());
    let dir = tempfile::tempdir().unwrap();
    for version in ["1.0.0", "1.1.0"] {
        for (os, arch) in PLATFORMS {
            let (version, platform) = (
                Version::parse(version).unwrap(),
                Platform::parse(&format!("{os}_{arch}")).unwrap(),
            );
            let found = world
                .installer()
                .mirror(&addr(), &version, &platform, dir.path(), &|_| {})
                .await;
            assert!(matches!(found.unwrap(), Authentication::SelfSigned(_)));
        }
    }
    write_index(dir.path(), &addr()).unwrap();
    offer(&world.server, dir.path());
    let url = world.server.url("/mirror");
    world.settings.methods = vec![Method::all(MethodKind::NetworkMirror(url))];
    world
        .settings
        .hosts
        .tokens
        .insert(authority, "secret".to_owned());
    world.install_addr(addr(), "", false).await.unwrap();
    assert_eq!(authentication(&world), Authentication::Checksum);
    assert!(
        world
            .program(&addr(), "1.1.0")
            .contains("1.1.0 linux_amd64")
    );
    let hits = world
        .server
        .hits(&archive_name("1.1.0", ("linux", "amd64")));
    assert_eq!(hits.last().unwrap().token.as_deref(), Some("secret"));
    // One that is exchanged is noticed.
    let path = format!(
        "/mirror/{}/{}",
        addr(),
        archive_name("1.0.0", ("linux", "amd64"))
    );
    world
        .server
        .put(&path, Reply::ok(archive("6.6.6", "linux_amd64")));
    let error = world.install_addr(addr(), "1.0.0", true).await.unwrap_err();
    assert!(matches!(error, InstallError::Checksum { .. }), "{error}");
    let error = world
        .install_addr(ProviderAddr::new("a", "other"), "", true)
        .await
        .unwrap_err();
    assert!(matches!(error, InstallError::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn checksums_of_other_platforms_are_found() {
    let world = World::new();
    let version = Version::parse("1.0.0").unwrap();
    let mut all = std::collections::BTreeSet::new();
    for (os, arch) in PLATFORMS {
        let platform = Platform::parse(&format!("{os}_{arch}")).unwrap();
        all.extend(
            world
                .installer()
                .checksums(&world.addr(), &version, &platform, &|_| {})
                .await
                .unwrap(),
        );
    }
    let count = |test: fn(&muster_install::Hash) -> bool| all.iter().filter(|h| test(h)).count();
    assert_eq!(
        (count(|h| h.is_contents()), count(|h| h.is_archive())),
        (2, 2)
    );
    // What is locked for one platform is found again on another.
    let mut world = World {
        lock: LockFile::default(),
        ..world
    };
    world.install("1.0.0", false).await.unwrap();
    assert!(world.lock.providers[&world.addr()].hashes.is_subset(&all));
}
