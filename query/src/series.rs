//! Time series of one station and property, aggregated into buckets of time or as they are.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use datafusion::common::ScalarValue;
use datafusion::functions::datetime::expr_fn::date_bin;
use datafusion::functions_aggregate::expr_fn::{avg, count, max, min};
use datafusion::logical_expr::{Expr, cast, col, lit};
use stadtwarte_model::entity::Datastream;
use stadtwarte_model::schema::timestamp_type;
use stadtwarte_model::{DatastreamId, ResultValue, Role, ThingId, Timestamp};

use crate::engine::{Draft, Engine};
use crate::error::Error;

/// Which series is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesRequest {
    /// The station's Thing.
    pub thing_id: ThingId,
    /// Code of the property.
    pub property: String,
    /// From this time on.
    pub from: Timestamp,
    /// Up to, not including, this time.
    pub to: Timestamp,
    /// The length of a bucket in microseconds; `None` for the observations themselves.
    pub every_micros: Option<i64>,
    /// The most points wanted over all datastreams; more is an error that says how to narrow down.
    pub max_points: usize,
}

/// The series of one datastream.
#[derive(Debug, Clone)]
pub struct Series {
    /// The datastream.
    pub datastream: Datastream,
    /// Its points, by time.
    pub points: SeriesPoints,
}

/// The points of a series.
#[derive(Debug, Clone, PartialEq)]
pub enum SeriesPoints {
    /// One point per bucket that has any number.
    Buckets(Vec<Bucket>),
    /// One point per observation.
    Raw(Vec<RawPoint>),
}

/// What the numbers of one bucket come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// When the bucket begins. Buckets are aligned to 1970-01-01T00:00:00Z.
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

/// One observation.
#[derive(Debug, Clone, PartialEq)]
pub struct RawPoint {
    /// When it was true.
    pub time: Timestamp,
    /// Its result.
    pub value: ResultValue,
    /// What is known against it.
    pub quality: String,
}

impl Engine {
    /// The series of a station; `None` when the role sees no such station or no such property on it.
    ///
    /// # Errors
    /// `Invalid` when the request makes no sense or has too many points; otherwise as [`Engine::sql`].
    pub async fn series(&self, role: Role, request: &SeriesRequest) -> Result<Option<Vec<Series>>, Error> {
        if request.to <= request.from {
            return Err(Error::Invalid(format!("`to` ({}) must be later than `from` ({})", request.to, request.from)));
        }
        let view = self.view(role);
        let Some(station) = view.station(request.thing_id) else { return Ok(None) };
        let wanted = station.datastreams.iter().filter(|stream| stream.property.code == request.property);
        let datastreams: Vec<Datastream> = wanted.map(|stream| stream.datastream.clone()).collect();
        if datastreams.is_empty() {
            return Ok(None);
        }
        let ids = datastreams.iter().map(|datastream| lit(datastream.id.as_i64())).collect();
        let during = col("datastream_id")
            .in_list(ids, false)
            .and(col("phenomenon_time").gt_eq(time_literal(request.from)))
            .and(col("phenomenon_time").lt(time_literal(request.to)));
        let every = request.every_micros;
        let advice = if every.is_some() { "a longer `every`" } else { "`every`" };
        let too_many = |error: Error| match error {
            Error::TooManyRows { max_rows } => {
                Error::Invalid(format!("the series has more than {max_rows} points: ask for a shorter time or {advice}"))
            }
            other => other,
        };
        let answer = self
            .run(role, request.max_points, async move |Draft { context, .. }| {
                let rows = context.table("observations").await?.filter(during)?;
                let order = |column: &str| col(column).sort(true, false);
                let frame = match every {
                    Some(micros) => {
                        // `date_bin` answers in nanoseconds whatever it is given.
                        let bin = date_bin(interval(micros), col("phenomenon_time"), time_literal(Timestamp::default()));
                        let bucket = cast(bin, timestamp_type()).alias("bucket");
                        let value = || col("result");
                        rows.filter(value().is_not_null())?
                            .aggregate(vec![col("datastream_id"), bucket], vec![avg(value()), min(value()), max(value()), count(value())])?
                            .sort(vec![order("datastream_id"), order("bucket")])?
                    }
                    None => rows
                        .select_columns(&["datastream_id", "phenomenon_time", "result", "result_text", "result_json", "quality"])?
                        .sort(vec![order("datastream_id"), order("phenomenon_time")])?,
                };
                Ok(frame)
            })
            .await
            .map_err(too_many)?;
        let batches = answer.collect().await.map_err(too_many)?;
        Ok(Some(datastreams.into_iter().map(|datastream| points_of(datastream, &batches, every.is_some())).collect()))
    }
}

fn time_literal(time: Timestamp) -> Expr {
    lit(ScalarValue::TimestampMicrosecond(Some(time.as_micros()), Some("UTC".into())))
}

fn interval(micros: i64) -> Expr {
    let nanos = micros.saturating_mul(1000);
    lit(ScalarValue::new_interval_mdn(0, 0, nanos))
}

fn points_of(datastream: Datastream, batches: &[RecordBatch], aggregated: bool) -> Series {
    let rows = batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)));
    let rows = rows.filter(|(batch, row)| DatastreamId::try_new(int(batch, 0, *row)) == Some(datastream.id));
    let points = if aggregated {
        SeriesPoints::Buckets(rows.map(|(batch, row)| bucket_at(batch, row)).collect())
    } else {
        SeriesPoints::Raw(rows.filter_map(|(batch, row)| raw_at(batch, row)).collect())
    };
    Series { datastream, points }
}

fn int(batch: &RecordBatch, column: usize, row: usize) -> i64 {
    batch.column(column).as_primitive::<Int64Type>().value(row)
}

fn float(batch: &RecordBatch, column: usize, row: usize) -> f64 {
    batch.column(column).as_primitive::<Float64Type>().value(row)
}

fn time(batch: &RecordBatch, row: usize) -> Timestamp {
    Timestamp::from_micros(batch.column(1).as_primitive::<TimestampMicrosecondType>().value(row))
}

fn bucket_at(batch: &RecordBatch, row: usize) -> Bucket {
    Bucket {
        time: time(batch, row),
        mean: float(batch, 2, row),
        min: float(batch, 3, row),
        max: float(batch, 4, row),
        count: int(batch, 5, row),
    }
}

fn raw_at(batch: &RecordBatch, row: usize) -> Option<RawPoint> {
    let text = |column: usize| {
        let texts = batch.column(column).as_string::<i32>();
        texts.is_valid(row).then(|| texts.value(row))
    };
    let number = batch.column(2).is_valid(row).then(|| float(batch, 2, row));
    let value = ResultValue::from_columns(number, text(3), text(4))?;
    Some(RawPoint { time: time(batch, row), value, quality: text(5)?.to_owned() })
}
