//! A series as comma-separated values (RFC 4180).

use std::borrow::Cow;
use std::fmt::Write;

use serde_json::Value;
use stadtwarte_query::output::csv_text;

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
    let (channel, unit) = (series.channel.as_deref().map_or_else(Default::default, csv_text), csv_text(&series.unit));
    let id = series.datastream_id;
    // Writing to a String cannot fail.
    match &series.points {
        Points::Buckets(points) => points.iter().for_each(|point| {
            let _ = write!(text, "{},{id},{channel},{unit},{},{},{},{}\r\n", point.time, point.mean, point.min, point.max, point.count);
        }),
        Points::Readings(points) => points.iter().for_each(|point| {
            let (value, quality) = (value_text(&point.value), csv_text(&point.quality));
            let _ = write!(text, "{},{id},{channel},{unit},{value},{quality}\r\n", point.time);
        }),
    }
}

fn value_text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => csv_text(text),
        Value::Array(_) | Value::Object(_) => csv_text(&value.to_string()).into_owned().into(),
        other => other.to_string().into(),
    }
}
