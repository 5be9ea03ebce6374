//! The demo city shows what it promises: every kind of device with its main property, live and in its history.

use serde_json::json;
use tempfile::TempDir;

use crate::harness::eventually;
use crate::harness::server::Server;

#[test]
fn every_kind_of_station_has_its_main_property_live_and_in_its_history() {
    let folder = TempDir::new().unwrap();
    // Its publisher has a key of its own, so it works where programs on this machine need one, too.
    let city = Server::demo_with(&folder, "[mqtt]\nanonymous_loopback = false\n", &["--devices", "300", "--history-days", "3"]);
    let admin = city.key("admin");
    let count = |of: &str| city.rows(&format!("SELECT count(DISTINCT {of}"), Some(&admin))[0]["n"].as_i64().unwrap();
    eventually("the history", || city.log().contains("the history of the demo city is imported").then_some(()));
    for (kind, property) in [
        ("air_quality", "pm2_5"),
        ("weather", "air_temperature"),
        ("soil", "soil_moisture"),
        ("water_level", "water_level"),
        ("noise", "sound_level_equivalent"),
        ("parking", "parking_occupied"),
        ("waste", "fill_level"),
        ("people", "people_in_total"),
        ("energy", "heat_energy_total', 'electric_current"),
        ("indoor", "co2"),
        ("street_light", "electric_energy_total"),
        ("mobility", "battery_voltage"),
    ] {
        let all = count(&format!("id) AS n FROM things WHERE kind = '{kind}'"));
        let with = |table: &str, condition: &str| {
            count(&format!("t.id) AS n FROM {table} r JOIN things t ON t.id = r.thing_id WHERE t.kind = '{kind}' AND {condition}"))
        };
        let live = with("latest", &format!("property IN ('{property}')"));
        let old = with("readings", &format!("property IN ('{property}') AND time < now() - INTERVAL '1 day'"));
        // A first report can be lost like any other.
        assert!(all > 0 && live * 10 >= all * 8 && old * 10 >= all * 8, "{kind}: {property} of {live} live and {old} in history, of {all}");
    }
    let strange = "SELECT count(*) AS n FROM readings WHERE isnan(value) OR value IN ('Infinity'::DOUBLE, '-Infinity'::DOUBLE)";
    assert_eq!(city.rows(strange, Some(&admin)), [json!({ "n": 0 })]);
}
