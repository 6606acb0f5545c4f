//! Registries: the module registry protocol, version 1, with service discovery.

use std::sync::Arc;

use muster_config::version::{Constraints, Version};
use muster_config::{RegistryModule, RemoteModule};
use muster_install::{Answer, Discovery, Hosts, Http};
use reqwest::Url;
use serde::Deserialize;

use crate::web::{absolute, header};
use crate::{ModuleError, shown};

/// The name of the service that has modules.
const SERVICE: &str = "modules.v1";

/// Answers are lists; longer ones are a mistake or an attack.
const LONGEST_ANSWER: u64 = 32 * 1024 * 1024;

/// See the module.
#[derive(Debug)]
pub(crate) struct Registries {
    http: Http,
    hosts: Arc<Hosts>,
    discovery: Discovery,
}

/// Where a version of a module is.
#[derive(Clone, Debug)]
pub(crate) struct Location {
    pub module: RemoteModule,
    /// Whether the registry was asked without encryption.
    pub plain: bool,
}

#[derive(Deserialize)]
struct Listing {
    #[serde(default)]
    modules: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    versions: Vec<ListedVersion>,
}

#[derive(Deserialize)]
struct ListedVersion {
    version: String,
}

#[derive(Deserialize)]
struct Download {
    #[serde(default)]
    location: String,
}

impl Registries {
    pub(crate) fn new(http: Http, hosts: Arc<Hosts>) -> Self {
        Self {
            discovery: Discovery::new(http.clone(), Arc::clone(&hosts)),
            http,
            hosts,
        }
    }

    /// The newest version of a module that is allowed.
    pub(crate) async fn select(
        &self,
        module: &RegistryModule,
        constraints: Option<&Constraints>,
    ) -> Result<Version, ModuleError> {
        let host = || self.hosts.asked(&module.host).to_owned();
        let answer = self.ask(module, "versions").await?;
        let answer = answer.ok_or_else(|| ModuleError::NotFound {
            host: host(),
            module: module.package(),
        })?;
        let listing: Listing = parse(&answer)?;
        let versions = listing.modules.iter().flat_map(|m| &m.versions);
        // A version that is none cannot be selected anyway.
        let versions = versions.filter_map(|v| Version::parse(&v.version).ok());
        let mut versions: Vec<Version> = versions.collect();
        versions.sort_by(|a, b| b.cmp(a));
        if versions.is_empty() {
            return Err(ModuleError::NoVersions {
                host: host(),
                module: module.package(),
            });
        }
        let allowed = |version: &&Version| match constraints {
            Some(constraints) => constraints.allow_module(version),
            None => !version.is_prerelease(),
        };
        match versions.iter().find(allowed) {
            Some(version) => Ok(version.clone()),
            None => Err(ModuleError::NoVersion {
                module: module.package(),
                constraints: constraints.map_or("any release".to_owned(), ToString::to_string),
                available: versions,
            }),
        }
    }

    /// Where a version of a module is.
    pub(crate) async fn locate(
        &self,
        module: &RegistryModule,
        version: &Version,
    ) -> Result<Location, ModuleError> {
        let answer = self.ask(module, &format!("{version}/download")).await?;
        let answer = answer.ok_or_else(|| ModuleError::Answer {
            url: self.hosts.asked(&module.host).to_owned(),
            reason: format!("it knows version {version} of the module, and not where it is"),
        })?;
        let location = match header(&answer) {
            Some(location) => location,
            None if answer.body.is_empty() => String::new(),
            None => parse::<Download>(&answer)?.location,
        };
        if location.is_empty() {
            return Err(unusable(&answer.url, "it does not say where the module is"));
        }
        let source = absolute(&answer.url, &location);
        let found = RemoteModule::parse(&source).map_err(|reason| ModuleError::Location {
            host: self.hosts.asked(&module.host).to_owned(),
            module: format!("{} {version}", module.package()),
            location: shown(&location),
            reason,
        })?;
        Ok(Location {
            module: found,
            plain: answer.url.scheme() == "http",
        })
    }

    async fn ask(
        &self,
        module: &RegistryModule,
        what: &str,
    ) -> Result<Option<Answer>, ModuleError> {
        let host = self.hosts.asked(&module.host);
        let service = self.discovery.service(host, SERVICE).await;
        let service = service.map_err(ModuleError::Discovery)?;
        let path = format!(
            "{}/{}/{}/{what}",
            module.namespace, module.name, module.system
        );
        let url = service.join(&path).map_err(|e| unusable(&service, e))?;
        let answer = self.http.get(&url, self.hosts.token(host), LONGEST_ANSWER);
        answer.await.map_err(|e| ModuleError::Discovery(e.into()))
    }
}

fn parse<'a, T: Deserialize<'a>>(answer: &'a Answer) -> Result<T, ModuleError> {
    serde_json::from_slice(&answer.body).map_err(|e| unusable(&answer.url, e))
}

fn unusable(url: &Url, reason: impl ToString) -> ModuleError {
    ModuleError::Answer {
        url: shown(url.as_str()),
        reason: reason.to_string(),
    }
}
