use serde_json::json;
use stadtwarte_model::Role;
use stadtwarte_query::Limits;

use super::harness::{City, DEADLINE, request};

const LATEST: &str = "SELECT thing, property, value, lon, lat FROM latest WHERE property = 'air_temperature' ORDER BY thing_id";

#[tokio::test]
async fn a_query_is_answered_in_every_format() {
    let city = City::new().await.filled().await;
    for (format, media_type, begins) in [
        ("json", "application/json", &b"["[..]),
        ("csv", "text/csv", b"thing,property,value"),
        ("ndjson", "application/x-ndjson", b"{\"thing\""),
        ("geojson", "application/geo+json", b"{\"type\":\"FeatureCollection\""),
        ("arrow", "application/vnd.apache.arrow.stream", b"\xff\xff\xff\xff"),
        ("parquet", "application/vnd.apache.parquet", b"PAR1"),
        ("table", "text/plain", b"+"),
    ] {
        let posted = city.sql(&json!({ "query": LATEST, "format": format }).to_string(), &[("content-type", "application/json")]).await;
        assert_eq!(posted.status, 200, "{format}: {}", posted.text());
        assert!(posted.header("content-type").starts_with(media_type), "{format}: {}", posted.header("content-type"));
        assert!(posted.body.starts_with(begins), "{format}: {}", posted.text());
        assert_eq!(posted.header("x-row-limit"), "1000000");
        assert_eq!(posted.header("cache-control"), "private, no-store");
        let linked = city.get(&format!("/api/v1/sql?query={}&format={format}", LATEST.replace(' ', "+"))).await;
        let by_type = city.sql(LATEST, &[("accept", media_type)]).await;
        let by_parameter = city.send(post(&format!("/api/v1/sql?format={format}"), LATEST)).await;
        for other in [linked, by_type, by_parameter] {
            assert_eq!(other.body, posted.body, "{format}: {}", other.text());
        }
    }
    let rows = city.sql(LATEST, &[]).await.json();
    assert_eq!(rows[0], json!({ "thing": "Münsterplatz", "property": "air_temperature", "value": 10.5, "lon": 9.99, "lat": 48.4 }));
}

fn post(path: &str, body: &str) -> axum::http::Request<axum::body::Body> {
    let mut request = request(axum::http::Method::POST, path, &[("content-type", "application/sql")]);
    *request.body_mut() = body.to_owned().into();
    request
}

#[tokio::test]
async fn no_rows_are_still_a_whole_document() {
    let city = City::new().await;
    let reply = city.sql("SELECT * FROM readings", &[]).await;
    assert_eq!((reply.status.as_u16(), reply.json()), (200, json!([])));
    let csv = city.sql("SELECT id, name FROM things WHERE false", &[("accept", "text/csv")]).await;
    assert_eq!(csv.text(), "id,name\n");
}

#[tokio::test]
async fn errors_are_problems_with_the_right_status() {
    let city = City::with(|_| {}, Limits { max_sql_bytes: 1000, ..Limits::default() }).await.filled().await;
    for (sql, status, mention) in [
        ("SELEC 1", 400, "SELEC"),
        ("", 400, "no SQL"),
        ("SELECT nonsense FROM things", 400, "nonsense"),
        ("SELECT * FROM nonsense", 400, "nonsense"),
        ("SELECT * FROM devices", 400, "devices"),
        ("SELECT 1; SELECT 2", 403, "one statement"),
        ("DROP TABLE things", 403, "SELECT"),
        ("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'", 403, "SELECT"),
        ("COPY things TO '/tmp/x'", 403, "SELECT"),
        ("SET datafusion.runtime.memory_limit = '999G'", 403, "SELECT"),
        ("SELECT 1/0", 400, "zero"),
        ("SELECT CAST('x' AS INT)", 400, "x"),
    ] {
        let detail = city.sql(sql, &[]).await.problem(status);
        assert!(detail.contains(mention), "{sql}: {detail}");
        assert!(!detail.contains("DataFusion") && !detail.contains(".rs"), "{detail}");
    }
    assert!(city.sql(&format!("SELECT '{}'", "x".repeat(2000)), &[]).await.problem(400).contains("1000"));
    let no_geometry = city.sql("SELECT 1 AS one", &[("accept", "application/geo+json")]).await;
    assert!(no_geometry.problem(400).contains("geometry"));
}

#[tokio::test]
async fn requests_that_are_none_are_refused() {
    let city = City::with(|options| options.limits.max_body_bytes = 2000, Limits::default()).await;
    let json_body = [("content-type", "application/json")];
    for (body, mention) in [
        ("", "body"),
        ("{", "body"),
        ("[]", "body"),
        (r#"{"query": 1}"#, "body"),
        (r#"{"sql": "SELECT 1"}"#, "unknown field"),
        (r#"{"query": "SELECT 1", "format": "xml"}"#, "`format`"),
        (r#"{"query": "SELECT 1", "role": "admin"}"#, "unknown field"),
    ] {
        let detail = city.sql(body, &json_body).await.problem(400);
        assert!(detail.contains(mention), "{body}: {detail}");
    }
    city.sql("SELECT 1", &[("content-type", "text/html")]).await.problem(415);
    city.sql("SELECT 1", &[("content-type", "application/sql"), ("content-encoding", "gzip")]).await.problem(415);
    assert!(city.sql(&"x".repeat(2001), &[]).await.problem(413).contains("2000"));
    city.sql("SELECT 1", &[("accept", "image/png")]).await.problem(406);
    city.get("/api/v1/sql").await.problem(400);
    city.get("/api/v1/sql?query=SELECT+1&format=xml").await.problem(400);
    city.get("/api/v1/sql?query=SELECT+1&query=SELECT+2").await.problem(400);
    let mut invalid = post("/api/v1/sql", "");
    *invalid.body_mut() = vec![0xff, 0xfe].into();
    assert!(city.send(invalid).await.problem(400).contains("UTF-8"));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let city = City::with(|options| options.limits.body_timeout = std::time::Duration::from_millis(50), Limits::default()).await;
    let mut request = post("/api/v1/sql", "");
    let never = futures::stream::pending::<Result<axum::body::Bytes, std::io::Error>>();
    *request.body_mut() = axum::body::Body::from_stream(never);
    city.send(request).await.problem(408);
}

#[tokio::test]
async fn too_expensive_queries_are_the_askers_matter_and_a_full_house_is_ours() {
    let limits = Limits { max_time: std::time::Duration::from_millis(500), ..Limits::default() };
    let city = City::with(|_| {}, limits).await;
    let slow = "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b WHERE a.value + b.value = 0";
    let detail = city.sql(slow, &[]).await.problem(422);
    assert!(detail.contains("narrow"), "{detail}");

    let limits = Limits { concurrent: 1, max_wait: std::time::Duration::from_millis(20), ..Limits::default() };
    let city = City::with(|_| {}, limits).await;
    let hold = city.engine.sql(Role::Public, slow).await.unwrap();
    let reply = city.sql("SELECT 1", &[]).await;
    reply.problem(503);
    assert_eq!(reply.header("retry-after"), "2");
    drop(hold);
    let answered = async { while city.sql("SELECT 1", &[]).await.status != 200 {} };
    tokio::time::timeout(DEADLINE, answered).await.expect("the place is free again");
}

#[tokio::test]
async fn more_rows_than_the_public_limit_are_an_error_not_a_part() {
    let city = City::with(|_| {}, Limits { public_rows: 3, ..Limits::default() }).await;
    let sql = "SELECT value FROM generate_series(1, 10)";
    let publisher = city.key(Role::Publisher);
    for headers in [&[][..], &[("x-api-key", publisher.as_str())]] {
        let reply = city.sql(sql, headers).await;
        let detail = reply.problem(422);
        assert!(detail.contains("more than 3 rows") && detail.contains("LIMIT"), "{detail}");
        let exactly = city.sql(&format!("{sql} LIMIT 3"), headers).await;
        assert_eq!((exactly.json().as_array().unwrap().len(), exactly.header("x-row-limit")), (3, "3"), "as many as allowed are all");
    }
    let key = city.key(Role::Planner);
    let whole = city.sql(sql, &[("x-api-key", &key)]).await;
    assert_eq!((whole.json().as_array().unwrap().len(), whole.header("x-row-limit")), (10, ""));
}

#[tokio::test]
async fn strangers_hold_up_neither_those_with_a_key_nor_charts() {
    let limits = Limits { concurrent: 1, max_wait: std::time::Duration::from_millis(20), ..Limits::default() };
    let city = City::with(|_| {}, limits).await.filled().await;
    let endless = "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b WHERE a.value + b.value = 0";
    let held = city.engine.sql(Role::Public, endless).await.unwrap();
    city.sql("SELECT 1", &[]).await.problem(503);
    let key = city.key(Role::Planner);
    let by_key = tokio::time::timeout(DEADLINE, city.sql("SELECT 1 AS n", &[("x-api-key", &key)])).await.unwrap();
    assert_eq!(by_key.json(), json!([{ "n": 1 }]));
    let id = city.engine.view(Role::Public).things().next().unwrap().id;
    let chart = tokio::time::timeout(DEADLINE, city.get(&format!("/api/v1/stations/{id}/series?property=air_temperature"))).await.unwrap();
    assert_eq!(chart.status, 200, "{}", chart.text());
    drop(held);
}

#[tokio::test]
async fn what_a_format_does_not_know_is_the_askers_matter() {
    let city = City::new().await;
    for (sql, format) in [
        ("SELECT INTERVAL '1 month' AS x", "application/vnd.apache.parquet"),
        ("SELECT a.value, b.value FROM generate_series(1, 2) a, generate_series(1, 2) b", "application/json"),
        ("SELECT a.value, b.value FROM generate_series(1, 2) a, generate_series(1, 2) b", "application/x-ndjson"),
        ("SELECT 1 AS x", "application/geo+json"),
    ] {
        let reply = city.sql(sql, &[("accept", format)]).await;
        assert!(reply.status == 400, "{sql} as {format}: {} {}", reply.status, reply.text());
    }
    let named = "SELECT a.value, b.value AS other FROM generate_series(1, 1) a, generate_series(1, 1) b";
    assert_eq!(city.sql(named, &[]).await.json(), json!([{ "value": 1, "other": 1 }]));
}

#[tokio::test]
async fn csv_tells_null_from_empty_and_is_safe_in_a_spreadsheet() {
    let city = City::new().await;
    let sql = "SELECT NULL AS a, '' AS b, '=cmd|''/C calc''!A0' AS c, '+49 731' AS d, '-5' AS e, -5 AS f, 'x,\"y\"' AS \"g,h\", \
               to_timestamp(0) AT TIME ZONE 'UTC' AS i, X'00ff' AS j, [1, NULL, 2] AS k, true AS l, CAST(1.5 AS DOUBLE) AS m";
    let reply = city.sql(sql, &[("accept", "text/csv")]).await;
    let lines: Vec<String> = reply.text().lines().map(str::to_owned).collect();
    assert_eq!(lines[0], "a,b,c,d,e,f,\"g,h\",i,j,k,l,m");
    assert!(lines[1].starts_with(",\"\",'=cmd|'/C calc'!A0,'+49 731,-5,-5,\"x,\"\"y\"\"\","), "{}", lines[1]);
    assert!(lines[1].ends_with(",00ff,\"[1, , 2]\",true,1.5"), "{}", lines[1]);
}

#[tokio::test]
async fn geojson_has_no_place_that_is_no_number_and_keeps_further_geometries() {
    let city = City::new().await;
    let geojson = [("accept", "application/geo+json")];
    let nowhere = city.sql("SELECT CAST('NaN' AS DOUBLE) AS lon, 48.0 AS lat, 1 AS n", &geojson).await.json();
    assert_eq!(nowhere["features"][0]["geometry"], json!(null));
    let sql = "SELECT ST_Point(10.0, 48.0) AS here, ST_Point(11.0, 49.0) AS there, ST_Point(CAST('NaN' AS DOUBLE), 1.0) AS nowhere, 1 AS n";
    let feature = city.sql(sql, &geojson).await.json()["features"][0].clone();
    assert_eq!(feature["geometry"], json!({ "type": "Point", "coordinates": [10.0, 48.0] }));
    let there = json!({ "type": "Point", "coordinates": [11.0, 49.0] });
    assert_eq!(feature["properties"], json!({ "n": 1, "there": there, "nowhere": null }));
}

#[tokio::test]
async fn formats_that_cannot_be_streamed_have_a_limit() {
    let city = City::with(|options| options.limits.sql_buffer_bytes = 100_000, Limits::default()).await;
    let sql = "SELECT value FROM generate_series(1, 100000)";
    for format in ["table", "parquet"] {
        let detail = city.send(post(&format!("/api/v1/sql?format={format}"), sql)).await.problem(422);
        assert!(detail.contains("csv") || detail.contains("LIMIT"), "{detail}");
    }
    let csv = city.send(post("/api/v1/sql?format=csv", sql)).await;
    assert_eq!(csv.text().lines().count(), 100_001);
}

#[tokio::test]
async fn a_file_that_is_gone_is_our_fault_and_its_path_stays_with_us() {
    let city = City::new().await.filled().await;
    city.store.flush().await.unwrap();
    for entry in walk(&city.folder.path().join("tables")) {
        if entry.extension().is_some_and(|extension| extension == "parquet") {
            std::fs::remove_file(entry).unwrap();
        }
    }
    let reply = tokio::time::timeout(DEADLINE, city.sql("SELECT result FROM observations", &[])).await.unwrap();
    let text = reply.text();
    reply.problem(500);
    assert!(!text.contains("tables/") && !text.contains(city.folder.path().to_str().unwrap()), "{text}");
}

#[tokio::test]
async fn rows_of_a_damaged_file_are_left_out_and_answers_say_so() {
    let city = City::new().await.filled().await;
    city.store.flush().await.unwrap();
    city.number(1, 100, 99.0).await;
    assert_eq!(city.sql("SELECT count(*) AS n FROM observations", &[]).await.header("x-incomplete"), "");
    let file =
        walk(&city.folder.path().join("tables/observations")).into_iter().find(|path| path.extension().is_some_and(|end| end == "parquet"));
    std::fs::remove_file(file.unwrap()).unwrap();
    city.sql("SELECT result FROM observations", &[]).await.problem(500);
    city.store.examine().await.unwrap();
    let rest = city.sql("SELECT result FROM observations", &[]).await;
    assert_eq!((rest.json(), rest.header("x-incomplete").is_empty()), (json!([{ "result": 99.0 }]), false));
    let ready = city.get("/readyz").await;
    assert_eq!(ready.status, 200);
    assert!(ready.text().contains("1 damaged or missing files"), "{}", ready.text());
    assert!(!city.get("/api/v1/stations/1/series?property=air_temperature").await.header("x-incomplete").is_empty());
}

#[tokio::test]
async fn whole_counts_and_extremes_come_from_the_manifest_and_hidden_rows_never_count() {
    let city = City::new().await.filled().await;
    let key = city.key(Role::Admin);
    let authorization = format!("Bearer {key}");
    let sql = "SELECT count(*) AS n, min(result) AS low, max(result) AS high, count(result) AS numbers FROM observations";
    let scanned = city.sql(sql, &[("authorization", &authorization)]).await.json();
    assert_eq!(scanned, json!([{ "n": 8, "low": 10.5, "high": 14.0, "numbers": 7 }]));
    let public = city.sql(sql, &[]).await.json();
    assert!(public[0]["n"].as_i64().unwrap() < 8, "{public}");
    city.store.flush().await.unwrap();
    assert_eq!(city.sql(sql, &[]).await.json(), public);
    for entry in walk(&city.folder.path().join("tables")) {
        if entry.extension().is_some_and(|extension| extension == "parquet") {
            std::fs::remove_file(entry).unwrap();
        }
    }
    assert_eq!(city.sql(sql, &[("authorization", &authorization)]).await.json(), scanned, "no file is opened");
    city.sql(&format!("{sql} WHERE result > 11"), &[("authorization", &authorization)]).await.problem(500);
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
