//! What somebody wants encrypted, and with which keys. Data only.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use crate::Secret;

/// The type and the name of a key provider or a method, such as `pbkdf2.main`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Addr {
    /// `pbkdf2`, `aes_gcm` and so on.
    pub kind: String,
    /// What it is called.
    pub name: String,
}

impl Addr {
    /// The address of a type and a name.
    pub fn new(kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.kind, self.name)
    }
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where keys come from.
    pub key_providers: BTreeMap<Addr, KeyProvider>,
    /// How bytes are encrypted.
    pub methods: BTreeMap<Addr, Method>,
    /// For states.
    pub state: Option<Target>,
    /// For plan files.
    pub plan: Option<Target>,
    /// For states of other configurations that are read here.
    pub remote_states: RemoteStates,
}

/// States of other configurations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteStates {
    /// For those that are not named.
    pub default: Option<Target>,
    /// By the address of the data source, such as `network` or `module.network`.
    pub named: BTreeMap<String, Target>,
}

/// How something is encrypted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Methods: the first one is used to write, and all of them to read, in this order.
    pub methods: Vec<Addr>,
    /// Whether nothing may be written in plain text.
    pub enforced: bool,
}

/// How bytes are encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// Not at all: to begin with encryption, or to end it.
    Unencrypted,
    /// AES in Galois/counter mode.
    AesGcm {
        /// The key provider. Its keys have 16, 24 or 32 bytes.
        keys: Addr,
        /// What is authenticated along with the bytes.
        aad: Vec<u8>,
    },
}

/// Where keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyProvider {
    /// What the metadata in encrypted files are found by, instead of the address.
    pub alias: Option<String>,
    /// The provider.
    pub source: KeySource,
}

/// The kinds of key providers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A passphrase.
    Pbkdf2(Pbkdf2),
    /// A program.
    External(External),
    /// The key management service of AWS.
    AwsKms(Box<AwsKms>),
    /// Key pairs of age.
    Age(Age),
}

/// A key made of a passphrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pbkdf2 {
    /// The passphrase.
    pub passphrase: Passphrase,
    /// Bytes of the key.
    pub key_length: u32,
    /// How often the hash function is applied.
    pub iterations: u32,
    /// The hash function.
    pub hash: Hash,
    /// Bytes of the salt.
    pub salt_length: u32,
}

impl Pbkdf2 {
    /// With the usual numbers.
    pub fn new(passphrase: Passphrase) -> Self {
        Self {
            passphrase,
            key_length: 32,
            iterations: 600_000,
            hash: Hash::Sha512,
            salt_length: 32,
        }
    }
}

/// Where a passphrase comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passphrase {
    /// It is this.
    Given(Secret),
    /// It is the key of another key provider.
    Chain(Addr),
}

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256
    Sha256,
    /// SHA-512
    Sha512,
}

impl Hash {
    /// As it is written in settings and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// The function that is written like this.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Sha256, Self::Sha512]
            .into_iter()
            .find(|hash| hash.name() == name)
    }
}

/// A program that gives keys, in the protocol of OpenTofu's external key providers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct External {
    /// The program and its arguments.
    pub command: Vec<String>,
}

/// Data keys of the key management service of AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AwsKms {
    /// The key that data keys are wrapped with.
    pub kms_key_id: String,
    /// `AES_256` or `AES_128`.
    pub key_spec: String,
    /// The region, unless the environment says it.
    pub region: Option<String>,
    /// Where the service is, unless it is where AWS has it.
    pub endpoint: Option<String>,
    /// The profile in the files of AWS.
    pub profile: Option<String>,
    /// A key of its own instead of what the environment and those files say.
    pub static_credentials: Option<AwsCredentials>,
    /// Files instead of `~/.aws/config`.
    pub config_files: Vec<PathBuf>,
    /// Files instead of `~/.aws/credentials`.
    pub credentials_files: Vec<PathBuf>,
    /// A role to take on.
    pub assume_role: Option<AssumeRole>,
    /// How often calls are made at most; 0 for the usual number.
    pub max_attempts: u32,
}

/// An access key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsCredentials {
    /// `access_key`
    pub access_key: String,
    /// `secret_key`
    pub secret_key: Secret,
    /// `token`
    pub token: Option<Secret>,
}

/// A role to take on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssumeRole {
    /// The role.
    pub role_arn: String,
    /// The name of the session.
    pub session_name: Option<String>,
    /// What the owner of the role expects to be told.
    pub external_id: Option<String>,
}

/// Data keys that are wrapped to age recipients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Age {
    /// `age1...`
    pub recipients: Vec<String>,
    /// `AGE-SECRET-KEY-1...`, one a line.
    pub identity: Option<Secret>,
    /// A file with identities, one a line.
    pub identity_file: Option<PathBuf>,
}
