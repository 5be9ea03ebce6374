//! Radio metadata: who heard a frame, how well, at what time their clocks said, and with which settings it was sent.

use crate::simulate::fleet::{Device, Gateway};
use crate::simulate::numeric::{float_len, len_u64, low_u32, to_i32, to_i64};
use crate::simulate::random::{hash, normal, signed, unit};
use crate::simulate::traffic::Faults;

/// What a gateway says about the time of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GatewayClock {
    /// Nothing: many gateways have no clock the server trusts.
    Missing,
    /// A time, right or wrong, microseconds since 1970.
    Says(i64),
}

/// One gateway's reception of a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reception {
    /// Index of the gateway in the fleet.
    pub gateway: usize,
    /// Strength of the signal, dBm.
    pub rssi_dbm: i32,
    /// Signal-to-noise ratio in quarters of a decibel.
    pub snr_quarters: i32,
    /// Its clock.
    pub clock: GatewayClock,
    /// False when the message says nothing about its position.
    pub shows_position: bool,
    /// Random number of the reception.
    pub number: u32,
}

/// Settings a frame was sent with, EU868.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Radio {
    /// Spreading factor, 7 to 12.
    pub spreading_factor: u32,
    /// Index of the channel, 0 to 7.
    pub channel: u32,
}

impl Radio {
    /// Frequency in hertz (RP002-1.0.4, EU863-870: three default channels, five more as most networks set them).
    #[must_use]
    pub const fn frequency_hz(self) -> u32 {
        [868_100_000, 868_300_000, 868_500_000, 867_100_000, 867_300_000, 867_500_000, 867_700_000, 867_900_000]
            [(self.channel % 8) as usize]
    }

    /// Data rate index: 0 for the slowest spreading factor, 12.
    #[must_use]
    pub const fn data_rate(self) -> u32 {
        12 - self.spreading_factor
    }

    /// Time on air in microseconds (Semtech AN1200.13, bandwidth 125 kHz, code rate 4/5, preamble 8, explicit header, CRC).
    #[must_use]
    pub fn airtime_us(self, phy_bytes: usize) -> i64 {
        let factor = f64::from(self.spreading_factor);
        let symbol_us = 2_f64.powf(factor) / 0.125;
        let low_rate = if self.spreading_factor >= 11 { 2.0 } else { 0.0 };
        let bits = 8.0 * float_len(phy_bytes) - 4.0 * factor + 28.0 + 16.0;
        let symbols = 8.0 + (bits / (4.0 * (factor - low_rate))).ceil().max(0.0) * 5.0;
        to_i64((12.25 + symbols) * symbol_us)
    }
}

/// Draws settings and receptions of a frame.
pub(crate) fn receive(
    device: &Device,
    gateways: &[Gateway],
    sent_us: i64,
    faults: &Faults,
    entropy: u64,
    out: &mut Vec<Reception>,
) -> Radio {
    out.clear();
    for (index, link) in device.links.iter().enumerate() {
        let Some(gateway) = gateways.get(link.gateway) else { continue };
        let bits = hash(entropy, 300 + len_u64(index));
        let rssi_dbm = to_i32(link.rssi_dbm + 2.6 * normal(bits));
        // The best gateway always hears the frame, the others miss a weak one now and then.
        if index > 0 && unit(hash(bits, 1)) < f64::from(-95 - rssi_dbm) / 40.0 {
            continue;
        }
        let ratio = (f64::from(rssi_dbm) + 116.0).min(9.5) + 1.2 * signed(hash(bits, 2));
        out.push(Reception {
            gateway: link.gateway,
            rssi_dbm,
            snr_quarters: to_i32(ratio * 4.0),
            clock: clock(gateway, sent_us, faults, hash(bits, 3)),
            shows_position: gateway.position.is_some() && unit(hash(bits, 4)) >= faults.unknown_gateway_location,
            number: low_u32(hash(bits, 5)),
        });
    }
    let best = out.first().map_or(-20.0, |reception| f64::from(reception.snr_quarters) / 4.0);
    let spreading_factor = [(7, -2.5), (8, -5.0), (9, -7.5), (10, -10.0), (11, -12.5)].into_iter().find(|(_, needed)| best >= *needed);
    Radio { spreading_factor: spreading_factor.map_or(12, |(factor, _)| factor), channel: low_u32(hash(entropy, 6)) % 8 }
}

fn clock(gateway: &Gateway, sent_us: i64, faults: &Faults, bits: u64) -> GatewayClock {
    if !gateway.has_gps && unit(bits) < faults.wrong_gateway_clock {
        // Years behind, the same number for the same gateway: it came up without network time.
        let days = 900 + i64::from(gateway.eui[7]) * 5;
        return GatewayClock::Says(sent_us - days * 86_400_000_000);
    }
    if !gateway.has_gps && unit(hash(bits, 1)) < faults.missing_gateway_time {
        return GatewayClock::Missing;
    }
    let spread_us = if gateway.has_gps { 40.0 } else { 60_000.0 };
    GatewayClock::Says(sent_us + to_i64(spread_us * signed(hash(bits, 2))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_on_air_matches_the_calculator() {
        // As the Semtech calculator says for 26 bytes, which is a payload of 13.
        assert_eq!(Radio { spreading_factor: 7, channel: 0 }.airtime_us(26), 61_696);
        assert_eq!(Radio { spreading_factor: 12, channel: 0 }.airtime_us(26), 1_646_592);
        assert_eq!(Radio { spreading_factor: 12, channel: 9 }.data_rate(), 0);
    }
}
