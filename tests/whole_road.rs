//! Sensor bytes in, public answers out: value, unit, place and time compared at every door.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::broker::Mosquitto;
use crate::harness::eventually;
use crate::harness::publisher::publish;
use crate::harness::server::{LiveStream, Server, sql_of_folder};
use crate::harness::uplinks::{chirpstack, climate, dev_eui, tts};

fn reading(live: &mut LiveStream, property: &str) -> Value {
    loop {
        let event = live.next();
        if event.name == "reading" && event.data["property"] == property {
            return event.data;
        }
    }
}

/// Checks one temperature of 21.5 °C at the town hall at every door.
fn assert_the_reading_is_at_every_door(server: &Server, live: &mut LiveStream) {
    let temperature = reading(live, "air_temperature");
    let station = temperature["station"].as_i64().unwrap();
    assert_eq!(temperature["value"], 21.5);
    assert_eq!(temperature["unit"], "Cel");
    assert_eq!(temperature["time"].as_str().unwrap()[..19], *"2026-11-20T10:00:00");
    assert_eq!((temperature["lon"].as_f64(), temperature["lat"].as_f64()), (Some(9.9345), Some(52.0312)));

    let query = "SELECT time, thing, property, value, unit, quality, lon, lat, thing_id FROM readings WHERE property = 'air_temperature'";
    let rows = server.rows(query, None);
    assert_eq!(rows.len(), 1, "{rows:?}");
    let row = &rows[0];
    assert_eq!((&row["value"], &row["unit"], &row["thing_id"]), (&json!(21.5), &json!("Cel"), &json!(station)));
    assert_eq!((row["lon"].as_f64(), row["lat"].as_f64()), (Some(9.9345), Some(52.0312)));
    assert_eq!(row["time"].as_str().unwrap()[..19], *"2026-11-20T10:00:00");
    assert_eq!(sql_of_folder(&server.data(), query), rows, "the command line on the data folder says the same");

    let stations = server.json("/api/v1/stations.geojson");
    let features = stations["features"].as_array().unwrap();
    let feature = features.iter().find(|feature| feature["id"] == station).expect("the station is a feature");
    assert_eq!(feature["geometry"], json!({ "type": "Point", "coordinates": [9.9345, 52.0312] }));
    let latest = feature["properties"]["latest"].as_array().unwrap();
    let latest = latest.iter().find(|latest| latest["property"] == "air_temperature").unwrap();
    assert_eq!((&latest["value"], &latest["unit"], &latest["symbol"]), (&json!(21.5), &json!("Cel"), &json!("°C")));

    let twin = server.json("/api/v1/twin/state");
    assert!(twin["stations"].as_array().unwrap().iter().any(|twin| twin["id"] == station), "{twin}");
    let series = server.json(&format!(
        "/api/v1/stations/{station}/series?property=air_temperature&from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z&every=1h"
    ));
    let point = &series["series"][0]["points"][0];
    assert_eq!((&point["mean"], &point["count"], &point["time"]), (&json!(21.5), &json!(1), &json!("2026-11-20T10:00:00Z")));
}

#[test]
fn the_whole_road_through_the_built_in_endpoint() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(&folder);
    let mut live = server.follow("/api/v1/live", None);
    assert_eq!(publish(server.mqtt, &[chirpstack(1, 1, &climate(21.5, 48.0))]), 1);
    assert_the_reading_is_at_every_door(&server, &mut live);
    let key = server.key("operator");
    let payload = server.rows("SELECT encode(payload, 'hex') AS payload FROM uplinks", Some(&key));
    assert_eq!(payload, [json!({ "payload": "0367d700046860" })], "the bytes that the sensor sent");
    let row = &server.rows("SELECT value, unit FROM readings WHERE property = 'relative_humidity'", None)[0];
    assert_eq!(row, &json!({ "value": 48.0, "unit": "%" }));
    assert_eq!(server.stop(), Some(0), "an orderly end");
    let kept = sql_of_folder(&folder.path().join("data"), "SELECT count(*) AS n FROM observations");
    assert_eq!(kept, [json!({ "n": 2 })]);
}

#[test]
fn the_whole_road_through_mosquitto() {
    let folder = TempDir::new().unwrap();
    let broker = Mosquitto::start(&folder.path().join("broker"), None);
    let settings = format!(
        "[[broker]]\nname = \"lns\"\nurl = \"mqtt://{}\"\nclient_id = \"stadtwarte-test\"\ntopics = [\"v3/+/devices/+/up\"]\n",
        broker.address
    );
    let server = Server::start_with(&folder, &settings, &[]);
    eventually("the broker to be subscribed", || server.json("/readyz").to_string().contains("\"pass\"").then_some(()));
    let mut live = server.follow("/api/v1/live", None);
    // A first frame after a join carries no counter.
    assert_eq!(publish(broker.address, &[tts(2, 0, &climate(21.5, 48.0))]), 1);
    assert_the_reading_is_at_every_door(&server, &mut live);
    let key = server.key("operator");
    let uplinks =
        server.rows("SELECT source, dialect, f_cnt, dev_eui, time_source, encode(payload, 'hex') AS payload FROM uplinks", Some(&key));
    let expected = json!({
        "source": "lns", "dialect": "tts_v3", "f_cnt": 0, "dev_eui": dev_eui(2), "time_source": "network_server",
        "payload": "0367d700046860"
    });
    assert_eq!(uplinks, [expected]);
}

#[test]
fn a_broker_restart_loses_nothing() {
    let folder = TempDir::new().unwrap();
    let broker = Mosquitto::start(&folder.path().join("broker"), None);
    let address = broker.address;
    let settings = format!(
        "[[broker]]\nname = \"lns\"\nurl = \"mqtt://{address}\"\nclient_id = \"stadtwarte-test\"\ntopics = [\"application/+/device/+/event/up\"]\n"
    );
    let server = Server::start_with(&folder, &settings, &[]);
    let stored =
        |server: &Server| server.rows("SELECT count(*) AS n FROM readings WHERE property = 'air_temperature'", None)[0]["n"].as_i64();
    eventually("the first messages to arrive", || {
        publish(address, &[chirpstack(1, 1, &climate(20.0, 50.0))]);
        (stored(&server) == Some(1)).then_some(())
    });
    broker.stop();
    let broker = Mosquitto::start(&folder.path().join("broker"), Some(address));
    let messages: Vec<_> = (2..102).map(|f_cnt| chirpstack(1, f_cnt, &climate(20.0, 50.0))).collect();
    assert_eq!(publish(broker.address, &messages), 100);
    eventually("what was published after the restart", || (stored(&server) == Some(101)).then_some(()));
}

#[test]
fn public_doors_show_no_device_and_nothing_internal() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(&folder);
    let mut object = climate(21.5, 48.0);
    object["battery"] = json!(87);
    // Network servers name devices after their identifier unless told otherwise.
    let (topic, message) = chirpstack(7, 1, &object);
    let message = String::from_utf8(message).unwrap().replace("Klima Rathaus 7", &format!("eui-{}", dev_eui(7)));
    assert_eq!(publish(server.mqtt, &[(topic, message.into_bytes())]), 1);
    let station = server.json("/api/v1/stations.geojson")["features"][0]["id"].clone();
    let doors = [
        "/api/v1/stations.geojson".to_owned(),
        format!("/api/v1/stations/{station}"),
        "/api/v1/properties".to_owned(),
        "/api/v1/twin/state".to_owned(),
        "/metrics".to_owned(),
        "/readyz".to_owned(),
        "/api/v1/sql?format=csv&query=SELECT%20*%20FROM%20readings".to_owned(),
        "/api/v1/sql?format=csv&query=SELECT%20*%20FROM%20things".to_owned(),
        "/api/v1/sql?format=csv&query=SELECT%20*%20FROM%20datastreams".to_owned(),
        "/api/v1/sql?format=csv&query=SELECT%20*%20FROM%20latest".to_owned(),
        "/api/v1/sql?format=csv&query=SELECT%20*%20FROM%20sensors".to_owned(),
    ];
    for door in doors {
        let (status, _, body) = server.get(&door);
        assert_eq!(status, 200, "{door}: {body}");
        let body = body.to_lowercase();
        for secret in [&dev_eui(7)[..], "0016c001f153a14c", "battery_level", "01abcdef"] {
            assert!(!body.contains(secret), "{door} shows {secret}: {body}");
        }
    }
    // A condition of the caller is never evaluated on rows that the caller may not see: its errors would tell their values.
    let probe = "SELECT count(*) AS n FROM observations WHERE 1 / (CAST(result AS BIGINT) - 87) >= 0";
    assert_eq!(server.sql(probe, None).0, 200, "{:?}", server.sql(probe, None));
    for table in ["devices", "uplinks", "quarantine"] {
        assert_eq!(server.sql(&format!("SELECT * FROM {table}"), None).0, 400, "{table}");
    }
    assert_eq!(server.sql("SELECT 1", Some("swk_wrong_key")).0, 401, "a wrong key is never silently nobody");
    let key = server.key("operator");
    assert_eq!(server.rows("SELECT dev_eui FROM devices", Some(&key)), [json!({ "dev_eui": dev_eui(7) })]);
    assert_eq!(server.rows("SELECT value FROM readings WHERE property = 'battery_level'", Some(&key)), [json!({ "value": 87.0 })]);
    assert_eq!(server.sql(probe, Some(&key)).0, 400, "whoever sees the row sees the error");
}
