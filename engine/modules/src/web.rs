//! Packages at http addresses: archives, and pages that say where the module is.

use std::path::Path;

use muster_config::RemoteModule;
use muster_install::{Answer, Http};
use reqwest::Url;

use crate::address::take;
use crate::archive::Kind;
use crate::checksum::Checksum;
use crate::unpack::unpack;
use crate::{ModuleError, html, netrc, shown};

/// Longer ones are no module.
const LONGEST_ARCHIVE: u64 = 1024 * 1024 * 1024;

/// Pages only say where the module is.
const LONGEST_PAGE: u64 = 4 * 1024 * 1024;

/// The header that says where a module is.
pub(crate) const POINTER: &str = "x-terraform-get";

/// What is at an address.
pub(crate) enum Found {
    /// The package, which was unpacked.
    Package,
    /// The address of something else that is meant.
    Pointer(RemoteModule),
}

/// Unpacks what is at an address into a directory that is not there yet, if it is an archive.
pub(crate) async fn fetch(
    http: &Http,
    address: &str,
    dir: &Path,
    scratch: &Path,
) -> Result<Found, ModuleError> {
    let (plain, [archive, checksum]) = take(address, ["archive", "checksum"]);
    let wrong = |reason: String| ModuleError::address(address, reason);
    let mut url = Url::parse(&plain).map_err(|e| wrong(e.to_string()))?;
    netrc::sign_in(&mut url);
    let kind = match archive.as_deref() {
        Some(name) => Kind::named(name),
        None => Kind::of_path(url.path()),
    };
    let checksum = match checksum.as_deref() {
        Some(text) => Some(Checksum::parse(text).map_err(|e| wrong(e.to_owned()))?),
        None => None,
    };
    let Some(kind) = kind else {
        if checksum.is_some() {
            return Err(wrong("only archives have checksums".to_owned()));
        }
        return follow(http, url, address).await.map(Found::Pointer);
    };
    let file = scratch.join("archive");
    http.download(&url, None, &file, LONGEST_ARCHIVE).await?;
    let (address, dir) = (address.to_owned(), dir.to_owned());
    blocking(move || {
        if let Some(checksum) = checksum {
            checksum.check(&file, &address)?;
        }
        unpack(&file, kind, &dir).map_err(|reason| ModuleError::Unpack {
            address: shown(&address),
            reason,
        })
    })
    .await?;
    Ok(Found::Package)
}

/// Asks a page where the module is.
async fn follow(http: &Http, mut url: Url, address: &str) -> Result<RemoteModule, ModuleError> {
    url.query_pairs_mut().append_pair("terraform-get", "1");
    let answer = http.get(&url, None, LONGEST_PAGE).await?;
    let answer = answer.ok_or_else(|| ModuleError::Nothing(shown(address)))?;
    let pointer = header(&answer).or_else(|| html::pointer(&String::from_utf8_lossy(&answer.body)));
    let pointer = pointer.ok_or_else(|| ModuleError::NoPointer(shown(address)))?;
    RemoteModule::parse(&absolute(&answer.url, &pointer))
        .map_err(|reason| ModuleError::address(address, reason.to_string().trim_end_matches('.')))
}

/// What the header of an answer says.
pub(crate) fn header(answer: &Answer) -> Option<String> {
    let value = answer.headers.get(POINTER)?.to_str().ok()?.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

/// The source that a server names, which may be relative to the address of its answer. Its own
/// query and credentials are not those of others.
pub(crate) fn absolute(base: &Url, source: &str) -> String {
    let relative = ["/", "./", "../"].iter().any(|s| source.starts_with(s));
    if !relative {
        return source.to_owned();
    }
    let (path, query) = source.split_at(source.find('?').unwrap_or(source.len()));
    // The two slashes before a directory are not part of the path.
    let (path, subdir) = match path[1..].find("//") {
        Some(at) => path.split_at(at + 1),
        None => (path, ""),
    };
    let mut base = base.clone();
    let _ = base.set_username("");
    let _ = base.set_password(None);
    match base.join(path) {
        Ok(url) => format!("{url}{subdir}{query}"),
        Err(_) => source.to_owned(),
    }
}

/// Does something that takes long, beside the tasks that wait for the network.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ModuleError> + Send + 'static,
) -> Result<T, ModuleError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => Err(ModuleError::Aborted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_relative_to_answers() {
        let check = |source: &str, expect: &str| {
            let base = Url::parse("https://u:p@e.com/v1/a/download?token=x").unwrap();
            assert_eq!(absolute(&base, source), expect);
        };
        check("/m.zip", "https://e.com/m.zip");
        check(
            "/m.zip//s/*?archive=zip",
            "https://e.com/m.zip//s/*?archive=zip",
        );
        check("./m.zip", "https://e.com/v1/a/m.zip");
        check("../m.zip?a=/b//c", "https://e.com/v1/m.zip?a=/b//c");
        check("git::https://x.com/y", "git::https://x.com/y");
        check("https://x.com/y", "https://x.com/y");
    }
}
