use super::harness::City;
use crate::portal::names;

const POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; \
    connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[tokio::test]
async fn the_pages_come_under_the_policy_that_the_portal_was_tested_with() {
    let city = City::new().await;
    for (path, policy) in [("/", POLICY.to_owned()), ("/docs", POLICY.replace("img-src 'self'", "img-src 'self' data:"))] {
        let page = city.get(path).await;
        assert_eq!(page.status, 200);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert_eq!(page.header("content-security-policy"), policy, "{path}");
        assert_eq!(page.header("cache-control"), "no-cache", "{path}");
        assert!(page.text().contains("Stadtwarte"), "{path}");
        if !names().is_empty() {
            let tag = page.header("etag").to_owned();
            let again = city.get_with(path, &[("if-none-match", &tag)]).await;
            assert_eq!(again.status, 304);
            assert_eq!(again.header("content-security-policy"), policy);
        }
    }
    assert_eq!(city.get("/docs?path=/api/v1/sql").await.status, 200, "the way to link an operation");
}

#[tokio::test]
async fn every_file_of_the_portal_is_served_and_hashed_ones_are_kept_for_ever() {
    let city = City::new().await;
    for name in names() {
        if std::path::Path::new(&name).extension().is_some_and(|extension| extension == "html") {
            assert_eq!(city.get(&format!("/{name}")).await.status, 404, "pages have one address each");
            continue;
        }
        let file = city.get(&format!("/{name}")).await;
        assert_eq!(file.status, 200, "{name}");
        assert_ne!(file.header("content-type"), "application/octet-stream", "{name}");
        let is_hashed = name.starts_with("assets/");
        let expected = if is_hashed { "public, max-age=31536000, immutable" } else { "no-cache" };
        assert_eq!(file.header("cache-control"), expected, "{name}");
        assert!(!file.header("etag").is_empty(), "{name}");
    }
}

#[tokio::test]
async fn a_page_finds_the_assets_it_names() {
    let city = City::new().await;
    for path in ["/", "/docs"] {
        let page = city.get(path).await.text();
        for address in page.split(['"', '\'']).filter(|part| part.starts_with("./assets/")) {
            assert_eq!(city.get(&address[1..]).await.status, 200, "{path} names {address}");
        }
    }
}

#[tokio::test]
async fn an_old_asset_is_missing_not_a_page() {
    let city = City::new().await;
    city.get("/assets/index-00000000.js").await.problem(404);
}
