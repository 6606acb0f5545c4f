//! Requests of the engine as calls, and their answers.

use muster_lang::{Diagnostic, Diags};
use muster_provider::{
    Applied, ApplyRequest, Imported, Opened, PlanRequest, Planned, ProviderError, Read, ReadData,
    Request, Response,
};
use muster_schema::{ProviderSchema, Schema};
use muster_value::{Type, Value};
use muster_wire::tfplugin6 as wire;

use crate::Str;
use crate::convert::{decode, deferred, diags, encode, path, raw_state};
use crate::protocol::{
    CONFIGURE, VALIDATE_DATA, VALIDATE_PROVIDER, VALIDATE_RESOURCE, Wire, failure, same,
};

/// One call: where it goes and what its values look like.
pub(crate) struct Call<'a> {
    pub wire: &'a Wire,
    pub schema: &'a ProviderSchema,
    pub terraform_version: &'a str,
    pub name: &'static str,
}

type Answer = Result<Response, CallError>;

/// Why a call failed.
pub(crate) enum CallError {
    /// The transport's word; the process may be gone.
    Status(tonic::Status),
    /// The engine's own.
    Provider(ProviderError),
}

impl From<tonic::Status> for CallError {
    fn from(status: tonic::Status) -> Self {
        Self::Status(status)
    }
}

impl From<ProviderError> for CallError {
    fn from(error: ProviderError) -> Self {
        Self::Provider(error)
    }
}

impl CallError {
    /// Without knowing more about the process.
    pub(crate) fn plain(self, call: &'static str) -> ProviderError {
        match self {
            Self::Status(status) => failure(call, &status),
            Self::Provider(error) => error,
        }
    }
}

impl Call<'_> {
    /// Makes the call.
    pub(crate) async fn send(&self, request: Request) -> Answer {
        match request {
            Request::ValidateProvider { config } => self.validate_provider(&config).await,
            Request::Configure { config } => self.configure(&config).await,
            Request::ValidateResource { type_name, config } => {
                self.validate_resource(&type_name, &config).await
            }
            Request::ValidateData { type_name, config } => {
                self.validate_data(&type_name, &config).await
            }
            Request::ValidateEphemeral { type_name, config } => {
                self.validate_ephemeral(&type_name, &config).await
            }
            Request::Upgrade {
                type_name,
                version,
                raw,
            } => self.upgrade(&type_name, version, raw_state(raw)).await,
            Request::Read(read) => self.read(read).await,
            Request::Plan(plan) => self.plan(plan).await,
            Request::Apply(apply) => self.apply(apply).await,
            Request::Import { type_name, id } => self.import(&type_name, id).await,
            Request::Move { .. } => self.move_state(request).await,
            Request::ReadData(read) => self.read_data(read).await,
            Request::Open { type_name, config } => self.open(&type_name, &config).await,
            Request::Renew { type_name, private } => self.renew(&type_name, &private).await,
            Request::Close { type_name, private } => self.close(&type_name, &private).await,
            Request::CallFunction { name, args } => self.function(&name, &args).await,
        }
    }

    fn invalid(&self, reason: String) -> ProviderError {
        ProviderError::Invalid {
            call: self.name,
            reason,
        }
    }

    fn known(
        &self,
        schema: Option<std::sync::Arc<Schema>>,
        name: &str,
    ) -> Result<Type, ProviderError> {
        let schema = schema.ok_or_else(|| self.invalid(format!("the provider has no {name}")))?;
        Ok(schema.block.implied_type())
    }

    fn resource(&self, name: &Str) -> Result<Type, ProviderError> {
        self.known(self.schema.resources.get(name), name)
    }

    fn data(&self, name: &Str) -> Result<Type, ProviderError> {
        self.known(self.schema.data_sources.get(name), name)
    }

    fn ephemeral(&self, name: &Str) -> Result<Type, ProviderError> {
        self.known(self.schema.ephemeral_resources.get(name), name)
    }

    fn value(&self, value: &Value, ty: &Type) -> Result<Option<wire::DynamicValue>, ProviderError> {
        encode(value, ty, self.name)
    }

    fn read_value(
        &self,
        message: Option<wire::DynamicValue>,
        ty: &Type,
    ) -> Result<Value, ProviderError> {
        decode(message, ty, self.name)
    }

    /// `provider_meta` is sent only to those who have it.
    fn meta(&self, value: &Value) -> Result<Option<wire::DynamicValue>, ProviderError> {
        match &self.schema.provider_meta {
            Some(schema) => {
                let ty = schema.block.implied_type();
                let value = if value.is_null() {
                    Value::Null(ty.clone())
                } else {
                    value.clone()
                };
                self.value(&value, &ty)
            }
            None => Ok(None),
        }
    }

    async fn validate_provider(&self, config: &Value) -> Answer {
        use wire::validate_provider_config as m;
        let config = self.value(config, &self.schema.provider.block.implied_type())?;
        let a: m::Response = self
            .wire
            .call(VALIDATE_PROVIDER, m::Request { config })
            .await?;
        Ok(Response::Done(diags(a.diagnostics)))
    }

    async fn configure(&self, config: &Value) -> Answer {
        use wire::configure_provider as m;
        let request = m::Request {
            terraform_version: self.terraform_version.to_owned(),
            config: self.value(config, &self.schema.provider.block.implied_type())?,
            client_capabilities: capabilities(),
        };
        let a: m::Response = self.wire.call(CONFIGURE, request).await?;
        Ok(Response::Done(diags(a.diagnostics)))
    }

    async fn validate_resource(&self, name: &Str, config: &Value) -> Answer {
        use wire::validate_resource_config as m;
        let request = m::Request {
            type_name: name.to_string(),
            config: self.value(config, &self.resource(name)?)?,
            client_capabilities: capabilities(),
        };
        let a: m::Response = self.wire.call(VALIDATE_RESOURCE, request).await?;
        Ok(Response::Done(diags(a.diagnostics)))
    }

    async fn validate_data(&self, name: &Str, config: &Value) -> Answer {
        use wire::validate_data_resource_config as m;
        let config = self.value(config, &self.data(name)?)?;
        let request = m::Request {
            type_name: name.to_string(),
            config,
        };
        let a: m::Response = self.wire.call(VALIDATE_DATA, request).await?;
        Ok(Response::Done(diags(a.diagnostics)))
    }

    async fn validate_ephemeral(&self, name: &Str, config: &Value) -> Answer {
        use wire::validate_ephemeral_resource_config as m;
        let config = self.value(config, &self.ephemeral(name)?)?;
        let request = m::Request {
            type_name: name.to_string(),
            config,
        };
        let names = same("ValidateEphemeralResourceConfig");
        let a: m::Response = self.wire.call(names, request).await?;
        Ok(Response::Done(diags(a.diagnostics)))
    }

    async fn upgrade(&self, name: &Str, version: u64, raw: wire::RawState) -> Answer {
        use wire::upgrade_resource_state as m;
        let ty = self.resource(name)?;
        let request = m::Request {
            type_name: name.to_string(),
            version: i64::try_from(version).unwrap_or(i64::MAX),
            raw_state: Some(raw),
        };
        let a: m::Response = self
            .wire
            .call(same("UpgradeResourceState"), request)
            .await?;
        let value = self.read_value(a.upgraded_state, &ty)?;
        Ok(Response::State {
            value,
            diags: diags(a.diagnostics),
        })
    }

    async fn read(&self, read: Read) -> Answer {
        use wire::read_resource as m;
        let ty = self.resource(&read.type_name)?;
        let request = m::Request {
            type_name: read.type_name.to_string(),
            current_state: self.value(&read.current, &ty)?,
            private: read.private.to_vec(),
            provider_meta: self.meta(&read.provider_meta)?,
            client_capabilities: capabilities(),
            ..Default::default()
        };
        let a: m::Response = self.wire.call(same("ReadResource"), request).await?;
        Ok(Response::Read {
            value: self.read_value(a.new_state, &ty)?,
            private: a.private.into(),
            deferred: deferred(a.deferred),
            diags: diags(a.diagnostics),
        })
    }

    async fn plan(&self, plan: PlanRequest) -> Answer {
        use wire::plan_resource_change as m;
        let ty = self.resource(&plan.type_name)?;
        let request = m::Request {
            type_name: plan.type_name.to_string(),
            prior_state: self.value(&plan.prior, &ty)?,
            proposed_new_state: self.value(&plan.proposed, &ty)?,
            config: self.value(&plan.config, &ty)?,
            prior_private: plan.prior_private.to_vec(),
            provider_meta: self.meta(&plan.provider_meta)?,
            client_capabilities: capabilities(),
            ..Default::default()
        };
        let a: m::Response = self.wire.call(same("PlanResourceChange"), request).await?;
        Ok(Response::Planned(Planned {
            value: self.read_value(a.planned_state, &ty)?,
            requires_replace: a.requires_replace.iter().map(path).collect(),
            private: a.planned_private.into(),
            legacy_type_system: a.legacy_type_system,
            deferred: deferred(a.deferred),
            diags: diags(a.diagnostics),
        }))
    }

    async fn apply(&self, apply: ApplyRequest) -> Answer {
        use wire::apply_resource_change as m;
        let ty = self.resource(&apply.type_name)?;
        let request = m::Request {
            type_name: apply.type_name.to_string(),
            prior_state: self.value(&apply.prior, &ty)?,
            planned_state: self.value(&apply.planned, &ty)?,
            config: self.value(&apply.config, &ty)?,
            planned_private: apply.planned_private.to_vec(),
            provider_meta: self.meta(&apply.provider_meta)?,
            ..Default::default()
        };
        let a: m::Response = self.wire.call(same("ApplyResourceChange"), request).await?;
        Ok(Response::Applied(Applied {
            value: self.read_value(a.new_state, &ty)?,
            private: a.private.into(),
            legacy_type_system: a.legacy_type_system,
            diags: diags(a.diagnostics),
        }))
    }

    async fn import(&self, name: &Str, id: String) -> Answer {
        use wire::import_resource_state as m;
        let request = m::Request {
            type_name: name.to_string(),
            id,
            client_capabilities: capabilities(),
            ..Default::default()
        };
        let a: m::Response = self.wire.call(same("ImportResourceState"), request).await?;
        let mut objects = Vec::new();
        for object in a.imported_resources {
            let type_name: Str = object.type_name.into();
            let value = self.read_value(object.state, &self.resource(&type_name)?)?;
            objects.push(Imported {
                type_name,
                value,
                private: object.private.into(),
            });
        }
        Ok(Response::Imported {
            objects,
            diags: diags(a.diagnostics),
        })
    }

    async fn move_state(&self, request: Request) -> Answer {
        use wire::move_resource_state as m;
        let Request::Move {
            source_provider,
            source_type,
            source_version,
            raw,
            source_private,
            target_type,
        } = request
        else {
            return Err(ProviderError::Unsupported { call: self.name }.into());
        };
        let ty = self.resource(&target_type)?;
        let request = m::Request {
            source_provider_address: source_provider,
            source_type_name: source_type.to_string(),
            source_schema_version: i64::try_from(source_version).unwrap_or(i64::MAX),
            source_state: Some(raw_state(raw)),
            target_type_name: target_type.to_string(),
            source_private: source_private.to_vec(),
            ..Default::default()
        };
        let a: m::Response = self.wire.call(same("MoveResourceState"), request).await?;
        Ok(Response::Applied(Applied {
            value: self.read_value(a.target_state, &ty)?,
            private: a.target_private.into(),
            legacy_type_system: false,
            diags: diags(a.diagnostics),
        }))
    }

    async fn read_data(&self, read: ReadData) -> Answer {
        use wire::read_data_source as m;
        let ty = self.data(&read.type_name)?;
        let request = m::Request {
            type_name: read.type_name.to_string(),
            config: self.value(&read.config, &ty)?,
            provider_meta: self.meta(&read.provider_meta)?,
            client_capabilities: capabilities(),
        };
        let a: m::Response = self.wire.call(same("ReadDataSource"), request).await?;
        let value = self.read_value(a.state, &ty)?;
        Ok(Response::State {
            value,
            diags: diags(a.diagnostics),
        })
    }

    async fn open(&self, name: &Str, config: &Value) -> Answer {
        use wire::open_ephemeral_resource as m;
        let ty = self.ephemeral(name)?;
        let request = m::Request {
            type_name: name.to_string(),
            config: self.value(config, &ty)?,
            client_capabilities: Some(wire::ClientCapabilities::default()),
        };
        let a: m::Response = self
            .wire
            .call(same("OpenEphemeralResource"), request)
            .await?;
        Ok(Response::Opened(Opened {
            value: self.read_value(a.result, &ty)?,
            private: a.private.unwrap_or_default().into(),
            renew_at: a.renew_at.map(|t| t.seconds),
            diags: diags(a.diagnostics),
        }))
    }

    async fn renew(&self, name: &Str, private: &[u8]) -> Answer {
        use wire::renew_ephemeral_resource as m;
        let request = m::Request {
            type_name: name.to_string(),
            private: Some(private.to_vec()),
        };
        let a: m::Response = self
            .wire
            .call(same("RenewEphemeralResource"), request)
            .await?;
        Ok(Response::Opened(Opened {
            value: Value::NULL,
            private: a.private.unwrap_or_default().into(),
            renew_at: a.renew_at.map(|t| t.seconds),
            diags: diags(a.diagnostics),
        }))
    }

    async fn close(&self, name: &Str, private: &[u8]) -> Answer {
        use wire::close_ephemeral_resource as m;
        let request = m::Request {
            type_name: name.to_string(),
            private: Some(private.to_vec()),
        };
        let a: m::Response = self
            .wire
            .call(same("CloseEphemeralResource"), request)
            .await?;
        Ok(Response::Done(diags(a.diagnostics)))
    }

    async fn function(&self, name: &Str, args: &[Value]) -> Answer {
        use wire::call_function as m;
        let signature = self
            .schema
            .functions
            .get(name)
            .ok_or_else(|| self.invalid(format!("the provider has no function {name}")))?;
        let mut arguments = Vec::with_capacity(args.len());
        for (i, arg) in args.iter().enumerate() {
            let param = signature.params.get(i).or(signature.variadic.as_ref());
            let ty = param.map_or(Type::Dynamic, |p| p.ty.clone());
            arguments.extend(self.value(arg, &ty)?);
        }
        let request = m::Request {
            name: name.to_string(),
            arguments,
        };
        let a: m::Response = self.wire.call(same("CallFunction"), request).await?;
        if let Some(error) = a.error {
            let found: Diags = Diagnostic::error("Error in function call", error.text).into();
            return Ok(Response::State {
                value: Value::NULL,
                diags: found,
            });
        }
        let value = self.read_value(a.result, &signature.returns)?;
        Ok(Response::State {
            value,
            diags: Diags::new(),
        })
    }
}

fn capabilities() -> Option<wire::ClientCapabilities> {
    Some(wire::ClientCapabilities {
        deferral_allowed: false,
        write_only_attributes_allowed: true,
    })
}
