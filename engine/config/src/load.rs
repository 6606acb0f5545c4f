//! Directories to a tree of modules.

use std::collections::{HashMap, HashSet};
use std::io;
use std::rc::Rc;

use muster_addr::ModulePath;
use muster_lang::{Diagnostic, DiagnosticKind, Diags, Expr, Sources, Span};

use crate::decode::{CallDraft, Draft, decode, encryption_from_text};
use crate::early::{EarlyText, EarlyValues};
use crate::files::{ConfigFiles, join, read_module};
use crate::installed::{InstalledModules, Recorded, key_of};
use crate::naming::did_you_mean;
use crate::version::Constraints;
use crate::{
    Config, LocalProvider, Module, ModuleCall, ModuleId, ModuleSource, ProviderBlock, SourceError,
    Str, providers, references,
};

/// A call of a module, for those who know where modules are.
pub struct ModuleUse<'a> {
    /// The key of the called module in [`InstalledModules`].
    pub key: String,
    /// The key of the calling module.
    pub caller: String,
    /// The directory of the calling module.
    pub caller_dir: &'a str,
    /// The name of the call.
    pub name: &'a Str,
    /// Where the module comes from.
    pub source: &'a ModuleSource,
    /// The versions that are allowed; `None` when all are.
    pub constraints: Option<&'a Constraints>,
    /// The header of the block.
    pub span: Span,
    /// The source argument.
    pub source_span: Span,
}

/// Where a called module is.
pub enum Located {
    /// In a directory, relative to the working directory or absolute.
    At(Str),
    /// Nowhere yet: the call is left out, and nothing is said.
    Later,
    /// Nowhere, which is an error.
    Refused(Diagnostic),
}

/// Knows where modules are.
pub trait Locate {
    /// Finds a called module. It is asked once for each call of the tree, callers first.
    fn locate(&mut self, wanted: &ModuleUse<'_>) -> Located;

    /// What is wrong when the directory that was found cannot be read.
    fn unreadable(&self, dir: &str, error: &io::Error) -> Diagnostic {
        let detail = format!("The directory {dir} of the module cannot be read: {error}.");
        Diagnostic::error("Unreadable module directory", detail)
    }
}

/// Loads the configuration whose root module is in `dir` (`.` for the working directory). Modules
/// are where they were installed; see [`ConfigFiles::local_anyway`] for those beside their callers.
///
/// There is always a root module in the result, but the rest is only to be used when the
/// diagnostics hold no error but of [`DiagnosticKind::Reference`]: then it can be validated to find
/// what else is wrong. All errors that can be told without values and schemas are in them.
pub fn load(dir: &str, files: &dyn ConfigFiles, sources: &mut Sources) -> (Config, Diags) {
    load_with_providers(RootPlace { dir, key: "" }, files, sources, &[])
}

/// Where the module is that a configuration begins with.
#[derive(Clone, Copy, Debug)]
pub struct RootPlace<'a> {
    /// Its directory.
    pub dir: &'a str,
    /// Its key in the [`InstalledModules`] of the working directory, if it is not a root module
    /// with a record of its own; empty if it is one.
    pub key: &'a str,
}

/// As [`load`], with `provider` blocks that stand elsewhere, in the place of those that the root
/// module has under the same names. Their addresses are filled in here; what they say is the
/// caller's to evaluate.
pub fn load_with_providers(
    place: RootPlace<'_>,
    files: &dyn ConfigFiles,
    sources: &mut Sources,
    providers: &[(LocalProvider, ProviderBlock)],
) -> (Config, Diags) {
    let mut diags = Diags::new();
    let recorder = match place.key {
        "" => place.dir,
        _ => ".",
    };
    let modules = InstalledModules::read(recorder, files).unwrap_or_else(|diagnostic| {
        diags.push(*diagnostic);
        InstalledModules::default()
    });
    let mut recorded = Recorded {
        modules,
        root: recorder,
        key: place.key,
        local_anyway: files.local_anyway(),
    };
    let (mut tree, found) = tree(place.dir, files, sources, &mut recorded);
    diags.extend(found);
    if let Some(root) = tree.config.modules.first_mut() {
        root.provider_configs.extend(providers.iter().cloned());
    }
    providers::resolve(&mut tree, &mut diags);
    // What a broken block declares is not known, so that references are looked at when all blocks
    // are sound, as Terraform does.
    // Terraform parses the templates in JSON late, so that their errors come with these.
    let is_broken = |d: &Diagnostic| d.is_error() && d.kind == DiagnosticKind::Plain;
    match diags.iter().any(is_broken) {
        true => references::check_imports(&tree, &mut diags),
        false => references::check(&tree, &mut diags),
    }
    check_root_outputs(tree.config.root(), &mut diags);
    (tree.config, without_repeats(diags))
}

/// Reads the modules of a configuration as far as `locate` finds them, and gives what is wrong with
/// the text of them. It is not checked whether what they say fits together.
pub fn survey(
    dir: &str,
    files: &dyn ConfigFiles,
    sources: &mut Sources,
    locate: &mut dyn Locate,
) -> (Config, Diags) {
    let (tree, diags) = tree(dir, files, sources, locate);
    (tree.config, without_repeats(diags))
}

fn tree(
    dir: &str,
    files: &dyn ConfigFiles,
    sources: &mut Sources,
    locate: &mut dyn Locate,
) -> (Tree, Diags) {
    let mut loader = Loader {
        files,
        sources,
        locate,
        drafts: HashMap::new(),
        root_is_wrong: false,
        early: None,
        tree: Tree::default(),
        diags: Diags::new(),
    };
    loader.root(&join(dir, ""));
    let mut next = 0;
    while next < loader.tree.nodes.len() {
        loader.expand(next);
        next += 1;
    }
    (loader.tree, loader.diags)
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
    locate: &'a mut dyn Locate,
    /// Directories that were read, `None` for those that could not be.
    drafts: HashMap<String, Option<Rc<Draft>>>,
    /// Whether the root module is wrong, so that nobody can have installed what it calls.
    root_is_wrong: bool,
    /// Made when it is first needed.
    early: Option<EarlyValues>,
    tree: Tree,
    diags: Diags,
}

impl Loader<'_> {
    fn root(&mut self, dir: &str) {
        let mut draft = self.read(dir, None).unwrap_or_default();
        self.root_is_wrong = self.diags.has_errors();
        // Nobody else can use the root's draft, as that would be a cycle: no copy is needed.
        let module = std::mem::take(&mut draft.module);
        self.place(Rc::new(draft), module, dir, None);
        self.backend();
        self.encryption();
    }

    /// The values of the backend's settings that are made of variables and local values.
    fn backend(&mut self) {
        let Some(backend) = &self.tree.config.root().backend else {
            return;
        };
        let (attributes, _) = backend.body.just_attributes();
        let settings = attributes.into_iter().filter_map(|a| {
            let (expr, diags) = a.expr.lower(&[]);
            let early = !diags.has_errors() && !expr.references().is_empty();
            early.then_some((a.name, expr))
        });
        let settings: Vec<(Str, Expr)> = settings.collect();
        if settings.is_empty() {
            return;
        }
        self.look_early();
        let early = self.early.take().unwrap_or_default();
        let values = settings
            .into_iter()
            .map(|(name, expr)| (name, early.setting(&self.tree, &expr)));
        let values = values.collect();
        self.early = Some(early);
        if let Some(backend) = &mut self.tree.config.modules[0].backend {
            backend.early = values;
        }
    }

    /// What the environment says of encryption, and the values of arguments that are made of
    /// variables and local values.
    fn encryption(&mut self) {
        let mut said = self.tree.config.modules[0].encryption.take();
        if let Some((name, text)) = self.files.encryption() {
            let (over, diags) = encryption_from_text(&name, &text, self.sources);
            self.diags.extend(diags);
            said = Some(match said {
                Some(base) => base.overridden_by(over),
                None => over,
            });
        }
        let Some(mut said) = said else {
            return;
        };
        for setting in said.settings_mut().filter(|s| s.refers_to.is_none()) {
            let (expr, diags) = setting.expr.lower(&[]);
            if diags.has_errors() || expr.references().is_empty() {
                continue;
            }
            self.look_early();
            let early = self.early.get_or_insert_default();
            setting.early = Some(early.value(&self.tree, 0, &expr));
        }
        self.tree.config.modules[0].encryption = Some(said);
    }

    /// Finds out what is given for the root module's variables, once.
    fn look_early(&mut self) {
        if self.early.is_some() {
            return;
        }
        let (inputs, diags) = self.files.inputs(self.sources);
        self.diags.extend(diags);
        let (given, diags) = inputs.given(self.tree.config.root(), self.sources);
        self.diags.extend(diags);
        self.early = Some(EarlyValues::new(given));
    }

    /// A text of a module, or what is wrong with it.
    fn text(&mut self, index: usize, text: &EarlyText) -> Option<Str> {
        if let EarlyText::Constant(text) = text {
            return Some(text.clone());
        }
        self.look_early();
        let early = self.early.get_or_insert_default();
        match early.text(&self.tree, index, text) {
            Ok(text) => Some(text),
            Err(diags) => {
                self.diags.extend(diags);
                None
            }
        }
    }

    /// The version constraint of a call: `Err` when it is wrong, which was said.
    fn version(&mut self, index: usize, call: &CallDraft) -> Result<Option<Str>, ()> {
        let Some((text, span)) = &call.version else {
            return Ok(None);
        };
        let found = self.text(index, text).ok_or(())?;
        if let (EarlyText::Expr(_), Err(error)) = (text, Constraints::parse(&found)) {
            let detail = format!("{error}. Write for example \">= 1.2, < 2.0\" or \"~> 1.2\".");
            let diagnostic = Diagnostic::error("Invalid version constraint", detail);
            self.diags.push(diagnostic.at(*span));
            return Err(());
        }
        Ok(Some(found))
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
                let diagnostic = self.locate.unreadable(dir, &error);
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
            let Some(source) = self.text(index, source) else {
                continue;
            };
            let Ok(version) = self.version(index, call) else {
                continue;
            };
            let written = (&source, version.as_ref());
            let Some(dir) = self.locate(index, call, written, *span) else {
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
                let read = self.read(&dir, Some(call.span)).map(Rc::new);
                self.drafts.insert(dir.clone(), read);
            }
            let Some(called) = self.drafts.get(&dir).cloned().flatten() else {
                continue;
            };
            self.connect(index, call, written, called, &dir);
        }
    }

    /// The directory of a called module.
    fn locate(
        &mut self,
        index: usize,
        call: &CallDraft,
        (text, version): (&Str, Option<&Str>),
        span: Span,
    ) -> Option<String> {
        let caller = &self.tree.config.modules[index];
        let source = match ModuleSource::parse(text, version.is_some()) {
            Ok(source) => source,
            Err(error) => {
                let summary = match error {
                    SourceError::NotRegistry => "Invalid registry module source address",
                    _ => "Invalid module source address",
                };
                self.diags
                    .push(Diagnostic::error(summary, error.to_string()).at(span));
                return None;
            }
        };
        let constraints = version.and_then(|text| Constraints::parse(text).ok());
        let wanted = ModuleUse {
            key: key_of(&caller.path, &call.name),
            caller: caller.path.0.join("."),
            caller_dir: &caller.dir,
            name: &call.name,
            source: &source,
            constraints: constraints.as_ref(),
            span: call.span,
            source_span: span,
        };
        match self.locate.locate(&wanted) {
            Located::At(dir) => Some(dir.to_string()),
            Located::Later => None,
            Located::Refused(_) if self.root_is_wrong => None,
            Located::Refused(diagnostic) => {
                self.diags.push(diagnostic);
                None
            }
        }
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
        (source, version): (&Str, Option<&Str>),
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
        let providers = call.providers.iter().flatten();
        let made = ModuleCall {
            name: call.name.clone(),
            module: child,
            source: source.clone(),
            version: version.cloned().unwrap_or_default(),
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
        if let Some(encryption) = module.encryption.take() {
            let detail =
                "Only what the root module says of encryption counts; this block has no effect.";
            let summary = "Encryption configuration ignored";
            self.diags
                .push(Diagnostic::warning(summary, detail).at(encryption.span));
        }
    }
}

/// Outputs of the root module are stored.
fn check_root_outputs(root: &Module, diags: &mut Diags) {
    for (name, output) in root.outputs.iter().filter(|(_, output)| output.ephemeral) {
        let detail = format!(
            "output {name:?} is one of the root module, so that its value is stored: it cannot be ephemeral."
        );
        diags.push(Diagnostic::error("Ephemeral output not allowed", detail).at(output.span));
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
