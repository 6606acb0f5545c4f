//! Directories to a tree of modules.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use muster_addr::ModulePath;
use muster_lang::{Diagnostic, Diags, Sources, Span};

use crate::decode::{CallDraft, Draft, decode};
use crate::files::{ConfigFiles, join, read_module};
use crate::installed::Installed;
use crate::naming::did_you_mean;
use crate::{Config, Module, ModuleCall, ModuleId, Str, providers, references};

/// Loads the configuration whose root module is in `dir` (`.` for the working directory).
///
/// There is always a root module in the result, but the rest is only to be used when the
/// diagnostics hold no error. All errors that can be told without values and schemas are in them.
pub fn load(dir: &str, files: &dyn ConfigFiles, sources: &mut Sources) -> (Config, Diags) {
    let mut diags = Diags::new();
    let installed = Installed::read(dir, files, &mut diags);
    let mut loader = Loader {
        files,
        sources,
        installed,
        drafts: HashMap::new(),
        tree: Tree::default(),
        diags,
    };
    loader.root(&join(dir, ""));
    let mut next = 0;
    while next < loader.tree.nodes.len() {
        loader.expand(next);
        next += 1;
    }
    let Loader {
        mut tree,
        mut diags,
        ..
    } = loader;
    providers::resolve(&mut tree, &mut diags);
    references::check(&tree, &mut diags);
    (tree.config, without_repeats(diags))
}

/// The modules with what they were made from.
#[derive(Default)]
pub(crate) struct Tree {
    pub(crate) config: Config,
    /// One per module, in the same order.
    pub(crate) nodes: Vec<Node>,
}

/// Where a module comes from.
pub(crate) struct Node {
    pub(crate) draft: Rc<Draft>,
    /// The calling module and the name of the call; `None` for the root.
    pub(crate) caller: Option<(ModuleId, Str)>,
}

impl Tree {
    /// The `module` block that a module was called by.
    pub(crate) fn call_of(&self, index: usize) -> Option<(usize, &CallDraft)> {
        let (caller, name) = self.nodes[index].caller.as_ref()?;
        let caller = caller.0 as usize;
        Some((caller, self.nodes[caller].draft.calls.get(name)?))
    }
}

struct Loader<'a> {
    files: &'a dyn ConfigFiles,
    sources: &'a mut Sources,
    installed: Installed,
    /// Directories that were read, `None` for those that could not be.
    drafts: HashMap<String, Option<Rc<Draft>>>,
    tree: Tree,
    diags: Diags,
}

impl Loader<'_> {
    fn root(&mut self, dir: &str) {
        let mut draft = self.read(dir, None).unwrap_or_default();
        // Nobody else can use the root's draft, as that would be a cycle: no copy is needed.
        let module = std::mem::take(&mut draft.module);
        self.place(Rc::new(draft), module, dir, None);
    }

    /// Adds a module to the tree.
    fn place(
        &mut self,
        draft: Rc<Draft>,
        module: Module,
        dir: &str,
        caller: Option<(ModuleId, Str)>,
    ) {
        let path = match &caller {
            Some((parent, name)) => self.tree.config.module(*parent).path.child(name.clone()),
            None => ModulePath::root(),
        };
        let parent = caller.as_ref().map(|(parent, _)| *parent);
        self.tree.config.modules.push(Module {
            path,
            parent,
            dir: dir.into(),
            ..module
        });
        self.tree.nodes.push(Node { draft, caller });
    }

    fn read(&mut self, dir: &str, span: Option<Span>) -> Option<Draft> {
        match read_module(dir, self.files, self.sources, &mut self.diags) {
            Ok(files) => {
                let (draft, diags) = decode(&files, self.sources);
                self.diags.extend(diags);
                Some(draft)
            }
            Err(error) => {
                let detail = format!("The directory {dir} of the module cannot be read: {error}.");
                let diagnostic = Diagnostic::error("Unreadable module directory", detail);
                self.diags.push(diagnostic.at_opt(span));
                None
            }
        }
    }

    /// Adds the modules that a module calls.
    fn expand(&mut self, index: usize) {
        let draft = self.tree.nodes[index].draft.clone();
        for call in draft.calls.values() {
            let Some((source, span)) = &call.source else {
                continue;
            };
            let Some(dir) = self.locate(index, call, source, *span) else {
                continue;
            };
            if self.is_ancestor(index, &dir) {
                let detail = format!(
                    "The module in {dir} calls itself, directly or through other modules, and so \
                     would never end."
                );
                self.diags
                    .push(Diagnostic::error("Module cycle", detail).at(*span));
                continue;
            }
            if !self.drafts.contains_key(&dir) {
                let read = self.read(&dir, Some(*span)).map(Rc::new);
                self.drafts.insert(dir.clone(), read);
            }
            let Some(called) = self.drafts.get(&dir).cloned().flatten() else {
                continue;
            };
            self.connect(index, call, source, called, &dir);
        }
    }

    /// The directory of a called module.
    fn locate(
        &mut self,
        index: usize,
        call: &CallDraft,
        source: &Str,
        span: Span,
    ) -> Option<String> {
        let caller = &self.tree.config.modules[index];
        let summary = "Invalid registry module source address";
        if matches!(&**source, "." | "..") || source.starts_with("./") || source.starts_with("../")
        {
            if let Some((_, version)) = &call.version {
                let detail = "Only modules from a registry have versions: leave the version out.";
                self.diags
                    .push(Diagnostic::error(summary, detail).at(*version));
                return None;
            }
            return Some(join(&caller.dir, source));
        }
        if !source.contains(['/', ':']) {
            let detail = format!(
                "{source:?} is not the source of a module. A local directory is written with ./ or \
                 ../ in front."
            );
            self.diags
                .push(Diagnostic::error("Invalid module source address", detail).at(span));
            return None;
        }
        if let Some(dir) = self.installed.dir(&caller.path, &call.name) {
            return Some(dir);
        }
        let detail = format!(
            "Modules are taken from local directories, whose path starts with ./ or ../. \
             {source:?} is neither such a path nor a module that was installed already."
        );
        self.diags
            .push(Diagnostic::error("Module not installed", detail).at(span));
        None
    }

    /// Whether a directory is that of the module or of one that leads to it.
    fn is_ancestor(&self, index: usize, dir: &str) -> bool {
        let mut at = Some(&self.tree.config.modules[index]);
        while let Some(module) = at {
            if &*module.dir == dir {
                return true;
            }
            at = module.parent.map(|id| self.tree.config.module(id));
        }
        false
    }

    /// Adds a called module and the call of it, with its arguments checked.
    fn connect(
        &mut self,
        index: usize,
        call: &CallDraft,
        source: &Str,
        called: Rc<Draft>,
        dir: &str,
    ) {
        let id = |at: usize| ModuleId(u32::try_from(at).unwrap_or(u32::MAX));
        let child = id(self.tree.nodes.len());
        check_arguments(call, &called, &mut self.diags);
        let declared = call
            .arguments
            .iter()
            .filter(|(name, _)| called.module.variables.contains_key(*name));
        let version = call.version.as_ref().map(|(text, _)| text.clone());
        let providers = call.providers.iter().flatten();
        let made = ModuleCall {
            name: call.name.clone(),
            module: child,
            source: source.clone(),
            version: version.unwrap_or_default(),
            providers: providers
                .map(|(inner, outer)| (inner.local.clone(), outer.local.clone()))
                .collect(),
            repetition: call.repetition.clone(),
            arguments: declared
                .map(|(name, (_, expr))| (name.clone(), expr.clone()))
                .collect(),
            depends_on: call.depends_on.clone(),
            span: call.span,
        };
        self.tree.config.modules[index]
            .calls
            .insert(call.name.clone(), made);
        let mut module = called.module.clone();
        self.refuse_root_only(&mut module);
        self.place(called, module, dir, Some((id(index), call.name.clone())));
    }

    /// Blocks that mean something in the root module only.
    fn refuse_root_only(&mut self, module: &mut Module) {
        for import in module.imports.drain(..) {
            let detail = "Import blocks can stand in the root module only. Move it there, with the \
                          module's path in its address.";
            self.diags
                .push(Diagnostic::error("Invalid import configuration", detail).at(import.span));
        }
        if let Some(backend) = module.backend.take() {
            let detail = "Only the root module's backend counts; this one has no effect.";
            self.diags.push(
                Diagnostic::warning("Backend configuration ignored", detail).at(backend.span),
            );
        }
    }
}

fn check_arguments(call: &CallDraft, called: &Draft, diags: &mut Diags) {
    if called.broken {
        return;
    }
    let variables = &called.module.variables;
    for variable in variables.values() {
        if variable.default.is_none() && !call.arguments.contains_key(&variable.name) {
            let detail = format!(
                "The module's variable {:?} has no default and is not set.",
                &*variable.name
            );
            diags.push(Diagnostic::error("Missing required argument", detail).at(call.span));
        }
    }
    for (name, (span, _)) in &call.arguments {
        if !variables.contains_key(name) {
            let hint = did_you_mean(name, variables.keys().map(|k| &**k));
            let detail = format!("The module has no variable {name:?}.{hint}");
            diags.push(Diagnostic::error("Unsupported argument", detail).at(*span));
        }
    }
}

/// A directory that is several modules of the tree is wrong once.
fn without_repeats(diags: Diags) -> Diags {
    let mut seen = HashSet::new();
    let mut first = |d: &Diagnostic| {
        d.subject.is_none() || seen.insert((d.subject, d.summary.clone(), d.detail.clone()))
    };
    Diags(diags.0.into_iter().filter(|d| first(d)).collect())
}
