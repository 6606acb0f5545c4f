//! Where the module that a call names comes from: its `source` argument.

use std::fmt;

/// The host whose modules are named without a host.
const DEFAULT_HOST: &str = "registry.terraform.io";

/// Hosts whose modules are repositories and never those of a registry.
const NO_REGISTRIES: [&str; 2] = ["github.com", "bitbucket.org"];

/// The source of a module. It prints in the form that the record of installed modules has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ModuleSource {
    /// A directory beside the calling module: a path that begins with `./` or `../`.
    Local(String),
    /// A module of a registry.
    Registry(RegistryModule),
    /// A package that is somewhere else, and a directory in it.
    Remote(RemoteModule),
}

/// A module of a registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegistryModule {
    /// The registry.
    pub host: String,
    /// Who publishes it.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The system it is for.
    pub system: String,
    /// A directory in the package; empty for the package itself.
    pub subdir: String,
}

/// A package at an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RemoteModule {
    /// How the package is got, when the address alone does not say: `git` and the like.
    pub method: Option<String>,
    /// The address of the package, with a scheme.
    pub address: String,
    /// A directory in the package; empty for the package itself.
    pub subdir: String,
}

/// A text that is no source of a module. The text is a whole sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceError {
    /// Nothing is named.
    Empty,
    /// There is a version, which only modules of registries have.
    NotRegistry,
    /// A directory outside the package.
    Outside(String),
    /// A repository without a name.
    GitHub,
    /// Nothing that is known.
    Unknown(String),
}

impl ModuleSource {
    /// Reads the `source` of a call. One that has a `version` too has to be in a registry.
    ///
    /// # Errors
    /// The text is no source.
    pub fn parse(text: &str, versioned: bool) -> Result<Self, SourceError> {
        let text = text.trim();
        if versioned {
            return match registry(text)? {
                Some(module) => Ok(Self::Registry(module)),
                None => Err(SourceError::NotRegistry),
            };
        }
        if text.starts_with("./") || text.starts_with("../") {
            return Ok(Self::Local(local(text)));
        }
        match registry(text)? {
            Some(module) => Ok(Self::Registry(module)),
            None => RemoteModule::parse(text).map(Self::Remote),
        }
    }
}

impl fmt::Display for ModuleSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => f.write_str(path),
            Self::Registry(module) => module.fmt(f),
            Self::Remote(module) => module.fmt(f),
        }
    }
}

impl RegistryModule {
    /// The module without the directory in it.
    pub fn package(&self) -> String {
        let Self {
            host,
            namespace,
            name,
            system,
            ..
        } = self;
        format!("{host}/{namespace}/{name}/{system}")
    }
}

impl fmt::Display for RegistryModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.package())?;
        match self.subdir.as_str() {
            "" => Ok(()),
            subdir => write!(f, "//{subdir}"),
        }
    }
}

impl RemoteModule {
    /// Reads the address of a package, or one of the short forms of such.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        if text.is_empty() {
            return Err(SourceError::Empty);
        }
        let (package, subdir) = split_subdir(text)?;
        let (method, address) = split_method(&package);
        let (found, address, more) = detect(method, address)?;
        let subdir = match (more.as_str(), subdir.as_str()) {
            ("", _) => subdir,
            (_, "") => more,
            _ => format!("{more}/{subdir}"),
        };
        Ok(Self {
            method: method.map(str::to_owned).or(found),
            address,
            subdir,
        })
    }

    /// The package without the directory in it, as it is written.
    pub fn package(&self) -> String {
        match &self.method {
            Some(method) => format!("{method}::{}", self.address),
            None => self.address.clone(),
        }
    }
}

impl fmt::Display for RemoteModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let package = self.package();
        if self.subdir.is_empty() {
            return f.write_str(&package);
        }
        match package.split_once('?') {
            Some((path, query)) => write!(f, "{path}//{}?{query}", self.subdir),
            None => write!(f, "{package}//{}", self.subdir),
        }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("The source of the module is empty."),
            Self::NotRegistry => f.write_str(
                "Only modules of a registry have versions, and this is not the address of one, such as \"hashicorp/consul/aws\": leave the version out, or write the address of a module in a registry.",
            ),
            Self::Outside(path) => write!(
                f,
                "The directory \"{path}\" behind // leads out of the package that it is in."
            ),
            Self::GitHub => f.write_str(
                "Repositories of GitHub are written as github.com/OWNER/NAME.",
            ),
            Self::Unknown(text) => write!(
                f,
                "\"{text}\" is neither a module of a registry, such as \"hashicorp/consul/aws\", nor an address that a package can be got from, such as \"git::https://example.com/network.git\". If a directory beside this one is meant, write \"./{text}\"."
            ),
        }
    }
}

impl std::error::Error for SourceError {}

/// A path without `.` and needless `..`, which always begins with `./` or `../`.
fn local(text: &str) -> String {
    let path = clean(text);
    match path.starts_with("../") {
        true => path,
        false => format!("./{path}"),
    }
}

/// Takes `.` and `..` out of a relative path.
fn clean(text: &str) -> String {
    crate::files::join("", text)
}

/// `[HOST/]NAMESPACE/NAME/SYSTEM[//DIR]`; `None` when it is something else.
fn registry(text: &str) -> Result<Option<RegistryModule>, SourceError> {
    let (package, subdir) = match text.split_once("//") {
        Some((package, subdir)) => (package, subdir),
        None => (text, ""),
    };
    let parts: Vec<&str> = package.split('/').collect();
    let (host, parts) = match parts.as_slice() {
        [namespace, name, system] => (DEFAULT_HOST, [*namespace, *name, *system]),
        [host, namespace, name, system] if is_host(host) => (*host, [*namespace, *name, *system]),
        _ => return Ok(None),
    };
    let [namespace, name, system] = parts;
    let host = host.to_lowercase();
    let plain = is_name(namespace) && is_name(name) && is_system(system);
    if !plain || NO_REGISTRIES.contains(&host.as_str()) {
        return Ok(None);
    }
    Ok(Some(RegistryModule {
        host,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        system: system.to_owned(),
        subdir: inside(subdir)?,
    }))
}

fn is_host(text: &str) -> bool {
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (text, None),
    };
    let label = |l: &str| {
        let plain = |c: char| c.is_alphanumeric() || c == '-';
        !l.is_empty() && l.chars().all(plain) && !l.starts_with('-') && !l.ends_with('-')
    };
    name.contains('.')
        && name.split('.').all(label)
        && port.is_none_or(|p| p.parse::<u16>().is_ok())
}

fn is_name(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric();
    let bytes = text.as_bytes();
    bytes.len() <= 64
        && bytes.first().is_some_and(|b| word(*b))
        && bytes.last().is_some_and(|b| word(*b))
        && bytes.iter().all(|b| word(*b) || matches!(b, b'-' | b'_'))
}

fn is_system(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

/// A directory in a package.
fn inside(subdir: &str) -> Result<String, SourceError> {
    let path = clean(subdir.trim_start_matches('/'));
    match path.as_str() {
        "." => Ok(String::new()),
        ".." => Err(SourceError::Outside(path)),
        _ if path.starts_with("../") => Err(SourceError::Outside(path)),
        _ => Ok(path),
    }
}

/// Takes `//DIR` out of an address; a query stays with the package.
fn split_subdir(text: &str) -> Result<(String, String), SourceError> {
    let (path, query) = match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    };
    let from = path.find("://").map_or(0, |at| at + 3);
    let Some(at) = path[from..].find("//").map(|at| at + from) else {
        return Ok((text.to_owned(), String::new()));
    };
    let package = match query {
        Some(query) => format!("{}?{query}", &path[..at]),
        None => path[..at].to_owned(),
    };
    Ok((package, inside(&path[at + 2..])?))
}

/// `METHOD::ADDRESS`
fn split_method(text: &str) -> (Option<&str>, &str) {
    match text.split_once("::") {
        Some((method, address))
            if !method.is_empty() && method.bytes().all(|b| b.is_ascii_alphanumeric()) =>
        {
            (Some(method), address)
        }
        _ => (None, text),
    }
}

/// What an address without a scheme stands for: how to get it, its address and a directory.
fn detect(
    method: Option<&str>,
    text: &str,
) -> Result<(Option<String>, String, String), SourceError> {
    let git = |address: String, subdir: String| Ok((Some("git".to_owned()), address, subdir));
    if let Some(rest) = text.strip_prefix("github.com/") {
        let (path, query) = split_query(rest);
        let mut parts = path.splitn(3, '/');
        let (Some(owner), Some(name)) = (parts.next(), parts.next()) else {
            return Err(SourceError::GitHub);
        };
        let address = format!("https://github.com/{owner}/{}{query}", with_git(name));
        return git(address, inside(parts.next().unwrap_or_default())?);
    }
    if let Some(rest) = text.strip_prefix("bitbucket.org/") {
        let (path, query) = split_query(rest);
        let address = format!("https://bitbucket.org/{}{query}", with_git(path));
        return git(address, String::new());
    }
    if let Some((user, host, path)) = secure_copy(text)
        && (user == "git" || method == Some("git"))
    {
        let path = path.trim_start_matches('/');
        return git(format!("ssh://{user}@{host}/{path}"), String::new());
    }
    if has_scheme(text) {
        return Ok((None, text.to_owned(), String::new()));
    }
    if let Some(store) = storage(text) {
        let address = format!("https://{text}");
        return Ok((Some(store.to_owned()), address, String::new()));
    }
    if text.starts_with('/') {
        return Ok((None, format!("file://{text}"), String::new()));
    }
    Err(SourceError::Unknown(text.to_owned()))
}

fn split_query(text: &str) -> (&str, &str) {
    text.find('?').map_or((text, ""), |at| text.split_at(at))
}

fn with_git(name: &str) -> String {
    match name.ends_with(".git") {
        true => name.to_owned(),
        false => format!("{name}.git"),
    }
}

/// `USER@HOST:PATH`
fn secure_copy(text: &str) -> Option<(&str, &str, &str)> {
    let (front, path) = text.split_once(':')?;
    let (user, host) = front.split_once('@')?;
    let plain = |s: &str| !s.is_empty() && !s.contains(['/', '@', ' ']);
    (plain(user) && plain(host) && !path.starts_with("//")).then_some((user, host, path))
}

fn has_scheme(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once(':') else {
        return false;
    };
    let rest = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(rest)
}

/// The method of addresses that belong to a storage service.
fn storage(text: &str) -> Option<&'static str> {
    let host = text.split('/').next()?;
    let is_s3 = host.ends_with(".amazonaws.com") && host.split('.').any(|l| l.starts_with("s3"));
    if is_s3 {
        return Some("s3");
    }
    (host == "www.googleapis.com" && text.contains("/storage/")).then_some("gcs")
}

#[cfg(test)]
mod tests;
