//! The services that a backend needs, with credentials and addresses.

use std::sync::Arc;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::SdkConfig;
use aws_config::profile::region::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_types::region::Region;
use aws_types::service_config::ServiceConfigKey;
use bytes::Bytes;
use http::Method;
use muster_store::StoreError;

use crate::config::Config;
use crate::endpoint::{self, Place};
use crate::fault::Fault;
use crate::keyring::{self, Keyring};
use crate::settings::wrong;
use crate::sts::Sts;
use crate::transport::{self, Connector, READ_TIMEOUT};
use crate::wire::{Answer, Request, Wire};

/// How often a request is sent at most, if nothing else is said.
const ATTEMPTS: u32 = 5;
/// The pause before a request is sent again.
const PAUSE: Duration = Duration::from_millis(250);

/// The services.
#[derive(Clone)]
pub(crate) struct Service {
    pub wire: Wire,
    keyring: Arc<Keyring>,
    region: String,
    /// The address of the bucket, without a slash at its end.
    pub bucket: String,
    /// The address of DynamoDB.
    pub dynamodb: String,
}

impl Service {
    /// Finds out what the block leaves to the environment.
    ///
    /// # Errors
    /// An argument is missing or makes no sense.
    pub(crate) async fn new(config: &Config) -> Result<Self, StoreError> {
        let http = transport::client(&config.transport)?;
        let connector = Connector::new(http.clone());
        let shared = shared_config(config, connector.clone()).await;
        let region = region(config, &shared)?;
        let place = Place {
            dual_stack: config
                .dual_stack
                .or(shared.use_dual_stack())
                .unwrap_or(false),
            fips: config.fips.or(shared.use_fips()).unwrap_or(false),
            region: region.clone(),
        };
        let wire = Wire {
            http,
            attempts: config.attempts.unwrap_or(ATTEMPTS).max(1),
            pause: PAUSE,
            timeout: config.transport.timeout.unwrap_or(READ_TIMEOUT),
        };
        let addresses = Addresses {
            config,
            shared: &shared,
            place,
        };
        let sts = Sts {
            url: addresses.sts()?,
            region: config
                .identity
                .sts_region
                .clone()
                .unwrap_or_else(|| region.clone()),
            wire: wire.clone(),
        };
        let provider_config = ProviderConfig::without_region()
            .with_region(Some(Region::new(region.clone())))
            .with_http_client(connector);
        let keyring = Keyring::new(&config.identity, &provider_config, sts)?;
        Ok(Self {
            bucket: addresses.bucket()?,
            dynamodb: addresses.dynamodb()?,
            keyring: Arc::new(keyring),
            wire,
            region,
        })
    }

    /// The credentials, for those who want to know whose they are.
    pub(crate) fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// The address of the bucket for requests that are not about an object.
    pub(crate) fn bucket_root(&self) -> String {
        match self.bucket.matches('/').count() {
            2 => format!("{}/", self.bucket),
            _ => self.bucket.clone(),
        }
    }

    /// A request of a service, in the region of the bucket.
    pub(crate) fn request(&self, service: &'static str, method: Method, url: String) -> Request {
        Request {
            service,
            region: self.region.clone(),
            method,
            url,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// Sends a request until something comes of it.
    ///
    /// # Errors
    /// Nothing did.
    pub(crate) async fn send(&self, request: &Request) -> Result<Answer, Fault> {
        let mut patience = self.wire.patience();
        let mut renew = false;
        loop {
            let result = self.attempt(request, renew).await;
            match result {
                Err(fault) if patience.wait(&fault).await => {
                    renew = matches!(&fault, Fault::Refused(refusal) if refusal.has_expired());
                }
                result => return result,
            }
        }
    }

    /// Sends a request once.
    ///
    /// # Errors
    /// Nothing came of it.
    pub(crate) async fn once(&self, request: &Request) -> Result<Answer, Fault> {
        self.attempt(request, false).await
    }

    async fn attempt(&self, request: &Request, renew: bool) -> Result<Answer, Fault> {
        let credentials = self.keyring.get(renew).await?;
        self.wire.once(request, Some(&credentials)).await
    }
}

/// What the environment and the files of profiles say.
async fn shared_config(config: &Config, connector: Connector) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(connector)
        .profile_files(keyring::files(&config.identity))
        .no_credentials();
    if let Some(profile) = &config.identity.profile {
        loader = loader.profile_name(profile);
    }
    // Machines are not asked for their region: that takes a while where nobody answers.
    let loader = match &config.region {
        Some(region) => loader.region(Region::new(region.clone())),
        None => loader.region(profile_region(config)),
    };
    loader.load().await
}

fn profile_region(config: &Config) -> ProfileFileRegionProvider {
    let mut region =
        ProfileFileRegionProvider::builder().profile_files(keyring::files(&config.identity));
    if let Some(profile) = &config.identity.profile {
        region = region.profile_name(profile);
    }
    region.build()
}

fn region(config: &Config, shared: &SdkConfig) -> Result<String, StoreError> {
    let found = shared.region().map(|region| region.as_ref().to_owned());
    let found = config.region.clone().or(found);
    let reason = "is required; it can also be given by the variable AWS_REGION or by a profile";
    let region = found.ok_or_else(|| wrong("region", reason))?;
    if !config.skip_region_validation && !endpoint::is_region(&region) {
        let reason = "does not look like a region; \"skip_region_validation\" allows any name";
        return Err(wrong("region", reason));
    }
    Ok(region)
}

/// Where services are.
struct Addresses<'a> {
    config: &'a Config,
    shared: &'a SdkConfig,
    place: Place,
}

impl Addresses<'_> {
    fn bucket(&self) -> Result<String, StoreError> {
        let given = self.config.endpoints.s3.as_deref();
        let service = self.service("s3", "s3", given)?;
        let Config {
            bucket, path_style, ..
        } = self.config;
        Ok(endpoint::bucket(&service, bucket, *path_style))
    }

    fn dynamodb(&self) -> Result<String, StoreError> {
        let given = self.config.endpoints.dynamodb.as_deref();
        self.service("dynamodb", "dynamodb", given)
    }

    fn sts(&self) -> Result<String, StoreError> {
        let given = self.config.endpoints.sts.as_deref();
        if let (None, Some(region)) = (given, &self.config.identity.sts_region) {
            let place = Place {
                region: region.clone(),
                ..self.place.clone()
            };
            let usual = Addresses { place, ..*self };
            return usual.service("sts", "sts", given);
        }
        self.service("sts", "sts", given)
    }

    /// What the block says of a service goes before what a profile says of it, and both before
    /// what is said of all services.
    fn service(
        &self,
        name: &str,
        id: &'static str,
        given: Option<&str>,
    ) -> Result<String, StoreError> {
        let key = ServiceConfigKey::builder()
            .service_id(id)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build();
        let loader = self.shared.service_config();
        let of_profile = match (loader, key) {
            (Some(loader), Ok(key)) => loader.load_config(key),
            _ => None,
        };
        let found = given
            .map(str::to_owned)
            .or(of_profile)
            .or_else(|| self.config.endpoints.all.clone())
            .or_else(|| self.shared.endpoint_url().map(str::to_owned));
        match found {
            Some(url) => endpoint::custom("endpoints", &url),
            None => Ok(self.place.of(name)),
        }
    }
}
