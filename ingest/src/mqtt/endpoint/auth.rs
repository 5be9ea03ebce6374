//! Who may connect, and on which topics they may publish.
//!
//! | peer | sends | credentials configured | answer |
//! |---|---|---|---|
//! | local | no user name | either | accepted as `anonymous` while `anonymous_loopback` is on |
//! | local | user name | no | accepted as `anonymous` while `anonymous_loopback` is on |
//! | any | user name | yes | what the verifier says |
//! | remote | no user name | either | refused: not authorized |
//! | remote | user name | no | refused: bad user name or password |
//!
//! Local means a direct connection from this machine, see [`PeerAddr::is_local`].

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::Instant;

use super::failures::FailureLimit;
use super::peer::PeerAddr;
use crate::mqtt::TopicFilter;

/// The name under which a publisher is known after login.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Principal(Arc<str>);

impl Principal {
    /// A principal of this name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn name(&self) -> &Arc<str> {
        &self.0
    }
}

/// On which topics a principal may publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicScope {
    /// On every topic.
    Any,
    /// On topics that fall under one of these filters.
    Under(Vec<TopicFilter>),
}

impl TopicScope {
    /// Whether a topic is inside.
    #[must_use]
    pub fn permits(&self, topic: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Under(filters) => filters.iter().any(|filter| filter.matches(topic)),
        }
    }
}

/// What a login gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Who it is.
    pub principal: Principal,
    /// Where they may publish.
    pub publish: TopicScope,
}

/// Why a login was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginRefusal {
    /// User name or password are wrong: 0x04 in MQTT 3.1.1, 0x86 in MQTT 5.
    BadCredentials,
    /// No credential was sent and one is needed: 0x05, 0x87.
    NotAuthorized,
    /// The credentials cannot be checked at the moment: 0x03, 0x88.
    Unavailable,
}

/// The answer to a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Let in.
    Accept(Grant),
    /// Turned away.
    Refuse(LoginRefusal),
}

/// What a client sent to log in.
#[derive(Clone, Copy)]
pub struct Login<'a> {
    /// Where it connects from.
    pub peer: &'a PeerAddr,
    /// Its client identifier, assigned by us when it sent none.
    pub client_id: &'a str,
    /// Its user name.
    pub username: Option<&'a str>,
    /// Its password, any bytes.
    pub password: Option<&'a [u8]>,
}

impl fmt::Debug for Login<'_> {
    /// Leaves the password out: this type ends up in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("peer", self.peer).field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// Decides about logins.
pub trait Authenticator: Send + Sync + 'static {
    /// Answers one login. Called before the connection is told anything; may take as long as `connect_timeout`.
    fn authenticate<'a>(&'a self, login: Login<'a>) -> BoxFuture<'a, Decision>;

    /// Whether a peer that is not local can ever be let in. When not, listening on a reachable address is worth a warning.
    fn admits_remote_peers(&self) -> bool {
        true
    }
}

/// Checks a user name and a password, for example against hashed API keys.
pub trait CredentialVerifier: Send + Sync + 'static {
    /// `Ok(None)` when they are wrong.
    ///
    /// # Errors
    /// [`VerifierUnavailable`] when they cannot be checked at the moment.
    fn verify<'a>(&'a self, username: &'a str, password: &'a [u8]) -> BoxFuture<'a, Result<Option<Grant>, VerifierUnavailable>>;
}

/// The credentials cannot be checked at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("credentials cannot be checked at the moment")]
pub struct VerifierUnavailable;

/// Settings of [`AuthPolicy`].
#[derive(Debug, Clone)]
pub struct AuthPolicyOptions {
    /// Let processes on this machine publish without a login. Default true.
    pub anonymous_loopback: bool,
    /// Time after which every refusal is answered, whatever it took to find out. Default 1 s.
    pub refusal_delay: Duration,
    /// Failed logins per remote address and window after which further ones are refused unchecked. Default 10.
    pub max_failures: u32,
    /// The window of `max_failures`. Default 60 s.
    pub failure_window: Duration,
    /// Remote addresses remembered for `max_failures`; the oldest is forgotten. Default 4096.
    pub max_tracked_peers: usize,
}

impl Default for AuthPolicyOptions {
    fn default() -> Self {
        Self {
            anonymous_loopback: true,
            refusal_delay: Duration::from_secs(1),
            max_failures: 10,
            failure_window: Duration::from_mins(1),
            max_tracked_peers: 4096,
        }
    }
}

/// Local publishers without a login, everybody else with one.
pub struct AuthPolicy {
    options: AuthPolicyOptions,
    verifier: Option<Arc<dyn CredentialVerifier>>,
    failures: FailureLimit<IpAddr>,
}

impl AuthPolicy {
    /// A policy; without a verifier every remote login is refused.
    #[must_use]
    pub fn new(options: AuthPolicyOptions, verifier: Option<Arc<dyn CredentialVerifier>>) -> Self {
        let failures = FailureLimit::new(options.max_failures, options.failure_window, options.max_tracked_peers);
        Self { options, verifier, failures }
    }

    fn admits_anonymously(&self, peer: &PeerAddr) -> bool {
        self.options.anonymous_loopback && peer.is_local()
    }

    async fn decide(&self, login: Login<'_>) -> Decision {
        let Some(username) = login.username else {
            return if self.admits_anonymously(login.peer) { anonymous() } else { Decision::Refuse(LoginRefusal::NotAuthorized) };
        };
        let Some(verifier) = &self.verifier else {
            return if self.admits_anonymously(login.peer) { anonymous() } else { Decision::Refuse(LoginRefusal::BadCredentials) };
        };
        // Loopback is not counted: behind a reverse proxy it would be everybody, and one attacker could lock out all.
        let counted = (!login.peer.network().is_loopback()).then(|| login.peer.network());
        if counted.is_some_and(|network| self.failures.is_exceeded(&network)) {
            return Decision::Refuse(LoginRefusal::BadCredentials);
        }
        match verifier.verify(username, login.password.unwrap_or_default()).await {
            Ok(Some(grant)) => Decision::Accept(grant),
            Ok(None) => {
                if let Some(network) = counted {
                    self.failures.record(network);
                }
                Decision::Refuse(LoginRefusal::BadCredentials)
            }
            Err(VerifierUnavailable) => Decision::Refuse(LoginRefusal::Unavailable),
        }
    }
}

fn anonymous() -> Decision {
    Decision::Accept(Grant { principal: Principal::new("anonymous"), publish: TopicScope::Any })
}

impl fmt::Debug for AuthPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthPolicy").field("options", &self.options).field("verifier", &self.verifier.is_some()).finish_non_exhaustive()
    }
}

impl Authenticator for AuthPolicy {
    fn authenticate<'a>(&'a self, login: Login<'a>) -> BoxFuture<'a, Decision> {
        Box::pin(async move {
            let answered_at = Instant::now() + self.options.refusal_delay;
            let decision = self.decide(login).await;
            if matches!(decision, Decision::Refuse(_)) {
                // The same time for a wrong user, a wrong password and a locked address: the answer teaches nothing, and
                // guessing costs a connection slot for that long.
                tokio::time::sleep_until(answered_at).await;
            }
            decision
        })
    }

    fn admits_remote_peers(&self) -> bool {
        self.verifier.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Knows one user; counts how often it is asked.
    #[derive(Default)]
    struct OneUser {
        asked: AtomicUsize,
    }

    impl CredentialVerifier for OneUser {
        fn verify<'a>(&'a self, username: &'a str, password: &'a [u8]) -> BoxFuture<'a, Result<Option<Grant>, VerifierUnavailable>> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let known = username == "gateway" && password == b"secret";
            Box::pin(async move { Ok(known.then(|| Grant { principal: Principal::new("gateway"), publish: TopicScope::Any })) })
        }
    }

    const LOCAL: &str = "127.0.0.1:1";
    const REMOTE: &str = "192.0.2.1:1";

    async fn answer(policy: &AuthPolicy, peer: &str, username: Option<&str>, password: &str) -> Result<String, LoginRefusal> {
        let peer = PeerAddr::tcp(peer.parse().unwrap());
        let login = Login { peer: &peer, client_id: "c", username, password: Some(password.as_bytes()) };
        match policy.authenticate(login).await {
            Decision::Accept(grant) => Ok(grant.principal.as_str().to_owned()),
            Decision::Refuse(refusal) => Err(refusal),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_table_of_answers_holds() {
        let with = AuthPolicy::new(AuthPolicyOptions::default(), Some(Arc::new(OneUser::default())));
        let without = AuthPolicy::new(AuthPolicyOptions::default(), None);
        let closed = AuthPolicy::new(AuthPolicyOptions { anonymous_loopback: false, ..AuthPolicyOptions::default() }, None);
        let anonymous = || Ok("anonymous".to_owned());
        assert_eq!(answer(&with, LOCAL, None, "").await, anonymous());
        assert_eq!(answer(&without, LOCAL, Some("x"), "y").await, anonymous());
        assert_eq!(answer(&with, LOCAL, Some("x"), "y").await, Err(LoginRefusal::BadCredentials));
        assert_eq!(answer(&with, REMOTE, Some("gateway"), "secret").await, Ok("gateway".to_owned()));
        assert_eq!(answer(&with, REMOTE, Some("gateway"), "wrong").await, Err(LoginRefusal::BadCredentials));
        assert_eq!(answer(&with, REMOTE, None, "").await, Err(LoginRefusal::NotAuthorized));
        assert_eq!(answer(&without, REMOTE, Some("gateway"), "secret").await, Err(LoginRefusal::BadCredentials));
        assert_eq!(answer(&closed, LOCAL, None, "").await, Err(LoginRefusal::NotAuthorized));
        assert!(with.admits_remote_peers());
        assert!(!without.admits_remote_peers());
    }

    #[tokio::test(start_paused = true)]
    async fn guessing_stops_being_checked_but_is_answered_alike() {
        let verifier = Arc::new(OneUser::default());
        let policy = AuthPolicy::new(AuthPolicyOptions::default(), Some(Arc::clone(&verifier) as Arc<dyn CredentialVerifier>));
        for _ in 0..30 {
            let started = Instant::now();
            assert_eq!(answer(&policy, REMOTE, Some("gateway"), "guess").await, Err(LoginRefusal::BadCredentials));
            assert_eq!(started.elapsed(), Duration::from_secs(1));
        }
        assert_eq!(verifier.asked.load(Ordering::SeqCst), 10);
        // Locked out even with the right password, until the window has passed; others are not affected.
        assert_eq!(answer(&policy, REMOTE, Some("gateway"), "secret").await, Err(LoginRefusal::BadCredentials));
        assert!(answer(&policy, "192.0.2.2:1", Some("gateway"), "secret").await.is_ok());
        tokio::time::advance(Duration::from_mins(1)).await;
        assert!(answer(&policy, REMOTE, Some("gateway"), "secret").await.is_ok());
    }

    #[test]
    fn a_login_in_a_log_line_shows_no_password() {
        let peer = PeerAddr::tcp(LOCAL.parse().unwrap());
        let login = Login { peer: &peer, client_id: "c", username: Some("u"), password: Some(b"topsecret") };
        assert!(!format!("{login:?}").contains("topsecret"));
        assert!(!format!("{login:?}").contains("116, 111, 112"));
    }

    #[test]
    fn a_scope_permits_only_topics_under_its_filters() {
        let scope = TopicScope::Under(vec![TopicFilter::try_new("gateway/7/#").unwrap()]);
        assert!(scope.permits("gateway/7/up"));
        assert!(!scope.permits("gateway/8/up"));
    }
}
