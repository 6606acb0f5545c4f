use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use muster_lang::Diags;

use crate::ephemeral::{AnyEphemeral, EphemeralResource};
use crate::erased::{AnyData, AnyResource, Typed};
use crate::function::Function;
use crate::resource::{DataSource, Resource};
use crate::schema::Schema;
use crate::{Fields, Str};

/// A provider: its configuration, and what it offers.
pub trait Provider: Send + Sync + 'static {
    /// What resources of all kinds work with, an API client as a rule.
    type Client: Send + Sync + 'static;

    /// The provider's own configuration block; empty when not overridden.
    fn schema(&self) -> Schema {
        Schema::default()
    }

    /// Checks the configuration beyond the schema; values may be unknown.
    fn validate(&self, config: Fields<'_>, diags: &mut Diags) {
        let _ = (config, diags);
    }

    /// Takes the configuration into use. Values may be unknown while a plan is made.
    fn configure(
        &self,
        config: Fields<'_>,
    ) -> impl Future<Output = Result<Self::Client, Diags>> + Send;

    /// Lists everything the provider offers.
    fn register(&self, registry: &mut Registry<Self::Client>);
}

/// The resource types, data sources, ephemeral resource types and functions of a provider.
pub struct Registry<C> {
    pub(crate) resources: BTreeMap<Str, Arc<dyn AnyResource<C>>>,
    pub(crate) data_sources: BTreeMap<Str, Arc<dyn AnyData<C>>>,
    pub(crate) ephemeral_resources: BTreeMap<Str, Arc<dyn AnyEphemeral<C>>>,
    pub(crate) functions: BTreeMap<Str, Arc<dyn Function>>,
}

impl<C> Default for Registry<C> {
    fn default() -> Self {
        Self {
            resources: BTreeMap::new(),
            data_sources: BTreeMap::new(),
            ephemeral_resources: BTreeMap::new(),
            functions: BTreeMap::new(),
        }
    }
}

impl<C: Send + Sync + 'static> Registry<C> {
    /// Offers a resource type under its full name: `cloud_server`.
    pub fn resource<R: Resource<Client = C>>(&mut self, name: &str, resource: R) -> &mut Self {
        let schema = resource.schema();
        let typed = Typed {
            inner: resource,
            schema,
        };
        self.resources.insert(name.into(), Arc::new(typed));
        self
    }

    /// Offers a data source under its full name.
    pub fn data_source<D: DataSource<Client = C>>(&mut self, name: &str, data: D) -> &mut Self {
        let schema = data.schema();
        let typed = Typed {
            inner: data,
            schema,
        };
        self.data_sources.insert(name.into(), Arc::new(typed));
        self
    }

    /// Offers an ephemeral resource type under its full name.
    pub fn ephemeral_resource<E: EphemeralResource<Client = C>>(
        &mut self,
        name: &str,
        ephemeral: E,
    ) -> &mut Self {
        let schema = ephemeral.schema();
        let typed = Typed {
            inner: ephemeral,
            schema,
        };
        self.ephemeral_resources
            .insert(name.into(), Arc::new(typed));
        self
    }

    /// Offers a function: `provider::cloud::name(...)`.
    pub fn function<F: Function>(&mut self, name: &str, function: F) -> &mut Self {
        self.functions.insert(name.into(), Arc::new(function));
        self
    }
}
