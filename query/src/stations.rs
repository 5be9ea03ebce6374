//! A snapshot as one role sees it: what the doors that are not SQL read from.

use std::sync::Arc;

use stadtwarte_model::entity::{Datastream, ObservedProperty, Thing};
use stadtwarte_model::{DevEui, Observation, ObservationId, Position, Role, ThingId};
use stadtwarte_store::{DeviceActivity, RegistryState, Snapshot};

use crate::access::Visible;

/// A consistent snapshot behind the access policy. Cheap to take and to clone.
#[derive(Debug, Clone)]
pub struct View {
    snapshot: Snapshot,
    visible: Visible,
    rows: bool,
}

/// A Thing with its place and its visible datastreams.
#[derive(Debug, Clone)]
pub struct Station<'a> {
    /// The Thing.
    pub thing: &'a Thing,
    /// Where it is: its newest reported position if it moves, else its location.
    pub position: Option<Position>,
    /// Its datastreams; never empty.
    pub datastreams: Vec<StationDatastream<'a>>,
}

/// A datastream with its property and newest observation.
#[derive(Debug, Clone, Copy)]
pub struct StationDatastream<'a> {
    /// The datastream.
    pub datastream: &'a Datastream,
    /// Its property.
    pub property: &'a ObservedProperty,
    /// Its newest observation by phenomenon time.
    pub latest: Option<&'a Observation>,
}

impl View {
    pub(crate) fn new(snapshot: Snapshot, role: Role) -> Self {
        let visible = Visible::to(role, &snapshot.registry);
        Self { snapshot, visible, rows: true }
    }

    /// The same view showing nothing: what a table's columns are asked of.
    pub(crate) fn without_rows(&self) -> Self {
        Self { rows: false, ..self.clone() }
    }

    /// The same view without stored rows, for whoever keeps it for long: they would pin what has long been replaced.
    #[must_use]
    pub fn without_tables(mut self) -> Self {
        self.snapshot.clear_tables();
        self
    }

    pub(crate) fn rows<T>(&self, all: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
        all.take_while(|_| self.rows)
    }

    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    pub(crate) fn visible(&self) -> &Visible {
        &self.visible
    }

    pub(crate) fn registry(&self) -> &RegistryState {
        &self.snapshot.registry
    }

    /// The position in the stream of observations that this view reaches to: a follower continues after it.
    #[must_use]
    pub fn position(&self) -> ObservationId {
        self.snapshot.stream_position()
    }

    /// Two views of the same role and process with equal versions show the same: registry, imports, position in the stream.
    #[must_use]
    pub fn version(&self) -> (u64, u64, ObservationId) {
        (self.registry().version, self.snapshot.imports, self.position())
    }

    /// The visible datastreams, by identifier.
    pub fn datastreams(&self) -> impl Iterator<Item = &Arc<Datastream>> {
        self.rows(self.visible.filter(self.snapshot.registry.datastreams.values()))
    }

    /// The Things that have a visible datastream, by identifier.
    pub fn things(&self) -> impl Iterator<Item = &Arc<Thing>> {
        self.rows(self.registry().things.values()).filter(|thing| self.visible_datastreams_of(thing.id).next().is_some())
    }

    fn visible_datastreams_of(&self, thing: ThingId) -> impl Iterator<Item = &Arc<Datastream>> {
        self.visible.filter(self.snapshot.registry.datastreams_of(thing))
    }

    pub(crate) fn property_code(&self, datastream: &Datastream) -> &str {
        self.registry().observed_properties.get(&datastream.observed_property_id).map_or("", |property| property.code.as_str())
    }

    pub(crate) fn latest_of(&self, datastream: &Datastream) -> Option<&Observation> {
        self.snapshot.latest.get(&datastream.id).map(Arc::as_ref)
    }

    pub(crate) fn activity_of(&self, dev_eui: DevEui) -> Option<&DeviceActivity> {
        self.snapshot.activity.get(&dev_eui)
    }

    /// All visible stations, by identifier of their Thing.
    pub fn stations(&self) -> impl Iterator<Item = Station<'_>> {
        self.registry().things.values().filter_map(|thing| self.station_of(thing))
    }

    /// One visible station. Hidden and missing are the same answer.
    #[must_use]
    pub fn station(&self, id: ThingId) -> Option<Station<'_>> {
        self.registry().things.get(&id).and_then(|thing| self.station_of(thing))
    }

    fn station_of<'a>(&'a self, thing: &'a Arc<Thing>) -> Option<Station<'a>> {
        let datastreams: Vec<_> = self.visible_datastreams_of(thing.id).filter_map(|datastream| self.with_latest(datastream)).collect();
        if datastreams.is_empty() {
            return None;
        }
        let placed = datastreams.iter().filter_map(|stream| stream.latest).filter(|latest| latest.position.is_some());
        let newest = placed.max_by_key(|latest| (latest.phenomenon_time, latest.id));
        let fixed = || self.registry().location_of(thing).map(|location| location.position);
        let position = newest.and_then(|latest| latest.position).or_else(fixed);
        Some(Station { thing, position, datastreams })
    }

    fn with_latest<'a>(&'a self, datastream: &'a Datastream) -> Option<StationDatastream<'a>> {
        let property = self.registry().observed_properties.get(&datastream.observed_property_id)?;
        Some(StationDatastream { datastream, property, latest: self.latest_of(datastream) })
    }

    /// The properties that visible datastreams observe, each with how many stations have it and the datastreams.
    #[must_use]
    pub fn properties(&self) -> Vec<(&ObservedProperty, Vec<&Datastream>)> {
        let mut by_property = std::collections::BTreeMap::<_, Vec<&Datastream>>::new();
        for datastream in self.datastreams() {
            by_property.entry(datastream.observed_property_id).or_default().push(datastream);
        }
        let known = &self.registry().observed_properties;
        by_property.into_iter().filter_map(|(id, streams)| Some((known.get(&id)?.as_ref(), streams))).collect()
    }
}
