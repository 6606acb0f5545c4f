//! The messages and services of the plugin protocols, generated from `schemas/*.proto` by
//! `cargo xtask codegen`.

/// A point in time, as both versions have it.
pub use prost_types::Timestamp;

/// Protocol version 5.
pub mod tfplugin5 {
    #![expect(
        missing_docs,
        clippy::all,
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        reason = "generated code"
    )]
    include!("generated/tfplugin5.rs");
}

/// Protocol version 6.
pub mod tfplugin6 {
    #![expect(
        missing_docs,
        clippy::all,
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        reason = "generated code"
    )]
    include!("generated/tfplugin6.rs");
}

/// What go-plugin runs beside a plugin's own services.
pub mod plugin {
    #![expect(
        missing_docs,
        clippy::all,
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        reason = "generated code"
    )]
    include!("generated/plugin.rs");
}
