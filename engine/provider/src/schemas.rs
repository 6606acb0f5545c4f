//! The schemas of all providers of a run in one place.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_addr::{Mode, ProviderAddr};
use muster_schema::{IdentitySchema, ProviderSchema, Schema};

/// Schemas by provider.
#[derive(Clone, Debug, Default)]
pub struct Schemas(BTreeMap<ProviderAddr, Arc<ProviderSchema>>);

impl Schemas {
    /// Adds or replaces the schema of a provider.
    pub fn insert(&mut self, provider: ProviderAddr, schema: Arc<ProviderSchema>) {
        self.0.insert(provider, schema);
    }

    /// Everything a provider offers.
    pub fn provider(&self, provider: &ProviderAddr) -> Option<&Arc<ProviderSchema>> {
        self.0.get(provider)
    }

    /// Schema of a resource type, data source or ephemeral resource type.
    pub fn resource(
        &self,
        provider: &ProviderAddr,
        mode: Mode,
        type_name: &str,
    ) -> Option<Arc<Schema>> {
        let schema = self.0.get(provider)?;
        let types = match mode {
            Mode::Managed => &schema.resources,
            Mode::Data => &schema.data_sources,
            Mode::Ephemeral => &schema.ephemeral_resources,
        };
        types.get(type_name)
    }

    /// What the objects of a resource type are known by, if its provider tells.
    pub fn identity(
        &self,
        provider: &ProviderAddr,
        type_name: &str,
    ) -> Option<&Arc<IdentitySchema>> {
        self.0.get(provider)?.identities.get(type_name)
    }

    /// All providers with their schemas.
    pub fn iter(&self) -> impl Iterator<Item = (&ProviderAddr, &Arc<ProviderSchema>)> {
        self.0.iter()
    }
}
