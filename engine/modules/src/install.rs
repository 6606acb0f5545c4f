//! Installs the modules of a configuration: reads it as far as it is there, gets what is missing,
//! and reads on.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::StreamExt;
use futures::stream;
use muster_config::testing::{TestPlace, load_tests, survey_tests};
use muster_config::version::Version;
use muster_config::{
    ConfigFiles, InstalledModule, InstalledModules, ModuleSource, RemoteModule, survey,
};
use muster_install::{Hosts, Http, HttpOptions, place_directory, place_link, scratch};
use muster_lang::{Diagnostic, Diags, Sources};
use tempfile::TempDir;

use crate::files::copy_into;
use crate::package::{At, Getter, joined};
use crate::registry::Registries;
use crate::survey::{Progress, Survey, Wanted};
use crate::web::blocking;
use crate::{ModuleError, shown, subdir};

/// So many packages are on their way at a time.
const AT_ONCE: usize = 8;

/// How modules are got.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What is known of hosts.
    pub hosts: Hosts,
    /// How requests are made.
    pub http: HttpOptions,
    /// Whether programs such as git may ask people for passwords.
    pub interactive: bool,
}

/// What is to be installed.
pub struct Request<'a> {
    /// The configuration, whose root module is in the working directory.
    pub files: &'a dyn ConfigFiles,
    /// The directory with tests, besides the working directory, if the modules of tests are
    /// wanted too.
    pub tests: Option<&'a str>,
    /// Whether everything is got anew, in the newest versions that are allowed.
    pub upgrade: bool,
}

/// What an installation found.
#[derive(Default)]
pub struct Installation {
    /// The text of all files that were read.
    pub sources: Sources,
    /// What is wrong with the configuration, and what could not be installed.
    pub diags: Diags,
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// There are modules to look at.
    Started,
    /// A package is on its way: its name without secrets, and the key of the module.
    Downloading(String, String),
    /// The module with a key is in a directory.
    Installed(String, String),
}

/// Is told of events.
pub type Listener<'a> = dyn Fn(Event) + 'a;

/// See the module.
#[derive(Debug)]
pub struct Installer {
    pub(crate) getter: Getter,
    pub(crate) registries: Registries,
}

/// A module whose package is known.
#[derive(Debug)]
pub(crate) struct Resolved {
    key: String,
    source: String,
    pub(crate) package: RemoteModule,
    /// The directory in the package.
    pub(crate) subdir: String,
    version: Option<Version>,
    /// Whether the package may be got without encryption.
    pub(crate) plain: bool,
    /// What people know it by.
    name: String,
}

impl Installer {
    /// An installer.
    ///
    /// # Errors
    /// The system has no way to make encrypted connections.
    pub fn new(options: Options) -> Result<Self, ModuleError> {
        let http = Http::new(options.http).map_err(ModuleError::Discovery)?;
        Ok(Self {
            registries: Registries::new(http.clone(), Arc::new(options.hosts)),
            getter: Getter {
                http,
                interactive: options.interactive,
            },
        })
    }

    /// Installs all modules that the configuration calls, and records where they are.
    ///
    /// What goes wrong is in the result; all that can be installed is.
    pub async fn install(&self, request: &Request<'_>, on: &Listener<'_>) -> Installation {
        let files = request.files;
        let mut progress = Progress {
            // A record that cannot be read is made anew.
            before: InstalledModules::read(".", files).unwrap_or_default(),
            upgrade: request.upgrade,
            ..Progress::default()
        };
        let dir = PathBuf::from(files.data_dir()).join("modules");
        let mut have = HashMap::new();
        let mut first = true;
        loop {
            let mut sources = Sources::default();
            let mut reading = Survey {
                progress: &mut progress,
                calls: 0,
                wanted: Vec::new(),
                new: Vec::new(),
            };
            let (_, mut diags) = survey(".", files, &mut sources, &mut reading);
            if let Some(tests) = request.tests {
                let place = TestPlace { dir: ".", tests };
                let (tests, found) = load_tests(place, files, &mut sources);
                diags.extend(found);
                diags.extend(survey_tests(&tests, files, &mut sources, &mut reading));
            }
            let (wanted, calls) = (reading.wanted, reading.calls);
            if first && calls > 0 {
                on(Event::Started);
            }
            for (key, dir) in in_order(reading.new) {
                on(Event::Installed(key, dir));
            }
            // Nothing is got for a configuration that is wrong from the start.
            if wanted.is_empty() || first && diags.has_errors() {
                if (calls > 0 || !progress.before.0.is_empty())
                    && let Err(error) = record(&progress.now, &dir)
                {
                    let summary = "Failed to update module manifest";
                    diags.push(Diagnostic::error(summary, error.to_string()));
                }
                return Installation { sources, diags };
            }
            first = false;
            let results = self.get_all(wanted, &dir, &mut have, on).await;
            for (key, result) in results {
                match result {
                    Ok(module) => drop(progress.now.0.insert(key, module)),
                    Err(error) => drop(progress.failed.insert(key, error)),
                }
            }
        }
    }

    /// Gets modules, each package once. `have` are the packages that are somewhere already.
    async fn get_all(
        &self,
        wanted: Vec<Wanted>,
        dir: &Path,
        have: &mut HashMap<String, Had>,
        on: &Listener<'_>,
    ) -> Vec<(String, Result<InstalledModule, ModuleError>)> {
        let mut results = Vec::new();
        let mut groups: BTreeMap<String, Vec<Resolved>> = BTreeMap::new();
        let resolved = wanted.into_iter().map(|wanted| async {
            let resolved = self.resolve(&wanted).await;
            (wanted.key, resolved)
        });
        let resolved = stream::iter(resolved).buffered(AT_ONCE);
        for (key, resolved) in resolved.collect::<Vec<_>>().await {
            match resolved {
                Ok(resolved) => {
                    let group = groups.entry(resolved.package.package());
                    group.or_default().push(resolved);
                }
                Err(error) => results.push((key, Err(error))),
            }
        }
        let groups: Vec<_> = groups
            .into_iter()
            .map(|(name, group)| (have.get(&name).cloned(), name, group))
            .collect();
        let groups = groups.into_iter().map(|(had, name, group)| async move {
            (name, self.get_group(group, had, dir, on).await)
        });
        let mut groups = stream::iter(groups).buffer_unordered(AT_ONCE);
        while let Some((name, (had, group))) = groups.next().await {
            have.extend(had.map(|had| (name, had)));
            results.extend(group);
        }
        results
    }

    /// Finds out which package a module is in.
    pub(crate) async fn resolve(&self, wanted: &Wanted) -> Result<Resolved, ModuleError> {
        let source = wanted.source.to_string();
        let key = wanted.key.clone();
        match &wanted.source {
            ModuleSource::Registry(module) => {
                let constraints = wanted.constraints.as_ref();
                let version = self.registries.select(module, constraints).await?;
                let location = self.registries.locate(module, &version).await?;
                Ok(Resolved {
                    key,
                    source,
                    subdir: joined(&location.module.subdir, &module.subdir),
                    package: without_subdir(location.module),
                    plain: location.plain,
                    name: format!("{} {version}", module.package()),
                    version: Some(version),
                })
            }
            ModuleSource::Remote(module) => Ok(Resolved {
                key,
                source,
                subdir: module.subdir.clone(),
                package: without_subdir(module.clone()),
                plain: true,
                name: shown(&module.package()),
                version: None,
            }),
            ModuleSource::Local(path) => Err(ModuleError::file(Path::new(path))(
                std::io::ErrorKind::Unsupported.into(),
            )),
        }
    }

    /// Gets a package and puts it where some modules belong.
    async fn get_group(
        &self,
        group: Vec<Resolved>,
        mut had: Option<Had>,
        dir: &Path,
        on: &Listener<'_>,
    ) -> (
        Option<Had>,
        Vec<(String, Result<InstalledModule, ModuleError>)>,
    ) {
        let mut results = Vec::new();
        for module in group {
            on(Event::Downloading(module.name.clone(), module.key.clone()));
            let result = self.get(&module, had.as_ref(), dir).await;
            let result = result.map(|(found, installed)| {
                had = Some(found);
                let place = installed.dir.clone();
                on(Event::Installed(module.key.clone(), place));
                installed
            });
            results.push((module.key, result));
        }
        (had, results)
    }

    async fn get(
        &self,
        module: &Resolved,
        had: Option<&Had>,
        dir: &Path,
    ) -> Result<(Had, InstalledModule), ModuleError> {
        let scratch = scratch(dir).map_err(ModuleError::Place)?;
        let (at, subdir) = match had {
            Some(had) => (had.copy(&scratch).await?, had.subdir.clone()),
            None => {
                let getter = &self.getter;
                let package = getter.get(&module.package, module.plain, scratch.path());
                let package = package.await?;
                (package.at, package.subdir)
            }
        };
        let place = dir.join(&module.key);
        let (root, ours) = match &at {
            At::Ours(root) => (root, true),
            At::Theirs(root) => (root, false),
        };
        let wanted = joined(&subdir, &module.subdir);
        let inside = subdir::find(root, &wanted, module.version.is_some())?;
        let placed = match ours {
            true => place_directory(root, &place, scratch.path()),
            false => place_link(root, &place, scratch.path()),
        };
        placed.map_err(ModuleError::Place)?;
        let found = Had {
            root: if ours { place.clone() } else { root.clone() },
            ours,
            subdir,
        };
        let installed = InstalledModule {
            source: module.source.clone(),
            version: module.version.as_ref().map(Version::to_string),
            dir: match inside.as_str() {
                "" => place.to_string_lossy().into_owned(),
                inside => place.join(inside).to_string_lossy().into_owned(),
            },
        };
        Ok((found, installed))
    }
}

/// A package that is somewhere already.
#[derive(Clone, Debug)]
struct Had {
    root: PathBuf,
    /// Whether it was put there for us.
    ours: bool,
    subdir: String,
}

impl Had {
    async fn copy(&self, scratch: &TempDir) -> Result<At, ModuleError> {
        if !self.ours {
            return Ok(At::Theirs(self.root.clone()));
        }
        let (from, to) = (self.root.clone(), scratch.path().join("package"));
        blocking(move || {
            copy_into(&from, &to, &|_| true).map_err(ModuleError::file(&to))?;
            Ok(At::Ours(to))
        })
        .await
    }
}

fn without_subdir(module: RemoteModule) -> RemoteModule {
    RemoteModule {
        subdir: String::new(),
        ..module
    }
}

/// As one would walk through the tree.
fn in_order(mut modules: Vec<(String, String)>) -> Vec<(String, String)> {
    modules.sort_by(|(a, _), (b, _)| a.split('.').cmp(b.split('.')));
    modules
}

/// Writes the record, as a whole or not at all.
fn record(modules: &InstalledModules, dir: &Path) -> Result<(), ModuleError> {
    let path = dir.join("modules.json");
    let text = modules.to_json();
    if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    std::fs::create_dir_all(dir).map_err(ModuleError::file(dir))?;
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o644));
    }
    let written = builder.tempfile_in(dir).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.persist(&path).map_err(|e| e.error).map(|_| ())
    });
    written.map_err(ModuleError::file(&path))
}
