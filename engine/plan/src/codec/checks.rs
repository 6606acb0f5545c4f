//! Results of checks as bytes.

use super::addrs::{
    read_config, read_instance, read_module, read_path, write_config, write_instance, write_module,
    write_path,
};
use super::wire::{Reader, Result, Writer, invalid};
use crate::checks::{CheckResults, Checked, CheckedObject, ObjectChecks, Status};

pub(super) fn write_checks(out: &mut Writer, results: &CheckResults) {
    let all: Vec<_> = results.0.iter().collect();
    out.list(&all, |out, (checked, objects)| {
        write_checked(out, checked);
        let objects: Vec<_> = objects.iter().collect();
        out.list(&objects, |out, (object, checks)| {
            match object {
                CheckedObject::Resource(addr) => {
                    out.byte(0);
                    write_instance(out, addr);
                }
                CheckedObject::InModule(module) => {
                    out.byte(1);
                    write_module(out, module);
                }
            }
            write_status(out, &checks.before);
            write_status(out, &checks.after);
        });
    });
}

pub(super) fn read_checks(input: &mut Reader<'_>) -> Result<CheckResults> {
    let all = input.list(|input| {
        let checked = read_checked(input)?;
        let objects = input.list(|input| {
            let object = match input.byte()? {
                0 => CheckedObject::Resource(read_instance(input)?),
                1 => CheckedObject::InModule(read_module(input)?),
                other => return invalid(format!("unknown kind of checked object {other}")),
            };
            let checks = ObjectChecks {
                before: read_status(input)?,
                after: read_status(input)?,
            };
            Ok((object, checks))
        })?;
        Ok((checked, objects.into_iter().collect()))
    })?;
    Ok(CheckResults(all.into_iter().collect()))
}

fn write_checked(out: &mut Writer, checked: &Checked) {
    let mut named = |kind, module, name: &str| {
        out.byte(kind);
        write_path(out, module);
        out.str(name);
    };
    match checked {
        Checked::Check(module, name) => named(0, module, name),
        Checked::Output(module, name) => named(1, module, name),
        Checked::Variable(module, name) => named(2, module, name),
        Checked::Resource(resource) => {
            out.byte(3);
            write_config(out, resource);
        }
    }
}

fn read_checked(input: &mut Reader<'_>) -> Result<Checked> {
    Ok(match input.byte()? {
        0 => Checked::Check(read_path(input)?, input.str()?),
        1 => Checked::Output(read_path(input)?, input.str()?),
        2 => Checked::Variable(read_path(input)?, input.str()?),
        3 => Checked::Resource(read_config(input)?),
        other => return invalid(format!("unknown kind of check {other}")),
    })
}

fn write_status(out: &mut Writer, status: &Status) {
    out.byte(match status {
        Status::Pass => 0,
        Status::Unknown => 1,
        Status::Fail(_) => 2,
        Status::Error => 3,
    });
    if let Status::Fail(messages) = status {
        out.list(messages, |out, text| out.str(text));
    }
}

fn read_status(input: &mut Reader<'_>) -> Result<Status> {
    Ok(match input.byte()? {
        0 => Status::Pass,
        1 => Status::Unknown,
        2 => Status::Fail(input.list(Reader::str)?),
        3 => Status::Error,
        other => return invalid(format!("unknown result {other}")),
    })
}
