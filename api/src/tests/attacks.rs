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
        "SELECT length(concat_ws(repeat('x', 1000), value, value, value, value, value, value, value, value)) FROM generate_series(1, 10000)",
        "SELECT array_replace_all(string_to_array(repeat('x,', 5000), ','), 'x', repeat('y', 30000))",
        "SELECT array_replace_n(string_to_array(repeat('x,', 500), ','), 'x', repeat(CAST(value AS VARCHAR), 5000), 400) FROM generate_series(1, 10000)",
        "SELECT array_to_string(string_to_array(repeat('x,', 5000), ','), repeat('y', 30000)) FROM generate_series(1, 10000)",
        "SELECT to_char(to_timestamp(value), repeat('%c', 10000)) FROM generate_series(1, 10000)",
        "SELECT regexp_match(repeat('x', 60000 + value), '((((((((((((((((((((.*))))))))))))))))))))') FROM generate_series(1, 1000)",
        // Each batch has one long value, and a filter collects those it lets through.
        "SELECT max(reverse(x)) FROM (SELECT repeat('x', CASE WHEN value % 8192 = 0 THEN 4000000 + CAST(random() AS BIGINT) ELSE 1 END) AS x FROM generate_series(1, 50000000)) WHERE length(x) > 1000",
        // One long value, repeated by a join, a subquery, a window, an element of a list.
        "SELECT max(length(a.x || b.value)) FROM (SELECT string_agg(repeat('x', 1000), '') AS x FROM generate_series(1, 10000)) a, generate_series(1, 8192) b",
        "SELECT (SELECT string_agg(repeat('x', 1000), '') FROM generate_series(1, 10000)) AS x, value FROM generate_series(1, 8192)",
        "SELECT first_value(x) OVER () FROM (SELECT string_agg(repeat('x', 1000), '') AS x FROM generate_series(1, 10000) UNION ALL SELECT 'x' FROM generate_series(1, 8192))",
        "SELECT x, unnest(y) FROM (SELECT string_agg(repeat('x', 1000), '') AS x, array_agg(value) AS y FROM generate_series(1, 10000))",
    ] {
        city.sql(sql, &[]).await.problem(422);
    }
    // Each level doubles.
    let hexadecimal = (0..20).fold("'x'".to_owned(), |inner, _| format!("encode(CAST({inner} AS BYTEA), 'hex')"));
    city.sql(&format!("SELECT length({hexadecimal})"), &[]).await.problem(422);
    let of_rows = (0..30).fold("CAST(value AS VARCHAR)".to_owned(), |inner, _| format!("encode(CAST({inner} AS BYTEA), 'hex')"));
    city.sql(&format!("SELECT length({of_rows}) FROM generate_series(1, 10000)"), &[]).await.problem(422);
    // Many calls share what one may make.
    let repeats: Vec<String> = (0..64).map(|number| format!("repeat(CAST(value AS VARCHAR), 250) AS c{number}")).collect();
    let sql = format!("SELECT {} FROM generate_series(1000000000000, 1000000008191)", repeats.join(", "));
    city.sql(&sql, &[("accept", "text/csv")]).await.problem(422);
    // Copies of a long text, one per column.
    let copies: Vec<String> = (300..999).map(|number| format!("left(x, {number})")).collect();
    let sql = format!(
        "SELECT {} FROM (SELECT repeat(CAST(value AS VARCHAR), 100) AS x FROM generate_series(1000000000, 1000008191))",
        copies.join(", ")
    );
    city.sql(&sql, &[("accept", "text/csv")]).await.problem(422);
    for sql in [
        "SELECT approx_percentile_cont(value, 0.5, 1000000000000000) FROM generate_series(1, 3)",
        "SELECT approx_percentile_cont_with_weight(value, value, 0.5, 1000000000000000) FROM generate_series(1, 3)",
        "SELECT CAST(NULL AS BIGINT[10000000][10000000])",
        "SELECT TRY_CAST(NULL AS STRUCT<a BIGINT>)",
        "SELECT first_value(repeat('x', value)) OVER (ORDER BY value) FROM generate_series(1, 8192)",
        "SELECT lag(CAST(value AS VARCHAR)) OVER (ORDER BY value) FROM generate_series(1, 10)",
    ] {
        city.sql(sql, &[]).await.problem(403);
    }
    let delimiter = "x".repeat(60_000);
    city.sql(&format!("SELECT string_agg(DISTINCT CAST(value AS VARCHAR), '{delimiter}') FROM generate_series(1, 10)"), &[])
        .await
        .problem(403);
    city.sql(&format!("SELECT named_struct('{delimiter}', 1)"), &[]).await.problem(403);
    let nested = (0..20).fold("value".to_owned(), |inner, _| format!("make_array({inner})"));
    city.sql(&format!("SELECT {nested} FROM generate_series(1, 2)"), &[]).await.problem(403);
    for sql in [
        "SELECT unnest(range(1, 1000000000))",
        "SELECT array_repeat(1, 1000000000)",
        "SELECT arrow_cast(NULL, 'FixedSizeBinary(2000000000)')",
        "SELECT with_metadata('abc', 'ARROW:extension:name', 'geoarrow.point')",
        "SELECT input_file_name() FROM observations",
        "SELECT array_transform([1, 2], x -> x + 1)",
        "SELECT arrow_typeof(1)",
        "SELECT arrays_zip([1], [2])",
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
        format!(
            "SELECT count(*) FROM generate_series(1, 3) GROUP BY CUBE({})",
            (0..30).map(|number| format!("value + {number}")).collect::<Vec<_>>().join(", ")
        ),
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
async fn a_row_as_wide_as_many_columns_of_the_same_long_text_is_written_in_parts_or_refused() {
    let city = City::with(|_| {}, Limits { memory_bytes: 64 << 20, ..Limits::default() }).await;
    let columns = |count: usize| (0..count).map(|number| format!("x AS c{number}")).collect::<Vec<_>>().join(", ");
    let of = |bytes: usize, count: usize| {
        format!("SELECT {} FROM (SELECT repeat('x', {bytes}) AS x FROM generate_series(1, 4))", columns(count))
    };
    for format in ["application/json", "text/csv", "application/vnd.apache.arrow.stream", "text/plain"] {
        city.sql(&of(60_000, 200), &[("accept", format)]).await.problem(422);
        assert_eq!(city.sql(&of(1000, 200), &[("accept", format)]).await.status, 200, "{format}");
    }
}

#[tokio::test]
async fn a_table_is_not_drawn_as_wide_as_its_widest_cell_for_ever() {
    let city = City::new().await;
    let sql = "SELECT CASE WHEN value = 1 THEN repeat('x', 60000) ELSE 'y' END AS x FROM generate_series(1, 50000)";
    assert!(city.sql(sql, &[("accept", "text/plain")]).await.problem(422).contains("LIMIT"));
}

#[tokio::test]
async fn long_names_are_not_written_for_many_rows_at_a_time() {
    let city = City::new().await;
    let name = "x".repeat(60_000);
    let answer = city.engine.sql(Role::Public, &format!("SELECT value AS \"{name}\" FROM generate_series(1, 1000)")).await.unwrap();
    let parts = answer.collect().await.unwrap();
    assert!(parts.iter().all(|part| part.num_rows() <= 17) && parts.iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>() == 1000);
}

#[tokio::test]
async fn what_takes_long_in_one_call_is_refused_or_done_in_parts() {
    let city = impatient().await;
    let long = "repeat('x', 60000)";
    for sql in [
        format!("SELECT levenshtein({long}, {long})"),
        format!("SELECT btrim({long}, {long})"),
        "SELECT strpos(repeat('a', 60000), repeat('a', 30000 + value) || 'b') FROM generate_series(1, 1)".to_owned(),
        "SELECT array_has_any(string_to_array(repeat('x,', 6000 + value), ','), string_to_array(repeat('y,', 6000), ',')) FROM generate_series(1, 1)".to_owned(),
        format!("SELECT regexp_like({long}, '(x{{1,100}}){{1,100}}y')"),
    ] {
        let detail = city.sql(&sql, &[]).await.problem(422);
        assert!(detail.contains("too much to do"), "{sql}: {detail}");
    }
    // Each row alone is short work, all of them are not.
    let rows = "SELECT max(levenshtein(repeat(CAST(value AS VARCHAR), 50), repeat('1', 3000))) FROM generate_series(1, 1000000)";
    assert!(city.sql(rows, &[]).await.problem(422).contains("longer"));
    timeout(DEADLINE, idle(&city)).await.expect("ended soon after its time");
}

#[tokio::test]
async fn patterns_are_constants_of_bounded_size() {
    let city = City::new().await.filled().await;
    for sql in [
        "SELECT regexp_like('x', '(a{1000}){1000}')",
        "SELECT regexp_like(name, '(a{1,1000}){1,' || id || '}') FROM things",
        "SELECT name ~ name FROM things",
        "SELECT name SIMILAR TO name FROM things",
        "SELECT name LIKE name FROM things",
        "SELECT regexp_like('x', 'a', 'i)(a{1000}){1000}(?i')",
        "SELECT regexp_replace('x', '(', 'y')",
    ] {
        city.sql(sql, &[]).await.problem(400);
    }
    city.sql(&format!("SELECT name LIKE '{}' FROM things", "%a_".repeat(1000)), &[]).await.problem(400);
    for (condition, names) in [
        ("name ~ '^M'", 1),
        ("name !~ '^M'", 2),
        ("name ~* '^m'", 1),
        ("name !~* '^m'", 2),
        ("regexp_like(name, '^m', 'i')", 1),
        ("name SIMILAR TO 'M.*'", 1),
        ("name LIKE 'M%'", 1),
        ("name NOT LIKE 'M%'", 2),
        ("regexp_replace(name, '[aeiouü]', '', 'g') = 'Mnstrpltz'", 1),
        ("regexp_count(name, 't') = 2", 1),
    ] {
        let counted = city.sql(&format!("SELECT count(*) AS n FROM things WHERE {condition}"), &[]).await;
        assert_eq!(counted.json(), serde_json::json!([{ "n": names }]), "{condition}");
    }
}

#[tokio::test]
async fn geometries_are_not_read_deeper_than_the_stack() {
    let city = City::new().await;
    for sql in [
        "SELECT ST_NPoints(ST_GeomFromText(repeat('GEOMETRYCOLLECTION(', 3000 + value))) FROM generate_series(1, 1)",
        "SELECT ST_NPoints(ST_GeometryFromText(repeat('GEOMETRYCOLLECTION(', 3000 + value))) FROM generate_series(1, 1)",
        "SELECT ST_NPoints(ST_WKTToSQL(repeat('GEOMETRYCOLLECTION(', 3000 + value))) FROM generate_series(1, 1)",
        "SELECT ST_NPoints(ST_GeomFromWKB(decode(repeat('010700000001000000', 3000 + value), 'hex'))) FROM generate_series(1, 1)",
        "SELECT ST_NPoints(ST_WKBToSQL(decode(repeat('000000000700000001', 3000 + value), 'hex'))) FROM generate_series(1, 1)",
    ] {
        let detail = city.sql(sql, &[]).await.problem(400);
        assert!(detail.contains("a geometry may"), "{sql}: {detail}");
    }
    let collection = "SELECT ST_AsText(ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2), LINESTRING(1 2, 3 4))')) AS g";
    let text = "GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(1 2,3 4))";
    assert_eq!(city.sql(collection, &[]).await.json(), serde_json::json!([{ "g": text }]));
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
