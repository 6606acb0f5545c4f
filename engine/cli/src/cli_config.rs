//! The CLI configuration file: where provider binaries are found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use hcl::{Block, Body, Expression};
use muster_addr::ProviderAddr;

/// What the file says.
#[derive(Clone, Debug, Default)]
pub(crate) struct CliConfig {
    /// Directories with a development build of a provider each.
    pub dev_overrides: BTreeMap<ProviderAddr, PathBuf>,
    /// Ways to find providers, in order. `None` when the file does not say.
    pub methods: Option<Vec<Method>>,
}

/// A directory of providers, and for which of them it is asked.
#[derive(Clone, Debug)]
pub(crate) struct Method {
    /// The directory.
    pub path: PathBuf,
    /// Patterns such as `registry.terraform.io/*/*`; empty is all.
    pub include: Vec<String>,
    /// Patterns.
    pub exclude: Vec<String>,
}

impl CliConfig {
    /// Reads the file that the environment names, or the one in the home directory if it is
    /// there.
    pub(crate) fn load() -> Result<Self> {
        let named = ["TF_CLI_CONFIG_FILE", "TERRAFORM_CONFIG"]
            .iter()
            .find_map(|name| std::env::var_os(name).filter(|v| !v.is_empty()));
        if let Some(path) = named {
            let path = PathBuf::from(path);
            if !path.exists() {
                return Ok(Self::default());
            }
            return Self::read(&path);
        }
        match home()
            .map(|home| home.join(".terraformrc"))
            .filter(|path| path.exists())
        {
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
        for block in body
            .blocks()
            .filter(|b| b.identifier() == "provider_installation")
        {
            config.installation(block)?;
        }
        Ok(config)
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
                "filesystem_mirror" => methods.push(Method::new(method)?),
                "direct" | "network_mirror" => {}
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
        let Some(path) = text(path) else {
            bail!("dev_overrides: the path for \"{source}\" must be a string.");
        };
        self.dev_overrides.insert(addr, expand(&path));
        Ok(())
    }
}

impl Method {
    fn new(block: &Block) -> Result<Self> {
        let mut method = Self {
            path: PathBuf::new(),
            include: Vec::new(),
            exclude: Vec::new(),
        };
        for attribute in block.body().attributes() {
            match attribute.key() {
                "path" => match text(attribute.expr()) {
                    Some(path) => method.path = expand(&path),
                    None => bail!("filesystem_mirror: path must be a string."),
                },
                "include" => method.include = texts(attribute.expr()),
                "exclude" => method.exclude = texts(attribute.expr()),
                other => bail!("filesystem_mirror: there is no argument \"{other}\"."),
            }
        }
        if method.path.as_os_str().is_empty() {
            bail!("filesystem_mirror: path is missing.");
        }
        Ok(method)
    }

    /// Whether the directory is asked for a provider.
    pub(crate) fn covers(&self, addr: &ProviderAddr) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|p| matches(p, addr));
        (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }
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

fn matches(pattern: &str, addr: &ProviderAddr) -> bool {
    let parts: Vec<&str> = pattern.split('/').collect();
    let (host, rest) = match parts.len() {
        3 => (parts[0], &parts[1..]),
        _ => ("registry.terraform.io", &parts[..]),
    };
    let one = |pattern: &str, text: &str| pattern == "*" || pattern == text;
    rest.len() == 2
        && one(host, &addr.host)
        && one(rest[0], &addr.namespace)
        && one(rest[1], &addr.type_name)
}

fn text(expr: &Expression) -> Option<String> {
    match expr {
        Expression::String(text) => Some(text.clone()),
        _ => None,
    }
}

fn texts(expr: &Expression) -> Vec<String> {
    match expr {
        Expression::Array(items) => items.iter().filter_map(text).collect(),
        _ => Vec::new(),
    }
}

/// The user's home directory.
pub(crate) fn home() -> Option<PathBuf> {
    std::env::var_os("HOME")
        .filter(|h| !h.is_empty())
        .map(PathBuf::from)
}

fn expand(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), home()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
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
    fn mirrors_cover_what_they_include() {
        let text = "provider_installation {\n  filesystem_mirror {\n    path = \"/m\"\n    include = [\"hashicorp/*\", \"example.com/*/*\"]\n    exclude = [\"hashicorp/gone\"]\n  }\n}\n";
        let methods = CliConfig::parse(text).unwrap().methods.unwrap();
        assert!(methods[0].covers(&ProviderAddr::new("hashicorp", "aws")));
        assert!(!methods[0].covers(&ProviderAddr::new("hashicorp", "gone")));
        assert!(!methods[0].covers(&ProviderAddr::new("other", "aws")));
        let addr = ProviderAddr::parse_source("example.com/a/b").unwrap();
        assert!(methods[0].covers(&addr));
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(CliConfig::parse("provider_installation {\n  wormhole {}\n}\n").is_err());
        assert!(CliConfig::parse("provider_installation {").is_err());
    }
}
