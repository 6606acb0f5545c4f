//! `provisioner` and `connection`.

use std::sync::LazyLock;

use muster_lang::{Attribute, Block, BodySchema, Content, Reference, Subject};

use super::context::{Decoder, schema};
use crate::overrides::merge_bodies;
use crate::{OnFailure, Provisioner, ProvisionerType, Str, When};

static PROVISIONER: LazyLock<BodySchema> = LazyLock::new(|| {
    schema(
        &[],
        &["when", "on_failure"],
        &[("connection", &[]), ("lifecycle", &[]), ("_", &[])],
    )
});

/// Provisioners that Terraform has had and given up.
const GIVEN_UP: [&str; 4] = ["chef", "habitat", "puppet", "salt-masterless"];

/// The provisioners among the blocks of a resource, in their order. What the resource's own
/// `connection` says holds for all of them, save where their own says something else.
pub(crate) fn provisioners(cx: &mut Decoder<'_>, content: &Content) -> Vec<Provisioner> {
    let shared = single_connection(cx, content, "resource");
    let blocks = content.blocks_of("provisioner");
    blocks
        .filter_map(|block| provisioner(cx, block, shared))
        .collect()
}

/// The only `connection` block, the first if there are more.
fn single_connection<'a>(
    cx: &mut Decoder<'_>,
    content: &'a Content,
    owner: &str,
) -> Option<&'a Block> {
    let mut blocks = content.blocks_of("connection");
    let first = blocks.next()?;
    for extra in blocks {
        let place = cx.place(first.header);
        let detail = format!("A {owner} has one at most, and there is one at {place}.");
        cx.error("Duplicate connection block", detail, extra.header);
    }
    Some(first)
}

fn provisioner(cx: &mut Decoder<'_>, block: &Block, shared: Option<&Block>) -> Option<Provisioner> {
    let (content, rest, diags) = block.body.partial_content(&PROVISIONER);
    cx.diags.extend(diags);
    for reserved in content.blocks_of("lifecycle") {
        let detail = "A block of this type has no meaning inside a provisioner.";
        let summary = "Reserved block type name in provisioner block";
        cx.error(summary, detail, reserved.header);
    }
    let when = match keyword(cx, content.attribute("when"), ["create", "destroy"]) {
        Some("destroy") => When::Destroy,
        _ => When::Create,
    };
    let on_failure = match keyword(cx, content.attribute("on_failure"), ["continue", "fail"]) {
        Some("continue") => OnFailure::Continue,
        _ => OnFailure::Fail,
    };
    let own = single_connection(cx, &content, "provisioner");
    let connection = match (shared, own) {
        (Some(shared), Some(own)) => Some(merge_bodies(&shared.body, &own.body, &[])),
        (shared, own) => own.or(shared).map(|block| block.body.clone()),
    };
    let body = match content.blocks_of("_").next() {
        // Arguments that clash with meta-arguments stand in a block of their own.
        Some(escaped) => merge_bodies(&rest, &escaped.body, &[]),
        None => rest,
    };
    let mut references = body.references();
    references.extend(connection.iter().flat_map(|c| c.references()));
    if when == When::Destroy {
        refuse_others(cx, &references);
    }
    Some(Provisioner {
        kind: kind(cx, block)?,
        when,
        on_failure,
        body,
        connection,
        references: references.into(),
        span: block.header,
    })
}

fn kind(cx: &mut Decoder<'_>, block: &Block) -> Option<ProvisionerType> {
    let (name, span) = block.labels.first()?;
    let known = ProvisionerType::ALL.into_iter();
    if let Some(found) = known.into_iter().find(|k| k.as_str() == &**name) {
        return Some(found);
    }
    if GIVEN_UP.contains(&&**name) {
        let summary = format!("The \"{name}\" provisioner has been removed");
        let detail = "Terraform has given it up, and muster never had it. What it did can be done \
                      with remote-exec, or in the image or startup script of the machine.";
        cx.error(&summary, detail, *span);
        return None;
    }
    let place = cx.place(block.header);
    let detail = format!(
        "There is no provisioner {name:?} ({place}): muster has local-exec, remote-exec and file, \
         and runs no provisioner plugins."
    );
    let error = muster_lang::Diagnostic::error("Missing required provisioner plugin", detail);
    cx.diags.push(error);
    None
}

/// One of two bare words.
fn keyword(
    cx: &mut Decoder<'_>,
    attribute: Option<&Attribute>,
    words: [&'static str; 2],
) -> Option<&'static str> {
    let Attribute { name, expr, .. } = attribute?;
    let bare = expr.as_keyword();
    let quoted = || expr.as_literal().and_then(|v| v.as_str().cloned());
    let word: Option<Str> = bare.clone().or_else(quoted);
    let is_quoted = bare.is_none() && word.is_some();
    let found = word.and_then(|w| words.into_iter().find(|k| *k == &*w));
    if is_quoted {
        let detail = "A keyword is written without quotes here. The quoted form still works but \
                      is no longer recommended.";
        cx.warn("Quoted keywords are deprecated", detail, expr.span());
    }
    if found.is_none() {
        let [one, other] = words;
        let detail = format!("{name} is one of two words: {one} or {other}.");
        let summary = format!("Invalid \"{name}\" keyword");
        cx.error(&summary, detail, expr.span());
    }
    found
}

/// When an object is destroyed, others may be gone already or be needed by what comes next: only
/// the object itself is sure to be there.
fn refuse_others(cx: &mut Decoder<'_>, references: &[Reference]) {
    for reference in references {
        let known = matches!(
            reference.subject,
            Subject::SelfObject
                | Subject::CountIndex
                | Subject::EachKey
                | Subject::Path(_)
                | Subject::Terraform(_)
        );
        if !known {
            let detail = "What runs when an object is destroyed, and its connection, can use the \
                          object itself (self), count.index and each.key: others may be gone by \
                          then. Values from elsewhere can be kept in the object, for example in \
                          triggers_replace of a terraform_data resource.";
            let summary = "Invalid reference from destroy provisioner";
            cx.error(summary, detail, reference.full_span);
        }
    }
}

/// The provisioners of a `removed` block. They run when objects are destroyed, so that nothing
/// else is possible for them, and only single resources have them.
pub(crate) fn removed_provisioners(
    cx: &mut Decoder<'_>,
    content: &Content,
    of_resource: bool,
) -> Vec<Provisioner> {
    let found = provisioners(cx, content);
    let summary = "Invalid provisioner block";
    for provisioner in &found {
        if !of_resource {
            let detail = "Only a removed block of a managed resource can have provisioners, not \
                          one of a module.";
            cx.error(summary, detail, provisioner.span);
        } else if provisioner.when != When::Destroy {
            let detail = "What is removed is destroyed, so its provisioners have to say \
                          when = destroy.";
            cx.error(summary, detail, provisioner.span);
        }
    }
    found
}
