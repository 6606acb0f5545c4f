//! What objects are known by.

use muster_lang::{Diagnostic, Diags};
use muster_provider::{ProviderError, RawState, Response};
use muster_value::{Type, Value};
use muster_wire::tfplugin6 as wire;

use super::{Answer, Call, signed};
use crate::Str;
use crate::convert::{decode, diags, raw_state};
use crate::protocol::same;

impl Call<'_> {
    /// The type of the identities of a resource type, if it has any.
    fn identity_type(&self, name: &str) -> Option<Type> {
        Some(self.schema.identities.get(name)?.implied_type())
    }

    /// An identity as it is sent. One of a type that has none is not sent.
    pub(super) fn identity(
        &self,
        name: &str,
        identity: Option<&Value>,
    ) -> Result<Option<wire::ResourceIdentityData>, ProviderError> {
        let (Some(identity), Some(ty)) = (identity, self.identity_type(name)) else {
            return Ok(None);
        };
        let identity_data = self.value(identity, &ty)?;
        Ok(Some(wire::ResourceIdentityData { identity_data }))
    }

    /// The identity in an answer. One that cannot be read is never a reason to drop what else the
    /// provider says: then there is one more error.
    pub(super) fn answered_identity(
        &self,
        name: &str,
        message: Option<wire::ResourceIdentityData>,
        found: &mut Diags,
    ) -> Option<Value> {
        let ty = self.identity_type(name)?;
        match decode(message?.identity_data, &ty, self.name) {
            Ok(identity) => Some(identity).filter(|identity| !identity.is_null()),
            Err(error) => {
                let summary = "Provider produced invalid identity";
                found.push(Diagnostic::error(summary, format!("For {name}: {error}.")));
                None
            }
        }
    }

    pub(super) async fn upgrade_identity(&self, name: &Str, version: u64, json: Str) -> Answer {
        use wire::upgrade_resource_identity as m;
        let Some(ty) = self.identity_type(name) else {
            return Err(self
                .invalid(format!("the provider knows no identity of {name}"))
                .into());
        };
        let request = m::Request {
            type_name: name.to_string(),
            version: signed(version),
            raw_identity: Some(raw_state(RawState::Json(json))),
        };
        let a: m::Response = self
            .wire
            .call(same("UpgradeResourceIdentity"), request)
            .await?;
        let message = a.upgraded_identity.and_then(|found| found.identity_data);
        let (value, diags) =
            self.answer(message, &ty, diags(a.diagnostics), Value::Null(ty.clone()))?;
        Ok(Response::State { value, diags })
    }
}
