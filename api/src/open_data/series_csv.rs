//! A series as comma-separated values (RFC 4180).

use std::borrow::Cow;
use std::fmt::Write;

use serde_json::Value;

use super::series::{Points, SeriesAnswer, SeriesOfDatastream};

/// One line per point, with a header.
pub(super) fn written(answer: &SeriesAnswer) -> String {
    let columns = if answer.every.is_some() { "mean,min,max,count" } else { "value,quality" };
    let mut text = format!("time,datastream_id,channel,unit,{columns}\r\n");
    for series in &answer.series {
        write_series(&mut text, series);
    }
    text
}

fn write_series(text: &mut String, series: &SeriesOfDatastream) {
    let (channel, unit) = (field(series.channel.as_deref().unwrap_or_default()), field(&series.unit));
    let id = series.datastream_id;
    // Writing to a String cannot fail.
    match &series.points {
        Points::Buckets(points) => points.iter().for_each(|point| {
            let _ = write!(text, "{},{id},{channel},{unit},{},{},{},{}\r\n", point.time, point.mean, point.min, point.max, point.count);
        }),
        Points::Readings(points) => points.iter().for_each(|point| {
            let (value, quality) = (value_text(&point.value), field(&point.quality));
            let _ = write!(text, "{},{id},{channel},{unit},{value},{quality}\r\n", point.time);
        }),
    }
}

fn value_text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => field(text),
        Value::Null => "".into(),
        other => other.to_string().into(),
    }
}

fn field(text: &str) -> Cow<'_, str> {
    if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")).into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_line_is_quoted() {
        for (text, expected) in [("plain", "plain"), ("a,b", "\"a,b\""), ("say \"x\"", "\"say \"\"x\"\"\""), ("a\nb", "\"a\nb\""), ("", "")]
        {
            assert_eq!(field(text), expected);
        }
    }
}
