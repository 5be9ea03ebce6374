use std::collections::BTreeSet;

use serde_json::json;

use super::harness::City;

#[tokio::test]
async fn the_snapshot_holds_all_newest_values() {
    let city = City::new().await.filled().await;
    let reply = city.get("/api/v1/twin/state").await;
    assert_eq!(reply.header("content-type"), "application/json");
    let state = reply.json();
    assert_eq!(state["time"], "2026-03-01T12:00:00Z");
    let position = city.position();
    assert_eq!(state["position"], position.to_string());
    assert_eq!(state["follow"], format!("/api/v1/live?last_event_id={position}"));
    let stations = state["stations"].as_array().unwrap();
    assert_eq!(stations.len(), 3);
    let expected = json!({
        "id": 2, "name": "Datumsgrenze", "kind": "water_level", "position": [179.5, -17.0],
        "values": [{ "property": "water_level", "channel": null, "value": 12.0, "unit": "m", "symbol": "m",
                     "time": "2026-03-01T12:00:04Z", "quality": "good", "datastream_id": 4 }]
    });
    assert_eq!(stations[1], expected);
    assert_eq!(stations[2]["position"], json!(null));
    assert_eq!(city.get("/api/v1/twin/state?format=json").await.status, 200);
    city.get("/api/v1/twin/state?format=xml").await.problem(400);
}

#[tokio::test]
async fn snapshot_and_stream_join_without_gap_or_double() {
    let city = City::new().await;
    let writer = async {
        let mut ids = Vec::new();
        for second in 0..300 {
            ids.push(city.number(1, second, 1.0).await);
        }
        ids
    };
    let reader = async {
        // Somewhere in the middle of the writing.
        while city.position().sequence().is_none_or(|sequence| sequence.as_u64() < 100) {
            tokio::task::yield_now().await;
        }
        let state = city.get("/api/v1/twin/state").await.json();
        let values = &state["stations"][0]["values"];
        let mut events = city.follow(state["follow"].as_str().unwrap(), &[]).await;
        let mut followed = Vec::new();
        while followed.last().is_none_or(|(_, time)| time != "2026-03-01T12:04:59Z") {
            let event = events.event().await.unwrap();
            followed.push((event.id, event.data["time"].as_str().unwrap().to_owned()));
        }
        (values[0]["time"].as_str().unwrap().to_owned(), followed)
    };
    let (ids, (newest, followed)) = tokio::join!(writer, reader);
    let followed_ids: Vec<_> = followed.iter().map(|(id, _)| *id).collect();
    let distinct: BTreeSet<_> = followed_ids.iter().copied().collect();
    assert_eq!(distinct.len(), followed_ids.len(), "no double");
    assert!(followed_ids.is_sorted(), "in order");
    let seen_in_snapshot = ids.len() - followed_ids.len();
    assert_eq!(ids[seen_in_snapshot..], followed_ids, "no gap");
    assert_eq!(newest, time_text(seen_in_snapshot - 1), "the newest value of the snapshot is the one right before the first event");
}

/// The time `seconds` after noon, within the hour.
fn time_text(seconds: usize) -> String {
    format!("2026-03-01T12:{:02}:{:02}Z", seconds / 60, seconds % 60)
}
