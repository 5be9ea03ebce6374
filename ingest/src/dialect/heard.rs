//! The gateways that heard a frame, and what their clocks are worth.

use std::cmp::Ordering;

use stadtwarte_model::uplink::{GATEWAY_CLOCK_TOLERANCE_MICROS, Reception};
use stadtwarte_model::{DevEui, Timestamp};

/// Seconds from 1970-01-01 to 1980-01-06, the beginning of GPS time.
const GPS_EPOCH_S: i64 = 315_964_800;

/// Leap seconds that GPS time does not count, since 2017-01-01. `ChirpStack` v4 is younger than that.
const GPS_LEAP_S: i64 = 18;

const MICROS: i64 = 1_000_000;

/// One gateway's reception while a message is being read.
#[derive(Debug)]
pub(super) struct Heard {
    /// Its place in the message's list.
    pub(super) index: usize,
    pub(super) reception: Reception,
    /// When the frame ended, as the gateway says it knows from a satellite.
    pub(super) satellite: Option<Timestamp>,
    /// When the network server got this copy of the frame.
    pub(super) server: Option<Timestamp>,
}

/// The receptions of one uplink and the times they vouch for.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Best first.
    pub(super) receptions: Vec<Reception>,
    /// How many worse ones there were.
    pub(super) left_out: usize,
    pub(super) gps: Option<Timestamp>,
    /// Of the best reception that has one.
    pub(super) gateway: Option<Timestamp>,
}

impl Settled {
    /// A warning when not all receptions are kept.
    pub(super) fn warning(&self) -> Option<String> {
        (self.left_out > 0).then(|| format!("the best {MAX_RECEPTIONS} of {} are kept", MAX_RECEPTIONS + self.left_out))
    }
}

/// More gateways than hear any frame; a list of thousands would be somebody's mistake, or an attack.
const MAX_RECEPTIONS: usize = 64;

/// Sorts receptions, best signal-to-noise ratio first, then strongest, and chooses among their clocks.
///
/// A frame cannot be received after the network server got it, so a "satellite" time later than `server` by more than the
/// tolerance is a gateway that converts its own wrong clock to GPS time; `refuse` gets its index. Earlier is believed: a gateway
/// that was offline delivers late. Of several satellite times the one nearest to the server's counts.
pub(super) fn settle(mut heard: Vec<Heard>, server: Option<Timestamp>, mut refuse: impl FnMut(usize, &str)) -> Settled {
    heard.sort_by(|a, b| best_first(&a.reception, &b.reception));
    let mut gps: Option<Timestamp> = None;
    let distance = |time: Timestamp| server.map_or(0, |server| time.micros_since(server).unsigned_abs());
    for one in &heard {
        let Some(time) = one.satellite else { continue };
        if server.is_some_and(|server| time.micros_since(server) > GATEWAY_CLOCK_TOLERANCE_MICROS) {
            refuse(one.index, "later than the network server got the frame; not a satellite's time");
        } else if gps.is_none_or(|chosen| distance(time) < distance(chosen)) {
            gps = Some(time);
        }
    }
    let left_out = heard.len().saturating_sub(MAX_RECEPTIONS);
    heard.truncate(MAX_RECEPTIONS);
    let gateway = heard.iter().find_map(|one| one.reception.gateway_time);
    Settled { receptions: heard.into_iter().map(|one| one.reception).collect(), left_out, gps, gateway }
}

fn best_first(a: &Reception, b: &Reception) -> Ordering {
    let strength = |value: Option<f64>| value.unwrap_or(f64::NEG_INFINITY);
    let by_snr = strength(b.snr_db).total_cmp(&strength(a.snr_db));
    by_snr.then_with(|| strength(b.rssi_dbm).total_cmp(&strength(a.rssi_dbm)))
}

/// A gateway's identifier: in lower case without separators if it is an EUI, otherwise as spelled.
pub(super) fn gateway_id(text: String) -> String {
    // Gateways and devices share the EUI-64 form; only its spelling is used here.
    text.parse::<DevEui>().map_or(text, |eui| eui.to_string())
}

/// The signal-to-noise ratio when the field is absent: proto3 JSON leaves out zero, but only LoRa has the quantity, and a
/// reception without signal strength has lost more than zeros.
pub(super) fn omitted_snr(is_lora: bool, rssi_dbm: Option<f64>) -> Option<f64> {
    (is_lora && rssi_dbm.is_some()).then_some(0.0)
}

/// UTC of a duration since the GPS epoch in proto3 JSON, such as `"1456477139.125s"`. `None` when it is no such duration.
pub(super) fn time_of_gps_duration(text: &str) -> Option<Timestamp> {
    let since_gps_epoch = duration_micros(text)?;
    Some(Timestamp::from_micros(since_gps_epoch.checked_add((GPS_EPOCH_S - GPS_LEAP_S) * MICROS)?))
}

/// `google.protobuf.Duration` in JSON: seconds with up to nine fraction digits and the suffix `s`. Finer than microseconds is cut.
fn duration_micros(text: &str) -> Option<i64> {
    let text = text.trim().strip_suffix('s')?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    whole.parse::<i64>().ok()?.checked_mul(MICROS)?.checked_add(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(index: usize, snr_db: Option<f64>, rssi_dbm: Option<f64>) -> Heard {
        let reception = Reception { gateway_id: index.to_string(), snr_db, rssi_dbm, ..Reception::default() };
        Heard { index, reception, satellite: None, server: None }
    }

    #[test]
    fn the_best_reception_is_the_clearest_then_the_strongest() {
        let heard = vec![
            heard(0, None, None),
            heard(1, Some(-3.0), Some(-80.0)),
            heard(2, Some(7.5), Some(-110.0)),
            heard(3, None, Some(-60.0)),
            heard(4, Some(7.5), Some(-97.0)),
        ];
        let order: Vec<String> = settle(heard, None, |_, _| ()).receptions.into_iter().map(|one| one.gateway_id).collect();
        assert_eq!(order, ["4", "2", "1", "3", "0"]);
    }

    #[test]
    fn a_satellite_time_after_the_network_server_is_not_believed() {
        let at = |seconds: i64| Some(Timestamp::from_millis(seconds * 1000));
        let cases = [
            (vec![at(1000)], at(1060), at(1000), vec![]),
            (vec![at(1060)], at(1000), at(1060), vec![]),
            (vec![at(1061)], at(1000), None, vec![0]),
            (vec![at(500), at(1061), at(999)], at(1000), at(999), vec![1]),
            (vec![at(500), at(1061)], None, at(500), vec![]),
            (vec![None, at(500)], at(1000), at(500), vec![]),
        ];
        for (satellites, server, gps, refused) in cases {
            let with = |(index, satellite): (usize, &Option<Timestamp>)| Heard { satellite: *satellite, ..heard(index, None, None) };
            let mut refusals = Vec::new();
            let settled = settle(satellites.iter().enumerate().map(with).collect(), server, |index, _| refusals.push(index));
            assert_eq!((settled.gps, refusals), (gps, refused), "{satellites:?}");
        }
    }

    #[test]
    fn ok_durations_since_the_gps_epoch() {
        for (text, utc) in [
            ("1167264018s", "2017-01-01T00:00:00Z"),
            ("1456477139.125s", "2026-03-02T08:58:41.125Z"),
            ("1456477139.123456789s", "2026-03-02T08:58:41.123456Z"),
            ("0.5s", "1980-01-05T23:59:42.500Z"),
        ] {
            assert_eq!(time_of_gps_duration(text).map(|time| time.to_string()).as_deref(), Some(utc), "{text}");
        }
    }

    #[test]
    fn err_durations() {
        for text in ["", "s", "12", "-1s", "1.0000000001s", "1e9s", "1.5.5s", ".5s", "9223372036854775807s", "332535h29m12.222s", "ünfs"] {
            assert_eq!(time_of_gps_duration(text), None, "{text}");
        }
    }

    #[test]
    fn only_euis_are_respelled() {
        for (text, id) in [
            ("A84041FFFF000001", "a84041ffff000001"),
            ("a8-40-41-ff-ff-00-00-01", "a84041ffff000001"),
            ("Rathaus-GW", "Rathaus-GW"),
            ("", ""),
        ] {
            assert_eq!(gateway_id(text.to_owned()), id);
        }
    }
}
