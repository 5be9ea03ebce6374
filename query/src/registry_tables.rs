//! The registry, the latest values and the devices as tables, each built when a query reads it.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use stadtwarte_model::entity::{Datastream, Thing};
use stadtwarte_model::schema::timestamp_type;
use stadtwarte_model::{Position, Timestamp};

use crate::functions::{geometry_field, wkb_points};
use crate::stations::View;

/// A table whose rows are made when it is scanned.
pub(crate) struct LazyTable {
    schema: SchemaRef,
    build: Box<dyn Fn() -> std::result::Result<RecordBatch, ArrowError> + Send + Sync>,
}

impl LazyTable {
    /// The table of `columns` over a view; `columns` gives the same fields for an empty view.
    fn new(view: &Arc<View>, columns: fn(&View) -> Columns) -> Self {
        let view = Arc::clone(view);
        let schema = columns(&view.without_rows()).schema();
        Self { schema, build: Box::new(move || columns(&view).into_batch()) }
    }
}

impl fmt::Debug for LazyTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LazyTable").field("schema", &self.schema).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for LazyTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let batch = (self.build)()?;
        Ok(MemorySourceConfig::try_new_exec(&[vec![batch]], Arc::clone(&self.schema), projection.cloned())?)
    }
}

/// Named columns in the making.
#[derive(Default)]
struct Columns {
    fields: Vec<Field>,
    arrays: Vec<ArrayRef>,
}

impl Columns {
    fn array(mut self, field: Field, array: ArrayRef) -> Self {
        self.fields.push(field);
        self.arrays.push(array);
        self
    }

    fn ints(self, name: &str, values: impl Iterator<Item = i64>) -> Self {
        self.array(Field::new(name, DataType::Int64, false), Arc::new(Int64Array::from_iter_values(values)))
    }

    fn maybe_ints(self, name: &str, values: impl Iterator<Item = Option<i64>>) -> Self {
        self.array(Field::new(name, DataType::Int64, true), Arc::new(Int64Array::from_iter(values)))
    }

    fn floats(self, name: &str, values: impl Iterator<Item = Option<f64>>) -> Self {
        self.array(Field::new(name, DataType::Float64, true), Arc::new(Float64Array::from_iter(values)))
    }

    fn texts<'a>(self, name: &str, values: impl Iterator<Item = &'a str>) -> Self {
        self.array(Field::new(name, DataType::Utf8, false), Arc::new(StringArray::from_iter_values(values)))
    }

    fn maybe_texts(self, name: &str, values: impl Iterator<Item = Option<String>>) -> Self {
        self.array(Field::new(name, DataType::Utf8, true), Arc::new(StringArray::from_iter(values)))
    }

    fn times(self, name: &str, values: impl Iterator<Item = Option<Timestamp>>) -> Self {
        let micros = TimestampMicrosecondArray::from_iter(values.map(|time| time.map(Timestamp::as_micros)));
        self.array(Field::new(name, timestamp_type(), true), Arc::new(micros.with_timezone("UTC")))
    }

    /// `lon`, `lat` and `geom`.
    fn places(self, positions: &[Option<Position>]) -> Self {
        let lon: ArrayRef = Arc::new(Float64Array::from_iter(positions.iter().map(|place| place.map(|place| place.lon_deg))));
        let lat: ArrayRef = Arc::new(Float64Array::from_iter(positions.iter().map(|place| place.map(|place| place.lat_deg))));
        let geom = wkb_points(&lon, &lat);
        let coordinate = |name| Field::new(name, DataType::Float64, true);
        self.array(coordinate("lon"), lon).array(coordinate("lat"), lat).array(geometry_field("geom"), geom)
    }

    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.fields.clone()))
    }

    fn into_batch(self) -> std::result::Result<RecordBatch, ArrowError> {
        let schema = self.schema();
        RecordBatch::try_new(schema, self.arrays)
    }
}

/// The registry tables that every role may read, each with only what the role sees.
pub(crate) fn open_tables(view: &Arc<View>) -> Vec<(&'static str, LazyTable)> {
    vec![
        ("things", LazyTable::new(view, things)),
        ("locations", LazyTable::new(view, locations)),
        ("sensors", LazyTable::new(view, sensors)),
        ("observed_properties", LazyTable::new(view, observed_properties)),
        ("datastreams", LazyTable::new(view, datastreams)),
        ("features_of_interest", LazyTable::new(view, features_of_interest)),
        ("latest", LazyTable::new(view, latest)),
    ]
}

/// The tables with device identifiers, for operators only.
pub(crate) fn device_tables(view: &Arc<View>) -> Vec<(&'static str, LazyTable)> {
    vec![("devices", LazyTable::new(view, devices))]
}

fn things(view: &View) -> Columns {
    let rows: Vec<&Arc<Thing>> = view.things().collect();
    let positions: Vec<_> = rows.iter().map(|thing| view.registry().location_of(thing).map(|location| location.position)).collect();
    Columns::default()
        .ints("id", rows.iter().map(|thing| thing.id.as_i64()))
        .texts("name", rows.iter().map(|thing| thing.name.as_str()))
        .texts("description", rows.iter().map(|thing| thing.description.as_str()))
        .texts("kind", rows.iter().map(|thing| thing.kind.as_str()))
        .maybe_texts("properties", rows.iter().map(|thing| serde_json::to_string(&thing.properties).ok()))
        .texts("visibility", rows.iter().map(|thing| thing.visibility.as_str()))
        .maybe_ints("location_id", rows.iter().map(|thing| thing.location_id.map(stadtwarte_model::LocationId::as_i64)))
        .places(&positions)
}

fn locations(view: &View) -> Columns {
    let rows: Vec<_> = view.things().filter_map(|thing| Some((thing, view.registry().location_of(thing)?))).collect();
    let positions: Vec<_> = rows.iter().map(|(_, location)| Some(location.position)).collect();
    Columns::default()
        .ints("id", rows.iter().map(|(_, location)| location.id.as_i64()))
        .ints("thing_id", rows.iter().map(|(thing, _)| thing.id.as_i64()))
        .texts("name", rows.iter().map(|(_, location)| location.name.as_str()))
        .texts("description", rows.iter().map(|(_, location)| location.description.as_str()))
        .floats("height_m", rows.iter().map(|(_, location)| location.position.height_m))
        .places(&positions)
}

fn sensors(view: &View) -> Columns {
    // A model tells what a hidden device is: only those of visible datastreams are listed.
    let used: HashSet<_> = view.datastreams().map(|datastream| datastream.sensor_id).collect();
    let rows: Vec<_> = view.registry().sensors.values().filter(|sensor| used.contains(&sensor.id)).collect();
    Columns::default()
        .ints("id", rows.iter().map(|sensor| sensor.id.as_i64()))
        .texts("name", rows.iter().map(|sensor| sensor.name.as_str()))
        .texts("description", rows.iter().map(|sensor| sensor.description.as_str()))
        .texts("metadata", rows.iter().map(|sensor| sensor.metadata.as_str()))
}

fn observed_properties(view: &View) -> Columns {
    let used: HashSet<_> = view.datastreams().map(|datastream| datastream.observed_property_id).collect();
    let rows: Vec<_> = view.registry().observed_properties.values().filter(|property| used.contains(&property.id)).collect();
    Columns::default()
        .ints("id", rows.iter().map(|property| property.id.as_i64()))
        .texts("code", rows.iter().map(|property| property.code.as_str()))
        .texts("name", rows.iter().map(|property| property.name.as_str()))
        .texts("name_de", rows.iter().map(|property| property.name_de.as_str()))
        .texts("definition", rows.iter().map(|property| property.definition.as_str()))
        .texts("description", rows.iter().map(|property| property.description.as_str()))
}

fn datastreams(view: &View) -> Columns {
    let rows: Vec<&Arc<Datastream>> = view.datastreams().collect();
    let registry = view.registry();
    Columns::default()
        .ints("id", rows.iter().map(|row| row.id.as_i64()))
        .texts("name", rows.iter().map(|row| row.name.as_str()))
        .texts("description", rows.iter().map(|row| row.description.as_str()))
        .ints("thing_id", rows.iter().map(|row| row.thing_id.as_i64()))
        .texts("thing", rows.iter().map(|row| registry.things.get(&row.thing_id).map_or("", |thing| thing.name.as_str())))
        .ints("sensor_id", rows.iter().map(|row| row.sensor_id.as_i64()))
        .ints("observed_property_id", rows.iter().map(|row| row.observed_property_id.as_i64()))
        .texts("property", rows.iter().map(|row| view.property_code(row)))
        .maybe_texts("channel", rows.iter().map(|row| row.channel.clone()))
        .texts("unit", rows.iter().map(|row| row.unit.code()))
        .texts("visibility", rows.iter().map(|row| registry.visibility_of(row).as_str()))
}

fn features_of_interest(view: &View) -> Columns {
    // Nothing says yet which datastreams observe a feature, and so who may see it: those who see everything.
    let rows: Vec<_> = view.rows(view.registry().features_of_interest.values()).filter(|_| view.visible().is_everything()).collect();
    let positions: Vec<_> = rows.iter().map(|feature| feature.position).collect();
    Columns::default()
        .ints("id", rows.iter().map(|feature| feature.id.as_i64()))
        .texts("name", rows.iter().map(|feature| feature.name.as_str()))
        .texts("description", rows.iter().map(|feature| feature.description.as_str()))
        .places(&positions)
}

/// Columns as `readings`.
fn latest(view: &View) -> Columns {
    let rows: Vec<_> = view.datastreams().filter_map(|datastream| Some((datastream, view.latest_of(datastream)?))).collect();
    let positions: Vec<_> = rows.iter().map(|(_, row)| row.position).collect();
    let registry = view.registry();
    Columns::default()
        .times("time", rows.iter().map(|(_, row)| Some(row.phenomenon_time)))
        .texts("thing", rows.iter().map(|(stream, _)| registry.things.get(&stream.thing_id).map_or("", |thing| thing.name.as_str())))
        .texts("property", rows.iter().map(|(stream, _)| view.property_code(stream)))
        .maybe_texts("channel", rows.iter().map(|(stream, _)| stream.channel.clone()))
        .floats("value", rows.iter().map(|(_, row)| row.value.as_number()))
        .maybe_texts("text", rows.iter().map(|(_, row)| row.value.as_text().map(str::to_owned)))
        .texts("unit", rows.iter().map(|(stream, _)| stream.unit.code()))
        .maybe_texts("quality", rows.iter().map(|(_, row)| Some(row.quality.to_string())))
        .places(&positions)
        .ints("thing_id", rows.iter().map(|(stream, _)| stream.thing_id.as_i64()))
        .ints("datastream_id", rows.iter().map(|(stream, _)| stream.id.as_i64()))
        .times("received_at", rows.iter().map(|(_, row)| Some(row.received_at)))
}

fn devices(view: &View) -> Columns {
    let mut rows: Vec<_> = view.rows(view.registry().devices.values()).collect();
    rows.sort_by_key(|device| device.dev_eui);
    let activity: Vec<_> = rows.iter().map(|device| view.activity_of(device.dev_eui)).collect();
    Columns::default()
        .maybe_texts("dev_eui", rows.iter().map(|device| Some(device.dev_eui.to_string())))
        .texts("name", rows.iter().map(|device| device.name.as_str()))
        .ints("thing_id", rows.iter().map(|device| device.thing_id.as_i64()))
        .ints("sensor_id", rows.iter().map(|device| device.sensor_id.as_i64()))
        .texts("profile", rows.iter().map(|device| device.profile.as_str()))
        .texts("source", rows.iter().map(|device| device.source.as_str()))
        .times("first_seen", rows.iter().map(|device| Some(device.first_seen)))
        .times("last_seen", activity.iter().map(|activity| activity.map(|activity| activity.last_seen)))
        .maybe_ints("uplinks", activity.iter().map(|activity| activity.and_then(|activity| i64::try_from(activity.uplinks).ok())))
        .maybe_ints("f_cnt", activity.iter().map(|activity| activity.and_then(|activity| activity.f_cnt).map(i64::from)))
        .floats("rssi", activity.iter().map(|activity| activity.and_then(|activity| activity.rssi_dbm)))
        .floats("snr", activity.iter().map(|activity| activity.and_then(|activity| activity.snr_db)))
}
