//! The registry in memory: what every uplink and every query looks things up in.

use std::sync::Arc;

use imbl::{HashMap, OrdMap};
use stadtwarte_model::entity::{Datastream, Device, FeatureOfInterest, Location, ObservedProperty, Sensor, Thing};
use stadtwarte_model::{
    DatastreamId, DevEui, FeatureOfInterestId, LocationId, ObservedPropertyId, Role, SensorId, ThingId, Timestamp, Unit, Visibility,
};

/// What makes a datastream the same datastream. A change of any part begins a new one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DatastreamKey {
    /// The Thing observed.
    pub thing_id: ThingId,
    /// The Sensor that observes.
    pub sensor_id: SensorId,
    /// The property observed.
    pub observed_property_id: ObservedPropertyId,
    /// The unit of its results.
    pub unit: Unit,
    /// Tells apart several of the same property.
    pub channel: Option<String>,
}

impl DatastreamKey {
    /// The key of a datastream.
    #[must_use]
    pub fn of(datastream: &Datastream) -> Self {
        Self {
            thing_id: datastream.thing_id,
            sensor_id: datastream.sensor_id,
            observed_property_id: datastream.observed_property_id,
            unit: datastream.unit.clone(),
            channel: datastream.channel.clone(),
        }
    }
}

/// A key that opens doors. The secret itself is stored nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The public part, by which it is found.
    pub id: String,
    /// Who it was made for.
    pub name: String,
    /// What it opens.
    pub role: Role,
    /// BLAKE3 of the secret part, hexadecimal.
    pub secret_hash: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// All registered entities at one moment. Cloning it is cheap: clones share what did not change.
#[derive(Debug, Clone, Default)]
pub struct RegistryState {
    /// Grows by one with every change.
    pub version: u64,
    /// Things by id.
    pub things: OrdMap<ThingId, Arc<Thing>>,
    /// Locations by id.
    pub locations: OrdMap<LocationId, Arc<Location>>,
    /// Sensors by id.
    pub sensors: OrdMap<SensorId, Arc<Sensor>>,
    /// Observed properties by id.
    pub observed_properties: OrdMap<ObservedPropertyId, Arc<ObservedProperty>>,
    /// Datastreams by id.
    pub datastreams: OrdMap<DatastreamId, Arc<Datastream>>,
    /// Features of interest by id.
    pub features_of_interest: OrdMap<FeatureOfInterestId, Arc<FeatureOfInterest>>,
    /// Devices by identifier.
    pub devices: HashMap<DevEui, Arc<Device>>,
    /// API keys by their public part.
    pub api_keys: HashMap<String, Arc<ApiKey>>,
    pub(super) property_by_code: HashMap<String, ObservedPropertyId>,
    pub(super) sensor_by_name: HashMap<String, SensorId>,
    pub(super) datastream_by_key: HashMap<DatastreamKey, DatastreamId>,
    pub(super) datastreams_of_thing: OrdMap<ThingId, imbl::Vector<DatastreamId>>,
}

impl RegistryState {
    /// The observed property called `code`.
    #[must_use]
    pub fn property(&self, code: &str) -> Option<&Arc<ObservedProperty>> {
        self.property_by_code.get(code).and_then(|id| self.observed_properties.get(id))
    }

    /// The sensor called `name`.
    #[must_use]
    pub fn sensor(&self, name: &str) -> Option<&Arc<Sensor>> {
        self.sensor_by_name.get(name).and_then(|id| self.sensors.get(id))
    }

    /// The datastream with exactly this key.
    #[must_use]
    pub fn datastream(&self, key: &DatastreamKey) -> Option<DatastreamId> {
        self.datastream_by_key.get(key).copied()
    }

    /// The datastreams of a Thing, oldest first.
    pub fn datastreams_of(&self, thing_id: ThingId) -> impl Iterator<Item = &Arc<Datastream>> {
        self.datastreams_of_thing.get(&thing_id).into_iter().flatten().filter_map(|id| self.datastreams.get(id))
    }

    /// Where a Thing is.
    #[must_use]
    pub fn location_of(&self, thing: &Thing) -> Option<&Arc<Location>> {
        thing.location_id.and_then(|id| self.locations.get(&id))
    }

    /// The class a datastream is shown by: the stricter of its own and its Thing's.
    #[must_use]
    pub fn visibility_of(&self, datastream: &Datastream) -> Visibility {
        let of_thing = self.things.get(&datastream.thing_id).map_or(Visibility::Personal, |thing| thing.visibility);
        datastream.visibility.stricter(of_thing)
    }

    /// The role that `presented` opens: the whole key as it was printed when it was made. `None` when it is not a valid key.
    #[must_use]
    pub fn role_of_key(&self, presented: &str) -> Option<Role> {
        self.key(presented).map(|key| key.role)
    }

    /// The key that `presented` is, under the same condition.
    #[must_use]
    pub fn key(&self, presented: &str) -> Option<&ApiKey> {
        let (id, secret) = presented.strip_prefix(super::KEY_PREFIX)?.split_once('_')?;
        let key = self.api_keys.get(id)?;
        // `blake3::Hash` compares in constant time.
        let known = blake3::Hash::from_hex(&key.secret_hash).ok()?;
        (blake3::hash(secret.as_bytes()) == known).then_some(key)
    }

    pub(super) fn index_datastream(&mut self, datastream: &Arc<Datastream>) {
        self.datastream_by_key.insert(DatastreamKey::of(datastream), datastream.id);
        self.datastreams_of_thing.entry(datastream.thing_id).or_default().push_back(datastream.id);
        self.datastreams.insert(datastream.id, Arc::clone(datastream));
    }
}
