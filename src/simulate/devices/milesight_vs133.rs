//! Milesight VS133: people counter, here across one line in the pedestrian zone or at an entrance.

use super::milesight::{F_PORT, expect_port, next_channel, unknown};
use super::payload::{Cursor, DecodeError, Moment, Payload};
use super::spec::{Category, Field, Spec};
use crate::simulate::json::JsonWriter;
use crate::simulate::numeric::{seconds, to_u16, to_u32};
use crate::simulate::world::{Site, World};

const TOTAL_IN: [u8; 2] = [0x03, 0xd2];
const TOTAL_OUT: [u8; 2] = [0x04, 0xd2];
const PERIOD: [u8; 2] = [0x05, 0xcc];

/// One report of line 1: `03 D2` total in, `04 D2` total out, `05 CC` in and out since the last report.
///
/// Units on the wire: people, 32 bits for totals, 16 bits for the period. Mains powered, so there is no battery level.
/// Source: Milesight-IoT/SensorDecoders, `VS_Series/VS133/README.md`, "Payload Definition".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MilesightVs133 {
    total_in: u32,
    total_out: u32,
    period_in: u16,
    period_out: u16,
}

impl Payload for MilesightVs133 {
    const SPEC: Spec = Spec {
        brand: "Milesight",
        model: "VS133",
        profile: "Milesight VS133",
        brand_id: "milesight-iot",
        model_id: "vs133",
        firmware: "1.0",
        category: Category::People,
        device_class: "CLASS_C",
        interval_s: 600,
        document: "Milesight-IoT/SensorDecoders, VS_Series/VS133/README.md",
        fields: &[
            Field::number("line_1_total_in", "people_in_total", "1", "People who crossed inwards since installation (counter)"),
            Field::number("line_1_total_out", "people_out_total", "1", "People who crossed outwards since installation (counter)"),
            Field::number("line_1_period_in", "people_in", "1", "People who crossed inwards since the last report"),
            Field::number("line_1_period_out", "people_out", "1", "People who crossed outwards since the last report"),
        ],
    };

    fn measure(world: &World, site: &Site, moment: Moment) -> Self {
        let now = world.passages(site, seconds(moment.at_us));
        let before = world.passages(site, seconds(moment.since_us));
        let counts = [now.inwards, now.outwards, before.inwards, before.outwards].map(f64::floor);
        Self {
            total_in: to_u32(counts[0]),
            total_out: to_u32(counts[1]),
            period_in: to_u16(counts[0] - counts[2]),
            period_out: to_u16(counts[1] - counts[3]),
        }
    }

    fn f_port(&self) -> u8 {
        F_PORT
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(TOTAL_IN);
        out.extend(self.total_in.to_le_bytes());
        out.extend(TOTAL_OUT);
        out.extend(self.total_out.to_le_bytes());
        out.extend(PERIOD);
        out.extend(self.period_in.to_le_bytes());
        out.extend(self.period_out.to_le_bytes());
    }

    fn decode(f_port: u8, bytes: &[u8]) -> Result<Self, DecodeError> {
        expect_port(f_port)?;
        let mut cursor = Cursor::new(bytes);
        let mut report = Self::default();
        while let Some(channel) = next_channel(&mut cursor)? {
            match channel {
                TOTAL_IN => report.total_in = cursor.u32_le()?,
                TOTAL_OUT => report.total_out = cursor.u32_le()?,
                PERIOD => (report.period_in, report.period_out) = (cursor.u16_le()?, cursor.u16_le()?),
                other => return Err(unknown(other)),
            }
        }
        Ok(report)
    }

    fn object(&self, json: &mut JsonWriter) {
        json.number_member("line_1_total_in", f64::from(self.total_in));
        json.number_member("line_1_total_out", f64::from(self.total_out));
        json.number_member("line_1_period_in", f64::from(self.period_in));
        json.number_member("line_1_period_out", f64::from(self.period_out));
    }

    fn numbers(&self, out: &mut Vec<f64>) {
        out.extend([f64::from(self.total_in), f64::from(self.total_out), f64::from(self.period_in), f64::from(self.period_out)]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_vector;
    use super::*;
    use serde_json::json;

    #[test]
    fn the_vendors_examples_of_line_1_read_as_published() {
        let expected = json!({"line_1_total_in": 72, "line_1_total_out": 200, "line_1_period_in": 0, "line_1_period_out": 0});
        assert_vector::<MilesightVs133>(85, "03D24800000004D2C800000005CC00000000", &expected);
    }
}
