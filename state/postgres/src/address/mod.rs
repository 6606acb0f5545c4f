//! Where a database is, and how to connect to it.

mod password;
mod text;

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use muster_store::StoreError;
use tokio_postgres::Config;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};

use text::Parameters;

/// How long the server may take to accept a connection, unless that is given.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long sent data may stay unacknowledged before the connection counts as cut.
const SILENCE: Duration = Duration::from_secs(30);

/// Parameters that the environment may give, by the names that libpq documents.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("PGHOST", "host"),
    ("PGPORT", "port"),
    ("PGDATABASE", "dbname"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGOPTIONS", "options"),
    ("PGAPPNAME", "application_name"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLKEY", "sslkey"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
];

/// Parameters that are about things which are always the same here, or settled elsewhere.
const IGNORED: &[&str] = &[
    "passfile",
    "client_encoding",
    "fallback_application_name",
    "channel_binding",
    "gssencmode",
    "krbsrvname",
    "sslcompression",
    "sslsni",
    "binary_parameters",
    "disable_prepared_binary_result",
];

/// A database and how to connect to it.
#[derive(Clone)]
pub(crate) struct Address {
    /// What the driver is told. It holds the password.
    pub(crate) config: Config,
    /// How the connection is encrypted.
    pub(crate) tls: Encryption,
    /// The database for people, without secrets: `postgres://host:5432/name`.
    pub(crate) place: String,
}

/// How a connection is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Encryption {
    pub(crate) verify: Verify,
    /// Certificates that the server's must come from, instead of the system's.
    pub(crate) roots: Option<Pem>,
    /// The client's own certificate and its key.
    pub(crate) identity: Option<(Pem, Pem)>,
}

/// What a server's certificate must prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verify {
    /// Nothing: whoever answers is trusted.
    Nothing,
    /// That it comes from a known authority.
    Authority,
    /// That it also names the host.
    Host,
}

/// Certificates or a key in text form.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Pem {
    File(PathBuf),
    Inline(String),
}

/// The text may be a key, so it is not shown.
impl std::fmt::Debug for Pem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => path.fmt(f),
            Self::Inline(_) => f.write_str("(inline)"),
        }
    }
}

impl Address {
    /// Reads a connection string, and the environment for what it leaves open.
    pub(crate) fn new(
        text: &str,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, StoreError> {
        let mut parameters = text::parse(text).map_err(wrong)?;
        add_defaults(&mut parameters, env);
        let mut config = Config::new();
        config
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(SILENCE)
            .keepalives_idle(SILENCE)
            .application_name("muster");
        let mut options = parameters.get("options").cloned().unwrap_or_default();
        for (name, value) in &parameters {
            apply(&mut config, name, value, &mut options)?;
        }
        if !options.is_empty() {
            config.options(options);
        }
        let (mode, tls) = encryption(&parameters)?;
        config.ssl_mode(mode);
        Ok(Self {
            place: place(&parameters),
            config,
            tls,
        })
    }
}

fn wrong(reason: impl Into<String>) -> StoreError {
    StoreError::Setting {
        name: "conn_str",
        reason: reason.into(),
    }
}

fn add_defaults(parameters: &mut Parameters, env: &dyn Fn(&str) -> Option<String>) {
    let user = env("USER").or_else(|| env("LOGNAME"));
    let set = |parameters: &mut Parameters, name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|_| !parameters.contains_key(name)) {
            parameters.insert(name.to_owned(), value);
        }
    };
    parameters.retain(|_, value| !value.is_empty());
    for (variable, name) in ENVIRONMENT {
        set(parameters, name, env(variable).filter(|v| !v.is_empty()));
    }
    set(parameters, "host", Some("localhost".to_owned()));
    set(parameters, "port", Some("5432".to_owned()));
    set(parameters, "user", user);
    set(parameters, "dbname", parameters.get("user").cloned());
    let password = password::find(parameters, env);
    set(parameters, "password", password);
}

/// Tells the driver one parameter.
fn apply(
    config: &mut Config,
    name: &str,
    value: &str,
    options: &mut String,
) -> Result<(), StoreError> {
    match name {
        "host" => value.split(',').for_each(|host| {
            config.host(host);
        }),
        "port" => {
            for port in value.split(',') {
                config.port(match port {
                    "" => 5432,
                    port => number(name, port)?,
                });
            }
        }
        "user" => drop(config.user(value)),
        "password" => drop(config.password(value)),
        "dbname" => drop(config.dbname(value)),
        "application_name" => drop(config.application_name(value)),
        "connect_timeout" => match number(name, value)? {
            0 => {}
            seconds => drop(config.connect_timeout(Duration::from_secs(seconds))),
        },
        "target_session_attrs" => drop(config.target_session_attrs(match value {
            "read-write" | "primary" => TargetSessionAttrs::ReadWrite,
            _ => TargetSessionAttrs::Any,
        })),
        "options" => {}
        name if name.starts_with("ssl") || name.starts_with("keepalives") => {}
        name if IGNORED.contains(&name) => {}
        // Everything else is a setting of the session, which the server knows or refuses.
        name => {
            let value = value.replace('\\', "\\\\").replace(' ', "\\ ");
            options.push_str(&format!(" -c {name}={value}"));
        }
    }
    Ok(())
}

fn number<T: FromStr>(name: &str, value: &str) -> Result<T, StoreError> {
    let parsed = value.trim().parse();
    parsed.map_err(|_| wrong(format!("has a {name} that is not a fitting number")))
}

/// How the connection is encrypted. Terraform's driver insists on encryption unless told
/// otherwise, and checks certificates only if told where the authority's is.
fn encryption(parameters: &Parameters) -> Result<(SslMode, Encryption), StoreError> {
    let inline = parameters.get("sslinline").is_some_and(|v| v == "true");
    let pem = |name: &str| {
        parameters.get(name).map(|value| match inline {
            true => Pem::Inline(value.clone()),
            false => Pem::File(value.into()),
        })
    };
    let is_there = |pem: &Pem| !matches!(pem, Pem::File(path) if !path.exists());
    // The word stands for the certificates of the system, which only makes sense with a name.
    let is_system = parameters.get("sslrootcert").is_some_and(|v| v == "system");
    let roots = pem("sslrootcert").filter(|_| !is_system);
    let is_local = parameters.get("host").is_some_and(|h| h.starts_with('/'));
    let mode = match parameters.get("sslmode").map_or("require", String::as_str) {
        _ if is_local => (SslMode::Disable, Verify::Nothing),
        "disable" => (SslMode::Disable, Verify::Nothing),
        "allow" | "prefer" => (SslMode::Prefer, Verify::Nothing),
        "require" | "verify-ca" if is_system => (SslMode::Require, Verify::Host),
        "require" if roots.as_ref().is_some_and(is_there) => (SslMode::Require, Verify::Authority),
        "require" => (SslMode::Require, Verify::Nothing),
        "verify-ca" => (SslMode::Require, Verify::Authority),
        "verify-full" => (SslMode::Require, Verify::Host),
        _ => {
            return Err(wrong(
                "has an sslmode that is not one of disable, prefer, require, verify-ca, verify-full",
            ));
        }
    };
    let encryption = Encryption {
        verify: mode.1,
        roots: roots.filter(|_| mode.1 != Verify::Nothing),
        identity: pem("sslcert").zip(pem("sslkey")),
    };
    Ok((mode.0, encryption))
}

fn place(parameters: &Parameters) -> String {
    let get = |name: &str| parameters.get(name).map_or("", String::as_str);
    let (host, port) = (get("host"), get("port"));
    let hosts: Vec<_> = match (host.split(',').count(), port.split(',').count()) {
        (hosts, ports) if hosts == ports => host
            .split(',')
            .zip(port.split(','))
            .map(|(host, port)| format!("{host}:{port}"))
            .collect(),
        _ => vec![format!("{host}:{port}")],
    };
    format!("postgres://{}/{}", hosts.join(","), get("dbname"))
}

#[cfg(test)]
mod tests;
