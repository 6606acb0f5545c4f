//! Reading addresses back from text.

use std::fmt;
use std::str::FromStr;

use crate::{
    AbsResource, ConfigResource, InstanceAddr, InstanceKey, Mode, ModuleInstance, ModulePath,
    ModuleStep, ProviderAddr, ProviderConfigAddr, ResourceId, Str,
};

/// Why a text is not an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddrError {
    /// What is wrong, for people.
    pub reason: String,
    /// Where in the text, in bytes.
    pub offset: usize,
}

impl fmt::Display for AddrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for AddrError {}

/// What `-target`, `-replace` and `state list` take: a module, a resource or one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Everything in a module instance; a missing key stands for all instances.
    Module(ModuleInstance),
    /// A resource, all instances; also an instance when the key is given.
    Resource(InstanceAddr),
}

impl Target {
    /// Whether the instance lies in the target. A target without a key takes in all keys.
    pub fn contains(&self, addr: &InstanceAddr) -> bool {
        match self {
            Self::Module(module) => module_contains(module, &addr.resource.module),
            Self::Resource(target) => {
                target.resource.resource == addr.resource.resource
                    && target.resource.module.0.len() == addr.resource.module.0.len()
                    && module_contains(&target.resource.module, &addr.resource.module)
                    && (target.key == InstanceKey::None || target.key == addr.key)
            }
        }
    }

    /// Whether it names no instance keys, so that all instances of a resource lie in it or none.
    pub fn is_whole(&self) -> bool {
        let (module, key) = match self {
            Self::Module(module) => (module, &InstanceKey::None),
            Self::Resource(target) => (&target.resource.module, &target.key),
        };
        let mut keys = module.0.iter().map(|step| &step.key).chain([key]);
        keys.all(|key| *key == InstanceKey::None)
    }

    /// Whether any instance of the resource could lie in the target.
    pub fn may_contain(&self, resource: &ConfigResource) -> bool {
        match self {
            Self::Module(module) => resource.module.0.starts_with(&module.path().0),
            Self::Resource(target) => target.resource.config() == *resource,
        }
    }
}

/// A step without a key stands for every instance of that module.
fn module_contains(outer: &ModuleInstance, inner: &ModuleInstance) -> bool {
    outer.0.len() <= inner.0.len()
        && outer
            .0
            .iter()
            .zip(inner.0.iter())
            .all(|(o, i)| o.name == i.name && (o.key == InstanceKey::None || o.key == i.key))
}

impl FromStr for Target {
    type Err = AddrError;

    fn from_str(text: &str) -> Result<Self, AddrError> {
        let mut p = Parser { text, pos: 0 };
        let module = p.module_prefix()?;
        if p.at_end() && !module.is_root() {
            return Ok(Self::Module(module));
        }
        p.instance(module).map(Self::Resource)
    }
}

impl FromStr for InstanceAddr {
    type Err = AddrError;

    fn from_str(text: &str) -> Result<Self, AddrError> {
        let mut p = Parser { text, pos: 0 };
        let module = p.module_prefix()?;
        p.instance(module)
    }
}

impl FromStr for AbsResource {
    type Err = AddrError;

    fn from_str(text: &str) -> Result<Self, AddrError> {
        let addr: InstanceAddr = text.parse()?;
        if addr.key != InstanceKey::None {
            return Err(AddrError {
                reason: "A resource is expected here, not one of its instances.".into(),
                offset: 0,
            });
        }
        Ok(addr.resource)
    }
}

impl FromStr for ConfigResource {
    type Err = AddrError;

    fn from_str(text: &str) -> Result<Self, AddrError> {
        let resource: AbsResource = text.parse()?;
        Ok(resource.config())
    }
}

impl FromStr for ModuleInstance {
    type Err = AddrError;

    fn from_str(text: &str) -> Result<Self, AddrError> {
        let mut p = Parser { text, pos: 0 };
        if text.is_empty() {
            return Ok(Self::root());
        }
        let module = p.module_prefix()?;
        if p.at_end() {
            Ok(module)
        } else {
            Err(p.error("A module address is expected here."))
        }
    }
}

impl FromStr for ProviderConfigAddr {
    type Err = AddrError;

    fn from_str(text: &str) -> Result<Self, AddrError> {
        let mut p = Parser { text, pos: 0 };
        let module = p.module_prefix()?;
        if p.name()? != "provider" {
            return Err(p.error("A provider configuration starts with `provider[\"...\"]`."));
        }
        let InstanceKey::Str(source) = p.key()? else {
            return Err(p.error("The provider's source is expected in brackets and quotes."));
        };
        let provider = ProviderAddr::parse_source(&source)
            .ok_or_else(|| p.error("The provider's source is not valid."))?;
        let alias = if p.eat('.') {
            Some(Str::from(p.name()?))
        } else {
            None
        };
        let key = match p.key()? {
            InstanceKey::None => None,
            InstanceKey::Str(key) if alias.is_some() => Some(key),
            _ => return Err(p.error("Only aliases have instances, each with a quoted key.")),
        };
        if !p.at_end() {
            return Err(p.error("Nothing more is expected after a provider configuration."));
        }
        let module = ModulePath(module.0.iter().map(|s| s.name.clone()).collect());
        Ok(Self {
            module,
            provider,
            alias,
            key,
        })
    }
}

struct Parser<'a> {
    text: &'a str,
    pos: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.pos..]
    }

    fn at_end(&self) -> bool {
        self.pos == self.text.len()
    }

    fn error(&self, reason: &str) -> AddrError {
        AddrError {
            reason: reason.into(),
            offset: self.pos,
        }
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.rest().starts_with(c);
        if found {
            self.pos += c.len_utf8();
        }
        found
    }

    fn name(&mut self) -> Result<&'a str, AddrError> {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))
            .unwrap_or(rest.len());
        let name = &rest[..end];
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
            return Err(self.error("A name is expected here."));
        }
        self.pos += end;
        Ok(name)
    }

    /// Leading `module.NAME[KEY].` steps. Leaves the position after the last dot.
    fn module_prefix(&mut self) -> Result<ModuleInstance, AddrError> {
        let mut steps = Vec::new();
        while self.rest().starts_with("module.") {
            self.pos += "module.".len();
            let name = Str::from(self.name()?);
            let key = self.key()?;
            steps.push(ModuleStep { name, key });
            if !self.eat('.') {
                break;
            }
            if self.at_end() {
                return Err(self.error("A name is expected after the dot."));
            }
        }
        Ok(ModuleInstance(steps.into()))
    }

    fn instance(&mut self, module: ModuleInstance) -> Result<InstanceAddr, AddrError> {
        let mut mode = Mode::Managed;
        let mut type_name = self.name()?;
        if type_name == "data" || type_name == "ephemeral" {
            mode = if type_name == "data" {
                Mode::Data
            } else {
                Mode::Ephemeral
            };
            self.dot()?;
            type_name = self.name()?;
        } else if type_name == "resource" {
            self.dot()?;
            type_name = self.name()?;
        }
        self.dot()?;
        let name = self.name()?;
        let key = self.key()?;
        if !self.at_end() {
            return Err(self.error("Nothing more is expected after a resource instance."));
        }
        let resource = ResourceId {
            mode,
            type_name: type_name.into(),
            name: name.into(),
        };
        Ok(InstanceAddr {
            resource: AbsResource { module, resource },
            key,
        })
    }

    fn dot(&mut self) -> Result<(), AddrError> {
        if self.eat('.') {
            return Ok(());
        }
        Err(self.error("A resource is named by its type, a dot and its name."))
    }

    fn key(&mut self) -> Result<InstanceKey, AddrError> {
        if !self.eat('[') {
            return Ok(InstanceKey::None);
        }
        let key = if self.eat('"') {
            self.quoted()?
        } else {
            self.index()?
        };
        if !self.eat(']') {
            return Err(self.error("A closing bracket is missing."));
        }
        Ok(key)
    }

    fn index(&mut self) -> Result<InstanceKey, AddrError> {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let number = rest[..end]
            .parse()
            .map_err(|_| self.error("An instance key is a whole number or a quoted string."))?;
        self.pos += end;
        Ok(InstanceKey::Int(number))
    }

    fn quoted(&mut self) -> Result<InstanceKey, AddrError> {
        let mut out = String::new();
        loop {
            let Some(c) = self.rest().chars().next() else {
                return Err(self.error("The closing quote is missing."));
            };
            self.pos += c.len_utf8();
            match c {
                '"' => return Ok(InstanceKey::Str(out.into())),
                '\\' => {
                    let escaped = self.rest().chars().next();
                    self.pos += escaped.map_or(0, char::len_utf8);
                    out.push(match escaped {
                        Some('n') => '\n',
                        Some('r') => '\r',
                        Some('t') => '\t',
                        Some(c @ ('"' | '\\')) => c,
                        Some('u') => self.numbered(4)?,
                        Some('U') => self.numbered(8)?,
                        _ => return Err(self.error("This escape sequence is not known.")),
                    });
                }
                '$' | '%' if self.rest().starts_with(if c == '$' { "${" } else { "%{" }) => {
                    // Doubled, as no template begins here.
                    self.pos += 2;
                    out.push(c);
                    out.push('{');
                }
                c => out.push(c),
            }
        }
    }

    /// A character that is written as its number, in so many digits.
    fn numbered(&mut self, digits: usize) -> Result<char, AddrError> {
        let number = self.rest().get(..digits);
        // A sign is none of the digits.
        let number = number.filter(|n| n.bytes().all(|b| b.is_ascii_hexdigit()));
        let number = number.and_then(|number| u32::from_str_radix(number, 16).ok());
        let Some(c) = number.and_then(char::from_u32) else {
            return Err(self.error("This escape sequence is not known."));
        };
        self.pos += digits;
        Ok(c)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) {
        let addr: InstanceAddr = text.parse().unwrap();
        assert_eq!(addr.to_string(), text);
    }

    #[test]
    fn instances_print_as_they_parse() {
        check("aws_vpc.main");
        check("data.aws_ami.x[3]");
        check("module.a[\"x.y \\\" z\"].module.b[0].ephemeral.t.n[\"k\"]");
        check(r#"x_y.z["$x $$ $${a} %%{b} $$${c} \n \\ \u0007 \u2028"]"#);
    }

    #[test]
    fn keys_are_what_they_are_written_as() {
        let check = |text: &str, key: &str| {
            let addr: InstanceAddr = format!("x_y.z[\"{text}\"]").parse().unwrap();
            assert_eq!(addr.key, InstanceKey::Str(key.into()), "{text}");
        };
        check("$${a} %%{b} $$${c} $$ %%", "${a} %{b} $${c} $$ %%");
        check("${a}", "${a}");
        check(r"\u00e9\U0001f600", "é\u{1f600}");
        for wrong in [r"\u12", r"\u+041", r"\uzzzz", r"\ud800", r"\u00", r"\q"] {
            let text = format!("x_y.z[\"{wrong}\"]");
            assert!(text.parse::<InstanceAddr>().is_err(), "{text}");
        }
    }

    #[test]
    fn provider_configurations_print_as_they_parse() {
        for text in [
            "provider[\"registry.terraform.io/hashicorp/aws\"]",
            "module.a.provider[\"registry.terraform.io/hashicorp/aws\"].west",
            "provider[\"registry.terraform.io/hashicorp/aws\"].by[\"a \\\" b\"]",
        ] {
            let addr: ProviderConfigAddr = text.parse().unwrap();
            assert_eq!(addr.to_string(), text);
        }
        for text in ["provider[\"x/y\"][\"k\"]", "provider[\"x/y\"].by[0]"] {
            assert!(text.parse::<ProviderConfigAddr>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_target_without_a_key_takes_in_every_instance() {
        let target: Target = "module.a.x_y.z".parse().unwrap();
        assert!(target.contains(&"module.a[\"k\"].x_y.z[1]".parse().unwrap()));
        assert!(!target.contains(&"x_y.z[1]".parse().unwrap()));
        let target: Target = "module.a[0]".parse().unwrap();
        assert!(target.contains(&"module.a[0].module.b.x_y.z".parse().unwrap()));
        assert!(!target.contains(&"module.a[1].x_y.z".parse().unwrap()));
    }

    #[test]
    fn garbage_is_refused() {
        for text in [
            "",
            "a",
            "a.",
            "a.b.c",
            "a.b[",
            "a.b[\"x]",
            "a.b[-1]",
            "module.",
            "module.a.",
        ] {
            assert!(text.parse::<InstanceAddr>().is_err(), "{text}");
        }
    }
}
