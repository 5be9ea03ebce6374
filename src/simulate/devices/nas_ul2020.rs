//! NAS UL2020: street light controller, firmware 1.1.

use super::payload::{Cursor, DecodeError, Moment, Payload};
use super::spec::{Category, Field, Spec};
use crate::simulate::json::JsonWriter;
use crate::simulate::numeric::{seconds, to_i8, to_u8, to_u16, to_u32};
use crate::simulate::text_time::push_iso_seconds;
use crate::simulate::world::{Site, World};

const STATUS_PORT: u8 = 23;
const USAGE_PORT: u8 = 26;
const STATUS_HEADER: u8 = 0x01;
const USAGE_HEADER: u8 = 0x00;

/// The internal meter reports energy (bit 0), power (1), power factor (4), mains voltage (5) and lamp time (7).
const METER_ADDRESS: u8 = 0xff;
const METER_FIELDS: u8 = 0b1011_0011;

/// All drivers of the lamp at once.
const DALI_BROADCAST: u8 = 0xfe;
/// Dimming reasons of the calendar by day and at night.
const CALENDAR_DAY: u8 = 0x21;
const CALENDAR_NIGHT: u8 = 0x22;

const RELAY_CLOSED: u8 = 0x80;
const LAMP_ON: u8 = 0x04;

/// Names of the eight bits of a DALI driver's status, lowest bit first (IEC 62386-102, QUERY STATUS).
const DRIVER_STATUS: [&str; 8] =
    ["driver_error", "lamp_failure", "lamp_on", "limit_error", "fade_running", "reset_state", "missing_short_address", "power_failure"];

/// Status (fPort 23) and usage (fPort 26) take turns.
///
/// Units on the wire, little endian: clock `s` since 1970, downlink strength `dBm` negated, ratio `dB`, temperature `Cel`, dimming
/// `%`; energy `W.h`, power `W`, power factor in steps of 0.01, voltage `V`, lamp time `s` (the codec rounds to 0.1 `h`).
/// Source: docs.nasys.no, "LCU, payloads, uplinks", firmware 1.1.x; examples in the tests of nas-codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NasUl2020 {
    /// State of the controller and of the lamp.
    Status {
        /// Clock of the controller.
        clock_s: u32,
        /// Relay and error bits.
        flags: u8,
        /// Strength of the last downlink, negated.
        downlink_rssi: u8,
        /// Signal-to-noise ratio of the last downlink.
        downlink_snr: i8,
        /// Temperature of the controller.
        temperature: i8,
        /// Why the lamp has its level.
        reason: u8,
        /// Dimming level.
        level: u8,
        /// Status bits of the driver.
        driver: u8,
    },
    /// Consumption of the lamp.
    Usage {
        /// Energy since installation.
        energy_wh: u32,
        /// Power.
        power_w: u16,
        /// Power factor in steps of 0.01.
        power_factor: u8,
        /// Mains voltage.
        voltage: u8,
        /// Time with light since installation.
        lamp_on_s: u32,
    },
}

impl NasUl2020 {
    fn status(world: &World, site: &Site, at_s: f64) -> Self {
        let now = world.now(at_s);
        let lamp = world.lamp(site, &now);
        let is_on = lamp.level_percent > 0.0;
        Self::Status {
            clock_s: to_u32(at_s.floor()),
            flags: if is_on { RELAY_CLOSED } else { 0 },
            downlink_rssi: to_u8(88.0 + 12.0 * world.ripple(site, at_s)),
            downlink_snr: to_i8(6.0 + 3.0 * world.ripple(site, at_s + 7.0)),
            temperature: to_i8(world.air(site, &now).temperature_cel + 3.0 + lamp.power_w * 0.12),
            reason: if is_on { CALENDAR_NIGHT } else { CALENDAR_DAY },
            level: to_u8(lamp.level_percent),
            driver: if is_on { LAMP_ON } else { 0 },
        }
    }

    fn usage(world: &World, site: &Site, at_s: f64) -> Self {
        let now = world.now(at_s);
        let lamp = world.lamp(site, &now);
        Self::Usage {
            energy_wh: to_u32(lamp.energy_wh.floor()),
            power_w: to_u16(lamp.power_w),
            power_factor: if lamp.power_w > 1.0 { to_u8(91.0 + 4.0 * world.ripple(site, at_s)) } else { 0 },
            voltage: to_u8(230.0 + 4.0 * world.ripple(site, at_s / 60.0)),
            lamp_on_s: to_u32(lamp.on_s.floor()),
        }
    }
}

impl Payload for NasUl2020 {
    const SPEC: Spec = Spec {
        brand: "NAS",
        model: "UL2020",
        profile: "NAS UL2020 Luminaire Controller",
        brand_id: "nas",
        model_id: "ul2020",
        firmware: "1.1.4",
        category: Category::StreetLight,
        device_class: "CLASS_C",
        interval_s: 900,
        document: "docs.nasys.no, LCU payloads, uplinks, firmware 1.1.x",
        fields: &[
            Field::number("dimming_source[0].dimming_level__percent", "light_level", "%", "Dimming level, 0 is off"),
            Field::flag("dimming_source[0].status.lamp_on", "light_on", "True while the lamp gives light"),
            Field::flag("dimming_source[0].status.lamp_failure", "light_failure", "True when the lamp is defective"),
            Field::number("mcu_temperature__C", "device_temperature", "Cel", "Temperature of the controller"),
            Field::number("downlink_rssi__dBm", "", "dB[mW]", "Strength of the last downlink; radio metadata, do not map"),
            Field::number("downlink_snr__dB", "", "dB", "Signal-to-noise ratio of the last downlink; radio metadata, do not map"),
            Field::number("consumption[0].active_energy__Wh", "electric_energy_total", "W.h", "Energy since installation (counter)"),
            Field::number("consumption[0].active_power__W", "electric_power", "W", "Power"),
            Field::number("consumption[0].power_factor", "power_factor", "1", "Power factor"),
            Field::number("consumption[0].mains_voltage__V", "mains_voltage", "V", "Mains voltage"),
            Field::number("consumption[0].lamp_on_time__h", "light_hours_total", "h", "Time with light since installation (counter)"),
            Field::text("packet_type", "", "status_packet or usage_packet, in turns; do not map"),
            Field::text("device_unix_epoch", "", "Clock of the controller; do not map"),
            Field::text("dimming_source[0].reason", "light_reason", "calendar_day or calendar_night"),
        ],
    };

    fn measure(world: &World, site: &Site, moment: Moment) -> Self {
        let at_s = seconds(moment.at_us);
        if moment.sequence.is_multiple_of(2) { Self::status(world, site, at_s) } else { Self::usage(world, site, at_s) }
    }

    fn f_port(&self) -> u8 {
        match self {
            Self::Status { .. } => STATUS_PORT,
            Self::Usage { .. } => USAGE_PORT,
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Status { clock_s, flags, downlink_rssi, downlink_snr, temperature, reason, level, driver } => {
                out.push(STATUS_HEADER);
                out.extend(clock_s.to_le_bytes());
                out.extend([flags, 0, downlink_rssi]);
                out.extend(downlink_snr.to_le_bytes());
                out.extend(temperature.to_le_bytes());
                // No alerts, no sensors attached, one dimming source.
                out.extend([0, 0, DALI_BROADCAST, reason, level, driver]);
            }
            Self::Usage { energy_wh, power_w, power_factor, voltage, lamp_on_s } => {
                out.extend([USAGE_HEADER, METER_ADDRESS, METER_FIELDS]);
                out.extend(energy_wh.to_le_bytes());
                out.extend(power_w.to_le_bytes());
                out.extend([power_factor, voltage]);
                out.extend(lamp_on_s.to_le_bytes());
            }
        }
    }

    fn decode(f_port: u8, bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut cursor = Cursor::new(bytes);
        let message = match f_port {
            STATUS_PORT => decode_status(&mut cursor)?,
            USAGE_PORT => decode_usage(&mut cursor)?,
            other => return Err(DecodeError::UnknownPort(other)),
        };
        cursor.finish()?;
        Ok(message)
    }

    fn object(&self, json: &mut JsonWriter) {
        match *self {
            Self::Status { .. } => status_object(json, *self),
            Self::Usage { energy_wh, power_w, power_factor, voltage, lamp_on_s } => {
                json.text_member("packet_type", "usage_packet");
                json.key("consumption");
                json.begin_array();
                json.begin_object();
                json.text_member("address", "internal_measurement");
                json.number_member("active_energy__Wh", f64::from(energy_wh));
                json.number_member("active_power__W", f64::from(power_w));
                json.number_member("power_factor", f64::from(power_factor) / 100.0);
                json.number_member("mains_voltage__V", f64::from(voltage));
                json.number_member("lamp_on_time__h", hours(lamp_on_s));
                json.end_object();
                json.end_array();
            }
        }
    }

    fn numbers(&self, out: &mut Vec<f64>) {
        match *self {
            Self::Status { downlink_rssi, downlink_snr, temperature, level, driver, .. } => {
                out.push(f64::from(level));
                out.extend([LAMP_ON, 0x02].map(|bit| f64::from(u8::from(driver & bit != 0))));
                out.extend([f64::from(temperature), -f64::from(downlink_rssi), f64::from(downlink_snr)]);
                out.extend([f64::NAN; 5]);
            }
            Self::Usage { energy_wh, power_w, power_factor, voltage, lamp_on_s } => {
                out.extend([f64::NAN; 6]);
                out.extend([f64::from(energy_wh), f64::from(power_w), f64::from(power_factor) / 100.0, f64::from(voltage)]);
                out.push(hours(lamp_on_s));
            }
        }
    }
}

/// Seconds as hours in steps of 0.1, as the codec rounds.
fn hours(seconds: u32) -> f64 {
    (f64::from(seconds) / 3_600.0 * 10.0).round() / 10.0
}

fn status_object(json: &mut JsonWriter, message: NasUl2020) {
    let NasUl2020::Status { clock_s, flags, downlink_rssi, downlink_snr, temperature, reason, level, driver } = message else {
        return;
    };
    json.text_member("packet_type", "status_packet");
    json.key("device_unix_epoch");
    json.text_with(|text| push_iso_seconds(text, clock_s));
    json.key("status");
    json.begin_object();
    for (name, bit) in [("dali_connection_error", 0x02), ("metering_com_error", 0x20), ("ext_rtc_warning", 0x40)] {
        json.boolean_member(name, flags & bit != 0);
    }
    json.boolean_member("internal_relay_closed", flags & RELAY_CLOSED != 0);
    for name in ["open_drain_output_on", "lumalink_connected", "lumalink_connected_after_boot"] {
        json.boolean_member(name, false);
    }
    json.end_object();
    json.number_member("downlink_rssi__dBm", -f64::from(downlink_rssi));
    json.number_member("downlink_snr__dB", f64::from(downlink_snr));
    json.number_member("mcu_temperature__C", f64::from(temperature));
    json.key("active_alerts");
    json.begin_object();
    for name in ["voltage_alert_in_24h", "lamp_error_alert_in_24h", "power_alert_in_24h", "power_factor_alert_in_24h"] {
        json.boolean_member(name, false);
    }
    json.end_object();
    json.key("sensor_source");
    json.begin_object();
    json.end_object();
    dimming_source(json, reason, level, driver);
}

fn dimming_source(json: &mut JsonWriter, reason: u8, level: u8, driver: u8) {
    json.key("dimming_source");
    json.begin_array();
    json.begin_object();
    json.text_member("address", "dali_broadcast");
    json.text_member("reason", if reason == CALENDAR_DAY { "calendar_day" } else { "calendar_night" });
    json.number_member("dimming_level__percent", f64::from(level));
    json.key("status");
    json.begin_object();
    for (bit, name) in DRIVER_STATUS.into_iter().enumerate() {
        json.boolean_member(name, driver >> bit & 1 == 1);
    }
    json.end_object();
    json.end_object();
    json.end_array();
}

fn decode_status(cursor: &mut Cursor<'_>) -> Result<NasUl2020, DecodeError> {
    expect(cursor, &[STATUS_HEADER])?;
    let clock_s = cursor.u32_le()?;
    let flags = cursor.u8()?;
    expect(cursor, &[0])?;
    let (downlink_rssi, downlink_snr, temperature) = (cursor.u8()?, cursor.i8()?, cursor.i8()?);
    expect(cursor, &[0, 0, DALI_BROADCAST])?;
    let position = cursor.position();
    let reason = cursor.u8()?;
    if !matches!(reason, CALENDAR_DAY | CALENDAR_NIGHT) {
        return Err(DecodeError::InvalidByte { position });
    }
    let (level, driver) = (cursor.u8()?, cursor.u8()?);
    Ok(NasUl2020::Status { clock_s, flags, downlink_rssi, downlink_snr, temperature, reason, level, driver })
}

fn decode_usage(cursor: &mut Cursor<'_>) -> Result<NasUl2020, DecodeError> {
    expect(cursor, &[USAGE_HEADER, METER_ADDRESS, METER_FIELDS])?;
    Ok(NasUl2020::Usage {
        energy_wh: cursor.u32_le()?,
        power_w: cursor.u16_le()?,
        power_factor: cursor.u8()?,
        voltage: cursor.u8()?,
        lamp_on_s: cursor.u32_le()?,
    })
}

fn expect(cursor: &mut Cursor<'_>, expected: &[u8]) -> Result<(), DecodeError> {
    for &byte in expected {
        let position = cursor.position();
        if cursor.u8()? != byte {
            return Err(DecodeError::InvalidByte { position });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_members, assert_vector};
    use super::*;
    use serde_json::json;

    #[test]
    fn usage_has_the_layout_and_rounding_of_the_published_example() {
        // The vendor's example with the fields of this device: D0EF2F01 is 5533 h, 47940300 is 234567 Wh, 5D is 0.93.
        let expected = json!({"packet_type": "usage_packet", "consumption": [{"address": "internal_measurement",
            "active_energy__Wh": 234_567, "active_power__W": 42, "power_factor": 0.93, "mains_voltage__V": 229,
            "lamp_on_time__h": 5533}]});
        assert_vector::<NasUl2020>(26, "00 FF B3 47940300 2A00 5D E5 D0EF2F01", &expected);
    }

    #[test]
    fn status_has_the_layout_of_the_published_example() {
        // The vendor's example (clock F37F205E, 32 is -50 dBm, 09, 16 is 22 degrees) without alerts and sensors.
        let expected = json!({"packet_type": "status_packet", "device_unix_epoch": "2020-01-16T15:23:31.000Z",
            "downlink_rssi__dBm": -50, "downlink_snr__dB": 9, "mcu_temperature__C": 22, "sensor_source": {}});
        assert_members::<NasUl2020>(23, "01 F37F205E 8000 32 09 16 00 00 FE 22 19 04", &expected);
    }

    #[test]
    fn err_a_reason_the_simulator_does_not_use() {
        let bytes = [1, 0xf3, 0x7f, 0x20, 0x5e, 0x80, 0, 0x32, 9, 0x16, 0, 0, 0xfe, 0x50, 0x19, 4];
        assert_eq!(NasUl2020::decode(23, &bytes), Err(DecodeError::InvalidByte { position: 13 }));
    }
}
