//! Who may subscribe to what at the endpoint. Deliveries (`SensorThings` over MQTT) come with a later issue; until then the
//! default refuses every filter, truthfully, instead of granting a subscription that never delivers.

use crate::mqtt::TopicFilter;

use super::auth::Principal;

/// The answer to one filter of a SUBSCRIBE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscribeDecision {
    /// Refused: 0x80 in MQTT 3.1.1, 0x87 (not authorized) in MQTT 5.
    Refuse,
    /// Granted with quality of service 0.
    GrantAtMostOnce,
}

/// Decides about subscriptions.
pub trait Subscriptions: Send + Sync + 'static {
    /// Whether this subscriber may have this filter.
    fn authorize(&self, subscriber: &Principal, filter: &TopicFilter) -> SubscribeDecision;
}

/// Refuses every filter.
#[derive(Debug, Default)]
pub struct NoSubscriptions;

impl Subscriptions for NoSubscriptions {
    fn authorize(&self, _: &Principal, _: &TopicFilter) -> SubscribeDecision {
        SubscribeDecision::Refuse
    }
}
