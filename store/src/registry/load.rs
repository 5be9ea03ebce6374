//! Reading the whole registry into memory at start.

use std::sync::Arc;

use rusqlite::{Connection, Row};
use stadtwarte_model::entity::{Datastream, Device, FeatureOfInterest, Location, ObservedProperty, Sensor, Thing};
use stadtwarte_model::{DatastreamId, FeatureOfInterestId, LocationId, ObservedPropertyId, Position, SensorId, ThingId, Timestamp};

use super::state::{ApiKey, RegistryState};
use crate::error::Error;

type Loaded<T> = Result<T, Error>;

pub(super) fn load(connection: &Connection) -> Loaded<RegistryState> {
    let mut state = RegistryState::default();
    each(connection, "SELECT id, name, description, lon, lat, height_m FROM locations", |row| {
        let location = location(row)?;
        state.locations.insert(location.id, Arc::new(location));
        Ok(())
    })?;
    each(connection, "SELECT id, name, description, kind, visibility, properties, location_id FROM things", |row| {
        let thing = thing(row)?;
        state.things.insert(thing.id, Arc::new(thing));
        Ok(())
    })?;
    each(connection, "SELECT id, name, description, metadata FROM sensors", |row| {
        let sensor = Sensor { id: id(row, SensorId::try_new)?, name: row.get(1)?, description: row.get(2)?, metadata: row.get(3)? };
        state.sensor_by_name.insert(sensor.name.clone(), sensor.id);
        state.sensors.insert(sensor.id, Arc::new(sensor));
        Ok(())
    })?;
    each(connection, "SELECT id, code, name, name_de, definition, description FROM observed_properties", |row| {
        let property = property(row)?;
        state.property_by_code.insert(property.code.clone(), property.id);
        state.observed_properties.insert(property.id, Arc::new(property));
        Ok(())
    })?;
    let datastreams = "SELECT id, name, description, thing_id, sensor_id, observed_property_id, channel, unit, visibility \
                       FROM datastreams ORDER BY id";
    each(connection, datastreams, |row| {
        state.index_datastream(&Arc::new(datastream(row)?));
        Ok(())
    })?;
    each(connection, "SELECT id, name, description, lon, lat, height_m FROM features_of_interest", |row| {
        let feature = feature(row)?;
        state.features_of_interest.insert(feature.id, Arc::new(feature));
        Ok(())
    })?;
    each(connection, "SELECT dev_eui, name, thing_id, sensor_id, profile, source, first_seen FROM devices", |row| {
        let device = device(row)?;
        state.devices.insert(device.dev_eui, Arc::new(device));
        Ok(())
    })?;
    each(connection, "SELECT id, name, role, secret_hash, created_at FROM api_keys", |row| {
        let key = api_key(row)?;
        state.api_keys.insert(key.id.clone(), Arc::new(key));
        Ok(())
    })?;
    Ok(state)
}

fn each(connection: &Connection, sql: &str, mut take: impl FnMut(&Row<'_>) -> Loaded<()>) -> Loaded<()> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        take(row)?;
    }
    Ok(())
}

fn id<T>(row: &Row<'_>, try_new: impl Fn(i64) -> Option<T>) -> Loaded<T> {
    id_at(row, 0, try_new)
}

fn id_at<T>(row: &Row<'_>, column: usize, try_new: impl Fn(i64) -> Option<T>) -> Loaded<T> {
    let number: i64 = row.get(column)?;
    try_new(number).ok_or_else(|| Error::InvalidEntity(format!("identifier {number} is out of range")))
}

fn parsed<T: std::str::FromStr>(row: &Row<'_>, column: usize) -> Loaded<T>
where
    T::Err: std::fmt::Display,
{
    row.get::<_, String>(column)?.parse().map_err(|error: T::Err| Error::InvalidEntity(error.to_string()))
}

fn position(row: &Row<'_>, first_column: usize) -> Loaded<Option<Position>> {
    let (lon, lat): (Option<f64>, Option<f64>) = (row.get(first_column)?, row.get(first_column + 1)?);
    let height_m = row.get(first_column + 2)?;
    Ok(lon.zip(lat).and_then(|(lon, lat)| Position::try_new(lon, lat, height_m)))
}

fn location(row: &Row<'_>) -> Loaded<Location> {
    let id = id(row, LocationId::try_new)?;
    let position = position(row, 3)?.ok_or_else(|| Error::InvalidEntity(format!("location {id} is no place")))?;
    Ok(Location { id, name: row.get(1)?, description: row.get(2)?, position })
}

fn thing(row: &Row<'_>) -> Loaded<Thing> {
    let id = id(row, ThingId::try_new)?;
    let properties: String = row.get(5)?;
    let properties =
        serde_json::from_str(&properties).map_err(|error| Error::InvalidEntity(format!("properties of thing {id}: {error}")))?;
    let location_id: Option<i64> = row.get(6)?;
    Ok(Thing {
        id,
        name: row.get(1)?,
        description: row.get(2)?,
        kind: row.get(3)?,
        visibility: parsed(row, 4)?,
        properties,
        location_id: location_id.and_then(LocationId::try_new),
    })
}

fn property(row: &Row<'_>) -> Loaded<ObservedProperty> {
    Ok(ObservedProperty {
        id: id(row, ObservedPropertyId::try_new)?,
        code: row.get(1)?,
        name: row.get(2)?,
        name_de: row.get(3)?,
        definition: row.get(4)?,
        description: row.get(5)?,
    })
}

fn datastream(row: &Row<'_>) -> Loaded<Datastream> {
    Ok(Datastream {
        id: id(row, DatastreamId::try_new)?,
        name: row.get(1)?,
        description: row.get(2)?,
        thing_id: id_at(row, 3, ThingId::try_new)?,
        sensor_id: id_at(row, 4, SensorId::try_new)?,
        observed_property_id: id_at(row, 5, ObservedPropertyId::try_new)?,
        channel: row.get(6)?,
        unit: parsed(row, 7)?,
        visibility: parsed(row, 8)?,
    })
}

fn feature(row: &Row<'_>) -> Loaded<FeatureOfInterest> {
    Ok(FeatureOfInterest {
        id: id(row, FeatureOfInterestId::try_new)?,
        name: row.get(1)?,
        description: row.get(2)?,
        position: position(row, 3)?,
    })
}

fn device(row: &Row<'_>) -> Loaded<Device> {
    Ok(Device {
        dev_eui: parsed(row, 0)?,
        name: row.get(1)?,
        thing_id: id_at(row, 2, ThingId::try_new)?,
        sensor_id: id_at(row, 3, SensorId::try_new)?,
        profile: row.get(4)?,
        source: row.get(5)?,
        first_seen: Timestamp::from_micros(row.get(6)?),
    })
}

fn api_key(row: &Row<'_>) -> Loaded<ApiKey> {
    Ok(ApiKey {
        id: row.get(0)?,
        name: row.get(1)?,
        role: parsed(row, 2)?,
        secret_hash: row.get(3)?,
        created_at: Timestamp::from_micros(row.get(4)?),
    })
}
