//! Field names as codecs in the wild spell them.

use super::{by_name, lines};

/// A member of an object, and the reading it must give.
const NAMES: &[(&str, &str)] = &[
    // Thermometers and hygrometers.
    (r#""temperature": 21.5"#, "air_temperature = 21.5 Cel"),
    (r#""Temperature": "21.5""#, "air_temperature = 21.5 Cel"),
    (r#""TEMP": 21.5"#, "air_temperature = 21.5 Cel"),
    (r#""temp": "21,5""#, "air_temperature = 21.5 Cel"),
    (r#""tempC": 21.5"#, "air_temperature = 21.5 Cel"),
    (r#""TempC_SHT": 21.5"#, "air_temperature = 21.5 Cel"),
    (r#""TempC_SHT": "21.5""#, "air_temperature = 21.5 Cel"),
    (r#""TempC_DS": 21.5"#, "air_temperature[external] = 21.5 Cel"),
    (r#""air_temp": 21.5"#, "air_temperature = 21.5 Cel"),
    (r#""airTemperature": 21.5"#, "air_temperature = 21.5 Cel"),
    (r#""temperature_celsius": 21.5"#, "air_temperature = 21.5 Cel"),
    (r#""temperature_degrees_celsius": 21.5"#, "air_temperature = 21.5 Cel"),
    (r#""Temperature (°C)": 21.5"#, "air_temperature = 21.5 Cel"),
    (r#""temp_f": 50"#, "air_temperature = 10 Cel"),
    (r#""temperatureF": "50 °F""#, "air_temperature = 10 Cel"),
    (r#""temp_f": "21.5 °C""#, "air_temperature = 21.5 Cel"),
    (r#""temperature_k": 300"#, "air_temperature = 26.850000000000023 Cel"),
    (r#""temperature_1": 21.5"#, "air_temperature[1] = 21.5 Cel"),
    (r#""temperature2": 21.5"#, "air_temperature[2] = 21.5 Cel"),
    (r#""TempC1": 21.5"#, "air_temperature[1] = 21.5 Cel"),
    (r#""temp_ch2": 21.5"#, "air_temperature[2] = 21.5 Cel"),
    (r#""ch1_temp": 21.5"#, "air_temperature[1] = 21.5 Cel"),
    (r#""channel_3_temperature": 21.5"#, "air_temperature[3] = 21.5 Cel"),
    (r#""ch1": {"temp": 21.5}"#, "air_temperature[1] = 21.5 Cel"),
    (r#""data": {"temperature": 21.5}"#, "air_temperature = 21.5 Cel"),
    (r#""temperature": {"value": 21.5, "unit": "°C"}"#, "air_temperature = 21.5 Cel"),
    (r#""temperature": [21.5]"#, "air_temperature[0] = 21.5 Cel"),
    (r#""temperatureSensor": {"1": 21.5}"#, "air_temperature[1] = 21.5 Cel"),
    (r#""node_7": {"temp": 21.5}"#, "air_temperature[node_7] = 21.5 Cel"),
    (r#""current_temperature": 21.5"#, "air_temperature = 21.5 Cel"),
    (r#""temperature_max": 21.5"#, "air_temperature[max] = 21.5 Cel"),
    (r#""maxTemperature": 21.5"#, "air_temperature[max] = 21.5 Cel"),
    (r#""Lufttemperatur": "21,5 °C""#, "air_temperature = 21.5 Cel"),
    (r#""temperature": "2.15e1""#, "air_temperature = 21.5 Cel"),
    (r#""temperature": -0.0"#, "air_temperature = 0 Cel"),
    (r#""temperature": 72"#, "air_temperature = 72 Cel (out_of_range)"),
    (r#""humidity": 45"#, "relative_humidity = 45 %"),
    (r#""hum": "45%""#, "relative_humidity = 45 %"),
    (r#""Hum_SHT": 45"#, "relative_humidity = 45 %"),
    (r#""rh": 45"#, "relative_humidity = 45 %"),
    (r#""relative_humidity_2": 45"#, "relative_humidity[2] = 45 %"),
    (r#""relativeHumidity": "45 %RH""#, "relative_humidity = 45 %"),
    (r#""humidity_percent": 45"#, "relative_humidity = 45 %"),
    (r#""air": {"relativeHumidity": 45}"#, "relative_humidity = 45 %"),
    (r#""dewPoint": 9.5"#, "dew_point = 9.5 Cel"),
    (r#""indoor": {"temperature": 21.5}"#, "room_temperature = 21.5 Cel"),
    (r#""soil": {"temperature": 9.5}"#, "soil_temperature = 9.5 Cel"),
    (r#""mcu_temperature__C": 31"#, "device_temperature = 31 Cel"),
    // Weather.
    (r#""pressure": 1013"#, "air_pressure = 1013 hPa"),
    (r#""pressure": 101.3"#, "air_pressure = 1013 hPa"),
    (r#""barometric_pressure_3": 1013"#, "air_pressure[3] = 1013 hPa"),
    (r#""barometricPressure": "1013 mbar""#, "air_pressure = 1013 hPa"),
    (r#""pressure_pa": 101300"#, "air_pressure = 1013 hPa"),
    (r#""windSpeed": 3.5"#, "wind_speed = 3.5 m/s (unit_guessed)"),
    (r#""wind_speed_ms": 3.5"#, "wind_speed = 3.5 m/s"),
    (r#""wind_speed": "36 km/h""#, "wind_speed = 10 m/s"),
    (r#""wind_gust_mps": 9"#, "wind_gust = 9 m/s"),
    (r#""wind": {"direction": 270}"#, "wind_direction = 270 deg"),
    (r#""windDirection": "270 °""#, "wind_direction = 270 deg"),
    (r#""rain": 0.2"#, "precipitation = 0.2 mm"),
    (r#""rainfall_total": 123.4"#, "precipitation_total = 123.4 mm"),
    (r#""rain_rate_mm_h": 2"#, "precipitation_rate = 2 mm/h"),
    (r#""solarRadiation": 500"#, "solar_irradiance = 500 W/m2"),
    (r#""uvIndex": 5"#, "uv_index = 5 1"),
    (r#""illuminance": 320"#, "illuminance = 320 lx"),
    (r#""luminosity_4": 320"#, "illuminance[4] = 320 lx"),
    (r#""lux": "320 lux""#, "illuminance = 320 lx"),
    (r#""ILL_lx": 3"#, ""),
    (r#""light": 320"#, "illuminance = 320 lx (unit_guessed)"),
    (r#""snow_depth_cm": 12"#, "snow_depth = 0.12 m"),
    // Air quality.
    (r#""pm10": 12"#, "pm10 = 12 ug/m3"),
    (r#""PM10": "12 µg/m³""#, "pm10 = 12 ug/m3"),
    (r#""PM2.5": 7"#, "pm2_5 = 7 ug/m3"),
    (r#""pm2_5": 7"#, "pm2_5 = 7 ug/m3"),
    (r#""pm25": 7"#, "pm2_5 = 7 ug/m3"),
    (r#""pm2p5": 7"#, "pm2_5 = 7 ug/m3"),
    (r#""pm1_0": 3"#, "pm1 = 3 ug/m3"),
    (r#""PM1.0": 3"#, "pm1 = 3 ug/m3"),
    (r#""pm10_2": 12"#, "pm10[2] = 12 ug/m3"),
    (r#""no2": "21 ppb""#, "no2_fraction = 21 [ppb]"),
    (r#""no2": "21 µg/m³""#, "no2 = 21 ug/m3"),
    (r#""co2": 612"#, "co2 = 612 [ppm]"),
    (r#""CO2": "612 ppm""#, "co2 = 612 [ppm]"),
    (r#""co2_ppm": 612"#, "co2 = 612 [ppm]"),
    (r#""co2_2": 612"#, "co2[2] = 612 [ppm]"),
    (r#""TVOC": 120"#, "tvoc = 120 [ppb] (unit_guessed)"),
    // Soil and water.
    (r#""water_SOIL": "34.05""#, "soil_moisture = 34.05 %"),
    (r#""temp_SOIL": "8.24 °C""#, "soil_temperature = 8.24 Cel"),
    (r#""conduct_SOIL": 211"#, "soil_conductivity = 211 uS/cm (unit_guessed)"),
    (r#""conduct_SOIL": "211 uS/cm""#, "soil_conductivity = 211 uS/cm"),
    (r#""soil": {"ec": 0.6}"#, "soil_conductivity = 600 uS/cm (unit_guessed)"),
    (r#""soilMoisture": 34"#, "soil_moisture = 34 %"),
    (r#""soil_moisture_30cm": 34"#, "soil_moisture[30cm] = 34 %"),
    (r#""soil_moisture_2": 34"#, "soil_moisture[2] = 34 %"),
    (r#""vwc": 34"#, "soil_moisture = 34 %"),
    (r#""level": "1.2 m""#, "water_level = 1.2 m"),
    (r#""level": "45 %""#, "fill_level = 45 %"),
    (r#""level": 1.2"#, "water_level = 1.2 m (unit_guessed)"),
    (r#""water_level_cm": 120"#, "water_level = 1.2 m"),
    (r#""Pegel": "120 cm""#, "water_level = 1.2 m"),
    (r#""depth": 0.5"#, "water_level = 0.5 m (unit_guessed)"),
    (r#""distance": 1234"#, "distance = 1.234 m (unit_guessed)"),
    (r#""distance_mm": 1234"#, "distance = 1.234 m"),
    (r#""Distance": "1234 mm""#, "distance = 1.234 m"),
    (r#""waterTemperature": 7.5"#, "water_temperature = 7.5 Cel"),
    (r#""PH1_SOIL": 6.5"#, "soil_ph = 6.5 [pH]"),
    // Noise.
    (r#""LAeq": 47.4"#, "sound_level_equivalent = 47.4 dB[SPL]"),
    (r#""leq": "47.4 dB""#, "sound_level_equivalent = 47.4 dB[SPL]"),
    (r#""noise": 47.4"#, "sound_level_equivalent = 47.4 dB[SPL]"),
    (r#""noise_db": 47.4"#, "sound_level_equivalent = 47.4 dB[SPL]"),
    (r#""laFmax": 61.8"#, "sound_level_maximum = 61.8 dB[SPL]"),
    (r#""soundLevel": "47.4 dB(A)""#, "sound_level = 47.4 dB[SPL]"),
    // Parking, waste, people, rooms.
    (r#""parkingOccupied": true"#, "parking_occupied = true"),
    (r#""parking_status": "occupied""#, "parking_occupied = true"),
    (r#""PARK_FLAG": 0"#, "parking_occupied = false"),
    (r#""occupied": "FALSE""#, "presence = false"),
    (r#""presence": 1"#, "presence = true"),
    (r#""pir": "detected""#, "presence = true"),
    (r#""motion": 14"#, "motion_events = 14 1"),
    (r#""motion": true"#, "presence = true"),
    (r#""door": "open""#, "contact_open = true"),
    (r#""DOOR_OPEN_STATUS": 1"#, "contact_open = true"),
    (r#""fillLevel": 45"#, "fill_level = 45 %"),
    (r#""Füllstand": "45 %""#, "fill_level = 45 %"),
    (r#""count_in": 3"#, "people_in = 3 1"),
    (r#""count_out": "3""#, "people_out = 3 1"),
    (r#""line_1_period_in": 3"#, "people_in[1] = 3 1"),
    (r#""line_2_total_out": 300"#, "people_out_total[2] = 300 1"),
    // Energy.
    (r#""energy": 17.5"#, "electric_energy_total = 17.5 kW.h (unit_guessed)"),
    (r#""energy_kWh": 17.5"#, "electric_energy_total = 17.5 kW.h"),
    (r#""active_energy__Wh": 17500"#, "electric_energy_total = 17.5 kW.h"),
    (r#""activePower": 42"#, "electric_power = 42 W (unit_guessed)"),
    (r#""power_W": 42"#, "electric_power = 42 W"),
    (r#""current": "500 mA""#, "electric_current = 0.5 A"),
    (r#""current": 10.2"#, "electric_current = 10.2 A (unit_guessed)"),
    (r#""current_L1": 10.2"#, ""),
    (r#""voltage": 230"#, "voltage = 230 V"),
    (r#""mains_voltage__V": 229"#, "mains_voltage = 229 V"),
    (r#""power_factor": 0.93"#, "power_factor = 0.93 1"),
    (r#""metering": {"water": {"total": 1200}}"#, "water_volume_total = 1.2 m3"),
    (r#""volume_m3": 12"#, "water_volume_total = 12 m3"),
    // The device itself.
    (r#""battery": 92"#, "battery_level = 92 %"),
    (r#""battery": 3.6"#, "battery_voltage = 3.6 V (unit_guessed)"),
    (r#""battery": 3600"#, "battery_voltage = 3.6 V"),
    (r#""battery": 1"#, "battery_level = 1 % (unit_guessed)"),
    (r#""battery": "3.6 V""#, "battery_voltage = 3.6 V"),
    (r#""battery": "92 %""#, "battery_level = 92 %"),
    (r#""battery_v": 3.6"#, "battery_voltage = 3.6 V"),
    (r#""battery_percent": 92"#, "battery_level = 92 %"),
    (r#""batteryPercent": 92"#, "battery_level = 92 %"),
    (r#""bat": 92"#, "battery_level = 92 %"),
    (r#""Bat": "3.384 V""#, "battery_voltage = 3.384 V"),
    (r#""Bat": "3,384 V""#, "battery_voltage = 3.384 V"),
    (r#""BatV": 3.316"#, "battery_voltage = 3.316 V"),
    (r#""Bat_V": 3.316"#, "battery_voltage = 3.316 V"),
    (r#""VBAT": 3.316"#, "battery_voltage = 3.316 V"),
    (r#""vdd": 3661"#, "battery_voltage = 3.661 V"),
    (r#""batteryVoltage": 3.6"#, "battery_voltage = 3.6 V"),
    (r#""battery_mV": "3600""#, "battery_voltage = 3.6 V"),
    (r#""ALARM_status": "TRUE""#, "alarm = true"),
    (r#""speed_kmh": 36"#, "vehicle_speed = 36 km/h"),
    // Known and no readings, or no values.
    (r#""rssi": -97"#, ""),
    (r#""SNR": 7.5"#, ""),
    (r#""firmware_version": "1.2""#, ""),
    (r#""msgtype": 3"#, ""),
    (r#""temperature": null"#, ""),
    (r#""temperature": """#, ""),
    (r#""temperature": "--""#, ""),
    (r#""temperature": "NaN""#, ""),
];

#[test]
fn ok_names_in_the_wild_are_understood() {
    let mut wrong = Vec::new();
    for (member, expected) in NAMES {
        let found = by_name(&format!("{{{member}}}"));
        let expected: Vec<&str> = Some(*expected).filter(|line| !line.is_empty()).into_iter().collect();
        if lines(&found) != expected || !found.unreadable.is_empty() {
            wrong.push(format!("{member}: expected {expected:?}, found {:?} {:?}", lines(&found), found.unreadable));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn err_values_that_contradict_their_name_are_unreadable_and_named() {
    for (member, detail) in [
        (r#""humidity": "30.11 °C""#, "`°C` is no unit of relative_humidity (%)"),
        (r#""temperature": "45 %""#, "`%` is no unit of air_temperature (Cel)"),
        (r#""temperature": "21 bananas""#, "`bananas` is not a unit this platform knows"),
        (r#""temperature": {"value": 21, "unit": "bananas"}"#, "`bananas` is not a unit this platform knows"),
        (r#""temperature": "warm""#, "\"warm\" is not a number, as air_temperature needs"),
        (r#""temperature": true"#, "true is not a number, as air_temperature needs"),
        (r#""temperature": 1e300"#, "1e+300 is larger than anything measured"),
        (r#""temperature": "1e999""#, "\"1e999\" is larger than anything measured"),
        (r#""energy_kwh": "1,234""#, "\"1,234\" has a comma that may separate decimals or thousands"),
        (r#""battery": 255"#, "255: no unit is stated, and the number fits none of battery_voltage (1.5 to 5.5 V)"),
        (r#""door": "ajar""#, "\"ajar\" is neither true nor false"),
        (r#""latitude": "north""#, "\"north\" is not a coordinate"),
        (r#""latitude": 95, "longitude": 9"#, "longitude 9, latitude 95 is no place on Earth"),
    ] {
        let found = by_name(&format!("{{{member}}}"));
        assert!(found.readings.is_empty() && found.unreadable.len() == 1, "{member}: {found:?}");
        assert!(found.unreadable[0].detail.contains(detail), "{member}: {}", found.unreadable[0].detail);
    }
}

#[test]
fn err_names_that_only_resemble_a_quantity_are_unknown() {
    for member in [
        r#""temperature_threshold": 30"#,
        r#""thresholds": {"temperature": 30}"#,
        r#""config": {"battery": 30}"#,
        r#""history": [{"temperature": 3}]"#,
        r#""items": [{"temperature": 3, "timestamp": 1772359200}]"#,
        r#""gateway": {"latitude": 52, "longitude": 9}"#,
        r#""24e124aabbccdd01": {"temperature": 3}"#,
        r#""beacons": {"a4:c1:38:01:02:03": {"temperature": 3}}"#,
        r#""template": 3"#,
        r#""attempts": 3"#,
        r#""temperature_12345": 3"#,
        r#""temp_m": 3"#,
        r#""humidity_v": 3"#,
        r#""°": 3"#,
        r#""": 3"#,
        r#""7": 3"#,
    ] {
        let found = by_name(&format!("{{{member}}}"));
        assert!(found.readings.is_empty() && found.position.is_none() && !found.unknown_fields.is_empty(), "{member}: {found:?}");
    }
}

#[test]
fn positions_are_found_by_name_and_zeros_are_none() {
    for (object, expected) in [
        (r#"{"latitude": 52.03, "longitude": 9.93}"#, Some((9.93, 52.03))),
        (r#"{"gps": {"lat": "52.03", "lng": "9,93"}}"#, Some((9.93, 52.03))),
        (r#"{"gps_1": {"latitude": 52.03, "longitude": 9.93, "altitude": 82}}"#, Some((9.93, 52.03))),
        (r#"{"Latitude": 0, "Longitude": 0}"#, None),
        (r#"{"latitude": 52.03}"#, None),
        (r#"{"a": {"latitude": 52.03}, "b": {"longitude": 9.93}}"#, None),
        (r#"{"a": {"latitude": 0, "longitude": 0}, "b": {"latitude": 52.03, "longitude": 9.93}}"#, Some((9.93, 52.03))),
    ] {
        let found = by_name(object);
        assert_eq!(found.position.map(|position| (position.lon_deg, position.lat_deg)), expected, "{object}");
        assert!(found.unreadable.is_empty() && found.unknown_fields.is_empty(), "{object}: {found:?}");
    }
}
