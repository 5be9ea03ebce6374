//! Street names as German towns have them, each used once.

use crate::simulate::random::Dice;
use std::collections::HashSet;

/// Where a street lies decides over what it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameStyle {
    /// Narrow and old.
    OldTown,
    /// Built when poets and composers were honoured.
    Quarter,
    /// Trees, birds, fields.
    Suburb,
    /// Inventors and industry.
    Industry,
}

const OLD: [&str; 39] = [
    "Gerber",
    "Töpfer",
    "Schmiede",
    "Weber",
    "Bäcker",
    "Fischer",
    "Böttcher",
    "Schuster",
    "Kupfer",
    "Seiler",
    "Knochenhauer",
    "Gold",
    "Färber",
    "Korn",
    "Brunnen",
    "Küster",
    "Kanzlei",
    "Ritter",
    "Hirten",
    "Stuben",
    "Turm",
    "Pfarr",
    "Rats",
    "Münz",
    "Wein",
    "Hopfen",
    "Krumme",
    "Kleine",
    "Neue",
    "Tuchmacher",
    "Wollen",
    "Apotheker",
    "Nagelschmied",
    "Zeughaus",
    "Spital",
    "Nonnen",
    "Brot",
    "Glocken",
    "Sattler",
];
const HONOURED: [&str; 48] = [
    "Schiller",
    "Goethe",
    "Lessing",
    "Heine",
    "Fontane",
    "Storm",
    "Mörike",
    "Eichendorff",
    "Uhland",
    "Herder",
    "Kleist",
    "Hölderlin",
    "Beethoven",
    "Mozart",
    "Bach",
    "Haydn",
    "Schubert",
    "Brahms",
    "Schumann",
    "Händel",
    "Telemann",
    "Humboldt",
    "Kant",
    "Hegel",
    "Fichte",
    "Leibniz",
    "Kepler",
    "Gauß",
    "Dürer",
    "Cranach",
    "Holbein",
    "Menzel",
    "Virchow",
    "Koch",
    "Röntgen",
    "Pestalozzi",
    "Fröbel",
    "Stein",
    "Hardenberg",
    "Scharnhorst",
    "Hensel",
    "Ebner",
    "Droste",
    "Rückert",
    "Platen",
    "Hebel",
    "Raabe",
    "Hauff",
];
const NATURE: [&str; 64] = [
    "Ahorn",
    "Birken",
    "Buchen",
    "Eichen",
    "Erlen",
    "Eschen",
    "Linden",
    "Kastanien",
    "Pappel",
    "Ulmen",
    "Weiden",
    "Tannen",
    "Fichten",
    "Kiefern",
    "Lärchen",
    "Holunder",
    "Flieder",
    "Rosen",
    "Tulpen",
    "Nelken",
    "Veilchen",
    "Dahlien",
    "Astern",
    "Ginster",
    "Heide",
    "Schlehen",
    "Hasel",
    "Kirsch",
    "Apfel",
    "Birn",
    "Quitten",
    "Amsel",
    "Drossel",
    "Finken",
    "Lerchen",
    "Meisen",
    "Star",
    "Schwalben",
    "Falken",
    "Habicht",
    "Milan",
    "Eulen",
    "Kranich",
    "Reiher",
    "Storchen",
    "Zeisig",
    "Hasen",
    "Reh",
    "Fuchs",
    "Dachs",
    "Igel",
    "Wiesen",
    "Feld",
    "Acker",
    "Anger",
    "Brunnen",
    "Quellen",
    "Hang",
    "Sonnen",
    "Garten",
    "Koppel",
    "Schäfer",
    "Imker",
    "Mohn",
];
const INVENTORS: [&str; 16] = [
    "Siemens",
    "Daimler",
    "Benz",
    "Diesel",
    "Otto",
    "Bosch",
    "Borsig",
    "Nixdorf",
    "Zeiss",
    "Linde",
    "Hertz",
    "Ohm",
    "Werner",
    "Zuse",
    "Reis",
    "Lilienthal",
];
const PLACES: [&str; 26] = [
    "Am Anger",
    "Am Bach",
    "Am Berg",
    "Am Graben",
    "Am Hang",
    "Am Mühlgraben",
    "Am Rain",
    "Am Sportplatz",
    "Am Steinbruch",
    "Am Teich",
    "Am Waldrand",
    "Am Wasserturm",
    "An den Eichen",
    "An der Aue",
    "An der Kapelle",
    "Auf dem Kamp",
    "Auf der Höhe",
    "Beim Brunnen",
    "Hinter den Gärten",
    "Im Grund",
    "Im Winkel",
    "In den Wiesen",
    "Unter den Linden",
    "Zum Forsthaus",
    "Zur Furt",
    "Zur Ziegelei",
];

/// Hands out names.
#[derive(Debug)]
pub(crate) struct StreetNames {
    dice: Dice,
    used: HashSet<String>,
    number: u32,
}

impl StreetNames {
    pub(crate) fn new(dice: Dice) -> Self {
        Self { dice, used: HashSet::new(), number: 0 }
    }

    /// A name that no other street has.
    pub(crate) fn next(&mut self, style: NameStyle) -> String {
        for _ in 0..60 {
            let name = self.draw(style);
            if self.used.insert(name.clone()) {
                return name;
            }
        }
        // All common names are gone: number the rest, as towns did with their new estates.
        self.number += 1;
        format!("Planstraße {}", self.number)
    }

    fn draw(&mut self, style: NameStyle) -> String {
        let (stems, endings): (&[&str], &[&str]) = match style {
            NameStyle::OldTown => (&OLD, &["gasse", "gasse", "straße", "gang"]),
            NameStyle::Quarter => (&HONOURED, &["straße", "straße", "straße", "allee", "platz"]),
            NameStyle::Industry => (&INVENTORS, &["straße", "straße", "ring"]),
            NameStyle::Suburb => (&NATURE, &["weg", "weg", "straße", "stieg", "ring", "grund"]),
        };
        if style == NameStyle::Suburb && self.dice.chance(0.12) {
            return PLACES[self.dice.index(PLACES.len())].to_owned();
        }
        let stem = stems[self.dice.index(stems.len())];
        let ending = endings[self.dice.index(endings.len())];
        let linked = matches!((style, stem), (NameStyle::OldTown, "Krumme" | "Kleine" | "Neue"));
        if linked { format!("{stem} Gasse") } else { format!("{stem}{ending}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_used_twice() {
        let mut names = StreetNames::new(Dice::new(1, "names"));
        let mut seen = HashSet::new();
        for number in 0..1_500 {
            let style = [NameStyle::OldTown, NameStyle::Quarter, NameStyle::Suburb, NameStyle::Industry][number % 4];
            assert!(seen.insert(names.next(style)));
        }
    }
}
