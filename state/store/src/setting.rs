//! What a `backend` block may say.

/// An argument of a `backend` block.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: SettingKind,
    /// Must not be shown, and is not recorded in plain text where that can be avoided.
    pub sensitive: bool,
}

/// What an argument of a `backend` block holds.
#[derive(Clone, Copy, Debug)]
pub enum SettingKind {
    /// A text.
    Text,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
    /// A list of texts.
    List,
    /// A set of texts.
    Set,
    /// Texts by name.
    Map,
    /// An object with these attributes, none of which is required.
    Object(&'static [Setting]),
}

/// The arguments of a `backend` block that are given, by name. A null is as good as none.
pub type Settings = serde_json::Map<String, serde_json::Value>;

impl Setting {
    /// An argument that may be shown.
    pub const fn new(name: &'static str, kind: SettingKind) -> Self {
        Self {
            name,
            kind,
            sensitive: false,
        }
    }

    /// An argument that must not be shown.
    pub const fn secret(name: &'static str, kind: SettingKind) -> Self {
        Self {
            name,
            kind,
            sensitive: true,
        }
    }
}
