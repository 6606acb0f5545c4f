//! A provider behind the engine's plain interface: requests in, answers out, no wire.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError, RwLock};

use futures::FutureExt;
use futures::future::BoxFuture;
use muster_lang::{Diagnostic, Diags};
use muster_provider::{Applied, Opened, Planned, ProviderError, Request, Response};
use muster_schema::ProviderSchema;
use muster_value::{Path, Value};

use crate::ephemeral::AnyEphemeral;
use crate::erased::{AnyData, AnyResource, ApplyInput, Call, PlanInput};
use crate::function::{Args, FunctionError};
use crate::provider::{Provider, Registry};
use crate::schema::{Schema, identity_problems, problems};
use crate::stop::Stopper;
use crate::{Fields, Str, checks};

/// A provider that answers requests. The plugin process serves one over gRPC; tests can call it
/// directly, since it is a [`muster_provider::Provider`].
pub struct Server<P: Provider> {
    provider: P,
    config_schema: Schema,
    registry: Registry<P::Client>,
    schema: Arc<ProviderSchema>,
    client: RwLock<Option<Arc<P::Client>>>,
    stopper: Stopper,
}

impl<P: Provider> Server<P> {
    /// Takes stock of a provider.
    ///
    /// # Errors
    /// Every contradiction in its schemas.
    pub fn new(provider: P) -> Result<Self, Vec<String>> {
        let mut registry = Registry::default();
        provider.register(&mut registry);
        let config_schema = provider.schema();
        let schema = Arc::new(collect(&config_schema, &registry));
        let mut found = problems(config_schema.block(), "provider");
        for (name, resource) in &registry.resources {
            found.extend(problems(resource.schema().block(), name));
            found.extend(identity_problems(resource.schema(), name));
        }
        for (name, data) in &registry.data_sources {
            found.extend(problems(data.schema().block(), name));
        }
        for (name, ephemeral) in &registry.ephemeral_resources {
            found.extend(problems(ephemeral.schema().block(), name));
        }
        if !found.is_empty() {
            return Err(found);
        }
        Ok(Self {
            provider,
            config_schema,
            registry,
            schema,
            client: RwLock::new(None),
            stopper: Stopper::new(),
        })
    }

    /// Everything the provider offers.
    pub fn schema(&self) -> &Arc<ProviderSchema> {
        &self.schema
    }

    /// Asks calls in flight to return soon.
    pub fn stop(&self) {
        self.stopper.stop();
    }

    /// Calls a function.
    ///
    /// # Errors
    /// What the function says, or that there is none of this name.
    pub fn call_function(&self, name: &str, args: &[Value]) -> Result<Value, FunctionError> {
        match self.registry.functions.get(name) {
            Some(function) => function.call(Args(args)),
            None => Err(FunctionError::new(format!(
                "There is no function {name:?}."
            ))),
        }
    }

    /// Answers a request. A panic of the provider's code is an error of this one call.
    ///
    /// # Errors
    /// When there is no answer that carries diagnostics: unknown types, unsupported calls.
    pub async fn answer(&self, request: Request) -> Result<Response, ProviderError> {
        let call = request.name();
        let answer = AssertUnwindSafe(self.dispatch(request))
            .catch_unwind()
            .await;
        answer.unwrap_or_else(|panic| {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("no message");
            let reason = format!("the provider's code panicked: {text}");
            Err(ProviderError::Transport { call, reason })
        })
    }

    async fn dispatch(&self, request: Request) -> Result<Response, ProviderError> {
        let call = request.name();
        match request {
            Request::ValidateProvider { config } => {
                let mut diags = checks::check(&self.config_schema, &config);
                if !diags.has_errors() {
                    self.provider.validate(Fields::new(&config), &mut diags);
                }
                Ok(Response::Done(diags))
            }
            Request::Configure { config } => Ok(Response::Done(self.configure(&config).await)),
            Request::ValidateResource { type_name, config } => Ok(Response::Done(
                self.resource(&type_name, call)?.validate(&config),
            )),
            Request::ValidateData { type_name, config } => Ok(Response::Done(
                self.data(&type_name, call)?.validate(&config),
            )),
            Request::ValidateEphemeral { type_name, config } => Ok(Response::Done(
                self.ephemeral(&type_name, call)?.validate(&config),
            )),
            Request::Upgrade {
                type_name,
                version,
                raw,
            } => {
                let resource = self.resource(&type_name, call)?;
                Ok(match resource.upgrade(version, raw) {
                    Ok(value) => state(value, Diags::new()),
                    Err(diagnostic) => {
                        state(Value::Null(resource.schema().ty()), diagnostic.into())
                    }
                })
            }
            Request::UpgradeIdentity {
                type_name,
                version,
                json,
            } => {
                let resource = self.resource(&type_name, call)?;
                Ok(match resource.upgrade_identity(version, &json) {
                    Ok(value) => state(value, Diags::new()),
                    Err(diagnostic) => state(Value::NULL, diagnostic.into()),
                })
            }
            Request::CallFunction { name, args } => Ok(match self.call_function(&name, &args) {
                Ok(value) => state(value, Diags::new()),
                Err(error) => {
                    let mut diagnostic = Diagnostic::error("Error in function call", error.text);
                    diagnostic.path = error.argument.map(|i| Path::root().index(i as u64));
                    state(Value::NULL, diagnostic.into())
                }
            }),
            other => self.dispatch_configured(other).await,
        }
    }

    /// The calls that need a client.
    async fn dispatch_configured(&self, request: Request) -> Result<Response, ProviderError> {
        let name = request.name();
        let (Some(type_name), true) = (type_name(&request), is_configured_call(&request)) else {
            return Err(ProviderError::Unsupported { call: name });
        };
        // Look the type up first: a wrong name is told as such, configured or not.
        match &request {
            Request::ReadData(_) => self.data(&type_name, name).map(|_| ())?,
            Request::Open { .. } | Request::Renew { .. } | Request::Close { .. } => {
                self.ephemeral(&type_name, name).map(|_| ())?;
            }
            _ => self.resource(&type_name, name).map(|_| ())?,
        }
        let call = match self.call() {
            Ok(call) => call,
            Err(diagnostic) => return Ok(refuse(request, diagnostic)),
        };
        match request {
            Request::Read(read) => {
                let resource = self.resource(&type_name, name)?;
                Ok(resource.read(call, read.current, read.private).await)
            }
            Request::Plan(plan) => {
                let input = PlanInput {
                    prior: plan.prior,
                    config: plan.config,
                    proposed: plan.proposed,
                    private: plan.prior_private,
                };
                let resource = self.resource(&type_name, name)?;
                Ok(Response::Planned(resource.plan(call, input).await))
            }
            Request::Apply(apply) => {
                let input = ApplyInput {
                    prior: apply.prior,
                    config: apply.config,
                    planned: apply.planned,
                    private: apply.planned_private,
                };
                let resource = self.resource(&type_name, name)?;
                Ok(Response::Applied(resource.apply(call, input).await))
            }
            Request::Import { by, .. } => {
                let resource = self.resource(&type_name, name)?;
                Ok(resource.import(call, type_name.clone(), by).await)
            }
            Request::ReadData(read) => {
                Ok(self.data(&type_name, name)?.read(call, read.config).await)
            }
            Request::Open { config, .. } => {
                let ephemeral = self.ephemeral(&type_name, name)?;
                Ok(ephemeral.open(call, config).await)
            }
            Request::Renew { private, .. } => {
                let ephemeral = self.ephemeral(&type_name, name)?;
                Ok(ephemeral.renew(call, private).await)
            }
            Request::Close { private, .. } => {
                let ephemeral = self.ephemeral(&type_name, name)?;
                Ok(ephemeral.close(call, private).await)
            }
            _ => Err(ProviderError::Unsupported { call: name }),
        }
    }

    async fn configure(&self, config: &Value) -> Diags {
        match self.provider.configure(Fields::new(config)).await {
            Ok(client) => {
                let mut slot = self.client.write().unwrap_or_else(PoisonError::into_inner);
                *slot = Some(Arc::new(client));
                Diags::new()
            }
            Err(diags) => diags,
        }
    }

    fn call(&self) -> Result<Call<P::Client>, Diagnostic> {
        let slot = self.client.read().unwrap_or_else(PoisonError::into_inner);
        let client = slot.clone().ok_or_else(|| {
            Diagnostic::error(
                "Provider not configured",
                "The engine asked for an object before it configured the provider.",
            )
        })?;
        Ok(Call {
            client,
            stop: self.stopper.handle(),
        })
    }

    fn resource(
        &self,
        name: &Str,
        call: &'static str,
    ) -> Result<&Arc<dyn AnyResource<P::Client>>, ProviderError> {
        self.registry
            .resources
            .get(name)
            .ok_or_else(|| unknown_type(call, "resource type", name))
    }

    fn data(
        &self,
        name: &Str,
        call: &'static str,
    ) -> Result<&Arc<dyn AnyData<P::Client>>, ProviderError> {
        self.registry
            .data_sources
            .get(name)
            .ok_or_else(|| unknown_type(call, "data source", name))
    }

    fn ephemeral(
        &self,
        name: &Str,
        call: &'static str,
    ) -> Result<&Arc<dyn AnyEphemeral<P::Client>>, ProviderError> {
        self.registry
            .ephemeral_resources
            .get(name)
            .ok_or_else(|| unknown_type(call, "ephemeral resource type", name))
    }
}

impl<P: Provider> muster_provider::Provider for Server<P> {
    fn schema(&self) -> Arc<ProviderSchema> {
        self.schema.clone()
    }

    fn call(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        Box::pin(self.answer(request))
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        self.stopper.stop();
        Box::pin(std::future::ready(()))
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

fn collect<C>(config: &Schema, registry: &Registry<C>) -> ProviderSchema {
    let resources = registry.resources.iter();
    let identities = registry.resources.iter();
    let data_sources = registry.data_sources.iter();
    let ephemeral_resources = registry.ephemeral_resources.iter();
    let functions = registry.functions.iter();
    ProviderSchema {
        provider: config.wire.clone(),
        resources: resources
            .map(|(k, r)| (k.clone(), r.schema().wire.clone()))
            .collect(),
        identities: identities
            .filter_map(|(k, r)| Some((k.clone(), r.schema().identity()?.clone())))
            .collect(),
        data_sources: data_sources
            .map(|(k, d)| (k.clone(), d.schema().wire.clone()))
            .collect(),
        ephemeral_resources: ephemeral_resources
            .map(|(k, e)| (k.clone(), e.schema().wire.clone()))
            .collect(),
        functions: functions
            .map(|(k, f)| (k.clone(), f.signature().0))
            .collect(),
        plan_destroy: true,
        schema_optional: true,
        ..ProviderSchema::default()
    }
}

fn state(value: Value, diags: Diags) -> Response {
    Response::State { value, diags }
}

fn unknown_type(call: &'static str, kind: &str, name: &str) -> ProviderError {
    ProviderError::Invalid {
        call,
        reason: format!("the provider has no {kind} named {name:?}"),
    }
}

fn type_name(request: &Request) -> Option<Str> {
    match request {
        Request::Read(read) => Some(read.type_name.clone()),
        Request::Plan(plan) => Some(plan.type_name.clone()),
        Request::Apply(apply) => Some(apply.type_name.clone()),
        Request::Import { type_name, .. } => Some(type_name.clone()),
        Request::ReadData(read) => Some(read.type_name.clone()),
        Request::Open { type_name, .. }
        | Request::Renew { type_name, .. }
        | Request::Close { type_name, .. } => Some(type_name.clone()),
        _ => None,
    }
}

fn is_configured_call(request: &Request) -> bool {
    matches!(
        request,
        Request::Read(_)
            | Request::Plan(_)
            | Request::Apply(_)
            | Request::Import { .. }
            | Request::ReadData(_)
            | Request::Open { .. }
            | Request::Renew { .. }
            | Request::Close { .. }
    )
}

/// The answer to a request that cannot be worked on: nothing changes.
fn refuse(request: Request, diagnostic: Diagnostic) -> Response {
    let diags = Diags::from(diagnostic);
    match request {
        Request::Read(read) => Response::Read {
            value: read.current,
            private: read.private,
            identity: read.identity,
            deferred: None,
            diags,
        },
        Request::Plan(plan) => Response::Planned(Planned {
            value: plan.prior,
            requires_replace: Vec::new(),
            private: plan.prior_private,
            identity: plan.prior_identity,
            legacy_type_system: false,
            deferred: None,
            diags,
        }),
        Request::Apply(apply) => Response::Applied(Applied {
            value: apply.prior,
            private: apply.planned_private,
            identity: None,
            legacy_type_system: false,
            diags,
        }),
        Request::Import { .. } => Response::Imported {
            objects: Vec::new(),
            diags,
        },
        Request::Open { .. } | Request::Renew { .. } => Response::Opened(Opened {
            value: Value::NULL,
            private: Arc::from([]),
            renew_at: None,
            diags,
        }),
        Request::Close { .. } => Response::Done(diags),
        _ => state(Value::NULL, diags),
    }
}
