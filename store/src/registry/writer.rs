//! Changes to the registry, each made in the database and in the state that will replace the present one.

use std::sync::Arc;

use rusqlite::{Transaction, params};
use serde_json::{Map, Value};
use stadtwarte_model::entity::{Datastream, Device, Location, ObservedProperty, Sensor, Thing};
use stadtwarte_model::{
    DatastreamId, DevEui, LocationId, ObservedPropertyId, Position, Role, SensorId, ThingId, Timestamp, Unit, Visibility,
};

use super::state::{ApiKey, DatastreamKey, RegistryState};
use crate::error::Error;

/// A Thing to be registered.
#[derive(Debug, Clone)]
pub struct NewThing {
    /// Its name; when `None`, its kind and number.
    pub name: Option<String>,
    /// What it is.
    pub description: String,
    /// Its category.
    pub kind: String,
    /// Who may see it.
    pub visibility: Visibility,
    /// Further facts, safe to publish.
    pub properties: Map<String, Value>,
    /// Where it is.
    pub position: Option<Position>,
}

/// An observed property to be registered.
#[derive(Debug, Clone, Default)]
pub struct NewProperty {
    /// The short name used in SQL and URLs.
    pub code: String,
    /// English name.
    pub name: String,
    /// German name.
    pub name_de: String,
    /// URI that defines it; may be empty.
    pub definition: String,
    /// What it is.
    pub description: String,
}

/// A datastream to be registered.
#[derive(Debug, Clone)]
pub struct NewDatastream {
    /// What makes it the same datastream.
    pub key: DatastreamKey,
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Who may see it.
    pub visibility: Visibility,
}

/// A device to be registered.
#[derive(Debug, Clone)]
pub struct NewDevice {
    /// Its identifier.
    pub dev_eui: DevEui,
    /// Its name on the network server.
    pub name: String,
    /// The Thing it serves.
    pub thing_id: ThingId,
    /// Its model.
    pub sensor_id: SensorId,
    /// The profile that normalises its uplinks.
    pub profile: String,
    /// Where it was first heard.
    pub source: String,
    /// When it was first heard.
    pub first_seen: Timestamp,
}

/// One open change of the registry.
pub struct RegistryWriter<'a> {
    transaction: &'a Transaction<'a>,
    state: &'a mut RegistryState,
}

impl<'a> RegistryWriter<'a> {
    pub(super) fn new(transaction: &'a Transaction<'a>, state: &'a mut RegistryState) -> Self {
        Self { transaction, state }
    }

    /// The registry as this change has made it so far.
    #[must_use]
    pub fn state(&self) -> &RegistryState {
        self.state
    }

    /// Registers a Thing, with its location.
    ///
    /// # Errors
    /// `Registry` when the database fails; `InvalidEntity` when the identifiers are used up.
    pub fn add_thing(&mut self, new: NewThing, since: Timestamp) -> Result<ThingId, Error> {
        let id = next_id(self.state.things.get_max().map(|(id, _)| id.as_i64()), ThingId::try_new)?;
        let name = new.name.unwrap_or_else(|| format!("{} {id}", new.kind));
        let location_id = new.position.map(|position| self.add_location(&name, position)).transpose()?;
        let thing = Thing {
            id,
            name,
            description: new.description,
            kind: new.kind,
            visibility: new.visibility,
            properties: new.properties,
            location_id,
        };
        let properties = Value::Object(thing.properties.clone()).to_string();
        self.execute(
            "INSERT INTO things (id, name, description, kind, visibility, properties, location_id) VALUES (?, ?, ?, ?, ?, ?, ?)",
            params![
                id.as_i64(),
                thing.name,
                thing.description,
                thing.kind,
                thing.visibility.as_str(),
                properties,
                location_id.map(LocationId::as_i64)
            ],
        )?;
        if let Some(location_id) = location_id {
            self.note_location(id, location_id, since)?;
        }
        self.state.things.insert(id, Arc::new(thing));
        Ok(id)
    }

    /// Moves a Thing. Its former places stay on record, and so do the positions of its observations.
    ///
    /// # Errors
    /// `InvalidEntity` when there is no such Thing; `Registry` when the database fails.
    pub fn move_thing(&mut self, id: ThingId, position: Position, since: Timestamp) -> Result<(), Error> {
        let known = self.state.things.get(&id).cloned();
        let mut thing = known.as_deref().cloned().ok_or_else(|| Error::InvalidEntity(format!("there is no thing {id}")))?;
        let location_id = self.add_location(&thing.name, position)?;
        self.execute("UPDATE things SET location_id = ? WHERE id = ?", params![location_id.as_i64(), id.as_i64()])?;
        self.note_location(id, location_id, since)?;
        thing.location_id = Some(location_id);
        self.state.things.insert(id, Arc::new(thing));
        Ok(())
    }

    fn add_location(&mut self, name: &str, position: Position) -> Result<LocationId, Error> {
        let id = next_id(self.state.locations.get_max().map(|(id, _)| id.as_i64()), LocationId::try_new)?;
        let location = Location { id, name: name.to_owned(), description: String::new(), position };
        self.execute(
            "INSERT INTO locations (id, name, description, lon, lat, height_m) VALUES (?, ?, ?, ?, ?, ?)",
            params![id.as_i64(), location.name, location.description, position.lon_deg, position.lat_deg, position.height_m],
        )?;
        self.state.locations.insert(id, Arc::new(location));
        Ok(id)
    }

    fn note_location(&mut self, thing_id: ThingId, location_id: LocationId, since: Timestamp) -> Result<(), Error> {
        self.execute(
            "INSERT INTO historical_locations (thing_id, location_id, since) VALUES (?, ?, ?)",
            params![thing_id.as_i64(), location_id.as_i64(), since.as_micros()],
        )
    }

    /// The sensor called `name`, registered now if it was not.
    ///
    /// # Errors
    /// `Registry` when the database fails; `InvalidEntity` when the identifiers are used up.
    pub fn ensure_sensor(&mut self, name: &str, description: &str) -> Result<SensorId, Error> {
        if let Some(sensor) = self.state.sensor(name) {
            return Ok(sensor.id);
        }
        let id = next_id(self.state.sensors.get_max().map(|(id, _)| id.as_i64()), SensorId::try_new)?;
        let sensor = Sensor { id, name: name.to_owned(), description: description.to_owned(), metadata: String::new() };
        self.execute(
            "INSERT INTO sensors (id, name, description, metadata) VALUES (?, ?, ?, ?)",
            params![id.as_i64(), sensor.name, sensor.description, sensor.metadata],
        )?;
        self.state.sensor_by_name.insert(sensor.name.clone(), id);
        self.state.sensors.insert(id, Arc::new(sensor));
        Ok(id)
    }

    /// The observed property with this code, registered now if it was not.
    ///
    /// # Errors
    /// `Registry` when the database fails; `InvalidEntity` when the identifiers are used up.
    pub fn ensure_property(&mut self, new: &NewProperty) -> Result<ObservedPropertyId, Error> {
        if let Some(property) = self.state.property(&new.code) {
            return Ok(property.id);
        }
        let id = next_id(self.state.observed_properties.get_max().map(|(id, _)| id.as_i64()), ObservedPropertyId::try_new)?;
        let property = ObservedProperty {
            id,
            code: new.code.clone(),
            name: new.name.clone(),
            name_de: new.name_de.clone(),
            definition: new.definition.clone(),
            description: new.description.clone(),
        };
        self.execute(
            "INSERT INTO observed_properties (id, code, name, name_de, definition, description) VALUES (?, ?, ?, ?, ?, ?)",
            params![id.as_i64(), property.code, property.name, property.name_de, property.definition, property.description],
        )?;
        self.state.property_by_code.insert(property.code.clone(), id);
        self.state.observed_properties.insert(id, Arc::new(property));
        Ok(id)
    }

    /// The datastream with this key, registered now if it was not.
    ///
    /// # Errors
    /// `Registry` when the database fails; `InvalidEntity` when the identifiers are used up.
    pub fn ensure_datastream(&mut self, new: NewDatastream) -> Result<DatastreamId, Error> {
        if let Some(id) = self.state.datastream(&new.key) {
            return Ok(id);
        }
        let id = next_id(self.state.datastreams.get_max().map(|(id, _)| id.as_i64()), DatastreamId::try_new)?;
        let DatastreamKey { thing_id, sensor_id, observed_property_id, unit, channel } = new.key;
        self.execute(
            "INSERT INTO datastreams (id, name, description, thing_id, sensor_id, observed_property_id, channel, unit, visibility) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                id.as_i64(),
                new.name,
                new.description,
                thing_id.as_i64(),
                sensor_id.as_i64(),
                observed_property_id.as_i64(),
                channel,
                Unit::code(&unit),
                new.visibility.as_str()
            ],
        )?;
        let datastream = Datastream {
            id,
            name: new.name,
            description: new.description,
            thing_id,
            sensor_id,
            observed_property_id,
            channel,
            unit,
            visibility: new.visibility,
        };
        self.state.index_datastream(&Arc::new(datastream));
        Ok(id)
    }

    /// Registers a device.
    ///
    /// # Errors
    /// `Registry` when the database fails, also when the device is already registered.
    pub fn add_device(&mut self, new: NewDevice) -> Result<(), Error> {
        self.execute(
            "INSERT INTO devices (dev_eui, name, thing_id, sensor_id, profile, source, first_seen) VALUES (?, ?, ?, ?, ?, ?, ?)",
            params![
                new.dev_eui.to_string(),
                new.name,
                new.thing_id.as_i64(),
                new.sensor_id.as_i64(),
                new.profile,
                new.source,
                new.first_seen.as_micros()
            ],
        )?;
        let device = Device {
            dev_eui: new.dev_eui,
            name: new.name,
            thing_id: new.thing_id,
            sensor_id: new.sensor_id,
            profile: new.profile,
            source: new.source,
            first_seen: new.first_seen,
        };
        self.state.devices.insert(device.dev_eui, Arc::new(device));
        Ok(())
    }

    /// Makes an API key and returns it whole: the only time its secret can be seen.
    ///
    /// # Errors
    /// `Registry` when the database fails.
    pub fn create_key(&mut self, name: &str, role: Role, created_at: Timestamp) -> Result<String, Error> {
        // Version 4 UUIDs come from the operating system's random source: 122 bits for the secret.
        let id = uuid::Uuid::new_v4().simple().to_string()[..12].to_owned();
        let secret = uuid::Uuid::new_v4().simple().to_string();
        let secret_hash = blake3::hash(secret.as_bytes()).to_hex().to_string();
        self.execute(
            "INSERT INTO api_keys (id, name, role, secret_hash, created_at) VALUES (?, ?, ?, ?, ?)",
            params![id, name, role.as_str(), secret_hash, created_at.as_micros()],
        )?;
        let printed = format!("{}{id}_{secret}", super::KEY_PREFIX);
        let key = ApiKey { id: id.clone(), name: name.to_owned(), role, secret_hash, created_at };
        self.state.api_keys.insert(id, Arc::new(key));
        Ok(printed)
    }

    fn execute(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<(), Error> {
        self.transaction.prepare_cached(sql)?.execute(parameters)?;
        Ok(())
    }
}

fn next_id<T>(greatest: Option<i64>, try_new: impl Fn(i64) -> Option<T>) -> Result<T, Error> {
    let next = greatest.unwrap_or(0) + 1;
    try_new(next).ok_or_else(|| Error::InvalidEntity(format!("no identifiers are left after {next}")))
}
