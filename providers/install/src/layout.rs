//! Where packages lie in directories: mirrors, caches and working directories share one layout.

use std::path::{Path, PathBuf};

use muster_addr::ProviderAddr;
use muster_config::version::Version;

use crate::Platform;

/// A package in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// `HOST/NAMESPACE/TYPE/VERSION/PLATFORM/`.
    Unpacked(PathBuf),
    /// `HOST/NAMESPACE/TYPE/terraform-provider-TYPE_VERSION_PLATFORM.zip`.
    Packed(PathBuf),
}

/// A package and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub version: Version,
    pub platform: Platform,
    pub place: Place,
}

/// The directory of all packages of a provider.
pub(crate) fn provider_dir(root: &Path, addr: &ProviderAddr) -> PathBuf {
    root.join(&*addr.host)
        .join(&*addr.namespace)
        .join(&*addr.type_name)
}

/// The directory of an unpacked package below a directory in this layout.
pub fn package_dir(
    root: &Path,
    addr: &ProviderAddr,
    version: &Version,
    platform: &Platform,
) -> PathBuf {
    provider_dir(root, addr)
        .join(version.to_string())
        .join(platform.to_string())
}

/// The name of an archive.
pub fn archive_name(addr: &ProviderAddr, version: &Version, platform: &Platform) -> String {
    format!(
        "terraform-provider-{}_{version}_{platform}.zip",
        addr.type_name
    )
}

/// The program in an unpacked package: the first of the fitting names.
pub fn program_in(dir: &Path, addr: &ProviderAddr) -> Option<PathBuf> {
    let prefix = format!("terraform-provider-{}", addr.type_name);
    let fits = |name: &str| {
        let rest = name.strip_prefix(&prefix);
        rest.is_some_and(|r| r.is_empty() || r.starts_with('_') || r.starts_with(".exe"))
    };
    let entries = std::fs::read_dir(dir).ok()?.flatten();
    entries
        .filter(|entry| entry.file_name().to_str().is_some_and(fits))
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .min()
}

/// All packages of a provider below a directory, in no order. What does not follow the layout is
/// passed over.
pub(crate) fn entries(root: &Path, addr: &ProviderAddr) -> Vec<Entry> {
    let mut found = Vec::new();
    for entry in list(&provider_dir(root, addr)) {
        let Some(name) = entry.file_name().and_then(|n| n.to_str()) else {
            continue;
        };
        if let Some((version, platform)) = parse_archive_name(name, addr) {
            found.push(Entry {
                version,
                platform,
                place: Place::Packed(entry),
            });
        } else if let Ok(version) = Version::parse(name) {
            found.extend(unpacked(&entry, &version));
        }
    }
    found
}

/// The unpacked versions of a provider for a platform below a directory, in no order.
pub fn unpacked_versions(root: &Path, addr: &ProviderAddr, platform: &Platform) -> Vec<Version> {
    let entries = entries(root, addr).into_iter();
    entries
        .filter(|e| e.platform == *platform && matches!(e.place, Place::Unpacked(_)))
        .map(|entry| entry.version)
        .collect()
}

/// The providers that have a directory of packages below a directory.
pub fn providers_in(root: &Path) -> Vec<ProviderAddr> {
    let mut found = Vec::new();
    let folders = |dir: &Path| list(dir).into_iter().filter(|path| path.is_dir());
    for host in folders(root) {
        for namespace in folders(&host) {
            for type_name in folders(&namespace) {
                let below = type_name.strip_prefix(root).ok().and_then(Path::to_str);
                let source = below.map(|path| path.replace('\\', "/"));
                found.extend(source.and_then(|s| ProviderAddr::parse_source(&s)));
            }
        }
    }
    found
}

fn unpacked(dir: &Path, version: &Version) -> Vec<Entry> {
    let platforms = list(dir).into_iter().filter(|path| path.is_dir());
    platforms
        .filter_map(|path| {
            let platform = Platform::parse(path.file_name()?.to_str()?)?;
            Some(Entry {
                version: version.clone(),
                platform,
                place: Place::Unpacked(path),
            })
        })
        .collect()
}

fn parse_archive_name(name: &str, addr: &ProviderAddr) -> Option<(Version, Platform)> {
    let rest = name
        .strip_prefix("terraform-provider-")?
        .strip_suffix(".zip")?;
    let rest = rest.strip_prefix(&*addr.type_name)?.strip_prefix('_')?;
    let (version, platform) = rest.split_once('_')?;
    Some((Version::parse(version).ok()?, Platform::parse(platform)?))
}

fn list(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(path: PathBuf) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }

    #[test]
    fn both_layouts_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let addr = ProviderAddr::new("a", "b_c");
        let base = provider_dir(dir.path(), &addr);
        put(base.join("1.0.0/linux_amd64/terraform-provider-b_c_v1.0.0"));
        put(base.join("terraform-provider-b_c_1.1.0-beta1_darwin_arm64.zip"));
        put(base.join("terraform-provider-b_c_x_darwin_arm64.zip"));
        put(base.join("terraform-provider-other_1.1.0_darwin_arm64.zip"));
        put(base.join("not-a-version/linux_amd64/x"));
        put(base.join("1.2.0/README"));
        let mut found: Vec<String> = entries(dir.path(), &addr)
            .into_iter()
            .map(|e| {
                format!(
                    "{} {} {}",
                    e.version,
                    e.platform,
                    matches!(e.place, Place::Packed(_))
                )
            })
            .collect();
        found.sort();
        assert_eq!(
            found,
            ["1.0.0 linux_amd64 false", "1.1.0-beta1 darwin_arm64 true"]
        );
        assert_eq!(providers_in(dir.path()), [addr]);
    }

    #[test]
    fn the_program_has_the_name_of_the_provider() {
        let dir = tempfile::tempdir().unwrap();
        let addr = ProviderAddr::new("a", "b");
        assert_eq!(program_in(dir.path(), &addr), None);
        put(dir.path().join("terraform-provider-bc_v1"));
        assert_eq!(program_in(dir.path(), &addr), None);
        put(dir.path().join("terraform-provider-b_v1"));
        let program = program_in(dir.path(), &addr).unwrap();
        assert!(program.ends_with("terraform-provider-b_v1"));
    }
}
