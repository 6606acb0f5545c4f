//! Addresses as bytes.

use muster_addr::{
    AbsResource, ConfigResource, InstanceAddr, InstanceKey, Mode, ModuleInstance, ModulePath,
    ModuleStep, ProviderAddr, ProviderConfigAddr, ResourceId, Target,
};

use super::wire::{Reader, Result, Writer, invalid};

pub(super) fn write_instance(out: &mut Writer, addr: &InstanceAddr) {
    write_resource(out, &addr.resource);
    write_key(out, &addr.key);
}

pub(super) fn read_instance(input: &mut Reader<'_>) -> Result<InstanceAddr> {
    Ok(InstanceAddr {
        resource: read_resource(input)?,
        key: read_key(input)?,
    })
}

fn write_resource(out: &mut Writer, addr: &AbsResource) {
    write_module(out, &addr.module);
    write_id(out, &addr.resource);
}

fn read_resource(input: &mut Reader<'_>) -> Result<AbsResource> {
    Ok(AbsResource {
        module: read_module(input)?,
        resource: read_id(input)?,
    })
}

pub(super) fn write_config(out: &mut Writer, addr: &ConfigResource) {
    write_path(out, &addr.module);
    write_id(out, &addr.resource);
}

pub(super) fn read_config(input: &mut Reader<'_>) -> Result<ConfigResource> {
    Ok(ConfigResource {
        module: read_path(input)?,
        resource: read_id(input)?,
    })
}

pub(super) fn write_provider(out: &mut Writer, addr: &ProviderConfigAddr) {
    write_path(out, &addr.module);
    out.str(&addr.provider.host);
    out.str(&addr.provider.namespace);
    out.str(&addr.provider.type_name);
    out.option(addr.alias.as_deref(), |out, alias| out.str(alias));
    out.option(addr.key.as_deref(), |out, key| out.str(key));
}

pub(super) fn read_provider(input: &mut Reader<'_>) -> Result<ProviderConfigAddr> {
    Ok(ProviderConfigAddr {
        module: read_path(input)?,
        provider: ProviderAddr {
            host: input.str()?,
            namespace: input.str()?,
            type_name: input.str()?,
        },
        alias: input.option(Reader::str)?,
        key: input.option(Reader::str)?,
    })
}

pub(super) fn write_target(out: &mut Writer, target: &Target) {
    match target {
        Target::Module(module) => {
            out.byte(0);
            write_module(out, module);
        }
        Target::Resource(addr) => {
            out.byte(1);
            write_instance(out, addr);
        }
    }
}

pub(super) fn read_target(input: &mut Reader<'_>) -> Result<Target> {
    Ok(match input.byte()? {
        0 => Target::Module(read_module(input)?),
        1 => Target::Resource(read_instance(input)?),
        other => return invalid(format!("unknown kind of target {other}")),
    })
}

pub(super) fn write_module(out: &mut Writer, module: &ModuleInstance) {
    out.list(module.0.iter(), |out, step| {
        out.str(&step.name);
        write_key(out, &step.key);
    });
}

pub(super) fn read_module(input: &mut Reader<'_>) -> Result<ModuleInstance> {
    let steps = input.list(|input| {
        Ok(ModuleStep {
            name: input.str()?,
            key: read_key(input)?,
        })
    })?;
    Ok(ModuleInstance(steps.into()))
}

pub(super) fn write_path(out: &mut Writer, path: &ModulePath) {
    out.list(path.0.iter(), |out, name| out.str(name));
}

pub(super) fn read_path(input: &mut Reader<'_>) -> Result<ModulePath> {
    Ok(ModulePath(input.list(Reader::str)?.into()))
}

fn write_id(out: &mut Writer, id: &ResourceId) {
    out.byte(match id.mode {
        Mode::Managed => 0,
        Mode::Data => 1,
        Mode::Ephemeral => 2,
    });
    out.str(&id.type_name);
    out.str(&id.name);
}

fn read_id(input: &mut Reader<'_>) -> Result<ResourceId> {
    let mode = match input.byte()? {
        0 => Mode::Managed,
        1 => Mode::Data,
        2 => Mode::Ephemeral,
        other => return invalid(format!("unknown kind of resource {other}")),
    };
    Ok(ResourceId {
        mode,
        type_name: input.str()?,
        name: input.str()?,
    })
}

fn write_key(out: &mut Writer, key: &InstanceKey) {
    match key {
        InstanceKey::None => out.byte(0),
        InstanceKey::Int(n) => {
            out.byte(1);
            out.uint(*n);
        }
        InstanceKey::Str(text) => {
            out.byte(2);
            out.str(text);
        }
    }
}

fn read_key(input: &mut Reader<'_>) -> Result<InstanceKey> {
    Ok(match input.byte()? {
        0 => InstanceKey::None,
        1 => InstanceKey::Int(input.uint()?),
        2 => InstanceKey::Str(input.str()?),
        other => return invalid(format!("unknown kind of instance key {other}")),
    })
}
