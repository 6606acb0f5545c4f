//! Installs modules that come from elsewhere: repositories, archives and registries, each in a
//! directory of its own, with a record that Terraform reads too.

mod address;
mod archive;
mod checksum;
mod error;
mod files;
mod git;
mod html;
mod install;
mod netrc;
mod package;
mod registry;
mod subdir;
mod survey;
mod template;
mod unpack;
mod web;

pub use address::shown;
pub use error::ModuleError;
pub use install::{Event, Installation, Installer, Listener, Options, Request};
pub use unpack::UnpackError;
