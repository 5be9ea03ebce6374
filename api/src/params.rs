//! Query parameters: read strictly, so that a typing mistake is not taken for an answer to another question.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

use axum::extract::Query;
use axum::http::Uri;
use stadtwarte_model::Position;

use crate::error::Problem;

/// The parameters of one request.
#[derive(Debug)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads the query part of an address.
    ///
    /// # Errors
    /// `invalid` for a parameter that is in neither list, and for one that is repeated without being `repeatable`.
    pub fn read(uri: &Uri, single: &[&str], repeatable: &[&str]) -> Result<Self, Problem> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri);
        let Query(pairs) = pairs.map_err(|_| Problem::invalid("the query part of the address cannot be read"))?;
        let mut seen = BTreeSet::new();
        for (name, _) in &pairs {
            let name = name.as_str();
            if !single.contains(&name) && !repeatable.contains(&name) {
                return Err(unknown(name, single, repeatable));
            }
            if !seen.insert(name) && !repeatable.contains(&name) {
                return Err(Problem::invalid(format!("`{name}` is given more than once")));
            }
        }
        Ok(Self(pairs))
    }

    /// The text of a parameter.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter.
    ///
    /// # Errors
    /// `invalid` when it is none.
    pub fn value<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Problem> {
        let parsed = self.text(name).map(str::parse).transpose();
        parsed.map_err(|error| Problem::invalid(format!("`{name}`: {error}")))
    }

    /// All values of a parameter that may be repeated or hold a list; empty when it is not given.
    ///
    /// # Errors
    /// `invalid` for a value that is none, for an empty list, and for more than `max_values`.
    pub fn values<T: FromStr<Err: Display> + Ord>(&self, name: &str, max_values: usize) -> Result<BTreeSet<T>, Problem> {
        let given = self.0.iter().filter(|(known, _)| known == name);
        let mut values = BTreeSet::new();
        for text in given.flat_map(|(_, value)| value.split(',')) {
            values.insert(text.trim().parse().map_err(|error| Problem::invalid(format!("`{name}`: {error}")))?);
            if values.len() > max_values {
                return Err(Problem::invalid(format!("`{name}` has more than {max_values} values")));
            }
        }
        Ok(values)
    }
}

fn unknown(name: &str, single: &[&str], repeatable: &[&str]) -> Problem {
    let known: Vec<String> = single.iter().chain(repeatable).map(|name| format!("`{name}`")).collect();
    let known = if known.is_empty() { "this resource has none".to_owned() } else { format!("known are {}", known.join(", ")) };
    Problem::invalid(format!("`{name}` is no parameter of this resource; {known}"))
}

/// The code of a property as it stands in an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PropertyCode(pub String);

impl FromStr for PropertyCode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plausible = (1..=100).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if plausible { Ok(Self(text.to_owned())) } else { Err("a code such as `air_temperature` is needed".to_owned()) }
    }
}

/// A rectangle of longitudes and latitudes, edges included; it crosses the antimeridian where `min_lon > max_lon`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BoundingBox {
    min_lon: f64,
    min_lat: f64,
    max_lon: f64,
    max_lat: f64,
}

impl BoundingBox {
    /// Whether a place lies in it. What has no place lies nowhere.
    pub fn contains(&self, position: Option<Position>) -> bool {
        let Some(Position { lon_deg, lat_deg, .. }) = position else { return false };
        let within = (self.min_lat..=self.max_lat).contains(&lat_deg);
        let crosses = self.min_lon > self.max_lon;
        within
            && if crosses { lon_deg >= self.min_lon || lon_deg <= self.max_lon } else { (self.min_lon..=self.max_lon).contains(&lon_deg) }
    }
}

impl FromStr for BoundingBox {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Vec<&str> = text.split(',').collect();
        let [min_lon, min_lat, max_lon, max_lat] = numbers[..] else {
            return Err(format!("four numbers minLon,minLat,maxLon,maxLat are needed, not {}", numbers.len()));
        };
        let number = |text: &str, name: &str, limit: f64| {
            let number: f64 = text.trim().parse().map_err(|_| format!("{name} `{text}` is not a number"))?;
            if number.abs() <= limit { Ok(number) } else { Err(format!("{name} {number} is not between -{limit} and {limit}")) }
        };
        let (min_lon, max_lon) = (number(min_lon, "minLon", 180.0)?, number(max_lon, "maxLon", 180.0)?);
        let (min_lat, max_lat) = (number(min_lat, "minLat", 90.0)?, number(max_lat, "maxLat", 90.0)?);
        if min_lat > max_lat {
            return Err(format!("minLat {min_lat} is greater than maxLat {max_lat}"));
        }
        Ok(Self { min_lon, min_lat, max_lon, max_lat })
    }
}

/// A length of time that buckets have, from one second to 366 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Every {
    seconds: i64,
}

const DAY: i64 = 86_400;

impl Every {
    /// Its length in microseconds.
    pub fn micros(self) -> i64 {
        self.seconds * 1_000_000
    }
}

impl FromStr for Every {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is not a length of time such as 15m, 1h, 7d, PT15M or P1D", text.chars().take(20).collect::<String>());
        let short = text.strip_prefix('P').map(|rest| (rest.strip_prefix('T'), rest));
        let (number, seconds) = match short {
            // ISO 8601 with one component: weeks and days before the `T`, the rest behind it.
            Some((Some(time), _)) => split(time, &[('H', 3600), ('M', 60), ('S', 1)]),
            Some((None, date)) => split(date, &[('W', 7 * DAY), ('D', DAY)]),
            None => split(text, &[('w', 7 * DAY), ('d', DAY), ('h', 3600), ('m', 60), ('s', 1)]),
        }
        .ok_or_else(wrong)?;
        let count: i64 = if number.len() <= 9 { number.parse().map_err(|_| wrong())? } else { return Err(wrong()) };
        let seconds = count * seconds;
        if (1..=366 * DAY).contains(&seconds) { Ok(Self { seconds }) } else { Err("it must be from 1 second to 366 days".to_owned()) }
    }
}

/// Digits, and what their letter stands for.
fn split<'a>(text: &'a str, letters: &[(char, i64)]) -> Option<(&'a str, i64)> {
    letters
        .iter()
        .find_map(|(letter, seconds)| Some((text.strip_suffix(*letter)?, *seconds)))
        .filter(|(number, _)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

impl Display for Every {
    /// ISO 8601, in the largest unit that fits.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.seconds {
            seconds if seconds % DAY == 0 => write!(f, "P{}D", seconds / DAY),
            seconds if seconds % 3600 == 0 => write!(f, "PT{}H", seconds / 3600),
            seconds if seconds % 60 == 0 => write!(f, "PT{}M", seconds / 60),
            seconds => write!(f, "PT{seconds}S"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn contains(text: &str, lon: f64, lat: f64) -> bool {
        text.parse::<BoundingBox>().unwrap().contains(Position::try_new(lon, lat, None))
    }

    #[test]
    fn ok_boxes_also_across_the_antimeridian() {
        assert!(contains("9,48,10,49", 9.5, 48.5));
        assert!(contains("9, 48, 10, 49", 10.0, 49.0));
        assert!(!contains("9,48,10,49", 10.1, 48.5));
        assert!(!contains("9,48,10,49", 9.5, 47.9));
        assert!(contains("170,-50,-170,0", 175.0, -40.0));
        assert!(contains("170,-50,-170,0", -175.0, -40.0));
        assert!(!contains("170,-50,-170,0", 0.0, -40.0));
        assert!(!"9,48,10,49".parse::<BoundingBox>().unwrap().contains(None));
    }

    #[test]
    fn err_boxes_say_what_is_wrong() {
        for (text, mention) in [
            ("", "four numbers"),
            ("1,2,3", "not 3"),
            ("1,2,3,4,5", "not 5"),
            ("1,2,3,4,5,6", "not 6"),
            ("500,0,1,1", "minLon"),
            ("0,0,500,1", "maxLon"),
            ("0,-91,1,1", "minLat"),
            ("0,0,1,1e308", "maxLat"),
            ("NaN,0,1,1", "minLon"),
            ("inf,0,1,1", "minLon"),
            ("0,50,1,40", "greater"),
            ("a,0,1,1", "not a number"),
        ] {
            let error = text.parse::<BoundingBox>().unwrap_err();
            assert!(error.contains(mention), "{text}: {error}");
        }
    }

    #[test]
    fn ok_lengths_of_time_in_both_spellings() {
        for (text, printed) in [
            ("15m", "PT15M"),
            ("60m", "PT1H"),
            ("1h", "PT1H"),
            ("24h", "P1D"),
            ("1d", "P1D"),
            ("1w", "P7D"),
            ("90s", "PT90S"),
            ("PT15M", "PT15M"),
            ("PT90S", "PT90S"),
            ("P1D", "P1D"),
            ("P1W", "P7D"),
        ] {
            assert_eq!(text.parse::<Every>().unwrap().to_string(), printed, "{text}");
        }
    }

    #[test]
    fn err_lengths_of_time() {
        for text in
            ["", "h", "1", "1.5h", "-1h", "0s", "P1H", "PT1D", "P1M", "1y", "367d", "99999999999h", "999999999d", "+1h", "P", "PT", "ñ"]
        {
            assert!(text.parse::<Every>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_length_of_time_survives_printing(seconds in 1..=366 * DAY) {
            let every = Every { seconds };
            prop_assert_eq!(every.to_string().parse::<Every>().unwrap(), every);
        }

        #[test]
        fn a_box_contains_what_lies_between_its_edges(lon in -180.0..180.0_f64, lat in -90.0..90.0_f64, west in 0.0..180.0_f64, east in 0.0..180.0_f64) {
            prop_assume!(lon != 0.0 || lat != 0.0);
            let wrap = |lon: f64| if lon > 180.0 { lon - 360.0 } else if lon < -180.0 { lon + 360.0 } else { lon };
            let text = format!("{},{},{},{}", wrap(lon - west * 0.99), lat, wrap(lon + east * 0.99), lat);
            prop_assert!(contains(&text, lon, lat), "{}", text);
        }
    }
}
