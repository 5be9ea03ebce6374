//! Registering what is heard for the first time: Things, Sensors, properties, Datastreams, devices.
//!
//! Everything a batch of messages is missing is registered in one transaction, before any record refers to it.

use std::sync::Arc;

use serde_json::{Map, Value};
use stadtwarte_model::entity::Device;
use stadtwarte_model::uplink::DeviceDescription;
use stadtwarte_model::{DevEui, Position, Reading, Timestamp, Visibility};
use stadtwarte_store::{DatastreamKey, Error, NewDatastream, NewDevice, NewProperty, NewThing, RegistryState, RegistryWriter};

use crate::normalise::{Catalogue, Profile, ThingKind};

/// Tags of the network server that are facts about the place and may be published.
const PUBLIC_TAGS: [&str; 10] = ["site", "district", "street", "address", "place", "area", "quarter", "stadtteil", "strasse", "ort"];

/// Longest name, model or tag that is registered, in characters.
const MAX_TEXT_CHARS: usize = 200;

/// One device as a message describes it, with what was read from the message.
#[derive(Debug, Clone)]
pub(crate) struct Sighting {
    pub description: DeviceDescription,
    pub profile: String,
    pub source: Arc<str>,
    pub readings: Vec<Reading>,
    pub received_at: Timestamp,
}

/// How much is registered without anybody asking for it: whoever may publish can make up names without end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Devices in all.
    pub devices: usize,
    /// Datastreams of one device.
    pub datastreams_of_device: usize,
    /// Datastreams in all.
    pub datastreams: usize,
}

impl Bounds {
    fn has_room_for_device(self, registry: &RegistryState) -> bool {
        registry.devices.len() < self.devices
    }

    fn has_room_for_datastream(self, registry: &RegistryState, device: &Device) -> bool {
        let most = self.datastreams_of_device;
        registry.datastreams.len() < self.datastreams && registry.datastreams_of(device.thing_id).take(most).count() < most
    }
}

/// Whether the registry lacks, and has room for, anything that readings of this device need.
pub(crate) fn is_incomplete(registry: &RegistryState, bounds: Bounds, description: &DeviceDescription, readings: &[Reading]) -> bool {
    let Some(device) = registry.devices.get(&description.dev_eui) else { return bounds.has_room_for_device(registry) };
    (description.position.is_some() && place_of(registry, device).is_none())
        || (readings.iter().any(|reading| datastream_of(registry, device, reading).is_none())
            && bounds.has_room_for_datastream(registry, device))
}

/// Whether the network server that the device was registered from has it elsewhere now.
pub(crate) fn has_moved(registry: &RegistryState, description: &DeviceDescription, source: &str) -> bool {
    // About a decimetre: coordinates go through texts.
    const TOLERANCE_DEG: f64 = 1e-6;
    let Some(device) = registry.devices.get(&description.dev_eui).filter(|device| device.source == source) else { return false };
    place_of(registry, device).zip(description.position).is_some_and(|(known, stated)| {
        (known.lon_deg - stated.lon_deg).abs() > TOLERANCE_DEG || (known.lat_deg - stated.lat_deg).abs() > TOLERANCE_DEG
    })
}

/// Where the device is registered.
pub(crate) fn place_of(registry: &RegistryState, device: &Device) -> Option<Position> {
    let thing = registry.things.get(&device.thing_id)?;
    registry.location_of(thing).map(|location| location.position)
}

/// The datastream that a reading of a device belongs to, if it is registered.
pub(crate) fn datastream_of(registry: &RegistryState, device: &Device, reading: &Reading) -> Option<stadtwarte_model::DatastreamId> {
    let property = registry.property(&reading.property)?;
    registry.datastream(&DatastreamKey {
        thing_id: device.thing_id,
        sensor_id: device.sensor_id,
        observed_property_id: property.id,
        unit: reading.unit.clone(),
        channel: reading.channel.clone(),
    })
}

/// Registers what is missing for one sighting.
///
/// # Errors
/// When the database fails or identifiers are used up.
pub(crate) fn register(
    registry: &mut RegistryWriter<'_>,
    catalogue: &Catalogue,
    class: Visibility,
    bounds: Bounds,
    sighting: &Sighting,
) -> Result<(), Error> {
    let description = &sighting.description;
    let device = match registry.state().devices.get(&description.dev_eui) {
        Some(device) => Arc::clone(device),
        None if bounds.has_room_for_device(registry.state()) => register_device(registry, catalogue, class, sighting)?,
        None => return Ok(()),
    };
    let state = registry.state();
    let is_elsewhere = place_of(state, &device).is_none() || has_moved(state, description, &sighting.source);
    if let Some(position) = description.position.filter(|_| is_elsewhere) {
        registry.move_thing(device.thing_id, position, sighting.received_at)?;
    }
    for reading in &sighting.readings {
        if datastream_of(registry.state(), &device, reading).is_none() && bounds.has_room_for_datastream(registry.state(), &device) {
            register_datastream(registry, catalogue, &device, reading)?;
        }
    }
    Ok(())
}

fn register_device(
    registry: &mut RegistryWriter<'_>,
    catalogue: &Catalogue,
    class: Visibility,
    sighting: &Sighting,
) -> Result<Arc<Device>, Error> {
    let profile = catalogue.profile(&sighting.profile).unwrap_or_else(|| catalogue.default_profile());
    let description = &sighting.description;
    let thing_id = registry.add_thing(thing_of(catalogue, profile, class, sighting), sighting.received_at)?;
    let model = description.profile.clone().unwrap_or_else(|| profile.name.clone());
    let sensor_id =
        registry.ensure_sensor(&publishable(&model, description.dev_eui).unwrap_or_else(|| profile.name.clone()), &profile.datasheet)?;
    registry.add_device(NewDevice {
        dev_eui: description.dev_eui,
        name: description.name.as_deref().and_then(tidy).unwrap_or_else(|| description.dev_eui.to_string()),
        thing_id,
        sensor_id,
        profile: profile.name.clone(),
        source: sighting.source.to_string(),
        first_seen: sighting.received_at,
    })?;
    let missing = || Error::InvalidEntity(format!("device {} vanished while it was registered", description.dev_eui));
    registry.state().devices.get(&description.dev_eui).cloned().ok_or_else(missing)
}

fn thing_of(catalogue: &Catalogue, profile: &Profile, class: Visibility, sighting: &Sighting) -> NewThing {
    let description = &sighting.description;
    let tag = |name: &str| description.tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
    let hint = catalogue.thing_hint(profile, &sighting.readings);
    let kind = tag("kind").and_then(|kind| kind.parse::<ThingKind>().ok()).unwrap_or(hint.kind);
    let wanted = tag("visibility").and_then(|class| class.parse().ok()).unwrap_or(class);
    let public_tags = PUBLIC_TAGS.iter().filter_map(|name| {
        let value = publishable(tag(name)?, description.dev_eui)?;
        Some(((*name).to_owned(), Value::String(value)))
    });
    NewThing {
        name: description.name.as_deref().and_then(|name| publishable(name, description.dev_eui)).or_else(|| untitled(profile)),
        description: profile.title.clone(),
        kind: kind.as_str().to_owned(),
        visibility: wanted.stricter(class).stricter(hint.visibility),
        properties: public_tags.collect::<Map<_, _>>(),
        position: description.position,
    }
}

fn untitled(profile: &Profile) -> Option<String> {
    (!profile.title_de.is_empty()).then(|| profile.title_de.clone())
}

/// A text that may be published: `None` when it contains the device identifier in any spelling. Network servers name devices
/// `eui-24e124...` by default, and device identifiers never leave through a public door.
fn publishable(text: &str, dev_eui: DevEui) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_ascii_lowercase();
    let identifier = dev_eui.to_string();
    // The last eight digits alone single a device out among those of one maker. Asked of the whole text: a part can give it away, too.
    if digits.contains(&identifier[8..]) { None } else { tidy(text) }
}

/// A text from outside as it is registered: one line, at most [`MAX_TEXT_CHARS`]; `None` when nothing is left.
fn tidy(text: &str) -> Option<String> {
    let line: String = text.trim().chars().take(MAX_TEXT_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    Some(line.trim().to_owned()).filter(|line| !line.is_empty())
}

fn register_datastream(registry: &mut RegistryWriter<'_>, catalogue: &Catalogue, device: &Device, reading: &Reading) -> Result<(), Error> {
    let definition = catalogue.property(&reading.property);
    let property = definition.map_or_else(
        || NewProperty {
            code: reading.property.clone(),
            name: reading.property.clone(),
            name_de: reading.property.clone(),
            ..NewProperty::default()
        },
        |known| NewProperty {
            code: known.code.clone(),
            name: known.name.clone(),
            name_de: known.name_de.clone(),
            definition: known.definition.clone(),
            description: known.description.clone(),
        },
    );
    let observed_property_id = registry.ensure_property(&property)?;
    let thing = registry.state().things.get(&device.thing_id).map(|thing| thing.name.clone()).unwrap_or_default();
    let channel = reading.channel.as_deref().map(|channel| format!(" ({channel})")).unwrap_or_default();
    registry.ensure_datastream(NewDatastream {
        key: DatastreamKey {
            thing_id: device.thing_id,
            sensor_id: device.sensor_id,
            observed_property_id,
            unit: reading.unit.clone(),
            channel: reading.channel.clone(),
        },
        name: format!("{thing}: {}{channel}", property.name),
        description: property.description.clone(),
        // A property that the catalogue does not know is not published by mistake.
        visibility: definition.map_or(Visibility::Internal, |known| known.visibility),
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EUI: DevEui = DevEui::from_bytes([0x24, 0xe1, 0x24, 0xaa, 0xbb, 0xcc, 0xdd, 0x01]);

    #[test]
    fn names_that_give_the_device_away_are_not_published() {
        let beyond_the_cut = format!("{}bbccdd01", "x".repeat(MAX_TEXT_CHARS - 4));
        for name in ["eui-24e124aabbccdd01", "24-E1-24-AA-BB-CC-DD-01", "EM300 BBCCDD01", "  ", "sensor_bb:cc:dd:01", &beyond_the_cut] {
            assert_eq!(publishable(name, EUI), None, "{name}");
        }
        assert_eq!(publishable(" Luftgüte Marktplatz 2 ", EUI), Some("Luftgüte Marktplatz 2".to_owned()));
    }

    proptest! {
        #[test]
        fn no_spelling_of_the_identifier_is_published(bytes: [u8; 8], before in ".{0,20}", after in ".{0,20}", separator in "[-: _.]?", is_upper: bool) {
            let eui = DevEui::from_bytes(bytes);
            let spelled: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let spelled = spelled.join(&separator);
            let spelled = if is_upper { spelled.to_uppercase() } else { spelled };
            prop_assert_eq!(publishable(&format!("{before}{spelled}{after}"), eui), None);
        }
    }

    #[test]
    fn texts_from_outside_are_registered_as_one_line_of_bounded_length() {
        for (text, expected) in [
            ("a\u{0}b\r\nc", Some("a b  c".to_owned())),
            ("\u{0}\t", None),
            ("", None),
            (&"ü".repeat(1_000_000), Some("ü".repeat(MAX_TEXT_CHARS))),
        ] {
            assert_eq!(tidy(text), expected);
        }
    }

    #[test]
    fn a_tag_can_make_a_thing_stricter_but_not_more_open_than_the_settings() {
        let catalogue = Catalogue::built_in().unwrap_or_else(|errors| panic!("{errors}"));
        for (class, tag, expected) in [
            (Visibility::Internal, "public", Visibility::Internal),
            (Visibility::Public, "internal", Visibility::Internal),
            (Visibility::Public, "everybody", Visibility::Public),
        ] {
            let description = DeviceDescription {
                dev_eui: EUI,
                join_eui: None,
                name: None,
                profile: None,
                brand_model: None,
                application: None,
                tags: [("visibility".to_owned(), tag.to_owned())].into(),
                position: None,
            };
            let sighting = Sighting {
                description,
                profile: "default".to_owned(),
                source: "test".into(),
                readings: Vec::new(),
                received_at: Timestamp::from_millis(0),
            };
            let thing = thing_of(&catalogue, catalogue.default_profile(), class, &sighting);
            assert_eq!(thing.visibility, expected, "{class} {tag}");
        }
    }
}
