//! A provider that makes its answers up, for tests of configurations.

mod fill;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use muster_addr::{Mode, Str};
use muster_lang::{Diagnostic, Diags};
use muster_schema::{ProviderSchema, Schema};
use muster_value::{Value, json_to_value};

use crate::{
    Applied, ApplyRequest, ImportBy, Imported, Opened, PlanRequest, Planned, Private, Provider,
    ProviderError, RawState, Request, Response,
};
use fill::{Fill, fill};

/// Makes up objects that fit the schema of a provider. Nothing is started, asked or kept:
/// computed attributes get the values that are given for them, or else random words, zeros and
/// empty collections.
#[derive(Clone, Debug)]
pub struct MockProvider {
    schema: Arc<ProviderSchema>,
    values: MockValues,
}

/// What made-up objects look like, as far as somebody has said it.
#[derive(Clone, Debug, Default)]
pub struct MockValues {
    /// By resource type.
    pub resources: BTreeMap<Str, MockObject>,
    /// By data source type.
    pub data_sources: BTreeMap<Str, MockObject>,
    /// Of types that are not among those.
    pub others: MockObject,
}

/// What one made-up object looks like.
#[derive(Clone, Debug)]
pub struct MockObject {
    /// An object with values for computed attributes; null for none.
    pub values: Value,
    /// Whether they are known while planning already.
    pub in_plan: bool,
}

impl Default for MockObject {
    fn default() -> Self {
        Self {
            values: Value::NULL,
            in_plan: false,
        }
    }
}

impl MockProvider {
    /// A stand-in for a provider of this schema.
    pub fn new(schema: Arc<ProviderSchema>, values: MockValues) -> Self {
        Self { schema, values }
    }

    fn schema_of(
        &self,
        mode: Mode,
        name: &str,
        call: &'static str,
    ) -> Result<Arc<Schema>, ProviderError> {
        let types = match mode {
            Mode::Managed => &self.schema.resources,
            Mode::Data => &self.schema.data_sources,
            Mode::Ephemeral => &self.schema.ephemeral_resources,
        };
        types.get(name).ok_or_else(|| ProviderError::Invalid {
            call,
            reason: format!("there is no type {name:?}"),
        })
    }

    fn object(&self, mode: Mode, name: &str) -> &MockObject {
        let by_type = match mode {
            Mode::Managed => &self.values.resources,
            Mode::Data | Mode::Ephemeral => &self.values.data_sources,
        };
        by_type.get(name).unwrap_or(&self.values.others)
    }

    fn answer(&self, request: Request) -> Result<Response, ProviderError> {
        let call = request.name();
        Ok(match request {
            Request::ValidateProvider { .. }
            | Request::Configure { .. }
            | Request::ValidateResource { .. }
            | Request::ValidateData { .. }
            | Request::ValidateEphemeral { .. }
            | Request::Close { .. } => Response::Done(Diags::new()),
            Request::Upgrade { type_name, raw, .. } => {
                upgraded(&*self.schema_of(Mode::Managed, &type_name, call)?, &raw)
            }
            Request::Read(read) => Response::Read {
                value: read.current,
                private: read.private,
                identity: None,
                deferred: None,
                diags: Diags::new(),
            },
            Request::Plan(plan) => {
                let schema = self.schema_of(Mode::Managed, &plan.type_name, call)?;
                Response::Planned(self.planned(&schema, plan))
            }
            Request::Apply(apply) => {
                let schema = self.schema_of(Mode::Managed, &apply.type_name, call)?;
                Response::Applied(self.applied(&schema, apply))
            }
            Request::Import { type_name, by } => {
                let schema = self.schema_of(Mode::Managed, &type_name, call)?;
                self.imported(&schema, type_name, &by)
            }
            Request::ReadData(read) => {
                let schema = self.schema_of(Mode::Data, &read.type_name, call)?;
                let object = self.object(Mode::Data, &read.type_name);
                let (value, diags) = fill(&schema.block, &read.config, &object.values, Fill::Null);
                Response::State { value, diags }
            }
            Request::Open { type_name, config } => {
                let schema = self.schema_of(Mode::Ephemeral, &type_name, call)?;
                let (value, diags) = fill(&schema.block, &config, &Value::NULL, Fill::Null);
                opened(value, diags)
            }
            Request::Renew { .. } => opened(Value::NULL, Diags::new()),
            Request::UpgradeIdentity { .. } | Request::Move(_) | Request::CallFunction { .. } => {
                return Err(ProviderError::Unsupported { call });
            }
        })
    }

    fn planned(&self, schema: &Schema, request: PlanRequest) -> Planned {
        let object = self.object(Mode::Managed, &request.type_name);
        let creates = request.prior.is_null() && !request.proposed.is_null();
        let (value, diags) = match (creates, object.in_plan) {
            (true, true) => fill(&schema.block, &request.proposed, &object.values, Fill::Null),
            (true, false) => fill(
                &schema.block,
                &request.proposed,
                &Value::NULL,
                Fill::Unknown,
            ),
            (false, _) => (request.proposed, Diags::new()),
        };
        Planned {
            value,
            requires_replace: Vec::new(),
            private: request.prior_private,
            identity: None,
            legacy_type_system: false,
            deferred: None,
            diags,
        }
    }

    fn applied(&self, schema: &Schema, request: ApplyRequest) -> Applied {
        let object = self.object(Mode::Managed, &request.type_name);
        let (value, diags) = match request.planned.is_null() {
            true => (request.planned, Diags::new()),
            false => fill(&schema.block, &request.planned, &object.values, Fill::Rest),
        };
        let value = match diags.has_errors() {
            // Nothing was made of it.
            true => request.prior,
            false => value,
        };
        Applied {
            value,
            private: request.planned_private,
            identity: None,
            legacy_type_system: false,
            diags,
        }
    }

    /// An object that exists can only be one that somebody has described.
    fn imported(&self, schema: &Schema, type_name: Str, by: &ImportBy) -> Response {
        let object = self.object(Mode::Managed, &type_name);
        if object.values.is_null() {
            let detail = format!(
                "The provider is mocked, so that nothing can be imported from it, and there is no \
                 object with {by}. Override the resource to say what it looks like."
            );
            return Response::Imported {
                objects: Vec::new(),
                diags: Diagnostic::error("Import from a mocked provider", detail).into(),
            };
        }
        let empty = schema.block.empty_value();
        let (value, diags) = fill(&schema.block, &empty, &object.values, Fill::Null);
        Response::Imported {
            objects: vec![Imported {
                type_name,
                value,
                private: Private::from([]),
                identity: None,
            }],
            diags,
        }
    }
}

impl Provider for MockProvider {
    fn schema(&self) -> Arc<ProviderSchema> {
        Arc::clone(&self.schema)
    }

    fn call(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        Box::pin(std::future::ready(self.answer(request)))
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

fn opened(value: Value, diags: Diags) -> Response {
    Response::Opened(Opened {
        value,
        private: Private::from([]),
        renew_at: None,
        diags,
    })
}

/// Only objects that a run of the same test has made are stored, so they fit the schema.
fn upgraded(schema: &Schema, raw: &RawState) -> Response {
    let ty = schema.block.implied_type();
    let value = match raw {
        RawState::Json(text) => serde_json::from_str(text)
            .map_err(|e| e.to_string())
            .and_then(|json| json_to_value(&json, &ty).map_err(|e| e.to_string())),
        RawState::Flatmap(_) => Err("it is in a form of long ago".to_owned()),
    };
    match value {
        Ok(value) => Response::State {
            value,
            diags: Diags::new(),
        },
        Err(reason) => {
            let detail = format!("The stored object cannot be read: {reason}.");
            Response::State {
                value: Value::Null(ty),
                diags: Diagnostic::error("Invalid stored object", detail).into(),
            }
        }
    }
}
