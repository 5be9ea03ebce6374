//! The field tables of all device types as a document, for whoever writes the device profiles.

use super::super::world::{Place, Site, World};
use super::device_type::DeviceType;
use super::payload::Moment;
use super::spec::FieldKind;
use std::fmt::Write as _;

/// Markdown with one section per device type: facts, fields, and one example per message kind.
#[must_use]
pub fn field_table(world: &World) -> String {
    let mut text = String::from(
        "# Device types of the simulator\n\n\
        An empty property means: nothing a town observes, do not map. Bridge gauges carry their height above the zero of the river gauge\n\
        in the tag `sensor_height`, waste containers their depth in `container_depth`. Types with several fPorts send different messages in turns; a field is missing where another\n\
        message carries it.\n",
    );
    for &device_type in DeviceType::ALL {
        section(&mut text, world, device_type);
    }
    text
}

fn section(text: &mut String, world: &World, device_type: DeviceType) {
    let spec = device_type.spec();
    // Writing into a String cannot fail.
    let _ = writeln!(text, "\n## {}\n", spec.profile);
    let _ = writeln!(
        text,
        "- Type `{device_type:?}`, category `{}`, every {} s, {}",
        spec.category.as_str(),
        spec.interval_s,
        spec.device_class
    );
    let _ = writeln!(text, "- The Things Stack: brand `{}`, model `{}`", spec.brand_id, spec.model_id);
    let _ = writeln!(text, "- Source: {}\n", spec.document);
    text.push_str("| path | property | unit (UCUM) | JSON | meaning |\n|---|---|---|---|---|\n");
    for field in spec.fields {
        let kind = match field.kind {
            FieldKind::Number => "number",
            FieldKind::NumberText => "number as text",
            FieldKind::Flag => "boolean",
            FieldKind::Text => "text",
        };
        let _ = writeln!(text, "| `{}` | {} | {} | {kind} | {} |", field.path, field.property, field.unit, field.meaning);
    }
    for (f_port, hex, object) in examples(world, device_type) {
        let _ = writeln!(text, "\nfPort {f_port}, `{hex}`:\n\n```json\n{object}\n```");
    }
}

/// One example per fPort.
fn examples(world: &World, device_type: DeviceType) -> Vec<(u8, String, String)> {
    let site = Site { height_m: 4.2, ..Site::new(0x5eed, world.centre(), Place::MainRoad) };
    let mut found: Vec<(u8, String, String)> = Vec::new();
    for sequence in 0..200_u32 {
        let at_us = 1_779_350_400_000_000 + i64::from(sequence) * 900_000_000;
        let moment = Moment { at_us, since_us: at_us - 900_000_000, sequence: u64::from(sequence) };
        let report = device_type.sample(world, &site, moment);
        if found.iter().all(|(f_port, ..)| *f_port != report.f_port) {
            let mut hex = String::new();
            super::super::json::push_hex_upper(&mut hex, &report.payload);
            found.push((report.f_port, hex, report.object().to_owned()));
        }
    }
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::city::City;

    #[test]
    fn every_device_type_has_a_section_with_an_example() {
        let table = field_table(&World::new(1, &City::generate(1)));
        for device_type in DeviceType::ALL {
            assert!(table.contains(&format!("## {}\n", device_type.spec().profile)));
        }
        assert!(table.matches("```json").count() >= DeviceType::ALL.len() + 2, "two message kinds for lights and parking");
    }
}
