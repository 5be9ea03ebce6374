//! Requests that no client would send on purpose.

use axum::http::Method;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::harness::{City, request};

const PATHS: [&str; 16] = [
    "/api/v1/stations.geojson",
    "/api/v1/stations/1",
    "/api/v1/stations/1/series",
    "/api/v1/stations/{}",
    "/api/v1/stations/{}/series",
    "/api/v1/properties",
    "/api/v1/layers",
    "/api/v1/layers/{}",
    "/api/v1/town",
    "/api/v1/twin/state",
    "/api/v1/sql",
    "/problems/{}",
    "/metrics",
    "/openapi.json",
    "/assets/{}",
    "/{}",
];

const NAMES: [&str; 14] =
    ["bbox", "property", "from", "to", "every", "format", "query", "station", "last_event_id", "limit", "f", "", "api_key", "__proto__"];

const VALUES: [&str; 34] = [
    "",
    "0",
    "-1",
    "1e308",
    "NaN",
    "inf",
    "9223372036854775808",
    "1,2,3,4",
    "-180,-90,180,90",
    "180,0,-180,0",
    "1,2,3",
    "500,0,1,1",
    "air_temperature",
    "secret_power",
    "1h",
    "PT1S",
    "366d",
    "2026-03-01T12:00:00Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:60Z",
    "-262143-01-01T00:00:00Z",
    "json",
    "csv",
    "parquet",
    "SELECT 1",
    "SELECT * FROM readings",
    "SELECT * FROM devices",
    "SELECT 1/0",
    "';DROP TABLE things;--",
    "../../etc/passwd",
    "%00",
    "%",
    "%ff%fe",
    "äöü",
];

/// What is allowed in an address; everything else is percent-encoded.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() || b"%-._~,:".contains(&byte) {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02x}")
                }
            },
        )
        .collect()
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![4 => prop::sample::select(&VALUES[..]).prop_map(str::to_owned), 1 => any::<String>(), 1 => "[0-9.,:+TZeE-]{0,30}"]
}

fn address() -> impl Strategy<Value = String> {
    let name = prop_oneof![9 => prop::sample::select(&NAMES[..]).prop_map(str::to_owned), 1 => any::<String>()];
    let query = prop::collection::vec((name, value()), 0..4);
    (prop::sample::select(&PATHS[..]), value(), query).prop_map(|(path, segment, query)| {
        let path = path.replace("{}", &encoded(&segment));
        let query: Vec<String> = query.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        format!("{path}?{}", query.join("&"))
    })
}

#[test]
fn ten_thousand_garbage_requests_are_never_our_fault() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let city = runtime.block_on(async { City::new().await.filled().await });
    let mut runner = TestRunner::new(Config { cases: 10_000, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&(address(), any::<bool>()), |(address, is_head)| {
        let method = if is_head { Method::HEAD } else { Method::GET };
        prop_assume!(address.parse::<axum::http::Uri>().is_ok());
        let reply = runtime.block_on(city.send(request(method, &address, &[])));
        prop_assert!(reply.status.as_u16() < 500, "{} {}: {}", reply.status, address, reply.text());
        if reply.status.is_client_error() {
            prop_assert_eq!(reply.header("content-type"), "application/problem+json", "{}", address);
        }
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn garbage_queries_are_never_our_fault() {
    const WORDS: [&str; 40] = [
        "SELECT",
        "*",
        "FROM",
        "readings",
        "latest",
        "things",
        "devices",
        "WHERE",
        "GROUP BY",
        "ORDER BY",
        "LIMIT",
        "value",
        "thing",
        "time",
        "(",
        ")",
        ",",
        "1",
        "0",
        "-1",
        "'x'",
        "NULL",
        "+",
        "/",
        "=",
        "<",
        "AND",
        "count(*)",
        "avg(value)",
        "geom",
        "st_x(geom)",
        "date_bin(interval '1 hour', time)",
        "CAST(value AS INT)",
        "CASE WHEN",
        "THEN",
        "END",
        "UNION",
        "JOIN",
        "ON true",
        "9223372036854775807",
    ];
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let city = runtime.block_on(async { City::new().await.filled().await });
    let mut runner = TestRunner::new(Config { cases: 1000, failure_persistence: None, ..Config::default() });
    let query = prop::collection::vec(prop::sample::select(&WORDS[..]), 0..12).prop_map(|words| format!("SELECT {}", words.join(" ")));
    let outcome = runner.run(&query, |query| {
        let reply = runtime.block_on(city.sql(&query, &[]));
        prop_assert!(reply.status.as_u16() < 500, "{} {}: {}", reply.status, query, reply.text());
        Ok(())
    });
    outcome.unwrap();
}
