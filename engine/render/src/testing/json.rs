//! Documents of the stream that `test -json` gives.

use std::time::Duration;

use muster_addr::InstanceAddr;
use muster_lang::{Diags, Sources};
use muster_plan::{RunReport, Seen, TestEvent, TestStage, TestStatus, TestSummary};
use muster_provider::Schemas;
use muster_snapshot::DeposedKey;
use serde_json::{Map, Value as Json, json};

use super::test_summary;
use crate::json::to_string;
use crate::progress::head;
use crate::style::Style;
use crate::{DiagnosticRenderer, PlanJson, plan_json, state_json, write_schemas_json};

/// Writes what happens in tests as documents, one a line.
#[derive(Clone, Debug)]
pub struct TestStream {
    terraform_version: String,
}

/// Where something has happened.
#[derive(Clone, Copy, Default)]
struct Place<'a> {
    file: Option<&'a str>,
    run: Option<&'a str>,
}

impl TestStream {
    /// `terraform_version` is what tools shall take the program for.
    pub fn new(terraform_version: &str) -> Self {
        Self {
            terraform_version: terraform_version.to_owned(),
        }
    }

    /// Something that has happened; each document without its line end.
    pub fn event(&self, event: &TestEvent, sources: &Sources) -> Vec<String> {
        match event {
            TestEvent::Found(files) => vec![found(files)],
            TestEvent::FileStarted(file) => vec![file_line(file, "starting", None)],
            TestEvent::FileTeardown(file) => vec![file_line(file, "teardown", None)],
            TestEvent::FileFinished {
                file,
                status,
                diags,
            } => {
                let mut lines = vec![file_line(file, "complete", Some(*status))];
                lines.extend(diagnostics(Place::file(file), diags, sources));
                lines
            }
            TestEvent::RunProgress {
                file,
                run,
                stage,
                elapsed,
            } => vec![run_progress(file, run, *stage, *elapsed)],
            TestEvent::RunFinished { file, report } => self.run_finished(file, report, sources),
            TestEvent::CleanedUp {
                file,
                run,
                diags,
                left,
            } => cleaned_up(Place::run(file, run), diags, left, sources),
            TestEvent::Interrupted {
                file,
                run,
                existing,
                planned,
            } => vec![interrupted(Place::run(file, run), existing, planned)],
        }
    }

    /// The last document.
    pub fn summary(&self, summary: &TestSummary) -> String {
        let content = json!({
            "status": summary.status.name(),
            "passed": summary.passed,
            "failed": summary.failed,
            "errored": summary.errored,
            "skipped": summary.skipped,
        });
        let message = test_summary(summary);
        line("info", &message, Place::default(), "test_summary", content)
    }

    fn run_finished(&self, file: &str, report: &RunReport, sources: &Sources) -> Vec<String> {
        let place = Place::run(file, &report.name);
        let message = format!("  \"{}\"... {}", report.name, report.status.word());
        let content = json!({
            "path": file,
            "run": &*report.name,
            "progress": "complete",
            "status": report.status.name(),
        });
        let mut lines = vec![line("info", &message, place, "test_run", content)];
        lines.extend(self.seen(place, report));
        lines.extend(diagnostics(place, &report.diags, sources));
        lines
    }

    fn seen(&self, place: Place<'_>, report: &RunReport) -> Option<String> {
        let version = &self.terraform_version;
        let (what, kind, content) = match report.seen.as_ref()? {
            Seen::Plan(plan, schemas) => {
                let options = PlanJson {
                    terraform_version: version,
                    ..PlanJson::default()
                };
                let whole = document(|out| plan_json(plan, schemas, options, out));
                ("plan", "test_plan", plan_content(whole, schemas))
            }
            Seen::State(state, schemas) => {
                let whole = document(|out| state_json(state, schemas, version, out));
                ("state", "test_state", state_content(&whole, schemas))
            }
        };
        let message = format!("-verbose flag enabled, printing {what}");
        Some(line("info", &message, place, kind, content))
    }
}

impl<'a> Place<'a> {
    fn file(file: &'a str) -> Self {
        Self {
            file: Some(file),
            run: None,
        }
    }

    fn run(file: &'a str, run: &'a str) -> Self {
        Self {
            file: Some(file),
            run: Some(run),
        }
    }
}

/// One document; its content stands under the name of its type.
fn line(level: &str, message: &str, place: Place<'_>, kind: &str, content: Json) -> String {
    let mut map = Map::new();
    for (key, value) in head(level, message) {
        let before_time = key == "@timestamp";
        if let (true, Some(file)) = (before_time, place.file) {
            map.insert("@testfile".into(), file.into());
        }
        if let (true, Some(run)) = (before_time, place.run) {
            map.insert("@testrun".into(), run.into());
        }
        map.insert(key, value);
    }
    map.insert(kind.into(), content);
    map.insert("type".into(), kind.into());
    to_string(|w| w.document(&Json::Object(map)))
}

fn diagnostics<'a>(
    place: Place<'a>,
    diags: &'a Diags,
    sources: &'a Sources,
) -> impl Iterator<Item = String> + use<'a> {
    let renderer = DiagnosticRenderer::new(sources, Style::PLAIN);
    diags.iter().map(move |d| {
        let (level, title) = match d.is_error() {
            true => ("error", "Error"),
            false => ("warn", "Warning"),
        };
        let content = serde_json::from_str(&renderer.json(d)).unwrap_or_default();
        let message = format!("{title}: {}", d.summary);
        line(level, &message, place, "diagnostic", content)
    })
}

fn found(files: &[(std::sync::Arc<str>, Vec<std::sync::Arc<str>>)]) -> String {
    let runs: usize = files.iter().map(|(_, runs)| runs.len()).sum();
    let plural = |n: usize| if n == 1 { "" } else { "s" };
    let message = format!(
        "Found {} file{} and {runs} run block{}",
        files.len(),
        plural(files.len()),
        plural(runs)
    );
    let names = files.iter().map(|(file, runs)| {
        let runs: Vec<Json> = runs.iter().map(|run| (&**run).into()).collect();
        (file.to_string(), Json::Array(runs))
    });
    let content = Json::Object(names.collect());
    line("info", &message, Place::default(), "test_abstract", content)
}

fn file_line(file: &str, progress: &str, status: Option<TestStatus>) -> String {
    let word = match (progress, status) {
        (_, Some(status)) => status.word(),
        ("teardown", _) => "tearing down",
        _ => "in progress",
    };
    let mut content = json!({ "path": file, "progress": progress });
    if let Some(status) = status {
        content["status"] = status.name().into();
    }
    let message = format!("{file}... {word}");
    line("info", &message, Place::file(file), "test_file", content)
}

fn run_progress(file: &str, run: &str, stage: TestStage, elapsed: Duration) -> String {
    let (progress, word) = match stage {
        TestStage::Starting => ("starting", "in progress"),
        TestStage::Running => ("running", "in progress"),
        TestStage::Teardown => ("teardown", "tearing down"),
    };
    let elapsed = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let content = json!({
        "path": file,
        "run": run,
        "progress": progress,
        "elapsed": elapsed,
    });
    let message = format!("  \"{run}\"... {word}");
    line("info", &message, Place::run(file, run), "test_run", content)
}

fn cleaned_up(
    place: Place<'_>,
    diags: &Diags,
    left: &[(InstanceAddr, Option<DeposedKey>)],
    sources: &Sources,
) -> Vec<String> {
    let mut lines = Vec::new();
    if !left.is_empty() {
        let failed: Vec<Json> = left
            .iter()
            .map(|(addr, deposed)| {
                let mut entry = json!({ "instance": addr.to_string() });
                if let Some(key) = deposed {
                    entry["deposed_key"] = key.as_str().into();
                }
                entry
            })
            .collect();
        let message = format!(
            "{}/{} has left some objects, which have to be destroyed by hand.",
            place.file.unwrap_or_default(),
            place.run.unwrap_or_default()
        );
        let content = json!({ "failed_resources": failed });
        lines.push(line("error", &message, place, "test_cleanup", content));
    }
    lines.extend(diagnostics(place, diags, sources));
    lines
}

fn interrupted(
    place: Place<'_>,
    existing: &[(std::sync::Arc<str>, Vec<InstanceAddr>)],
    planned: &[InstanceAddr],
) -> String {
    let list = |addrs: &[InstanceAddr]| -> Json {
        let list = addrs.iter().map(|addr| addr.to_string().into());
        Json::Array(list.collect())
    };
    let mut content = Map::new();
    let mut states = Map::new();
    for (run, addrs) in existing {
        let addrs = addrs.iter().map(|a| json!({ "instance": a.to_string() }));
        states.insert(run.to_string(), Json::Array(addrs.collect()));
    }
    if !states.is_empty() {
        content.insert("states".into(), Json::Object(states));
    }
    if !planned.is_empty() {
        content.insert("planned".into(), list(planned));
    }
    let message = "The tests were interrupted, and what they have made was not destroyed.";
    let content = Json::Object(content);
    line("error", message, place, "test_interrupt", content)
}

/// A document that a writer gives.
fn document(write: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>) -> Json {
    let mut out = Vec::new();
    // Writing to memory cannot fail.
    let _ = write(&mut out);
    serde_json::from_slice(&out).unwrap_or_default()
}

/// What the stream tells of a plan, with the schemas that are needed to read it.
fn plan_content(whole: Json, schemas: &Schemas) -> Json {
    const PARTS: [&str; 4] = [
        "resource_drift",
        "output_changes",
        "resource_changes",
        "relevant_attributes",
    ];
    let mut content = Map::new();
    content.insert(
        "plan_format_version".into(),
        whole["format_version"].clone(),
    );
    for part in PARTS {
        if let Some(found) = whole.get(part) {
            content.insert(part.into(), found.clone());
        }
    }
    with_schemas(content, schemas)
}

fn state_content(whole: &Json, schemas: &Schemas) -> Json {
    let mut content = Map::new();
    content.insert(
        "state_format_version".into(),
        whole["format_version"].clone(),
    );
    for part in ["root_module", "outputs"] {
        if let Some(found) = whole["values"].get(part) {
            content.insert(part.into(), found.clone());
        }
    }
    with_schemas(content, schemas)
}

fn with_schemas(mut content: Map<String, Json>, schemas: &Schemas) -> Json {
    let whole = document(|out| write_schemas_json(schemas, out));
    content.insert(
        "provider_format_version".into(),
        whole["format_version"].clone(),
    );
    if let Some(found) = whole.get("provider_schemas") {
        content.insert("provider_schemas".into(), found.clone());
    }
    Json::Object(content)
}
