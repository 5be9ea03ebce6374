//! The highest rate that is sustained: one rate after the other until the acknowledgements fall behind.

use anyhow::Context;

use super::measure;
use crate::bench::Bench;
use crate::conditions::Conditions;
use crate::generator::Sent;
use crate::report::Section;
use crate::rounds::{Both, Side, order};
use crate::statistics::{Of, Summary};

/// Part of the rate that must be reached, and how late an acknowledgement may be, for a rate to count as sustained.
const REACHED: f64 = 0.97;
const LATE_MS: f64 = 1000.0;

/// How far a side came.
#[derive(Debug, Clone, Copy)]
struct Climb {
    /// The highest rate that was sustained; 0 for none.
    sustained: u32,
    /// The most that was acknowledged per second at any rate.
    most_per_s: f64,
}

/// Climbs with both sides.
///
/// # Errors
/// As the workload itself; that a rate is too high is no error.
pub async fn run(bench: &Bench) -> anyhow::Result<Section> {
    let mut both: Both<Climb, Climb> = Both::default();
    let mut conditions = Conditions::default();
    for side in order(bench.sizes.repeats) {
        conditions.look(bench).await?;
        let climb = climb(bench, side).await?;
        match side {
            Side::Platform => both.platform.push(climb),
            Side::Control => both.control.push(climb),
        }
    }
    section(bench, &both, &conditions)
}

async fn climb(bench: &Bench, side: Side) -> anyhow::Result<Climb> {
    let mut reached = Climb { sustained: 0, most_per_s: 0.0 };
    for rate in &bench.sizes.ladder {
        bench.progress(&format!("highest rate, {rate}/s for {} s, {side:?}", bench.sizes.ladder_s));
        let sent = measure(bench, side, *rate, bench.sizes.ladder_s).await?.sent;
        reached.most_per_s = reached.most_per_s.max(sent.acknowledged_per_s);
        if !is_sustained(*rate, &sent) {
            break;
        }
        reached.sustained = *rate;
    }
    Ok(reached)
}

fn is_sustained(rate: u32, sent: &Sent) -> bool {
    sent.unacknowledged == 0 && sent.acknowledged_per_s >= REACHED * f64::from(rate) && sent.response_p99_ms <= LATE_MS
}

fn section(bench: &Bench, both: &Both<Climb, Climb>, conditions: &Conditions) -> anyhow::Result<Section> {
    let rates: Vec<String> = bench.sizes.ladder.iter().map(ToString::to_string).collect();
    let title =
        format!("Highest rate: {} messages/s in turn, {} s each, until one is not sustained", rates.join(", "), bench.sizes.ladder_s);
    let mut section = Section::new(title, "Mosquitto, acknowledges from memory");
    let figures: [(&str, Of<Climb>); 2] = [
        ("highest of these rates sustained, messages/s", |climb| f64::from(climb.sustained)),
        ("most acknowledged at any of them, messages/s", |climb| climb.most_per_s),
    ];
    for (what, figure) in figures {
        let of = |climbs: &[Climb]| Summary::of(climbs.iter().map(figure)).context("no measurement");
        section.row(what, "", of(&both.platform)?, of(&both.control)?);
    }
    section.note(format!(
        "Sustained: at least {:.0} % of the rate acknowledged, from the start to the last acknowledgement, and p99 from due time to PUBACK \
         within {LATE_MS:.0} ms. Loss and doubles are checked at every rate.",
        REACHED * 100.0
    ));
    section.note(conditions.describe());
    Ok(section)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_sustained_only_when_the_acknowledgements_keep_up() {
        let good = Sent {
            messages: 1000,
            acknowledged: 1000,
            other_percent: 1.0,
            unacknowledged: 0,
            handed_over_per_s: 1000.0,
            acknowledged_per_s: 990.0,
            ack_p50_ms: 5.0,
            ack_p99_ms: 10.0,
            response_p99_ms: 20.0,
            cpu_us: 10.0,
        };
        assert!(is_sustained(1000, &good));
        for bad in
            [Sent { unacknowledged: 1, ..good }, Sent { acknowledged_per_s: 900.0, ..good }, Sent { response_p99_ms: 2000.0, ..good }]
        {
            assert!(!is_sustained(1000, &bad));
        }
    }
}
