//! Logins of remote publishers: the password is an API key that may publish.

use futures::FutureExt;
use futures::future::BoxFuture;
use stadtwarte_ingest::mqtt::endpoint::{CredentialVerifier, Grant, Principal, TopicScope, VerifierUnavailable};
use stadtwarte_store::Store;

/// Checks keys against the registry. The user name is free, gateways put what they like, so it says nothing about who they are: the
/// principal is the key.
pub(crate) struct KeyVerifier {
    store: Store,
}

impl KeyVerifier {
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

impl CredentialVerifier for KeyVerifier {
    fn verify<'a>(&'a self, _username: &'a str, password: &'a [u8]) -> BoxFuture<'a, Result<Option<Grant>, VerifierUnavailable>> {
        let registry = self.store.registry().state();
        let key = std::str::from_utf8(password).ok().and_then(|presented| registry.key(presented));
        let grant = key
            .filter(|key| key.role.may_publish())
            .map(|key| Grant { principal: Principal::new(format!("key {}", key.id)), publish: TopicScope::Any });
        futures::future::ready(Ok(grant)).boxed()
    }
}
