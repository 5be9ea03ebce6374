use std::time::Duration;

use serde_json::json;
use stadtwarte_model::{ObservationId, ResultValue, Role};
use stadtwarte_query::Limits;
use tokio::time::timeout;

use super::harness::{City, DEADLINE};

#[tokio::test]
async fn a_reading_is_an_event_with_everything_a_map_needs() {
    let city = City::new().await.filled().await;
    let mut events = city.follow("/api/v1/live", &[]).await;
    let id = city.number(1, 60, 21.5).await;
    let event = events.event().await.unwrap();
    assert_eq!((event.name.as_str(), event.id), ("reading", id), "what was there before is not repeated");
    let expected = json!({
        "station": 1, "datastream_id": 1, "property": "air_temperature", "channel": null, "value": 21.5, "unit": "Cel", "symbol": "°C",
        "time": "2026-03-01T12:01:00Z", "received_at": "2026-03-01T12:01:00.200Z", "quality": "good", "lon": 9.99, "lat": 48.4
    });
    assert_eq!(event.data, expected);
    city.read(7, 61, ResultValue::Text("line\nbreak".into())).await;
    let event = events.event().await.unwrap();
    assert_eq!((&event.data["value"], &event.data["lon"]), (&json!("line\nbreak"), &json!(null)));
}

#[tokio::test]
async fn followers_see_only_what_their_role_sees() {
    let city = City::new().await;
    let (mut anyone, operator) = (city.follow("/api/v1/live", &[]).await, city.key(Role::Operator));
    let mut operator = city.follow("/api/v1/live", &[("x-api-key", &operator)]).await;
    for datastream in [3, 5, 6, 1] {
        city.number(datastream, 1, 1.0).await;
    }
    assert_eq!(anyone.event().await.unwrap().data["datastream_id"], 1);
    for datastream in [3, 5, 6, 1] {
        assert_eq!(operator.event().await.unwrap().data["datastream_id"], datastream);
    }
}

#[tokio::test]
async fn filters_let_through_what_is_asked_for() {
    let city = City::new().await;
    let cases = [
        ("property=air_temperature", vec![1, 8]),
        ("property=water_level,relative_humidity", vec![2, 4]),
        ("station=2&station=5", vec![4, 8]),
        ("station=1,5&property=air_temperature", vec![1, 8]),
        ("bbox=170,-50,-170,0", vec![4]),
        ("bbox=9,48,10,49&property=relative_humidity", vec![2]),
    ];
    // Each round has seconds of its own: equal readings would be taken for the same.
    for (round, (query, expected)) in (0..).step_by(100).zip(cases) {
        let mut events = city.follow(&format!("/api/v1/live?{query}"), &[]).await;
        for datastream in [1, 2, 4, 8] {
            city.number(datastream, round + datastream, 1.0).await;
        }
        for datastream in expected {
            assert_eq!(events.event().await.unwrap().data["datastream_id"], datastream, "{query}");
        }
    }
    for query in ["bbox=1,2,3", "station=abc", "station=0", "property=", "last_event_id=x", "last_event_id=-1", "since=1", "key=swk_a_b"] {
        city.get(&format!("/api/v1/live?{query}")).await.problem(400);
    }
    city.get_with("/api/v1/live", &[("last-event-id", "nonsense")]).await.problem(400);
}

#[tokio::test]
async fn who_comes_back_gets_exactly_what_it_missed() {
    let city = City::new().await;
    let mut ids = Vec::new();
    for second in 0..5 {
        ids.push(city.number(1, second, 1.0).await);
    }
    let last = ids[1].to_string();
    let parameter = format!("/api/v1/live?last_event_id={last}");
    let older = format!("/api/v1/live?last_event_id={}", ids[0]);
    for (path, headers) in [
        ("/api/v1/live", vec![("last-event-id", last.as_str())]),
        (parameter.as_str(), vec![]),
        (older.as_str(), vec![("last-event-id", last.as_str())]),
        (parameter.as_str(), vec![("last-event-id", "")]),
    ] {
        let mut events = city.follow(path, &headers).await;
        assert_eq!(events.ids(3).await, ids[2..], "{path} {headers:?}");
    }
    city.store.flush().await.unwrap();
    let mut events = city.follow(&parameter, &[]).await;
    assert_eq!(events.ids(3).await, ids[2..], "also after the rows went into files");
}

#[tokio::test]
async fn who_missed_too_much_is_told_to_start_afresh() {
    let city = City::new().await;
    let mut ids = Vec::new();
    for second in 0..5 {
        ids.push(city.number(1, second, 1.0).await);
    }
    // After a restart nothing is in memory: what was missed is read from the table, up to a limit.
    let city = city.reopened(Limits { resume_rows: 3, ..Limits::default() }).await;
    let mut events = city.follow(&format!("/api/v1/live?last_event_id={}", ids[1]), &[]).await;
    assert_eq!(events.ids(3).await, ids[2..], "three can be caught up with");
    let mut events = city.follow(&format!("/api/v1/live?last_event_id={}", ids[0]), &[]).await;
    let event = events.event().await.unwrap();
    let position = city.position();
    assert_eq!((event.name.as_str(), event.id), ("reset", position), "four cannot");
    assert_eq!(event.data, json!({ "position": position.to_string() }));
    let id = city.number(1, 100, 1.0).await;
    assert_eq!(events.event().await.unwrap().id, id, "the stream goes on after a reset");
}

#[tokio::test]
async fn who_missed_many_gets_them_all_in_order_page_by_page() {
    let city = City::new().await;
    let first = city.number(1, 0, 1.0).await;
    let mut ids = Vec::new();
    for chunk in 0..10 {
        ids.extend(futures::future::join_all((1..=1000).map(|second| city.number(1 + second % 2, chunk * 1000 + second, 1.0))).await);
    }
    ids.sort();
    let city = city.reopened(Limits::default()).await;
    let mut events = city.follow(&format!("/api/v1/live?last_event_id={first}"), &[]).await;
    assert_eq!(events.ids(ids.len()).await, ids);
    let next = city.number(1, 20_000, 1.0).await;
    assert_eq!(events.event().await.unwrap().id, next, "and then what is new");
}

#[tokio::test]
async fn a_position_that_this_stream_never_had_is_reset() {
    let city = City::new().await.filled().await;
    let position = city.position();
    for after in ["9007199254740991", "4503599627370496", &(position.as_i64() + 1).to_string()] {
        let mut events = city.follow(&format!("/api/v1/live?last_event_id={after}"), &[]).await;
        let event = events.event().await.unwrap();
        assert_eq!((event.name.as_str(), event.id), ("reset", position), "{after}");
    }
    let mut events = city.follow(&format!("/api/v1/live?last_event_id={position}"), &[]).await;
    let id = city.number(1, 100, 1.0).await;
    assert_eq!(events.event().await.unwrap().id, id, "the very end is no mistake");
}

#[tokio::test]
async fn a_silent_stream_gives_signs_of_life_and_moves_the_position_on() {
    let city = City::with(|options| options.limits.live_keep_alive = Duration::from_millis(30), Limits::default()).await;
    let mut events = city.follow("/api/v1/live?station=2", &[]).await;
    let id = city.number(1, 1, 1.0).await;
    let moved = format!(": still here\nid: {id}");
    let wait = async { while events.block().await.expect("open") != moved {} };
    timeout(DEADLINE, wait).await.expect("in time");
}

#[tokio::test]
async fn a_new_follower_learns_where_it_stands_before_anything_happens() {
    let city = City::new().await.filled().await;
    let reply = city.follow("/api/v1/live", &[]).await;
    drop(reply);
    let response =
        tower::ServiceExt::oneshot(city.app.clone(), super::harness::request(axum::http::Method::GET, "/api/v1/live", &[])).await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store");
    let mut body = response.into_body().into_data_stream();
    let first = futures::StreamExt::next(&mut body).await.unwrap().unwrap();
    assert_eq!(first, format!("retry: 2000\nid: {}\n\n", city.position()));
}

#[tokio::test]
async fn live_connections_are_counted_and_bounded() {
    let city = City::with(|options| options.limits.max_live = 2, Limits::default()).await;
    let one = city.follow("/api/v1/live", &[]).await;
    let two = city.follow("/api/v1/live", &[]).await;
    let reply = city.get("/api/v1/live").await;
    reply.problem(503);
    assert_eq!(reply.header("retry-after"), "30");
    assert!(city.get("/metrics").await.text().contains("stadtwarte_http_live_connections 2"));
    drop(one);
    let _three = city.follow("/api/v1/live", &[]).await;
    drop(two);
    assert!(city.get("/metrics").await.text().contains("stadtwarte_http_live_connections 1"));
}

#[tokio::test]
async fn streams_end_when_the_platform_shuts_down() {
    let city = City::new().await;
    let mut events = city.follow("/api/v1/live", &[]).await;
    city.options.shutdown.cancel();
    assert_eq!(timeout(DEADLINE, events.event()).await.unwrap(), None);
}

#[tokio::test]
async fn a_position_is_any_number_of_the_stream() {
    let city = City::new().await.filled().await;
    let mut events = city.follow("/api/v1/live?last_event_id=0", &[]).await;
    let first = events.event().await.unwrap();
    assert!(first.id > ObservationId::from_i64(0).unwrap(), "everything from the beginning");
    assert_eq!(first.data["datastream_id"], 1);
}
