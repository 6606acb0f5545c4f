//! The provider that is part of the engine: `terraform.io/builtin/terraform`.

use std::sync::{Arc, OnceLock};

use futures::future::BoxFuture;
use muster_lang::{Diagnostic, Diags};
use muster_schema::{Attribute, Block, ProviderSchema, Schema, check_conforms, coerce};
use muster_value::{Path, Type, Value, json_to_value};

use crate::remote_state::{self, RemoteStates};
use crate::{
    Applied, ApplyRequest, ImportBy, Imported, PlanRequest, Planned, Private, Provider,
    ProviderError, RawState, Request, Response,
};

const TERRAFORM_DATA: &str = "terraform_data";
const REMOTE_STATE: &str = "terraform_remote_state";

/// `terraform.io/builtin/terraform`: the resource type `terraform_data`, which keeps any value
/// and has a life cycle like every other resource, and the data source `terraform_remote_state`.
/// Needs no process and no configuration.
#[derive(Clone, Default)]
pub struct Builtin {
    states: Option<Arc<dyn RemoteStates>>,
}

impl Builtin {
    /// The provider, and where it reads states of other configurations.
    pub fn new(states: Arc<dyn RemoteStates>) -> Self {
        Self {
            states: Some(states),
        }
    }
}

impl Provider for Builtin {
    fn schema(&self) -> Arc<ProviderSchema> {
        schema().clone()
    }

    fn call(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        let states = self.states.as_deref();
        let answer = match request {
            Request::ValidateData { type_name, config } if &*type_name == REMOTE_STATE => {
                Ok(Response::Done(remote_state::validate(&config, states)))
            }
            Request::ReadData(read) if &*read.type_name == REMOTE_STATE => {
                Ok(remote_state::read(&read, states))
            }
            request => answer(request),
        };
        Box::pin(std::future::ready(answer))
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

fn schema() -> &'static Arc<ProviderSchema> {
    static SCHEMA: OnceLock<Arc<ProviderSchema>> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let resource = Schema {
            version: 0,
            block: terraform_data(),
        };
        let data_source = Schema {
            version: 0,
            block: remote_state::block(),
        };
        Arc::new(ProviderSchema {
            data_sources: [(REMOTE_STATE.into(), Arc::new(data_source))].into(),
            resources: [(TERRAFORM_DATA.into(), Arc::new(resource))].into(),
            move_resource_state: true,
            ..ProviderSchema::default()
        })
    })
}

fn terraform_data() -> Block {
    let optional = || Attribute {
        optional: true,
        ..Attribute::new(Type::Dynamic)
    };
    let computed = |ty| Attribute {
        computed: true,
        ..Attribute::new(ty)
    };
    Block {
        attributes: [
            ("input".into(), optional()),
            ("output".into(), computed(Type::Dynamic)),
            ("triggers_replace".into(), optional()),
            ("id".into(), computed(Type::String)),
        ]
        .into_iter()
        .collect(),
        ..Block::default()
    }
}

fn block() -> &'static Block {
    static BLOCK: OnceLock<Block> = OnceLock::new();
    BLOCK.get_or_init(terraform_data)
}

fn answer(request: Request) -> Result<Response, ProviderError> {
    let call = request.name();
    if let Some(other) = resource_type(&request).filter(|name| *name != TERRAFORM_DATA) {
        return Err(invalid(
            call,
            format!("there is no resource type {other:?}"),
        ));
    }
    Ok(match request {
        Request::ValidateProvider { .. } | Request::Configure { .. } => {
            Response::Done(Diags::new())
        }
        Request::ValidateResource { config, .. } => Response::Done(validate(&config)),
        Request::Upgrade { raw, .. } => upgrade(&raw),
        Request::Read(read) => Response::Read {
            value: read.current,
            private: read.private,
            identity: None,
            deferred: None,
            diags: Diags::new(),
        },
        Request::Plan(plan) => {
            conforms(call, &plan.proposed)?;
            Response::Planned(planned(plan))
        }
        Request::Apply(apply) => {
            conforms(call, &apply.planned)?;
            Response::Applied(applied(apply))
        }
        Request::Import {
            by: ImportBy::Id(id),
            ..
        } => imported(&id),
        Request::Move(object) => Response::Applied(moved(
            &object.source_provider,
            &object.source_type,
            &object.raw,
        )),
        _ => return Err(ProviderError::Unsupported { call }),
    })
}

/// The resource type that a request is about, if it is about one.
fn resource_type(request: &Request) -> Option<&str> {
    match request {
        Request::ValidateResource { type_name, .. }
        | Request::Upgrade { type_name, .. }
        | Request::Import { type_name, .. } => Some(type_name),
        Request::Read(read) => Some(&read.type_name),
        Request::Plan(plan) => Some(&plan.type_name),
        Request::Apply(apply) => Some(&apply.type_name),
        Request::Move(object) => Some(&object.target_type),
        _ => None,
    }
}

fn invalid(call: &'static str, reason: String) -> ProviderError {
    ProviderError::Invalid { call, reason }
}

/// The engine asks only with values of the schema's type; anything else is its own mistake.
fn conforms(call: &'static str, value: &Value) -> Result<(), ProviderError> {
    match check_conforms(block(), value).into_iter().next() {
        Some(error) => Err(invalid(call, error.to_string())),
        None => Ok(()),
    }
}

fn validate(config: &Value) -> Diags {
    let mut diags = Diags::new();
    for name in ["id", "output"] {
        if config.get(name).is_some_and(|v| !v.is_null()) {
            let mut diagnostic = Diagnostic::error(
                format!("{name:?} attribute is read-only"),
                format!("The value of {name:?} is decided when the object is created. Remove it."),
            );
            diagnostic.path = Some(Path::root().attr(name));
            diags.push(diagnostic);
        }
    }
    diags
}

fn part(value: &Value, name: &str) -> Value {
    value.get(name).cloned().unwrap_or(Value::NULL)
}

/// The object with some attributes replaced.
fn with<const N: usize>(value: &Value, parts: [(&str, Value); N]) -> Value {
    let mut object = value.as_entries().cloned().unwrap_or_default();
    object.extend(parts.map(|(name, v)| (name.into(), v)));
    Value::Object(Arc::new(object.into()))
}

fn planned(request: PlanRequest) -> Planned {
    let PlanRequest {
        prior, proposed, ..
    } = request;
    let changed = |name| !part(&prior, name).same(&part(&proposed, name));
    let mut requires_replace = Vec::new();
    let value = if proposed.is_null() {
        proposed
    } else if prior.is_null() {
        renewed(&proposed)
    } else if changed("triggers_replace") {
        requires_replace.push(Path::root().attr("triggers_replace"));
        renewed(&proposed)
    } else if changed("input") {
        let output = Value::unknown(part(&proposed, "input").ty());
        with(&proposed, [("output", output)])
    } else {
        proposed
    };
    Planned {
        value,
        requires_replace,
        private: request.prior_private,
        identity: None,
        legacy_type_system: false,
        deferred: None,
        diags: Diags::new(),
    }
}

/// The object as it is planned when it is to be made anew.
fn renewed(proposed: &Value) -> Value {
    let id = Value::unknown_not_null(Type::String);
    with(proposed, [("id", id), ("output", future_output(proposed))])
}

/// The output takes the input's value when the object is made; its type is known already.
fn future_output(proposed: &Value) -> Value {
    let input = part(proposed, "input");
    if input.is_null() {
        input
    } else {
        Value::unknown(input.ty())
    }
}

fn applied(request: ApplyRequest) -> Applied {
    let planned = request.planned;
    let mut value = planned.clone();
    if !planned.is_null() {
        if !part(&planned, "output").is_known() {
            value = with(&value, [("output", part(&planned, "input"))]);
        }
        if !part(&planned, "id").is_known() {
            let id = uuid::Uuid::new_v4().to_string();
            value = with(&value, [("id", Value::string(id))]);
        }
    }
    Applied {
        value,
        private: request.planned_private,
        identity: None,
        legacy_type_system: false,
        diags: Diags::new(),
    }
}

fn upgrade(raw: &RawState) -> Response {
    let (value, diags) = match decode(raw, &block().implied_type()) {
        Ok(value) => (value, Diags::new()),
        Err(reason) => (
            Value::Null(block().implied_type()),
            Diagnostic::error("Invalid terraform_data state", reason).into(),
        ),
    };
    Response::State { value, diags }
}

fn decode(raw: &RawState, ty: &Type) -> Result<Value, String> {
    let RawState::Json(text) = raw else {
        return Err("The stored object is in a form that never held terraform_data.".into());
    };
    let json = serde_json::from_str(text)
        .map_err(|e| format!("The stored object cannot be read: {e}."))?;
    json_to_value(&json, ty).map_err(|e| {
        format!(
            "The stored object does not fit the schema at {}: {e}.",
            e.path
        )
    })
}

fn imported(id: &str) -> Response {
    let object = Value::object([("id", Value::string_nfc(id))]);
    match coerce(block(), &object) {
        Ok(value) => Response::Imported {
            objects: vec![Imported {
                type_name: TERRAFORM_DATA.into(),
                value,
                private: Private::from([]),
                identity: None,
            }],
            diags: Diags::new(),
        },
        Err(errors) => Response::Imported {
            objects: Vec::new(),
            diags: Diags(
                errors
                    .into_iter()
                    .map(|e| Diagnostic::error("Invalid import id", e.to_string()))
                    .collect(),
            ),
        },
    }
}

/// Takes over a `null_resource`: its triggers become `triggers_replace`.
fn moved(source_provider: &str, source_type: &str, raw: &RawState) -> Applied {
    let result = if !source_provider.ends_with("hashicorp/null") {
        let reason = format!("Nothing can be moved here from the provider {source_provider}.");
        Err(Diagnostic::error(
            "Unsupported source provider for move operation",
            reason,
        ))
    } else if source_type != "null_resource" {
        let reason = format!("Only null_resource can become terraform_data, not {source_type}.");
        Err(Diagnostic::error(
            "Unsupported source resource type for move operation",
            reason,
        ))
    } else {
        from_null_resource(raw)
            .map_err(|reason| Diagnostic::error("Invalid null_resource state", reason))
    };
    let (value, diags) = match result {
        Ok(value) => (value, Diags::new()),
        Err(diagnostic) => (Value::Null(block().implied_type()), diagnostic.into()),
    };
    Applied {
        value,
        private: Private::from([]),
        identity: None,
        legacy_type_system: false,
        diags,
    }
}

fn from_null_resource(raw: &RawState) -> Result<Value, String> {
    let ty = Type::object([("id", Type::String), ("triggers", Type::map(Type::String))]);
    let source = decode(raw, &ty)?;
    // A map in the configuration of terraform_data is an object, so that the two compare equal.
    let triggers = match part(&source, "triggers") {
        Value::Map(map) => Value::object(map.entries.clone()),
        _ => Value::NULL,
    };
    Ok(Value::object([
        ("id", part(&source, "id")),
        ("input", Value::NULL),
        ("output", Value::NULL),
        ("triggers_replace", triggers),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Move;

    fn ask(request: Request) -> Response {
        answer(request).unwrap()
    }

    fn object(id: Value, input: Value, output: Value, triggers: Value) -> Value {
        Value::object([
            ("id", id),
            ("input", input),
            ("output", output),
            ("triggers_replace", triggers),
        ])
    }

    fn s(text: &str) -> Value {
        Value::string(text)
    }

    fn unknown() -> Value {
        Value::unknown(Type::String)
    }

    fn plan(prior: Value, proposed: Value) -> Planned {
        let request = PlanRequest {
            type_name: TERRAFORM_DATA.into(),
            config: proposed.clone(),
            prior,
            proposed,
            prior_private: Private::from([]),
            prior_identity: None,
            provider_meta: Value::NULL,
        };
        match ask(Request::Plan(request)) {
            Response::Planned(planned) => planned,
            other => panic!("{other:?}"),
        }
    }

    fn check(prior: Value, proposed: Value, expect: Value, replaces: bool) {
        let planned = plan(prior, proposed);
        assert!(planned.value.same(&expect), "{:?}", planned.value);
        assert_eq!(!planned.requires_replace.is_empty(), replaces);
    }

    fn apply(planned: Value) -> Value {
        let request = ApplyRequest {
            type_name: TERRAFORM_DATA.into(),
            prior: Value::NULL,
            config: planned.clone(),
            planned,
            planned_private: Private::from([]),
            planned_identity: None,
            provider_meta: Value::NULL,
        };
        match ask(Request::Apply(request)) {
            Response::Applied(applied) => applied.value,
            other => panic!("{other:?}"),
        }
    }

    const N: Value = Value::NULL;

    #[test]
    fn a_new_object_has_an_unknown_id_and_output() {
        check(
            N,
            object(N, s("i"), N, N),
            object(unknown(), s("i"), unknown(), N),
            false,
        );
        check(
            N,
            object(N, N, N, s("t")),
            object(unknown(), N, N, s("t")),
            false,
        );
    }

    #[test]
    fn the_output_follows_the_input() {
        let prior = object(s("1"), s("i"), s("i"), s("t"));
        check(prior.clone(), prior.clone(), prior.clone(), false);
        check(
            prior.clone(),
            object(s("1"), s("j"), s("i"), s("t")),
            object(s("1"), s("j"), unknown(), s("t")),
            false,
        );
        let unknown = Value::unknown(Type::Dynamic);
        check(
            prior,
            object(s("1"), N, s("i"), s("t")),
            object(s("1"), N, unknown, s("t")),
            false,
        );
    }

    #[test]
    fn new_triggers_ask_for_a_new_object() {
        check(
            object(s("1"), s("i"), s("i"), s("t")),
            object(s("1"), s("i"), s("i"), s("u")),
            object(unknown(), s("i"), unknown(), s("u")),
            true,
        );
    }

    #[test]
    fn destroying_is_always_possible() {
        check(object(s("1"), N, N, N), N, N, false);
        assert!(apply(N).is_null());
    }

    #[test]
    fn applying_fills_in_what_was_unknown() {
        let value = apply(object(unknown(), s("i"), unknown(), N));
        assert!(part(&value, "output").same(&s("i")));
        let id = part(&value, "id").as_str().cloned().unwrap();
        assert_eq!(uuid::Uuid::parse_str(&id).unwrap().get_version_num(), 4);
        let known = object(s("1"), s("j"), unknown(), s("t"));
        assert!(apply(known).same(&object(s("1"), s("j"), s("j"), s("t"))));
    }

    #[test]
    fn computed_attributes_cannot_be_configured() {
        let request = Request::ValidateResource {
            type_name: TERRAFORM_DATA.into(),
            config: object(s("1"), N, unknown(), N),
        };
        let response = ask(request);
        let summaries: Vec<_> = response
            .diags()
            .iter()
            .map(|d| d.summary.as_str())
            .collect();
        assert_eq!(
            summaries,
            [
                "\"id\" attribute is read-only",
                "\"output\" attribute is read-only"
            ]
        );
    }

    #[test]
    fn an_import_takes_the_id() {
        let request = Request::Import {
            type_name: TERRAFORM_DATA.into(),
            by: ImportBy::Id("abc".into()),
        };
        let Response::Imported { objects, diags } = ask(request) else {
            panic!("not imported");
        };
        assert!(diags.is_empty());
        assert!(objects[0].value.same(&object(s("abc"), N, N, N)));
    }

    #[test]
    fn stored_objects_are_read_back() {
        let text = r#"{"id":"1","input":{"value":{"a":1},"type":["object",{"a":"number"}]},
            "output":{"value":"x","type":"string"},"triggers_replace":null}"#;
        let upgrade = |raw| {
            ask(Request::Upgrade {
                type_name: TERRAFORM_DATA.into(),
                version: 0,
                raw,
            })
        };
        let Response::State { value, diags } = upgrade(RawState::Json(text.into())) else {
            panic!("not a state");
        };
        assert!(diags.is_empty(), "{diags:?}");
        let input = Value::object([("a", Value::int(1))]);
        assert!(value.same(&object(s("1"), input, s("x"), N)), "{value:?}");
        assert!(upgrade(RawState::Json("{".into())).diags().has_errors());
    }

    #[test]
    fn a_null_resource_becomes_terraform_data() {
        let text = r#"{"id":"7","triggers":{"k":"v"}}"#;
        let source = |source_type: &str| Move {
            source_provider: "registry.terraform.io/hashicorp/null".into(),
            source_type: source_type.into(),
            source_version: 0,
            raw: RawState::Json(text.into()),
            source_private: Private::from([]),
            source_identity: None,
            target_type: TERRAFORM_DATA.into(),
        };
        let Response::Applied(applied) = ask(Request::Move(source("null_resource"))) else {
            panic!("not moved");
        };
        let triggers = Value::object([("k", s("v"))]);
        assert!(
            applied.value.same(&object(s("7"), N, N, triggers)),
            "{:?}",
            applied.value
        );
        assert!(ask(Request::Move(source("aws_vpc"))).diags().has_errors());
    }

    #[test]
    fn what_it_does_not_have_is_refused() {
        let request = Request::Open {
            type_name: "x".into(),
            config: N,
        };
        assert!(matches!(
            answer(request),
            Err(ProviderError::Unsupported { .. })
        ));
        let request = Request::ValidateResource {
            type_name: "terraform_other".into(),
            config: N,
        };
        assert!(matches!(
            answer(request),
            Err(ProviderError::Invalid { .. })
        ));
    }
}
