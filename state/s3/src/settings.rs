//! What a `backend "s3"` block may say, and how its values are taken out of it.

use std::collections::BTreeMap;

use muster_store::{Setting, SettingKind, Settings, StoreError};
use serde_json::Value;

use SettingKind::{Bool, Map, Number, Object, Set, Text};

/// All arguments that Terraform 1.11 documents.
pub const SETTINGS: &[Setting] = &[
    Setting::new("access_key", Text),
    Setting::new("acl", Text),
    Setting::new("allowed_account_ids", Set),
    Setting::new("assume_role", Object(ASSUME_ROLE)),
    Setting::new("assume_role_with_web_identity", Object(WEB_IDENTITY)),
    Setting::new("bucket", Text),
    Setting::new("custom_ca_bundle", Text),
    Setting::new("dynamodb_endpoint", Text),
    Setting::new("dynamodb_table", Text),
    Setting::new("ec2_metadata_service_endpoint", Text),
    Setting::new("ec2_metadata_service_endpoint_mode", Text),
    Setting::new("encrypt", Bool),
    Setting::new("endpoint", Text),
    Setting::new("endpoints", Object(ENDPOINTS)),
    Setting::new("forbidden_account_ids", Set),
    Setting::new("force_path_style", Bool),
    Setting::secret("http_proxy", Text),
    Setting::secret("https_proxy", Text),
    Setting::new("iam_endpoint", Text),
    Setting::new("insecure", Bool),
    Setting::new("key", Text),
    Setting::new("kms_key_id", Text),
    Setting::new("max_retries", Number),
    Setting::new("no_proxy", Text),
    Setting::new("profile", Text),
    Setting::new("region", Text),
    Setting::new("retry_mode", Text),
    Setting::secret("secret_key", Text),
    Setting::new("shared_config_files", Set),
    Setting::new("shared_credentials_file", Text),
    Setting::new("shared_credentials_files", Set),
    Setting::new("skip_credentials_validation", Bool),
    Setting::new("skip_metadata_api_check", Bool),
    Setting::new("skip_region_validation", Bool),
    Setting::new("skip_requesting_account_id", Bool),
    Setting::new("skip_s3_checksum", Bool),
    Setting::secret("sse_customer_key", Text),
    Setting::new("sts_endpoint", Text),
    Setting::new("sts_region", Text),
    Setting::secret("token", Text),
    Setting::new("use_dualstack_endpoint", Bool),
    Setting::new("use_fips_endpoint", Bool),
    Setting::new("use_lockfile", Bool),
    Setting::new("use_path_style", Bool),
    Setting::new("workspace_key_prefix", Text),
];

const ASSUME_ROLE: &[Setting] = &[
    Setting::new("duration", Text),
    Setting::secret("external_id", Text),
    Setting::new("policy", Text),
    Setting::new("policy_arns", Set),
    Setting::new("role_arn", Text),
    Setting::new("session_name", Text),
    Setting::new("source_identity", Text),
    Setting::new("tags", Map),
    Setting::new("transitive_tag_keys", Set),
];

const WEB_IDENTITY: &[Setting] = &[
    Setting::new("duration", Text),
    Setting::new("policy", Text),
    Setting::new("policy_arns", Set),
    Setting::new("role_arn", Text),
    Setting::new("session_name", Text),
    Setting::secret("web_identity_token", Text),
    Setting::new("web_identity_token_file", Text),
];

const ENDPOINTS: &[Setting] = &[
    Setting::new("dynamodb", Text),
    Setting::new("iam", Text),
    Setting::new("s3", Text),
    Setting::new("sso", Text),
    Setting::new("sts", Text),
];

/// The error for an argument.
pub(crate) fn wrong(name: &'static str, reason: impl Into<String>) -> StoreError {
    StoreError::Setting {
        name,
        reason: reason.into(),
    }
}

/// Refuses arguments that nobody knows: they would be ignored otherwise.
pub(crate) fn check_names(settings: &Settings) -> Result<(), StoreError> {
    for (name, value) in settings.iter().filter(|(_, value)| !value.is_null()) {
        let Some(known) = SETTINGS.iter().find(|known| known.name == name) else {
            let reason = format!("block has no argument {name:?}");
            return Err(wrong("s3", reason));
        };
        let (Object(inner), Value::Object(given)) = (known.kind, value) else {
            continue;
        };
        let unknown = given
            .iter()
            .find(|(name, value)| !value.is_null() && inner.iter().all(|k| k.name != *name));
        if let Some((unknown, _)) = unknown {
            return Err(wrong(known.name, format!("has no argument {unknown:?}")));
        }
    }
    Ok(())
}

/// Takes values out of the arguments of a block.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a>(pub &'a Settings);

impl<'a> Given<'a> {
    fn value(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text that says something.
    pub(crate) fn text(self, name: &'static str) -> Result<Option<String>, StoreError> {
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        let text = scalar(value).ok_or_else(|| wrong(name, "must be a text"))?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// A text that must say something if it is given.
    pub(crate) fn filled(self, name: &'static str) -> Result<Option<String>, StoreError> {
        match self.value(name).and_then(scalar) {
            Some(text) if text.trim().is_empty() => Err(wrong(name, "must not be empty")),
            _ => self.text(name),
        }
    }

    /// A truth value; `None` where it is left out.
    pub(crate) fn bool(self, name: &'static str) -> Result<Option<bool>, StoreError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(Value::String(text)) if text == "true" => Ok(Some(true)),
            Some(Value::String(text)) if text == "false" => Ok(Some(false)),
            Some(_) => Err(wrong(name, "must be true or false")),
        }
    }

    /// Whether an argument is `true`.
    pub(crate) fn is_set(self, name: &'static str) -> Result<bool, StoreError> {
        Ok(self.bool(name)?.unwrap_or(false))
    }

    /// A whole number that is not negative.
    pub(crate) fn number(self, name: &'static str) -> Result<Option<u32>, StoreError> {
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        let number = scalar(value).and_then(|text| text.parse().ok());
        let reason = "must be a whole number from 0 on";
        number.map(Some).ok_or_else(|| wrong(name, reason))
    }

    /// The texts of a list or a set.
    pub(crate) fn texts(self, name: &'static str) -> Result<Vec<String>, StoreError> {
        let reason = "must be a list of texts";
        match self.value(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) => {
                let texts = values.iter().map(scalar).collect::<Option<_>>();
                texts.ok_or_else(|| wrong(name, reason))
            }
            Some(_) => Err(wrong(name, reason)),
        }
    }

    /// Texts by name.
    pub(crate) fn map(self, name: &'static str) -> Result<BTreeMap<String, String>, StoreError> {
        let reason = "must be a map of texts";
        match self.value(name) {
            None => Ok(BTreeMap::new()),
            Some(Value::Object(values)) => {
                let pairs = values.iter().map(|(k, v)| Some((k.clone(), scalar(v)?)));
                pairs
                    .collect::<Option<_>>()
                    .ok_or_else(|| wrong(name, reason))
            }
            Some(_) => Err(wrong(name, reason)),
        }
    }

    /// The arguments of an argument that is an object.
    pub(crate) fn object(self, name: &'static str) -> Result<Option<Given<'a>>, StoreError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Object(inner)) => Ok(Some(Given(inner))),
            Some(_) => Err(wrong(name, "must be an object")),
        }
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}
