use stadtwarte_model::{Role, Timestamp};
use stadtwarte_store::ImportRow;

use super::harness::{City, NOON, request, send};

const DOORS: [&str; 4] = ["/api/v1/stations.geojson", "/api/v1/stations/1", "/api/v1/properties", "/api/v1/twin/state"];

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let city = City::new().await.filled().await;
    for path in DOORS {
        let first = city.get(path).await;
        let tag = first.header("etag").to_owned();
        assert!(tag.starts_with("W/\""), "{tag}");
        let again = city.get_with(path, &[("if-none-match", &tag)]).await;
        assert_eq!((again.status.as_u16(), again.body.len()), (304, 0), "{path}");
        assert_eq!(again.header("etag"), tag);
        let other = city.get_with(path, &[("if-none-match", "W/\"other\"")]).await;
        assert_eq!(other.status, 200);
    }
}

#[tokio::test]
async fn every_kind_of_change_makes_a_new_tag() {
    let city = City::new().await.filled().await;
    let tag = async || city.get(DOORS[0]).await.header("etag").to_owned();
    let mut seen = vec![tag().await];
    let mut expect_new = |tag: String, what: &str| {
        assert!(!seen.contains(&tag), "{what}");
        seen.push(tag);
    };
    city.number(1, 100, 1.0).await;
    expect_new(tag().await, "a reading");
    let key = city.key(Role::Operator);
    expect_new(tag().await, "a change of the registry");
    let row = ImportRow {
        datastream_id: stadtwarte_model::DatastreamId::try_new(1).unwrap(),
        phenomenon_time: Timestamp::from_micros(NOON + 1_000_000_000),
        result: 3.0,
        position: None,
    };
    city.store.import("history", 0, [vec![row]].into_iter()).await.unwrap();
    expect_new(tag().await, "an import");
    expect_new(city.get_with(DOORS[0], &[("x-api-key", &key)]).await.header("etag").to_owned(), "another role");
    expect_new(city.get("/api/v1/stations.geojson?property=air_temperature").await.header("etag").to_owned(), "another question");
    city.clock.advance_micros(1);
    let restarted = send(&city.rebuilt(), request(axum::http::Method::GET, DOORS[0], &[])).await;
    expect_new(restarted.header("etag").to_owned(), "a restart");
}

#[tokio::test]
async fn layers_and_the_api_description_have_tags_of_their_content() {
    let city = City::new().await;
    city.store.layers().put("streets", br#"{"type":"FeatureCollection","features":[]}"#.to_vec()).unwrap();
    for path in ["/api/v1/layers/streets.geojson", "/openapi.json"] {
        let tag = city.get(path).await.header("etag").to_owned();
        assert_eq!(city.get_with(path, &[("if-none-match", &tag)]).await.status, 304, "{path}");
    }
}

#[tokio::test]
async fn long_answers_are_compressed_for_those_who_can_read_it() {
    let city = City::new().await.filled().await;
    for (accepted, expected) in [("gzip", "gzip"), ("br", "br"), ("zstd", "zstd"), ("identity", "")] {
        let reply = city.get_with("/api/v1/stations.geojson", &[("accept-encoding", accepted)]).await;
        assert_eq!(reply.header("content-encoding"), expected, "{accepted}");
        assert_eq!(reply.status, 200);
    }
    let live = city.follow("/api/v1/live", &[("accept-encoding", "gzip")]).await;
    drop(live);
}
