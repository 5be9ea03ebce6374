//! The one access policy: which datastreams a role sees. Everything else follows from it.

use std::sync::Arc;

use stadtwarte_model::entity::Datastream;
use stadtwarte_model::{DatastreamId, Role};
use stadtwarte_store::RegistryState;

/// The datastreams that one role sees, as a bit per identifier.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Visible {
    words: Arc<[u64]>,
    /// Whether nothing is hidden, so that scans need not look.
    everything: bool,
}

impl Visible {
    pub fn to(role: Role, registry: &RegistryState) -> Self {
        let len = registry.datastreams.get_max().map_or(0, |(id, _)| id.index() + 1);
        let mut words = vec![0_u64; len.div_ceil(64)];
        let mut everything = true;
        for datastream in registry.datastreams.values() {
            if role.sees(registry.visibility_of(datastream)) {
                words[datastream.id.index() / 64] |= 1 << (datastream.id.index() % 64);
            } else {
                everything = false;
            }
        }
        Self { words: words.into(), everything }
    }

    /// Whether a datastream is seen. One that was registered after this was made is not.
    pub fn contains(&self, id: DatastreamId) -> bool {
        self.contains_number(id.as_i64())
    }

    pub fn contains_number(&self, id: i64) -> bool {
        usize::try_from(id).is_ok_and(|id| self.words.get(id / 64).is_some_and(|word| word >> (id % 64) & 1 == 1))
    }

    pub fn is_everything(&self) -> bool {
        self.everything
    }

    pub fn filter<'a>(&'a self, datastreams: impl Iterator<Item = &'a Arc<Datastream>>) -> impl Iterator<Item = &'a Arc<Datastream>> {
        datastreams.filter(|datastream| self.contains(datastream.id))
    }
}
