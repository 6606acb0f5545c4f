//! Service discovery: which addresses the services of a host have.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use reqwest::Url;
use tokio::sync::OnceCell;

use crate::http::Http;
use crate::registry::{LONGEST_ANSWER, join, parse};
use crate::{Hosts, InstallError};

/// An address that is asked for once.
type Address = Arc<OnceCell<Url>>;

/// See the module.
#[derive(Debug)]
pub struct Discovery {
    http: Http,
    hosts: Arc<Hosts>,
    /// By host and name of the service.
    services: Mutex<HashMap<(String, String), Address>>,
}

impl Discovery {
    /// A discovery that knows nothing yet but what is configured.
    pub fn new(http: Http, hosts: Arc<Hosts>) -> Self {
        Self {
            http,
            hosts,
            services: Mutex::default(),
        }
    }

    /// The address of a service of a host, such as `providers.v1`; the host is asked once.
    ///
    /// # Errors
    /// The host cannot be asked, or has no such service.
    pub async fn service(&self, host: &str, service: &str) -> Result<Url, InstallError> {
        let cell = {
            let mut services = self.services.lock().unwrap_or_else(|e| e.into_inner());
            let key = (host.to_owned(), service.to_owned());
            Arc::clone(services.entry(key).or_default())
        };
        let url = cell
            .get_or_try_init(|| self.discover(host, service))
            .await?;
        Ok(url.clone())
    }

    async fn discover(&self, host: &str, name: &str) -> Result<Url, InstallError> {
        let failed = |reason: String| InstallError::Discovery {
            host: host.to_owned(),
            reason,
        };
        let scheme = if self.http.is_plain(host) {
            "http"
        } else {
            "https"
        };
        let root = Url::parse(&format!("{scheme}://{host}/.well-known/terraform.json"));
        let root = root.map_err(|_| failed("it is not the name of a host".to_owned()))?;
        if let Some(services) = self.hosts.services.get(host) {
            let service = services.get(name);
            let service = service.ok_or_else(|| {
                failed(format!(
                    "the CLI configuration lists its services, without {name}"
                ))
            })?;
            return directory(&root, service);
        }
        let answer = self
            .http
            .get(&root, self.hosts.token(host), LONGEST_ANSWER)
            .await?;
        let answer = answer.ok_or_else(|| failed("it has no list of services".to_owned()))?;
        let services: HashMap<String, serde_json::Value> = parse(&answer)?;
        match services.get(name) {
            Some(serde_json::Value::String(service)) => directory(&answer.url, service),
            _ => Err(failed(format!("{name} is not among its services"))),
        }
    }
}

/// The address of a directory: others are relative to it.
fn directory(base: &Url, url: &str) -> Result<Url, InstallError> {
    let mut url = join(base, url)?;
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}
