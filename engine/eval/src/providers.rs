//! Provider configurations: evaluated when the graph says so, taken into use when first needed.

use std::collections::HashMap;

use muster_addr::{AbsResource, ProviderAddr, ProviderConfigAddr};
use muster_lang::{Body, Diagnostic, Diags, Scope, Span};
use muster_provider::{ProviderError, Request, Response};
use muster_value::Value;

use crate::layout::Layout;
use crate::provider_keys::{block_of, repeat_of};
use crate::{Evaluator, ModuleInst, Spec};

/// The provider configurations of a run, with the questions that wait for them. `A` is a
/// question that a run wants to ask.
#[derive(Debug)]
pub struct Providers<A> {
    standing: HashMap<ProviderConfigAddr, Standing<A>>,
}

#[derive(Debug)]
enum Standing<A> {
    /// Evaluated, not needed yet. `written` says whether there is a block for it.
    Known { config: Value, written: bool },
    /// Being checked or taken into use; these wait for it.
    Busy {
        config: Value,
        validating: bool,
        waiting: Vec<A>,
    },
    /// In use.
    Ready,
    /// It failed; that was reported.
    Failed,
}

/// What becomes of a question.
#[derive(Debug)]
pub enum Sent<A> {
    /// It can be asked now.
    Go(A),
    /// It waits; this has to be asked of the provider first.
    First(Request),
    /// It waits.
    Waits,
    /// The provider has failed: so has the question.
    Refused(A),
}

/// What follows from a provider's answer about its configuration.
#[derive(Debug)]
pub enum Settled<A> {
    /// This has to be asked next.
    Next(Request),
    /// These can be asked now.
    Ready(Vec<A>),
    /// These have failed.
    Failed(Vec<A>),
}

impl<A> Default for Providers<A> {
    fn default() -> Self {
        Self {
            standing: HashMap::new(),
        }
    }
}

impl<A> Providers<A> {
    /// Evaluates a configuration.
    ///
    /// # Errors
    /// It cannot be evaluated; questions to it will be refused.
    pub fn evaluate(&mut self, eval: &Evaluator, addr: &ProviderConfigAddr) -> Result<(), Diags> {
        match provider_config(eval, addr) {
            Ok((config, written)) => {
                self.standing
                    .insert(addr.clone(), Standing::Known { config, written });
                Ok(())
            }
            Err(diags) => {
                self.fail(addr);
                Err(diags)
            }
        }
    }

    /// Whether something that a configuration needs has failed, or its evaluation.
    pub fn has_failed(&self, addr: &ProviderConfigAddr) -> bool {
        matches!(self.standing.get(addr), Some(Standing::Failed))
    }

    /// Whether a configuration was evaluated, well or not.
    pub fn is_evaluated(&self, addr: &ProviderConfigAddr) -> bool {
        self.standing.contains_key(addr)
    }

    /// Something that a configuration needs has failed.
    pub fn fail(&mut self, addr: &ProviderConfigAddr) {
        self.standing.insert(addr.clone(), Standing::Failed);
    }

    /// Sends a question on its way.
    pub fn send(&mut self, addr: &ProviderConfigAddr, ask: A) -> Sent<A> {
        match self.standing.get_mut(addr) {
            Some(Standing::Ready) => Sent::Go(ask),
            Some(Standing::Busy { waiting, .. }) => {
                waiting.push(ask);
                Sent::Waits
            }
            Some(Standing::Failed) | None => Sent::Refused(ask),
            Some(standing @ Standing::Known { .. }) => {
                let Standing::Known { config, written } =
                    std::mem::replace(standing, Standing::Failed)
                else {
                    return Sent::Refused(ask);
                };
                *standing = Standing::Busy {
                    config: config.clone(),
                    validating: written,
                    waiting: vec![ask],
                };
                Sent::First(match written {
                    true => Request::ValidateProvider { config },
                    false => Request::Configure { config },
                })
            }
        }
    }

    /// Takes an answer to what [`Sent::First`] or [`Settled::Next`] wanted asked.
    pub fn answer(
        &mut self,
        eval: &Evaluator,
        addr: &ProviderConfigAddr,
        answer: Result<Response, ProviderError>,
    ) -> (Settled<A>, Diags) {
        let diags = match answer {
            Ok(response) => place(eval, addr, response.diags().clone()),
            Err(error) => error.diagnostic(&addr.provider).into(),
        };
        let Some(Standing::Busy {
            config,
            validating,
            waiting,
        }) = self.standing.remove(addr)
        else {
            return (Settled::Ready(Vec::new()), diags);
        };
        let (standing, settled) = if diags.has_errors() {
            (Standing::Failed, Settled::Failed(waiting))
        } else if validating {
            let next = Request::Configure {
                config: config.clone(),
            };
            (
                Standing::Busy {
                    config,
                    validating: false,
                    waiting,
                },
                Settled::Next(next),
            )
        } else {
            (Standing::Ready, Settled::Ready(waiting))
        };
        self.standing.insert(addr.clone(), standing);
        (settled, diags)
    }
}

/// The value of a provider configuration, unmarked, and whether there is a block for it.
///
/// # Errors
/// There is no such configuration, or it cannot be evaluated.
pub fn provider_config(
    eval: &Evaluator,
    addr: &ProviderConfigAddr,
) -> Result<(Value, bool), Diags> {
    let outside = &eval.settings.providers;
    if let Some(value) = outside.get(addr).or_else(|| outside.get(&addr.config())) {
        return Ok((value.clone(), true));
    }
    let Some(schema) = eval.schemas().provider(&addr.provider) else {
        return Err(Diags::new());
    };
    if block_of(eval, addr).is_some() {
        let (inst, spec) = provider_spec(eval, addr)?;
        let repeat = repeat_of(eval, addr)?;
        let value = spec.decode(&eval.scope(inst, repeat))?;
        return Ok((value.unmark_deep(), true));
    }
    if addr.alias.is_some() || !addr.module.is_root() {
        let detail = format!(
            "The state has objects that {addr} manages, but the configuration does not have it any more. Put the provider block back until these objects are gone."
        );
        return Err(Diagnostic::error("Provider configuration not present", detail).into());
    }
    if let Some((name, _)) = schema
        .provider
        .block
        .attributes
        .iter()
        .find(|(_, a)| a.required)
    {
        let detail = format!(
            "The provider {} needs a configuration: at least \"{name}\" is required. Add a provider block.",
            addr.provider.for_display()
        );
        return Err(Diagnostic::error("Invalid provider configuration", detail)
            .about(addr)
            .into());
    }
    Ok((schema.provider.block.empty_value(), false))
}

/// What the module of a resource tells a provider about itself; null if it says nothing.
///
/// # Errors
/// The provider takes nothing of the kind, or something else.
pub fn provider_meta(
    eval: &Evaluator,
    resource: &AbsResource,
    provider: &ProviderAddr,
) -> Result<Value, Diags> {
    let config = eval.config();
    let Some(id) = config.find_id(&resource.module.path()) else {
        return Ok(Value::NULL);
    };
    let module = config.module(id);
    let mut metas = module.provider_metas.iter();
    let Some((_, meta)) = metas.find(|(name, _)| module.provider(name) == *provider) else {
        return Ok(Value::NULL);
    };
    let schema = eval.schemas().provider(provider);
    let Some(schema) = schema.as_ref().and_then(|s| s.provider_meta.as_ref()) else {
        let detail = format!(
            "{resource} belongs to a provider that has no use for such a block. Take it out of the module."
        );
        let summary = format!("Provider {provider} doesn't support provider_meta");
        return Err(Diagnostic::error(summary, detail).at(meta.span).into());
    };
    let (spec, diags) = Spec::compile(&Layout::new(&schema.block), &meta.body, &[]);
    if diags.has_errors() {
        return Err(diags);
    }
    let Some(inst) = eval.module_instances(id)?.first().copied() else {
        return Ok(Value::NULL);
    };
    let spec = spec.with_header(meta.span);
    Ok(spec.decode(&eval.scope(inst, None))?.unmark_deep())
}

/// The value of a provider configuration whose block stands outside of the configuration, with
/// the names of `scope`; unmarked.
///
/// # Errors
/// It does not fit the provider's schema, or cannot be evaluated.
pub fn outside_provider_config(
    schema: &muster_schema::Block,
    body: &Body,
    header: Span,
    scope: &dyn Scope,
) -> Result<Value, Diags> {
    let (spec, diags) = Spec::compile(&Layout::new(schema), body, &[]);
    if diags.has_errors() {
        return Err(diags);
    }
    let spec = spec.with_header(header).allowing_ephemeral();
    Ok(spec.decode(scope)?.unmark_deep())
}

fn provider_spec(eval: &Evaluator, addr: &ProviderConfigAddr) -> Result<(ModuleInst, Spec), Diags> {
    let missing = Diags::new;
    let schema = eval
        .schemas()
        .provider(&addr.provider)
        .ok_or_else(missing)?;
    let mut modules = eval.config().iter();
    let (id, _) = modules
        .find(|(_, m)| m.path == addr.module)
        .ok_or_else(missing)?;
    let block = block_of(eval, addr).ok_or_else(missing)?;
    let inst = eval
        .module_instances(id)?
        .first()
        .copied()
        .ok_or_else(missing)?;
    let (spec, diags) = Spec::compile(&Layout::new(&schema.provider.block), &block.body, &[]);
    let spec = spec.with_header(block.span).allowing_ephemeral();
    if diags.has_errors() {
        Err(diags)
    } else {
        Ok((inst, spec))
    }
}

/// Brings a provider's diagnostics to the block that they are about.
fn place(eval: &Evaluator, addr: &ProviderConfigAddr, diags: Diags) -> Diags {
    let spec = provider_spec(eval, addr).ok().map(|(_, spec)| spec);
    let place = |d: Diagnostic| {
        let span = spec.as_ref().map(|s| match &d.path {
            Some(path) => s.span_at(path),
            None => s.header(),
        });
        let d = if d.subject.is_none() {
            d.at_opt(span)
        } else {
            d
        };
        d.about(addr)
    };
    Diags(diags.into_iter().map(place).collect())
}
