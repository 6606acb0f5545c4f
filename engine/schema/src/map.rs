use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::{Schema, Str};

/// Schemas by name, each laid out when it is first asked for: large providers have thousands of
/// which a configuration uses a few.
#[derive(Clone, Default)]
pub struct SchemaMap(BTreeMap<Str, Entry>);

#[derive(Clone)]
struct Entry {
    schema: Arc<OnceLock<Arc<Schema>>>,
    load: Option<Load>,
}

/// Lays a schema out.
type Load = Arc<dyn Fn() -> Arc<Schema> + Send + Sync>;

impl SchemaMap {
    /// The schema of a name.
    pub fn get(&self, name: &str) -> Option<Arc<Schema>> {
        let entry = self.0.get(name)?;
        let schema = entry.schema.get_or_init(|| match &entry.load {
            Some(load) => load(),
            None => Arc::default(),
        });
        Some(Arc::clone(schema))
    }

    /// Adds a schema.
    pub fn insert(&mut self, name: impl Into<Str>, schema: Arc<Schema>) {
        let cell = OnceLock::from(schema);
        self.0.insert(
            name.into(),
            Entry {
                schema: Arc::new(cell),
                load: None,
            },
        );
    }

    /// Adds a schema that is laid out when it is first asked for.
    pub fn insert_lazy(
        &mut self,
        name: impl Into<Str>,
        load: impl Fn() -> Arc<Schema> + Send + Sync + 'static,
    ) {
        let entry = Entry {
            schema: Arc::default(),
            load: Some(Arc::new(load)),
        };
        self.0.insert(name.into(), entry);
    }

    /// Whether there is a schema of a name.
    pub fn contains_key(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// All names in order.
    pub fn keys(&self) -> impl Iterator<Item = &Str> {
        self.0.keys()
    }

    /// All schemas in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&Str, Arc<Schema>)> {
        self.0
            .keys()
            .filter_map(|name| Some((name, self.get(name)?)))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Str, Arc<Schema>)> for SchemaMap {
    fn from_iter<T: IntoIterator<Item = (Str, Arc<Schema>)>>(schemas: T) -> Self {
        let mut map = Self::default();
        for (name, schema) in schemas {
            map.insert(name, schema);
        }
        map
    }
}

impl<const N: usize> From<[(Str, Arc<Schema>); N]> for SchemaMap {
    fn from(schemas: [(Str, Arc<Schema>); N]) -> Self {
        schemas.into_iter().collect()
    }
}

impl fmt::Debug for SchemaMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
