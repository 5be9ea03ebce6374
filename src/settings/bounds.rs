//! The range of every number in the settings: what is outside is a slip of the pen, and would panic, overflow or stand still later.

use std::ops::RangeInclusive;

use toml::Value;

const MIB: i64 = 1 << 20;
const TIB: i64 = 1 << 40;

/// Keys of `config/default.toml`, and what they may be.
const BOUNDS: [(&str, RangeInclusive<i64>); 30] = [
    ("http.max_live_connections", 0..=1_000_000),
    ("http.max_body_bytes", 1024..=1024 * MIB),
    ("http.max_series_points", 1..=10_000_000),
    ("mqtt.max_connections", 1..=1_000_000),
    ("mqtt.max_in_flight", 1..=65_535),
    ("mqtt.max_in_flight_bytes", 1024..=TIB),
    // The limit of MQTT.
    ("mqtt.max_packet_bytes", 1024..=268_435_460),
    ("mqtt.drain_timeout_s", 0..=3600),
    ("ingest.max_devices", 1..=100_000_000),
    ("ingest.max_datastreams_per_device", 1..=100_000),
    ("ingest.max_datastreams", 1..=100_000_000),
    ("store.flush_interval_s", 1..=86_400),
    ("store.flush_rows", 1..=100_000_000),
    ("store.flush_bytes", 65_536..=TIB),
    ("store.min_free_bytes", 0..=TIB),
    ("store.queue_entries", 1..=1_000_000),
    ("store.max_segment_bytes", 65_536..=1024 * MIB),
    ("store.changes_rows", 1..=100_000_000),
    ("store.compaction_interval_s", 1..=86_400),
    ("store.keep_replaced_s", 0..=31_536_000),
    ("store.dedup_keys", 1000..=1_000_000_000),
    ("query.max_time_s", 1..=86_400),
    ("query.memory_bytes", 16 * MIB..=TIB),
    ("query.spill_bytes", 0..=1024 * TIB),
    ("query.metadata_bytes", 0..=TIB),
    ("query.concurrent", 1..=1024),
    ("query.max_wait_s", 0..=3600),
    ("query.max_sql_bytes", 64..=16 * MIB),
    ("query.public_rows", 1..=1_000_000_000),
    ("query.resume_rows", 1..=1_000_000_000),
];
/// Keys of a broker, which is looked at by itself.
const BROKER_BOUNDS: [(&str, RangeInclusive<i64>); 3] =
    [("qos", 0..=1), ("keep_alive_s", 5..=65_535), ("session_expiry_s", 0..=4_294_967_295)];

/// The first number out of its range: its path, and what would be right.
pub(super) fn broken(value: &Value) -> Option<(&'static str, String)> {
    BOUNDS.iter().chain(&BROKER_BOUNDS).find_map(|(path, range)| {
        let number = path.split('.').try_fold(value, |value, key| value.get(key))?.as_integer()?;
        (!range.contains(&number)).then(|| (*path, format!("must be from {} to {}, not {number}", range.start(), range.end())))
    })
}

#[cfg(test)]
mod tests {
    use toml::Table;

    use super::*;

    #[test]
    fn every_number_of_the_defaults_has_a_range_and_lies_in_it() {
        let defaults: Table = super::super::DEFAULTS.parse().unwrap();
        for (section, table) in &defaults {
            for (key, _) in table.as_table().unwrap().iter().filter(|(_, value)| value.is_integer()) {
                let path = format!("{section}.{key}");
                assert!(BOUNDS.iter().any(|(known, _)| *known == path), "{path}");
            }
        }
        assert_eq!(broken(&Value::Table(defaults)), None);
    }
}
