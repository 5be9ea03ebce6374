//! Logins of remote publishers: the password is an API key that may publish.

use futures::FutureExt;
use futures::future::BoxFuture;
use stadtwarte_ingest::mqtt::endpoint::{CredentialVerifier, Grant, Principal, TopicScope, VerifierUnavailable};
use stadtwarte_store::Store;

/// Checks keys against the registry. The user name is free: gateways put what they like.
pub(crate) struct KeyVerifier {
    store: Store,
}

impl KeyVerifier {
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

impl CredentialVerifier for KeyVerifier {
    fn verify<'a>(&'a self, username: &'a str, password: &'a [u8]) -> BoxFuture<'a, Result<Option<Grant>, VerifierUnavailable>> {
        let registry = self.store.registry().state();
        let role = std::str::from_utf8(password).ok().and_then(|key| registry.role_of_key(key));
        let grant = role.filter(|role| role.may_publish()).map(|_| Grant { principal: Principal::new(username), publish: TopicScope::Any });
        futures::future::ready(Ok(grant)).boxed()
    }
}
