//! When messages are due.

use super::NETWORK_LEAD_US;
use super::options::{Clock, Options, Pace};
use crate::simulate::fleet::Fleet;
use crate::simulate::numeric::{bits, float, float_len, float_u64, len_u64, micros, to_i64};
use crate::simulate::random::{Dice, hash, signed};
use crate::simulate::traffic::{Generator, Message};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The longest wait for anything that is not known yet, such as delayed copies.
const LONGEST_WAIT: Duration = Duration::from_millis(200);

/// Hands out messages when they are due.
#[derive(Debug)]
pub(crate) struct Schedule {
    start: Instant,
    plan: Plan,
}

#[derive(Debug)]
enum Plan {
    Rate { per_s: f64, handed_out: u64 },
    City(City),
}

/// The calendar of a city: the next report of every device, in simulated time.
#[derive(Debug)]
struct City {
    fleet: Arc<Fleet>,
    speed_up: f64,
    start_us: i64,
    /// Due time and device, earliest first.
    queue: BinaryHeap<Reverse<(i64, usize)>>,
}

impl Schedule {
    pub(crate) fn new(fleet: &Arc<Fleet>, options: &Options, start_us: i64, start: Instant) -> Self {
        let plan = match options.pace {
            Pace::Rate { per_s } => Plan::Rate { per_s: per_s.max(1e-3), handed_out: 0 },
            Pace::City { speed_up, burst } => Plan::City(City::new(Arc::clone(fleet), speed_up.max(1e-3), burst, start_us)),
        };
        Self { start, plan }
    }

    /// The next message that is due and since when, or the time to ask again.
    pub(crate) fn next(&mut self, generator: &mut Generator, clock: &Clock, now: Instant) -> Result<(Message, Instant), Instant> {
        match &mut self.plan {
            Plan::Rate { per_s, handed_out } => {
                let due = self.start + Duration::from_secs_f64(float_u64(*handed_out) / *per_s);
                if due > now {
                    return Err(due);
                }
                *handed_out += 1;
                generator.next_in_turn(clock.now_us() - NETWORK_LEAD_US).map(|message| (message, due)).ok_or(now + LONGEST_WAIT)
            }
            Plan::City(city) => city.next(generator, self.start, now),
        }
    }
}

impl City {
    fn new(fleet: Arc<Fleet>, speed_up: f64, burst: Duration, start_us: i64) -> Self {
        let mut order: Vec<usize> = (0..fleet.devices.len()).collect();
        Dice::new(fleet.seed, "burst").shuffle(&mut order);
        let spread_us = micros(burst.as_secs_f64() * speed_up);
        let count = float_len(order.len().max(1));
        let first = order
            .iter()
            .enumerate()
            .map(|(place, device)| Reverse((start_us + to_i64(float(spread_us) * float_len(place) / count), *device)));
        let queue = first.collect();
        Self { fleet, speed_up, start_us, queue }
    }

    fn next(&mut self, generator: &mut Generator, start: Instant, now: Instant) -> Result<(Message, Instant), Instant> {
        let now_us = self.start_us + micros(now.saturating_duration_since(start).as_secs_f64() * self.speed_up);
        loop {
            if let Some(message) = generator.pop(now_us) {
                return Ok((message, now));
            }
            let next_us = self.queue.peek().map(|Reverse((due_us, _))| *due_us);
            match next_us {
                Some(due_us) if due_us <= now_us => {
                    let Some(Reverse((due_us, device))) = self.queue.pop() else { return Err(now + LONGEST_WAIT) };
                    self.queue.push(Reverse((self.after(device, due_us), device)));
                    generator.report(device, due_us);
                    if let Some(message) = generator.pop(due_us) {
                        return Ok((message, self.instant(start, due_us)));
                    }
                }
                Some(due_us) => return Err(self.instant(start, due_us).min(now + LONGEST_WAIT)),
                None => return Err(now + LONGEST_WAIT),
            }
        }
    }

    fn instant(&self, start: Instant, at_us: i64) -> Instant {
        start + Duration::from_secs_f64((float(at_us - self.start_us) / 1e6 / self.speed_up).max(0.0))
    }

    /// The next report of a device after a moment: its slots have its interval and phase, and come a little early or late.
    fn after(&self, device_index: usize, at_us: i64) -> i64 {
        let Some(device) = self.fleet.devices.get(device_index) else { return i64::MAX };
        let interval_us = device.interval_us();
        let phase_us = to_i64(float(interval_us) * device.phase);
        let slot = (at_us - phase_us).div_euclid(interval_us) + 1;
        let jitter_us = to_i64(float(interval_us) * 0.01 * signed(hash(device.site.seed ^ len_u64(device_index), bits(slot))));
        let due_us = slot * interval_us + phase_us + jitter_us;
        // A slot that jitter moved before the last report is skipped.
        if due_us > at_us + interval_us / 10 { due_us } else { due_us + interval_us }
    }
}
