use std::sync::Arc;

use serde_json::json;
use stadtwarte_query::Limits;

use super::harness::{City, SECRETS};
use crate::{Check, Health, Outcome};

struct Brokers(Outcome);

impl Health for Brokers {
    fn checks(&self) -> Vec<Check> {
        vec![Check { name: "broker:harbour".into(), outcome: self.0.clone() }]
    }
}

async fn city(outcome: Outcome) -> City {
    City::with(|options| options.health = Arc::new(Brokers(outcome)), Limits::default()).await
}

#[tokio::test]
async fn a_live_process_says_so() {
    let city = city(Outcome::Fail("away".into())).await;
    let reply = city.get("/healthz").await;
    assert_eq!((reply.status.as_u16(), reply.json()), (200, json!({ "status": "alive" })));
    assert_eq!(reply.header("cache-control"), "no-store");
}

#[tokio::test]
async fn readiness_lists_every_part() {
    let pass = |name: &str| json!({ "name": name, "status": "pass" });
    let ready = city(Outcome::Pass).await.get("/readyz").await;
    let checks = json!([pass("log"), pass("files"), pass("tables"), pass("broker:harbour")]);
    assert_eq!((ready.status.as_u16(), ready.json()), (200, json!({ "status": "ready", "checks": checks })));

    let warned = city(Outcome::Warn("slow".into())).await.get("/readyz").await;
    assert_eq!(warned.status, 200);
    assert_eq!(warned.json()["checks"][3], json!({ "name": "broker:harbour", "status": "warn", "detail": "slow" }));

    let failed = city(Outcome::Fail("away".into())).await.get("/readyz").await;
    failed.problem(503);
    assert_eq!(failed.json()["checks"][3], json!({ "name": "broker:harbour", "status": "fail", "detail": "away" }));
    assert_eq!(failed.header("cache-control"), "no-store");
}

#[tokio::test]
async fn metrics_count_requests_by_route_and_tell_nothing_about_anyone() {
    let city = City::new().await.filled().await;
    city.get("/api/v1/stations/1").await;
    city.get("/api/v1/stations/1?secret=swk_a_b").await;
    city.get("/nothing/at/all").await;
    let reply = city.get("/metrics").await;
    assert_eq!(reply.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = reply.text();
    for line in [
        "stadtwarte_http_requests_total{method=\"GET\",route=\"/api/v1/stations/{id}\",status=\"200\"} 1",
        "stadtwarte_http_requests_total{method=\"GET\",route=\"/api/v1/stations/{id}\",status=\"400\"} 1",
        "stadtwarte_http_requests_total{method=\"GET\",route=\"unmatched\",status=\"404\"} 1",
        "stadtwarte_http_request_duration_seconds_count{route=\"/api/v1/stations/{id}\"} 2",
        "stadtwarte_store_observations_total 8",
        "stadtwarte_store_records_total 8",
        "stadtwarte_store_log_unavailable 0",
        "stadtwarte_http_requests_in_flight 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
    for secret in SECRETS.iter().chain(&["swk_a_b", "nothing/at/all"]) {
        assert!(!text.contains(secret), "{secret}");
    }
}
