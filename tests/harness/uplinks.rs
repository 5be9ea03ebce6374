//! Messages as network servers send them, with synthetic values.

use serde_json::{Value, json};

/// A ChirpStack v4 uplink of device `number` with a Milesight EM300-TH payload: 21.5 °C and 48 % humidity unless changed.
pub fn chirpstack(number: u32, f_cnt: u32, object: &Value) -> (String, Vec<u8>) {
    let dev_eui = dev_eui(number);
    let topic = format!("application/6b1f3c1e-0000-4000-8000-000000000001/device/{dev_eui}/event/up");
    let time = "2026-11-20T10:00:00.250+00:00";
    let message = json!({
        "deduplicationId": format!("00000000-0000-4000-8000-{:012x}", u64::from(number) << 32 | u64::from(f_cnt)),
        "time": time,
        "deviceInfo": {
            "tenantId": "t", "tenantName": "town", "applicationId": "a", "applicationName": "climate",
            "deviceProfileId": "p", "deviceProfileName": "Milesight EM300-TH", "deviceName": format!("Klima Rathaus {number}"),
            "devEui": dev_eui, "deviceClassEnabled": "CLASS_A",
            "tags": { "lat": "52.0312", "lon": "9.9345", "district": "Altstadt" }
        },
        "devAddr": "01abcdef", "adr": true, "dr": 5, "fCnt": f_cnt, "fPort": 85, "confirmed": false,
        "data": "A2fXAARoYA==", "object": object,
        "rxInfo": [{
            "gatewayId": "0016c001f153a14c", "uplinkId": 4711, "gwTime": "2023-01-01T00:00:00+00:00", "nsTime": "2026-11-20T10:00:00.2+00:00",
            "rssi": -97, "snr": 7.5, "location": {}, "crcStatus": "CRC_OK"
        }],
        "txInfo": { "frequency": 868_100_000, "modulation": { "lora": { "bandwidth": 125_000, "spreadingFactor": 7, "codeRate": "CR_4_5" } } }
    });
    (topic, serde_json::to_vec(&message).unwrap())
}

/// A The Things Stack v3 uplink of device `number`.
pub fn tts(number: u32, f_cnt: u32, object: &Value) -> (String, Vec<u8>) {
    let dev_eui = dev_eui(number).to_uppercase();
    let topic = format!("v3/town@ttn/devices/klima-{number}/up");
    let mut uplink = json!({
        "session_key_id": "AZ8c7Q==", "f_port": 85, "frm_payload": "A2fXAARoYA==", "decoded_payload": object,
        "rx_metadata": [{
            "gateway_ids": { "gateway_id": "gw-1", "eui": "0016C001F153A14C" }, "rssi": -105, "snr": -1.8,
            "location": { "latitude": 52.1, "longitude": 9.9 }, "received_at": "2026-11-20T10:00:00.1Z"
        }],
        "settings": { "data_rate": { "lora": { "bandwidth": 125_000, "spreading_factor": 7 } }, "frequency": "868100000" },
        "received_at": "2026-11-20T10:00:00.2Z",
        "locations": { "user": { "latitude": 52.0312, "longitude": 9.9345, "altitude": 120, "source": "SOURCE_REGISTRY" } },
        "version_ids": { "brand_id": "milesight-iot", "model_id": "em300-th" }
    });
    if f_cnt > 0 {
        uplink["f_cnt"] = f_cnt.into();
    }
    let message = json!({
        "end_device_ids": {
            "device_id": format!("klima-{number}"), "application_ids": { "application_id": "town" },
            "dev_eui": dev_eui, "join_eui": "0000000000000000", "dev_addr": "260B1234"
        },
        "received_at": "2026-11-20T10:00:00.4Z", "uplink_message": uplink
    });
    (topic, serde_json::to_vec(&message).unwrap())
}

/// Temperature and humidity as the codec of the EM300-TH names them.
pub fn climate(temperature: f64, humidity: f64) -> Value {
    json!({ "temperature": temperature, "humidity": humidity })
}

/// An identifier that no maker has.
pub fn dev_eui(number: u32) -> String {
    format!("02000000{number:08x}")
}
