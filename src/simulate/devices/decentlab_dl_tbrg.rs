//! Decentlab DL-TBRG: tipping-bucket rain gauge.

use super::decentlab::{F_PORT, header_members, push_header, push_words, quantity, read_header};
use super::payload::{Cursor, DecodeError, Moment, Payload};
use super::spec::{Category, Field, Spec};
use crate::simulate::json::JsonWriter;
use crate::simulate::numeric::{float, seconds, to_u16, to_u32};
use crate::simulate::world::{Site, World};

const FLAGS: u16 = 0b11;

/// Rain per tip of the bucket, a property of the installed funnel.
const MM_PER_TIP: f64 = 0.1;

/// One report: tips since the last report, length of that interval, tips since installation, battery.
///
/// Units on the wire: tips of 0.1 `mm`; interval `s`; the cumulative count is two words, the lower one first; battery `mV`.
/// Source: decentlab/decentlab-decoders, `DL-TBRG/DL-TBRG (resolution=0.1).js`; data sheet DL-TBRG, "Data format".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecentlabDlTbrg {
    device_id: u16,
    tips: u16,
    interval_s: u16,
    tips_total: u32,
    battery_mv: u16,
}

impl Payload for DecentlabDlTbrg {
    const SPEC: Spec = Spec {
        brand: "Decentlab",
        model: "DL-TBRG",
        profile: "Decentlab DL-TBRG",
        brand_id: "decentlab",
        model_id: "dl-tbrg-001",
        firmware: "1.0",
        category: Category::Weather,
        device_class: "CLASS_A",
        interval_s: 600,
        document: "decentlab/decentlab-decoders, DL-TBRG/DL-TBRG (resolution=0.1).js",
        fields: &[
            Field::number("precipitation.value", "precipitation", "mm", "Rain since the previous report"),
            Field::number("precipitation_interval.value", "precipitation_interval", "s", "Length of that interval"),
            Field::number("cumulative_precipitation.value", "precipitation_total", "mm", "Rain since installation (counter)"),
            Field::number("battery_voltage.value", "battery_voltage", "V", "Battery voltage"),
        ],
    };

    fn measure(world: &World, site: &Site, moment: Moment) -> Self {
        let tips = |at_us| (world.rain_since_installation_mm(site, seconds(at_us)) / MM_PER_TIP).floor();
        let total = tips(moment.at_us);
        Self {
            device_id: site.serial(),
            tips: to_u16(total - tips(moment.since_us)),
            interval_s: to_u16(float(moment.at_us - moment.since_us) / 1e6),
            tips_total: to_u32(total),
            battery_mv: to_u16(2_700.0 + 500.0 * world.battery_level(site, seconds(moment.at_us))),
        }
    }

    fn f_port(&self) -> u8 {
        F_PORT
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let [high, higher, low, lower] = self.tips_total.to_be_bytes();
        push_header(out, self.device_id, FLAGS);
        push_words(out, &[self.tips, self.interval_s]);
        push_words(out, &[u16::from_be_bytes([low, lower]), u16::from_be_bytes([high, higher]), self.battery_mv]);
    }

    fn decode(f_port: u8, bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut cursor = Cursor::new(bytes);
        let device_id = read_header(f_port, &mut cursor, FLAGS)?;
        let (tips, interval_s) = (cursor.u16_be()?, cursor.u16_be()?);
        let (lower, upper) = (cursor.u16_be()?, cursor.u16_be()?);
        let battery_mv = cursor.u16_be()?;
        cursor.finish()?;
        let tips_total = u32::from(lower) + (u32::from(upper) << 16);
        Ok(Self { device_id, tips, interval_s, tips_total, battery_mv })
    }

    fn object(&self, json: &mut JsonWriter) {
        header_members(json, self.device_id);
        quantity(json, "precipitation", "Precipitation", f64::from(self.tips) * MM_PER_TIP, "mm");
        quantity(json, "precipitation_interval", "Precipitation interval", f64::from(self.interval_s), "s");
        quantity(json, "cumulative_precipitation", "Cumulative precipitation", f64::from(self.tips_total) * MM_PER_TIP, "mm");
        quantity(json, "battery_voltage", "Battery voltage", f64::from(self.battery_mv) / 1_000.0, "V");
    }

    fn numbers(&self, out: &mut Vec<f64>) {
        out.extend([
            f64::from(self.tips) * MM_PER_TIP,
            f64::from(self.interval_s),
            f64::from(self.tips_total) * MM_PER_TIP,
            f64::from(self.battery_mv) / 1_000.0,
        ]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_vector;
    use super::*;
    use serde_json::json;

    #[test]
    fn the_vendors_example_reads_by_the_published_formulas() {
        let expected = json!({"protocol_version": 2, "device_id": 760,
            "precipitation": {"displayName": "Precipitation", "value": 0.4, "unit": "mm"},
            "precipitation_interval": {"displayName": "Precipitation interval", "value": 600, "unit": "s"},
            "cumulative_precipitation": {"displayName": "Cumulative precipitation", "value": 16_538.0 * 0.1, "unit": "mm"},
            "battery_voltage": {"displayName": "Battery voltage", "value": 3.156, "unit": "V"}});
        assert_vector::<DecentlabDlTbrg>(1, "0202f8000300040258409a00000c54", &expected);
    }
}
