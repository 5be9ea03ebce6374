//! Names people read, and identifiers made from them.

use crate::simulate::devices::DeviceType;
use std::collections::HashMap;

/// Hands out running numbers per name and keeps identifiers apart.
#[derive(Debug, Default)]
pub(crate) struct Names {
    numbers: HashMap<String, u32>,
    ids: HashMap<String, u32>,
}

impl Names {
    /// `Luftgüte Marktplatz`, then `Luftgüte Marktplatz 2`, and so on.
    pub(crate) fn name(&mut self, device_type: DeviceType, place: &str) -> String {
        let plain = format!("{} {place}", label(device_type));
        let number = self.numbers.entry(plain.clone()).or_insert(0);
        *number += 1;
        if *number == 1 { plain } else { format!("{plain} {number}") }
    }

    /// An identifier as The Things Stack allows it: lower-case letters, digits and dashes, at most 36 characters.
    pub(crate) fn id(&mut self, name: &str) -> String {
        let plain: String = identifier(name).chars().take(28).collect();
        let plain = plain.trim_end_matches('-').to_owned();
        let number = self.ids.entry(plain.clone()).or_insert(0);
        *number += 1;
        if *number == 1 { plain } else { format!("{plain}-x{number}") }
    }
}

/// What people call a device of a type.
pub(crate) const fn label(device_type: DeviceType) -> &'static str {
    match device_type {
        DeviceType::DecentlabDlPm => "Luftgüte",
        DeviceType::DecentlabDlAtm41 | DeviceType::MilesightWts506 => "Wetterstation",
        DeviceType::MilesightEm300Th => "Klima",
        DeviceType::DecentlabDlTbrg => "Regenmesser",
        DeviceType::DraginoLse01 => "Bodenfeuchte",
        DeviceType::MilesightEm500Smtc => "Baumsensor",
        DeviceType::DecentlabDlMbx => "Brückenpegel",
        DeviceType::DecentlabDlPr26 => "Flusspegel",
        DeviceType::MilesightWs302 => "Lärm",
        DeviceType::BoschTps110 => "Parkplatz",
        DeviceType::MilesightEm400Mud => "Abfallbehälter",
        DeviceType::MilesightVs133 => "Personenzähler",
        DeviceType::NasUl2020 => "Leuchte",
        DeviceType::MilesightCt101 => "Ladesäule",
        DeviceType::ElvacoCmi4110 => "Fernwärme",
        DeviceType::DraginoTrackerd => "Bus",
        DeviceType::ElsysErsCo2 => "Raumluft",
    }
}

/// Lower-case letters, digits and dashes only.
fn identifier(name: &str) -> String {
    let mut id = String::new();
    for character in name.to_lowercase().chars() {
        match character {
            'ä' => id.push_str("ae"),
            'ö' => id.push_str("oe"),
            'ü' => id.push_str("ue"),
            'ß' => id.push_str("ss"),
            plain if plain.is_ascii_alphanumeric() => id.push(plain),
            _ if !id.is_empty() && !id.ends_with('-') => id.push('-'),
            _ => {}
        }
    }
    id.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_and_identifiers_are_plain() {
        let mut names = Names::default();
        assert_eq!(names.name(DeviceType::DecentlabDlPm, "Marktplatz"), "Luftgüte Marktplatz");
        assert_eq!(names.name(DeviceType::DecentlabDlPm, "Marktplatz"), "Luftgüte Marktplatz 2");
        assert_eq!(names.id("Lärm Große Straße 3"), "laerm-grosse-strasse-3");
        assert_eq!(names.id("Lärm Große Straße 3"), "laerm-grosse-strasse-3-x2");
    }
}
