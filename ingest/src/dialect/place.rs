//! Where a device or a gateway is, as far as a message tells.

use std::collections::BTreeMap;

use stadtwarte_model::Position;

use super::fields::Fields;

/// A `Location` in proto3 JSON at `key`: `latitude`, `longitude`, `altitude`, each left out when it is zero.
///
/// `{}` and (0, 0) are no place and cause no warning; coordinates that cannot be read or lie outside the ranges do.
pub(super) fn of_location(fields: &Fields<'_>, key: &str) -> Option<Position> {
    of_coordinates(&fields.object(key)?, "latitude", "longitude", "altitude")
}

/// The same, from keys of other names in `fields` itself.
pub(super) fn of_coordinates(fields: &Fields<'_>, lat: &str, lon: &str, height: &str) -> Option<Position> {
    if !fields.has_any(&[lat, lon]) {
        return None;
    }
    let coordinate = |key| if fields.has(key) { fields.real(key) } else { Some(0.0) };
    let (lat_deg, lon_deg) = (coordinate(lat), coordinate(lon));
    let height_m = fields.real(height);
    let (lat_deg, lon_deg) = (lat_deg?, lon_deg?);
    let position = Position::try_new(lon_deg, lat_deg, height_m);
    if position.is_none() && (lat_deg, lon_deg) != (0.0, 0.0) {
        fields.warn(lat, format_args!("{lat_deg}, {lon_deg} is no latitude and longitude"));
    }
    position
}

/// The position an operator wrote into tags, in any case: `lat` and `lon` (or `latitude`, `longitude`, `lng`), or `location` as
/// `"54.51,9.54"`; `height` in metres. Decimal commas are read where they are unambiguous.
///
/// A `location` that is not two numbers is a place name and causes no warning. `warn` gets the tag and what is wrong with it.
pub(super) fn of_tags(tags: &BTreeMap<String, String>, mut warn: impl FnMut(&str, &str)) -> Option<Position> {
    let find = |names: &[&str]| {
        let named = |(key, _): &(&String, &String)| names.iter().any(|name| key.trim().eq_ignore_ascii_case(name));
        tags.iter().find(named).map(|(key, value)| (key.as_str(), value.trim())).filter(|(_, value)| !value.is_empty())
    };
    let mut number = |(key, value): (&str, &str), unit| {
        let read = decimal(value);
        if read.is_none() {
            warn(key, &format!("expected a number of {unit}, found {value:.40?}"));
        }
        read
    };
    let pair = find(&["lat", "latitude"]).zip(find(&["lon", "lng", "long", "longitude"]));
    let (key, lat_deg, lon_deg) = if let Some((lat, lon)) = pair {
        (lat.0, number(lat, "degrees")?, number(lon, "degrees")?)
    } else {
        let (key, value) = find(&["location"])?;
        let (lat, lon) = degrees_pair(value)?;
        (key, lat, lon)
    };
    let height_m = find(&["height", "altitude", "elevation"]).and_then(|height| number(height, "metres"));
    let position = Position::try_new(lon_deg, lat_deg, height_m);
    if position.is_none() && (lat_deg, lon_deg) != (0.0, 0.0) {
        warn(key, &format!("{lat_deg}, {lon_deg} is no latitude and longitude"));
    }
    position
}

/// `"54.51,9.54"`, `"54.51 9.54"`, `"54,51; 9,54"`: latitude first, as people write it.
fn degrees_pair(text: &str) -> Option<(f64, f64)> {
    let separator = if text.contains(';') {
        ';'
    } else if text.matches(',').count() == 1 {
        ','
    } else {
        ' '
    };
    let (lat, lon) = text.split_once(separator)?;
    Some((decimal(lat)?, decimal(lon)?))
}

/// A finite decimal number with point or comma, perhaps followed by `m` or the degree sign.
fn decimal(text: &str) -> Option<f64> {
    let text = text.trim().trim_end_matches(['m', '°', ',']).trim_end();
    let number: f64 = if text.contains('.') { text.parse() } else { text.replacen(',', ".", 1).parse() }.ok()?;
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Latitude, longitude and height, as the cases are written.
    type Place = (f64, f64, Option<f64>);

    fn of(tags: &[(&str, &str)]) -> (Option<Place>, Vec<String>) {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let mut warnings = Vec::new();
        let position = of_tags(&tags, |key, problem| warnings.push(format!("{key}: {problem}")));
        (position.map(|place| (place.lat_deg, place.lon_deg, place.height_m)), warnings)
    }

    #[test]
    fn ok_positions_in_tags() {
        let here = Some((54.51, 9.54, None));
        let above = Some((54.51, 9.54, Some(12.5)));
        let cases: [(&[(&str, &str)], _); 11] = [
            (&[("lat", "54.51"), ("lon", "9.54")], here),
            (&[("Latitude", " 54.51 "), ("LNG", "9.54")], here),
            (&[("latitude", "54,51"), ("longitude", "9,54°"), ("height", "12.5 m")], above),
            (&[("lat", "54.51"), ("long", "9.54"), ("altitude", "12.5")], above),
            (&[("location", "54.51,9.54")], here),
            (&[("location", "54.51, 9.54"), ("height", "12,5")], above),
            (&[("location", "54.51 9.54")], here),
            (&[("location", "54,51; 9,54")], here),
            (&[("location", "54,51 9,54")], here),
            (&[("lat", "54.51"), ("lon", "9.54"), ("location", "Rathaus")], here),
            (&[("lat", "-33.9"), ("lon", "151.2")], Some((-33.9, 151.2, None))),
        ];
        for (tags, expected) in cases {
            assert_eq!(of(tags), (expected, Vec::new()), "{tags:?}");
        }
    }

    #[test]
    fn what_is_no_position_is_none_and_only_mistakes_are_reported() {
        let silent: [&[(&str, &str)]; 7] = [
            &[],
            &[("lat", "54.51")],
            &[("lat", ""), ("lon", "")],
            &[("lat", "0"), ("lon", "0.0")],
            &[("location", "Rathaus")],
            &[("location", "Am Markt 3, 4")],
            &[("location", ""), ("height", "3. Stock")],
        ];
        for tags in silent {
            assert_eq!(of(tags), (None, Vec::new()), "{tags:?}");
        }
        let reported: [(&[(&str, &str)], _); 4] = [
            (&[("lat", "north"), ("lon", "9.54")], r#"lat: expected a number of degrees, found "north""#),
            (&[("lat", "9.54"), ("lon", "NaN")], r#"lon: expected a number of degrees, found "NaN""#),
            (&[("lat", "95"), ("lon", "9.54")], "lat: 95, 9.54 is no latitude and longitude"),
            (&[("location", "954.1,12")], "location: 954.1, 12 is no latitude and longitude"),
        ];
        for (tags, warning) in reported {
            assert_eq!(of(tags), (None, vec![warning.to_owned()]), "{tags:?}");
        }
        let (position, warnings) = of(&[("lat", "54.51"), ("lon", "9.54"), ("height", "3. Stock")]);
        assert_eq!(position, Some((54.51, 9.54, None)));
        assert_eq!(warnings, [r#"height: expected a number of metres, found "3. Stock""#]);
    }
}
