//! The modules that runs are about, in place of the root module.

use std::io;

use muster_lang::{Diagnostic, Diags, Sources};

use super::types::{TestFile, TestModule, TestRun};
use crate::files::ConfigFiles;
use crate::installed::{Recorded, below};
use crate::load::{Locate, Located, ModuleUse, RootPlace, load_with_providers, survey};
use crate::version::Constraints;
use crate::{Config, InstalledModules, ModuleSource, Str};

/// The key that the module of a run has in [`InstalledModules`].
pub fn module_key(file: &TestFile, run: &TestRun) -> String {
    let stem = file.path.split(".tftest.").next().unwrap_or_default();
    format!("test.{}.{}", stem.replace('/', "."), run.name)
}

/// Reads the modules that runs are about, and those that they call, as far as `locate` finds them.
/// See [`survey`].
pub fn survey_tests(
    tests: &[TestFile],
    files: &dyn ConfigFiles,
    sources: &mut Sources,
    locate: &mut dyn Locate,
) -> Diags {
    let mut diags = Diags::new();
    for (key, run, module) in modules(tests) {
        match locate_run(&key, run, module, locate) {
            Located::At(dir) => {
                let mut inside = Inside { locate, key: &key };
                let (_, found) = survey(&dir, files, sources, &mut inside);
                diags.extend(found);
            }
            Located::Later => {}
            Located::Refused(diagnostic) => diags.push(diagnostic),
        }
    }
    diags
}

/// The directory where the module of a run was installed, relative to the working directory or
/// absolute; `None` for a run about the configuration itself.
///
/// # Errors
/// It is not installed, or is not what the run asks for any more.
pub fn run_module(
    file: &TestFile,
    run: &TestRun,
    files: &dyn ConfigFiles,
) -> Result<Option<Str>, Box<Diagnostic>> {
    let Some(module) = &run.module else {
        return Ok(None);
    };
    let mut recorded = Recorded {
        modules: InstalledModules::read(".", files)?,
        root: ".",
        key: "",
        local_anyway: files.local_anyway(),
    };
    match locate_run(&module_key(file, run), run, module, &mut recorded) {
        Located::At(dir) => match files.list(&dir) {
            Ok(_) => Ok(Some(dir)),
            Err(error) => Err(recorded.unreadable(&dir, &error).at(module.span).into()),
        },
        Located::Refused(diagnostic) => Err(diagnostic.into()),
        // What cannot be parsed was refused when the file was read.
        Located::Later => Ok(None),
    }
}

fn locate_run(key: &str, run: &TestRun, module: &TestModule, locate: &mut dyn Locate) -> Located {
    let Ok(source) = ModuleSource::parse(&module.source, module.version.is_some()) else {
        // That was said when the file was read.
        return Located::Later;
    };
    let constraints = module.version.as_deref();
    let constraints = constraints.and_then(|text| Constraints::parse(text).ok());
    locate.locate(&ModuleUse {
        key: key.to_owned(),
        caller: String::new(),
        caller_dir: ".",
        name: &run.name,
        source: &source,
        constraints: constraints.as_ref(),
        span: module.span,
        source_span: module.source_span,
    })
}

/// Loads the modules that runs are about, from where they were installed. What is wrong with them
/// is told when the tests are run; those of which nothing can be told are left out.
pub fn test_modules(
    tests: &[TestFile],
    files: &dyn ConfigFiles,
    sources: &mut Sources,
) -> Vec<Config> {
    let installed = InstalledModules::read(".", files).unwrap_or_default();
    let mut configs = Vec::new();
    for (key, ..) in modules(tests) {
        if let Some(module) = installed.0.get(&key) {
            let place = RootPlace {
                dir: &module.dir,
                key: &key,
            };
            configs.push(load_with_providers(place, files, sources, &[]).0);
        }
    }
    configs
}

/// Runs with a module, and its key.
fn modules(tests: &[TestFile]) -> impl Iterator<Item = (String, &TestRun, &TestModule)> {
    tests.iter().flat_map(|file| {
        let runs = file.runs.iter();
        runs.filter_map(move |run| Some((module_key(file, run), run, run.module.as_ref()?)))
    })
}

/// Finds modules that are called by the module of a run, or by others that it calls.
struct Inside<'a> {
    locate: &'a mut dyn Locate,
    key: &'a str,
}

impl Locate for Inside<'_> {
    fn locate(&mut self, wanted: &ModuleUse<'_>) -> Located {
        self.locate.locate(&ModuleUse {
            key: below(self.key, &wanted.key),
            caller: below(self.key, &wanted.caller),
            ..*wanted
        })
    }

    fn unreadable(&self, dir: &str, error: &io::Error) -> Diagnostic {
        self.locate.unreadable(dir, error)
    }
}
