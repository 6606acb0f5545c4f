//! What the names in an expression mean while it is fuzzed.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use muster_lang::{
    BlockSchema, BodySchema, Diagnostic, Diags, FileId, Files, RawExpr, Reference, Scope, Str,
    Subject, eval, syntax::parse_native,
};
use muster_value::{Marks, Refinement, Type, Value, json_to_value, type_from_json};
use serde_json::Value as Json;

/// The variables and locals that the recorded expressions of the language use.
const VARIABLES: &str = include_str!("../../../engine/lang/tests/data/variables.json");
const LOCALS: &str = include_str!("../../../engine/lang/tests/data/locals.tf");

/// A few files in memory: nothing is read from disk.
const FILES: [(&str, &str); 6] = [
    ("a.txt", "one\ntwo\n"),
    ("empty.txt", ""),
    (
        "calls.tftpl",
        "${upper(name)} ${templatefile(\"a.txt\", {})}",
    ),
    (
        "list.tftpl",
        "%{ for i, v in list ~}\n${i}=${v}\n%{ endfor ~}\n",
    ),
    ("plain.tftpl", "Hi ${name}"),
    ("sub/b.json", "{\"a\": [1, null, \"x\"]}"),
];

struct Memory;

impl Files for Memory {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let found = FILES.iter().find(|(name, _)| *name == path);
        let (_, text) = found.ok_or("there is no such file")?;
        Ok(text.as_bytes().to_vec())
    }

    fn exists(&self, path: &str) -> Result<bool, String> {
        Ok(FILES.iter().any(|(name, _)| *name == path))
    }

    fn walk(&self, _dir: &str) -> Result<Vec<String>, String> {
        Ok(FILES.iter().map(|(name, _)| name.to_string()).collect())
    }

    fn home(&self) -> Option<String> {
        Some("/home/ada".into())
    }

    fn cwd(&self) -> String {
        "/work".into()
    }
}

/// No names at all.
pub struct Empty;

impl Scope for Empty {
    fn resolve(&self, _: &Reference) -> Result<Value, Diags> {
        Err(undeclared())
    }

    fn files(&self) -> &dyn Files {
        &Memory
    }
}

/// Variables of every kind of value, and local values made of them.
pub struct Fixtures {
    variables: HashMap<String, Value>,
    locals: HashMap<Str, RawExpr>,
    memo: RefCell<HashMap<Str, Value>>,
}

impl Fixtures {
    /// All variables are known, but for the ones named `unknown_...`.
    pub fn known() -> Self {
        let json: BTreeMap<String, Json> =
            serde_json::from_str(VARIABLES).expect("the variables are JSON");
        let mut variables: HashMap<_, _> = json.into_iter().map(variable).collect();
        variables.extend(unknowns());
        Self {
            variables,
            locals: locals(),
            memo: RefCell::default(),
        }
    }

    /// Like [`Fixtures::known`], but the variables that `choose` picks are not known yet.
    pub fn with_unknown(choose: impl Fn(usize) -> bool) -> Self {
        let mut scope = Self::known();
        let mut names: Vec<_> = scope.variables.iter_mut().collect();
        names.sort_by(|a, b| a.0.cmp(b.0));
        for (at, (_, value)) in names.into_iter().enumerate() {
            if choose(at) {
                let unknown = match value.is_null() {
                    true => Value::unknown(value.ty()),
                    false => Value::unknown_not_null(value.ty()),
                };
                *value = unknown.mark(value.marks());
            }
        }
        scope
    }

    /// Like [`Fixtures::known`], but what is sensitive or ephemeral has other values.
    pub fn with_other_secrets() -> Self {
        let mut scope = Self::known();
        for value in scope.variables.values_mut() {
            if !value.marks().is_empty() {
                *value = another(value).mark(value.marks());
            }
        }
        scope
    }

    fn local(&self, name: &Str) -> Result<Value, Diags> {
        if let Some(found) = self.memo.borrow().get(name) {
            return Ok(found.clone());
        }
        let raw = self.locals.get(name).ok_or_else(undeclared)?;
        let (expr, _) = raw.lower(&[]);
        // Positions in the locals are not positions in the input.
        let value = eval(&expr, self, &[]).map_err(|_| undeclared())?;
        self.memo.borrow_mut().insert(name.clone(), value.clone());
        Ok(value)
    }
}

impl Scope for Fixtures {
    fn resolve(&self, reference: &Reference) -> Result<Value, Diags> {
        match &reference.subject {
            Subject::Variable(name) => self.variables.get(&**name).cloned().ok_or_else(undeclared),
            Subject::Local(name) => self.local(name),
            Subject::Path(_) => Ok(".".into()),
            Subject::Terraform(_) => Ok("default".into()),
            Subject::CountIndex => Ok(Value::int(1)),
            Subject::EachKey => Ok("k".into()),
            _ => Err(undeclared()),
        }
    }

    fn files(&self) -> &dyn Files {
        &Memory
    }

    fn plan_timestamp(&self) -> Option<Str> {
        Some("2024-01-02T03:04:05Z".into())
    }
}

/// Another value of the same type, with other keys where it has some.
fn another(value: &Value) -> Value {
    match value.peel() {
        Value::String(text) => format!("{text}-other").into(),
        Value::Map(map) => {
            let entries = map.entries.iter().skip(1);
            let entries = entries.map(|(k, v)| (format!("{k}-other").into(), another(v)));
            Value::map(map.elem.clone(), entries.collect())
        }
        other => other.clone(),
    }
}

fn undeclared() -> Diags {
    Diagnostic::error("Reference to undeclared name", "").into()
}

fn variable((name, v): (String, Json)) -> (String, Value) {
    let ty = type_from_json(&v["type"]).expect("each variable has a type");
    let mut value = json_to_value(&v["value"], &ty).expect("its value is of the type");
    if v["sensitive"] == true {
        value = value.mark(Marks::SENSITIVE);
    }
    if v["ephemeral"] == true {
        value = value.mark(Marks::EPHEMERAL);
    }
    (name, value)
}

/// Values that are never known.
fn unknowns() -> [(String, Value); 7] {
    let prefixed = Refinement {
        prefix: Some("ami-".into()),
        ..Refinement::not_null()
    };
    let object = Type::object([("id", Type::String), ("tags", Type::map(Type::String))]);
    let named = [
        ("unknown", Value::unknown(Type::Dynamic)),
        ("unknown_string", Value::refined(Type::String, prefixed)),
        ("unknown_number", Value::unknown_not_null(Type::Number)),
        (
            "unknown_bool",
            Value::unknown(Type::Bool).mark(Marks::SENSITIVE),
        ),
        (
            "unknown_list",
            Value::unknown_not_null(Type::list(Type::String)),
        ),
        ("unknown_set", Value::unknown(Type::set(Type::Number))),
        ("unknown_object", Value::unknown(object)),
    ];
    named.map(|(name, value)| (name.to_owned(), value))
}

fn locals() -> HashMap<Str, RawExpr> {
    let block = BlockSchema {
        type_name: "locals".into(),
        labels: vec![],
    };
    let schema = BodySchema {
        blocks: vec![block].into(),
        ..Default::default()
    };
    let (body, _) = parse_native(FileId(1), &LOCALS.into());
    let (content, _) = body.content(&schema);
    let blocks = content.blocks.iter();
    let attributes = blocks.flat_map(|b| b.body.just_attributes().0);
    attributes.map(|a| (a.name, a.expr)).collect()
}
