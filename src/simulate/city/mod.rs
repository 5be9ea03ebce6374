//! A synthetic German town: river, streets, districts, parks, houses and bus lines, all from one number.
//!
//! The town is planned like the real ones grew: a market square, an old town inside its wall, roads to all sides, a ring road,
//! suburbs with their own grain, and a river that everything has to respect. Side streets follow a direction field (Chen et al.,
//! "Interactive Procedural Street Modeling", SIGGRAPH 2008), houses follow the streets. The town does not exist.
//!
//! ```text
//! Plan (rings, radials) ─▶ River ─▶ Railway ─▶ Parks ─▶ main roads ─▶ side streets ─▶ buildings ─▶ landmarks, bus lines
//! ```

mod buildings;
mod bus_lines;
mod districts;
mod layers;
mod main_roads;
mod names;
mod parks;
mod plan;
mod railway;
mod river;
mod side_streets;
mod streets;

pub use buildings::Building;
pub use bus_lines::BusLine;
pub use districts::District;
pub use layers::Layer;
pub use parks::Park;
pub use railway::Landmark;
pub use river::River;
pub use streets::{Street, StreetKind};

use super::geo::{LonLat, Point, Projection, contains};
use super::random::Dice;
use plan::Plan;

/// Name of the town. No town of this name is known to the authors.
pub const TOWN_NAME: &str = "Seedorf an der Warte";

/// Where the market square lies unless another place is asked for: hills between Hanover and Göttingen.
pub const DEFAULT_CENTRE: LonLat = LonLat { lon_deg: 9.93, lat_deg: 52.03 };

/// A generated town. Lengths are metres east and north of the market square.
#[derive(Debug, Clone)]
pub struct City {
    /// The number everything was made from.
    pub seed: u64,
    /// The way from metres to longitude and latitude.
    pub projection: Projection,
    /// Nine districts that tile the town.
    pub districts: Vec<District>,
    /// Streets, bridges and the railway.
    pub streets: Vec<Street>,
    /// The river.
    pub river: River,
    /// Parks, woods, squares.
    pub parks: Vec<Park>,
    /// Building footprints.
    pub buildings: Vec<Building>,
    /// Schools, station, town hall and other places with a name.
    pub landmarks: Vec<Landmark>,
    /// Three bus lines.
    pub bus_lines: Vec<BusLine>,
}

impl City {
    /// Generates the town around [`DEFAULT_CENTRE`]. The same seed gives the same town.
    #[must_use]
    pub fn generate(seed: u64) -> Self {
        Self::generate_at(seed, DEFAULT_CENTRE)
    }

    /// Generates the town around another place.
    #[must_use]
    pub fn generate_at(seed: u64, centre: LonLat) -> Self {
        let plan = Plan::new(&mut Dice::new(seed, "plan"));
        let river = River::new(&mut Dice::new(seed, "river"));
        let rails = railway::line(&river);
        let mut parks = parks::place(&plan, &river, &rails, &mut Dice::new(seed, "parks"));
        let mut streets = main_roads::lay(&plan, &river);
        streets.push(railway::street(&rails));
        parks::clear_roads(&mut parks, &streets);
        let mut names = names::StreetNames::new(Dice::new(seed, "names"));
        side_streets::grow(&plan, &river, &parks, &mut streets, &mut names, &mut Dice::new(seed, "side streets"));
        let districts = districts::divide(&plan, &river);
        let (buildings, landmarks) = buildings::build(&plan, &river, &parks, &streets, &rails, &mut Dice::new(seed, "buildings"));
        let bus_lines = bus_lines::plan_lines(&plan);
        Self { seed, projection: Projection::new(centre), districts, streets, river, parks, buildings, landmarks, bus_lines }
    }

    /// Longitude and latitude of the market square.
    #[must_use]
    pub const fn centre(&self) -> LonLat {
        self.projection.centre()
    }

    /// The district a point lies in, if it lies in the town.
    #[must_use]
    pub fn district_at(&self, point: Point) -> Option<&District> {
        self.districts.iter().find(|district| contains(&district.outline, point))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_town() {
        let (city, again, other) = (City::generate(11), City::generate(11), City::generate(12));
        for layer in Layer::ALL {
            assert_eq!(city.layer(*layer), again.layer(*layer));
        }
        assert_ne!(city.layer(Layer::Streets), other.layer(Layer::Streets));
    }

    #[test]
    fn every_seed_gives_a_complete_town() {
        for seed in 0..6 {
            let city = City::generate(seed);
            assert_eq!(city.districts.len(), 9, "seed {seed}");
            assert_eq!(city.bus_lines.len(), 3, "seed {seed}");
            assert!((6..=12).contains(&city.parks.len()), "seed {seed}: {} parks", city.parks.len());
            assert!(city.streets.len() > 120, "seed {seed}: {} streets", city.streets.len());
            assert!((2_000..=5_000).contains(&city.buildings.len()), "seed {seed}: {} buildings", city.buildings.len());
            assert!(city.streets.iter().filter(|street| street.kind == StreetKind::Bridge).count() >= 2, "seed {seed}: bridges");
            assert!(city.landmarks.iter().filter(|landmark| landmark.kind == "school").count() >= 4, "seed {seed}: schools");
        }
    }

    #[test]
    fn all_layers_together_are_small_enough_for_a_browser() {
        let city = City::generate(1);
        let bytes: usize = Layer::ALL.iter().map(|layer| city.layer(*layer).to_string().len()).sum();
        assert!(bytes < 1_500_000, "{bytes} bytes");
    }

    #[test]
    fn houses_stand_neither_in_the_river_nor_in_parks() {
        let city = City::generate(1);
        for building in &city.buildings {
            for corner in building.outline {
                assert!(!contains(&city.river.outline, corner));
                assert!(city.parks.iter().all(|park| !contains(&park.outline, corner)));
            }
        }
    }
}
