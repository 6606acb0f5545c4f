//! The line with which a plugin says how it can be reached.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use muster_provider::ProviderError;

/// A parsed line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Handshake {
    /// Protocol version 5 or 6.
    pub version: u32,
    /// Where it listens.
    pub address: Address,
    /// Its certificate, DER, if the connection is encrypted.
    pub certificate: Option<Vec<u8>>,
}

/// Where a plugin listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// A Unix socket.
    Unix(String),
    /// `host:port`
    Tcp(String),
}

impl Address {
    /// From the words of the protocol.
    pub(crate) fn parse(network: &str, address: &str) -> Option<Self> {
        match network {
            "unix" => Some(Self::Unix(address.to_owned())),
            "tcp" => Some(Self::Tcp(address.to_owned())),
            _ => None,
        }
    }
}

impl Handshake {
    /// Parses the line.
    pub(crate) fn parse(line: &str) -> Result<Self, ProviderError> {
        let parts: Vec<&str> = line.trim().split('|').collect();
        let [core, version, network, address, protocol, ..] = parts[..] else {
            return Err(fail(format!(
                "the program is not a provider plugin: it greeted with {:?} instead of a handshake",
                shown(line.trim())
            )));
        };
        if core != "1" {
            return Err(fail(format!(
                "the plugin speaks version {} of the handshake, which is not known here",
                shown(core)
            )));
        }
        let version = match version {
            "5" => 5,
            "6" => 6,
            other => {
                return Err(fail(format!(
                    "the plugin speaks protocol version {}; versions 5 and 6 are known here",
                    shown(other)
                )));
            }
        };
        if protocol != "grpc" {
            return Err(fail(format!(
                "the plugin wants to talk {:?}; only \"grpc\" is known here",
                shown(protocol)
            )));
        }
        let address = Address::parse(network, address).ok_or_else(|| {
            fail(format!(
                "the plugin listens on a network of kind {:?}, which is not known here",
                shown(network)
            ))
        })?;
        // Short sixth fields are no certificates; Go's hosts pass over them, too.
        let certificate = match parts.get(5).filter(|c| c.len() > 50) {
            Some(text) => Some(decode(text)?),
            None => None,
        };
        Ok(Self {
            version,
            address,
            certificate,
        })
    }
}

fn decode(text: &str) -> Result<Vec<u8>, ProviderError> {
    STANDARD_NO_PAD
        .decode(text)
        .or_else(|_| STANDARD.decode(text))
        .map_err(|_| fail("the plugin's certificate is not valid base64".to_owned()))
}

/// What a program said, short enough for a message.
fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

fn fail(reason: String) -> ProviderError {
    ProviderError::Start(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuse(line: &str, part: &str) {
        let error = Handshake::parse(line).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }

    #[test]
    fn lines_of_real_plugins() {
        let plain = Handshake::parse("1|5|unix|/x/plugin9|grpc|\n").unwrap();
        assert_eq!(plain.version, 5);
        assert_eq!(plain.address, Address::Unix("/x/plugin9".into()));
        assert_eq!(plain.certificate, None);
        let cert = "A".repeat(60);
        let tls = Handshake::parse(&format!("1|6|tcp|127.0.0.1:1|grpc|{cert}|true")).unwrap();
        assert_eq!(tls.address, Address::Tcp("127.0.0.1:1".into()));
        assert_eq!(tls.certificate.unwrap().len(), 45);
    }

    #[test]
    fn other_lines() {
        refuse("hello world", "not a provider plugin");
        refuse("2|6|unix|/x|grpc|", "version 2 of the handshake");
        refuse("1|4|unix|/x|grpc|", "protocol version 4");
        refuse("1|6|unix|/x|netrpc|", "netrpc");
        refuse("1|6|pipe|/x|grpc|", "pipe");
        refuse(&format!("1|6|unix|/x|grpc|{}", "!".repeat(60)), "base64");
        let long = "x".repeat(1_000_000);
        for line in [
            long.clone(),
            format!("{long}|6|unix|/x|grpc|"),
            format!("1|{long}|unix|/x|grpc|"),
            format!("1|6|{long}|/x|grpc|"),
            format!("1|6|unix|/x|{long}|"),
        ] {
            let error = Handshake::parse(&line).unwrap_err().to_string();
            assert!(error.len() < 200, "{error}");
        }
    }
}
