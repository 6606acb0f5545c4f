use std::fmt;

use crate::{InstanceKey, ModulePath, Str};

/// The registry a provider belongs to when its source names none. The identity in state and
/// lock files depends on it, whatever server a download comes from.
const DEFAULT_HOST: &str = "registry.terraform.io";

/// Host and owner of the provider that is part of the engine.
const BUILTIN: (&str, &str) = ("terraform.io", "builtin");

/// The identity of a provider: `registry.terraform.io/hashicorp/aws`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProviderAddr {
    /// Host of the registry.
    pub host: Str,
    /// Owner within the registry.
    pub namespace: Str,
    /// The provider's own name.
    pub type_name: Str,
}

impl ProviderAddr {
    /// `NAMESPACE/TYPE` on the default registry.
    pub fn new(namespace: &str, type_name: &str) -> Self {
        Self {
            host: DEFAULT_HOST.into(),
            namespace: namespace.into(),
            type_name: type_name.into(),
        }
    }

    /// The address a local name stands for when no source is given.
    pub fn implied(local_name: &str) -> Self {
        if local_name == "terraform" {
            return Self::builtin();
        }
        Self::new("hashicorp", local_name)
    }

    /// The provider that is part of the engine: `terraform.io/builtin/terraform`.
    pub fn builtin() -> Self {
        Self {
            host: BUILTIN.0.into(),
            namespace: BUILTIN.1.into(),
            type_name: "terraform".into(),
        }
    }

    /// Whether this is [`ProviderAddr::builtin`].
    pub fn is_builtin(&self) -> bool {
        (&*self.host, &*self.namespace) == BUILTIN && &*self.type_name == "terraform"
    }

    /// The shortest form people know: the default host is left out.
    pub fn for_display(&self) -> String {
        if &*self.host == DEFAULT_HOST {
            format!("{}/{}", self.namespace, self.type_name)
        } else {
            self.to_string()
        }
    }

    /// Parses a source: `TYPE`, `NAMESPACE/TYPE` or `HOST/NAMESPACE/TYPE`.
    pub fn parse_source(source: &str) -> Option<Self> {
        let valid = |s: &str| {
            !s.is_empty()
                && s.chars()
                    .all(|c| c.is_alphanumeric() || c == '-' || c == '_')
                && !s.starts_with('-')
                && !s.ends_with('-')
        };
        let parts: Vec<&str> = source.split('/').collect();
        let (host, namespace, type_name) = match parts[..] {
            [t] => (DEFAULT_HOST, "hashicorp", t),
            [n, t] => (DEFAULT_HOST, n, t),
            [h, n, t] if is_host(h) => (h, n, t),
            _ => return None,
        };
        if !valid(namespace) || !valid(type_name) {
            return None;
        }
        Some(Self {
            host: host.to_lowercase().into(),
            namespace: namespace.to_lowercase().into(),
            type_name: type_name.to_lowercase().into(),
        })
    }
}

/// A domain name, an IPv4 address or `localhost`, and maybe a port. It becomes the name of a
/// directory, so nothing else will do.
fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').unwrap_or((text, "443"));
    let label = |s: &str| !s.is_empty() && s.chars().all(|c| c.is_alphanumeric() || c == '-');
    (name.contains('.') || name == "localhost")
        && name.split('.').all(label)
        && !port.starts_with('+')
        && port.parse::<u16>().is_ok()
}

impl fmt::Display for ProviderAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [&*self.host, "/", &self.namespace, "/", &self.type_name];
        parts.iter().try_for_each(|part| f.write_str(part))
    }
}

/// A provider configuration: which provider, in which module, under which alias; or an instance of
/// one that is repeated.
///
/// Prints as the state file has it: `module.a.provider["registry.terraform.io/x/y"].alias["key"]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProviderConfigAddr {
    /// The module that holds the `provider` block.
    pub module: ModulePath,
    /// The provider.
    pub provider: ProviderAddr,
    /// `alias`, if the block has one.
    pub alias: Option<Str>,
    /// Which instance, if the block has `for_each`.
    pub key: Option<Str>,
}

impl ProviderConfigAddr {
    /// The configuration that this is an instance of; itself when it is not repeated.
    pub fn config(&self) -> Self {
        self.instance(None)
    }

    /// An instance of this configuration; without a key, the configuration as a whole.
    pub fn instance(&self, key: Option<Str>) -> Self {
        Self {
            key,
            ..self.clone()
        }
    }
}

impl fmt::Display for ProviderConfigAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.module.is_root() {
            write!(f, "{}.", self.module)?;
        }
        f.write_str("provider[\"")?;
        self.provider.fmt(f)?;
        f.write_str("\"]")?;
        if let Some(alias) = &self.alias {
            f.write_str(".")?;
            f.write_str(alias)?;
        }
        match &self.key {
            Some(key) => InstanceKey::Str(key.clone()).fmt(f),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_name_providers() {
        let check = |source: &str, expect: Option<&str>| {
            let parsed = ProviderAddr::parse_source(source).map(|addr| addr.to_string());
            assert_eq!(parsed.as_deref(), expect, "{source}");
        };
        check("aws", Some("registry.terraform.io/hashicorp/aws"));
        check("A/b", Some("registry.terraform.io/a/b"));
        check("Example.com/a/b", Some("example.com/a/b"));
        check("localhost:8080/a/b", Some("localhost:8080/a/b"));
        check("127.0.0.1:8080/a/b", Some("127.0.0.1:8080/a/b"));
        check("../a/b", None);
        check("./a/b", None);
        check("a..b/a/b", None);
        check("example.com:x/a/b", None);
        check("host/a/b", None);
        check("a/b/c/d", None);
    }
}
