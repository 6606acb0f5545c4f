//! JUnit XML, which build servers read.

use std::fmt::Write as _;
use std::sync::Arc;

use muster_lang::{Diags, Sources};
use muster_plan::{RunReport, TestStatus};

use crate::DiagnosticRenderer;
use crate::progress::timestamp_seconds;
use crate::style::Style;

/// Columns of texts.
const WIDTH: usize = 80;

/// All runs by file as JUnit XML.
pub fn junit_xml(files: &[(Arc<str>, Vec<RunReport>)], sources: &Sources) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?><testsuites>");
    for (file, runs) in files {
        let count = |status| runs.iter().filter(|run| run.status == status).count();
        let _ = write!(
            out,
            "\n  <testsuite name=\"{}\" tests=\"{}\" skipped=\"{}\" failures=\"{}\" errors=\"{}\">",
            escaped(file),
            runs.len(),
            count(TestStatus::Skip),
            count(TestStatus::Fail),
            count(TestStatus::Error)
        );
        let mut broken = None;
        for run in runs {
            test_case(&mut out, file, run, broken, sources);
            if run.status == TestStatus::Error {
                broken = Some(&*run.name);
            }
        }
        out.push_str("\n  </testsuite>");
    }
    out.push_str("\n</testsuites>");
    out
}

fn test_case(
    out: &mut String,
    file: &str,
    run: &RunReport,
    broken: Option<&str>,
    sources: &Sources,
) {
    let _ = write!(
        out,
        "\n    <testcase name=\"{}\" classname=\"{}\"",
        escaped(&run.name),
        escaped(file)
    );
    if let Some(started) = run.started {
        let _ = write!(
            out,
            " time=\"{}\" timestamp=\"{}\"",
            run.elapsed.as_secs_f64(),
            timestamp_seconds(started)
        );
    }
    out.push('>');
    let (errors, warnings): (Vec<_>, Vec<_>) =
        run.diags.iter().cloned().partition(|d| d.is_error());
    let (errors, warnings) = (Diags(errors), Diags(warnings));
    let inside = match run.status {
        TestStatus::Skip => Some(skipped(broken)),
        TestStatus::Fail => {
            let message = failure(run, &errors);
            Some(("failure", message, texts(&errors, sources)))
        }
        TestStatus::Error => {
            let message = "Encountered an error".to_owned();
            Some(("error", message, texts(&errors, sources)))
        }
        TestStatus::Pass | TestStatus::Pending => None,
    };
    let mut any = false;
    if let Some((kind, message, text)) = inside {
        any = true;
        let message = escaped(&message);
        let _ = write!(
            out,
            "\n      <{kind} message=\"{message}\">{}</{kind}>",
            cdata(&text)
        );
    }
    if !warnings.is_empty() {
        any = true;
        let text = texts(&warnings, sources);
        let _ = write!(out, "\n      <system-err>{}</system-err>", cdata(&text));
    }
    out.push_str(if any {
        "\n    </testcase>"
    } else {
        "</testcase>"
    });
}

fn skipped(broken: Option<&str>) -> (&'static str, String, String) {
    match broken {
        Some(name) => (
            "skipped",
            "Testcase skipped due to a previous testcase error".to_owned(),
            format!(
                "Previous testcase \"{name}\" ended in error, which caused the remaining tests in \
                 the file to be skipped"
            ),
        ),
        None => (
            "skipped",
            "Testcase skipped due to an interrupt".to_owned(),
            "The tests were asked to stop before it was this one's turn".to_owned(),
        ),
    }
}

/// How many assertions do not hold, and what the first of them says.
fn failure(run: &RunReport, errors: &Diags) -> String {
    let failed = || {
        errors
            .iter()
            .filter(|d| d.summary == "Test assertion failed")
    };
    let first = failed().next().map_or("", |d| d.detail.as_str());
    let count = failed().count();
    let link = if count > 1 { ", including" } else { "" };
    format!(
        "{count} of {} assertions failed{link}: {first}",
        run.assertions
    )
}

fn texts(diags: &Diags, sources: &Sources) -> String {
    let style = Style {
        color: false,
        width: Some(WIDTH),
    };
    let renderer = DiagnosticRenderer::new(sources, style);
    diags.iter().map(|d| renderer.text(d)).collect()
}

/// Text as it is; what would end it early is split up.
fn cdata(text: &str) -> String {
    let text = text.replace("]]>", "]]]]><![CDATA[>");
    format!("<![CDATA[{}]]>", allowed(&text))
}

/// Text for an attribute.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in allowed(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push_str("&#xA;"),
            '\t' => out.push_str("&#x9;"),
            '\r' => out.push_str("&#xD;"),
            c => out.push(c),
        }
    }
    out
}

/// XML has no way to write some control characters.
fn allowed(text: &str) -> String {
    let fine = |c: char| {
        matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}')
            || c >= '\u{10000}'
    };
    text.chars()
        .map(|c| if fine(c) { c } else { '\u{FFFD}' })
        .collect()
}
