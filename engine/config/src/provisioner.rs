//! What is run on this machine or on a new one when an object is made or destroyed.

use muster_lang::{Body, Reference, Span};

/// `provisioner`
#[derive(Clone, Debug)]
pub struct Provisioner {
    /// What it does.
    pub kind: ProvisionerType,
    /// When it runs.
    pub when: When,
    /// What its failure means.
    pub on_failure: OnFailure,
    /// Its arguments; `when`, `on_failure` and `connection` are taken out.
    pub body: Body,
    /// `connection`, that of the resource with its own laid over it.
    pub connection: Option<Body>,
    /// Everything that `body` and `connection` refer to.
    pub references: Box<[Reference]>,
    /// The block's header.
    pub span: Span,
}

/// Which provisioner it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProvisionerType {
    /// A command on this machine.
    LocalExec,
    /// Commands on a machine that is reached over a connection.
    RemoteExec,
    /// A file or directory that is sent there.
    File,
}

impl ProvisionerType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::LocalExec, Self::RemoteExec, Self::File];

    /// The label of the block.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LocalExec => "local-exec",
            Self::RemoteExec => "remote-exec",
            Self::File => "file",
        }
    }
}

/// `when`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum When {
    /// After the object was made.
    #[default]
    Create,
    /// Before it is destroyed.
    Destroy,
}

/// `on_failure`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnFailure {
    /// The object counts as not made, or stays.
    #[default]
    Fail,
    /// Nothing.
    Continue,
}
