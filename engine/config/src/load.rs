//! Directories to a tree of modules.

mod loader;

use std::collections::HashSet;
use std::io;
use std::rc::Rc;

use muster_lang::{Diagnostic, DiagnosticKind, Diags, Sources, Span};

use crate::decode::{CallDraft, Draft};
use crate::files::ConfigFiles;
use crate::installed::{InstalledModules, Recorded};
use crate::version::Constraints;
use crate::{
    Config, LocalProvider, Module, ModuleId, ModuleSource, ProviderBlock, Str, providers,
    references,
};
use loader::tree;

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
    let (tree, mut diags) = tree(dir, files, sources, locate);
    diags.0.retain(|d| d.kind != DiagnosticKind::Reference);
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

/// Outputs of the root module are stored.
fn check_root_outputs(root: &Module, diags: &mut Diags) {
    for (name, output) in root.outputs.iter().filter(|(_, output)| output.ephemeral) {
        let detail = format!(
            "output {name:?} is one of the root module, so that its value is stored: it cannot be ephemeral."
        );
        let error = Diagnostic::error("Ephemeral output not allowed", detail).at(output.span);
        diags.push(error.of_kind(DiagnosticKind::Reference));
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
