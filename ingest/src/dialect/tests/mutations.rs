//! A message in which one field is unreadable keeps everything else: every field of every golden uplink, replaced by everything
//! it should not be.

use serde_json::{Value, json};

use super::super::{Dialect, Parsed, parse};
use super::golden::{self, Golden};
use super::render;

/// A step into a JSON value.
#[derive(Clone, PartialEq)]
enum Step {
    Key(String),
    Index(usize),
}

/// Without which there is no uplink.
const DEMANDED: [&str; 5] = ["deviceInfo", "deviceInfo.devEui", "end_device_ids", "end_device_ids.dev_eui", "uplink_message"];

/// Which parts of an uplink a field, and what is inside it, may change.
const REACH: [(&str, &[&str]); 37] = [
    ("deduplicationId", &["/deduplication_id", "/f_cnt"]),
    ("time", &["/times/reported"]),
    ("deviceInfo.applicationId", &["/device/application"]),
    ("deviceInfo.applicationName", &["/device/application"]),
    ("deviceInfo.deviceProfileName", &["/device/profile"]),
    ("deviceInfo.deviceName", &["/device/name"]),
    ("deviceInfo.tags", &["/device/tags", "/device/position"]),
    ("devAddr", &["/session"]),
    ("dr", &["/radio/data_rate"]),
    ("fCnt", &["/f_cnt"]),
    ("fPort", &["/f_port"]),
    ("confirmed", &["/confirmed"]),
    ("data", &["/frm_payload_hex"]),
    ("object", &["/object"]),
    ("rxInfo", &["/receptions", "/times/gps", "/times/gateway", "/times/network_server"]),
    ("txInfo", &["/radio", "/receptions"]),
    ("joinServerContext", &["/encrypted"]),
    ("received_at", &["/times/network_server"]),
    ("simulated", &["/simulated"]),
    ("attributes", &["/device/tags", "/device/position"]),
    ("end_device_ids.device_id", &["/device/name"]),
    ("end_device_ids.application_ids", &["/device/application"]),
    ("end_device_ids.join_eui", &["/device/join_eui"]),
    ("end_device_ids.dev_addr", &["/session"]),
    ("uplink_message.session_key_id", &["/session"]),
    ("uplink_message.f_cnt", &["/f_cnt"]),
    ("uplink_message.f_port", &["/f_port"]),
    ("uplink_message.confirmed", &["/confirmed"]),
    ("uplink_message.frm_payload", &["/frm_payload_hex"]),
    ("uplink_message.decoded_payload", &["/object"]),
    ("uplink_message.rx_metadata", &["/receptions", "/times/gps", "/times/gateway"]),
    ("uplink_message.settings", &["/radio", "/receptions", "/times/gateway"]),
    ("uplink_message.received_at", &["/times/network_server", "/times/gps"]),
    ("uplink_message.app_s_key", &["/encrypted"]),
    ("uplink_message.locations", &["/device/position"]),
    ("uplink_message.attributes", &["/device/tags", "/device/position"]),
    ("uplink_message.version_ids", &["/device/brand_model", "/device/profile"]),
];

fn reach(path: &str) -> &'static [&'static str] {
    let covers = |field: &str| path.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
    REACH.iter().find(|(field, _)| covers(field)).map_or(&[], |(_, reach)| reach)
}

fn spell(path: &[Step]) -> String {
    path.iter().fold(String::new(), |text, step| match step {
        Step::Key(key) if text.is_empty() => key.clone(),
        Step::Key(key) => format!("{text}.{key}"),
        Step::Index(index) => format!("{text}[{index}]"),
    })
}

/// Every path in `value`, outermost first.
fn paths(value: &Value) -> Vec<Vec<Step>> {
    fn walk(value: &Value, path: &mut Vec<Step>, found: &mut Vec<Vec<Step>>) {
        let children: Vec<(Step, &Value)> = match value {
            Value::Object(map) => map.iter().map(|(key, child)| (Step::Key(key.clone()), child)).collect(),
            Value::Array(list) => list.iter().enumerate().map(|(index, child)| (Step::Index(index), child)).collect(),
            _ => Vec::new(),
        };
        for (step, child) in children {
            path.push(step);
            found.push(path.clone());
            walk(child, path, found);
            path.pop();
        }
    }
    let mut found = Vec::new();
    walk(value, &mut Vec::new(), &mut found);
    found
}

/// `value` with what is at `path` replaced, or removed.
fn replaced(value: &Value, path: &[Step], by: Option<&Value>) -> Value {
    let mut copy = value.clone();
    let (last, parents) = path.split_last().unwrap();
    let parent = parents.iter().fold(&mut copy, |at, step| match step {
        Step::Key(key) => &mut at[key.as_str()],
        Step::Index(index) => &mut at[*index],
    });
    match (last, by) {
        (Step::Key(key), Some(by)) => parent[key.as_str()] = by.clone(),
        (Step::Index(index), Some(by)) => parent[*index] = by.clone(),
        (Step::Key(key), None) => drop(parent.as_object_mut().unwrap().remove(key)),
        (Step::Index(index), None) => drop(parent.as_array_mut().unwrap().remove(*index)),
    }
    copy
}

/// The rendering without the warnings, and the warnings.
fn read(golden: &Golden, message: &Value) -> Option<(Value, Vec<String>)> {
    match parse(Dialect::Auto, golden.topic, message.to_string().as_bytes()) {
        Ok((_, Parsed::Uplink(uplink))) => {
            let mut rendered = render::uplink(&uplink);
            rendered["warnings"].take();
            Some((rendered, uplink.warnings))
        }
        _ => None,
    }
}

/// Both with the parts at `pointers` blanked.
fn are_equal_apart_from(pointers: &[&str], before: &Value, after: &Value) -> bool {
    let blank = |value: &Value| {
        let mut value = value.clone();
        for pointer in pointers {
            value.pointer_mut(pointer).map(Value::take);
        }
        value
    };
    blank(before) == blank(after)
}

/// What no field should be; `None` removes it.
fn wrong_values() -> Vec<Option<Value>> {
    let scalars = [json!(null), json!(true), json!(-1), json!(1.5), json!(1e300), json!(u64::MAX), json!("x"), json!("")];
    let containers = [json!([]), json!([[]]), json!({}), json!({"a": [1]})];
    scalars.into_iter().chain(containers).map(Some).chain([None]).collect()
}

/// Calls `check` with each golden uplink, its JSON and each path of a field it could do without.
fn each_optional_field(mut check: impl FnMut(&Golden, &Value, &[Step], &str)) {
    for golden in golden::all() {
        let message: Value = serde_json::from_str(golden.payload).unwrap();
        if read(&golden, &message).is_none() {
            continue;
        }
        for path in paths(&message) {
            let spelled = spell(&path);
            if !DEMANDED.contains(&spelled.as_str()) {
                check(&golden, &message, &path, &spelled);
            }
        }
    }
}

#[test]
fn a_wrong_or_missing_field_changes_nothing_but_its_own_part() {
    let mut checked = 0;
    each_optional_field(|golden, message, path, spelled| {
        let (before, _) = read(golden, message).unwrap();
        for by in wrong_values() {
            let (after, _) = read(golden, &replaced(message, path, by.as_ref()))
                .unwrap_or_else(|| panic!("{}: {spelled} replaced by {by:?} is no uplink any more", golden.name));
            assert!(
                are_equal_apart_from(reach(spelled), &before, &after),
                "{}: {spelled} replaced by {by:?} changed\n{before:#}\nto\n{after:#}",
                golden.name
            );
            checked += 1;
        }
    });
    assert!(checked > 10_000, "{checked}");
}

#[test]
fn a_field_of_a_wrong_type_that_is_missed_is_named_in_a_warning() {
    each_optional_field(|golden, message, path, spelled| {
        let (before, _) = read(golden, message).unwrap();
        let (after, warnings) = read(golden, &replaced(message, path, Some(&json!([[]])))).unwrap();
        let is_content = reach(spelled) == ["/object"] && path.last() != path.first() && !spelled.ends_with("decoded_payload");
        let is_named = warnings.iter().any(|warning| warning.starts_with(spelled));
        assert!(before == after || is_content || is_named, "{}: {spelled}: {warnings:?}", golden.name);
    });
}

#[test]
fn one_gateway_in_disorder_leaves_the_others_alone() {
    each_optional_field(|golden, message, path, spelled| {
        if !path.iter().any(|step| matches!(step, Step::Index(_))) || !reach(spelled).contains(&"/receptions") {
            return;
        }
        let receptions = |message: &Value| read(golden, message).unwrap().0["receptions"].as_array().unwrap().clone();
        let (before, after) = (receptions(message), receptions(&replaced(message, path, Some(&json!([[]])))));
        let kept = before.iter().filter(|reception| after.contains(reception)).count();
        assert!(kept + 1 >= before.len(), "{}: {spelled}", golden.name);
    });
}
