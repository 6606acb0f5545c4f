//! Resources and data sources of any Rust type behind one object-safe face, which speaks values.

use std::sync::Arc;

use futures::future::BoxFuture;
use muster_lang::{Diagnostic, Diags};
use muster_provider::{Applied, ImportBy, Imported, Planned, RawState, Response, identity_text};
use muster_schema::normalize_blocks;
use muster_value::{Type, Value, json_to_value};
use serde::Serialize;

use crate::resource::{Context, DataSource, Failure, PlanChange, Resource};
use crate::rules;
use crate::schema::Schema;
use crate::stop::Stop;
use crate::{Fields, Private, Str, checks, de, from_value, ser};

/// What every call to a configured provider needs.
pub(crate) struct Call<C> {
    pub(crate) client: Arc<C>,
    pub(crate) stop: Stop,
}

impl<C> Call<C> {
    pub(crate) fn context<'a>(&'a self, config: &'a Value, private: &[u8]) -> Context<'a, C> {
        Context::new(
            &self.client,
            config,
            Private::decode(private),
            self.stop.clone(),
        )
    }
}

/// What a plan is made from.
pub(crate) struct PlanInput {
    pub(crate) prior: Value,
    pub(crate) config: Value,
    pub(crate) proposed: Value,
    pub(crate) private: Arc<[u8]>,
}

/// What a change is made from.
pub(crate) struct ApplyInput {
    pub(crate) prior: Value,
    pub(crate) config: Value,
    pub(crate) planned: Value,
    pub(crate) private: Arc<[u8]>,
}

pub(crate) trait AnyResource<C>: Send + Sync {
    fn schema(&self) -> &Schema;
    fn validate(&self, config: &Value) -> Diags;
    fn upgrade(&self, version: u64, raw: RawState) -> Result<Value, Diagnostic>;
    fn upgrade_identity(&self, version: u64, json: &str) -> Result<Value, Diagnostic>;
    fn plan(&self, call: Call<C>, input: PlanInput) -> BoxFuture<'_, Planned>;
    fn apply(&self, call: Call<C>, input: ApplyInput) -> BoxFuture<'_, Applied>;
    fn read(&self, call: Call<C>, state: Value, private: Arc<[u8]>) -> BoxFuture<'_, Response>;
    fn import(&self, call: Call<C>, name: Str, by: ImportBy) -> BoxFuture<'_, Response>;
}

pub(crate) trait AnyData<C>: Send + Sync {
    fn schema(&self) -> &Schema;
    fn validate(&self, config: &Value) -> Diags;
    fn read(&self, call: Call<C>, config: Value) -> BoxFuture<'_, Response>;
}

/// A resource, data source or ephemeral resource with its schema, built once.
pub(crate) struct Typed<T> {
    pub(crate) inner: T,
    pub(crate) schema: Schema,
}

impl<R: Resource> AnyResource<R::Client> for Typed<R> {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn validate(&self, config: &Value) -> Diags {
        let mut diags = checks::check(&self.schema, config);
        if !diags.has_errors() {
            self.inner.validate(Fields::new(config), &mut diags);
        }
        diags
    }

    fn upgrade(&self, version: u64, raw: RawState) -> Result<Value, Diagnostic> {
        let failed = |detail: String| Diagnostic::error("Unable to Upgrade Resource State", detail);
        let RawState::Json(text) = raw else {
            return Err(failed(
                "The stored object has the flat form of very old state files, which this \
                 provider never wrote."
                    .into(),
            ));
        };
        let mut json: serde_json::Value = serde_json::from_str(&text)
            .map_err(|error| failed(format!("The stored object is not valid JSON: {error}.")))?;
        if version < self.schema.wire.version {
            json = self.inner.upgrade(version, json).map_err(failed)?;
        }
        let ty = self.schema.ty();
        let value = json_to_value(&fit(json, &ty), &ty).map_err(|error| {
            failed(format!(
                "The stored object does not fit the schema: {error}."
            ))
        })?;
        Ok(normalize_blocks(self.schema.block(), &value))
    }

    fn upgrade_identity(&self, version: u64, json: &str) -> Result<Value, Diagnostic> {
        let failed =
            |detail: String| Diagnostic::error("Unable to Upgrade Resource Identity", detail);
        let Some(identity) = self.schema.identity() else {
            return Err(failed("The resource type has no identity.".into()));
        };
        let mut json: serde_json::Value = serde_json::from_str(json)
            .map_err(|error| failed(format!("The stored identity is not valid JSON: {error}.")))?;
        if version < identity.version {
            json = self.inner.upgrade_identity(version, json).map_err(failed)?;
        }
        let ty = identity.implied_type();
        json_to_value(&fit(json, &ty), &ty).map_err(|error| {
            failed(format!(
                "The stored identity does not fit its schema: {error}."
            ))
        })
    }

    fn plan(&self, call: Call<R::Client>, input: PlanInput) -> BoxFuture<'_, Planned> {
        Box::pin(async move {
            let mut cx = call.context(&input.config, &input.private);
            let result = if input.proposed.is_null() {
                self.plan_destroy(&input, &mut cx).await
            } else {
                self.plan_change(&input, &mut cx).await
            };
            let (value, requires_replace) = result.unwrap_or_else(|diagnostic| {
                cx.diags.push(diagnostic);
                (input.prior.clone(), Vec::new())
            });
            let identity = match value.is_null() {
                true => self.schema.identity_of(&input.prior),
                false => self.schema.identity_of(&value),
            };
            Planned {
                value,
                requires_replace,
                private: cx.private.encode().into(),
                identity,
                legacy_type_system: false,
                deferred: None,
                diags: cx.diags,
            }
        })
    }

    fn apply(&self, call: Call<R::Client>, input: ApplyInput) -> BoxFuture<'_, Applied> {
        Box::pin(async move {
            let mut cx = call.context(&input.config, &input.private);
            let result = if input.planned.is_null() {
                self.delete(&input, &mut cx).await
            } else {
                self.change(&input, &mut cx).await
            };
            let value = result.unwrap_or_else(|(value, diags)| {
                cx.diags.extend(diags);
                value
            });
            let private = if value.is_null() {
                Vec::new()
            } else {
                cx.private.encode()
            };
            Applied {
                identity: self.schema.identity_of(&value),
                value,
                private: private.into(),
                legacy_type_system: false,
                diags: cx.diags,
            }
        })
    }

    fn read(
        &self,
        call: Call<R::Client>,
        state: Value,
        private: Arc<[u8]>,
    ) -> BoxFuture<'_, Response> {
        Box::pin(async move {
            let mut cx = call.context(&Value::NULL, &private);
            let result = match from_value(&state) {
                Ok(known) => self.inner.read(known, &mut cx).await,
                Err(fault) => Err(fault.into()),
            };
            let value = result.and_then(|found| match found {
                Some(found) => self.encode(&found, &state),
                None => Ok(Value::Null(self.schema.ty())),
            });
            let value = value.unwrap_or_else(|diagnostic| {
                cx.diags.push(diagnostic);
                state.clone()
            });
            Response::Read {
                identity: self.schema.identity_of(&value),
                value,
                private: cx.private.encode().into(),
                deferred: None,
                diags: cx.diags,
            }
        })
    }

    fn import(&self, call: Call<R::Client>, name: Str, by: ImportBy) -> BoxFuture<'_, Response> {
        Box::pin(async move {
            let mut cx = call.context(&Value::NULL, &[]);
            let found = match &by {
                ImportBy::Id(id) => self.inner.import(id, &mut cx).await,
                ImportBy::Identity(identity) => {
                    let found = self.inner.import_by(Fields::new(identity), &mut cx).await;
                    self.refuse_other(&name, identity, found)
                }
            };
            let value = found.and_then(|found| match found {
                Some(found) => self.encode(&found, &Value::NULL),
                None => Err(Diagnostic::error(
                    "Cannot import non-existent remote object",
                    format!("There is no {name} with {by}."),
                )),
            });
            let objects = match value {
                Ok(value) => vec![Imported {
                    type_name: name,
                    identity: self.schema.identity_of(&value),
                    value,
                    private: cx.private.encode().into(),
                }],
                Err(diagnostic) => {
                    cx.diags.push(diagnostic);
                    Vec::new()
                }
            };
            Response::Imported {
                objects,
                diags: cx.diags,
            }
        })
    }
}

/// What was made, or what is there in spite of the error and why it failed.
type Change = Result<Value, (Value, Diags)>;

impl<R: Resource> Typed<R> {
    async fn plan_destroy(
        &self,
        input: &PlanInput,
        cx: &mut Context<'_, R::Client>,
    ) -> Result<(Value, Vec<muster_value::Path>), Diagnostic> {
        self.inner
            .plan_destroy(from_value(&input.prior)?, cx)
            .await?;
        Ok((Value::Null(self.schema.ty()), Vec::new()))
    }

    async fn plan_change(
        &self,
        input: &PlanInput,
        cx: &mut Context<'_, R::Client>,
    ) -> Result<(Value, Vec<muster_value::Path>), Diagnostic> {
        let planned = rules::plan(&self.schema, &input.prior, &input.config, &input.proposed);
        let mut change = PlanChange::new(&self.schema, &input.prior, &input.config, planned);
        self.inner.plan(&mut change, cx).await?;
        Ok(change.finish())
    }

    async fn delete(&self, input: &ApplyInput, cx: &mut Context<'_, R::Client>) -> Change {
        let failed = |diagnostic: Diagnostic| (input.prior.clone(), diagnostic.into());
        let prior = from_value(&input.prior).map_err(|fault| failed(fault.into()))?;
        self.inner.delete(prior, cx).await.map_err(failed)?;
        Ok(Value::Null(self.schema.ty()))
    }

    async fn change(&self, input: &ApplyInput, cx: &mut Context<'_, R::Client>) -> Change {
        let failed = |diagnostic: Diagnostic| (input.prior.clone(), Diags::from(diagnostic));
        let planned = de::from_planned(&input.planned).map_err(|fault| failed(fault.into()))?;
        let result = if input.prior.is_null() {
            self.inner.create(planned, cx).await
        } else {
            let prior = from_value(&input.prior).map_err(|fault| failed(fault.into()))?;
            self.inner.update(prior, planned, cx).await
        };
        match result {
            Ok(state) => self.encode(&state, &input.planned).map_err(failed),
            Err(failure) => Err(self.partial(failure, input)),
        }
    }

    fn partial(&self, failure: Failure<R::State>, input: &ApplyInput) -> (Value, Diags) {
        let mut diags = failure.diags;
        let left = failure
            .state
            .map(|state| self.encode(&state, &input.planned));
        match left {
            Some(Ok(value)) => (value, diags),
            Some(Err(diagnostic)) => {
                diags.push(diagnostic);
                (input.prior.clone(), diags)
            }
            None => (input.prior.clone(), diags),
        }
    }

    fn encode(&self, state: &R::State, expected: &Value) -> Result<Value, Diagnostic> {
        encode(&self.schema, state, expected)
    }

    /// An object that was found by an identity must have that identity.
    fn refuse_other(
        &self,
        name: &str,
        asked: &Value,
        found: Result<Option<R::State>, Diagnostic>,
    ) -> Result<Option<R::State>, Diagnostic> {
        let Some(state) = found? else { return Ok(None) };
        let object = self.encode(&state, &Value::NULL)?;
        let Some(identity) = self.schema.identity_of(&object) else {
            return Ok(Some(state));
        };
        let asked_for = asked.as_entries().into_iter().flatten();
        let mut asked_for = asked_for.filter(|(_, value)| !value.is_null());
        if asked_for.all(|(name, value)| identity.get(name).is_some_and(|own| own.same(value))) {
            return Ok(Some(state));
        }
        let detail = format!(
            "The {name} that was found by {} is {}. This is a bug in the provider.",
            identity_text(asked),
            identity_text(&identity)
        );
        Err(Diagnostic::error("Unexpected Identity", detail))
    }
}

impl<D: DataSource> AnyData<D::Client> for Typed<D> {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn validate(&self, config: &Value) -> Diags {
        let mut diags = checks::check(&self.schema, config);
        if !diags.has_errors() {
            self.inner.validate(Fields::new(config), &mut diags);
        }
        diags
    }

    fn read(&self, call: Call<D::Client>, config: Value) -> BoxFuture<'_, Response> {
        Box::pin(async move {
            let mut cx = call.context(&config, &[]);
            let filled = rules::plan(&self.schema, &Value::NULL, &config, &config);
            let result = match de::from_planned(&filled) {
                Ok(question) => self.inner.read(question, &mut cx).await,
                Err(fault) => Err(fault.into()),
            };
            let answer = result.and_then(|answer| encode(&self.schema, &answer, &filled));
            let value = answer.unwrap_or_else(|diagnostic| {
                cx.diags.push(diagnostic);
                Value::Null(self.schema.ty())
            });
            Response::State {
                value,
                diags: cx.diags,
            }
        })
    }
}

/// An author's state as a value of the schema. `expected` is what was planned or known before.
pub(crate) fn encode<S: Serialize>(
    schema: &Schema,
    state: &S,
    expected: &Value,
) -> Result<Value, Diagnostic> {
    let value = ser::to_value(state, &schema.ty())?;
    let value = normalize_blocks(schema.block(), &value);
    Ok(rules::reconcile(expected, &value))
}

/// Stored JSON fitted to a type: attributes that are no more are dropped, new ones are null.
fn fit(json: serde_json::Value, ty: &Type) -> serde_json::Value {
    use serde_json::Value as Json;
    de::deeper(|| match (json, ty) {
        (Json::Object(mut entries), Type::Object(object)) => object
            .attributes
            .iter()
            .map(|(name, ty)| {
                let inner = entries.remove(&**name).unwrap_or(Json::Null);
                (name.to_string(), fit(inner, ty))
            })
            .collect(),
        (Json::Object(entries), Type::Map(elem)) => entries
            .into_iter()
            .map(|(key, inner)| (key, fit(inner, elem)))
            .collect(),
        (Json::Array(items), Type::List(elem) | Type::Set(elem)) => {
            items.into_iter().map(|inner| fit(inner, elem)).collect()
        }
        (json, _) => json,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_json_is_fitted_to_the_schema() {
        let ty = Type::object([
            ("a", Type::String),
            ("list", Type::list(Type::object([("x", Type::Number)]))),
        ]);
        let json = serde_json::json!({"gone": 1, "list": [{"x": 1, "y": 2}]});
        let fitted = fit(json, &ty);
        assert_eq!(fitted, serde_json::json!({"a": null, "list": [{"x": 1}]}));
    }
}
