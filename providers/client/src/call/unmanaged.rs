//! Calls about what is read or computed and never managed: data sources, ephemeral resources,
//! functions.

use muster_lang::{Diagnostic, Diags};
use muster_provider::{Opened, ReadData, Response};
use muster_value::{Path, Type, Value};
use muster_wire::tfplugin6 as wire;

use super::{Answer, Call, capabilities};
use crate::Str;
use crate::convert::{deferred, diags};
use crate::protocol::{VALIDATE_DATA, same};

impl Call<'_> {
    pub(super) async fn validate_data(&self, name: &Str, config: &Value) -> Answer {
        use wire::validate_data_resource_config as m;
        let config = self.value(config, &self.data(name)?)?;
        let request = m::Request {
            type_name: name.to_string(),
            config,
        };
        let a: m::Response = self.wire.call(VALIDATE_DATA, request).await?;
        Ok(Response::Done(diags(a.diagnostics)))
    }

    pub(super) async fn read_data(&self, read: ReadData) -> Answer {
        use wire::read_data_source as m;
        let ty = self.data(&read.type_name)?;
        let request = m::Request {
            type_name: read.type_name.to_string(),
            config: self.value(&read.config, &ty)?,
            provider_meta: self.meta(&read.provider_meta)?,
            client_capabilities: capabilities(),
        };
        let a: m::Response = self.wire.call(same("ReadDataSource"), request).await?;
        let mut found = diags(a.diagnostics);
        self.refuse_deferral(deferred(a.deferred), &mut found);
        let (value, diags) = self.answer(a.state, &ty, found, Value::Null(ty.clone()))?;
        Ok(Response::State { value, diags })
    }

    pub(super) async fn validate_ephemeral(&self, name: &Str, config: &Value) -> Answer {
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

    pub(super) async fn open(&self, name: &Str, config: &Value) -> Answer {
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
        let mut found = diags(a.diagnostics);
        self.refuse_deferral(deferred(a.deferred), &mut found);
        let (value, diags) = self.answer(a.result, &ty, found, Value::Null(ty.clone()))?;
        Ok(Response::Opened(Opened {
            value,
            private: a.private.unwrap_or_default().into(),
            renew_at: a.renew_at.map(|t| t.seconds),
            diags,
        }))
    }

    pub(super) async fn renew(&self, name: &Str, private: &[u8]) -> Answer {
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

    pub(super) async fn close(&self, name: &Str, private: &[u8]) -> Answer {
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

    pub(super) async fn function(&self, name: &Str, args: &[Value]) -> Answer {
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
            let mut found = Diagnostic::error("Error in function call", error.text);
            let argument = error.function_argument.and_then(|i| u64::try_from(i).ok());
            found.path = argument.map(|i| Path::root().index(i));
            return Ok(Response::State {
                value: Value::NULL,
                diags: found.into(),
            });
        }
        let (returns, none) = (&signature.returns, Value::NULL);
        let (value, diags) = self.answer(a.result, returns, Diags::new(), none)?;
        Ok(Response::State { value, diags })
    }
}
