//! A strict provider whose objects are in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;
use muster_addr::{ProviderAddr, Str};
use muster_lang::{Diagnostic, Diags};
use muster_plan::idempotency_token;
use muster_provider::{
    Applied, ApplyRequest, Builtin, ImportBy, Imported, Opened, PlanRequest, Planned, Private,
    Provider, ProviderError, RawState, Request, Response,
};
use muster_run::{Launcher, Stop};
use muster_schema::{
    Attribute, Block, IdentityAttribute, IdentitySchema, ProviderSchema, Schema, SchemaMap,
};
use muster_value::{Path, Type, Value};

/// How a call goes wrong.
#[derive(Clone, Copy)]
pub(crate) enum Fault {
    /// An error, and nothing was done.
    Refuse,
    /// An error, but the object is there.
    Half,
    /// The process ends.
    Crash,
    /// The process ends, and what was to be done is done.
    Lost,
    /// An error with this summary, and nothing was done.
    Say(&'static str),
    /// An answer that is not true.
    Lie(fn(Value) -> Value),
}

/// Everything outside the engine.
#[derive(Default)]
pub(crate) struct World {
    /// Objects by id.
    pub(crate) objects: BTreeMap<String, Value>,
    /// Names of `fake_key`s that are open.
    pub(crate) open: BTreeSet<String>,
    /// What was last written to the write-only attribute of each `fake_thing`, by name.
    pub(crate) hushed: BTreeMap<String, String>,
    /// Calls that matter, in order: `create a`, `update a`, `delete a`, `look a`, `configure x`,
    /// `open a`, `renew a`, `close a`.
    pub(crate) calls: Vec<String>,
    /// What goes wrong, by call: `create a`.
    pub(crate) faults: BTreeMap<String, Fault>,
    /// The user asks to stop when this call comes in.
    pub(crate) stop_at: Option<(&'static str, Stop)>,
    /// Objects have their name for an id.
    pub(crate) named: bool,
    /// Objects have an identity of this version: their name, and the shelf they are on.
    pub(crate) identified: Option<u64>,
    /// Identities that calls came with: `read a`, `plan a`, `apply a`.
    pub(crate) known_as: Vec<String>,
    /// What modules have said of themselves, by call: `plan x`.
    pub(crate) told: Vec<String>,
    /// Creations have idempotency tokens, as those of providers that are made with the SDK.
    pub(crate) tokens: bool,
    /// An import of what is not there has no objects and no errors.
    pub(crate) silent: bool,
    /// Ids of objects by the token that has made them.
    pub(crate) made_by: BTreeMap<String, String>,
    /// Planned objects and private bytes of the latest creations, by name.
    pub(crate) begun: BTreeMap<String, (Value, Private)>,
    /// Answers take long enough for the state to be saved in between.
    pub(crate) slow: bool,
    made: u64,
    seed: u64,
}

impl World {
    fn fault(&mut self, call: &str) -> Option<Fault> {
        if let Some((_, stop)) = self.stop_at.as_ref().filter(|(at, _)| *at == call) {
            stop.request();
        }
        self.faults.get(call).copied()
    }

    /// Takes note of the identity that a call came with.
    fn know(&mut self, call: &str, identity: Option<&Value>) {
        let known = identity.map(|identity| format!("{call} {}", text(identity, "name")));
        self.known_as.extend(known);
    }

    /// Takes note of what the module of a resource says of itself.
    fn hear(&mut self, call: &str, meta: &Value) {
        let note = meta.get("note").and_then(Value::as_str);
        self.told.extend(note.map(|note| format!("{call} {note}")));
    }

    fn token(&mut self) -> Private {
        self.made += 1;
        let notes = format!(
            "{{\"idempotency_token\":\"token {}\",\"muster_sdk\":1}}",
            self.made
        );
        notes.into_bytes().into()
    }

    /// How often a call waits, so that answers come in another order than questions.
    fn delay(&mut self) -> u64 {
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.seed >> 33) % 5
    }
}

/// Starts [`Fake`]s of one world, and what is part of the engine.
pub(crate) struct Starter(pub(crate) Arc<Mutex<World>>);

impl Launcher for Starter {
    fn launch(
        &self,
        addr: ProviderAddr,
    ) -> BoxFuture<'_, Result<Arc<dyn Provider>, ProviderError>> {
        if addr.is_builtin() {
            return Box::pin(async { Ok(Arc::new(Builtin::default()) as Arc<dyn Provider>) });
        }
        let identified = self.0.lock().unwrap().identified;
        let fake: Arc<dyn Provider> = Arc::new(Fake {
            world: Arc::clone(&self.0),
            schema: schema_with(identified),
            configured: AtomicBool::default(),
        });
        Box::pin(async move { Ok(fake) })
    }
}

struct Fake {
    world: Arc<Mutex<World>>,
    schema: Arc<ProviderSchema>,
    /// Some plugins take a configuration only once.
    configured: AtomicBool,
}

fn attribute(name: &str, ty: Type) -> (Str, Attribute) {
    let attribute = Attribute {
        optional: true,
        ..Attribute::new(ty)
    };
    (name.into(), attribute)
}

fn computed(name: &str) -> (Str, Attribute) {
    let attribute = Attribute {
        computed: true,
        ..Attribute::new(Type::String)
    };
    (name.into(), attribute)
}

fn block(attributes: impl IntoIterator<Item = (Str, Attribute)>) -> Arc<Schema> {
    Arc::new(Schema {
        version: 0,
        block: Block {
            attributes: attributes.into_iter().collect(),
            ..Block::default()
        },
    })
}

/// What the provider offers to those who know nothing of identities.
pub(crate) fn schema() -> Arc<ProviderSchema> {
    schema_with(None)
}

/// What the provider offers; objects have an identity of a version.
pub(crate) fn schema_with(identified: Option<u64>) -> Arc<ProviderSchema> {
    let (secret, hidden) = attribute("secret", Type::String);
    let hidden = Attribute {
        sensitive: true,
        ..hidden
    };
    let (hush, quiet) = attribute("hush", Type::String);
    let quiet = Attribute {
        write_only: true,
        ..quiet
    };
    let thing = block([
        computed("id"),
        attribute("name", Type::String),
        attribute("size", Type::Number),
        attribute("tags", Type::map(Type::String)),
        (secret, hidden),
        attribute("input", Type::list(Type::String)),
        (hush, quiet),
    ]);
    let look = block([
        attribute("name", Type::String),
        attribute("input", Type::list(Type::String)),
        computed("found"),
    ]);
    let key = block([
        attribute("name", Type::String),
        attribute("input", Type::list(Type::String)),
        attribute("lasts", Type::Number),
        computed("token"),
    ]);
    let part = |required| IdentityAttribute {
        ty: Type::String,
        required_for_import: required,
        optional_for_import: !required,
        description: String::new(),
    };
    let identity = |version| IdentitySchema {
        version,
        attributes: [("name".into(), part(true)), ("shelf".into(), part(false))].into(),
    };
    let identity = identified.map(|version| ("fake_thing".into(), Arc::new(identity(version))));
    Arc::new(ProviderSchema {
        provider: block([attribute("region", Type::String)]),
        provider_meta: Some(block([attribute("note", Type::String)])),
        resources: SchemaMap::from([("fake_thing".into(), thing)]),
        identities: identity.into_iter().collect(),
        data_sources: SchemaMap::from([("fake_look".into(), look)]),
        ephemeral_resources: SchemaMap::from([("fake_key".into(), key)]),
        plan_destroy: true,
        ..ProviderSchema::default()
    })
}

/// The type of a `fake_thing`.
pub(crate) fn thing_type() -> Type {
    schema()
        .resources
        .get("fake_thing")
        .unwrap()
        .block
        .implied_type()
}

/// A `fake_thing` of which nothing is said.
pub(crate) fn empty_thing() -> Value {
    schema()
        .resources
        .get("fake_thing")
        .unwrap()
        .block
        .empty_value()
}

fn text(object: &Value, name: &str) -> String {
    match object.get(name).and_then(Value::as_str) {
        Some(text) => text.to_string(),
        None if object.get(name).is_some_and(|v| !v.is_known()) => "?".into(),
        None => "-".into(),
    }
}

/// What an object is known by, if objects are.
fn identity(world: &World, object: &Value) -> Option<Value> {
    let identified = world.identified.is_some() && !object.is_null();
    let name = || object.get("name").unwrap().clone();
    identified.then(|| Value::object([("name", name()), ("shelf", "top".into())]))
}

/// An object with one attribute changed.
pub(crate) fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut attributes = object.as_entries().unwrap().clone();
    attributes.insert(name.into(), value);
    Value::object(attributes)
}

fn error(call: &str) -> Diags {
    Diags(vec![Diagnostic::error("Told to fail", call)])
}

/// What a question is answered that only looks.
fn looked(fault: Option<Fault>, call: &str, name: &'static str) -> Result<Diags, ProviderError> {
    match fault {
        None => Ok(Diags::new()),
        Some(Fault::Crash) => Err(crash(name)),
        Some(Fault::Say(summary)) => Ok(Diags(vec![Diagnostic::error(summary, call)])),
        Some(_) => Ok(error(call)),
    }
}

fn crash(call: &'static str) -> ProviderError {
    ProviderError::Crashed {
        call,
        status: "exit status 2".into(),
        stderr: String::new(),
    }
}

impl Fake {
    fn answer(&self, request: Request) -> Result<Response, ProviderError> {
        let mut world = self.world.lock().unwrap();
        Ok(match request {
            Request::ValidateProvider { .. }
            | Request::ValidateResource { .. }
            | Request::ValidateEphemeral { .. }
            | Request::ValidateData { .. } => Response::Done(Diags::new()),
            Request::Configure { config } => {
                let again = self.configured.swap(true, Ordering::Relaxed);
                assert!(!again, "a process is configured twice");
                world
                    .calls
                    .push(format!("configure {}", text(&config, "region")));
                Response::Done(Diags::new())
            }
            Request::Upgrade { raw, .. } => {
                let RawState::Json(json) = raw else {
                    panic!("no state is that old");
                };
                let json = serde_json::from_str(&json).unwrap();
                let value = muster_value::json_to_value(&json, &thing_type()).unwrap();
                Response::State {
                    value,
                    diags: Diags::new(),
                }
            }
            Request::UpgradeIdentity { version, json, .. } => {
                assert_eq!(version, 0, "only the first one was another");
                let json: serde_json::Value = serde_json::from_str(&json).unwrap();
                let name = Value::string(json["title"].as_str().unwrap());
                Response::State {
                    value: Value::object([("name", name), ("shelf", "top".into())]),
                    diags: Diags::new(),
                }
            }
            Request::Read(read) => {
                assert!(read.current.is_wholly_known() && !read.current.is_null());
                let id = text(&read.current, "id");
                let call = format!("read {id}");
                let diags = looked(world.fault(&call), &call, "ReadResource")?;
                let found = world.objects.get(&id).cloned();
                let found = found.filter(|_| !diags.has_errors());
                let found = found.unwrap_or(Value::Null(thing_type()));
                world.hear("read", &read.provider_meta);
                world.know("read", read.identity.as_ref());
                Response::Read {
                    identity: identity(&world, &found),
                    value: found,
                    private: read.private,
                    deferred: None,
                    diags,
                }
            }
            Request::Plan(plan) => Response::Planned(self.plan(&mut world, plan)?),
            Request::Apply(apply) => Response::Applied(self.apply(&mut world, apply)?),
            Request::ReadData(read) => {
                let name = text(&read.config, "name");
                world.hear("look", &read.provider_meta);
                world.calls.push(format!("look {name}"));
                assert!(read.config.is_wholly_known());
                let count = world
                    .objects
                    .values()
                    .filter(|o| text(o, "name") == name)
                    .count();
                let found = Value::string(format!("{name}:{count}"));
                let call = format!("look {name}");
                let diags = match world.fault(&call) {
                    Some(_) => error(&call),
                    None => Diags::new(),
                };
                Response::State {
                    value: with(&read.config, "found", found),
                    diags,
                }
            }
            Request::Import { type_name, by } => {
                let id = match &by {
                    ImportBy::Id(id) => id.to_string(),
                    ImportBy::Identity(identity) => {
                        let name = text(identity, "name");
                        let call = format!("identify {name}");
                        world.calls.push(call.clone());
                        let diags = looked(world.fault(&call), &call, "ImportResourceState")?;
                        let mut all = world.objects.iter();
                        let found = all.find(|(_, object)| text(object, "name") == name);
                        let found = found.filter(|_| !diags.has_errors());
                        match found {
                            Some((id, _)) => id.clone(),
                            // To be read, which says that it is not there.
                            None if !world.silent && !diags.has_errors() => name,
                            None => {
                                let objects = Vec::new();
                                return Ok(Response::Imported { objects, diags });
                            }
                        }
                    }
                };
                let call = format!("import {id}");
                let diags = looked(world.fault(&call), &call, "ImportResourceState")?;
                Response::Imported {
                    objects: vec![Imported {
                        type_name,
                        value: with(&empty_thing(), "id", Value::string(id)),
                        private: Private::from(*b"stored"),
                        identity: match by {
                            ImportBy::Id(_) => None,
                            ImportBy::Identity(identity) => Some(identity),
                        },
                    }],
                    diags,
                }
            }
            Request::Open { config, .. } => Response::Opened(open(&mut world, config)?),
            Request::Renew { private, .. } => Response::Opened(renew(&mut world, private)),
            Request::Close { private, .. } => Response::Done(close(&mut world, &private)?),
            other => {
                return Err(ProviderError::Unsupported { call: other.name() });
            }
        })
    }

    fn plan(&self, world: &mut World, plan: PlanRequest) -> Result<Planned, ProviderError> {
        assert!(!plan.prior.is_null() || plan.prior_identity.is_none());
        world.know("plan", plan.prior_identity.as_ref());
        world.hear("plan", &plan.provider_meta);
        let name = text(
            if plan.proposed.is_null() {
                &plan.prior
            } else {
                &plan.proposed
            },
            "name",
        );
        let call = format!("plan {name}");
        let mut value = plan.proposed;
        if !value.is_null() && plan.prior.is_null() {
            value = with(&value, "id", Value::unknown(Type::String));
        }
        if !value.is_null() {
            // What is write-only is in the configuration alone.
            value = with(&value, "hush", Value::Null(Type::String));
        }
        let private = match idempotency_token(&plan.prior_private) {
            Some(_) if plan.prior.is_null() => plan.prior_private,
            _ if plan.prior.is_null() && world.tokens => world.token(),
            _ => Private::from(*b"planned"),
        };
        let mut diags = Diags::new();
        match world.fault(&call) {
            Some(Fault::Lie(lie)) => value = lie(value),
            Some(Fault::Crash | Fault::Lost) => return Err(crash("PlanResourceChange")),
            Some(Fault::Refuse | Fault::Half | Fault::Say(_)) => diags = error(&call),
            None => {}
        }
        let identity = identity(world, &value);
        Ok(Planned {
            value,
            requires_replace: vec![Path::root().attr("name")],
            private,
            identity,
            legacy_type_system: false,
            deferred: None,
            diags,
        })
    }

    fn apply(&self, world: &mut World, apply: ApplyRequest) -> Result<Applied, ProviderError> {
        world.know("apply", apply.planned_identity.as_ref());
        world.hear("apply", &apply.provider_meta);
        let token = idempotency_token(&apply.planned_private);
        assert!(
            token.is_some() || &*apply.planned_private == b"planned",
            "private bytes of the plan"
        );
        let (word, subject) = match (apply.prior.is_null(), apply.planned.is_null()) {
            (true, _) => ("create", &apply.planned),
            (_, true) => ("delete", &apply.prior),
            _ => ("update", &apply.planned),
        };
        assert!(word == "delete" || apply.config.is_wholly_known());
        let call = format!("{word} {}", text(subject, "name"));
        world.calls.push(call.clone());
        if apply.config.get("hush").is_some_and(|v| !v.is_null()) {
            let name = text(&apply.config, "name");
            world.hushed.insert(name, text(&apply.config, "hush"));
        }
        if word == "create" {
            let begun = (apply.planned.clone(), apply.planned_private.clone());
            world.begun.insert(text(&apply.planned, "name"), begun);
        }
        let fault = world.fault(&call);
        let made = token.as_ref().and_then(|token| world.made_by.get(token));
        let made = made.and_then(|id| world.objects.get(id)).cloned();
        let mut value = match (fault, made) {
            (Some(Fault::Crash), _) => return Err(crash("ApplyResourceChange")),
            (Some(Fault::Refuse), _) => apply.prior,
            (_, Some(made)) => made,
            (_, None) => act(world, word, &apply.prior, apply.planned),
        };
        if let Some(token) = token {
            world.made_by.insert(token, text(&value, "id"));
        }
        if matches!(fault, Some(Fault::Lost)) {
            return Err(crash("ApplyResourceChange"));
        }
        let mut diags = Diags::new();
        match fault {
            Some(Fault::Lie(lie)) => value = lie(value),
            Some(_) => diags = error(&call),
            None => {}
        }
        Ok(Applied {
            identity: identity(world, &value),
            value,
            private: Private::from(*b"stored"),
            legacy_type_system: false,
            diags,
        })
    }
}

/// A key is open once at a time.
fn open(world: &mut World, config: Value) -> Result<Opened, ProviderError> {
    assert!(config.is_wholly_known());
    let name = text(&config, "name");
    let call = format!("open {name}");
    world.calls.push(call.clone());
    let mut diags = Diags::new();
    let mut value = with(&config, "token", Value::string(format!("secret of {name}")));
    match world.fault(&call) {
        Some(Fault::Crash | Fault::Lost) => return Err(crash("OpenEphemeralResource")),
        Some(Fault::Lie(lie)) => value = lie(value),
        Some(Fault::Refuse | Fault::Half | Fault::Say(_)) => diags = error(&call),
        None => {}
    }
    if !diags.has_errors() {
        assert!(world.open.insert(name.clone()), "{name} is opened twice");
    }
    let lasts = config.get("lasts").and_then(Value::as_number);
    Ok(Opened {
        value,
        private: name.into_bytes().into(),
        renew_at: lasts.and_then(|n| n.to_i64()).map(|n| now() + n),
        diags,
    })
}

fn renew(world: &mut World, private: Private) -> Opened {
    let name = String::from_utf8(private.to_vec()).unwrap();
    assert!(
        world.open.contains(&name),
        "{name} is renewed, but not open"
    );
    let call = format!("renew {name}");
    world.calls.push(call.clone());
    let diags = match world.fault(&call) {
        Some(_) => error(&call),
        None => Diags::new(),
    };
    Opened {
        value: Value::NULL,
        private,
        // Long enough for no second renewal to fall due within a test.
        renew_at: Some(now() + 3600),
        diags,
    }
}

fn close(world: &mut World, private: &Private) -> Result<Diags, ProviderError> {
    let name = String::from_utf8(private.to_vec()).unwrap();
    assert!(world.open.remove(&name), "{name} is closed, but not open");
    let call = format!("close {name}");
    world.calls.push(call.clone());
    Ok(match world.fault(&call) {
        Some(Fault::Crash) => return Err(crash("CloseEphemeralResource")),
        Some(_) => error(&call),
        None => Diags::new(),
    })
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// Does what was planned.
fn act(world: &mut World, word: &str, prior: &Value, planned: Value) -> Value {
    if word == "delete" {
        let gone = world.objects.remove(&text(prior, "id"));
        assert!(gone.is_some(), "{prior:?} is destroyed twice");
        return Value::Null(thing_type());
    }
    let value = if word == "create" {
        world.made += 1;
        let id = match world.named {
            true => text(&planned, "name"),
            false => format!("{}#{}", text(&planned, "name"), world.made),
        };
        with(&planned, "id", Value::string(id))
    } else {
        assert!(
            world.objects.contains_key(&text(prior, "id")),
            "nothing to update"
        );
        planned
    };
    assert!(
        value.is_wholly_known(),
        "{value:?} has parts that are not known"
    );
    world.objects.insert(text(&value, "id"), value.clone());
    value
}

impl Provider for Fake {
    fn schema(&self) -> Arc<ProviderSchema> {
        Arc::clone(&self.schema)
    }

    fn call(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        Box::pin(async move {
            let delay = self.world.lock().unwrap().delay();
            for _ in 0..delay {
                tokio::task::yield_now().await;
            }
            let slow = self.world.lock().unwrap().slow;
            if slow && matches!(request, Request::Apply(_)) {
                tokio::time::sleep(std::time::Duration::from_millis(250)).await;
            }
            let answer = self.answer(request);
            let delay = self.world.lock().unwrap().delay();
            for _ in 0..delay {
                tokio::task::yield_now().await;
            }
            answer
        })
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}
