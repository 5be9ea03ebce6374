use serde_json::json;
use stadtwarte_model::ResultValue;

use super::harness::City;

async fn city() -> City {
    let city = City::new().await;
    for minute in 0..180 {
        city.number(1, (minute - 180) * 60, f64::from(i32::try_from(minute % 60).unwrap())).await;
    }
    city
}

#[tokio::test]
async fn a_series_is_aggregated_into_buckets() {
    let city = city().await;
    let reply = city.get("/api/v1/stations/1/series?property=air_temperature&every=1h").await;
    assert_eq!(reply.header("content-type"), "application/json");
    let answer = reply.json();
    assert_eq!(answer["station"], 1);
    assert_eq!(answer["property"], "air_temperature");
    assert_eq!((&answer["unit"], &answer["symbol"], &answer["every"]), (&json!("Cel"), &json!("°C"), &json!("PT1H")));
    assert_eq!(
        (&answer["from"], &answer["to"]),
        (&json!("2026-02-28T12:00:00Z"), &json!("2026-03-01T12:00:00Z")),
        "the last day by the clock"
    );
    let series = answer["series"].as_array().unwrap();
    assert_eq!(series.len(), 1);
    assert_eq!((&series[0]["datastream_id"], &series[0]["channel"], &series[0]["unit"]), (&json!(1), &json!(null), &json!("Cel")));
    let expected = json!({ "time": "2026-03-01T09:00:00Z", "mean": 29.5, "min": 0.0, "max": 59.0, "count": 60 });
    assert_eq!(series[0]["points"][0], expected);
    assert_eq!(series[0]["points"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn without_buckets_the_readings_themselves_are_given() {
    let city = city().await;
    let path = "/api/v1/stations/1/series?property=air_temperature&from=2026-03-01T11:58:00Z&to=2026-03-01T13:00:00%2B01:00";
    let answer = city.get(path).await.json();
    assert_eq!(answer["every"], json!(null));
    let expected = json!([
        { "time": "2026-03-01T11:58:00Z", "value": 58.0, "quality": "good" },
        { "time": "2026-03-01T11:59:00Z", "value": 59.0, "quality": "good" }
    ]);
    assert_eq!(answer["series"][0]["points"], expected);
}

#[tokio::test]
async fn texts_are_a_series_too_and_csv_quotes_them() {
    let city = City::new().await.filled().await;
    let path = "/api/v1/stations/5/series?property=parking_state&to=2026-03-01T13:00:00Z";
    assert_eq!(city.get(path).await.json()["series"][0]["points"][0]["value"], "belegt, \"voll\"");
    let csv = city.get(&format!("{path}&format=csv")).await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8; header=present");
    let expected = "time,datastream_id,channel,unit,value,quality\r\n2026-03-01T12:00:07Z,7,,1,\"belegt, \"\"voll\"\"\",good\r\n";
    assert_eq!(csv.text(), expected);
    let accepted = city.get_with(path, &[("accept", "text/csv")]).await;
    assert_eq!(accepted.text(), expected, "the header chooses as well");
}

#[tokio::test]
async fn booleans_and_documents_are_given_as_what_they_are() {
    let city = City::new().await;
    city.read(7, 1, ResultValue::Boolean(true)).await;
    city.read(7, 2, ResultValue::Json(r#"{"free":[1,2]}"#.into())).await;
    city.read(7, 3, ResultValue::Text(String::new())).await;
    let path = "/api/v1/stations/5/series?property=parking_state&to=2026-03-01T13:00:00Z";
    let answer = city.get(path).await.json();
    let values: Vec<&serde_json::Value> = answer["series"][0]["points"].as_array().unwrap().iter().map(|point| &point["value"]).collect();
    assert_eq!(values, [&json!(true), &json!({ "free": [1, 2] }), &json!("")]);
    let csv = city.get(&format!("{path}&format=csv")).await.text();
    let lines: Vec<&str> = csv.lines().map(|line| line.split_once(",7,,1,").map_or(line, |(_, value)| value)).collect();
    assert_eq!(lines[1..], ["true,good", "\"{\"\"free\"\":[1,2]}\",good", "\"\",good"]);
}

#[tokio::test]
async fn a_wrong_span_is_a_wrong_request_not_a_wrong_query() {
    let reply = City::new().await.get("/api/v1/stations/1/series?property=air_temperature&from=2027-03-01T12:00:00Z").await;
    assert_eq!(reply.json()["type"], "/problems/invalid-request");
}

#[tokio::test]
async fn buckets_as_csv() {
    let city = city().await;
    let csv = city.get("/api/v1/stations/1/series?property=air_temperature&every=PT1H&format=csv").await.text();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "time,datastream_id,channel,unit,mean,min,max,count");
    assert_eq!(lines[1], "2026-03-01T09:00:00Z,1,,Cel,29.5,0,59,60");
}

#[tokio::test]
async fn a_series_without_readings_is_empty_not_missing() {
    let city = city().await;
    let answer = city.get("/api/v1/stations/1/series?property=relative_humidity&every=1d").await.json();
    assert_eq!(answer["series"][0]["points"], json!([]));
    assert_eq!(answer["unit"], "%");
}

#[tokio::test]
async fn wrong_requests_are_refused_with_the_reason() {
    let city = city().await;
    let base = "/api/v1/stations/1/series?property=air_temperature";
    for (path, status, mention) in [
        ("/api/v1/stations/1/series".to_owned(), 400, "`property` is needed"),
        (format!("{base}&every=banana"), 400, "`every`"),
        (format!("{base}&every=0s"), 400, "`every`"),
        (format!("{base}&every=9999999999999999999h"), 400, "`every`"),
        (format!("{base}&from=yesterday"), 400, "`from`"),
        (format!("{base}&from=2026-03-01T12:00:00"), 400, "`from`"),
        (format!("{base}&to=99999-01-01T00:00:00Z"), 400, "`to`"),
        (format!("{base}&from=2026-03-01T12:00:00Z&to=2026-03-01T12:00:00Z"), 400, "later"),
        (format!("{base}&from=2027-03-01T12:00:00Z"), 400, "later"),
        (format!("{base}&format=xml"), 400, "`format`"),
        (format!("{base}&limit=1"), 400, "`limit`"),
        ("/api/v1/stations/1/series?property=nonsense".to_owned(), 404, "measure"),
        ("/api/v1/stations/1/series?property=secret_power".to_owned(), 404, "measure"),
        ("/api/v1/stations/3/series?property=air_temperature".to_owned(), 404, "measure"),
        ("/api/v1/stations/999/series?property=air_temperature".to_owned(), 404, "measure"),
        ("/api/v1/stations/abc/series?property=air_temperature".to_owned(), 404, "station"),
    ] {
        let detail = city.get(&path).await.problem(status);
        assert!(detail.contains(mention), "{path}: {detail}");
    }
    let reply = city.get_with(base, &[("accept", "image/png")]).await;
    assert!(reply.problem(406).contains("text/csv"));
}

#[tokio::test]
async fn times_at_the_edges_of_what_can_be_written_are_answered() {
    let city = city().await;
    let path = "/api/v1/stations/1/series?property=air_temperature&every=366d&from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z";
    let answer = city.get(path).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["series"][0]["points"][0]["count"], 180);
}

#[tokio::test]
async fn more_points_than_allowed_are_refused_with_advice() {
    let city = City::with(|options| options.limits.max_points = 100, stadtwarte_query::Limits::default()).await;
    for second in 0..150 {
        city.number(1, -second, 1.0).await;
    }
    let path = "/api/v1/stations/1/series?property=air_temperature&to=2026-03-01T12:00:01Z";
    assert!(city.get(path).await.problem(400).contains("100 points"));
    assert_eq!(city.get(&format!("{path}&every=1m")).await.status, 200);
}
