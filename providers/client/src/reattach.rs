//! Plugins that somebody else has started, for debugging: `TF_REATTACH_PROVIDERS`.

use std::collections::HashMap;

use muster_addr::ProviderAddr;
use muster_provider::ProviderError;
use serde::Deserialize;

use crate::handshake::Address;

/// A running plugin.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Reattach {
    protocol: String,
    #[serde(default)]
    protocol_version: u32,
    addr: ReattachAddr,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReattachAddr {
    network: String,
    string: String,
}

impl Reattach {
    pub(crate) fn version(&self) -> u32 {
        // Plugins from before there were versions speak 5.
        if self.protocol_version == 0 {
            5
        } else {
            self.protocol_version
        }
    }

    pub(crate) fn address(&self) -> Result<Address, ProviderError> {
        let invalid =
            |reason: String| ProviderError::Start(format!("TF_REATTACH_PROVIDERS: {reason}"));
        if self.protocol != "grpc" {
            return Err(invalid(format!(
                "the protocol {:?} is not known here",
                self.protocol
            )));
        }
        if !matches!(self.version(), 5 | 6) {
            return Err(invalid(format!(
                "protocol version {} is not known here",
                self.version()
            )));
        }
        Address::parse(&self.addr.network, &self.addr.string).ok_or_else(|| {
            invalid(format!(
                "the network {:?} is not known here",
                self.addr.network
            ))
        })
    }
}

/// The running plugins that the environment names.
///
/// # Errors
/// The variable is set, but not as it should be.
pub fn reattach_from_env() -> Result<HashMap<ProviderAddr, Reattach>, ProviderError> {
    match std::env::var("TF_REATTACH_PROVIDERS") {
        Ok(text) if !text.is_empty() => parse(&text),
        _ => Ok(HashMap::new()),
    }
}

fn parse(text: &str) -> Result<HashMap<ProviderAddr, Reattach>, ProviderError> {
    let invalid = |reason: String| ProviderError::Start(format!("TF_REATTACH_PROVIDERS: {reason}"));
    let entries: HashMap<String, Reattach> =
        serde_json::from_str(text).map_err(|e| invalid(e.to_string()))?;
    entries
        .into_iter()
        .map(|(source, entry)| {
            let addr = ProviderAddr::parse_source(&source)
                .ok_or_else(|| invalid(format!("{source:?} is not the source of a provider")))?;
            Ok((addr, entry))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_plugins_print() {
        let text = r#"{"example.com/a/b":{"Protocol":"grpc","ProtocolVersion":6,"Pid":1,"Test":true,"Addr":{"Network":"unix","String":"/x"}}}"#;
        let all = parse(text).unwrap();
        let addr = ProviderAddr::parse_source("example.com/a/b").unwrap();
        assert_eq!(all[&addr].address().unwrap(), Address::Unix("/x".into()));
        assert_eq!(all[&addr].version(), 6);
        assert!(parse("{").is_err());
        assert!(parse(&text.replace("example.com/a/b", "a/b/c/d")).is_err());
        let netrpc = parse(&text.replace("grpc", "netrpc")).unwrap();
        assert!(netrpc[&addr].address().is_err());
    }
}
