//! Credentials: found where the tools of AWS look for them, exchanged for those of a role where
//! that is asked for, and renewed before they end.

use std::time::{Duration, SystemTime};

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::imds::{self, client::EndpointMode};
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use muster_store::StoreError;
use tokio::sync::Mutex;

use crate::config::Identity;
use crate::fault::{Fault, chain};
use crate::role::{Role, WebRole};
use crate::settings::wrong;
use crate::sts::Sts;

/// Credentials are renewed when they are good for no longer than this.
const RESERVE: Duration = Duration::from_secs(300);

/// Where credentials come from.
pub(crate) struct Keyring {
    source: Source,
    role: Option<Role>,
    /// The profile that the block names.
    profile: Option<String>,
    sts: Sts,
    current: Mutex<Option<Credentials>>,
}

enum Source {
    Found(SharedCredentialsProvider),
    WebRole(Box<WebRole>),
}

impl Keyring {
    /// Looks for credentials as the block says, in an environment that is known already.
    ///
    /// # Errors
    /// An argument makes no sense.
    pub(crate) fn new(
        identity: &Identity,
        config: &ProviderConfig,
        sts: Sts,
    ) -> Result<Self, StoreError> {
        let source = match (&identity.web_role, &identity.keys) {
            (Some(role), _) => Source::WebRole(Box::new(role.clone())),
            (None, Some((access, secret, token))) => {
                let keys = Credentials::new(access, secret, token.clone(), None, "backend");
                Source::Found(SharedCredentialsProvider::new(keys))
            }
            (None, None) => Source::Found(providers(identity, config)?),
        };
        Ok(Self {
            source,
            role: identity.role.clone(),
            profile: identity.profile.clone(),
            sts,
            current: Mutex::new(None),
        })
    }

    /// Credentials that are good for some time; new ones if `renew`.
    ///
    /// # Errors
    /// There are none.
    pub(crate) async fn get(&self, renew: bool) -> Result<Credentials, Fault> {
        let mut current = self.current.lock().await;
        if let Some(found) = current.as_ref().filter(|c| !renew && is_good(c)) {
            return Ok(found.clone());
        }
        let mut found = match &self.source {
            Source::Found(provider) => provider
                .provide_credentials()
                .await
                .map_err(|e| Fault::Credentials(self.missing(&e)))?,
            Source::WebRole(role) => self.sts.assume_by_token(role).await?,
        };
        if let Some(role) = &self.role {
            found = self.sts.assume(role, &found).await?;
        }
        *current = Some(found.clone());
        Ok(found)
    }

    /// Why there are none. Where none of the places has any, the provider tells only that.
    fn missing(&self, error: &CredentialsError) -> String {
        match (error, &self.profile) {
            (CredentialsError::CredentialsNotLoaded(_), Some(name)) => {
                format!("the profile {name:?} has none, or is not there")
            }
            (CredentialsError::CredentialsNotLoaded(_), None) => {
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set, and no profile, web identity, container or machine gives any".to_owned()
            }
            _ => chain(error),
        }
    }

    /// Refuses credentials of accounts that must not be used.
    ///
    /// # Errors
    /// As said, or the account cannot be found out.
    pub(crate) async fn check_account(&self, identity: &Identity) -> Result<(), Fault> {
        let (allowed, forbidden) = (&identity.allowed_accounts, &identity.forbidden_accounts);
        if allowed.is_empty() && forbidden.is_empty() {
            return Ok(());
        }
        let account = self.sts.account(&self.get(false).await?).await?;
        let is_listed = allowed.is_empty() || allowed.contains(&account);
        if is_listed && !forbidden.contains(&account) {
            return Ok(());
        }
        let reason = format!(
            "the credentials are those of the account {account:?}, which the backend block does not allow"
        );
        Err(Fault::Other(reason))
    }
}

fn is_good(credentials: &Credentials) -> bool {
    credentials
        .expiry()
        .is_none_or(|end| end > SystemTime::now() + RESERVE)
}

/// The files that profiles are in, if not the usual ones.
pub(crate) fn files(identity: &Identity) -> EnvConfigFiles {
    let mut files = EnvConfigFiles::builder();
    let kinds = [
        (EnvConfigFileKind::Config, &identity.config_files),
        (EnvConfigFileKind::Credentials, &identity.credentials_files),
    ];
    for (kind, paths) in kinds {
        for path in paths {
            files = files.with_file(kind, path);
        }
    }
    files
        .include_default_config_file(identity.config_files.is_empty())
        .include_default_credentials_file(identity.credentials_files.is_empty())
        .build()
}

/// All places that credentials may be in, in the order of the tools of AWS. A profile that the
/// block names goes before everything else.
fn providers(
    identity: &Identity,
    config: &ProviderConfig,
) -> Result<SharedCredentialsProvider, StoreError> {
    let mut profile = ProfileFileCredentialsProvider::builder()
        .configure(config)
        .profile_files(files(identity));
    if let Some(name) = &identity.profile {
        profile = profile.profile_name(name);
    }
    let profile = profile.build();
    let environment = EnvironmentVariableCredentialsProvider::new();
    let web = WebIdentityTokenCredentialsProvider::builder();
    let chain = match identity.profile {
        Some(_) => CredentialsProviderChain::first_try("profile", profile),
        None => CredentialsProviderChain::first_try("environment", environment)
            .or_else("profile", profile)
            .or_else("web identity", web.configure(config).build()),
    };
    let ecs = EcsCredentialsProvider::builder().configure(config).build();
    let chain = chain.or_else("container", ecs);
    if identity.skip_metadata {
        return Ok(SharedCredentialsProvider::new(chain));
    }
    let client = metadata(identity, config)?;
    let machine = ImdsCredentialsProvider::builder()
        .configure(config)
        .imds_client(client)
        .build();
    Ok(SharedCredentialsProvider::new(
        chain.or_else("machine", machine),
    ))
}

fn metadata(identity: &Identity, config: &ProviderConfig) -> Result<imds::Client, StoreError> {
    let mut client = imds::Client::builder().configure(config);
    if let Some(url) = &identity.metadata_endpoint {
        let reason = "is not the URL of a service";
        client = client
            .endpoint(url)
            .map_err(|_| wrong("ec2_metadata_service_endpoint", reason))?;
    }
    if let Some(ipv6) = identity.metadata_ipv6 {
        client = client.endpoint_mode(match ipv6 {
            true => EndpointMode::IpV6,
            false => EndpointMode::IpV4,
        });
    }
    Ok(client.build())
}
