//! How a connection ends: what is still done, and for how long.

use tokio::time::Instant;

use super::codec::CloseReason;
use super::options::EndpointOptions;

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    PeerClosed,
    PeerDisconnected,
    /// Reading or writing failed.
    Broken,
    WriteStalled,
    /// The intake refused a message for now, or a 3.1.1 message for good. It stays with the publisher only while it is not answered.
    Refused,
    /// We close, for this reason.
    Closed(CloseReason),
}

impl Cause {
    /// Whether receipts are still awaited and acknowledged. What was read before a mistake is answered: otherwise a publisher
    /// whose next message breaks a rule sends the good ones before it again and again.
    fn settles(self) -> bool {
        match self {
            Self::PeerClosed => true,
            Self::Closed(reason) => !matches!(reason, CloseReason::TakenOver | CloseReason::StoreFailed | CloseReason::KeepAliveTimeout),
            Self::PeerDisconnected | Self::Broken | Self::WriteStalled | Self::Refused => false,
        }
    }
}

/// The end of a connection: nothing more is read; what was read gets its time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending {
    pub(super) cause: Cause,
    /// Whether receipts are still awaited and acknowledged.
    pub(super) settles: bool,
    /// Not closed before.
    pub(super) hold_until: Instant,
    /// Closed then, whatever is still under way.
    pub(super) deadline: Instant,
}

impl Ending {
    pub(super) fn new(cause: Cause, options: &EndpointOptions) -> Self {
        let now = Instant::now();
        // Who comes back at once comes back with the same message.
        let is_held = matches!(cause, Cause::Refused | Cause::Closed(CloseReason::PacketTooLarge));
        let hold_until = if is_held { now + options.refusal_pause } else { now };
        Self { cause, settles: cause.settles(), hold_until, deadline: hold_until.max(now + options.drain_timeout) }
    }

    /// Something else happens during the end: once a message was refused, later ones must not be acknowledged.
    pub(super) fn tighten(&mut self, other: Self) {
        if self.settles && !other.settles {
            *self = Self { deadline: self.deadline.max(other.hold_until), ..other };
        } else if !other.can_write() {
            self.cause = other.cause;
        }
    }

    /// Whether the peer still takes what we write.
    pub(super) fn can_write(self) -> bool {
        !matches!(self.cause, Cause::Broken | Cause::WriteStalled)
    }
}
