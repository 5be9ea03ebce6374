//! The readings of one property at one station over time.

use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, HeaderValue};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use stadtwarte_model::{Clock, Timestamp};
use stadtwarte_query::{Bucket, RawPoint, Series, SeriesPoints, SeriesRequest};
use utoipa::ToSchema;

use super::reading::json_value;
use super::station::station_id;
use super::{JSON, series_csv};
use crate::access::Caller;
use crate::caching::{Freshness, PRESENT};
use crate::error::{CommonProblems, Computed, Missing, OtherFormat, Problem};
use crate::headers::note_damage;
use crate::negotiate::preferred;
use crate::params::{Every, Params, PropertyCode};
use crate::state::ApiState;

/// How far back a series goes when nobody says: a day, in microseconds.
const USUAL_SPAN: i64 = 86_400_000_000;

/// The series of a station and property, one for each of its datastreams.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SeriesAnswer {
    /// The station's number.
    #[schema(example = 12)]
    pub station: i64,
    /// Code of the property.
    #[schema(example = "air_temperature")]
    pub property: String,
    /// UCUM code of the unit of the first series; a station may have several.
    #[schema(example = "Cel")]
    pub unit: String,
    /// That unit as people write it.
    #[schema(example = "°C")]
    pub symbol: String,
    /// The length of a bucket (ISO 8601); `null` for the readings themselves.
    #[schema(required, example = "PT1H")]
    pub every: Option<String>,
    /// From this time on, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// Up to, not including, this time, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub to: Timestamp,
    /// The series.
    pub series: Vec<SeriesOfDatastream>,
}

/// The series of one datastream.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SeriesOfDatastream {
    /// The datastream's number.
    pub datastream_id: i64,
    /// Tells apart several of the same property.
    #[schema(required)]
    pub channel: Option<String>,
    /// UCUM code of its unit.
    pub unit: String,
    /// Its points, by time.
    pub points: Points,
}

/// Buckets or readings.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Points {
    /// With `every`: one for each bucket that has readings.
    Buckets(Vec<BucketPoint>),
    /// Without: one for each reading.
    Readings(Vec<ReadingPoint>),
}

/// What the readings of one bucket come to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BucketPoint {
    /// When the bucket begins, UTC. Buckets are aligned to 1970-01-01T00:00:00Z.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// The mean.
    pub mean: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// How many.
    pub count: i64,
}

/// One reading.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReadingPoint {
    /// When it was measured, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// A number, text, boolean or JSON document.
    pub value: Value,
    /// `good`, or flags separated by commas.
    pub quality: String,
}

impl From<&Bucket> for BucketPoint {
    fn from(bucket: &Bucket) -> Self {
        let Bucket { time, mean, min, max, count } = *bucket;
        Self { time, mean, min, max, count }
    }
}

impl From<RawPoint> for ReadingPoint {
    fn from(point: RawPoint) -> Self {
        Self { time: point.time, value: json_value(&point.value), quality: point.quality }
    }
}

impl From<Series> for SeriesOfDatastream {
    fn from(series: Series) -> Self {
        Self {
            datastream_id: series.datastream.id.as_i64(),
            channel: series.datastream.channel,
            unit: series.datastream.unit.code().to_owned(),
            points: match series.points {
                SeriesPoints::Buckets(buckets) => Points::Buckets(buckets.iter().map(BucketPoint::from).collect()),
                SeriesPoints::Raw(points) => Points::Readings(points.into_iter().map(ReadingPoint::from).collect()),
            },
        }
    }
}

#[derive(Clone, Copy)]
enum Wanted {
    Json,
    Csv,
}

impl Wanted {
    fn read(params: &Params, headers: &HeaderMap) -> Result<Self, Problem> {
        match params.text("format") {
            Some("json") => Ok(Self::Json),
            Some("csv") => Ok(Self::Csv),
            Some(_) => Err(Problem::invalid("`format`: expected json or csv")),
            None => match preferred(headers, &[JSON, "text/csv"]) {
                Some(0) => Ok(Self::Json),
                Some(_) => Ok(Self::Csv),
                None => Err(Problem::not_acceptable("application/json and text/csv")),
            },
        }
    }
}

fn request_of(id: &str, params: &Params, clock: &dyn Clock, max_points: usize) -> Result<(SeriesRequest, Option<Every>), Problem> {
    let thing_id = station_id(id)?;
    let property: PropertyCode = params.value("property")?.ok_or(Problem::invalid("`property` is needed: the code of a property"))?;
    let to: Timestamp = params.value("to")?.unwrap_or_else(|| clock.now());
    let from: Timestamp = params.value("from")?.unwrap_or_else(|| to.plus_micros(-USUAL_SPAN));
    if to <= from {
        return Err(Problem::invalid(format!("`to` ({to}) must be later than `from` ({from})")));
    }
    let every: Option<Every> = params.value("every")?;
    let request = SeriesRequest { thing_id, property: property.0, from, to, every_micros: every.map(Every::micros), max_points };
    Ok((request, every))
}

/// The readings of one property at one station over time, as they are or in buckets.
///
/// Up to a number of points (setting `http.max_series_points`) are given at once: for more, ask for a shorter time or a longer `every`.
/// With `every`, the first and last bucket hold only what lies between `from` and `to`.
#[utoipa::path(
    get, path = "/api/v1/stations/{id}/series", tag = "stations", operation_id = "series",
    params(
        ("id" = i64, Path, description = "The station's number.", example = 12),
        ("property" = String, Query, description = "Code of the property.", example = "air_temperature"),
        ("from" = Option<String>, Query, description = "From this time on (RFC 3339); a day before `to` unless given.", example = "2026-11-21T00:00:00Z"),
        ("to" = Option<String>, Query, description = "Up to, not including, this time (RFC 3339); now unless given.", example = "2026-11-22T00:00:00Z"),
        ("every" = Option<String>, Query, description = "The length of a bucket, such as 15m, 1h, 1d, 7d, PT15M or P1D; without it the \
          readings themselves. Buckets are aligned to 1970-01-01T00:00:00Z.", example = "1h"),
        ("format" = Option<String>, Query, description = "`json` or `csv`; otherwise by `Accept`.", example = "json"),
    ),
    responses(
        (status = 200, description = "The series.", content((SeriesAnswer = "application/json"), (String = "text/csv"))),
        CommonProblems, Missing, OtherFormat, Computed
    )
)]
pub(crate) async fn series(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let params = Params::read(&uri, &["property", "from", "to", "every", "format"], &[])?;
    let wanted = Wanted::read(&params, &headers)?;
    let (request, every) = request_of(&id, &params, state.clock.as_ref(), state.limits().max_points)?;
    let found = state.engine.series(caller.role, &request).await?;
    let found = found.ok_or_else(|| Problem::not_found("there is no such station, or it does not measure this property"))?;
    let (unit, symbol) = found.first().map_or_else(Default::default, |series| {
        let unit = &series.datastream.unit;
        (unit.code().to_owned(), unit.symbol().to_owned())
    });
    let answer = SeriesAnswer {
        station: request.thing_id.as_i64(),
        property: request.property,
        unit,
        symbol,
        every: every.map(|every| every.to_string()),
        from: request.from,
        to: request.to,
        series: found.into_iter().map(SeriesOfDatastream::from).collect(),
    };
    let freshness = Freshness::untagged(caller, PRESENT);
    let mut response = match wanted {
        Wanted::Json => freshness.respond(JSON, serde_json::to_vec(&answer).map_err(Problem::internal)?),
        Wanted::Csv => {
            let mut response = freshness.respond("text/csv; charset=utf-8; header=present", series_csv::written(&answer));
            response.headers_mut().insert(CONTENT_DISPOSITION, HeaderValue::from_static("inline; filename=\"series.csv\""));
            response
        }
    };
    note_damage(&mut response, state.engine.store());
    Ok(response)
}
