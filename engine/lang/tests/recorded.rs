//! Expressions and what each evaluates to, recorded from Terraform 1.11.4.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads its cases from disk, and one that cannot go on has failed"
)]

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use muster_lang::syntax::parse_native;
use muster_lang::{
    BodySchema, Diagnostic, Diags, Expr, FileId, Files, RawExpr, Reference, Scope, Str, Subject,
    eval,
};
use muster_value::{Marks, Value, json_to_value, type_from_json, type_to_json, value_to_json};
use serde_json::Value as Json;

/// Errors that come from the configuration around an expression, not from the expression.
const ELSEWHERE: [&str; 2] = [
    "Output refers to sensitive values",
    "Ephemeral value not allowed",
];

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// The files beside the cases.
struct Folder(PathBuf);

impl Files for Folder {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        std::fs::read(self.0.join(path)).map_err(|e| e.to_string())
    }

    fn exists(&self, path: &str) -> Result<bool, String> {
        match std::fs::metadata(self.0.join(path)) {
            Ok(data) if data.is_file() => Ok(true),
            Ok(_) => Err("it is not a regular file".into()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e.to_string()),
        }
    }

    fn walk(&self, dir: &str) -> Result<Vec<String>, String> {
        let root = self.0.join(dir);
        let mut found = Vec::new();
        let mut open = vec![root.clone()];
        while let Some(dir) = open.pop() {
            for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let relative = path.strip_prefix(&root).map_err(|e| e.to_string())?;
                    found.push(relative.to_string_lossy().into_owned());
                }
            }
        }
        found.sort();
        Ok(found)
    }

    fn home(&self) -> Option<String> {
        Some("/home/ada".into())
    }

    fn cwd(&self) -> String {
        self.0.to_string_lossy().into_owned()
    }

    fn now(&self) -> Option<SystemTime> {
        Some(SystemTime::UNIX_EPOCH)
    }
}

/// The variables and local values of the cases.
struct Fixtures {
    files: Folder,
    variables: HashMap<String, Value>,
    locals: HashMap<Str, RawExpr>,
    memo: RefCell<HashMap<Str, Value>>,
}

impl Fixtures {
    fn load() -> Self {
        let text = std::fs::read_to_string(data().join("variables.json")).unwrap();
        let json: BTreeMap<String, Json> = serde_json::from_str(&text).unwrap();
        let variables = json.into_iter().map(|(name, v)| {
            let ty = type_from_json(&v["type"]).unwrap();
            let mut value = json_to_value(&v["value"], &ty).unwrap();
            if v["sensitive"] == true {
                value = value.mark(Marks::SENSITIVE);
            }
            if v["ephemeral"] == true {
                value = value.mark(Marks::EPHEMERAL);
            }
            (name, value)
        });
        let source: Arc<str> = std::fs::read_to_string(data().join("locals.tf"))
            .unwrap()
            .into();
        let (body, diags) = parse_native(FileId(1), &source);
        assert!(diags.is_empty(), "{diags:?}");
        let (content, _) = body.content(&schema("locals", &[]));
        let (locals, _) = content.blocks[0].body.just_attributes();
        Self {
            files: Folder(data().join("files")),
            variables: variables.collect(),
            locals: locals.into_iter().map(|a| (a.name, a.expr)).collect(),
            memo: RefCell::default(),
        }
    }
}

fn schema(block: &str, labels: &[&str]) -> BodySchema {
    BodySchema {
        blocks: vec![muster_lang::BlockSchema {
            type_name: block.into(),
            labels: labels.iter().map(|&l| l.into()).collect(),
        }]
        .into(),
        ..Default::default()
    }
}

fn fail(summary: &str) -> Diags {
    Diagnostic::error(summary, "").into()
}

impl Scope for Fixtures {
    fn resolve(&self, reference: &Reference) -> Result<Value, Diags> {
        match &reference.subject {
            Subject::Variable(name) => self
                .variables
                .get(&**name)
                .cloned()
                .ok_or_else(|| fail("Reference to undeclared input variable")),
            Subject::Local(name) => {
                if let Some(found) = self.memo.borrow().get(name) {
                    return Ok(found.clone());
                }
                let raw = self
                    .locals
                    .get(name)
                    .ok_or_else(|| fail("Reference to undeclared local value"))?;
                let (expr, diags) = raw.lower(&[]);
                assert!(diags.is_empty(), "{diags:?}");
                let value = eval(&expr, self, &[])?;
                self.memo.borrow_mut().insert(name.clone(), value.clone());
                Ok(value)
            }
            Subject::Path(name) => match &**name {
                "module" | "root" => Ok(".".into()),
                "cwd" => Ok(self.files.cwd().into()),
                _ => Err(fail("Invalid \"path\" attribute")),
            },
            Subject::Terraform(name) => match &**name {
                "workspace" => Ok("default".into()),
                _ => Err(fail("Invalid \"terraform\" attribute")),
            },
            Subject::EachKey => Err(fail("Reference to \"each\" in context without for_each")),
            Subject::EachValue => Err(fail("each.value cannot be used in this context")),
            Subject::CountIndex => Err(fail("Reference to \"count\" in non-counted context")),
            Subject::Module(_) => Err(fail("Reference to undeclared module")),
            _ => Err(fail("Reference to undeclared resource")),
        }
    }

    fn files(&self) -> &dyn Files {
        &self.files
    }

    fn plan_timestamp(&self) -> Option<Str> {
        Some("2024-01-02T03:04:05Z".into())
    }

    fn impure_now(&self) -> bool {
        true
    }
}

/// The value of an expression, or the summary of the first error.
fn evaluate(text: &str, scope: &Fixtures) -> Result<Value, (String, String)> {
    let first = |diags: Diags| {
        let d = diags.into_iter().next();
        d.map_or_else(Default::default, |d| (d.summary, d.detail))
    };
    let source: Arc<str> = format!("output \"e0\" {{\n  value = {text}\n}}\n\n").into();
    let (body, diags) = parse_native(FileId(0), &source);
    if diags.has_errors() {
        return Err(first(diags));
    }
    let (content, _) = body.content(&schema("output", &["name"]));
    let (attributes, diags) = content.blocks[0].body.just_attributes();
    if diags.has_errors() {
        return Err(first(diags));
    }
    let raw = &attributes[0].expr;
    let (expr, diags): (Expr, _) = raw.lower(&[]);
    if diags.has_errors() {
        return Err(first(diags));
    }
    // What is not declared is found before anything is evaluated.
    for reference in expr.references() {
        scope.resolve(reference).map_err(first)?;
    }
    eval(&expr, scope, &[]).map_err(first)
}

fn problem(case: &Json, scope: &Fixtures) -> Option<String> {
    // Outputs are recorded as a state keeps them.
    let got = evaluate(case["expr"].as_str().unwrap(), scope).and_then(|value| {
        let stored = value.unmark_deep().as_stored();
        stored.map_err(|path| {
            (
                "Failed to save state".into(),
                format!("infinite at {path:?}"),
            )
        })
    });
    let value = match (got, case["error"].as_str()) {
        (Err((summary, _)), Some(expected)) if summary == expected => return None,
        (Err(e), Some(expected)) => return Some(format!("summary {e:?}, not {expected:?}")),
        (Ok(v), Some(expected)) => return Some(format!("{v:?} instead of error {expected:?}")),
        (Err(e), None) => return Some(format!("fails: {e:?}")),
        (Ok(value), None) => value,
    };
    if case["type"].is_null() {
        return (!value.is_null()).then(|| format!("{value:?} instead of null"));
    }
    let ty = type_to_json(&value.ty());
    if ty != case["type"] {
        return Some(format!("type {ty}, not {}; {value:?}", case["type"]));
    }
    let expected = match json_to_value(&case["value"], &value.ty()) {
        Ok(expected) => expected,
        Err(e) => return Some(format!("expected value: {e}; {value:?}")),
    };
    // Numbers of another precision are the same when they are printed alike.
    let json = value_to_json(&value, &value.ty()).unwrap_or(Json::Null);
    let alike = value.same(&expected) || json == case["value"];
    (!alike).then(|| format!("{json}, not {}", case["value"]))
}

#[test]
fn recorded_cases() {
    let scope = Fixtures::load();
    let cases = std::fs::read_to_string(data().join("cases.jsonl")).unwrap();
    let (mut passed, mut skipped) = (0, 0);
    let mut failed = Vec::new();
    for line in cases.lines() {
        let case: Json = serde_json::from_str(line).unwrap();
        if case["error"]
            .as_str()
            .is_some_and(|e| ELSEWHERE.contains(&e))
        {
            skipped += 1;
            continue;
        }
        match problem(&case, &scope) {
            None => passed += 1,
            Some(why) => failed.push(format!("{} {}\n    {why}", case["id"], case["expr"])),
        }
    }
    let all = failed.len();
    assert!(
        failed.is_empty(),
        "{}\n{passed} passed, {all} failed, {skipped} skipped",
        failed.join("\n")
    );
}
