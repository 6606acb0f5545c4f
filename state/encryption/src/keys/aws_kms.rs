//! Data keys of the key management service of AWS: the service makes a key and wraps it with one
//! that it never gives away, and the wrapped key is stored.

use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_store::SealError;
use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use super::aws_http::{self, Connector, chain};
use super::damaged;
use crate::Secret;
use crate::envelope::told;
use crate::settings::AwsKms;

/// What is stored: the data key as the service wrapped it.
#[derive(Serialize, Deserialize)]
struct Stored {
    ciphertext_blob: String,
}

/// What the service answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    #[serde(borrow)]
    plaintext: &'a str,
    #[serde(default, borrow)]
    ciphertext_blob: Option<&'a str>,
}

pub(super) fn check(settings: &AwsKms) -> Result<(), SealError> {
    if settings.kms_key_id.is_empty() {
        return Err(SealError("There is no kms_key_id.".to_owned()));
    }
    match settings.key_spec.as_str() {
        "AES_128" | "AES_256" => Ok(()),
        other => Err(SealError(format!(
            "The key_spec {other:?} is unknown; it is \"AES_256\" or \"AES_128\"."
        ))),
    }
}

pub(super) fn create(settings: &AwsKms) -> Result<(Secret, Vec<u8>), SealError> {
    let request = json!({"KeyId": settings.kms_key_id, "KeySpec": settings.key_spec});
    let bytes = call(settings, "GenerateDataKey", &request)?;
    let answer = answer(&bytes)?;
    let wrapped = answer.ciphertext_blob.ok_or_else(unexpected)?;
    let stored = Stored {
        ciphertext_blob: wrapped.to_owned(),
    };
    let stored = serde_json::to_vec(&stored).expect("text always becomes JSON");
    Ok((key(&answer)?, stored))
}

pub(super) fn recover(settings: &AwsKms, stored: &[u8]) -> Result<Secret, SealError> {
    let stored: Stored = serde_json::from_slice(stored).map_err(|e| damaged(&told(&e)))?;
    let request = json!({
        "KeyId": settings.kms_key_id,
        "CiphertextBlob": stored.ciphertext_blob,
    });
    key(&answer(&call(settings, "Decrypt", &request)?)?)
}

fn answer(bytes: &[u8]) -> Result<Answer<'_>, SealError> {
    serde_json::from_slice(bytes).map_err(|_| unexpected())
}

fn key(answer: &Answer<'_>) -> Result<Secret, SealError> {
    let bytes = STANDARD.decode(answer.plaintext);
    bytes.map(Secret::new).map_err(|_| unexpected())
}

fn unexpected() -> SealError {
    SealError("The service gave an answer that makes no sense.".to_owned())
}

/// Calls an operation of the service and waits for the answer, also inside of a runtime.
fn call(
    settings: &AwsKms,
    operation: &str,
    request: &serde_json::Value,
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let body = serde_json::to_vec(request).expect("text always becomes JSON");
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|e| SealError(format!("There is no runtime: {e}.")))?;
        runtime.block_on(called(settings, operation, body))
    };
    std::thread::scope(|scope| {
        let thread = scope.spawn(work);
        let lost = || SealError("The service could not be asked.".to_owned());
        thread.join().unwrap_or_else(|_| Err(lost()))
    })
}

async fn called(
    settings: &AwsKms,
    operation: &str,
    body: Vec<u8>,
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let client = aws_http::client()?;
    let config = config(settings, client.clone()).await;
    let missing = "There is no region. Set region, or AWS_REGION in the environment.";
    let region = config
        .region()
        .ok_or_else(|| SealError(missing.to_owned()))?;
    let provider = provider(settings, &config).await?;
    let credentials = provider.provide_credentials().await.map_err(|error| {
        SealError(format!(
            "There are no credentials of AWS: {}.",
            chain(&error)
        ))
    })?;
    let target = aws_http::Target {
        url: endpoint(settings, region.as_ref()),
        region: region.to_string(),
        operation: format!("TrentService.{operation}"),
        attempts: match settings.max_attempts {
            0 => 5,
            attempts => attempts,
        },
    };
    aws_http::post(&client, &target, &credentials, body).await
}

/// What the environment and the files of profiles say.
async fn config(settings: &AwsKms, client: reqwest::Client) -> SdkConfig {
    let mut files = EnvConfigFiles::builder();
    let kinds = [
        (EnvConfigFileKind::Config, &settings.config_files),
        (EnvConfigFileKind::Credentials, &settings.credentials_files),
    ];
    for (kind, paths) in kinds {
        for path in paths {
            files = files.with_file(kind, path);
        }
    }
    let files = files
        .include_default_config_file(settings.config_files.is_empty())
        .include_default_credentials_file(settings.credentials_files.is_empty())
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(Connector::new(client))
        .profile_files(files);
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(keys) = &settings.static_credentials {
        let text = |secret: &Secret| String::from_utf8_lossy(secret.bytes()).into_owned();
        let token = keys.token.as_ref().map(text);
        let secret = text(&keys.secret_key);
        loader = loader.credentials_provider(Credentials::new(
            &keys.access_key,
            secret,
            token,
            None,
            "configuration",
        ));
    }
    loader.load().await
}

async fn provider(
    settings: &AwsKms,
    config: &SdkConfig,
) -> Result<SharedCredentialsProvider, SealError> {
    let Some(role) = &settings.assume_role else {
        let missing = || SealError("There are no credentials of AWS.".to_owned());
        return config.credentials_provider().ok_or_else(missing);
    };
    let mut provider = AssumeRoleProvider::builder(&role.role_arn)
        .configure(config)
        .session_name(role.session_name.as_deref().unwrap_or("muster"));
    if let Some(id) = &role.external_id {
        provider = provider.external_id(id);
    }
    Ok(SharedCredentialsProvider::new(provider.build().await))
}

/// Where the service is.
fn endpoint(settings: &AwsKms, region: &str) -> String {
    let env = |name: &str| std::env::var(name).ok().filter(|url| !url.is_empty());
    let given = settings.endpoint.clone();
    let given = given
        .or_else(|| env("AWS_ENDPOINT_URL_KMS"))
        .or_else(|| env("AWS_ENDPOINT_URL"));
    match given {
        Some(url) if url.contains("://") => url,
        Some(host) => format!("https://{host}"),
        None if region.starts_with("cn-") => format!("https://kms.{region}.amazonaws.com.cn"),
        None => format!("https://kms.{region}.amazonaws.com"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Child, Command, Stdio};
    use std::sync::Arc;

    use super::*;
    use crate::settings::{Addr, AwsCredentials, KeyProvider, KeySource, Method, Target};
    use crate::{Encryption, Settings};
    use muster_store::Seal;

    /// A server that pretends to be AWS, and ends with this.
    struct Moto(Child, AwsKms);

    impl Drop for Moto {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    impl Moto {
        /// `None` where it is not installed.
        fn start() -> Option<Self> {
            let spawned = Command::new("moto_server")
                .args(["-H", "127.0.0.1", "-p", "0"])
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn();
            let Ok(mut child) = spawned else {
                eprintln!("skipped: moto_server is not on the PATH");
                return None;
            };
            let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
            let mut moto = Self(child, settings(""));
            // It takes a free port, and tells which one when it can be reached.
            let url = lines.find_map(|line| {
                let line = line.unwrap();
                let (_, url) = line.split_once("Running on ")?;
                Some(url.trim().to_owned())
            });
            moto.1.endpoint = Some(url.expect("it listens"));
            std::thread::spawn(move || lines.for_each(drop));
            let made = call(&moto.1, "CreateKey", &json!({})).unwrap();
            let made: serde_json::Value = serde_json::from_slice(&made).unwrap();
            moto.1.kms_key_id = made["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
            Some(moto)
        }
    }

    fn settings(endpoint: &str) -> AwsKms {
        AwsKms {
            kms_key_id: "key".to_owned(),
            key_spec: "AES_256".to_owned(),
            region: Some("eu-west-1".to_owned()),
            endpoint: Some(endpoint.to_owned()),
            static_credentials: Some(AwsCredentials {
                access_key: "test".to_owned(),
                secret_key: "a secret key".into(),
                token: None,
            }),
            max_attempts: 2,
            ..AwsKms::default()
        }
    }

    fn seal(kms: &AwsKms) -> Result<Arc<dyn Seal>, SealError> {
        let addr = Addr::new("aws_kms", "k");
        let method = Addr::new("aes_gcm", "k");
        let provider = KeyProvider {
            alias: None,
            source: KeySource::AwsKms(Box::new(kms.clone())),
        };
        let (keys, aad) = (addr.clone(), Vec::new());
        let encryption = Encryption::new(Settings {
            key_providers: [(addr, provider)].into(),
            methods: [(method.clone(), Method::AesGcm { keys, aad })].into(),
            state: Some(Target {
                methods: vec![method],
                enforced: false,
            }),
            ..Settings::default()
        });
        Ok(encryption.state()?.expect("a target"))
    }

    #[test]
    fn keys_are_wrapped_by_the_service() {
        let Some(moto) = Moto::start() else {
            return;
        };
        let small = AwsKms {
            key_spec: "AES_128".to_owned(),
            ..moto.1.clone()
        };
        for (kms, len) in [(&moto.1, 32), (&small, 16)] {
            let (key, stored) = create(kms).unwrap();
            assert_eq!(key.bytes().len(), len);
            assert_eq!(recover(kms, &stored).unwrap(), key);
        }
        let unknown = AwsKms {
            kms_key_id: "00000000-0000-0000-0000-000000000000".to_owned(),
            ..moto.1.clone()
        };
        let error = create(&unknown).unwrap_err().0;
        assert!(error.contains("NotFoundException"), "{error}");
        assert!(!error.contains("a secret key"), "{error}");
    }

    #[test]
    fn a_service_that_goes_away_loses_nothing() {
        let Some(moto) = Moto::start() else {
            return;
        };
        let kms = moto.1.clone();
        let before = seal(&kms).unwrap().seal(b"before", None).unwrap();
        let run = seal(&kms).unwrap();
        assert_eq!(run.open(&before).unwrap(), b"before");
        drop(moto);
        assert_eq!(run.open(&before).unwrap(), b"before");
        let after = run.seal(b"after", None).unwrap();
        assert_eq!(run.open(&after).unwrap(), b"after");
        let error = seal(&kms).unwrap_err().0;
        assert!(error.contains("Key provider aws_kms.k"), "{error}");
        assert!(error.contains("http://127.0.0.1"), "{error}");
    }

    #[test]
    fn settings_that_are_refused() {
        let check_one = |id: &str, spec: &str, expect: &str| {
            let (kms_key_id, key_spec) = (id.to_owned(), spec.to_owned());
            let kms = AwsKms {
                kms_key_id,
                key_spec,
                ..settings("x")
            };
            let error = check(&kms).unwrap_err().0;
            assert!(error.contains(expect), "{error}");
        };
        check_one("", "AES_256", "no kms_key_id");
        check_one("k", "", "AES_128");
        check_one("k", "RSA_2048", "RSA_2048");
        assert_eq!(check(&settings("x")), Ok(()));
    }

    #[test]
    fn where_the_service_is() {
        let check = |given: Option<&str>, region: &str, expect: &str| {
            let kms = AwsKms {
                endpoint: given.map(str::to_owned),
                ..AwsKms::default()
            };
            assert_eq!(endpoint(&kms, region), expect);
        };
        check(Some("http://x:1"), "eu-west-1", "http://x:1");
        check(Some("x"), "eu-west-1", "https://x");
        check(None, "eu-west-1", "https://kms.eu-west-1.amazonaws.com");
        check(
            None,
            "cn-north-1",
            "https://kms.cn-north-1.amazonaws.com.cn",
        );
    }
}
