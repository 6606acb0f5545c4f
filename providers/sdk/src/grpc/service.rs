//! The provider service of protocol version 6: decode, ask the [`Server`], encode.

use std::sync::Arc;

use muster_provider::{self as plain, ProviderError, RawState};
use muster_value::{Type, Value};
use muster_wire::tfplugin6 as wire;
use tonic::transport::server::Router;
use tonic::{Code, Request, Response, Status};

use super::Done;
use super::answers::{Reply, mismatch, raw_state, timestamp, unknown, unsupported};
use super::convert::{decode, deferred, diags, dynamic, path};
use super::schema;
use crate::provider::Provider;
use crate::server::Server;

/// Messages may be large: a schema of thousands of types, a state of a million elements.
const MAX_MESSAGE: usize = 256 << 20;

/// All services of a plugin.
pub(super) fn router<P: Provider>(server: Arc<Server<P>>, done: &Done) -> Router {
    let provider = wire::provider_server::ProviderServer::new(Service(server))
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE);
    super::control::add(
        tonic::transport::Server::builder().add_service(provider),
        done,
    )
}

struct Service<P: Provider>(Arc<Server<P>>);

impl<P: Provider> Service<P> {
    async fn ask(&self, request: plain::Request) -> Result<plain::Response, Status> {
        self.0.answer(request).await.map_err(|error| {
            let code = match &error {
                ProviderError::Unsupported { .. } => Code::Unimplemented,
                ProviderError::Invalid { .. } => Code::InvalidArgument,
                ProviderError::Cancelled { .. } => Code::Cancelled,
                _ => Code::Internal,
            };
            Status::new(code, error.to_string())
        })
    }

    /// Asks a question that is answered by diagnostics only.
    async fn check(&self, request: plain::Request) -> Result<Vec<wire::Diagnostic>, Status> {
        Ok(diags(self.ask(request).await?.diags()))
    }

    fn resource_type(&self, name: &str) -> Result<Type, Status> {
        let schema = self.0.schema().resources.get(name);
        schema
            .map(|schema| schema.block.implied_type())
            .ok_or_else(|| unknown("type", name))
    }

    fn data_type(&self, name: &str) -> Result<Type, Status> {
        let schema = self.0.schema().data_sources.get(name);
        schema
            .map(|schema| schema.block.implied_type())
            .ok_or_else(|| unknown("type", name))
    }

    fn ephemeral_type(&self, name: &str) -> Result<Type, Status> {
        let schema = self.0.schema().ephemeral_resources.get(name);
        schema
            .map(|schema| schema.block.implied_type())
            .ok_or_else(|| unknown("type", name))
    }

    fn identity_type(&self, name: &str) -> Option<Type> {
        Some(self.0.schema().identities.get(name)?.implied_type())
    }

    /// Reads an identity; there is none in what older engines send.
    fn identity(
        &self,
        name: &str,
        message: Option<wire::ResourceIdentityData>,
    ) -> Result<Option<Value>, Status> {
        let (Some(message), Some(ty)) = (message, self.identity_type(name)) else {
            return Ok(None);
        };
        let identity = decode(message.identity_data, &ty)?;
        Ok((!identity.is_null()).then_some(identity))
    }

    /// Writes an identity.
    fn identity_data(
        &self,
        name: &str,
        identity: Option<&Value>,
    ) -> Result<Option<wire::ResourceIdentityData>, Status> {
        let (Some(identity), Some(ty)) = (identity, self.identity_type(name)) else {
            return Ok(None);
        };
        let identity_data = dynamic(identity, &ty)?;
        Ok(Some(wire::ResourceIdentityData { identity_data }))
    }

    fn config_type(&self) -> Type {
        self.0.schema().provider.block.implied_type()
    }

    fn capabilities(&self) -> Option<wire::ServerCapabilities> {
        Some(wire::ServerCapabilities {
            plan_destroy: self.0.schema().plan_destroy,
            get_provider_schema_optional: self.0.schema().schema_optional,
            move_resource_state: self.0.schema().move_resource_state,
            ..Default::default()
        })
    }
}

/// The stream of a call that is not supported.
type Nothing<T> = futures::stream::Empty<Result<T, Status>>;

#[tonic::async_trait]
impl<P: Provider> wire::provider_server::Provider for Service<P> {
    async fn get_metadata(
        &self,
        _: Request<wire::get_metadata::Request>,
    ) -> Reply<wire::get_metadata::Response> {
        use wire::get_metadata::{
            DataSourceMetadata, EphemeralMetadata, FunctionMetadata, ResourceMetadata,
        };
        let schema = self.0.schema();
        let name = |name: &crate::Str| name.to_string();
        let resources = schema.resources.keys().map(name);
        let data_sources = schema.data_sources.keys().map(name);
        let ephemeral_resources = schema.ephemeral_resources.keys().map(name);
        let functions = schema.functions.keys().map(name);
        Ok(Response::new(wire::get_metadata::Response {
            server_capabilities: self.capabilities(),
            resources: resources
                .map(|type_name| ResourceMetadata { type_name })
                .collect(),
            data_sources: data_sources
                .map(|type_name| DataSourceMetadata { type_name })
                .collect(),
            ephemeral_resources: ephemeral_resources
                .map(|type_name| EphemeralMetadata { type_name })
                .collect(),
            functions: functions.map(|name| FunctionMetadata { name }).collect(),
            ..Default::default()
        }))
    }

    async fn get_provider_schema(
        &self,
        _: Request<wire::get_provider_schema::Request>,
    ) -> Reply<wire::get_provider_schema::Response> {
        let offer = self.0.schema();
        let resources = offer.resources.iter();
        let data_sources = offer.data_sources.iter();
        let ephemeral_resources = offer.ephemeral_resources.iter();
        let functions = offer.functions.iter();
        Ok(Response::new(wire::get_provider_schema::Response {
            provider: Some(schema::schema(&offer.provider)),
            resource_schemas: resources
                .map(|(k, s)| (k.to_string(), schema::schema(&s)))
                .collect(),
            data_source_schemas: data_sources
                .map(|(k, s)| (k.to_string(), schema::schema(&s)))
                .collect(),
            ephemeral_resource_schemas: ephemeral_resources
                .map(|(k, s)| (k.to_string(), schema::schema(&s)))
                .collect(),
            functions: functions
                .map(|(k, f)| (k.to_string(), schema::function(f)))
                .collect(),
            server_capabilities: self.capabilities(),
            ..Default::default()
        }))
    }

    async fn validate_provider_config(
        &self,
        request: Request<wire::validate_provider_config::Request>,
    ) -> Reply<wire::validate_provider_config::Response> {
        let config = decode(request.into_inner().config, &self.config_type())?;
        let diagnostics = self
            .check(plain::Request::ValidateProvider { config })
            .await?;
        Ok(Response::new(wire::validate_provider_config::Response {
            diagnostics,
        }))
    }

    async fn validate_resource_config(
        &self,
        request: Request<wire::validate_resource_config::Request>,
    ) -> Reply<wire::validate_resource_config::Response> {
        let request = request.into_inner();
        let config = decode(request.config, &self.resource_type(&request.type_name)?)?;
        let type_name = request.type_name.into();
        let question = plain::Request::ValidateResource { type_name, config };
        let diagnostics = self.check(question).await?;
        Ok(Response::new(wire::validate_resource_config::Response {
            diagnostics,
        }))
    }

    async fn validate_data_resource_config(
        &self,
        request: Request<wire::validate_data_resource_config::Request>,
    ) -> Reply<wire::validate_data_resource_config::Response> {
        let request = request.into_inner();
        let config = decode(request.config, &self.data_type(&request.type_name)?)?;
        let type_name = request.type_name.into();
        let diagnostics = self
            .check(plain::Request::ValidateData { type_name, config })
            .await?;
        Ok(Response::new(
            wire::validate_data_resource_config::Response { diagnostics },
        ))
    }

    async fn upgrade_resource_state(
        &self,
        request: Request<wire::upgrade_resource_state::Request>,
    ) -> Reply<wire::upgrade_resource_state::Response> {
        let request = request.into_inner();
        let ty = self.resource_type(&request.type_name)?;
        let question = plain::Request::Upgrade {
            type_name: request.type_name.into(),
            version: u64::try_from(request.version).unwrap_or(0),
            raw: raw_state(request.raw_state.unwrap_or_default())?,
        };
        let plain::Response::State {
            value,
            diags: found,
        } = self.ask(question).await?
        else {
            return Err(mismatch());
        };
        Ok(Response::new(wire::upgrade_resource_state::Response {
            upgraded_state: dynamic(&value, &ty)?,
            diagnostics: diags(&found),
        }))
    }

    async fn configure_provider(
        &self,
        request: Request<wire::configure_provider::Request>,
    ) -> Reply<wire::configure_provider::Response> {
        let config = decode(request.into_inner().config, &self.config_type())?;
        let diagnostics = self.check(plain::Request::Configure { config }).await?;
        Ok(Response::new(wire::configure_provider::Response {
            diagnostics,
        }))
    }

    async fn read_resource(
        &self,
        request: Request<wire::read_resource::Request>,
    ) -> Reply<wire::read_resource::Response> {
        let request = request.into_inner();
        let name: crate::Str = request.type_name.into();
        let ty = self.resource_type(&name)?;
        let question = plain::Request::Read(plain::Read {
            type_name: name.clone(),
            current: decode(request.current_state, &ty)?,
            private: request.private.into(),
            identity: self.identity(&name, request.current_identity)?,
            provider_meta: Value::NULL,
        });
        let plain::Response::Read {
            value,
            private,
            identity,
            deferred: put_off,
            diags: found,
        } = self.ask(question).await?
        else {
            return Err(mismatch());
        };
        Ok(Response::new(wire::read_resource::Response {
            new_state: dynamic(&value, &ty)?,
            diagnostics: diags(&found),
            private: private.to_vec(),
            deferred: deferred(put_off),
            new_identity: self.identity_data(&name, identity.as_ref())?,
        }))
    }

    async fn plan_resource_change(
        &self,
        request: Request<wire::plan_resource_change::Request>,
    ) -> Reply<wire::plan_resource_change::Response> {
        let request = request.into_inner();
        let name: crate::Str = request.type_name.into();
        let ty = self.resource_type(&name)?;
        let question = plain::Request::Plan(plain::PlanRequest {
            type_name: name.clone(),
            prior: decode(request.prior_state, &ty)?,
            proposed: decode(request.proposed_new_state, &ty)?,
            config: decode(request.config, &ty)?,
            prior_private: request.prior_private.into(),
            prior_identity: self.identity(&name, request.prior_identity)?,
            provider_meta: Value::NULL,
        });
        let plain::Response::Planned(planned) = self.ask(question).await? else {
            return Err(mismatch());
        };
        Ok(Response::new(wire::plan_resource_change::Response {
            planned_state: dynamic(&planned.value, &ty)?,
            requires_replace: planned.requires_replace.iter().map(path).collect(),
            planned_private: planned.private.to_vec(),
            diagnostics: diags(&planned.diags),
            legacy_type_system: planned.legacy_type_system,
            deferred: deferred(planned.deferred),
            planned_identity: self.identity_data(&name, planned.identity.as_ref())?,
        }))
    }

    async fn apply_resource_change(
        &self,
        request: Request<wire::apply_resource_change::Request>,
    ) -> Reply<wire::apply_resource_change::Response> {
        let request = request.into_inner();
        let name: crate::Str = request.type_name.into();
        let ty = self.resource_type(&name)?;
        let question = plain::Request::Apply(plain::ApplyRequest {
            type_name: name.clone(),
            prior: decode(request.prior_state, &ty)?,
            planned: decode(request.planned_state, &ty)?,
            config: decode(request.config, &ty)?,
            planned_private: request.planned_private.into(),
            planned_identity: self.identity(&name, request.planned_identity)?,
            provider_meta: Value::NULL,
        });
        let plain::Response::Applied(applied) = self.ask(question).await? else {
            return Err(mismatch());
        };
        Ok(Response::new(wire::apply_resource_change::Response {
            new_state: dynamic(&applied.value, &ty)?,
            private: applied.private.to_vec(),
            diagnostics: diags(&applied.diags),
            legacy_type_system: applied.legacy_type_system,
            new_identity: self.identity_data(&name, applied.identity.as_ref())?,
        }))
    }

    async fn import_resource_state(
        &self,
        request: Request<wire::import_resource_state::Request>,
    ) -> Reply<wire::import_resource_state::Response> {
        let request = request.into_inner();
        let name: crate::Str = request.type_name.into();
        let ty = self.resource_type(&name)?;
        let by = match self.identity(&name, request.identity)? {
            Some(identity) => plain::ImportBy::Identity(identity),
            None => plain::ImportBy::Id(request.id.into()),
        };
        let question = plain::Request::Import {
            type_name: name.clone(),
            by,
        };
        let plain::Response::Imported {
            objects,
            diags: found,
        } = self.ask(question).await?
        else {
            return Err(mismatch());
        };
        let mut imported_resources = Vec::with_capacity(objects.len());
        for object in objects {
            imported_resources.push(wire::import_resource_state::ImportedResource {
                type_name: object.type_name.to_string(),
                state: dynamic(&object.value, &ty)?,
                private: object.private.to_vec(),
                identity: self.identity_data(&name, object.identity.as_ref())?,
            });
        }
        Ok(Response::new(wire::import_resource_state::Response {
            imported_resources,
            diagnostics: diags(&found),
            ..Default::default()
        }))
    }

    async fn get_resource_identity_schemas(
        &self,
        _: Request<wire::get_resource_identity_schemas::Request>,
    ) -> Reply<wire::get_resource_identity_schemas::Response> {
        let identities = self.0.schema().identities.iter();
        Ok(Response::new(
            wire::get_resource_identity_schemas::Response {
                identity_schemas: identities
                    .map(|(name, identity)| (name.to_string(), schema::identity(identity)))
                    .collect(),
                diagnostics: Vec::new(),
            },
        ))
    }

    async fn upgrade_resource_identity(
        &self,
        request: Request<wire::upgrade_resource_identity::Request>,
    ) -> Reply<wire::upgrade_resource_identity::Response> {
        let request = request.into_inner();
        let name: crate::Str = request.type_name.into();
        let RawState::Json(json) = raw_state(request.raw_identity.unwrap_or_default())? else {
            return Err(Status::invalid_argument("there is no stored identity"));
        };
        let question = plain::Request::UpgradeIdentity {
            type_name: name.clone(),
            version: u64::try_from(request.version).unwrap_or(0),
            json,
        };
        let plain::Response::State {
            value,
            diags: found,
        } = self.ask(question).await?
        else {
            return Err(mismatch());
        };
        let identity = (!value.is_null()).then_some(&value);
        Ok(Response::new(wire::upgrade_resource_identity::Response {
            upgraded_identity: self.identity_data(&name, identity)?,
            diagnostics: diags(&found),
        }))
    }

    async fn read_data_source(
        &self,
        request: Request<wire::read_data_source::Request>,
    ) -> Reply<wire::read_data_source::Response> {
        let request = request.into_inner();
        let ty = self.data_type(&request.type_name)?;
        let question = plain::Request::ReadData(plain::ReadData {
            type_name: request.type_name.into(),
            config: decode(request.config, &ty)?,
            provider_meta: Value::NULL,
            address: None,
        });
        let plain::Response::State {
            value,
            diags: found,
        } = self.ask(question).await?
        else {
            return Err(mismatch());
        };
        Ok(Response::new(wire::read_data_source::Response {
            state: dynamic(&value, &ty)?,
            diagnostics: diags(&found),
            ..Default::default()
        }))
    }

    async fn validate_ephemeral_resource_config(
        &self,
        request: Request<wire::validate_ephemeral_resource_config::Request>,
    ) -> Reply<wire::validate_ephemeral_resource_config::Response> {
        let request = request.into_inner();
        let config = decode(request.config, &self.ephemeral_type(&request.type_name)?)?;
        let question = plain::Request::ValidateEphemeral {
            type_name: request.type_name.into(),
            config,
        };
        let diagnostics = self.check(question).await?;
        Ok(Response::new(
            wire::validate_ephemeral_resource_config::Response { diagnostics },
        ))
    }

    async fn open_ephemeral_resource(
        &self,
        request: Request<wire::open_ephemeral_resource::Request>,
    ) -> Reply<wire::open_ephemeral_resource::Response> {
        let request = request.into_inner();
        let ty = self.ephemeral_type(&request.type_name)?;
        let question = plain::Request::Open {
            type_name: request.type_name.into(),
            config: decode(request.config, &ty)?,
        };
        let plain::Response::Opened(opened) = self.ask(question).await? else {
            return Err(mismatch());
        };
        Ok(Response::new(wire::open_ephemeral_resource::Response {
            result: dynamic(&opened.value, &ty)?,
            private: Some(opened.private.to_vec()),
            renew_at: opened.renew_at.map(timestamp),
            diagnostics: diags(&opened.diags),
            ..Default::default()
        }))
    }

    async fn renew_ephemeral_resource(
        &self,
        request: Request<wire::renew_ephemeral_resource::Request>,
    ) -> Reply<wire::renew_ephemeral_resource::Response> {
        let request = request.into_inner();
        let question = plain::Request::Renew {
            type_name: request.type_name.into(),
            private: request.private.unwrap_or_default().into(),
        };
        let plain::Response::Opened(opened) = self.ask(question).await? else {
            return Err(mismatch());
        };
        Ok(Response::new(wire::renew_ephemeral_resource::Response {
            renew_at: opened.renew_at.map(timestamp),
            private: Some(opened.private.to_vec()),
            diagnostics: diags(&opened.diags),
        }))
    }

    async fn close_ephemeral_resource(
        &self,
        request: Request<wire::close_ephemeral_resource::Request>,
    ) -> Reply<wire::close_ephemeral_resource::Response> {
        let request = request.into_inner();
        let question = plain::Request::Close {
            type_name: request.type_name.into(),
            private: request.private.unwrap_or_default().into(),
        };
        let diagnostics = self.check(question).await?;
        Ok(Response::new(wire::close_ephemeral_resource::Response {
            diagnostics,
        }))
    }

    async fn get_functions(
        &self,
        _: Request<wire::get_functions::Request>,
    ) -> Reply<wire::get_functions::Response> {
        let functions = self.0.schema().functions.iter();
        Ok(Response::new(wire::get_functions::Response {
            functions: functions
                .map(|(k, f)| (k.to_string(), schema::function(f)))
                .collect(),
            ..Default::default()
        }))
    }

    async fn call_function(
        &self,
        request: Request<wire::call_function::Request>,
    ) -> Reply<wire::call_function::Response> {
        let request = request.into_inner();
        let signature = self.0.schema().functions.get(request.name.as_str());
        let signature = signature.ok_or_else(|| unknown("function", &request.name))?;
        let mut args = Vec::with_capacity(request.arguments.len());
        for (i, argument) in request.arguments.into_iter().enumerate() {
            let parameter = signature.params.get(i).or(signature.variadic.as_ref());
            let Some(parameter) = parameter else {
                return Err(Status::invalid_argument("too many arguments"));
            };
            args.push(decode(Some(argument), &parameter.ty)?);
        }
        let response = match self.0.call_function(&request.name, &args) {
            Ok(value) => wire::call_function::Response {
                result: dynamic(&value, &signature.returns)?,
                error: None,
            },
            Err(error) => wire::call_function::Response {
                result: None,
                error: Some(wire::FunctionError {
                    text: error.text,
                    function_argument: error.argument.and_then(|i| i64::try_from(i).ok()),
                }),
            },
        };
        Ok(Response::new(response))
    }

    async fn stop_provider(
        &self,
        _: Request<wire::stop_provider::Request>,
    ) -> Reply<wire::stop_provider::Response> {
        self.0.stop();
        Ok(Response::new(wire::stop_provider::Response::default()))
    }

    // The calls below belong to features that providers on this SDK do not offer. Engines ask
    // for none of them unless the schema or the capabilities say so.

    type ListResourceStream = Nothing<wire::list_resource::Event>;
    type ReadStateBytesStream = Nothing<wire::read_state_bytes::Response>;
    type InvokeActionStream = Nothing<wire::invoke_action::Event>;

    async fn move_resource_state(
        &self,
        _: Request<wire::move_resource_state::Request>,
    ) -> Reply<wire::move_resource_state::Response> {
        unsupported()
    }

    async fn generate_resource_config(
        &self,
        _: Request<wire::generate_resource_config::Request>,
    ) -> Reply<wire::generate_resource_config::Response> {
        unsupported()
    }

    async fn validate_list_resource_config(
        &self,
        _: Request<wire::validate_list_resource_config::Request>,
    ) -> Reply<wire::validate_list_resource_config::Response> {
        unsupported()
    }

    async fn validate_state_store_config(
        &self,
        _: Request<wire::validate_state_store::Request>,
    ) -> Reply<wire::validate_state_store::Response> {
        unsupported()
    }

    async fn configure_state_store(
        &self,
        _: Request<wire::configure_state_store::Request>,
    ) -> Reply<wire::configure_state_store::Response> {
        unsupported()
    }

    async fn lock_state(
        &self,
        _: Request<wire::lock_state::Request>,
    ) -> Reply<wire::lock_state::Response> {
        unsupported()
    }

    async fn unlock_state(
        &self,
        _: Request<wire::unlock_state::Request>,
    ) -> Reply<wire::unlock_state::Response> {
        unsupported()
    }

    async fn get_states(
        &self,
        _: Request<wire::get_states::Request>,
    ) -> Reply<wire::get_states::Response> {
        unsupported()
    }

    async fn delete_state(
        &self,
        _: Request<wire::delete_state::Request>,
    ) -> Reply<wire::delete_state::Response> {
        unsupported()
    }

    async fn plan_action(
        &self,
        _: Request<wire::plan_action::Request>,
    ) -> Reply<wire::plan_action::Response> {
        unsupported()
    }

    async fn validate_action_config(
        &self,
        _: Request<wire::validate_action_config::Request>,
    ) -> Reply<wire::validate_action_config::Response> {
        unsupported()
    }

    async fn list_resource(
        &self,
        _: Request<wire::list_resource::Request>,
    ) -> Reply<Self::ListResourceStream> {
        unsupported()
    }

    async fn read_state_bytes(
        &self,
        _: Request<wire::read_state_bytes::Request>,
    ) -> Reply<Self::ReadStateBytesStream> {
        unsupported()
    }

    async fn write_state_bytes(
        &self,
        _: Request<tonic::Streaming<wire::write_state_bytes::RequestChunk>>,
    ) -> Reply<wire::write_state_bytes::Response> {
        unsupported()
    }

    async fn invoke_action(
        &self,
        _: Request<wire::invoke_action::Request>,
    ) -> Reply<Self::InvokeActionStream> {
        unsupported()
    }
}
