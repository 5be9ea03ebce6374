//! Units of measurement as UCUM codes (The Unified Code for Units of Measure, ucum.org), with the spellings and conversions that
//! sensors make necessary.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A unit, held as its UCUM code (case sensitive), for example `Cel`, `%`, `ug/m3`, `kW.h`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Unit(Cow<'static, str>);

/// A text that cannot be a UCUM code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a UCUM unit code: expected 1 to 40 printable ASCII characters without spaces, such as `Cel` or `ug/m3`")]
pub struct ParseUnitError(pub String);

/// A linear conversion: `converted = value * factor + offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conversion {
    /// Multiplies the value.
    pub factor: f64,
    /// Is added afterwards, in the target unit.
    pub offset: f64,
}

impl Conversion {
    /// Applies it.
    #[must_use]
    pub fn apply(self, value: f64) -> f64 {
        // A factor of one over a power of ten divides exactly where multiplying by 0.001 would not.
        let scaled =
            if self.factor < 1.0 && (1.0 / self.factor).fract() == 0.0 { value / (1.0 / self.factor) } else { value * self.factor };
        scaled + self.offset
    }
}

struct Known {
    code: &'static str,
    symbol: &'static str,
    name: &'static str,
    /// The code of the unit all others of its dimension convert to, with factor and offset.
    base: (&'static str, f64, f64),
    /// Spellings found in payloads, compared without case unless they differ only by case.
    labels: &'static [&'static str],
}

macro_rules! known {
    ($($code:literal $symbol:literal $name:literal -> $base:literal * $factor:literal + $offset:literal [$($label:literal),*];)*) => {
        &[$(Known { code: $code, symbol: $symbol, name: $name, base: ($base, $factor, $offset), labels: &[$($label),*] }),*]
    };
}

/// Units the platform knows by name. Source: UCUM 2.1, tables 1 to 24; labels from payloads seen in public codec repositories.
const KNOWN: &[Known] = known! {
    "Cel" "°C" "degree Celsius" -> "Cel" * 1.0 + 0.0 ["°C", "C", "degC", "celsius", "℃", "ºC"];
    "[degF]" "°F" "degree Fahrenheit" -> "Cel" * 0.555_555_555_555_555_6 + -17.777_777_777_777_78 ["°F", "F", "degF", "fahrenheit"];
    "K" "K" "kelvin" -> "Cel" * 1.0 + -273.15 ["kelvin"];
    "%" "%" "percent" -> "%" * 1.0 + 0.0 ["percent", "pct", "%RH", "RH%", "%vol", "%rel"];
    "1" "" "one" -> "1" * 1.0 + 0.0 ["", "count", "counts", "pcs"];
    "Pa" "Pa" "pascal" -> "Pa" * 1.0 + 0.0 ["pascal"];
    "hPa" "hPa" "hectopascal" -> "Pa" * 100.0 + 0.0 ["mbar", "mb", "hPa"];
    "kPa" "kPa" "kilopascal" -> "Pa" * 1000.0 + 0.0 ["kPa"];
    "bar" "bar" "bar" -> "Pa" * 100_000.0 + 0.0 [];
    "ug/m3" "µg/m³" "microgram per cubic metre" -> "ug/m3" * 1.0 + 0.0 ["µg/m³", "μg/m³", "µg/m3", "μg/m3", "ug/m³", "µg⋅m⁻³", "μg⋅m⁻³", "µg·m⁻³"];
    "mg/m3" "mg/m³" "milligram per cubic metre" -> "ug/m3" * 1000.0 + 0.0 ["mg/m³"];
    "[ppm]" "ppm" "parts per million" -> "[ppm]" * 1.0 + 0.0 ["ppm"];
    "[ppb]" "ppb" "parts per billion" -> "[ppm]" * 0.001 + 0.0 ["ppb"];
    "dB" "dB" "decibel" -> "dB" * 1.0 + 0.0 ["decibel"];
    "dB[SPL]" "dB(A)" "decibel sound pressure level" -> "dB[SPL]" * 1.0 + 0.0 ["dB(A)", "dBA", "dB(SPL)"];
    "dB[mW]" "dBm" "decibel milliwatt" -> "dB[mW]" * 1.0 + 0.0 ["dBm"];
    "lx" "lx" "lux" -> "lx" * 1.0 + 0.0 ["lux"];
    "klx" "klx" "kilolux" -> "lx" * 1000.0 + 0.0 ["klux"];
    "W/m2" "W/m²" "watt per square metre" -> "W/m2" * 1.0 + 0.0 ["W/m²", "W⋅m⁻²", "W·m⁻²"];
    "m/s" "m/s" "metre per second" -> "m/s" * 1.0 + 0.0 ["m/s", "mps", "m⋅s⁻¹", "m·s⁻¹"];
    "km/h" "km/h" "kilometre per hour" -> "m/s" * 0.277_777_777_777_777_8 + 0.0 ["kmh", "kph"];
    "deg" "°" "degree of arc" -> "deg" * 1.0 + 0.0 ["°", "degree", "degrees"];
    "m" "m" "metre" -> "m" * 1.0 + 0.0 ["metre", "meter"];
    "cm" "cm" "centimetre" -> "m" * 0.01 + 0.0 [];
    "mm" "mm" "millimetre" -> "m" * 0.001 + 0.0 [];
    "km" "km" "kilometre" -> "m" * 1000.0 + 0.0 [];
    "mm/h" "mm/h" "millimetre per hour" -> "mm/h" * 1.0 + 0.0 [];
    "L" "l" "litre" -> "L" * 1.0 + 0.0 ["l", "litre", "liter", "liters"];
    "m3" "m³" "cubic metre" -> "L" * 1000.0 + 0.0 ["m³"];
    "L/h" "l/h" "litre per hour" -> "L/h" * 1.0 + 0.0 ["l/h"];
    "m3/h" "m³/h" "cubic metre per hour" -> "L/h" * 1000.0 + 0.0 ["m³/h"];
    "V" "V" "volt" -> "V" * 1.0 + 0.0 ["volt", "volts"];
    "mV" "mV" "millivolt" -> "V" * 0.001 + 0.0 [];
    "A" "A" "ampere" -> "A" * 1.0 + 0.0 ["amp", "ampere"];
    "mA" "mA" "milliampere" -> "A" * 0.001 + 0.0 [];
    "W" "W" "watt" -> "W" * 1.0 + 0.0 ["watt"];
    "kW" "kW" "kilowatt" -> "W" * 1000.0 + 0.0 [];
    "W.h" "Wh" "watt hour" -> "W.h" * 1.0 + 0.0 ["Wh"];
    "kW.h" "kWh" "kilowatt hour" -> "W.h" * 1000.0 + 0.0 ["kWh"];
    "MW.h" "MWh" "megawatt hour" -> "W.h" * 1_000_000.0 + 0.0 ["MWh"];
    "Hz" "Hz" "hertz" -> "Hz" * 1.0 + 0.0 ["hertz"];
    "S/m" "S/m" "siemens per metre" -> "S/m" * 1.0 + 0.0 [];
    "dS/m" "dS/m" "decisiemens per metre" -> "S/m" * 0.1 + 0.0 [];
    "mS/cm" "mS/cm" "millisiemens per centimetre" -> "S/m" * 0.1 + 0.0 [];
    "uS/cm" "µS/cm" "microsiemens per centimetre" -> "S/m" * 0.000_1 + 0.0 ["µS/cm", "μS/cm", "µS⋅cm⁻¹", "µS·cm⁻¹"];
    "[pH]" "pH" "pH" -> "[pH]" * 1.0 + 0.0 ["pH"];
    "[NTU]" "NTU" "nephelometric turbidity unit" -> "[NTU]" * 1.0 + 0.0 ["NTU"];
    "mg/L" "mg/l" "milligram per litre" -> "mg/L" * 1.0 + 0.0 ["mg/l"];
    "us" "µs" "microsecond" -> "s" * 0.000_001 + 0.0 ["µs"];
    "ms" "ms" "millisecond" -> "s" * 0.001 + 0.0 [];
    "s" "s" "second" -> "s" * 1.0 + 0.0 ["sec", "second", "seconds"];
    "min" "min" "minute" -> "s" * 60.0 + 0.0 ["minute", "minutes"];
    "h" "h" "hour" -> "s" * 3600.0 + 0.0 ["hour", "hours"];
    "d" "d" "day" -> "s" * 86_400.0 + 0.0 ["day", "days"];
    "kPa{soil}" "kPa" "kilopascal soil water tension" -> "kPa{soil}" * 1.0 + 0.0 [];
    "[IAQ]" "IAQ" "indoor air quality index" -> "[IAQ]" * 1.0 + 0.0 ["IAQ"];
    "nm" "nm" "nanometre" -> "m" * 0.000_000_001 + 0.0 [];
    "um" "µm" "micrometre" -> "m" * 0.000_001 + 0.0 ["μm"];
    "/cm3" "1/cm³" "per cubic centimetre" -> "/cm3" * 1.0 + 0.0 ["1/cm3", "#/cm3", "#/cm³", "cm⁻³", "1⋅cm⁻³"];
    "mS/m" "mS/m" "millisiemens per metre" -> "S/m" * 0.001 + 0.0 [];
    "[mi_i]/h" "mph" "mile per hour" -> "m/s" * 0.447_04 + 0.0 ["mph"];
    "[kn_i]" "kn" "knot" -> "m/s" * 0.514_444_444_444_444_5 + 0.0 ["knots", "kt"];
    "[psi]" "psi" "pound per square inch" -> "Pa" * 6_894.757_293_168 + 0.0 ["psi"];
    "A.h" "Ah" "ampere hour" -> "A.h" * 1.0 + 0.0 ["Ah"];
    "mA.h" "mAh" "milliampere hour" -> "A.h" * 0.001 + 0.0 ["mAh"];
    "MJ" "MJ" "megajoule" -> "W.h" * 277.777_777_777_777_8 + 0.0 [];
    "GJ" "GJ" "gigajoule" -> "W.h" * 277_777.777_777_777_8 + 0.0 [];
    "uSv/h" "µSv/h" "microsievert per hour" -> "uSv/h" * 1.0 + 0.0 ["μSv/h"];
    "L/min" "l/min" "litre per minute" -> "L/h" * 60.0 + 0.0 ["l/min"];
    "nSv/h" "nSv/h" "nanosievert per hour" -> "uSv/h" * 0.001 + 0.0 [];
};

fn known(code: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|unit| unit.code == code)
}

impl Unit {
    /// The unit of pure numbers and counts, UCUM `1`.
    pub const ONE: Self = Self(Cow::Borrowed("1"));
    /// Degree Celsius.
    pub const CELSIUS: Self = Self(Cow::Borrowed("Cel"));
    /// Percent.
    pub const PERCENT: Self = Self(Cow::Borrowed("%"));

    /// The UCUM code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0
    }

    /// How people write it, for example `°C`; the code itself when the platform has no better.
    #[must_use]
    pub fn symbol(&self) -> &str {
        known(&self.0).map_or(&self.0, |unit| unit.symbol)
    }

    /// Its English name; the code itself when the platform has no better.
    #[must_use]
    pub fn name(&self) -> &str {
        known(&self.0).map_or(&self.0, |unit| unit.name)
    }

    /// The unit that a payload spells as `label`, such as `°C`, `C` or `µg/m³`. `None` when it is not known: never a guess.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        let label = label.trim();
        let exact = KNOWN.iter().find(|unit| unit.code == label || unit.symbol == label || unit.labels.contains(&label));
        let folded = || KNOWN.iter().find(|unit| unit.labels.iter().any(|known| known.eq_ignore_ascii_case(label)));
        exact.or_else(folded).map(|unit| Self(Cow::Borrowed(unit.code)))
    }

    /// How a value in this unit becomes one in `target`; `None` where the platform knows no conversion.
    #[must_use]
    pub fn conversion_to(&self, target: &Self) -> Option<Conversion> {
        if self == target {
            return Some(Conversion { factor: 1.0, offset: 0.0 });
        }
        let (from, to) = (known(&self.0)?, known(&target.0)?);
        if from.base.0 != to.base.0 {
            return None;
        }
        let factor = from.base.1 / to.base.1;
        Some(Conversion { factor, offset: (from.base.2 - to.base.2) / to.base.1 })
    }
}

impl FromStr for Unit {
    type Err = ParseUnitError;

    fn from_str(text: &str) -> Result<Self, ParseUnitError> {
        if let Some(unit) = known(text) {
            return Ok(Self(Cow::Borrowed(unit.code)));
        }
        let plausible = (1..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if plausible { Ok(Self(Cow::Owned(text.to_owned()))) } else { Err(ParseUnitError(text.to_owned())) }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Unit {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Unit {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(value: f64, from: &str, to: &str) -> Option<f64> {
        let (from, to): (Unit, Unit) = (from.parse().unwrap(), to.parse().unwrap());
        from.conversion_to(&to).map(|conversion| conversion.apply(value))
    }

    #[test]
    fn labels_from_payloads_become_codes() {
        for (label, code) in [
            ("°C", "Cel"),
            (" C ", "Cel"),
            ("celsius", "Cel"),
            ("µg/m³", "ug/m3"),
            ("mV", "mV"),
            ("%RH", "%"),
            ("kWh", "kW.h"),
            ("LUX", "lx"),
        ] {
            assert_eq!(Unit::from_label(label).map(|unit| unit.to_string()), Some(code.to_owned()), "{label}");
        }
        assert_eq!(Unit::from_label("bananas"), None);
    }

    #[test]
    fn conversions_keep_the_physics() {
        assert_eq!(convert(3384.0, "mV", "V"), Some(3.384));
        assert_eq!(convert(1013.25, "hPa", "Pa"), Some(101_325.0));
        assert!((convert(50.0, "[degF]", "Cel").unwrap() - 10.0).abs() < 1e-9);
        assert!((convert(10.0, "Cel", "[degF]").unwrap() - 50.0).abs() < 1e-9);
        assert!((convert(20.0, "Cel", "K").unwrap() - 293.15).abs() < 1e-9);
        assert_eq!(convert(1.0, "Cel", "%"), None);
    }

    #[test]
    fn every_known_unit_is_listed_once_and_converts_to_its_base() {
        for (index, unit) in KNOWN.iter().enumerate() {
            assert!(KNOWN[..index].iter().all(|other| other.code != unit.code), "{} twice", unit.code);
            assert!(known(unit.base.0).is_some(), "{} has no base", unit.code);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_code_that_prints_as_it_was_read_or_an_error(text in ".{0,50}|[!-~]{1,40}") {
            if let Ok(unit) = text.parse::<Unit>() {
                proptest::prop_assert_eq!(unit.code(), &text);
                proptest::prop_assert_eq!(unit.conversion_to(&unit), Some(Conversion { factor: 1.0, offset: 0.0 }));
            }
            if let Some(unit) = Unit::from_label(&text) {
                proptest::prop_assert!(known(unit.code()).is_some());
            }
        }
    }

    #[test]
    fn a_conversion_there_and_back_changes_nothing() {
        for from in KNOWN {
            for to in KNOWN.iter().filter(|to| to.base.0 == from.base.0) {
                let there = convert(12.5, from.code, to.code).unwrap();
                let back = convert(there, to.code, from.code).unwrap();
                assert!((back - 12.5).abs() < 1e-9, "{} to {} and back: {back}", from.code, to.code);
            }
        }
    }

    #[test]
    fn err_codes_with_spaces_or_nothing() {
        for text in ["", "a b", "°C"] {
            assert!(text.parse::<Unit>().is_err(), "{text}");
        }
    }
}
