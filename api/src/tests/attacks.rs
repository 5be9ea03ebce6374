//! Queries that are meant to bring the process down: each is answered within its limits, and gone when it is answered.

use std::time::Duration;

use stadtwarte_model::Role;
use stadtwarte_query::Limits;
use tokio::time::timeout;

use super::harness::{City, DEADLINE};

/// A town where no query takes long.
async fn impatient() -> City {
    City::with(|_| {}, Limits { max_time: Duration::from_millis(300), ..Limits::default() }).await.filled().await
}

/// `WITH` parts `c0` to `c{levels}`, each made of the one before.
fn chain(first: &str, levels: usize, next: impl Fn(usize) -> String) -> String {
    let parts: Vec<String> = (0..levels).map(|level| format!(", c{} AS ({})", level + 1, next(level))).collect();
    format!("WITH c0 AS ({first}){} SELECT * FROM c{levels}", parts.concat())
}

#[tokio::test]
async fn what_never_ends_is_ended() {
    let city = impatient().await;
    for sql in [
        "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b WHERE a.value + b.value = 0",
        "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b",
        "SELECT count(*) FROM generate_series(1, 300000) a JOIN generate_series(1, 300000) b ON a.value % 2 = b.value % 2 AND a.value + b.value < 0",
        "SELECT count(*) FROM generate_series(1, 300000) a WHERE a.value % 2 IN (SELECT b.value % 2 FROM generate_series(1, 300000) b)",
        "SELECT count(*) FROM generate_series(1, 1000000) a WHERE NOT EXISTS (SELECT 1 FROM generate_series(1, 1000000) b WHERE a.value + b.value < 0)",
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
    ] {
        let detail = city.sql(sql, &[]).await.problem(422);
        assert!(detail.contains("longer"), "{sql}: {detail}");
        timeout(DEADLINE, idle(&city)).await.unwrap_or_else(|_| panic!("still running: {sql}"));
    }
}

/// Waits until no query runs any more.
async fn idle(city: &City) {
    while city.engine.running() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_takes_more_memory_than_allowed_is_refused() {
    let limits = Limits { memory_bytes: 64 << 20, max_time: Duration::from_secs(5), ..Limits::default() };
    let city = City::with(|_| {}, limits).await;
    for sql in [
        "SELECT repeat('x', 1000000000)",
        "SELECT length(repeat(CAST(value AS VARCHAR), 1000000)) FROM generate_series(1, 10000)",
        "SELECT lpad('x', 2000000000)",
        "SELECT rpad(CAST(value AS VARCHAR), 100000, 'y') FROM generate_series(1, 10000)",
        "SELECT length(replace(repeat('x', 30000), 'x', repeat('y', 30000)))",
        "SELECT length(regexp_replace(repeat('x', 30000), 'x', repeat('y', 30000), 'g'))",
        "WITH RECURSIVE t(x) AS (SELECT 'x' UNION ALL SELECT x || x FROM t WHERE length(x) < 2000000000) SELECT max(length(x)) FROM t",
        "SELECT sum(value) OVER () FROM generate_series(1, 100000000000)",
        "SELECT sum(value) OVER (ORDER BY value ROWS BETWEEN CURRENT ROW AND 2000000000 FOLLOWING) FROM generate_series(1, 100000000000)",
        "SELECT array_agg(value) FROM generate_series(1, 100000000000)",
        "SELECT median(value) FROM generate_series(1, 100000000000)",
    ] {
        city.sql(sql, &[]).await.problem(422);
    }
    for sql in [
        "SELECT unnest(range(1, 1000000000))",
        "SELECT array_repeat(1, 1000000000)",
        "SELECT arrow_cast(NULL, 'FixedSizeBinary(2000000000)')",
    ] {
        city.sql(sql, &[]).await.problem(400);
    }
    for name in ["array_agg", "median", "string_agg"] {
        let detail = city.sql(&format!("SELECT {name}(name, ',') OVER (ORDER BY id) FROM things"), &[]).await;
        assert!(detail.status.is_client_error(), "{name}");
    }
    city.sql("SELECT array_agg(value) OVER (ORDER BY value) FROM generate_series(1, 10)", &[]).await.problem(403);
}

#[tokio::test]
async fn what_takes_long_to_plan_is_not_planned() {
    let city = City::new().await;
    let tables: Vec<String> = (0..1000).map(|number| format!("things t{number}")).collect();
    let columns = |count: usize| (0..count).map(|number| format!("{number} AS c{number}")).collect::<Vec<_>>().join(", ");
    for sql in [
        chain("SELECT 1 AS x", 24, |level| format!("SELECT * FROM c{level} UNION ALL SELECT * FROM c{level}")),
        format!(
            "{} WHERE x > 0",
            chain("SELECT value AS x FROM generate_series(1, 3)", 24, |level| format!("SELECT x + x AS x FROM c{level}"))
        ),
        format!("SELECT {}", vec!["1"; 30_000].join("+")),
        format!("SELECT {} FROM generate_series(1, 3)", vec!["value"; 9_000].join("+")),
        format!("SELECT count(*) FROM things WHERE {}", vec!["id = 1"; 6_000].join(" OR ")),
        format!("SELECT count(*) FROM {}", tables.join(", ")),
        format!("SELECT {}", columns(4000)),
    ] {
        let detail = city.sql(&sql, &[]).await.problem(422);
        assert!(detail.contains("too complex"), "{}: {detail}", &sql[..100]);
    }
    for nested in [
        format!("SELECT {}1{}", "(".repeat(1000), ")".repeat(1000)),
        format!("SELECT {}1{}", "abs(".repeat(1000), ")".repeat(1000)),
        format!("SELECT {}1", "- ".repeat(900)),
        format!("SELECT * FROM {}things{}", "(SELECT * FROM ".repeat(500), ")".repeat(500)),
    ] {
        city.sql(&nested, &[]).await.problem(400);
    }
}

#[tokio::test]
async fn what_only_looks_dangerous_is_answered() {
    let city = City::new().await.filled().await;
    let numbers: Vec<String> = (0..10_000).map(|number| number.to_string()).collect();
    for (sql, answer) in [
        (format!("SELECT count(*) AS n FROM things WHERE id IN ({})", numbers.join(",")), "n\n3\n"),
        ("SELECT regexp_like(repeat('a', 30000), '(a+)+$') AS n".to_owned(), "n\ntrue\n"),
        ("SELECT value AS n FROM generate_series(1, 10) LIMIT 9223372036854775807 OFFSET 9".to_owned(), "n\n10\n"),
        ("SELECT id AS n FROM things LIMIT 9223372036854775807 OFFSET 9223372036854775807".to_owned(), "n\n"),
        ("SELECT 'a' || 1 || NULL AS n, 'a' || 1 AS m".to_owned(), "n,m\n,a1\n"),
        ("SELECT name || '!' AS n FROM things ORDER BY name || '!' LIMIT 1".to_owned(), "n\nDatumsgrenze!\n"),
        ("SELECT lpad(CAST(value AS VARCHAR), 3, '0') AS n FROM generate_series(7, 8)".to_owned(), "n\n007\n008\n"),
        ("SELECT [1] || [2] AS n".to_owned(), ""),
        ("SELECT sum(value) OVER (ORDER BY value) AS n FROM generate_series(1, 3)".to_owned(), "n\n1\n3\n6\n"),
        (chain("SELECT 1 AS n", 8, |level| format!("SELECT n + 1 AS n FROM c{level}")), "n\n9\n"),
    ] {
        let reply = city.sql(&sql, &[("accept", if answer.is_empty() { "application/json" } else { "text/csv" })]).await;
        assert_eq!(reply.status, 200, "{}: {}", &sql[..sql.len().min(100)], reply.text());
        assert!(answer.is_empty() || reply.text() == answer, "{}: {}", &sql[..sql.len().min(100)], reply.text());
    }
}

#[tokio::test]
async fn long_constants_do_not_fill_the_memory_with_copies() {
    let city = City::with(|_| {}, Limits { memory_bytes: 64 << 20, ..Limits::default() }).await;
    let sql = format!("SELECT max(length(concat('{}', CAST(value AS VARCHAR)))) AS n FROM generate_series(1, 10000)", "x".repeat(60_000));
    assert_eq!(city.sql(&sql, &[("accept", "text/csv")]).await.text(), "n\n60005\n");
}

#[tokio::test]
async fn malformed_geometries_are_the_askers_matter() {
    let city = City::new().await;
    for value in [
        "ST_GeomFromText('POLYGON((')",
        "ST_GeomFromWKB(X'00')",
        "ST_GeomFromWKB(X'0103000000FFFFFFFF')",
        "ST_GeomFromWKB(X'0106000000FFFFFF7F')",
        "ST_GeomFromWKB(X'01070000000100000001070000000100000001070000000100000001070000000100000001')",
        "ST_PointFromGeoHash('!!')",
    ] {
        city.sql(&format!("SELECT {value} AS g"), &[]).await.problem(400);
    }
}

#[tokio::test]
async fn characters_that_end_texts_elsewhere_are_only_characters() {
    let city = City::new().await;
    city.sql("SELECT \0 1", &[]).await.problem(400);
    assert_eq!(city.sql("SELECT 'a\0b' AS n", &[]).await.json(), serde_json::json!([{ "n": "a\0b" }]));
    assert_eq!(city.sql("SELECT count(*) AS n FROM things WHERE name = 'a\0b'", &[]).await.json(), serde_json::json!([{ "n": 0 }]));
    city.get("/api/v1/stations/%00").await.problem(404);
    city.get("/api/v1/layers/..%2f..%2fetc%2fpasswd.geojson").await.problem(404);
}

#[tokio::test]
async fn a_query_that_nobody_waits_for_gives_its_slot_back() {
    let city = City::with(|_| {}, Limits { concurrent: 1, ..Limits::default() }).await;
    let endless = "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b WHERE a.value + b.value = 0";
    let answer = city.engine.sql(Role::Public, endless).await.unwrap();
    assert_eq!(city.engine.running(), 1);
    drop(answer);
    timeout(DEADLINE, idle(&city)).await.expect("ended long before the time limit of the query");
}
