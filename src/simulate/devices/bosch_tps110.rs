//! Bosch TPS110 Parking Lot Sensor: occupancy of one parking space.

use super::payload::{Cursor, DecodeError, Moment, Payload};
use super::spec::{Category, Field, Spec};
use crate::simulate::json::JsonWriter;
use crate::simulate::numeric::{seconds, to_i8};
use crate::simulate::world::{Site, World};

const STATUS_PORT: u8 = 1;
const HEARTBEAT_PORT: u8 = 2;

/// A status message (fPort 1) when the state changed since the last report, else a heartbeat (fPort 2).
///
/// Units on the wire: byte 0 is 1 for occupied; byte 1 is the temperature of the sensor in whole `Cel`, signed.
/// Source: Bosch Connected Devices and Solutions, "Parking Lot Sensor, Communication Interface", uplink messages; member names as
/// in SensationalSystems/bosch-parking-lot-sensor-decoder, `decoder.js`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoschTps110 {
    is_heartbeat: bool,
    is_occupied: bool,
    temperature: i8,
}

impl Payload for BoschTps110 {
    const SPEC: Spec = Spec {
        brand: "Bosch",
        model: "TPS110",
        profile: "Bosch TPS110 Parking Lot Sensor",
        brand_id: "bosch",
        model_id: "tps110",
        firmware: "0.29.2",
        category: Category::Parking,
        device_class: "CLASS_A",
        interval_s: 600,
        document: "Bosch Parking Lot Sensor, Communication Interface; SensationalSystems/bosch-parking-lot-sensor-decoder",
        fields: &[
            Field::flag("occupied", "parking_occupied", "True when a vehicle stands on the space"),
            Field::number("temperature", "device_temperature", "Cel", "Temperature of the sensor in the ground"),
            Field::text("packet_type", "", "Status after a change, else Heartbeat; do not map"),
        ],
    };

    fn measure(world: &World, site: &Site, moment: Moment) -> Self {
        let at_s = seconds(moment.at_us);
        let now = world.now(at_s);
        let is_occupied = world.is_parked(site, at_s);
        Self {
            is_heartbeat: is_occupied == world.is_parked(site, seconds(moment.since_us)),
            is_occupied,
            temperature: to_i8(world.air(site, &now).temperature_cel + now.weather.solar_w_m2 * 0.008),
        }
    }

    fn f_port(&self) -> u8 {
        if self.is_heartbeat { HEARTBEAT_PORT } else { STATUS_PORT }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.is_occupied));
        out.extend(self.temperature.to_be_bytes());
    }

    fn decode(f_port: u8, bytes: &[u8]) -> Result<Self, DecodeError> {
        let is_heartbeat = match f_port {
            STATUS_PORT => false,
            HEARTBEAT_PORT => true,
            other => return Err(DecodeError::UnknownPort(other)),
        };
        let mut cursor = Cursor::new(bytes);
        let report = Self { is_heartbeat, is_occupied: cursor.u8()? == 1, temperature: cursor.i8()? };
        cursor.finish()?;
        Ok(report)
    }

    fn object(&self, json: &mut JsonWriter) {
        json.text_member("packet_type", if self.is_heartbeat { "Heartbeat" } else { "Status" });
        json.boolean_member("occupied", self.is_occupied);
        json.number_member("temperature", f64::from(self.temperature));
    }

    fn numbers(&self, out: &mut Vec<f64>) {
        out.extend([f64::from(u8::from(self.is_occupied)), f64::from(self.temperature)]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_vector;
    use super::*;
    use serde_json::json;

    #[test]
    fn status_and_heartbeat_read_by_the_published_decoder() {
        assert_vector::<BoschTps110>(1, "0114", &json!({"packet_type": "Status", "occupied": true, "temperature": 20}));
        assert_vector::<BoschTps110>(2, "00FB", &json!({"packet_type": "Heartbeat", "occupied": false, "temperature": -5}));
    }

    #[test]
    fn err_a_startup_message() {
        assert_eq!(BoschTps110::decode(3, &[0; 17]), Err(DecodeError::UnknownPort(3)));
    }
}
