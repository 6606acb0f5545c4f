//! The CLI configuration: where providers are found, and what is known of hosts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use muster_addr::ProviderAddr;
use muster_install::{Hosts, HttpOptions, Method, MethodKind, Platform, Settings, authority_of};
use muster_lang::Diagnostic;

mod syntax;

use crate::view;
use syntax::{Item, Node};

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
    /// Whether a file says how providers are installed.
    pub is_installation_known: bool,
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
        let detail = format!(
            "The CLI configuration file {} is not there.",
            path.display()
        );
        let summary = "Unable to open CLI configuration file";
        view::warn(&Diagnostic::warning(summary, detail).into());
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

    /// What files say: the one that the environment names, or those of the home directory.
    fn load_file() -> Result<Self> {
        let mut config = Self::default();
        if let Some(path) = named() {
            if path.exists() {
                config.read(&path)?;
            }
            return Ok(config);
        }
        for path in home().iter().flat_map(|home| usual_files(home)) {
            config.read(&path)?;
        }
        Ok(config)
    }

    /// Adds what a file says.
    fn read(&mut self, path: &Path) -> Result<()> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("Cannot read the CLI configuration {}", path.display()))?;
        let items =
            syntax::parse(&text).with_context(|| format!("Error parsing {}", path.display()))?;
        self.take(&items)
            .with_context(|| format!("The CLI configuration {} is not valid", path.display()))
    }

    /// Parses the text of such a file.
    #[cfg(test)]
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut config = Self::default();
        config.take(&syntax::parse(text)?)?;
        Ok(config)
    }

    fn take(&mut self, items: &[Item]) -> Result<()> {
        for item in items {
            match item.keys[0].as_str() {
                "provider_installation" => self.installation(item)?,
                "credentials" => {
                    for (host, items) in labelled(item) {
                        self.credentials(&host, items);
                    }
                }
                "host" => {
                    for (host, items) in labelled(item) {
                        self.host(&host, items)?;
                    }
                }
                "plugin_cache_dir" => {
                    let dir = item.value.text().filter(|dir| !dir.is_empty());
                    self.cache = dir.map(expand).or_else(|| self.cache.take());
                }
                _ => {}
            }
        }
        Ok(())
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

    fn credentials(&mut self, host: &str, items: &[Item]) {
        if let Some(token) = find(items, "token").and_then(Node::text) {
            self.hosts
                .tokens
                .insert(host.to_lowercase(), token.to_owned());
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

    fn host(&mut self, host: &str, items: &[Item]) -> Result<()> {
        let Some(entries) = find(items, "services").and_then(Node::items) else {
            bail!("host \"{host}\": services must be an object.")
        };
        let services = entries.iter().filter_map(|entry| {
            let url = entry.value.text()?;
            Some((entry.keys[0].clone(), url.to_owned()))
        });
        let services = services.collect();
        self.hosts.services.insert(host.to_lowercase(), services);
        Ok(())
    }

    fn installation(&mut self, item: &Item) -> Result<()> {
        const WRONG: &str = "Invalid provider_installation block";
        if !item.is_block || item.keys.len() > 1 {
            bail!("{WRONG}: it has neither labels nor an equals sign.");
        }
        if self.is_installation_known {
            bail!("No more than one provider_installation block may be specified");
        }
        self.is_installation_known = true;
        for method in item.value.items().unwrap_or_default() {
            self.method(method)
                .context("Invalid provider_installation method block")?;
        }
        Ok(())
    }

    fn method(&mut self, item: &Item) -> Result<()> {
        let name = item.keys[0].as_str();
        let Some(entries) = item.value.items() else {
            bail!("{name} must be a block.");
        };
        match name {
            "dev_overrides" if self.methods.is_some() => {
                bail!("dev_overrides must stand before all other methods, for it goes before them.")
            }
            "dev_overrides" => self.overrides(entries)?,
            "filesystem_mirror" | "direct" | "network_mirror" if item.is_block => {
                let method = read_method(name, entries)?;
                self.methods.get_or_insert_default().push(method);
            }
            "filesystem_mirror" | "direct" | "network_mirror" => {
                bail!("{name} must be a block, without an equals sign.")
            }
            other => bail!("There is no installation method \"{other}\"."),
        }
        Ok(())
    }

    fn overrides(&mut self, entries: &[Item]) -> Result<()> {
        for entry in entries {
            let source = &entry.keys[0];
            let Some(addr) = ProviderAddr::parse_source(source) else {
                bail!("dev_overrides: \"{source}\" is not the source of a provider.");
            };
            let Some(path) = entry.value.text() else {
                bail!("dev_overrides: the path for \"{source}\" must be a string.");
            };
            self.dev_overrides.insert(addr, expand(path));
        }
        Ok(())
    }
}

/// An installation method. Arguments that nobody knows are passed over, as they always were.
fn read_method(name: &str, items: &[Item]) -> Result<Method> {
    let place = |key: &str| {
        let text = find(items, key).and_then(Node::text);
        let text = text.filter(|text| !text.is_empty());
        text.with_context(|| format!("{name}: {key} is missing, or no string."))
    };
    let kind = match name {
        "direct" => MethodKind::Direct,
        "network_mirror" => MethodKind::NetworkMirror(place("url")?.to_owned()),
        _ => MethodKind::FilesystemMirror(expand(place("path")?)),
    };
    let patterns = |key: &str| match find(items, key) {
        None => Ok(Vec::new()),
        Some(Node::List(values)) => {
            let values = values.iter().filter_map(Node::text);
            Ok(values.map(str::to_owned).collect())
        }
        Some(_) => bail!("{name}: {key} must be a list of strings."),
    };
    Ok(Method {
        kind,
        include: patterns("include")?,
        exclude: patterns("exclude")?,
    })
}

/// The value of the last entry of a name.
fn find<'i>(items: &'i [Item], name: &str) -> Option<&'i Node> {
    let mut found = items.iter().rev();
    let found = found.find(|item| item.keys.len() == 1 && item.keys[0] == name);
    found.map(|item| &item.value)
}

/// The blocks of an entry by their label, which stands behind its name or is a name inside.
fn labelled(item: &Item) -> Vec<(String, &[Item])> {
    let entries = item.value.items().unwrap_or_default();
    match item.keys.get(1) {
        Some(label) => vec![(label.clone(), entries)],
        None => {
            let inner = entries.iter().filter_map(|entry| {
                let items = entry.value.items()?;
                Some((entry.keys[0].clone(), items))
            });
            inner.collect()
        }
    }
}

/// The files of a home directory, in the order that they are read in.
fn usual_files(home: &Path) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(home.join(".terraform.d"));
    let listed = listed.into_iter().flatten().flatten().map(|e| e.path());
    let mut files: Vec<PathBuf> = listed
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            // What login keeps is read in its turn.
            name != "credentials.tfrc.json"
                && (name.ends_with(".tfrc") || name.ends_with(".tfrc.json"))
                && path.is_file()
        })
        .collect();
    files.sort_unstable();
    files.insert(0, home.join(".terraformrc"));
    files.retain(|path| path.exists());
    files
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

/// The user's home directory.
pub(crate) fn home() -> Option<PathBuf> {
    std::env::var_os("HOME")
        .filter(|h| !h.is_empty())
        .map(PathBuf::from)
}

/// A path, with the home directory for `~` in front, and values of the environment for `$NAME` and
/// `${NAME}`.
fn expand(path: &str) -> PathBuf {
    let path = with_variables(path, |name| std::env::var(name).ok());
    match (path.strip_prefix("~/"), home()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

/// What is no name of a variable stays, and a variable that is not there is empty.
fn with_variables(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut parts = text.split('$');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let in_braces = part.strip_prefix('{').and_then(|p| p.split_once('}'));
        let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = part.find(|c| !of_name(c)).unwrap_or(part.len());
        let (name, rest) = in_braces.unwrap_or(part.split_at(end));
        match name {
            "" => out.extend(["$", part]),
            name => out.extend([&value(name).unwrap_or_default(), rest]),
        }
    }
    out
}

#[cfg(test)]
mod tests;
