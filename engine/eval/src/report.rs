//! Diagnostics of providers, brought to the place in the configuration that they are about.

use crate::Spec;
use muster_addr::{InstanceAddr, ProviderAddr};
use muster_lang::{Diagnostic, Diags, Span};
use muster_schema::SchemaError;

/// Adds address and position to what a provider reports.
pub fn located(diags: Diags, addr: &InstanceAddr, spec: Option<&Spec>) -> Diags {
    Diags(diags.into_iter().map(|d| locate(d, addr, spec)).collect())
}

fn locate(d: Diagnostic, addr: &InstanceAddr, spec: Option<&Spec>) -> Diagnostic {
    let span = spec.map(|spec| match &d.path {
        Some(path) => spec.span_at(path),
        None => spec.header(),
    });
    let span = if d.subject.is_some() { None } else { span };
    d.about(addr).at_opt(span)
}

/// An answer that breaks the rules.
pub fn broken(
    summary: &str,
    provider: &ProviderAddr,
    addr: &InstanceAddr,
    errors: &[SchemaError],
    at: Option<Span>,
) -> Diags {
    let list: Vec<String> = errors
        .iter()
        .map(|e| {
            format!(
                "  - {}: {}",
                e.path.to_string().trim_start_matches('.'),
                e.reason
            )
        })
        .collect();
    let detail = format!(
        "The provider {} gave an answer for {addr} that its own schema or the rules of planning do not allow:\n{}\n\nThis is a bug in the provider; please report it to its developers.",
        provider.for_display(),
        list.join("\n")
    );
    Diagnostic::error(summary, detail)
        .about(addr)
        .at_opt(at)
        .into()
}
