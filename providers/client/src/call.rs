//! Requests of the engine as calls, and their answers.

mod identity;
mod unmanaged;

use muster_lang::{Diagnostic, Diags};
use muster_provider::{
    Applied, ApplyRequest, Deferred, ImportBy, Imported, Move, PlanRequest, Planned, ProviderError,
    RawState, Read, Request, Response,
};
use muster_schema::{ProviderSchema, Schema};
use muster_value::{Type, Value};
use muster_wire::tfplugin6 as wire;

use crate::Str;
use crate::convert::{decode, deferred, diags, encode, path, raw_state};
use crate::protocol::{CONFIGURE, VALIDATE_PROVIDER, VALIDATE_RESOURCE, Wire, failure, same};

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
            Request::UpgradeIdentity {
                type_name,
                version,
                json,
            } => self.upgrade_identity(&type_name, version, json).await,
            Request::Read(read) => self.read(read).await,
            Request::Plan(plan) => self.plan(plan).await,
            Request::Apply(apply) => self.apply(apply).await,
            Request::Import { type_name, by } => self.import(&type_name, by).await,
            Request::Move(object) => self.move_state(object).await,
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

    /// An answer's value, and what is said of it. One that cannot be read is never a reason to
    /// drop what the provider says: then `instead` takes its place, and there is one more error.
    fn answer(
        &self,
        message: Option<wire::DynamicValue>,
        ty: &Type,
        mut found: Diags,
        instead: Value,
    ) -> Result<(Value, Diags), ProviderError> {
        match decode(message, ty, self.name) {
            Ok(value) => Ok((value, found)),
            Err(error) => {
                beside(error, &mut found)?;
                Ok((instead, found))
            }
        }
    }

    /// Nothing is ever put off: no call says that it may be.
    fn refuse_deferral(&self, deferred: Option<Deferred>, found: &mut Diags) {
        if deferred.is_some() {
            let summary = "Provider deferred changes when Terraform did not allow deferrals";
            let detail = format!(
                "The provider answered {} with the wish to be asked again later, which it had \
                 been told is not possible. This is a bug in the provider.",
                self.name
            );
            found.push(Diagnostic::error(summary, detail));
        }
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

    async fn upgrade(&self, name: &Str, version: u64, raw: wire::RawState) -> Answer {
        use wire::upgrade_resource_state as m;
        let ty = self.resource(name)?;
        let request = m::Request {
            type_name: name.to_string(),
            version: signed(version),
            raw_state: Some(raw),
        };
        let a: m::Response = self
            .wire
            .call(same("UpgradeResourceState"), request)
            .await?;
        let found = diags(a.diagnostics);
        let (value, diags) = self.answer(a.upgraded_state, &ty, found, Value::Null(ty.clone()))?;
        Ok(Response::State { value, diags })
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
            current_identity: self.identity(&read.type_name, read.identity.as_ref())?,
        };
        let a: m::Response = self.wire.call(same("ReadResource"), request).await?;
        let (deferred, mut found) = (deferred(a.deferred), diags(a.diagnostics));
        self.refuse_deferral(deferred, &mut found);
        let identity = self.answered_identity(&read.type_name, a.new_identity, &mut found);
        let (value, diags) = self.answer(a.new_state, &ty, found, read.current)?;
        Ok(Response::Read {
            value,
            private: a.private.into(),
            identity,
            deferred,
            diags,
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
            prior_identity: self.identity(&plan.type_name, plan.prior_identity.as_ref())?,
        };
        let a: m::Response = self.wire.call(same("PlanResourceChange"), request).await?;
        let (deferred, mut found) = (deferred(a.deferred), diags(a.diagnostics));
        self.refuse_deferral(deferred, &mut found);
        let identity = self.answered_identity(&plan.type_name, a.planned_identity, &mut found);
        let (value, diags) = self.answer(a.planned_state, &ty, found, plan.prior)?;
        Ok(Response::Planned(Planned {
            value,
            requires_replace: a.requires_replace.iter().map(path).collect(),
            private: a.planned_private.into(),
            identity,
            legacy_type_system: a.legacy_type_system,
            deferred,
            diags,
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
            planned_identity: self.identity(&apply.type_name, apply.planned_identity.as_ref())?,
        };
        let a: m::Response = self.wire.call(same("ApplyResourceChange"), request).await?;
        let mut found = diags(a.diagnostics);
        let identity = self.answered_identity(&apply.type_name, a.new_identity, &mut found);
        let (value, diags) = self.answer(a.new_state, &ty, found, apply.prior)?;
        Ok(Response::Applied(Applied {
            value,
            private: a.private.into(),
            identity,
            legacy_type_system: a.legacy_type_system,
            diags,
        }))
    }

    async fn import(&self, name: &Str, by: ImportBy) -> Answer {
        use wire::import_resource_state as m;
        let (id, identity) = match &by {
            ImportBy::Id(id) => (id.to_string(), None),
            ImportBy::Identity(identity) => (String::new(), self.identity(name, Some(identity))?),
        };
        let request = m::Request {
            type_name: name.to_string(),
            id,
            client_capabilities: capabilities(),
            identity,
        };
        let a: m::Response = self.wire.call(same("ImportResourceState"), request).await?;
        let mut found = diags(a.diagnostics);
        self.refuse_deferral(deferred(a.deferred), &mut found);
        let mut objects = Vec::new();
        for object in a.imported_resources {
            let type_name: Str = object.type_name.into();
            let ty = match self.resource(&type_name) {
                Ok(ty) => ty,
                Err(error) => {
                    beside(error, &mut found)?;
                    continue;
                }
            };
            let identity = self.answered_identity(&type_name, object.identity, &mut found);
            let value;
            (value, found) = self.answer(object.state, &ty, found, Value::Null(ty.clone()))?;
            objects.push(Imported {
                type_name,
                value,
                private: object.private.into(),
                identity,
            });
        }
        Ok(Response::Imported {
            objects,
            diags: found,
        })
    }

    async fn move_state(&self, object: Move) -> Answer {
        use wire::move_resource_state as m;
        let target = object.target_type;
        let ty = self.resource(&target)?;
        let (identity, identity_version) = object.source_identity.unzip();
        let request = m::Request {
            source_provider_address: object.source_provider,
            source_type_name: object.source_type.to_string(),
            source_schema_version: signed(object.source_version),
            source_state: Some(raw_state(object.raw)),
            target_type_name: target.to_string(),
            source_private: object.source_private.to_vec(),
            source_identity: identity.map(|json| raw_state(RawState::Json(json))),
            source_identity_schema_version: signed(identity_version.unwrap_or_default()),
        };
        let a: m::Response = self.wire.call(same("MoveResourceState"), request).await?;
        let mut found = diags(a.diagnostics);
        let identity = self.answered_identity(&target, a.target_identity, &mut found);
        let (value, diags) = self.answer(a.target_state, &ty, found, Value::Null(ty.clone()))?;
        Ok(Response::Applied(Applied {
            value,
            private: a.target_private.into(),
            identity,
            legacy_type_system: false,
            diags,
        }))
    }
}

/// Versions as the wire has them.
fn signed(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

/// Adds what is wrong with an answer to what the provider says in it. When it says nothing the
/// error stands alone.
fn beside(error: ProviderError, found: &mut Diags) -> Result<(), ProviderError> {
    if found.is_empty() {
        return Err(error);
    }
    let detail = format!("Beside that, {error}.");
    found.push(Diagnostic::error("Plugin error", detail));
    Ok(())
}

fn capabilities() -> Option<wire::ClientCapabilities> {
    Some(wire::ClientCapabilities {
        deferral_allowed: false,
        write_only_attributes_allowed: true,
    })
}
