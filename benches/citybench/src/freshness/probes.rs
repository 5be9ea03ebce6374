//! Uplinks that can be told apart at every door: the number of a probe is in its frame counter and in its temperature.

use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::json;
use tokio::sync::Notify;

/// The device that sends them; an identifier that no maker has.
const DEV_EUI: &str = "020000000000c17b";
const NAME: &str = "Citybench probe";
/// Temperatures of the probes: 0.01 °C apart, all within what the profile takes as plausible.
const FIRST_TEMPERATURE: f64 = 5.0;
const STEP: f64 = 0.01;
/// More would leave the plausible range.
pub const MOST: u32 = 4_000;
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a probe can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The publisher has its PUBACK.
    Acknowledged,
    /// Pushed: the live stream, or an MQTT subscriber.
    Live,
    /// Asked for: SQL.
    Sql,
}

#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    due: Option<Instant>,
    by_way: [Option<Instant>; 3],
}

/// What is known of every probe. Clones share it.
#[derive(Debug, Clone)]
pub struct Probes {
    seen: Arc<Mutex<Vec<Seen>>>,
    sent: Arc<Notify>,
}

impl Probes {
    /// `count` probes, numbered from 0, none sent.
    pub fn new(count: u32) -> Self {
        let seen = vec![Seen::default(); count.min(MOST) as usize];
        Self { seen: Arc::new(Mutex::new(seen)), sent: Arc::new(Notify::new()) }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        u32::try_from(self.lock().len()).unwrap_or(MOST)
    }

    /// A probe is sent that was due at `due`.
    pub fn send(&self, number: u32, due: Instant) {
        if let Some(seen) = self.lock().get_mut(number as usize) {
            seen.due = Some(due);
        }
        self.sent.notify_one();
    }

    /// A probe was seen now, if it had not been before.
    pub fn see(&self, number: u32, way: Way) {
        if let Some(seen) = self.lock().get_mut(number as usize) {
            seen.by_way[way as usize].get_or_insert_with(Instant::now);
        }
    }

    /// All sent probes up to and including `last` were seen now: they become visible in their order.
    pub fn see_up_to(&self, last: u32, way: Way) {
        let now = Instant::now();
        for seen in self.lock().iter_mut().take(last as usize + 1).filter(|seen| seen.due.is_some()) {
            seen.by_way[way as usize].get_or_insert(now);
        }
    }

    /// Waits until a probe is on its way that was not seen.
    pub async fn outstanding(&self, way: Way) {
        while !self.lock().iter().any(|seen| seen.due.is_some() && seen.by_way[way as usize].is_none()) {
            self.sent.notified().await;
        }
    }

    /// Waits until every probe was seen on every one of `ways`.
    ///
    /// # Errors
    /// When one is not seen in time.
    pub async fn wait_for(&self, ways: &[Way]) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let missing = |way: &Way| self.lock().iter().filter(|seen| seen.by_way[*way as usize].is_none()).count();
            let missing: Vec<_> = ways.iter().map(|way| (*way, missing(way))).filter(|(_, missing)| *missing > 0).collect();
            if missing.is_empty() {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "probes were not seen within {PATIENCE:?}: {missing:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Milliseconds from due to seen, of each probe.
    pub fn times_ms(&self, way: Way) -> Vec<f64> {
        let seen = self.lock();
        let times = seen.iter().filter_map(|seen| Some(seen.by_way[way as usize]?.saturating_duration_since(seen.due?)));
        times.map(|time| time.as_secs_f64() * 1000.0).collect()
    }
}

/// The temperature that stands for a probe.
pub fn temperature(number: u32) -> f64 {
    // Written with two decimals and read again: the number that a sensor's decimal text stands for.
    format!("{:.2}", FIRST_TEMPERATURE + STEP * f64::from(number)).parse().unwrap_or(FIRST_TEMPERATURE)
}

/// The probe that a temperature stands for, if any.
pub fn number_of(temperature: f64) -> Option<u32> {
    let number = ((temperature - FIRST_TEMPERATURE) / STEP).round();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was checked")]
    (0.0..f64::from(MOST)).contains(&number).then_some(number as u32)
}

/// Topic of the probes.
pub fn topic() -> String {
    format!("application/6b1f3c1e-0000-4000-8000-00000000c17b/device/{DEV_EUI}/event/up")
}

/// The station that the platform makes of the device, as a condition on `things`.
pub fn station_name() -> &'static str {
    NAME
}

/// A ChirpStack v4 uplink with this temperature, measured now.
#[allow(clippy::disallowed_methods, reason = "a network server puts the wall clock into its messages")]
pub fn message(f_cnt: u32, temperature: f64) -> Vec<u8> {
    let time = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, false);
    let message = json!({
        "deduplicationId": format!("c17b0000-0000-4000-8000-{f_cnt:012x}"),
        "time": time,
        "deviceInfo": {
            "tenantId": "t", "tenantName": "town", "applicationId": "a", "applicationName": "climate", "deviceProfileId": "p",
            "deviceProfileName": "Milesight EM300-TH", "deviceName": NAME, "devEui": DEV_EUI, "deviceClassEnabled": "CLASS_A",
            "tags": { "lat": "52.0312", "lon": "9.9345" }
        },
        "devAddr": "01c17b00", "adr": true, "dr": 5, "fCnt": f_cnt, "fPort": 85, "confirmed": false,
        "data": "A2fXAARoYA==", "object": { "temperature": temperature, "humidity": 48.0 },
        "rxInfo": [{ "gatewayId": "0016c001f153a14c", "uplinkId": f_cnt, "nsTime": time, "rssi": -97, "snr": 7.5, "crcStatus": "CRC_OK" }],
        "txInfo": { "frequency": 868_100_000, "modulation": { "lora": { "bandwidth": 125_000, "spreadingFactor": 7, "codeRate": "CR_4_5" } } }
    });
    message.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_probe_is_known_by_its_temperature() {
        for number in 0..MOST {
            assert_eq!(number_of(temperature(number)), Some(number));
        }
        assert_eq!((number_of(-40.0), number_of(99.0)), (None, None));
    }

    #[test]
    fn a_probe_counts_from_its_due_time_to_its_first_sight() {
        let probes = Probes::new(3);
        let before = Instant::now();
        probes.send(0, before);
        probes.send(1, before);
        probes.see_up_to(2, Way::Sql);
        let first = probes.times_ms(Way::Sql);
        assert_eq!(first.len(), 2, "what was not sent was not seen");
        let since = before.elapsed().as_secs_f64() * 1000.0;
        assert!(first.iter().all(|time| (0.0..=since).contains(time)), "{first:?} after {since}");
        probes.see(0, Way::Sql);
        assert_eq!(probes.times_ms(Way::Sql), first, "only the first sight counts");
    }
}
