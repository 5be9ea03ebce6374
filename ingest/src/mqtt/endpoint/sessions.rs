//! Which client identifiers are connected, and takeover by a newcomer with the same one (3.1.4-2 in both versions).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// Client identifiers live in the name space of their principal: nobody can throw out somebody else's client by guessing
/// its identifier.
type Key = (Arc<str>, String);

/// The connected client identifiers. Bounded by the connection limit.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    open: Mutex<Registry>,
}

#[derive(Debug, Default)]
struct Registry {
    sessions: HashMap<Key, (u64, CancellationToken)>,
    last_number: u64,
}

/// The place of one connection; given back when dropped.
#[derive(Debug)]
pub(super) struct SessionPlace {
    registry: Arc<Sessions>,
    key: Key,
    number: u64,
    taken_over: CancellationToken,
}

impl Sessions {
    /// Registers a client identifier and tells the connection that had it before, if there is one, to go.
    pub(super) fn open(self: &Arc<Self>, principal: &Arc<str>, client_id: &str) -> SessionPlace {
        let key = (Arc::clone(principal), client_id.to_owned());
        let taken_over = CancellationToken::new();
        let (number, previous) = {
            let mut registry = self.lock();
            registry.last_number += 1;
            let number = registry.last_number;
            (number, registry.sessions.insert(key.clone(), (number, taken_over.clone())))
        };
        if let Some((_, previous)) = previous {
            previous.cancel();
        }
        SessionPlace { registry: Arc::clone(self), key, number, taken_over }
    }

    /// A client identifier for a client that sent none. Unique while this process lives, which is as long as any session does.
    pub(super) fn assign_client_id(&self) -> String {
        let mut registry = self.lock();
        registry.last_number += 1;
        format!("stadtwarte-{}", registry.last_number)
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SessionPlace {
    /// Cancelled when another connection took this place.
    pub(super) fn taken_over(&self) -> &CancellationToken {
        &self.taken_over
    }
}

impl Drop for SessionPlace {
    fn drop(&mut self) {
        let mut registry = self.registry.lock();
        if registry.sessions.get(&self.key).is_some_and(|(number, _)| *number == self.number) {
            registry.sessions.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newcomer_takes_the_place_and_the_old_connection_does_not_take_it_back_when_it_ends() {
        let sessions = Arc::new(Sessions::default());
        let principal: Arc<str> = Arc::from("gateway");
        let first = sessions.open(&principal, "a");
        let second = sessions.open(&principal, "a");
        assert!(first.taken_over().is_cancelled());
        drop(first);
        assert!(!second.taken_over().is_cancelled());
        let third = sessions.open(&principal, "a");
        assert!(second.taken_over().is_cancelled());
        drop((second, third));
        assert!(sessions.lock().sessions.is_empty());
    }

    #[test]
    fn the_same_identifier_of_another_principal_is_another_client() {
        let sessions = Arc::new(Sessions::default());
        let first = sessions.open(&Arc::from("one"), "a");
        let _second = sessions.open(&Arc::from("two"), "a");
        assert!(!first.taken_over().is_cancelled());
    }
}
