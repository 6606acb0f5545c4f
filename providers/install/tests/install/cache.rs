//! The plugin cache.

use std::sync::Arc;

use futures::future::join_all;
use muster_addr::ProviderAddr;
use muster_config::version::{Constraints, Version};
use muster_install::{Event, Installer, LockFile, Request, archive_name, package_dir};

use crate::support::{World, archive_name as file_name};

fn with_cache() -> (World, tempfile::TempDir) {
    let mut world = World::new();
    let cache = tempfile::tempdir().unwrap();
    world.settings.cache = Some(cache.path().to_owned());
    (world, cache)
}

fn path() -> String {
    format!("/files/{}", file_name("1.0.0", ("linux", "amd64")))
}

#[tokio::test]
async fn a_package_is_downloaded_once() {
    let (mut world, cache) = with_cache();
    world.install("1.0.0", false).await.unwrap();
    let target = world
        .providers()
        .join(format!("{}/1.0.0/linux_amd64", world.addr()));
    let cached = cache
        .path()
        .join(format!("{}/1.0.0/linux_amd64", world.addr()));
    assert_eq!(
        target.canonicalize().unwrap(),
        cached.canonicalize().unwrap()
    );
    let lock = world.lock.clone();
    // With the lock file, nobody is asked at all.
    std::fs::remove_dir_all(world.providers()).unwrap();
    let asked = world.server.hits("").len();
    world.install("1.0.0", false).await.unwrap();
    assert!(matches!(world.last_event(), Event::Shared(..)));
    assert_eq!((world.server.hits("").len(), &world.lock), (asked, &lock));
    // Without, the package in the cache is held against what the publisher signed.
    std::fs::remove_dir_all(world.providers()).unwrap();
    world.lock = LockFile::default();
    world.install("1.0.0", false).await.unwrap();
    assert!(matches!(world.last_event(), Event::Installed(..)));
    assert_eq!((world.server.hits(&path()).len(), &world.lock), (1, &lock));
}

#[tokio::test]
async fn a_changed_package_in_the_cache_is_replaced() {
    let (mut world, cache) = with_cache();
    world.install("1.0.0", false).await.unwrap();
    let addr = world.addr();
    let program = cache.path().join(format!(
        "{addr}/1.0.0/linux_amd64/terraform-provider-fake_v1.0.0"
    ));
    for lock in [world.lock.clone(), LockFile::default()] {
        world.lock = lock;
        std::fs::write(&program, "evil").unwrap();
        world.install("1.0.0", false).await.unwrap();
        assert!(world.program(&addr, "1.0.0").contains("1.0.0 linux_amd64"));
    }
    assert_eq!(world.server.hits(&path()).len(), 3);
}

#[tokio::test]
async fn a_cache_that_others_filled_is_used() {
    let (mut world, cache) = with_cache();
    world.install("1.0.0", false).await.unwrap();
    std::fs::remove_dir_all(cache.path().join(".muster")).unwrap();
    world.install("1.0.0", false).await.unwrap();
    assert_eq!(world.server.hits(&path()).len(), 1);
    // What it was unpacked from is not known, so it cannot be held against signed checksums.
    world.lock = LockFile::default();
    world.install("1.0.0", false).await.unwrap();
    world.lock = LockFile::default();
    world.install("1.0.0", false).await.unwrap();
    assert_eq!(world.server.hits(&path()).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_start_with_a_cold_cache() {
    let (world, cache) = with_cache();
    let addr = world.addr();
    let wanted = [(addr.clone(), Constraints::parse("1.0.0").unwrap())].into();
    let wanted = &wanted;
    let installer = Arc::new(Installer::new(world.settings.clone()).unwrap());
    let inits = (0..50).map(|n| {
        let (installer, dir) = (Arc::clone(&installer), world.dir.path().join(n.to_string()));
        async move {
            let request = Request {
                wanted,
                lock: &LockFile::default(),
                upgrade: false,
                dir: &dir,
            };
            let installed = installer.install(&request, &|_| {}).await.unwrap();
            (dir, installed.lock)
        }
    });
    let done = join_all(inits).await;
    for (dir, lock) in &done {
        let version = Version::parse("1.0.0").unwrap();
        let dir = package_dir(dir, &addr, &version, &world.settings.platform);
        let program = muster_install::program_in(&dir, &addr).unwrap();
        assert!(
            std::fs::read_to_string(program)
                .unwrap()
                .contains("1.0.0 linux_amd64")
        );
        assert_eq!(lock, &done[0].1);
    }
    assert_eq!(world.server.hits(&path()).len(), 1);
    let left = std::fs::read_dir(cache.path().join(".muster"))
        .unwrap()
        .flatten();
    let left: Vec<_> = left
        .filter(|e| e.file_name().to_string_lossy().starts_with(".installing"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn archives_have_the_name_of_releases() {
    let (version, platform) = (
        Version::parse("1.0.0").unwrap(),
        muster_install::Platform::parse("linux_amd64").unwrap(),
    );
    let name = archive_name(&ProviderAddr::new("a", "fake"), &version, &platform);
    assert_eq!(name, file_name("1.0.0", ("linux", "amd64")));
}
