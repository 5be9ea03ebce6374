//! Counters of the pipeline.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

type Labels = [(&'static str, &'static str); 1];

/// What became of messages. Labels are fixed names of the program, never devices.
#[derive(Debug, Default)]
pub struct IngestMetrics {
    uplinks: Counter,
    observations: Counter,
    events: Family<Labels, Counter>,
    quarantined: Family<Labels, Counter>,
}

impl IngestMetrics {
    /// Adds every counter to a registry.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("ingest");
        registry.register("uplinks", "Uplinks made durable", self.uplinks.clone());
        registry.register("observations", "Observations read from uplinks and made durable", self.observations.clone());
        registry.register("events", "Messages of network servers that are no uplinks, by kind", self.events.clone());
        registry.register("quarantined", "Messages kept in quarantine, by reason", self.quarantined.clone());
    }

    pub(crate) fn count_stored(&self, observations: usize) {
        self.uplinks.inc();
        self.observations.inc_by(observations as u64);
    }

    pub(crate) fn count_event(&self, kind: &'static str) {
        self.events.get_or_create(&[("kind", kind)]).inc();
    }

    pub(crate) fn count_quarantined(&self, reason: &'static str) {
        self.quarantined.get_or_create(&[("reason", reason)]).inc();
    }
}

#[cfg(test)]
impl IngestMetrics {
    pub(crate) fn quarantined(&self, reason: &'static str) -> u64 {
        self.quarantined.get_or_create(&[("reason", reason)]).get()
    }

    pub(crate) fn all_events(&self) -> u64 {
        use crate::dialect::EventKind::*;
        let kinds = [Join, Status, Ack, TxAck, Log, Location, Integration, Downlink, NormalizedUplink, Other];
        kinds.iter().map(|kind| self.events.get_or_create(&[("kind", kind.as_str())]).get()).sum()
    }
}
