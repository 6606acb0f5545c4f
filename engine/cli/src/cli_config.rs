//! The CLI configuration: where providers are found, and what is known of hosts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use hcl::{Block, Body, Expression};
use muster_addr::ProviderAddr;
use muster_install::{Hosts, HttpOptions, Method, MethodKind, Platform, Settings, authority_of};

/// What the file and the environment say.
#[derive(Clone, Debug, Default)]
pub(crate) struct CliConfig {
    /// Directories with a development build of a provider each.
    pub dev_overrides: BTreeMap<ProviderAddr, PathBuf>,
    /// Ways to find providers, in order. `None` when the file does not say.
    pub methods: Option<Vec<Method>>,
    /// Credentials and services of hosts.
    pub hosts: Hosts,
    /// A directory of packages that working directories share.
    pub cache: Option<PathBuf>,
}

/// The file that the environment names.
fn named() -> Option<PathBuf> {
    let variables = ["TF_CLI_CONFIG_FILE", "TERRAFORM_CONFIG"].iter();
    let mut named = variables.filter_map(|name| std::env::var_os(name).filter(|v| !v.is_empty()));
    named.next().map(PathBuf::from)
}

/// Tells of a file that the environment names and that is not there; everything goes on without.
pub(crate) fn warn_if_missing() {
    if let Some(path) = named().filter(|path| !path.exists()) {
        errln!(
            "Warning: Unable to open CLI configuration file\n\nThe CLI configuration file {} is not there.\n",
            path.display()
        );
    }
}

impl CliConfig {
    /// Reads the file that the environment names, or the one in the home directory if it is
    /// there, and the environment.
    pub(crate) fn load() -> Result<Self> {
        let mut config = Self::load_file()?;
        let stored = home().map(|h| h.join(".terraform.d/credentials.tfrc.json"));
        if let Some(text) = stored.and_then(|path| std::fs::read_to_string(path).ok()) {
            config.stored_credentials(&text)?;
        }
        config
            .hosts
            .read_environment(std::env::vars_os().filter_map(|(name, value)| {
                Some((name.into_string().ok()?, value.into_string().ok()?))
            }));
        if let Some(dir) = std::env::var_os("TF_PLUGIN_CACHE_DIR").filter(|v| !v.is_empty()) {
            config.cache = Some(PathBuf::from(dir));
        }
        Ok(config)
    }

    fn load_file() -> Result<Self> {
        let path = named().or_else(|| home().map(|home| home.join(".terraformrc")));
        match path.filter(|path| path.exists()) {
            Some(path) => Self::read(&path),
            None => Ok(Self::default()),
        }
    }

    fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("Cannot read the CLI configuration {}", path.display()))?;
        Self::parse(&text)
            .with_context(|| format!("The CLI configuration {} is not valid", path.display()))
    }

    /// Parses the text of such a file.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let body: Body = hcl::parse(&overrides_as_object(text))?;
        let mut config = Self::default();
        for block in body.blocks() {
            match (block.identifier(), block.labels()) {
                ("provider_installation", _) => config.installation(block)?,
                ("credentials", [host]) => config.credentials(host.as_str(), block.body()),
                ("host", [host]) => config.host(host.as_str(), block.body())?,
                _ => {}
            }
        }
        let cache = body.attributes().find(|a| a.key() == "plugin_cache_dir");
        config.cache = cache.and_then(|a| string(a.expr())).map(|dir| expand(&dir));
        Ok(config)
    }

    /// How packages are installed. `plugin_dirs` replace all other places, if there are any.
    pub(crate) fn settings(&self, plugin_dirs: &[PathBuf]) -> Settings {
        self.settings_for(match (plugin_dirs, &self.methods) {
            ([], Some(methods)) => methods.clone(),
            ([], None) => Method::implied(implied_directories()),
            (dirs, _) => {
                let dirs = dirs.iter().cloned().map(MethodKind::FilesystemMirror);
                dirs.map(Method::all).collect()
            }
        })
    }

    /// How packages are installed by some methods.
    pub(crate) fn settings_for(&self, methods: Vec<Method>) -> Settings {
        let mut http = HttpOptions::default();
        if let Some(seconds) = number("TF_REGISTRY_CLIENT_TIMEOUT").filter(|n| *n > 0) {
            http.timeout = Duration::from_secs(seconds.into());
        }
        if let Some(retries) = number("TF_REGISTRY_DISCOVERY_RETRY") {
            http.retries = retries;
        }
        // Whoever writes down an address without encryption wants that.
        let services = self.hosts.services.values().flat_map(|s| s.values());
        http.plain = services
            .filter_map(|url| authority_of(url, "http"))
            .collect();
        http.plain
            .extend(methods.iter().filter_map(|method| match &method.kind {
                MethodKind::NetworkMirror(url) => authority_of(url, "http").filter(|a| is_local(a)),
                _ => None,
            }));
        Settings {
            methods,
            hosts: self.hosts.clone(),
            http,
            platform: Platform::current(),
            cache: self.cache.clone(),
        }
    }

    fn credentials(&mut self, host: &str, body: &Body) {
        let token = body.attributes().find(|a| a.key() == "token");
        if let Some(token) = token.and_then(|a| string(a.expr())) {
            self.hosts.tokens.insert(host.to_lowercase(), token);
        }
    }

    /// What `terraform login` keeps. The file that people write themselves wins.
    fn stored_credentials(&mut self, text: &str) -> Result<()> {
        #[derive(serde::Deserialize)]
        struct Stored {
            #[serde(default)]
            credentials: BTreeMap<String, Token>,
        }
        #[derive(serde::Deserialize)]
        struct Token {
            token: Option<String>,
        }
        let stored: Stored =
            serde_json::from_str(text).context("The file credentials.tfrc.json is not valid")?;
        for (host, credentials) in stored.credentials {
            if let Some(token) = credentials.token {
                self.hosts.tokens.entry(host).or_insert(token);
            }
        }
        Ok(())
    }

    fn host(&mut self, host: &str, body: &Body) -> Result<()> {
        let services = body.attributes().find(|a| a.key() == "services");
        let Some(Expression::Object(entries)) = services.map(|a| a.expr()) else {
            bail!("host \"{host}\": services must be an object.")
        };
        let services = entries.iter().filter_map(|(key, value)| {
            let key = key.to_string().trim_matches('"').to_owned();
            Some((key, string(value)?))
        });
        let services = services.collect();
        self.hosts.services.insert(host.to_lowercase(), services);
        Ok(())
    }

    fn installation(&mut self, block: &Block) -> Result<()> {
        for attribute in block.body().attributes() {
            if attribute.key() == "dev_overrides" {
                self.overrides(attribute.expr())?;
            }
        }
        let mut methods = Vec::new();
        for method in block.body().blocks() {
            match method.identifier() {
                "filesystem_mirror" | "direct" | "network_mirror" => {
                    methods.push(read_method(method)?);
                }
                other => bail!("There is no installation method \"{other}\"."),
            }
        }
        if block.body().blocks().next().is_some() {
            self.methods = Some(methods);
        }
        Ok(())
    }

    fn overrides(&mut self, expr: &Expression) -> Result<()> {
        let Expression::Object(entries) = expr else {
            bail!("dev_overrides must be an object.")
        };
        for (key, value) in entries {
            self.dev_override(&key.to_string(), value)?;
        }
        Ok(())
    }

    fn dev_override(&mut self, source: &str, path: &Expression) -> Result<()> {
        let source = source.trim_matches('"');
        let Some(addr) = ProviderAddr::parse_source(source) else {
            bail!("dev_overrides: \"{source}\" is not the source of a provider.");
        };
        let Some(path) = string(path) else {
            bail!("dev_overrides: the path for \"{source}\" must be a string.");
        };
        self.dev_overrides.insert(addr, expand(&path));
        Ok(())
    }
}

/// An installation method.
fn read_method(block: &Block) -> Result<Method> {
    let name = block.identifier();
    let (mut include, mut exclude, mut place) = (Vec::new(), Vec::new(), None);
    for attribute in block.body().attributes() {
        match (name, attribute.key()) {
            (_, "include") => include = strings(attribute.expr()),
            (_, "exclude") => exclude = strings(attribute.expr()),
            ("filesystem_mirror", key @ "path") | ("network_mirror", key @ "url") => {
                place = string(attribute.expr());
                if place.is_none() {
                    bail!("{name}: {key} must be a string.");
                }
            }
            (_, other) => bail!("{name}: there is no argument \"{other}\"."),
        }
    }
    let kind = match (name, place.filter(|p| !p.is_empty())) {
        ("direct", _) => MethodKind::Direct,
        ("network_mirror", Some(url)) => MethodKind::NetworkMirror(url),
        ("filesystem_mirror", Some(path)) => MethodKind::FilesystemMirror(expand(&path)),
        ("network_mirror", None) => bail!("network_mirror: url is missing."),
        _ => bail!("filesystem_mirror: path is missing."),
    };
    Ok(Method {
        kind,
        include,
        exclude,
    })
}

/// Where providers are looked for unless something else is configured.
pub(crate) fn implied_directories() -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("terraform.d/plugins")];
    found.extend(home().map(|h| h.join(".terraform.d/plugins")));
    found.extend(home().map(|h| h.join(".local/share/terraform/plugins")));
    found.push(PathBuf::from("/usr/local/share/terraform/plugins"));
    found.push(PathBuf::from("/usr/share/terraform/plugins"));
    found
}

/// Whether a server is on this machine.
fn is_local(authority: &str) -> bool {
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, _)| host);
    matches!(host, "localhost" | "[::1]") || host.starts_with("127.")
}

/// A number in the environment; what is none is passed over.
fn number(name: &str) -> Option<u32> {
    std::env::var(name).ok()?.parse().ok()
}

/// `dev_overrides` has quoted keys, which are no attribute names: its block is read as an object.
fn overrides_as_object(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    let mut rest = text;
    while let Some(at) = rest.find("dev_overrides") {
        let (before, after) = rest.split_at(at + "dev_overrides".len());
        out.push_str(before);
        if after.trim_start().starts_with('{') {
            out.push_str(" =");
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

fn string(expr: &Expression) -> Option<String> {
    match expr {
        Expression::String(text) => Some(text.clone()),
        _ => None,
    }
}

fn strings(expr: &Expression) -> Vec<String> {
    match expr {
        Expression::Array(items) => items.iter().filter_map(string).collect(),
        _ => Vec::new(),
    }
}

/// The user's home directory.
pub(crate) fn home() -> Option<PathBuf> {
    std::env::var_os("HOME")
        .filter(|h| !h.is_empty())
        .map(PathBuf::from)
}

/// A path, with the home directory for `~` and values of the environment for `$NAME` in front.
fn expand(path: &str) -> PathBuf {
    if let (Some(rest), Some(home)) = (path.strip_prefix("~/"), home()) {
        return home.join(rest);
    }
    if let Some(rest) = path.strip_prefix('$') {
        let end = rest.find('/').unwrap_or(rest.len());
        if let Some(value) = std::env::var_os(&rest[..end]) {
            return PathBuf::from(value).join(rest[end..].trim_start_matches('/'));
        }
    }
    PathBuf::from(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_dev_overrides() {
        for text in [
            "provider_installation {\n  dev_overrides {\n    \"a/b\" = \"/x\"\n  }\n  direct {}\n}\n",
            "provider_installation {\n  dev_overrides = {\n    \"a/b\" = \"/x\"\n  }\n}\n",
        ] {
            let config = CliConfig::parse(text).unwrap();
            let addr = ProviderAddr::new("a", "b");
            assert_eq!(
                config.dev_overrides.get(&addr),
                Some(&PathBuf::from("/x")),
                "{text}"
            );
        }
    }

    #[test]
    fn methods_are_read_in_order() {
        let text = "provider_installation {\n  filesystem_mirror {\n    path = \"/m\"\n    include = [\"hashicorp/*\"]\n  }\n  network_mirror {\n    url = \"http://127.0.0.1:1/x/\"\n  }\n  direct {\n    exclude = [\"a/b\"]\n  }\n}\n";
        let config = CliConfig::parse(text).unwrap();
        let methods = config.settings(&[]).methods;
        assert_eq!(methods[0].kind, MethodKind::FilesystemMirror("/m".into()));
        assert_eq!(methods[0].include, ["hashicorp/*"]);
        let url = "http://127.0.0.1:1/x/".to_owned();
        assert_eq!(methods[1].kind, MethodKind::NetworkMirror(url));
        assert_eq!(methods[2].kind, MethodKind::Direct);
        assert_eq!(methods[2].exclude, ["a/b"]);
        assert!(config.settings(&[]).http.plain.contains("127.0.0.1:1"));
        let only = config.settings(&["/p".into()]).methods;
        assert_eq!(
            only,
            [Method::all(MethodKind::FilesystemMirror("/p".into()))]
        );
    }

    #[test]
    fn hosts_have_credentials_and_services() {
        let text = "plugin_cache_dir = \"/cache\"\ncredentials \"A.example\" {\n  token = \"t\"\n}\nhost \"b.example\" {\n  services = {\n    \"providers.v1\" = \"http://b.example/p/\"\n  }\n}\n";
        let mut config = CliConfig::parse(text).unwrap();
        let stored =
            r#"{"credentials": {"a.example": {"token": "old"}, "c.example": {"token": "c"}}}"#;
        config.stored_credentials(stored).unwrap();
        assert_eq!(config.hosts.tokens["a.example"], "t");
        assert_eq!(config.hosts.tokens["c.example"], "c");
        assert_eq!(
            config.hosts.services["b.example"]["providers.v1"],
            "http://b.example/p/"
        );
        assert_eq!(config.cache.as_deref(), Some(Path::new("/cache")));
        assert!(config.settings(&[]).http.plain.contains("b.example:80"));
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(CliConfig::parse("provider_installation {\n  wormhole {}\n}\n").is_err());
        assert!(CliConfig::parse("provider_installation {").is_err());
    }
}
