//! How often things go wrong.

/// Rates of imperfections, each per report, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Faults {
    /// The same message is delivered twice: a broker or bridge repeats it.
    pub duplicate_delivery: f64,
    /// A second uplink message for the same frame arrives from another gateway, with its own identity in ChirpStack.
    pub gateway_copy: f64,
    /// A frame is lost on the air, so that a frame counter is missing.
    pub lost_frame: f64,
    /// The device restarts and joins again: new address, new session, frame counter 0.
    pub rejoin: f64,
    /// A device that is activated by personalisation restarts: frame counter 0 in the same session. Only in ChirpStack, whose messages
    /// still have identities then.
    pub counter_reset: f64,
    /// The clock of a gateway without satellite time is years behind, per reception.
    pub wrong_gateway_clock: f64,
    /// A gateway without satellite time says nothing about the time, per reception.
    pub missing_gateway_time: f64,
    /// A gateway with known position does not say it, per reception.
    pub unknown_gateway_location: f64,
    /// A gateway was offline and delivers a frame 10 to 90 minutes late.
    pub late_frame: f64,
    /// ChirpStack publishes a `status` event beside the uplink.
    pub status_event: f64,
}

impl Faults {
    /// A perfect network.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            duplicate_delivery: 0.0,
            gateway_copy: 0.0,
            lost_frame: 0.0,
            rejoin: 0.0,
            counter_reset: 0.0,
            wrong_gateway_clock: 0.0,
            missing_gateway_time: 0.0,
            unknown_gateway_location: 0.0,
            late_frame: 0.0,
            status_event: 0.0,
        }
    }
}

impl Default for Faults {
    /// Rates as municipal networks see them.
    fn default() -> Self {
        Self {
            duplicate_delivery: 0.004,
            gateway_copy: 0.003,
            lost_frame: 0.012,
            rejoin: 0.000_5,
            counter_reset: 0.000_3,
            wrong_gateway_clock: 0.006,
            missing_gateway_time: 0.35,
            unknown_gateway_location: 0.05,
            late_frame: 0.001,
            status_event: 0.002,
        }
    }
}
