//! How many connections may be open, in all and per peer. Slots are taken before a byte is read and given back on drop.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::peer::PeerAddr;

/// Counts open connections.
#[derive(Debug)]
pub(super) struct Admission {
    max_connections: usize,
    max_per_peer: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_peer: HashMap<IpAddr, usize>,
}

/// Why a connection was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    Endpoint,
    Peer,
}

/// One open connection.
#[derive(Debug)]
pub(super) struct Slot {
    admission: Arc<Admission>,
    peer: Option<IpAddr>,
}

impl Admission {
    pub(super) fn new(max_connections: usize, max_per_peer: usize) -> Self {
        Self { max_connections, max_per_peer, open: Mutex::default() }
    }

    /// Takes a slot. Peers on this machine count towards the total only: they are our own load generators and gateways.
    pub(super) fn admit(self: &Arc<Self>, peer: &PeerAddr) -> Result<Slot, Full> {
        let counted = (!peer.is_local()).then(|| peer.network());
        let mut open = self.lock();
        if open.total >= self.max_connections {
            return Err(Full::Endpoint);
        }
        if let Some(network) = counted {
            let of_peer = open.by_peer.entry(network).or_default();
            if *of_peer >= self.max_per_peer {
                return Err(Full::Peer);
            }
            *of_peer += 1;
        }
        open.total += 1;
        drop(open);
        Ok(Slot { admission: Arc::clone(self), peer: counted })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.admission.lock();
        open.total = open.total.saturating_sub(1);
        if let Some(network) = self.peer
            && let Some(of_peer) = open.by_peer.get_mut(&network)
        {
            *of_peer = of_peer.saturating_sub(1);
            if *of_peer == 0 {
                open.by_peer.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_peer_cannot_take_every_place() {
        let admission = Arc::new(Admission::new(3, 2));
        let remote = PeerAddr::tcp("192.0.2.1:1".parse().unwrap());
        let other = PeerAddr::tcp("192.0.2.2:1".parse().unwrap());
        let first = admission.admit(&remote).unwrap();
        let _second = admission.admit(&remote).unwrap();
        assert_eq!(admission.admit(&remote).unwrap_err(), Full::Peer);
        let _third = admission.admit(&other).unwrap();
        assert_eq!(admission.admit(&other).unwrap_err(), Full::Endpoint);
        drop(first);
        drop(admission.admit(&remote).unwrap());
        assert_eq!(admission.lock().by_peer.len(), 2);
    }
}
