//! The arguments of a block, checked, with what the environment adds.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use muster_store::{Settings, StoreError};

use crate::role::{Role, WebRole};
use crate::settings::{Given, check_names, wrong};

/// Looks up a variable of the environment; an empty one is as good as none.
pub(crate) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A key of 256 bits that the service encrypts with, and forgets.
#[derive(Clone)]
pub(crate) struct CustomerKey(pub [u8; 32]);

/// How objects are encrypted where they are stored.
#[derive(Clone, Default)]
pub(crate) enum Encryption {
    /// As the bucket says.
    #[default]
    Default,
    /// With a key of the service.
    Service,
    /// With a key of the key management service.
    Kms(String),
    /// With a key that comes with every request.
    Customer(CustomerKey),
}

/// Where services are, if not where they usually are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Endpoints {
    pub s3: Option<String>,
    pub dynamodb: Option<String>,
    pub sts: Option<String>,
    /// For all services without one of their own.
    pub all: Option<String>,
}

/// How requests travel.
#[derive(Clone, Default)]
pub(crate) struct Transport {
    pub ca_bundle: Option<PathBuf>,
    pub insecure: bool,
    pub http_proxy: Option<String>,
    pub https_proxy: Option<String>,
    pub no_proxy: Option<String>,
    /// How long a server may take for the next piece of an answer.
    pub timeout: Option<Duration>,
}

/// Where credentials come from.
#[derive(Clone, Default)]
pub(crate) struct Identity {
    /// Access key, secret key, session token.
    pub keys: Option<(String, String, Option<String>)>,
    pub profile: Option<String>,
    pub config_files: Vec<PathBuf>,
    pub credentials_files: Vec<PathBuf>,
    pub skip_metadata: bool,
    pub metadata_endpoint: Option<String>,
    pub metadata_ipv6: Option<bool>,
    pub role: Option<Role>,
    pub web_role: Option<WebRole>,
    pub sts_region: Option<String>,
    pub allowed_accounts: Vec<String>,
    pub forbidden_accounts: Vec<String>,
}

/// The arguments of a block.
#[derive(Clone, Default)]
pub(crate) struct Config {
    pub bucket: String,
    pub key: String,
    pub workspace_prefix: String,
    pub region: Option<String>,
    pub skip_region_validation: bool,
    pub lock_file: bool,
    pub lock_table: Option<String>,
    pub acl: Option<String>,
    pub encryption: Encryption,
    pub checksums: bool,
    pub path_style: bool,
    pub dual_stack: Option<bool>,
    pub fips: Option<bool>,
    /// How often a request is sent at most.
    pub attempts: Option<u32>,
    pub endpoints: Endpoints,
    pub transport: Transport,
    pub identity: Identity,
}

impl Config {
    /// Reads and checks the arguments of a block.
    pub(crate) fn new(settings: &Settings, env: Env<'_>) -> Result<Self, StoreError> {
        check_names(settings)?;
        let given = Given(settings);
        check_conflicts(given)?;
        let required = |name| {
            given
                .filled(name)?
                .ok_or_else(|| wrong(name, "is required"))
        };
        let region = given.filled("region")?.or_else(|| env("AWS_REGION"));
        let switch = |name, variable: &str| -> Result<Option<bool>, StoreError> {
            let found = env(variable).map(|text| text.eq_ignore_ascii_case("true"));
            Ok(given.bool(name)?.or(found))
        };
        Ok(Self {
            bucket: bucket(required("bucket")?)?,
            key: key(required("key")?)?,
            workspace_prefix: prefix(given)?,
            region: region.or_else(|| env("AWS_DEFAULT_REGION")),
            skip_region_validation: given.is_set("skip_region_validation")?,
            lock_file: given.is_set("use_lockfile")?,
            lock_table: given.filled("dynamodb_table")?,
            acl: given.text("acl")?,
            encryption: encryption(given, env)?,
            checksums: !given.is_set("skip_s3_checksum")?,
            path_style: given.is_set("use_path_style")? || given.is_set("force_path_style")?,
            dual_stack: switch("use_dualstack_endpoint", "AWS_USE_DUALSTACK_ENDPOINT")?,
            fips: switch("use_fips_endpoint", "AWS_USE_FIPS_ENDPOINT")?,
            attempts: attempts(given, env)?,
            endpoints: endpoints(given, env)?,
            transport: transport(given, env)?,
            identity: identity(given, env)?,
        })
    }
}

fn check_conflicts(given: Given<'_>) -> Result<(), StoreError> {
    const PAIRS: [(&str, &str); 8] = [
        ("kms_key_id", "sse_customer_key"),
        ("shared_credentials_file", "shared_credentials_files"),
        ("force_path_style", "use_path_style"),
        ("allowed_account_ids", "forbidden_account_ids"),
        ("endpoint", "endpoints.s3"),
        ("dynamodb_endpoint", "endpoints.dynamodb"),
        ("iam_endpoint", "endpoints.iam"),
        ("sts_endpoint", "endpoints.sts"),
    ];
    let has = |name: &str| match name.split_once('.') {
        Some((outer, inner)) => given.0.get(outer).and_then(|object| object.get(inner)),
        None => given.0.get(name),
    };
    for (a, b) in PAIRS {
        if [a, b]
            .map(has)
            .iter()
            .all(|v| v.is_some_and(|v| !v.is_null()))
        {
            return Err(wrong(a, format!("cannot be given together with {b:?}")));
        }
    }
    Ok(())
}

fn bucket(name: String) -> Result<String, StoreError> {
    let reason = if name.starts_with("arn:") {
        "is the ARN of an access point; only names of buckets can be used here"
    } else if !name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    {
        "is not the name of a bucket"
    } else {
        return Ok(name);
    };
    Err(wrong("bucket", reason))
}

fn key(key: String) -> Result<String, StoreError> {
    let reason = if key.starts_with('/') || key.ends_with('/') {
        "must not start or end with \"/\""
    } else if key.contains("//") {
        "must not contain \"//\""
    } else if has_dots(&key) {
        "must not have \".\" or \"..\" between slashes"
    } else {
        return Ok(key);
    };
    Err(wrong("key", reason))
}

fn has_dots(path: &str) -> bool {
    path.split('/').any(|part| matches!(part, "." | ".."))
}

fn prefix(given: Given<'_>) -> Result<String, StoreError> {
    const NAME: &str = "workspace_key_prefix";
    let is_empty = given.0.get(NAME).is_some_and(|value| value == "");
    let Some(prefix) = given.text(NAME)? else {
        return Ok(if is_empty { "" } else { "env:" }.to_owned());
    };
    if prefix.starts_with('/') || prefix.ends_with('/') {
        return Err(wrong(NAME, "must not start or end with \"/\""));
    }
    if has_dots(&prefix) {
        return Err(wrong(NAME, "must not have \".\" or \"..\" between slashes"));
    }
    Ok(prefix)
}

fn encryption(given: Given<'_>, env: Env<'_>) -> Result<Encryption, StoreError> {
    if let Some(id) = given.text("kms_key_id")? {
        let parts = ["arn:", "alias/", "mrk-"];
        let is_uuid = id.len() == 36 && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        if !is_uuid && !parts.iter().any(|part| id.starts_with(part)) {
            return Err(wrong("kms_key_id", "is not the id or the ARN of a key"));
        }
        return Ok(Encryption::Kms(id));
    }
    const NAME: &str = "sse_customer_key";
    let key = given.text(NAME)?.or_else(|| env("AWS_SSE_CUSTOMER_KEY"));
    if let Some(key) = key {
        let bytes = BASE64_STANDARD.decode(key).ok();
        let key = bytes.and_then(|bytes| bytes.try_into().ok());
        let reason = "must be 256 bits, written in Base64";
        let key = key.ok_or_else(|| wrong(NAME, reason))?;
        return Ok(Encryption::Customer(CustomerKey(key)));
    }
    Ok(match given.is_set("encrypt")? {
        true => Encryption::Service,
        false => Encryption::Default,
    })
}

fn attempts(given: Given<'_>, env: Env<'_>) -> Result<Option<u32>, StoreError> {
    let mode = given.text("retry_mode")?.or_else(|| env("AWS_RETRY_MODE"));
    match mode.as_deref() {
        // One writer with a lock never sends so much that it has to be throttled here: both are
        // the same.
        None | Some("standard" | "adaptive") => {}
        Some(_) => return Err(wrong("retry_mode", "must be \"standard\" or \"adaptive\"")),
    }
    let found = || env("AWS_MAX_ATTEMPTS").and_then(|text| text.parse().ok());
    Ok(given.number("max_retries")?.or_else(found))
}

fn endpoints(given: Given<'_>, env: Env<'_>) -> Result<Endpoints, StoreError> {
    let inner = given.object("endpoints")?;
    if let Some(Some(_)) = inner.map(|inner| inner.text("sso")).transpose()? {
        let reason = "cannot name an endpoint for \"sso\": a profile says where that is";
        return Err(wrong("endpoints", reason));
    }
    let find = |name, old_name: Option<&'static str>, variables: [&str; 2]| {
        let mut found = inner.map(|inner| inner.text(name)).transpose()?.flatten();
        if let (None, Some(old_name)) = (&found, old_name) {
            found = given.text(old_name)?;
        }
        Ok::<_, StoreError>(found.or_else(|| variables.iter().find_map(|name| env(name))))
    };
    let dynamodb = ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_DYNAMODB_ENDPOINT"];
    Ok(Endpoints {
        s3: find(
            "s3",
            Some("endpoint"),
            ["AWS_ENDPOINT_URL_S3", "AWS_S3_ENDPOINT"],
        )?,
        dynamodb: find("dynamodb", Some("dynamodb_endpoint"), dynamodb)?,
        sts: find(
            "sts",
            Some("sts_endpoint"),
            ["AWS_ENDPOINT_URL_STS", "AWS_STS_ENDPOINT"],
        )?,
        all: env("AWS_ENDPOINT_URL"),
    })
}

fn transport(given: Given<'_>, env: Env<'_>) -> Result<Transport, StoreError> {
    let either = |name, variables: [&str; 2]| -> Result<Option<String>, StoreError> {
        let found = || variables.iter().find_map(|name| env(name));
        Ok(given.text(name)?.or_else(found))
    };
    let bundle = either("custom_ca_bundle", ["AWS_CA_BUNDLE", "AWS_CA_BUNDLE"])?;
    Ok(Transport {
        ca_bundle: bundle.map(|path| expand(&path, env)),
        insecure: given.is_set("insecure")?,
        http_proxy: either("http_proxy", ["HTTP_PROXY", "http_proxy"])?,
        https_proxy: either("https_proxy", ["HTTPS_PROXY", "https_proxy"])?,
        no_proxy: either("no_proxy", ["NO_PROXY", "no_proxy"])?,
        timeout: None,
    })
}

fn identity(given: Given<'_>, env: Env<'_>) -> Result<Identity, StoreError> {
    let files = |name| -> Result<Vec<PathBuf>, StoreError> {
        let paths = given.texts(name)?;
        Ok(paths.iter().map(|path| expand(path, env)).collect())
    };
    let mut credentials_files = files("shared_credentials_files")?;
    let one = given.text("shared_credentials_file")?;
    credentials_files.extend(one.map(|path| expand(&path, env)));
    let mode = given.text("ec2_metadata_service_endpoint_mode")?;
    let metadata_ipv6 = match mode.as_deref() {
        None => None,
        Some("IPv4") => Some(false),
        Some("IPv6") => Some(true),
        Some(_) => {
            let reason = "must be \"IPv4\" or \"IPv6\"";
            return Err(wrong("ec2_metadata_service_endpoint_mode", reason));
        }
    };
    let (allowed, forbidden) = ("allowed_account_ids", "forbidden_account_ids");
    let found = Identity {
        keys: keys(given)?,
        profile: given.text("profile")?,
        config_files: files("shared_config_files")?,
        credentials_files,
        skip_metadata: given.is_set("skip_metadata_api_check")?,
        metadata_endpoint: given.text("ec2_metadata_service_endpoint")?,
        metadata_ipv6,
        role: given.object("assume_role")?.map(Role::new).transpose()?,
        web_role: WebRole::new(given, env)?,
        sts_region: given.text("sts_region")?,
        allowed_accounts: given.texts(allowed)?,
        forbidden_accounts: given.texts(forbidden)?,
    };
    if given.is_set("skip_requesting_account_id")?
        && !(found.allowed_accounts.is_empty() && found.forbidden_accounts.is_empty())
    {
        let reason = "cannot be used with account ids that are allowed or forbidden";
        return Err(wrong("skip_requesting_account_id", reason));
    }
    Ok(found)
}

fn keys(given: Given<'_>) -> Result<Option<(String, String, Option<String>)>, StoreError> {
    match (given.text("access_key")?, given.text("secret_key")?) {
        (Some(access), Some(secret)) => Ok(Some((access, secret, given.text("token")?))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(wrong("secret_key", "is required with \"access_key\"")),
        (None, Some(_)) => Err(wrong("access_key", "is required with \"secret_key\"")),
    }
}

/// A path, with the home folder for a tilde.
pub(crate) fn expand(path: &str, env: Env<'_>) -> PathBuf {
    match (path.strip_prefix("~/"), env("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => path.into(),
    }
}
