//! Milesight WS302: sound level.

use super::milesight::{BATTERY, F_PORT, expect_port, next_channel, unknown};
use super::payload::{Cursor, DecodeError, Moment, Payload};
use super::spec::{Category, Field, Spec};
use crate::simulate::json::JsonWriter;
use crate::simulate::numeric::{seconds, to_u8, to_u16};
use crate::simulate::world::{Site, World};

const SOUND: [u8; 2] = [0x05, 0x5b];

/// Weighting byte: frequency weighting in bits 0 and 1 (1 is A), time weighting in bits 2 and 3 (1 is fast).
const A_FAST: u8 = 0b0101;

/// One report: `01 75` battery, `05 5B` weighting byte and three levels.
///
/// Units on the wire: battery `%`; levels `dB(A)` in steps of 0.1: fast, equivalent continuous, maximum since the last report.
/// The codec builds the member names from the weighting byte; only A and fast are used here.
/// Source: Milesight-IoT/SensorDecoders, `ws-series/ws302/README.md`, "Telemetry" and "Example".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MilesightWs302 {
    battery: u8,
    levels: [u16; 3],
}

impl Payload for MilesightWs302 {
    const SPEC: Spec = Spec {
        brand: "Milesight",
        model: "WS302",
        profile: "Milesight WS302",
        brand_id: "milesight-iot",
        model_id: "ws302",
        firmware: "1.1",
        category: Category::Noise,
        device_class: "CLASS_A",
        interval_s: 300,
        document: "Milesight-IoT/SensorDecoders, ws-series/ws302/README.md",
        fields: &[
            Field::number("LAeq", "sound_level_equivalent", "dB", "Equivalent continuous sound level, A-weighted"),
            Field::number("LAF", "sound_level", "dB", "Sound level at the time of the report, A-weighted, fast"),
            Field::number("LAFmax", "sound_level_maximum", "dB", "Highest sound level since the last report, A-weighted, fast"),
            Field::number("battery", "battery_level", "%", "Battery level"),
        ],
    };

    fn measure(world: &World, site: &Site, moment: Moment) -> Self {
        let at_s = seconds(moment.at_us);
        let now = world.now(at_s);
        let sound = world.sound(site, &now);
        Self {
            battery: to_u8(world.battery_level(site, at_s) * 100.0),
            levels: [sound.fast, sound.equivalent, sound.maximum].map(|level| to_u16(level * 10.0)),
        }
    }

    fn f_port(&self) -> u8 {
        F_PORT
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(BATTERY);
        out.push(self.battery);
        out.extend(SOUND);
        out.push(A_FAST);
        for level in self.levels {
            out.extend(level.to_le_bytes());
        }
    }

    fn decode(f_port: u8, bytes: &[u8]) -> Result<Self, DecodeError> {
        expect_port(f_port)?;
        let mut cursor = Cursor::new(bytes);
        let mut report = Self::default();
        while let Some(channel) = next_channel(&mut cursor)? {
            match channel {
                BATTERY => report.battery = cursor.u8()?,
                SOUND => {
                    let position = cursor.position();
                    if cursor.u8()? != A_FAST {
                        return Err(DecodeError::InvalidByte { position });
                    }
                    report.levels = [cursor.u16_le()?, cursor.u16_le()?, cursor.u16_le()?];
                }
                other => return Err(unknown(other)),
            }
        }
        Ok(report)
    }

    fn object(&self, json: &mut JsonWriter) {
        let [fast, equivalent, maximum] = self.levels.map(|level| f64::from(level) / 10.0);
        json.number_member("battery", f64::from(self.battery));
        json.number_member("LAF", fast);
        json.number_member("LAeq", equivalent);
        json.number_member("LAFmax", maximum);
    }

    fn numbers(&self, out: &mut Vec<f64>) {
        let [fast, equivalent, maximum] = self.levels.map(|level| f64::from(level) / 10.0);
        out.extend([equivalent, fast, maximum, f64::from(self.battery)]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_vector;
    use super::*;
    use serde_json::json;

    #[test]
    fn the_vendors_example_reads_as_published() {
        // The README prints LAeq 47.4 for DA01, which is 474; its own decoder agrees.
        let expected = json!({"battery": 100, "LAF": 57.5, "LAeq": 47.4, "LAFmax": 61.8});
        assert_vector::<MilesightWs302>(85, "017564055B053F02DA016A02", &expected);
    }
}
