//! Registries: the provider registry protocol, version 1, with service discovery.

use std::sync::Arc;

use muster_addr::ProviderAddr;
use muster_config::version::Version;
use reqwest::Url;
use serde::Deserialize;

use crate::discovery::Discovery;
use crate::hash::parse_sha256;
use crate::http::{Answer, Http};
use crate::source::{Origin, Package};
use crate::verify::{Promise, Sums};
use crate::{Hosts, InstallError, Platform};

/// Answers are lists and signatures; longer ones are a mistake or an attack.
pub(crate) const LONGEST_ANSWER: u64 = 32 * 1024 * 1024;

/// The name of the service that has providers.
const SERVICE: &str = "providers.v1";

/// See the module.
#[derive(Debug)]
pub(crate) struct Registries {
    http: Http,
    hosts: Arc<Hosts>,
    discovery: Discovery,
}

#[derive(Deserialize)]
struct Versions {
    #[serde(default)]
    versions: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    version: String,
}

#[derive(Deserialize)]
struct Download {
    #[serde(default)]
    protocols: Vec<String>,
    filename: String,
    download_url: String,
    shasum: String,
    #[serde(default)]
    shasums_url: String,
    #[serde(default)]
    shasums_signature_url: String,
    #[serde(default)]
    signing_keys: SigningKeys,
}

#[derive(Default, Deserialize)]
struct SigningKeys {
    #[serde(default)]
    gpg_public_keys: Vec<PublicKey>,
}

#[derive(Deserialize)]
struct PublicKey {
    ascii_armor: String,
}

impl Registries {
    pub(crate) fn new(http: Http, hosts: Arc<Hosts>) -> Self {
        Self {
            discovery: Discovery::new(http.clone(), Arc::clone(&hosts)),
            http,
            hosts,
        }
    }

    /// The host that is asked for a provider.
    pub(crate) fn asked<'a>(&'a self, addr: &'a ProviderAddr) -> &'a str {
        self.hosts.asked(&addr.host)
    }

    /// All versions of a provider, in no order; `None` when the registry does not know it.
    pub(crate) async fn versions(
        &self,
        addr: &ProviderAddr,
    ) -> Result<Option<Vec<Version>>, InstallError> {
        let path = format!("{}/{}/versions", addr.namespace, addr.type_name);
        let Some(answer) = self.ask(addr, &path).await? else {
            return Ok(None);
        };
        let versions: Versions = parse(&answer)?;
        // A version that is none cannot be selected anyway.
        let versions = versions.versions.iter();
        Ok(Some(
            versions
                .filter_map(|v| Version::parse(&v.version).ok())
                .collect(),
        ))
    }

    /// A package; `None` when there is none for the platform.
    pub(crate) async fn package(
        &self,
        addr: &ProviderAddr,
        version: &Version,
        platform: &Platform,
    ) -> Result<Option<Package>, InstallError> {
        let path = format!(
            "{}/{}/{version}/download/{}/{}",
            addr.namespace, addr.type_name, platform.os, platform.arch
        );
        let Some(answer) = self.ask(addr, &path).await? else {
            return Ok(None);
        };
        let download: Download = parse(&answer)?;
        check_protocols(addr, version, &download.protocols)?;
        let sums = self.sums(&answer.url, &download).await?;
        let url = join(&answer.url, &download.download_url)?;
        Ok(Some(Package {
            name: sums.file_name.clone(),
            origin: Origin::Url { url, token: None },
            promise: Promise::Sums(Box::new(sums)),
        }))
    }

    async fn sums(&self, base: &Url, download: &Download) -> Result<Sums, InstallError> {
        let Some(sha256) = parse_sha256(&download.shasum) else {
            return Err(InstallError::answer(
                base,
                "\"shasum\" is not a SHA-256 in hexadecimal digits",
            ));
        };
        let keys = download.signing_keys.gpg_public_keys.iter();
        let keys: Vec<String> = keys.map(|key| key.ascii_armor.clone()).collect();
        let document = self.file(base, &download.shasums_url).await?;
        let signature = if keys.is_empty() {
            Vec::new()
        } else {
            self.file(base, &download.shasums_signature_url).await?
        };
        Ok(Sums {
            file_name: download.filename.clone(),
            sha256,
            document,
            signature,
            keys,
        })
    }

    /// A file beside an archive. It may lie on any host, so no credentials are sent.
    async fn file(&self, base: &Url, url: &str) -> Result<Vec<u8>, InstallError> {
        if url.is_empty() {
            return Err(InstallError::answer(
                base,
                "there are no addresses of checksums and their signature",
            ));
        }
        let url = join(base, url)?;
        let answer = self.http.get(&url, None, LONGEST_ANSWER).await?;
        let answer = answer.ok_or_else(|| InstallError::answer(&url, "it is not there"))?;
        Ok(answer.body)
    }

    async fn ask(&self, addr: &ProviderAddr, path: &str) -> Result<Option<Answer>, InstallError> {
        let host = self.asked(addr);
        let url = join(&self.discovery.service(host, SERVICE).await?, path)?;
        let answer = self
            .http
            .get(&url, self.hosts.token(host), LONGEST_ANSWER)
            .await?;
        Ok(answer)
    }
}

/// Refuses a version that only speaks what is not understood. One that does not say what it
/// speaks is tried.
fn check_protocols(
    addr: &ProviderAddr,
    version: &Version,
    protocols: &[String],
) -> Result<(), InstallError> {
    let known = |p: &String| matches!(p.split('.').next(), Some("5" | "6"));
    if protocols.is_empty() || protocols.iter().any(known) {
        return Ok(());
    }
    Err(InstallError::Protocol {
        addr: addr.clone(),
        version: version.clone(),
        protocols: protocols.to_owned(),
    })
}

/// The data of an answer.
pub(crate) fn parse<'a, T: Deserialize<'a>>(answer: &'a Answer) -> Result<T, InstallError> {
    serde_json::from_slice(&answer.body).map_err(|e| InstallError::answer(&answer.url, e))
}

/// An address that may be relative to another.
pub(crate) fn join(base: &Url, url: &str) -> Result<Url, InstallError> {
    base.join(url)
        .map_err(|e| InstallError::answer(base, format!("\"{url}\" is not an address: {e}")))
}
