//! Reads one module after the other, callers first.

use std::collections::HashMap;
use std::rc::Rc;

use muster_addr::ModulePath;
use muster_lang::{Diagnostic, DiagnosticKind, Diags, Expr, Sources, Span};

use super::{Locate, Located, ModuleUse, Node, Tree};
use crate::decode::{CallDraft, Draft, decode, encryption_from_text};
use crate::early::{EarlyText, EarlyValues};
use crate::files::{ConfigFiles, join, read_module};
use crate::installed::key_of;
use crate::naming::did_you_mean;
use crate::version::Constraints;
use crate::{Module, ModuleCall, ModuleId, ModuleSource, SourceError, Str};

/// Reads the modules of a configuration as far as `locate` finds them.
pub(super) fn tree(
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
            let error = Diagnostic::error("Missing required argument", detail);
            let error = error.at(call.missing_item_span);
            diags.push(error.of_kind(DiagnosticKind::Reference));
        }
    }
    for (name, (span, _)) in &call.arguments {
        if !variables.contains_key(name) {
            let hint = did_you_mean(name, variables.keys().map(|k| &**k));
            let detail = format!("The module has no variable {name:?}.{hint}");
            let error = Diagnostic::error("Unsupported argument", detail).at(*span);
            diags.push(error.of_kind(DiagnosticKind::Reference));
        }
    }
}
