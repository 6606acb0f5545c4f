//! `removed` blocks: objects that the configuration has let go of.

use foldhash::HashSet;
use muster_addr::{ConfigResource, ModulePath, Target};
use muster_config::Config;
use muster_lang::{Diagnostic, Diags};

/// What is forgotten instead of destroyed.
#[derive(Default)]
pub(crate) struct Removed {
    resources: HashSet<ConfigResource>,
    modules: HashSet<ModulePath>,
}

impl Removed {
    /// Looks through the blocks of all modules.
    pub(crate) fn new(config: &Config) -> Result<Self, Diags> {
        let mut found = Self::default();
        let mut diags = Diags::new();
        let modules = config.iter();
        for (outer, block) in modules.flat_map(|(_, m)| m.removed.iter().map(move |b| (m, b))) {
            let below = |inner: &ModulePath| {
                ModulePath(outer.path.0.iter().chain(inner.0.iter()).cloned().collect())
            };
            match &block.from {
                Target::Module(module) => {
                    let path = below(&module.path());
                    if config.find(&path).is_some() {
                        let detail = format!(
                            "The block says that {path} is gone, but the configuration still calls it. Remove the call, or the removed block."
                        );
                        let summary = "Removed module still exists";
                        diags.push(Diagnostic::error(summary, detail).at(block.span));
                    } else if !block.destroy {
                        found.modules.insert(path);
                    }
                }
                Target::Resource(addr) => {
                    let resource = ConfigResource {
                        module: below(&addr.resource.module.path()),
                        resource: addr.resource.resource.clone(),
                    };
                    let module = config.find(&resource.module);
                    if module.is_some_and(|m| m.resources.contains_key(&resource.resource)) {
                        let detail = format!(
                            "The block says that {resource} is gone, but the configuration still declares it. Remove its block, or the removed block."
                        );
                        let summary = "Removed resource still exists";
                        diags.push(Diagnostic::error(summary, detail).at(block.span));
                    } else if !block.destroy {
                        found.resources.insert(resource);
                    }
                }
            }
        }
        match diags.has_errors() {
            true => Err(diags),
            false => Ok(found),
        }
    }

    /// Whether the objects of a resource are forgotten, not destroyed.
    pub(crate) fn forgets(&self, resource: &ConfigResource) -> bool {
        let path = &resource.module.0;
        self.resources.contains(resource)
            || (1..=path.len()).any(|n| self.modules.contains(&ModulePath(path[..n].into())))
    }
}
