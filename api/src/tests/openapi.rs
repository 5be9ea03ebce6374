//! The OpenAPI document against the routes.

use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::Value;

use super::harness::{City, request};

/// What is served, as a reviewed list: a route that is added must be added here and described.
const ROUTES: [(&str, &str); 16] = [
    ("GET", "/api/v1/layers"),
    ("GET", "/api/v1/layers/{name}.geojson"),
    ("GET", "/api/v1/live"),
    ("GET", "/api/v1/live/ws"),
    ("GET", "/api/v1/properties"),
    ("GET", "/api/v1/sql"),
    ("POST", "/api/v1/sql"),
    ("GET", "/api/v1/stations.geojson"),
    ("GET", "/api/v1/stations/{id}"),
    ("GET", "/api/v1/stations/{id}/series"),
    ("GET", "/api/v1/town"),
    ("GET", "/api/v1/twin/state"),
    ("GET", "/healthz"),
    ("GET", "/metrics"),
    ("GET", "/problems/{name}"),
    ("GET", "/readyz"),
];

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let of_path = |(path, item): (&String, &Value)| {
        let path = path.clone();
        let operations: Vec<_> =
            item.as_object().unwrap().iter().map(|(method, value)| (method.to_uppercase(), path.clone(), value.clone())).collect();
        operations
    };
    paths.flat_map(of_path).collect()
}

#[tokio::test]
async fn the_document_lists_what_is_served_and_only_that() {
    let city = City::new().await.filled().await;
    city.store.layers().put("streets", br#"{"type":"FeatureCollection","features":[]}"#.to_vec()).unwrap();
    let document = city.get("/openapi.json").await.json();
    let listed: BTreeSet<_> = operations(&document).into_iter().map(|(method, path, _)| (method, path)).collect();
    let expected: BTreeSet<_> = ROUTES.iter().map(|(method, path)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(listed, expected);
    for (method, path) in ROUTES {
        let path = path
            .replace("{id}", "1")
            .replace("stations/{name}", "")
            .replace("problems/{name}", "problems/busy")
            .replace("{name}", "streets");
        let reply = if path == "/api/v1/live" { continue } else { city.send(request(method.parse::<Method>().unwrap(), &path, &[])).await };
        assert_ne!(reply.status, 404, "{method} {path}");
        assert_ne!(reply.status, 405, "{method} {path}");
    }
}

#[tokio::test]
async fn the_document_is_complete() {
    let city = City::new().await;
    let document = city.get("/openapi.json").await.json();
    assert_eq!(document["info"]["title"], "Stadtwarte");
    assert_eq!(document["info"]["license"]["identifier"], "EUPL-1.2");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(document["servers"][0]["url"], "/");
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let what = format!("{method} {path}");
        assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{what} has no summary");
        assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{what}: operation id twice");
        assert!(operation["tags"].as_array().is_some_and(|tags| tags.len() == 1), "{what} has no tag");
        for parameter in operation["parameters"].as_array().unwrap_or(&vec![]) {
            assert!(!parameter["description"].as_str().unwrap_or_default().is_empty(), "{what}: {parameter}");
            assert!(!parameter["example"].is_null(), "{what}: {parameter}");
        }
        let responses = operation["responses"].as_object().unwrap();
        for (status, response) in responses {
            assert!(!response["description"].as_str().unwrap_or_default().is_empty(), "{what} {status}");
            if status.starts_with('4') || status.starts_with('5') {
                assert!(response["content"]["application/problem+json"]["schema"].is_object(), "{what} {status}: {response}");
            }
        }
        let has_parameters = operation["parameters"].as_array().is_some_and(|parameters| !parameters.is_empty());
        assert!(!has_parameters || responses.contains_key("400"), "{what} takes parameters");
    }
    assert_references_lead_somewhere(&document, &document);
    for schema in
        ["LiveReading", "ResetPosition", "StationCollection", "StationDetail", "TwinState", "ProblemDetails", "SeriesAnswer", "Latest"]
    {
        assert!(document["components"]["schemas"][schema].is_object(), "{schema}");
    }
    for scheme in ["key", "bearer"] {
        assert!(document["components"]["securitySchemes"][scheme].is_object(), "{scheme}");
    }
}

fn assert_references_lead_somewhere(document: &Value, value: &Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get("$ref") {
                let pointer = reference.strip_prefix('#').expect("local");
                assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
            }
            map.values().for_each(|value| assert_references_lead_somewhere(document, value));
        }
        Value::Array(values) => values.iter().for_each(|value| assert_references_lead_somewhere(document, value)),
        _ => {}
    }
}

#[tokio::test]
async fn answers_have_the_members_that_the_document_requires() {
    let city = City::new().await.filled().await;
    let document = city.get("/openapi.json").await.json();
    for (path, schema) in [
        ("/api/v1/stations.geojson", "StationCollection"),
        ("/api/v1/stations/1", "StationDetail"),
        ("/api/v1/stations/1/series?property=air_temperature&every=1h&to=2026-03-01T13:00:00Z", "SeriesAnswer"),
        ("/api/v1/properties", "Properties"),
        ("/api/v1/layers", "LayerList"),
        ("/api/v1/town", "TownDescription"),
        ("/api/v1/twin/state", "TwinState"),
        ("/readyz", "Readiness"),
        ("/problems/busy", "Kind"),
        ("/nothing", "ProblemDetails"),
    ] {
        let schema = &document["components"]["schemas"][schema];
        assert_fits(&document, schema, &city.get(path).await.json(), path);
    }
}

/// Members and their types, as far as the document states them.
fn assert_fits(document: &Value, schema: &Value, value: &Value, place: &str) {
    let schema = schema["$ref"].as_str().map_or(schema, |reference| document.pointer(&reference[1..]).unwrap());
    for either in ["oneOf", "anyOf"] {
        if let Some(Value::Array(choices)) = schema.get(either) {
            let object_choice = choices.iter().find(|choice| choice.get("$ref").is_some());
            if let (Some(choice), true) = (object_choice, value.is_object()) {
                assert_fits(document, choice, value, place);
            }
            return;
        }
    }
    if let Some(Value::Object(properties)) = schema.get("properties") {
        let members: BTreeSet<&String> = value.as_object().unwrap_or_else(|| panic!("{place} is no object: {value}")).keys().collect();
        let described: BTreeSet<&String> = properties.keys().collect();
        assert!(members.is_subset(&described), "{place}: {:?} not described", members.difference(&described));
        for required in schema["required"].as_array().unwrap_or(&vec![]) {
            assert!(value.get(required.as_str().unwrap()).is_some(), "{place} has no {required}");
        }
        for (name, member) in properties {
            if let Some(value) = value.get(name).filter(|value| !value.is_null()) {
                assert_fits(document, member, value, &format!("{place}.{name}"));
            }
        }
    }
    if let (Some(items), Value::Array(values)) = (schema.get("items"), value) {
        for value in values {
            assert_fits(document, items, value, &format!("{place}[]"));
        }
    }
    let named = schema["type"].as_str().unwrap_or_default();
    let fits = match named {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    };
    assert!(fits, "{place} should be {named}: {value}");
}
