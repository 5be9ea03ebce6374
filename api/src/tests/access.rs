//! Who sees what: the same at every door.

use axum::http::Method;
use stadtwarte_model::Role;

use super::harness::{City, DEV_EUI, Reply, SECRETS, request};

/// Every address that can be read whole.
const READABLE: [&str; 22] = [
    "/",
    "/docs",
    "/openapi.json",
    "/healthz",
    "/readyz",
    "/metrics",
    "/problems/invalid-request",
    "/api/v1/stations.geojson",
    "/api/v1/stations/1",
    "/api/v1/stations/2",
    "/api/v1/stations/3",
    "/api/v1/stations/4",
    "/api/v1/stations/5",
    "/api/v1/stations/1/series?property=air_temperature&to=2026-03-01T13:00:00Z",
    "/api/v1/stations/1/series?property=secret_pow%65r&to=2026-03-01T13:00:00Z",
    "/api/v1/stations/3/series?property=air_temperature&to=2026-03-01T13:00:00Z",
    "/api/v1/properties",
    "/api/v1/layers",
    "/api/v1/town",
    "/api/v1/twin/state",
    "/api/v1/sql?query=SELECT%201",
    "/nothing/here",
];

const TABLES: [&str; 13] = [
    "observations",
    "readings",
    "latest",
    "things",
    "locations",
    "datastreams",
    "sensors",
    "observed_properties",
    "features_of_interest",
    "devices",
    "uplinks",
    "quarantine",
    "gateways",
];

fn assert_clean(what: &str, reply: &Reply) {
    let headers = format!("{:?}", reply.headers);
    for secret in SECRETS {
        assert!(!reply.text().contains(secret), "{what} tells {secret}: {}", reply.text());
        assert!(!headers.contains(secret), "{what} tells {secret} in a header");
    }
}

#[tokio::test]
async fn nobody_without_a_key_finds_a_device_a_gateway_or_an_internal_property() {
    let city = City::new().await.filled().await;
    let publisher = city.key(Role::Publisher);
    for headers in [vec![], vec![("x-api-key", publisher.as_str())]] {
        for path in READABLE {
            assert_clean(path, &city.get_with(path, &headers).await);
        }
        for table in TABLES {
            for sql in
                [format!("SELECT * FROM {table}"), format!("SELECT t.nonsense FROM {table} t"), format!("SELECT nonsense FROM {table}")]
            {
                assert_clean(&sql, &city.sql(&sql, &headers).await);
            }
        }
        for sql in [
            "SHOW TABLES",
            "EXPLAIN SELECT * FROM observations",
            "SELECT * FROM information_schema.tables",
            "SELECT * FROM information_schema.df_settings",
            "SELECT d.dev_eui FROM devices d JOIN things t ON t.id = d.thing_id",
            "SELECT name FROM things UNION SELECT name FROM devices",
            "SELECT * FROM '/etc/passwd'",
            "SELECT (SELECT max(dev_eui) FROM uplinks)",
        ] {
            assert_clean(sql, &city.sql(sql, &headers).await);
        }
    }
}

#[tokio::test]
async fn an_operator_may_query_devices_and_a_planner_sees_internal_data() {
    let city = City::new().await.filled().await;
    let (operator, planner) = (city.key(Role::Operator), city.key(Role::Planner));
    let bearer = format!("Bearer {operator}");
    for headers in [[("authorization", bearer.as_str())], [("x-api-key", operator.as_str())]] {
        let devices = city.sql("SELECT dev_eui FROM devices", &headers).await.json();
        assert_eq!(devices[0]["dev_eui"], DEV_EUI);
    }
    let visible = async |key: &str| {
        let reply = city.get_with("/api/v1/stations.geojson", &[("x-api-key", key)]).await.json();
        reply["features"].as_array().unwrap().iter().map(|feature| feature["id"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(visible(&planner).await, [1, 2, 3, 5]);
    assert_eq!(visible(&operator).await, [1, 2, 3, 4, 5]);
    let internal = "/api/v1/stations/1/series?property=secret_power&to=2026-03-01T13:00:00Z";
    assert_eq!(city.get_with(internal, &[("x-api-key", &planner)]).await.status, 200);
    assert_eq!(city.sql("SELECT * FROM devices", &[("x-api-key", &planner)]).await.status, 400, "devices are the operators'");
}

#[tokio::test]
async fn a_wrong_key_is_refused_at_every_door_and_never_taken_for_none() {
    let city = City::new().await.filled().await;
    let good = city.key(Role::Operator);
    let mut tampered = good.clone();
    tampered.replace_range(good.len() - 1.., if good.ends_with('0') { "1" } else { "0" });
    let doors = [
        "/api/v1/stations.geojson",
        "/api/v1/stations/1",
        "/api/v1/stations/1/series?property=air_temperature",
        "/api/v1/properties",
        "/api/v1/layers",
        "/api/v1/town",
        "/api/v1/twin/state",
        "/api/v1/live",
        "/api/v1/sql?query=SELECT%201",
    ];
    for path in doors {
        for key in [tampered.as_str(), "", "swk_", "swk_a_b", "nonsense", "swk_!!_??"] {
            let reply = city.get_with(path, &[("x-api-key", key)]).await;
            let detail = reply.problem(401);
            assert!(key.is_empty() || !detail.contains(key), "{detail}");
            assert_eq!(reply.header("www-authenticate"), "Bearer realm=\"stadtwarte\"", "{path}");
        }
        for value in ["Basic dXNlcjpwYXNz", &format!("Bearer {tampered}"), "Bearer", &good] {
            city.get_with(path, &[("authorization", value)]).await.problem(401);
        }
        city.get_with(path, &[("authorization", &format!("Bearer {good}")), ("x-api-key", &tampered)]).await.problem(401);
    }
    assert_eq!(city.sql("SELECT 1", &[("x-api-key", &tampered)]).await.status, 401);
}

#[tokio::test]
async fn answers_to_a_key_are_not_for_shared_caches() {
    let city = City::new().await.filled().await;
    let key = city.key(Role::Operator);
    for path in ["/api/v1/stations.geojson", "/api/v1/stations/1", "/api/v1/twin/state", "/api/v1/properties"] {
        assert_eq!(city.get(path).await.header("cache-control"), "public, max-age=5", "{path}");
        let reply = city.get_with(path, &[("x-api-key", &key)]).await;
        assert_eq!(reply.header("cache-control"), "private, no-store", "{path}");
        let vary: Vec<&str> = reply.headers.get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
        assert!(vary.join(",").contains("x-api-key"), "{vary:?}");
    }
}

#[tokio::test]
async fn other_origins_may_read_without_credentials() {
    let city = City::new().await;
    let reply = city.get_with("/api/v1/town", &[("origin", "https://elsewhere.example")]).await;
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    assert_eq!(reply.header("access-control-allow-credentials"), "");
    let preflight = request(
        Method::OPTIONS,
        "/api/v1/sql",
        &[
            ("origin", "https://elsewhere.example"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "content-type"),
        ],
    );
    let reply = city.send(preflight).await;
    assert_eq!(reply.status, 200);
    assert!(reply.header("access-control-allow-methods").contains("POST"));
    assert!(reply.header("access-control-allow-headers").contains("x-api-key"));
    assert!(!reply.header("access-control-allow-methods").contains("DELETE"));
}

#[tokio::test]
async fn no_question_tells_what_is_hidden() {
    // Hidden are 11.5, 12.5 and 13; a condition that is computed on 11.5 divides by zero.
    const PROBE: &str = "1 / (CAST(result * 2 AS BIGINT) - 23)";
    let city = City::new().await.filled().await;
    for _ in 0..2 {
        for (sql, answer) in [
            (
                "SELECT count(*), count(DISTINCT datastream_id), min(result), max(result), sum(result) FROM observations",
                "5,5,10.5,14.0,47.5",
            ),
            ("SELECT count(*) FROM (SELECT * FROM observations LIMIT 100)", "5"),
            ("SELECT count(*) FROM readings", "5"),
            ("SELECT count(*) FROM latest", "5"),
            ("SELECT count(*) FROM observations WHERE datastream_id IN (3, 5, 6) OR result IN (11.5, 12.5, 13)", "0"),
            ("SELECT count(*) FROM observations o JOIN (VALUES (3), (5)) AS v(id) ON o.datastream_id = v.id", "0"),
            ("SELECT count(*) FROM (VALUES (3), (5)) AS v(id) WHERE id IN (SELECT datastream_id FROM observations)", "0"),
            ("SELECT max(result) FROM observations WHERE result < 14", "12.0"),
            ("SELECT result FROM observations WHERE result < 12 ORDER BY result DESC LIMIT 1", "11.0"),
            ("SELECT count(*) FROM features_of_interest", "0"),
        ] {
            let reply = city.sql(sql, &[("accept", "text/csv")]).await;
            assert_eq!(reply.text().lines().nth(1), Some(answer), "{sql}: {}", reply.text());
        }
        for sql in [
            format!("SELECT {PROBE} FROM observations"),
            format!("SELECT 1 FROM observations WHERE {PROBE} > 0"),
            format!("SELECT 1 FROM observations WHERE datastream_id = 3 AND {PROBE} > 0"),
            format!("SELECT 1 FROM observations WHERE CASE WHEN {PROBE} > 0 THEN true END"),
            format!("SELECT max({PROBE}) FILTER (WHERE {PROBE} > 0) FROM observations"),
            format!("SELECT {PROBE}, count(*) FROM observations GROUP BY {PROBE} HAVING max({PROBE}) > 0"),
            format!("SELECT 1 FROM observations ORDER BY {PROBE} LIMIT 1"),
            format!("SELECT 1 FROM observations o JOIN things t ON {PROBE} = t.id"),
            format!("SELECT 1 FROM things WHERE EXISTS (SELECT 1 FROM observations WHERE {PROBE} = things.id)"),
            format!("SELECT sum({PROBE}) OVER (ORDER BY result) FROM observations"),
            format!("SELECT {} FROM readings WHERE {} > 0", PROBE.replace("result", "value"), PROBE.replace("result", "value")),
        ] {
            let reply = city.sql(&sql, &[]).await;
            assert_eq!(reply.status, 200, "{sql}: {}", reply.text());
        }
        // The same again from files.
        city.store.flush().await.unwrap();
    }
}
