//! When messages are due.

use super::NETWORK_LEAD_US;
use super::options::{Clock, Options, Pace};
use crate::simulate::fleet::Fleet;
use crate::simulate::numeric::{float_u64, len_u64};
use crate::simulate::traffic::{Generator, Message};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The longest wait for anything that is not known yet, such as delayed copies.
const LONGEST_WAIT: Duration = Duration::from_millis(200);

/// Reports of every device in a burst: types with two kinds of messages send them in turns.
const BURST_REPORTS: u64 = 2;

/// Rates below this are taken for it, messages per second.
const LEAST_RATE: f64 = 1e-3;

/// Hands out messages when they are due.
#[derive(Debug)]
pub(crate) struct Schedule {
    start: Instant,
    plan: Plan,
}

/// When the next message of a kind is due.
#[derive(Debug)]
enum Plan {
    /// Messages at an even rate.
    Rate { per_s: f64, handed_out: u64 },
    /// Reports: some of every device during the burst, then at an even rate. Joins and status events come with their report.
    Turns { burst: Duration, in_burst: u64, per_s: f64, reports: u64 },
}

impl Schedule {
    pub(crate) fn new(fleet: &Arc<Fleet>, options: &Options, start: Instant) -> Self {
        let plan = match options.pace {
            Pace::Rate { per_s } => Plan::Rate { per_s: per_s.max(LEAST_RATE), handed_out: 0 },
            Pace::Turns { burst, per_s } => {
                let in_burst = len_u64(fleet.devices.len()) * BURST_REPORTS;
                Plan::Turns { burst, in_burst, per_s: per_s.max(LEAST_RATE), reports: 0 }
            }
        };
        Self { start, plan }
    }

    /// The next message that is due and since when, or the time to ask again.
    pub(crate) fn next(&mut self, generator: &mut Generator, clock: &Clock, now: Instant) -> Result<(Message, Instant), Instant> {
        let at_us = || clock.now_us() - NETWORK_LEAD_US;
        match &mut self.plan {
            Plan::Rate { per_s, handed_out } => {
                let due = self.start + Duration::from_secs_f64(float_u64(*handed_out) / *per_s);
                if due > now {
                    return Err(due);
                }
                *handed_out += 1;
                generator.next_in_turn(at_us()).map(|message| (message, due)).ok_or(now + LONGEST_WAIT)
            }
            Plan::Turns { burst, in_burst, per_s, reports } => loop {
                if let Some(message) = generator.pop(at_us()) {
                    return Ok((message, now));
                }
                let due = self.start + turn(*reports, *in_burst, *burst, *per_s);
                if due > now {
                    return Err(due.min(now + LONGEST_WAIT));
                }
                *reports += 1;
                generator.report_in_turn(at_us());
                if let Some(message) = generator.pop(at_us()) {
                    return Ok((message, due));
                }
            },
        }
    }
}

/// How long after the start a report is due.
fn turn(report: u64, in_burst: u64, burst: Duration, per_s: f64) -> Duration {
    match report.checked_sub(in_burst) {
        None => burst.mul_f64(float_u64(report) / float_u64(in_burst.max(1))),
        Some(later) => burst + Duration::from_secs_f64(float_u64(later + 1) / per_s),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_device_has_its_turn_in_the_burst_and_then_the_rate_holds() {
        let at = |report| turn(report, 1_000, Duration::from_secs(2), 10.0);
        assert_eq!((at(0), at(500)), (Duration::ZERO, Duration::from_secs(1)));
        assert_eq!((at(1_000), at(1_009)), (Duration::from_millis(2_100), Duration::from_secs(3)));
        assert_eq!(turn(2, 0, Duration::from_secs(2), 1.0), Duration::from_secs(5), "also without devices");
    }
}
