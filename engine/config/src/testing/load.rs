//! Finding and reading test files.

use std::collections::HashSet;

use muster_lang::{Body, Diagnostic, Diags, FileId, Sources, Span};

use super::decode;
use super::mock::MockFiles;
use super::types::TestFile;
use crate::decode::Decoder;
use crate::files::{ConfigFiles, join, read_body};

/// Where the tests of a configuration are.
#[derive(Clone, Copy, Debug)]
pub struct TestPlace<'a> {
    /// The directory of the root module, `.` for the working directory.
    pub dir: &'a str,
    /// The directory with more of them, relative to `dir`.
    pub tests: &'a str,
}

/// Loads all test files of a configuration, in the order of their paths. The result is only to
/// be used when the diagnostics hold no error.
pub fn load_tests(
    place: TestPlace<'_>,
    files: &dyn ConfigFiles,
    sources: &mut Sources,
) -> (Vec<TestFile>, Diags) {
    let mut diags = Diags::new();
    let dirs = match join(place.dir, place.tests) {
        tests if tests == join(place.dir, "") => vec![tests],
        tests => vec![join(place.dir, ""), tests],
    };
    let mut found = Vec::new();
    for dir in dirs {
        for name in names(files, &dir, is_test) {
            found.extend(read(&join(&dir, &name), files, sources, &mut diags));
        }
    }
    found.sort_by(|a: &TestFile, b| a.path.cmp(&b.path));
    (found, diags)
}

fn names(files: &dyn ConfigFiles, dir: &str, wanted: fn(&str) -> bool) -> Vec<String> {
    // Whether the root module can be read is reported elsewhere, and there may be no tests.
    let mut names = files.list(dir).unwrap_or_default();
    names.retain(|name| !name.starts_with('.') && wanted(name));
    names.sort_unstable();
    names
}

fn is_test(name: &str) -> bool {
    name.ends_with(".tftest.hcl") || name.ends_with(".tftest.json")
}

fn is_mock(name: &str) -> bool {
    name.ends_with(".tfmock.hcl") || name.ends_with(".tfmock.json")
}

fn read(
    path: &str,
    files: &dyn ConfigFiles,
    sources: &mut Sources,
    diags: &mut Diags,
) -> Option<TestFile> {
    let (id, body, _) = read_body(path, files, sources, diags)?;
    let mut mocks = Mocks::default();
    prefetch(&body, files, sources, diags, &mut mocks);
    let mut json: HashSet<FileId> = mocks.json.clone();
    if path.ends_with(".json") {
        json.insert(id);
    }
    let mut cx = Decoder::new(&json, sources);
    let file = decode::file(&mut cx, path.into(), &body, &mut mocks);
    diags.extend(cx.diags);
    Some(file)
}

/// Mock files by the source that names them, read before the decoder holds the sources.
#[derive(Default)]
struct Mocks {
    read: Vec<(String, Result<Vec<Body>, String>)>,
    json: HashSet<FileId>,
}

/// Reads the mock files that the body names.
fn prefetch(
    body: &Body,
    files: &dyn ConfigFiles,
    sources: &mut Sources,
    diags: &mut Diags,
    mocks: &mut Mocks,
) {
    for source in decode::mock_sources(body) {
        if mocks.read.iter().any(|(s, _)| *s == source) {
            continue;
        }
        let dir = join(".", &source);
        let bodies = match files.list(&dir) {
            Err(error) => Err(error.to_string()),
            Ok(_) => {
                let read = names(files, &dir, is_mock).into_iter().filter_map(|name| {
                    let (id, body, _) = read_body(&join(&dir, &name), files, sources, diags)?;
                    if name.ends_with(".json") {
                        mocks.json.insert(id);
                    }
                    Some(body)
                });
                Ok(read.collect())
            }
        };
        mocks.read.push((source, bodies));
    }
}

impl MockFiles for Mocks {
    fn read(&mut self, cx: &mut Decoder<'_>, source: &str, span: Span) -> Vec<Body> {
        let found = self.read.iter().find(|(s, _)| s == source);
        match found.map(|(_, bodies)| bodies) {
            Some(Ok(bodies)) => bodies.clone(),
            Some(Err(reason)) => {
                let detail =
                    format!("The directory {source} of mock files cannot be read: {reason}.");
                let error = Diagnostic::error("Failed to read mock data directory", detail);
                cx.diags.push(error.at(span));
                Vec::new()
            }
            None => Vec::new(),
        }
    }
}
