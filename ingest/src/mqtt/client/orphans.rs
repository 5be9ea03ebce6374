//! Releases of QoS 2 messages that the library does not know, because they were received on an earlier connection.
//!
//! We never subscribe with QoS 2, but a session that an earlier program left under our client identifier may hold such messages, and a
//! broker releases (PUBREL) after a reconnect what was received (PUBREC) before it. rumqttc takes a release it does not know for an
//! error and ends the connection, again after every reconnect (#1053). So the identifier is remembered, and the next connection is told that it
//! has received a message under it; then the library answers with PUBCOMP, as 4.3.3 demands.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Packet identifiers, at most the 65,535 there are.
#[derive(Debug, Default)]
pub(super) struct Orphans(Mutex<BTreeSet<u16>>);

impl Orphans {
    /// A connection ended because of this identifier.
    pub(super) fn remember(&self, packet_id: u16) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(packet_id);
    }

    /// What the next connection must know.
    pub(super) fn all(&self) -> Vec<u16> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}
