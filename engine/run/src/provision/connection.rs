//! What a `connection` block says.

use std::time::Duration;

use super::arguments::Arguments;
use crate::Str;

/// How long a machine may take to answer when nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// How a machine is reached.
pub(super) struct Connection {
    /// The machine.
    pub target: Endpoint,
    /// The machine that it is reached through.
    pub bastion: Option<Endpoint>,
    /// Whether keys of a running agent are used.
    pub agent: bool,
    /// How long to try.
    pub timeout: Duration,
    /// Where scripts are put, with `%RAND%` for a number of their own.
    pub script_path: Str,
    /// Whether it is a Unix machine.
    pub unix: bool,
}

/// A machine and how to log in.
pub(super) struct Endpoint {
    pub host: Str,
    pub port: u16,
    pub user: Str,
    pub password: Option<Str>,
    /// A private key, PEM.
    pub private_key: Option<Str>,
    /// A certificate for the key.
    pub certificate: Option<Str>,
    /// The machine's public key, or that of an authority. Not checked when not given.
    pub host_key: Option<Str>,
}

impl Connection {
    /// Reads a connection; the error is for people.
    pub(super) fn new(given: &Arguments) -> Result<Self, String> {
        match given.filled("type").as_deref() {
            None | Some("ssh") => {}
            Some("winrm") => {
                return Err("Connections of type winrm are not supported: muster reaches machines over ssh, which Windows has as well.".into());
            }
            Some(other) => return Err(format!("There is no connection type '{other}', only ssh.")),
        }
        for name in ["proxy_host", "agent_identity"] {
            if given.filled(name).is_some() {
                return Err(format!(
                    "The argument {name} of a connection is not supported. Use a bastion host or a private key."
                ));
            }
        }
        let unix = match given.filled("target_platform").as_deref() {
            None | Some("unix") => true,
            Some("windows") => false,
            Some(other) => {
                return Err(format!(
                    "The target_platform of a connection is unix or windows, not {other:?}."
                ));
            }
        };
        let target = Endpoint {
            host: host(given, "host")?
                .ok_or("The host of the connection is empty: there is nothing to connect to.")?,
            port: port(given, "port")?.unwrap_or(22),
            user: user(given, "user")?.unwrap_or_else(|| "root".into()),
            password: given.filled("password"),
            private_key: given.filled("private_key"),
            certificate: given.filled("certificate"),
            host_key: given.filled("host_key"),
        };
        Ok(Self {
            bastion: bastion(given, &target)?,
            target,
            agent: given.bool("agent").unwrap_or_else(|| {
                std::env::var_os("SSH_AUTH_SOCK").is_some_and(|s| !s.is_empty())
            }),
            timeout: timeout(given)?,
            script_path: given
                .filled("script_path")
                .unwrap_or_else(|| default_script_path(unix).into()),
            unix,
        })
    }
}

fn default_script_path(unix: bool) -> &'static str {
    match unix {
        true => "/tmp/terraform_%RAND%.sh",
        false => "C:/windows/temp/terraform_%RAND%.cmd",
    }
}

/// What a bastion does not say for itself is as for the machine behind it, save its own key.
fn bastion(given: &Arguments, target: &Endpoint) -> Result<Option<Endpoint>, String> {
    let Some(host) = host(given, "bastion_host")? else {
        return Ok(None);
    };
    let or = |name: &str, other: &Option<Str>| given.filled(name).or_else(|| other.clone());
    Ok(Some(Endpoint {
        host,
        port: port(given, "bastion_port")?.unwrap_or(target.port),
        user: user(given, "bastion_user")?.unwrap_or_else(|| target.user.clone()),
        password: or("bastion_password", &target.password),
        private_key: or("bastion_private_key", &target.private_key),
        certificate: or("bastion_certificate", &target.certificate),
        host_key: given.filled("bastion_host_key"),
    }))
}

/// The name or address of a machine: never anything that a program could take for an option.
fn host(given: &Arguments, name: &str) -> Result<Option<Str>, String> {
    let Some(host) = given.filled(name) else {
        return Ok(None);
    };
    // Addresses may be written in brackets, as in URLs.
    let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let host: Str = inner.map_or(host.clone(), Into::into);
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
    if host.starts_with('-') || !host.chars().all(allowed) || host.is_empty() {
        return Err(format!(
            "The {name} of the connection is neither the name nor the address of a machine: {host:?}."
        ));
    }
    Ok(Some(host))
}

/// A name that stays one word wherever ssh reads it.
fn user(given: &Arguments, name: &str) -> Result<Option<Str>, String> {
    let found = given.filled(name);
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '\\');
    match found.as_ref().filter(|user| user.contains(odd)) {
        None => Ok(found),
        Some(user) => Err(format!(
            "The {name} of the connection cannot be the name of a user: {user:?}."
        )),
    }
}

/// Zero is what people write for the usual one.
fn port(given: &Arguments, name: &str) -> Result<Option<u16>, String> {
    let Some(number) = given.number(name) else {
        return Ok(None);
    };
    match number.to_u64().map(u16::try_from) {
        Some(Ok(port)) => Ok(Some(port).filter(|p| *p > 0)),
        _ => Err(format!(
            "The {name} of the connection is {number}; ports are whole numbers up to 65535."
        )),
    }
}

fn timeout(given: &Arguments) -> Result<Duration, String> {
    let Some(text) = given.filled("timeout") else {
        return Ok(TIMEOUT);
    };
    duration(&text).ok_or_else(|| {
        format!("The timeout of the connection is no duration, like 30s or 5m: {text:?}.")
    })
}

/// A duration as Go writes them: `90s`, `1h30m`, `1.5m`.
fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let (mut rest, mut seconds) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let number: f64 = rest[..digits].parse().ok()?;
        let after = &rest[digits..];
        let end = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let unit = match &after[..end] {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        seconds += number * unit;
        rest = &after[end..];
    }
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|_| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_value::Value;

    #[test]
    fn durations() {
        let check = |text: &str, millis: Option<u64>| {
            assert_eq!(duration(text), millis.map(Duration::from_millis), "{text}");
        };
        check("90s", Some(90_000));
        check("1h1.5m2s", Some(3_692_000));
        check("20ms", Some(20));
        check("0", Some(0));
        for wrong in ["", "5", "s", "5 m", "-1s", "1.2.3s", "5d", "soon"] {
            check(wrong, None);
        }
    }

    fn connection(attributes: &[(&str, &str)]) -> Result<Connection, String> {
        let entries = attributes.iter();
        let entries = entries.map(|(k, v)| (Str::from(*k), Value::string(Str::from(*v))));
        Connection::new(&Arguments::new(&Value::Object(std::sync::Arc::new(
            entries.collect(),
        ))))
    }

    #[test]
    fn a_bastion_is_as_the_machine_behind_it() {
        let found = connection(&[
            ("host", "10.0.0.1"),
            ("user", "me"),
            ("password", "secret"),
            ("host_key", "ssh-ed25519 A"),
            ("bastion_host", "[::1]"),
        ]);
        let bastion = found.ok().and_then(|c| c.bastion).expect("a bastion");
        assert_eq!((&*bastion.host, &*bastion.user), ("::1", "me"));
        assert_eq!(bastion.password.as_deref(), Some("secret"));
        assert_eq!(bastion.host_key, None);
    }

    #[test]
    fn refusals() {
        let check = |attributes: &[(&str, &str)], expect: &str| {
            let found = connection(attributes).err().unwrap_or_default();
            assert!(found.contains(expect), "{found:?} without {expect:?}");
        };
        check(&[], "host of the connection is empty");
        check(&[("host", "")], "host of the connection is empty");
        check(&[("host", "-oProxyCommand=x")], "neither the name");
        check(&[("host", "a b")], "neither the name");
        check(&[("host", "h"), ("bastion_host", "-x")], "bastion_host");
        check(
            &[("host", "h"), ("type", "winrm")],
            "winrm are not supported",
        );
        check(&[("host", "h"), ("type", "telnet")], "'telnet'");
        check(&[("host", "h"), ("timeout", "soon")], "no duration");
        check(&[("host", "h"), ("proxy_host", "p")], "proxy_host");
        check(
            &[("host", "h"), ("target_platform", "vms")],
            "target_platform",
        );
    }
}
