//! Generates the code of the plugin protocols. No `protoc` is needed: the compiler is a crate.

use std::path::Path;

use anyhow::{Context, Result};
use prost::Message;

/// Where the generated code is kept.
pub(crate) const FOLDER: &str = "providers/wire/src/generated";

/// Writes the generated code into the workspace.
pub(crate) fn write(root: &Path) -> Result<()> {
    generate(root, &root.join(FOLDER))
}

/// Generates the code into a folder.
pub(crate) fn generate(root: &Path, out: &Path) -> Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    let schemas = root.join("schemas");
    let files = ["tfplugin5.proto", "tfplugin6.proto", "plugin.proto"].map(|f| schemas.join(f));
    let set = protox::compile(&files, [&schemas]).context("the schemas do not compile")?;
    let set = prost_types::FileDescriptorSet::decode(&*set.encode_to_vec())?;
    tonic_prost_build::configure()
        .out_dir(out)
        .emit_rerun_if_changed(false)
        .compile_fds(set)
        .context("the code cannot be generated")?;
    Ok(())
}
