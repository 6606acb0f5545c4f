//! Operating systems and processors, in the words of provider releases.

use std::fmt;

/// What a package was built for: `linux_amd64`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Platform {
    /// `linux`, `darwin`, `windows`, ...
    pub os: String,
    /// `amd64`, `arm64`, `386`, ...
    pub arch: String,
}

impl Platform {
    /// The platform that this program runs on.
    pub fn current() -> Self {
        let os = match std::env::consts::OS {
            "macos" => "darwin",
            other => other,
        };
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            other => other,
        };
        Self {
            os: os.to_owned(),
            arch: arch.to_owned(),
        }
    }

    /// Parses `OS_ARCH`. Both parts are lower-case letters and digits.
    pub fn parse(text: &str) -> Option<Self> {
        let valid = |part: &str| {
            let mut bytes = part.bytes();
            !part.is_empty() && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        let (os, arch) = text.split_once('_')?;
        (valid(os) && valid(arch)).then(|| Self {
            os: os.to_owned(),
            arch: arch.to_owned(),
        })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.os, self.arch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_print_as_they_parse() {
        let check = |text: &str, expect: bool| {
            let parsed = Platform::parse(text);
            assert_eq!(parsed.is_some(), expect, "{text}");
            assert!(parsed.is_none_or(|p| p.to_string() == text), "{text}");
        };
        check("linux_amd64", true);
        check("windows_386", true);
        check("linux", false);
        check("linux_", false);
        check("linux_amd64_v3", false);
        check("../_x", false);
        assert!(Platform::parse(&Platform::current().to_string()).is_some());
    }
}
