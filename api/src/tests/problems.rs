use axum::http::Method;

use super::harness::{City, request};

#[tokio::test]
async fn every_failure_is_described_as_a_problem() {
    let city = City::new().await;
    for (method, path, status) in [
        (Method::GET, "/nothing", 404),
        (Method::GET, "/api/v1/nothing", 404),
        (Method::POST, "/nothing", 404),
        (Method::DELETE, "/api/v1/stations.geojson", 405),
        (Method::PUT, "/", 405),
        (Method::PATCH, "/api/v1/sql", 405),
        (Method::GET, "/mqtt", 400),
        (Method::GET, "/api/v1/live/ws", 426),
        (Method::GET, "/problems/nonsense", 404),
        (Method::GET, "/assets/..%2f..%2fCargo.toml", 404),
        (Method::GET, "/..%2f..%2fetc%2fpasswd", 404),
        (Method::GET, "/%2e%2e/%2e%2e/etc/passwd", 404),
        (Method::GET, "/assets/%00", 404),
        (Method::GET, "/index.html%5c..", 404),
    ] {
        city.send(request(method.clone(), path, &[])).await.problem(status);
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let city = City::new().await;
    let reply = city.send(request(Method::DELETE, "/api/v1/sql", &[])).await;
    reply.problem(405);
    let allowed = reply.header("allow");
    assert!(["GET", "HEAD", "POST"].iter().all(|method| allowed.contains(method)), "{allowed}");
}

#[tokio::test]
async fn head_answers_as_get_without_the_body() {
    let city = City::new().await.filled().await;
    for path in ["/api/v1/stations.geojson", "/api/v1/stations/1", "/api/v1/town", "/", "/nothing", "/api/v1/sql?query=SELECT%201"] {
        let get = city.get(path).await;
        let head = city.send(request(Method::HEAD, path, &[])).await;
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        assert_eq!(head.header("etag"), get.header("etag"), "{path}");
    }
}

#[tokio::test]
async fn every_answer_has_the_headers_that_keep_browsers_in_check() {
    let city = City::new().await.filled().await;
    for path in ["/", "/docs", "/nothing", "/api/v1/town", "/metrics", "/openapi.json"] {
        let reply = city.get(path).await;
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(reply.header("referrer-policy"), "same-origin", "{path}");
        assert!(reply.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert!(reply.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
    }
}

#[tokio::test]
async fn a_problem_type_explains_itself() {
    let city = City::new().await;
    let problem = city.get("/api/v1/stations.geojson?x=1").await.json();
    let meaning = city.get(problem["type"].as_str().unwrap()).await.json();
    assert_eq!((&meaning["status"], &meaning["title"]), (&problem["status"], &problem["title"]));
}

#[tokio::test]
async fn request_ids_differ() {
    let city = City::new().await;
    let (one, two) = (city.get("/healthz").await, city.get("/healthz").await);
    assert!(!one.header("x-request-id").is_empty());
    assert_ne!(one.header("x-request-id"), two.header("x-request-id"));
}
