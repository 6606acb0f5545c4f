//! From bytes to a snapshot.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::btree_map::Entry;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_addr::{
    AbsResource, ConfigResource, InstanceKey, Mode, ModuleInstance, ModulePath, ProviderAddr,
    ProviderConfigAddr, ResourceId,
};
use muster_value::{Path, PathStep, json_to_value, type_from_json};
use serde_json::value::RawValue;

use super::IDENTITY_VERSION;
use super::file::{InstanceFile, OutputFile, ResourceFile, StateFile, StepFile};
use crate::json;
use crate::{
    Attributes, DeposedKey, Identity, Instance, JsonText, Object, OutputValue, Resource, Snapshot,
    StateError, Status, Str,
};

/// Reads a version 4 state file. Fields that are not known are kept for [`crate::encode`].
///
/// # Errors
/// The bytes are cut off, not a state, of another version, or do not make sense.
pub fn decode(bytes: &[u8]) -> Result<Snapshot, StateError> {
    let text = std::str::from_utf8(bytes).map_err(|e| not_utf8(bytes, e.valid_up_to()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if json::depth(text) > json::DEEPEST {
        return Err(StateError::TooDeep);
    }
    let file: StateFile<'_> = match serde_json::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            // What does not read as version 4 may well be a proper state of another version.
            check_version(sniff_version(text).unwrap_or(Some(4)))?;
            return Err(error.into());
        }
    };
    check_version(file.version)?;
    Reader::default().snapshot(file)
}

fn not_utf8(bytes: &[u8], at: usize) -> StateError {
    let before = bytes.get(..at).unwrap_or_default();
    let line_start = before
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |p| p + 1);
    StateError::Malformed {
        line: before.iter().filter(|b| **b == b'\n').count() + 1,
        column: at - line_start + 1,
        reason: "this is not UTF-8 text".into(),
    }
}

fn sniff_version(text: &str) -> Result<Option<u64>, serde_json::Error> {
    #[derive(serde::Deserialize)]
    struct Version {
        version: Option<u64>,
    }
    Ok(serde_json::from_str::<Version>(text)?.version)
}

fn check_version(version: Option<u64>) -> Result<(), StateError> {
    match version {
        None => Err(StateError::NotState),
        Some(4) => Ok(()),
        Some(found) if found < 4 => Err(StateError::OldVersion { found }),
        Some(found) => Err(StateError::NewerVersion { found }),
    }
}

/// The name of the format that another one was made from by a change of one byte. Without what it
/// names, a state would count as an older one, or as one of another lineage.
fn damaged(found: &str) -> Option<(&str, &'static str)> {
    let is_nearly = |name: &&str| {
        let pairs = name.bytes().zip(found.bytes());
        name.len() == found.len() && pairs.filter(|(a, b)| a != b).count() == 1
    };
    let expected = super::file::NAMES.iter().copied().find(is_nearly)?;
    Some((found, expected))
}

/// Texts that occur again and again, parsed once and shared.
#[derive(Default)]
struct Reader {
    names: HashMap<String, Str>,
    modules: HashMap<String, ModuleInstance>,
    providers: HashMap<String, ProviderConfigAddr>,
    dependencies: HashMap<String, ConfigResource>,
}

impl Reader {
    fn snapshot(mut self, file: StateFile<'_>) -> Result<Snapshot, StateError> {
        let unknown = file.extra.iter().map(|(name, _)| &**name);
        if let Some((found, expected)) = unknown.filter_map(damaged).next() {
            let found = found.to_owned();
            return Err(StateError::DamagedName { found, expected });
        }
        let mut resources = BTreeMap::new();
        for resource in file.resources {
            self.resource(resource, &mut resources)?;
        }
        let outputs = file
            .outputs
            .into_iter()
            .map(|(name, o)| output(&name, &o).map(|o| (name, o)))
            .collect::<Result<_, _>>()?;
        Ok(Snapshot {
            terraform_version: file.terraform_version,
            serial: file.serial,
            lineage: file.lineage,
            outputs,
            resources,
            checks: file.checks.map(Into::into),
            extra: file.extra,
        })
    }

    fn resource(
        &mut self,
        file: ResourceFile<'_>,
        resources: &mut BTreeMap<AbsResource, Resource>,
    ) -> Result<(), StateError> {
        let addr = self.address(&file)?;
        let provider = self
            .provider(stored_provider(&file))
            .map_err(|reason| invalid(&addr, reason))?
            .config();
        let resource = match resources.entry(addr.clone()) {
            Entry::Vacant(entry) => entry.insert(Resource {
                provider,
                instances: BTreeMap::new(),
                extra: file.extra,
            }),
            Entry::Occupied(entry) if entry.get().provider == provider => entry.into_mut(),
            Entry::Occupied(_) => return Err(duplicate(&addr)),
        };
        for instance in file.instances {
            self.instance(&addr, instance, resource)?;
        }
        Ok(())
    }

    fn address(&mut self, file: &ResourceFile<'_>) -> Result<AbsResource, StateError> {
        let name = format!("{}.{}", file.type_name, file.name);
        let mode = match &*file.mode {
            "managed" => Mode::Managed,
            "data" => Mode::Data,
            other => return Err(invalid(name, format!("the mode {other:?} is not known"))),
        };
        if file.type_name.is_empty() || file.name.is_empty() {
            return Err(invalid(name, "a resource needs a type and a name"));
        }
        let module = match file.module.as_deref() {
            None | Some("") => ModuleInstance::root(),
            Some(text) => cached(&mut self.modules, text, ModuleInstance::from_str)
                .map_err(|e| invalid(name, format!("the module {text:?}: {e}")))?,
        };
        let resource = ResourceId {
            mode,
            type_name: self.name(&file.type_name),
            name: self.name(&file.name),
        };
        Ok(AbsResource { module, resource })
    }

    fn name(&mut self, text: &str) -> Str {
        if let Some(name) = self.names.get(text) {
            return name.clone();
        }
        let name = Str::from(text);
        self.names.insert(text.to_owned(), name.clone());
        name
    }

    fn provider(&mut self, text: &str) -> Result<ProviderConfigAddr, String> {
        cached(&mut self.providers, text, |text| {
            text.parse().or_else(|e| {
                legacy_provider(text).ok_or_else(|| format!("the provider {text:?}: {e}"))
            })
        })
    }

    fn instance(
        &mut self,
        addr: &AbsResource,
        file: InstanceFile<'_>,
        resource: &mut Resource,
    ) -> Result<(), StateError> {
        let key = instance_key(file.index_key)
            .ok_or_else(|| invalid(addr, "the instance key is neither a number nor a string"))?;
        let at = addr.instance(key.clone());
        let deposed = match file.deposed.as_deref() {
            None | Some("") => None,
            Some(text) => Some(
                DeposedKey::parse(text)
                    .ok_or_else(|| invalid(&at, format!("{text:?} is not a deposed key")))?,
            ),
        };
        let provider_key = match file.provider.as_deref() {
            None | Some("") => None,
            Some(text) => {
                let provider = self.provider(text).map_err(|reason| invalid(&at, reason))?;
                if provider.config() != resource.provider {
                    let reason = format!("{text} is not an instance of {}", resource.provider);
                    return Err(invalid(&at, reason));
                }
                provider.key
            }
        };
        let object = self.object(file).map_err(|reason| invalid(&at, reason))?;
        let instance: &mut Instance = resource.instances.entry(key).or_default();
        instance.provider_key = provider_key;
        let replaced = match deposed {
            None => instance.current.replace(object),
            Some(key) => instance.deposed.insert(key, object),
        };
        replaced.map_or(Ok(()), |_| Err(duplicate(&at)))
    }

    fn object(&mut self, file: InstanceFile<'_>) -> Result<Object, String> {
        let attributes = match (file.attributes, file.flatmap) {
            (Some(text), _) => Attributes::Json(text.into()),
            (None, Some(flat)) => Attributes::Flatmap(flat),
            (None, None) => return Err("there are no attributes".into()),
        };
        let status = match file.status.as_deref() {
            None | Some("") => Status::Ready,
            Some("tainted") => Status::Tainted,
            Some(other) => return Err(format!("the status {other:?} is not known")),
        };
        let private = STANDARD
            .decode(file.private.as_deref().unwrap_or_default())
            .map_err(|_| "the private data is not base64")?;
        let sensitive = file
            .sensitive
            .iter()
            .map(|steps| path(steps))
            .collect::<Option<_>>();
        let mut extra = file.extra;
        let identity = match file.identity {
            Some(json) => Some(Identity {
                schema_version: identity_version(file.identity_version)?,
                json: json.into(),
            }),
            None => {
                // Newer versions of Terraform write it for objects without an identity, too.
                let version = file.identity_version;
                let kept = version.map(|raw| (IDENTITY_VERSION.into(), raw.into()));
                extra.splice(0..0, kept);
                None
            }
        };
        let dependencies = file.dependencies.iter().map(|text| {
            cached(&mut self.dependencies, text, ConfigResource::from_str)
                .map_err(|e| format!("the dependency {text:?}: {e}"))
        });
        Ok(Object {
            schema_version: file.schema_version,
            attributes,
            sensitive: sensitive.ok_or("a path to a sensitive attribute does not make sense")?,
            private: private.into(),
            dependencies: dependencies.collect::<Result<_, _>>()?,
            create_before_destroy: file.create_before_destroy,
            status,
            identity,
            extra,
        })
    }
}

/// Looks a text up, or parses and remembers it.
fn cached<T: Clone, E>(
    cache: &mut HashMap<String, T>,
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, E> {
    if let Some(found) = cache.get(text) {
        return Ok(found.clone());
    }
    let parsed = parse(text)?;
    cache.insert(text.to_owned(), parsed.clone());
    Ok(parsed)
}

/// The provider configuration of a resource, which its instances name when it is repeated.
fn stored_provider<'a>(file: &'a ResourceFile<'_>) -> &'a str {
    if !file.provider.is_empty() {
        return &file.provider;
    }
    let mut named = file.instances.iter().filter_map(|i| i.provider.as_deref());
    named.next().unwrap_or_default()
}

/// Provider configurations as Terraform 0.12 wrote them: `module.a.provider.aws.alias`.
fn legacy_provider(text: &str) -> Option<ProviderConfigAddr> {
    let at = if text.starts_with("provider.") {
        0
    } else {
        text.find(".provider.")? + 1
    };
    let module = text.get(..at)?.trim_end_matches('.');
    let module = ModuleInstance::from_str(module).ok()?.path();
    let mut parts = text.get(at + "provider.".len()..)?.splitn(2, '.');
    let name = parts.next().filter(|n| !n.is_empty() && !n.contains('['))?;
    Some(ProviderConfigAddr {
        module: ModulePath(module.0),
        provider: ProviderAddr::implied(name),
        alias: parts.next().map(Into::into),
        key: None,
    })
}

fn identity_version(raw: Option<&RawValue>) -> Result<u64, String> {
    let Some(raw) = raw else { return Ok(0) };
    serde_json::from_str(raw.get())
        .map_err(|_| format!("the version of the identity, {raw}, is not a whole number"))
}

fn instance_key(raw: Option<&RawValue>) -> Option<InstanceKey> {
    let Some(raw) = raw else {
        return Some(InstanceKey::None);
    };
    if let Ok(n) = serde_json::from_str::<u64>(raw.get()) {
        return Some(InstanceKey::Int(n));
    }
    let text: String = serde_json::from_str(raw.get()).ok()?;
    Some(InstanceKey::Str(text.into()))
}

fn path(steps: &[StepFile<'_>]) -> Option<Path> {
    steps.iter().map(path_step).collect::<Option<_>>().map(Path)
}

fn path_step(step: &StepFile<'_>) -> Option<PathStep> {
    let raw = step.value?.get();
    match &*step.kind {
        "get_attr" => {
            let name: String = serde_json::from_str(raw).ok()?;
            Some(PathStep::Attr(name.into()))
        }
        "index" => {
            #[derive(serde::Deserialize)]
            struct Index {
                value: serde_json::Value,
            }
            match serde_json::from_str::<Index>(raw).ok()?.value {
                serde_json::Value::String(key) => Some(PathStep::Key(key.into())),
                serde_json::Value::Number(n) => Some(PathStep::Index(n.as_u64()?)),
                _ => None,
            }
        }
        _ => None,
    }
}

fn output(name: &str, file: &OutputFile<'_>) -> Result<OutputValue, StateError> {
    let fail = |reason: String| invalid(format!("output.{name}"), reason);
    let parse = |raw: Option<&RawValue>| match raw {
        Some(raw) => JsonText::from(raw)
            .to_value()
            .map_err(|e| fail(e.to_string())),
        None => Ok(serde_json::Value::Null),
    };
    let ty = type_from_json(&parse(file.ty)?).map_err(|e| fail(e.to_string()))?;
    let value = json_to_value(&parse(file.value)?, &ty).map_err(|e| fail(e.to_string()))?;
    Ok(OutputValue {
        value,
        sensitive: file.sensitive,
    })
}

fn invalid(address: impl ToString, reason: impl Into<String>) -> StateError {
    StateError::Invalid {
        address: address.to_string(),
        reason: reason.into(),
    }
}

fn duplicate(address: &impl ToString) -> StateError {
    StateError::Duplicate {
        address: address.to_string(),
    }
}
