//! What an `encryption` block says, as the settings of key providers and methods.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use muster_config::{Encryption, EncryptionBlock, EncryptionSetting, EncryptionTarget, Str};
use muster_encryption::{
    Addr, Age, AssumeRole, AwsCredentials, AwsKms, External, Hash, KeyProvider, KeySource, Method,
    Passphrase, Pbkdf2, RemoteStates, Secret, Settings, Target,
};
use muster_lang::{Diagnostic, Diags, Span};
use muster_value::{Type, Value, convert};

const SUMMARY: &str = "Invalid encryption configuration";

/// The settings.
///
/// # Errors
/// Everything that is wrong with what is said.
pub(super) fn of(said: &Encryption) -> Result<Settings, Diags> {
    let mut diags = Diags::new();
    let mut settings = Settings::default();
    for ((kind, name), block) in &said.key_providers {
        let mut arguments = Arguments::new(kind, name, block);
        let provider = key_provider(&mut arguments);
        diags.extend(arguments.finish());
        settings
            .key_providers
            .extend(provider.map(|p| (addr(kind, name), p)));
    }
    for ((kind, name), block) in &said.methods {
        let mut arguments = Arguments::new(kind, name, block);
        let method = method(&mut arguments);
        diags.extend(arguments.finish());
        settings
            .methods
            .extend(method.map(|m| (addr(kind, name), m)));
    }
    let mut read =
        |said: &Option<EncryptionTarget>| said.as_ref().map(|said| target(said, &mut diags));
    settings.state = read(&said.state);
    settings.plan = read(&said.plan);
    settings.remote_states = RemoteStates {
        default: read(&said.remote_default),
        named: BTreeMap::new(),
    };
    let remote = said.remote.iter();
    settings.remote_states.named = remote
        .map(|(name, said)| (name.to_string(), target(said, &mut diags)))
        .collect();
    match diags.has_errors() {
        true => Err(diags),
        false => Ok(settings),
    }
}

fn addr(kind: &Str, name: &Str) -> Addr {
    Addr::new(&**kind, &**name)
}

fn wrong(detail: String, span: Span) -> Diags {
    Diagnostic::error(SUMMARY, detail).at(span).into()
}

fn target(said: &EncryptionTarget, diags: &mut Diags) -> Target {
    let mut methods = Vec::new();
    let mut next = Some(said);
    while let Some(at) = next {
        match &at.method {
            Some((kind, name)) => methods.push(addr(kind, name)),
            None => {
                let detail = "There is no method here. Name one, such as method.aes_gcm.main.";
                diags.extend(wrong(detail.to_owned(), at.span));
            }
        }
        next = at.fallback.as_deref();
    }
    Target {
        methods,
        enforced: said.enforced,
    }
}

fn key_provider(arguments: &mut Arguments<'_>) -> Option<KeyProvider> {
    let alias = arguments.text("encrypted_metadata_alias");
    let source = match arguments.kind {
        "pbkdf2" => KeySource::Pbkdf2(pbkdf2(arguments)?),
        "external" => KeySource::External(External {
            command: arguments.texts("command").unwrap_or_default(),
        }),
        "aws_kms" => KeySource::AwsKms(Box::new(aws_kms(arguments))),
        "age" => KeySource::Age(Age {
            recipients: arguments.texts("recipients").unwrap_or_default(),
            identity: arguments.secret("identity"),
            identity_file: arguments.text("identity_file").map(PathBuf::from),
        }),
        other => {
            arguments.unknown_kind(&format!(
                "There is no key provider of type {other:?}. There are \"pbkdf2\", \"aws_kms\", \"external\" and \"age\"."
            ));
            return None;
        }
    };
    Some(KeyProvider { alias, source })
}

fn pbkdf2(arguments: &mut Arguments<'_>) -> Option<Pbkdf2> {
    let passphrase = arguments
        .secret("passphrase")
        .filter(|p| !p.bytes().is_empty());
    let passphrase = match (passphrase, arguments.reference("chain")) {
        (Some(passphrase), None) => Passphrase::Given(passphrase),
        (None, Some(chain)) => Passphrase::Chain(chain),
        (Some(_), Some(_)) => {
            arguments.error("There is both a passphrase and a chain: keep one of them.");
            return None;
        }
        (None, None) => {
            arguments.error_unless_told("There is no passphrase, and no chain either.");
            return None;
        }
    };
    let mut settings = Pbkdf2::new(passphrase);
    for (name, slot) in [
        ("key_length", &mut settings.key_length),
        ("iterations", &mut settings.iterations),
        ("salt_length", &mut settings.salt_length),
    ] {
        if let Some(number) = arguments.number(name) {
            *slot = number;
        }
    }
    if let Some(name) = arguments.text("hash_function") {
        match Hash::named(&name) {
            Some(hash) => settings.hash = hash,
            None => arguments.error("The hash_function is \"sha512\" or \"sha256\"."),
        }
    }
    Some(settings)
}

fn aws_kms(arguments: &mut Arguments<'_>) -> AwsKms {
    // These say what not to do, and none of it is done.
    for name in [
        "skip_credentials_validation",
        "skip_requesting_account_id",
        "skip_metadata_api_check",
        "skip_region_validation",
        "endpoints.iam",
        "retry_mode",
    ] {
        arguments.value(name, &Type::Dynamic);
    }
    let paths = |found: Option<Vec<String>>| {
        let found = found.unwrap_or_default().into_iter();
        found.map(PathBuf::from).collect()
    };
    let keys = (arguments.text("access_key"), arguments.secret("secret_key"));
    let token = arguments.secret("token");
    let static_credentials = match keys {
        (Some(access_key), Some(secret_key)) => Some(AwsCredentials {
            access_key,
            secret_key,
            token,
        }),
        (None, None) => None,
        _ => {
            arguments.error("access_key and secret_key belong together.");
            None
        }
    };
    AwsKms {
        kms_key_id: arguments.text("kms_key_id").unwrap_or_default(),
        key_spec: arguments.text("key_spec").unwrap_or_default(),
        region: arguments.text("region"),
        endpoint: arguments.text("endpoints.kms"),
        profile: arguments.text("profile"),
        static_credentials,
        config_files: paths(arguments.texts("shared_config_files")),
        credentials_files: paths(arguments.texts("shared_credentials_files")),
        assume_role: assume_role(arguments),
        max_attempts: arguments.number("max_retries").unwrap_or(0),
    }
}

fn assume_role(arguments: &mut Arguments<'_>) -> Option<AssumeRole> {
    let role = arguments.value("assume_role", &Type::Dynamic)?;
    let Some(entries) = role.as_entries() else {
        arguments.error("assume_role is an object.");
        return None;
    };
    let mut found = AssumeRole::default();
    for (name, value) in entries {
        let text = value.as_str().map(|text| text.to_string());
        match (&**name, text) {
            ("role_arn", Some(arn)) => found.role_arn = arn,
            ("session_name", text) => found.session_name = text,
            ("external_id", text) => found.external_id = text,
            _ if value.is_null() => {}
            (other, _) => arguments.error(&format!(
                "assume_role takes role_arn, session_name and external_id, which are texts; {other} is not one of them."
            )),
        }
    }
    Some(found)
}

fn method(arguments: &mut Arguments<'_>) -> Option<Method> {
    match arguments.kind {
        "unencrypted" => Some(Method::Unencrypted),
        "aes_gcm" => {
            let keys = arguments.reference("keys");
            if keys.is_none() {
                arguments.error_unless_told(
                    "There are no keys: name a key provider, such as key_provider.pbkdf2.main.",
                );
            }
            let aad = aad(arguments);
            Some(Method::AesGcm { keys: keys?, aad })
        }
        other => {
            arguments.unknown_kind(&format!(
                "There is no method of type {other:?}. There are \"aes_gcm\" and \"unencrypted\"."
            ));
            None
        }
    }
}

/// Bytes as numbers, as OpenTofu has them, or a text.
fn aad(arguments: &mut Arguments<'_>) -> Vec<u8> {
    let Some(value) = arguments.value("aad", &Type::Dynamic) else {
        return Vec::new();
    };
    if let Some(text) = value.as_str() {
        return text.as_bytes().to_vec();
    }
    let bytes = value.as_slice().and_then(|items| {
        let byte = |item: &Value| item.as_number()?.to_string().parse::<u8>().ok();
        items.iter().map(byte).collect::<Option<Vec<u8>>>()
    });
    bytes.unwrap_or_else(|| {
        arguments.error("aad is a list of bytes, or a text.");
        Vec::new()
    })
}

/// The arguments of a block, each of which is taken by whoever knows it.
struct Arguments<'a> {
    kind: &'a str,
    name: &'a str,
    block: &'a EncryptionBlock,
    taken: BTreeSet<&'a str>,
    kind_is_unknown: bool,
    diags: Diags,
}

impl<'a> Arguments<'a> {
    fn new(kind: &'a Str, name: &'a Str, block: &'a EncryptionBlock) -> Self {
        Self {
            kind,
            name,
            block,
            taken: BTreeSet::new(),
            kind_is_unknown: false,
            diags: Diags::new(),
        }
    }

    fn take(&mut self, name: &str) -> Option<&'a EncryptionSetting> {
        let (name, setting) = self.block.settings.get_key_value(name)?;
        self.taken.insert(name);
        Some(setting)
    }

    /// A value of a type, without marks; `None` where there is none, or it is null.
    fn value(&mut self, name: &str, ty: &Type) -> Option<Value> {
        let setting = self.take(name)?;
        let value = setting.value().and_then(|value| {
            let value = value.unmark_deep();
            convert(&value, ty).map_err(|error| {
                let detail = format!("The argument {name} is not right: {}.", error.reason);
                wrong(detail, setting.span())
            })
        });
        match value {
            Ok(value) => Some(value).filter(|value| !value.is_null()),
            Err(diags) => {
                self.diags.extend(diags);
                None
            }
        }
    }

    fn text(&mut self, name: &str) -> Option<String> {
        let value = self.value(name, &Type::String)?;
        value.as_str().map(|text| text.to_string())
    }

    fn secret(&mut self, name: &str) -> Option<Secret> {
        let value = self.value(name, &Type::String)?;
        value.as_str().map(|text| Secret::from(&**text))
    }

    fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        let value = self.value(name, &Type::list(Type::String))?;
        let items = value.as_slice()?.iter();
        Some(
            items
                .filter_map(|item| Some(item.as_str()?.to_string()))
                .collect(),
        )
    }

    fn number(&mut self, name: &str) -> Option<u32> {
        let value = self.value(name, &Type::Number)?;
        let number = value.as_number()?.to_string().parse().ok();
        if number.is_none() {
            self.error(&format!(
                "The argument {name} is not a number that makes sense."
            ));
        }
        number
    }

    fn reference(&mut self, name: &str) -> Option<Addr> {
        let (kind, name) = self.take(name)?.refers_to.as_ref()?;
        Some(addr(kind, name))
    }

    fn error(&mut self, detail: &str) {
        let detail = format!("{:?} {:?}: {detail}", self.kind, self.name);
        self.diags.extend(wrong(detail, self.block.span));
    }

    /// An error that may only be a consequence of another one.
    fn error_unless_told(&mut self, detail: &str) {
        if !self.diags.has_errors() {
            self.error(detail);
        }
    }

    fn unknown_kind(&mut self, detail: &str) {
        self.kind_is_unknown = true;
        self.diags.extend(wrong(detail.to_owned(), self.block.span));
    }

    /// Everything that is wrong, arguments included that nobody took.
    fn finish(mut self) -> Diags {
        if self.kind_is_unknown {
            return self.diags;
        }
        for (name, setting) in &self.block.settings {
            if !self.taken.contains(&**name) {
                let detail = format!("An argument named {name:?} is not expected here.");
                let diagnostic = Diagnostic::error("Unsupported argument", detail);
                self.diags.push(diagnostic.at(setting.span()));
            }
        }
        self.diags
    }
}
