//! Gets packages by whatever way their addresses need.

use std::path::{Path, PathBuf};

use muster_config::RemoteModule;
use muster_install::{Http, authority_of};

use crate::archive::Kind;
use crate::unpack::unpack;
use crate::web::{self, Found, blocking};
use crate::{ModuleError, git, shown};

/// So many addresses may lead from one to the next.
const MOST_POINTERS: usize = 10;

/// A package that was got.
#[derive(Debug)]
pub(crate) struct Package {
    pub at: At,
    /// A directory in it, which pages on the way named; empty for the package itself.
    pub subdir: String,
}

/// Where a package is.
#[derive(Debug)]
pub(crate) enum At {
    /// It was put into this directory for us.
    Ours(PathBuf),
    /// It is a directory of somebody else.
    Theirs(PathBuf),
}

/// How packages are got.
#[derive(Clone, Debug)]
pub(crate) struct Getter {
    pub http: Http,
    /// Whether programs may ask people for passwords.
    pub interactive: bool,
}

impl Getter {
    /// Gets a package, without looking for the directory in it. `plain` says whether addresses may
    /// be asked without encryption: those that people write down themselves may.
    pub(crate) async fn get(
        &self,
        module: &RemoteModule,
        plain: bool,
        scratch: &Path,
    ) -> Result<Package, ModuleError> {
        let mut next = module.clone();
        let mut subdir = String::new();
        let mut plain = plain;
        for _ in 0..=MOST_POINTERS {
            match self.step(&next, plain, scratch).await? {
                Step::Done(at) => return Ok(Package { at, subdir }),
                Step::Further(found) => {
                    plain &= next.address.starts_with("http:");
                    subdir = joined(&found.subdir, &subdir);
                    next = found;
                }
            }
        }
        Err(ModuleError::TooManyPointers(shown(&module.package())))
    }

    async fn step(
        &self,
        module: &RemoteModule,
        plain: bool,
        scratch: &Path,
    ) -> Result<Step, ModuleError> {
        let address = module.address.as_str();
        let scheme = address.split(':').next().unwrap_or_default().to_lowercase();
        let dir = scratch.join("package");
        match module.method.as_deref().unwrap_or(&scheme) {
            "git" => {
                git::fetch(address, &dir, self.interactive).await?;
                Ok(Step::Done(At::Ours(dir)))
            }
            "http" | "https" => {
                let http = match authority_of(address, "http").filter(|_| plain) {
                    Some(authority) => self.http.with_plain(authority),
                    None => Ok(self.http.clone()),
                };
                let http = http.map_err(ModuleError::Discovery)?;
                match web::fetch(&http, address, &dir, scratch).await? {
                    Found::Package => Ok(Step::Done(At::Ours(dir))),
                    Found::Pointer(module) => Ok(Step::Further(module)),
                }
            }
            "file" => local(address, dir).await.map(Step::Done),
            other => Err(ModuleError::Method {
                method: other.to_owned(),
            }),
        }
    }
}

enum Step {
    Done(At),
    Further(RemoteModule),
}

/// A directory of this machine is taken as it is, an archive is unpacked.
async fn local(address: &str, dir: PathBuf) -> Result<At, ModuleError> {
    let path = address.split('?').next().unwrap_or_default();
    let path = PathBuf::from(path.strip_prefix("file://").unwrap_or(path));
    let kind = Kind::of_path(&path.to_string_lossy());
    let found = std::fs::metadata(&path).map_err(ModuleError::file(&path))?;
    match kind.filter(|_| found.is_file()) {
        None if found.is_dir() => Ok(At::Theirs(path)),
        None => Err(ModuleError::file(&path)(
            std::io::ErrorKind::NotADirectory.into(),
        )),
        Some(kind) => {
            blocking(move || {
                unpack(&path, kind, &dir).map_err(|reason| ModuleError::Unpack {
                    address: path.display().to_string(),
                    reason,
                })?;
                Ok(At::Ours(dir))
            })
            .await
        }
    }
}

/// A directory in a directory.
pub(crate) fn joined(outer: &str, inner: &str) -> String {
    match (outer, inner) {
        ("", path) | (path, "") => path.to_owned(),
        _ => format!("{outer}/{inner}"),
    }
}
