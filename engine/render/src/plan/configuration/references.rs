//! References as tools read them: the most specific address first, then what it is a part of.

use std::fmt::Write as _;

use muster_addr::{InstanceKey, Mode, ResourceId};
use muster_lang::{Reference, Subject};
use muster_value::PathStep;

/// A reference with all its steps, with all but the last one, and so on to the object itself.
pub(super) fn addresses(reference: &Reference) -> Vec<String> {
    let (mut found, used) = objects(reference);
    // The last object is the widest one, the first one has the steps.
    let mut address = found.first().cloned().unwrap_or_default();
    let rest = reference.steps.get(used..).unwrap_or_default();
    let mut longer = Vec::with_capacity(rest.len() + found.len());
    for step in rest {
        write_step(&mut address, step);
        longer.push(address.clone());
    }
    longer.reverse();
    longer.append(&mut found);
    longer
}

/// The object that is depended on, steps inside it left out.
pub(super) fn object(reference: &Reference) -> String {
    objects(reference).0.swap_remove(0)
}

/// The objects that a reference names, the most specific one first, and how many of the steps
/// belong to the name of that one. There is at least one.
fn objects(reference: &Reference) -> (Vec<String>, usize) {
    let base = name(&reference.subject);
    let has_instances = matches!(
        reference.subject,
        Subject::Managed(..) | Subject::Data(..) | Subject::Ephemeral(..) | Subject::Module(_)
    );
    let Some(key @ (PathStep::Index(_) | PathStep::Key(_))) = reference.steps.first() else {
        return (vec![base], 0);
    };
    if !has_instances {
        return (vec![base], 0);
    }
    let mut instance = base.clone();
    write_step(&mut instance, key);
    match (&reference.subject, reference.steps.get(1)) {
        // An output of a module instance is a part of that instance and nothing else.
        (Subject::Module(_), Some(PathStep::Attr(_))) => (vec![instance], 1),
        _ => (vec![instance, base], 1),
    }
}

fn name(subject: &Subject) -> String {
    let resource = |mode, type_name: &muster_lang::Str, name: &muster_lang::Str| {
        let id = ResourceId {
            mode,
            type_name: type_name.clone(),
            name: name.clone(),
        };
        id.to_string()
    };
    match subject {
        Subject::Variable(name) => format!("var.{name}"),
        Subject::Local(name) => format!("local.{name}"),
        Subject::Managed(ty, name) => resource(Mode::Managed, ty, name),
        Subject::Data(ty, name) => resource(Mode::Data, ty, name),
        Subject::Ephemeral(ty, name) => resource(Mode::Ephemeral, ty, name),
        Subject::Module(name) => format!("module.{name}"),
        Subject::Output(name) => format!("output.{name}"),
        Subject::EachKey => "each.key".to_owned(),
        Subject::EachValue => "each.value".to_owned(),
        Subject::CountIndex => "count.index".to_owned(),
        Subject::Path(name) => format!("path.{name}"),
        Subject::Terraform(name) => format!("terraform.{name}"),
        Subject::SelfObject => "self".to_owned(),
    }
}

fn write_step(address: &mut String, step: &PathStep) {
    // Writing to a string cannot fail.
    let _ = match step {
        PathStep::Attr(name) => write!(address, ".{name}"),
        PathStep::Index(index) => write!(address, "[{index}]"),
        PathStep::Key(key) => write!(address, "{}", InstanceKey::Str(key.clone())),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_lang::{FileId, syntax};

    #[track_caller]
    fn check(code: &str, expect: &[&str]) {
        let (raw, diags) = syntax::parse_expression(FileId(0), &code.into());
        assert!(!diags.has_errors(), "{diags:?}");
        let (expr, _) = raw.lower(&[]);
        let found: Vec<String> = expr.references().iter().flat_map(addresses).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn parts_come_before_the_whole() {
        check("aws_vpc.a.id", &["aws_vpc.a.id", "aws_vpc.a"]);
        check("var.o.a[0]", &["var.o.a[0]", "var.o.a", "var.o"]);
        check("self.id", &["self.id", "self"]);
        check("each.value.w", &["each.value.w", "each.value"]);
        check("path.module", &["path.module"]);
        check(
            "local.m[\"a\\\"b é\"]",
            &["local.m[\"a\\\"b é\"]", "local.m"],
        );
    }

    #[test]
    fn instances_are_parts_of_their_resource() {
        check("a.b[0].c", &["a.b[0].c", "a.b[0]", "a.b"]);
        check("a.b.0.c", &["a.b[0].c", "a.b[0]", "a.b"]);
        check("data.a.b[\"k\"]", &["data.a.b[\"k\"]", "data.a.b"]);
        check("a.b[*].c", &["a.b"]);
        check("a.b[var.n].c", &["a.b", "var.n"]);
    }

    #[test]
    fn outputs_are_parts_of_their_module_instance() {
        check("module.m.o.x", &["module.m.o.x", "module.m.o", "module.m"]);
        check(
            "module.m[0].o.x",
            &["module.m[0].o.x", "module.m[0].o", "module.m[0]"],
        );
        check("module.m[0]", &["module.m[0]", "module.m"]);
        check("module.m[*].o", &["module.m"]);
    }
}
