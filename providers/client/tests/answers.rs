//! Answers of plugins that are not as they should be.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod fake;

use std::path::Path;
use std::time::{Duration, Instant};

use fake::{Answers, Plugin, THING};
use muster_provider::{
    ApplyRequest, ImportBy, PlanRequest, Provider, ProviderError, Read, ReadData, Request, Response,
};
use muster_value::{Type, Value};
use muster_wire::tfplugin6 as wire;
use prost::Message;

fn thing(id: &str) -> Value {
    Value::object([("id", Value::string(id))])
}

fn none() -> Value {
    Value::Null(Type::object([("id", Type::String)]))
}

fn read() -> Request {
    Request::Read(Read {
        type_name: THING.into(),
        current: thing("1"),
        private: [].into(),
        identity: None,
        provider_meta: Value::NULL,
    })
}

fn plan() -> Request {
    Request::Plan(PlanRequest {
        type_name: THING.into(),
        prior: thing("1"),
        proposed: thing("1"),
        config: thing("1"),
        prior_private: [].into(),
        prior_identity: None,
        provider_meta: Value::NULL,
    })
}

fn apply() -> Request {
    Request::Apply(ApplyRequest {
        type_name: THING.into(),
        prior: thing("1"),
        planned: none(),
        config: none(),
        planned_private: [].into(),
        planned_identity: None,
        provider_meta: Value::NULL,
    })
}

fn read_data() -> Request {
    Request::ReadData(ReadData {
        type_name: THING.into(),
        config: thing("1"),
        provider_meta: Value::NULL,
        address: None,
    })
}

fn open() -> Request {
    Request::Open {
        type_name: THING.into(),
        config: thing("1"),
    }
}

fn import() -> Request {
    Request::Import {
        type_name: THING.into(),
        by: ImportBy::Id("1".into()),
    }
}

fn garbage() -> Option<wire::DynamicValue> {
    Some(wire::DynamicValue {
        msgpack: vec![0xc1],
        json: Vec::new(),
    })
}

fn problem() -> Vec<wire::Diagnostic> {
    vec![wire::Diagnostic {
        severity: wire::diagnostic::Severity::Error.into(),
        summary: "Boom".into(),
        ..Default::default()
    }]
}

/// An answer with this value, these diagnostics and this deferral, to every call that has one.
fn answers(
    value: Option<wire::DynamicValue>,
    diagnostics: Vec<wire::Diagnostic>,
    deferred: Option<wire::Deferred>,
) -> Answers {
    Box::new(move |method| {
        let (value, diagnostics) = (value.clone(), diagnostics.clone());
        Some(match method {
            "ReadResource" => wire::read_resource::Response {
                new_state: value,
                diagnostics,
                deferred,
                ..Default::default()
            }
            .encode_to_vec(),
            "PlanResourceChange" => wire::plan_resource_change::Response {
                planned_state: value,
                diagnostics,
                deferred,
                ..Default::default()
            }
            .encode_to_vec(),
            "ApplyResourceChange" => wire::apply_resource_change::Response {
                new_state: value,
                diagnostics,
                ..Default::default()
            }
            .encode_to_vec(),
            "ReadDataSource" => wire::read_data_source::Response {
                state: value,
                diagnostics,
                deferred,
            }
            .encode_to_vec(),
            "OpenEphemeralResource" => wire::open_ephemeral_resource::Response {
                result: value,
                diagnostics,
                deferred,
                ..Default::default()
            }
            .encode_to_vec(),
            "ImportResourceState" => wire::import_resource_state::Response {
                imported_resources: vec![wire::import_resource_state::ImportedResource {
                    type_name: THING.into(),
                    state: value,
                    ..Default::default()
                }],
                diagnostics,
                deferred,
            }
            .encode_to_vec(),
            _ => return None,
        })
    })
}

/// A plugin whose objects are known by a name, and what it says of the one that is read.
async fn with_identity(name: Option<wire::DynamicValue>) -> Plugin {
    let value = Some(wire::DynamicValue {
        msgpack: Vec::new(),
        json: br#"{"id":"1"}"#.to_vec(),
    });
    Plugin::start(Box::new(move |method| match method {
        "GetResourceIdentitySchemas" => {
            let attribute = wire::resource_identity_schema::IdentityAttribute {
                name: "name".into(),
                r#type: br#""string""#.to_vec(),
                required_for_import: true,
                ..Default::default()
            };
            let schema = wire::ResourceIdentitySchema {
                version: 4,
                identity_attributes: vec![attribute],
            };
            let answer = wire::get_resource_identity_schemas::Response {
                identity_schemas: [(THING.to_owned(), schema)].into(),
                ..Default::default()
            };
            Some(answer.encode_to_vec())
        }
        "ReadResource" => {
            let identity_data = name.clone();
            let answer = wire::read_resource::Response {
                new_state: value.clone(),
                new_identity: Some(wire::ResourceIdentityData { identity_data }),
                ..Default::default()
            };
            Some(answer.encode_to_vec())
        }
        _ => None,
    }))
    .await
}

fn summaries(response: &Response) -> Vec<&str> {
    response
        .diags()
        .iter()
        .map(|d| d.summary.as_str())
        .collect()
}

#[tokio::test]
async fn a_broken_value_does_not_hide_the_providers_own_words() {
    let plugin = Plugin::start(answers(garbage(), problem(), None)).await;
    for request in [read(), plan(), apply(), read_data(), open(), import()] {
        let name = request.name();
        let response = plugin.client.call(request).await.unwrap();
        assert_eq!(summaries(&response), ["Boom", "Plugin error"], "{name}");
        // What is on record stays there.
        let kept = match &response {
            Response::Read { value, .. } => value,
            Response::Planned(planned) => &planned.value,
            Response::Applied(applied) => &applied.value,
            _ => continue,
        };
        assert_eq!(kept, &thing("1"), "{name}");
    }
}

#[tokio::test]
async fn a_broken_value_alone_is_an_error() {
    let plugin = Plugin::start(answers(garbage(), Vec::new(), None)).await;
    for request in [read(), plan(), apply(), read_data(), open(), import()] {
        let answer = plugin.client.call(request).await;
        assert!(
            matches!(answer, Err(ProviderError::Invalid { .. })),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn identities_are_learned_and_read() {
    let json = |json: &str| {
        Some(wire::DynamicValue {
            msgpack: Vec::new(),
            json: json.into(),
        })
    };
    let read = |name| async move {
        let plugin = with_identity(name).await;
        let schema = plugin.client.schema();
        assert_eq!(schema.identities[THING].version, 4);
        let response = plugin.client.call(read()).await.unwrap();
        let found: Vec<String> = summaries(&response).into_iter().map(Into::into).collect();
        match response {
            Response::Read {
                value, identity, ..
            } => {
                assert_eq!(value, thing("1"), "it is there whatever it is known by");
                (identity, found)
            }
            other => panic!("{other:?}"),
        }
    };
    let known = Value::object([("name", "n".into())]);
    assert_eq!(read(json(r#"{"name":"n"}"#)).await, (Some(known), vec![]));
    assert_eq!(read(None).await, (None, vec![]));
    let (identity, found) = read(garbage()).await;
    assert_eq!(identity, None);
    assert_eq!(found, ["Provider produced invalid identity"]);
}

#[tokio::test]
async fn a_plugin_without_identities_has_none() {
    let plugin = Plugin::start(answers(None, Vec::new(), None)).await;
    assert!(plugin.client.schema().identities.is_empty());
}

#[tokio::test]
async fn nothing_is_put_off_unasked() {
    let plugin = Plugin::start(answers(None, Vec::new(), Some(Default::default()))).await;
    for request in [read(), plan(), read_data(), open(), import()] {
        let name = request.name();
        let response = plugin.client.call(request).await.unwrap();
        assert_eq!(
            summaries(&response),
            ["Provider deferred changes when Terraform did not allow deferrals"],
            "{name}"
        );
        let detail = &response.diags().iter().next().unwrap().detail;
        assert!(detail.contains(name), "{detail}");
    }
}

#[tokio::test]
async fn a_functions_error_names_its_argument() {
    let plugin = Plugin::start(Box::new(|method| {
        let error = wire::FunctionError {
            text: "too long".into(),
            function_argument: Some(1),
        };
        let response = wire::call_function::Response {
            error: Some(error),
            ..Default::default()
        };
        (method == "CallFunction").then(|| response.encode_to_vec())
    }))
    .await;
    let request = Request::CallFunction {
        name: "f".into(),
        args: vec!["a".into(), "b".into()],
    };
    let response = plugin.client.call(request).await.unwrap();
    let error = response.diags().iter().next().unwrap();
    assert_eq!(error.detail, "too long");
    assert_eq!(error.path.as_ref().unwrap().to_string(), "[1]");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_plugin_whose_answer_nobody_waits_for_ends_at_once() {
    // A machine may be busy for a while, but not each time.
    let mut quickest = Duration::MAX;
    for _ in 0..20 {
        let plugin = Plugin::start(Box::new(|_| None)).await;
        let process = Path::new("/proc").join(plugin.pid.to_string());
        let apply = plugin.client.call(apply());
        let given_up = tokio::time::timeout(Duration::from_millis(300), apply).await;
        assert!(given_up.is_err(), "it hangs");
        assert!(process.exists());
        let begin = Instant::now();
        plugin.client.shutdown().await;
        assert!(!process.exists());
        quickest = quickest.min(begin.elapsed());
        // Less than a plugin has that is asked to end.
        if quickest < Duration::from_millis(1500) {
            return;
        }
    }
    panic!("it took {quickest:?} at least");
}
