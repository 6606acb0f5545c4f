//! Mirrors on the network: the provider network mirror protocol.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_addr::ProviderAddr;
use muster_config::version::Version;
use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::http::{Answer, Http, authority};
use crate::registry::{join, parse};
use crate::source::{Origin, Package};
use crate::verify::Promise;
use crate::{Hash, Hosts, InstallError, Platform};

const LONGEST_ANSWER: u64 = 32 * 1024 * 1024;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct NetworkMirror {
    pub http: Http,
    pub hosts: Arc<Hosts>,
    /// Ends with a slash.
    pub base: Url,
}

/// `index.json`: the versions of a provider.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Index {
    pub versions: BTreeMap<String, Empty>,
}

/// There is nothing to say about a version yet.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Empty {}

/// `VERSION.json`: the archives of a version by platform.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Archives {
    pub archives: BTreeMap<String, Archive>,
}

/// An archive.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Archive {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hashes: Vec<String>,
    pub url: String,
}

impl NetworkMirror {
    /// All versions of a provider, in no order; `None` when the mirror does not know it.
    pub(crate) async fn versions(
        &self,
        addr: &ProviderAddr,
    ) -> Result<Option<Vec<Version>>, InstallError> {
        let Some(answer) = self.ask(addr, "index").await? else {
            return Ok(None);
        };
        let index: Index = parse(&answer)?;
        let versions = index.versions.keys();
        Ok(Some(
            versions.filter_map(|v| Version::parse(v).ok()).collect(),
        ))
    }

    /// A package; `None` when there is none for the platform.
    pub(crate) async fn package(
        &self,
        addr: &ProviderAddr,
        version: &Version,
        platform: &Platform,
    ) -> Result<Option<Package>, InstallError> {
        let Some(answer) = self.ask(addr, &version.to_string()).await? else {
            return Ok(None);
        };
        let mut archives: Archives = parse(&answer)?;
        let Some(archive) = archives.archives.remove(&platform.to_string()) else {
            return Ok(None);
        };
        let url = join(&answer.url, &archive.url)?;
        let hashes: Option<Vec<Hash>> = archive.hashes.iter().map(|h| Hash::parse(h)).collect();
        let hashes =
            hashes.ok_or_else(|| InstallError::answer(&answer.url, "a checksum has no scheme"))?;
        let same_server = authority(&url).is_some()
            && authority(&url) == authority(&self.base)
            && url.scheme() == self.base.scheme();
        Ok(Some(Package {
            name: crate::archive_name(addr, version, platform),
            origin: Origin::Url {
                token: self.token().filter(|_| same_server),
                url,
            },
            promise: match hashes.is_empty() {
                true => Promise::None,
                false => Promise::Hashes(hashes),
            },
        }))
    }

    async fn ask(&self, addr: &ProviderAddr, name: &str) -> Result<Option<Answer>, InstallError> {
        let url = join(&self.base, &format!("{addr}/{name}.json"))?;
        let answer = self
            .http
            .get(&url, self.token().as_deref(), LONGEST_ANSWER)
            .await?;
        Ok(answer)
    }

    fn token(&self) -> Option<String> {
        let host = self.base.host_str()?;
        let named = match self.base.port() {
            Some(port) => self.hosts.token(&format!("{host}:{port}")),
            None => self.hosts.token(host),
        };
        named.map(str::to_owned)
    }
}
