//! What is known of hosts before they are asked: credentials, the addresses of their services,
//! and which host stands in for which.

use std::collections::BTreeMap;

/// The host whose providers are named without a host.
pub const DEFAULT_HOST: &str = "registry.terraform.io";

/// The registry that is asked for the providers of [`DEFAULT_HOST`] unless something else is
/// configured.
pub const DEFAULT_REGISTRY: &str = "registry.opentofu.org";

/// See the module.
#[derive(Clone, Debug)]
pub struct Hosts {
    /// Credentials of hosts, from the CLI configuration.
    pub tokens: BTreeMap<String, String>,
    /// Addresses of services by host, for those that are not asked for them: `providers.v1` and
    /// the like.
    pub services: BTreeMap<String, BTreeMap<String, String>>,
    /// The host that is asked for the providers of another. Their identity stays what it is.
    pub stand_ins: BTreeMap<String, String>,
}

impl Default for Hosts {
    fn default() -> Self {
        let stand_in = (DEFAULT_HOST.to_owned(), DEFAULT_REGISTRY.to_owned());
        Self {
            tokens: BTreeMap::new(),
            services: BTreeMap::new(),
            stand_ins: BTreeMap::from([stand_in]),
        }
    }
}

impl Hosts {
    /// Takes the credentials in environment variables, which win over others: `TF_TOKEN_a_b__c`
    /// is for the host `a.b-c`.
    pub fn read_environment(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        for (name, value) in variables {
            if let Some(host) = name.strip_prefix("TF_TOKEN_").filter(|_| !value.is_empty()) {
                let host = host.replace("__", "-").replace('_', ".").to_lowercase();
                self.tokens.insert(host, value);
            }
        }
    }

    /// The host to ask for the providers and modules of a host. One whose services are configured is asked
    /// itself.
    pub fn asked<'a>(&'a self, host: &'a str) -> &'a str {
        match self.stand_ins.get(host) {
            Some(other) if !self.services.contains_key(host) => other,
            _ => host,
        }
    }

    /// The credentials of a host.
    pub fn token(&self, host: &str) -> Option<&str> {
        self.tokens.get(host).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_name_hosts() {
        let mut hosts = Hosts::default();
        hosts
            .tokens
            .insert("a.b-c.example".to_owned(), "old".to_owned());
        let variables = [
            ("TF_TOKEN_A_b__c_example", "new"),
            ("TF_TOKEN_x_y", ""),
            ("OTHER", "z"),
        ];
        hosts.read_environment(variables.map(|(n, v)| (n.to_owned(), v.to_owned())));
        assert_eq!(hosts.token("a.b-c.example"), Some("new"));
        assert_eq!(hosts.tokens.len(), 1);
    }

    #[test]
    fn the_default_host_has_a_stand_in() {
        let mut hosts = Hosts::default();
        assert_eq!(hosts.asked(DEFAULT_HOST), DEFAULT_REGISTRY);
        assert_eq!(hosts.asked("example.com"), "example.com");
        hosts
            .services
            .insert(DEFAULT_HOST.to_owned(), BTreeMap::new());
        assert_eq!(hosts.asked(DEFAULT_HOST), DEFAULT_HOST);
    }
}
