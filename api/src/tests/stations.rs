use std::sync::Arc;

use axum::http::Method;
use serde_json::json;
use stadtwarte_model::schema::Table;
use tower::ServiceExt;

use super::harness::{City, request};

fn ids(reply: &super::harness::Reply) -> Vec<i64> {
    reply.json()["features"].as_array().unwrap().iter().map(|feature| feature["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn stations_are_features_with_their_newest_readings() {
    let city = City::new().await.filled().await;
    city.number(1, 60, 21.5).await;
    let reply = city.get("/api/v1/stations.geojson").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), "application/geo+json");
    let collection = reply.json();
    assert_eq!(collection["type"], "FeatureCollection");
    assert_eq!(collection["numberReturned"], 3);
    assert_eq!(collection["position"], city.position().to_string());
    assert_eq!(ids(&reply), [1, 2, 5]);
    let expected = json!({
        "type": "Feature",
        "id": 1,
        "geometry": { "type": "Point", "coordinates": [9.99, 48.4] },
        "properties": {
            "name": "Münsterplatz",
            "kind": "air_quality",
            "updated": "2026-03-01T12:01:00Z",
            "latest": [
                { "property": "air_temperature", "channel": null, "value": 21.5, "unit": "Cel", "symbol": "°C",
                  "time": "2026-03-01T12:01:00Z", "quality": "good", "datastream_id": 1 },
                { "property": "relative_humidity", "channel": null, "value": 11.0, "unit": "%", "symbol": "%",
                  "time": "2026-03-01T12:00:02Z", "quality": "good", "datastream_id": 2 }
            ]
        }
    });
    assert_eq!(collection["features"][0], expected);
    let parking = &collection["features"][2];
    assert_eq!(parking["geometry"], json!(null), "a station without a place stays in the list");
    assert_eq!(parking["properties"]["latest"][0]["value"], "belegt, \"voll\"");
}

#[tokio::test]
async fn an_empty_town_is_an_empty_collection() {
    let city = City::new().await;
    let reply = city.get("/api/v1/stations.geojson?bbox=0,0,1,1").await;
    assert_eq!(reply.json()["features"], json!([]));
    let all = city.get("/api/v1/stations.geojson").await.json();
    assert_eq!(all["features"][0]["properties"]["updated"], json!(null), "stations without any reading yet");
}

#[tokio::test]
async fn filters_choose_stations_and_readings() {
    let city = City::new().await.filled().await;
    for (query, expected) in [
        ("bbox=9,48,11,49", vec![1]),
        ("bbox=170,-50,-170,0", vec![2]),
        ("bbox=-170,-50,170,0", vec![]),
        ("property=air_temperature", vec![1, 5]),
        ("property=air_temperature,water_level", vec![1, 2, 5]),
        ("property=parking_state&property=water_level", vec![2, 5]),
        ("property=air_temperature&bbox=9,48,11,49", vec![1]),
    ] {
        assert_eq!(ids(&city.get(&format!("/api/v1/stations.geojson?{query}")).await), expected, "{query}");
    }
    let reply = city.get("/api/v1/stations.geojson?property=air_temperature").await.json();
    assert_eq!(reply["features"][0]["properties"]["latest"].as_array().unwrap().len(), 1, "only the readings asked for");
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let city = City::new().await.filled().await;
    for (query, mention) in [
        ("bbox=1,2,3", "bbox"),
        ("bbox=1,2,3,4,5", "not 5"),
        ("bbox=500,0,1,1", "minLon"),
        ("bbox=0,50,1,40", "greater"),
        ("bbox=NaN,0,1,1", "minLon"),
        ("bbox=0,0,1,1e308", "maxLat"),
        ("bbox=", "not 1"),
        ("bbox=1,1,2,2&bbox=1,1,2,2", "more than once"),
        ("limit=-1", "`limit`"),
        ("api_key=swk_a_b", "`api_key`"),
        ("property=nonsense", "nonsense"),
        ("property=secret_power", "no station reports"),
        ("property=", "property"),
        ("f=html", "`f`"),
    ] {
        let detail = city.get(&format!("/api/v1/stations.geojson?{query}")).await.problem(400);
        assert!(detail.contains(mention), "{query}: {detail}");
    }
    let too_many: Vec<String> = (0..101).map(|number| format!("p{number}")).collect();
    let detail = city.get(&format!("/api/v1/stations.geojson?property={}", too_many.join(","))).await.problem(400);
    assert!(detail.contains("100"), "{detail}");
}

#[tokio::test]
async fn a_station_tells_what_it_measures() {
    let city = City::new().await.filled().await;
    let reply = city.get("/api/v1/stations/5").await;
    assert_eq!(reply.header("content-type"), "application/geo+json");
    let station = reply.json();
    assert_eq!(station["properties"]["description"], "Station Parkplatz");
    assert_eq!(
        station["properties"]["datastreams"][1],
        json!({
            "id": 8, "property": "air_temperature", "channel": "depth_1", "name": "air_temperature of 5", "unit": "[degF]", "symbol": "°F",
            "latest": { "property": "air_temperature", "channel": "depth_1", "value": 14.0, "unit": "[degF]", "symbol": "°F",
                        "time": "2026-03-01T12:00:08Z", "quality": "good", "datastream_id": 8 }
        })
    );
    let links: Vec<&str> = station["links"].as_array().unwrap().iter().map(|link| link["href"].as_str().unwrap()).collect();
    assert!(links.contains(&"/api/v1/stations/5/series?property=air_temperature"), "{links:?}");
    for link in links.iter().filter(|link| !link.contains("live")) {
        assert_eq!(city.get(link).await.status, 200, "{link}");
    }
}

#[tokio::test]
async fn hidden_and_missing_stations_are_the_same_answer() {
    let city = City::new().await.filled().await;
    let missing = city.get("/api/v1/stations/999").await;
    for id in ["3", "4", "0", "-1", "abc", "99999999999999999999", "%00", "1.5"] {
        let reply = city.get(&format!("/api/v1/stations/{id}")).await;
        assert_eq!(reply.problem(404), missing.problem(404), "{id}");
    }
}

#[tokio::test]
async fn properties_are_counted_by_visible_stations() {
    let city = City::new().await;
    let reply = city.get("/api/v1/properties").await.json();
    let codes: Vec<&str> = reply["properties"].as_array().unwrap().iter().map(|property| property["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["air_temperature", "relative_humidity", "water_level", "parking_state"]);
    let expected = json!({
        "code": "air_temperature", "name": "The air_temperature", "name_de": "Das air_temperature", "definition": null,
        "unit": "Cel", "symbol": "°C", "stations": 2
    });
    assert_eq!(reply["properties"][0], expected);
}

#[tokio::test]
async fn the_town_introduces_itself() {
    let city = City::new().await;
    let expected =
        json!({ "name": "Auenstadt", "title": null, "center": [9.99, 48.4], "demo": true, "version": env!("CARGO_PKG_VERSION") });
    assert_eq!(city.get("/api/v1/town").await.json(), expected);
    assert!(city.get("/api/v1/town?x=1").await.problem(400).contains("none"));
}

#[tokio::test]
async fn layers_are_listed_and_served_as_they_are() {
    let city = City::new().await;
    assert_eq!(city.get("/api/v1/layers").await.json(), json!({ "layers": [] }));
    let document = r#"{"type":"FeatureCollection","features":[{"type":"Feature","geometry":null,"properties":{}}]}"#;
    city.store.layers().put("river_banks", document.into()).unwrap();
    let expected = json!({ "layers": [{ "name": "river_banks", "title": "River banks", "features": 1 }] });
    assert_eq!(city.get("/api/v1/layers").await.json(), expected);
    let layer = city.get("/api/v1/layers/river_banks.geojson").await;
    assert_eq!((layer.header("content-type"), layer.text().as_str()), ("application/geo+json", document));
    for name in ["river_banks", "nonsense.geojson", "..%2f..%2fregistry.geojson", "%2e%2e.geojson", "a%00.geojson", ".geojson"] {
        assert_eq!(city.get(&format!("/api/v1/layers/{name}")).await.status, 404, "{name}");
    }
}

#[tokio::test]
async fn a_reader_who_stands_still_keeps_no_rows_from_being_let_go() {
    let city = City::new().await.filled().await;
    for (second, path) in [(100, "/api/v1/stations.geojson"), (200, "/api/v1/twin/state")] {
        let held = Arc::downgrade(&city.store.snapshot().table(Table::Observations).files);
        let response = city.app.clone().oneshot(request(Method::GET, path, &[])).await.unwrap();
        assert!(held.upgrade().is_some());
        city.number(1, second, 1.0).await;
        city.store.flush().await.unwrap();
        assert!(held.upgrade().is_none(), "{path}: its list of files is not kept for an answer that is not read");
        drop(response);
    }
}
