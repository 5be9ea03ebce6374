//! Where devices hang: parking sensors on streets of the centre, soil probes in parks, gauges at the river.

use crate::simulate::city::{City, StreetKind};
use crate::simulate::devices::DeviceType;
use crate::simulate::geo::{Point, along, contains, length};
use crate::simulate::random::Dice;
use crate::simulate::world::Place;

/// A place for a device.
#[derive(Debug, Clone)]
pub(crate) struct Spot {
    pub(crate) point: Point,
    pub(crate) place: Place,
    /// What the place is called: a street, a park, a building.
    pub(crate) name: String,
    /// The street, where there is one.
    pub(crate) street: Option<String>,
    /// For vehicles.
    pub(crate) route: usize,
}

/// Indices of streets of some kinds, weighted by length.
#[derive(Debug)]
struct Pool {
    streets: Vec<usize>,
    upto_m: Vec<f64>,
}

/// A way to find a place.
type Choice<'a> = fn(&Places<'a>, &mut Dice) -> Spot;

/// All places of a town.
#[derive(Debug)]
pub(crate) struct Places<'a> {
    city: &'a City,
    pedestrian: Pool,
    main: Pool,
    side: Pool,
    centre: Pool,
    vehicles: usize,
}

impl<'a> Places<'a> {
    pub(crate) fn new(city: &'a City) -> Self {
        let pool = |test: &dyn Fn(StreetKind, f64) -> bool| {
            let mut pool = Pool { streets: Vec::new(), upto_m: Vec::new() };
            let mut sum = 0.0;
            for (index, street) in city.streets.iter().enumerate() {
                let total = length(&street.line);
                let distance = along(&street.line, total / 2.0).0.length();
                if test(street.kind, distance) {
                    sum += total;
                    pool.streets.push(index);
                    pool.upto_m.push(sum);
                }
            }
            pool
        };
        Self {
            city,
            pedestrian: pool(&|kind, _| kind == StreetKind::Pedestrian),
            main: pool(&|kind, _| matches!(kind, StreetKind::Main | StreetKind::Ring)),
            side: pool(&|kind, _| kind == StreetKind::Side),
            centre: pool(&|kind, distance| matches!(kind, StreetKind::Side | StreetKind::Ring) && distance < 950.0),
            vehicles: 0,
        }
    }

    /// Finds a place for the next device of a type.
    pub(crate) fn find(&mut self, device_type: DeviceType, dice: &mut Dice) -> Spot {
        match device_type {
            DeviceType::DecentlabDlPm | DeviceType::MilesightWs302 => {
                self.one_of(&[(0.45, Self::on_main), (0.25, Self::on_pedestrian), (0.3, Self::on_side)], dice)
            }
            DeviceType::DecentlabDlAtm41 | DeviceType::MilesightWts506 | DeviceType::DecentlabDlTbrg => {
                self.one_of(&[(0.6, Self::in_park), (0.4, Self::at_building)], dice)
            }
            DeviceType::MilesightEm300Th => self.one_of(&[(0.5, Self::on_side), (0.25, Self::in_park), (0.25, Self::on_pedestrian)], dice),
            DeviceType::DraginoLse01 => self.in_park(dice),
            DeviceType::MilesightEm500Smtc => self.one_of(&[(0.5, Self::on_side), (0.3, Self::in_park), (0.2, Self::on_main)], dice),
            DeviceType::DecentlabDlMbx => self.on_bridge(dice),
            DeviceType::DecentlabDlPr26 => self.in_river(dice),
            DeviceType::BoschTps110 => self.one_of(&[(0.6, Self::in_centre), (0.25, Self::on_main), (0.15, Self::on_side)], dice),
            DeviceType::MilesightEm400Mud => self.one_of(&[(0.3, Self::on_pedestrian), (0.3, Self::in_park), (0.4, Self::on_side)], dice),
            DeviceType::MilesightVs133 => self.one_of(&[(0.75, Self::on_pedestrian), (0.25, Self::at_station)], dice),
            DeviceType::NasUl2020 => self.one_of(&[(0.55, Self::on_side), (0.35, Self::on_main), (0.1, Self::on_pedestrian)], dice),
            DeviceType::MilesightCt101 => self.one_of(&[(0.5, Self::in_centre), (0.5, Self::on_main)], dice),
            DeviceType::ElvacoCmi4110 => self.at_building(dice),
            DeviceType::DraginoTrackerd => self.on_bus(),
            DeviceType::ElsysErsCo2 => self.one_of(&[(0.8, Self::at_school), (0.2, Self::at_building)], dice),
        }
    }

    fn one_of(&self, choices: &[(f64, Choice<'a>)], dice: &mut Dice) -> Spot {
        let mut rest = dice.unit();
        for (share, choice) in choices {
            if rest < *share {
                return choice(self, dice);
            }
            rest -= share;
        }
        self.on_side(dice)
    }

    fn on_street(&self, pool: &Pool, place: Place, dice: &mut Dice) -> Spot {
        let total = pool.upto_m.last().copied().unwrap_or(0.0);
        for _ in 0..40 {
            let at = dice.unit() * total;
            let slot = pool.upto_m.partition_point(|upto| *upto < at);
            let Some(street) = pool.streets.get(slot).and_then(|index| self.city.streets.get(*index)) else { break };
            let (point, heading) = along(&street.line, dice.unit() * length(&street.line));
            let side = if dice.chance(0.5) { 1.0 } else { -1.0 };
            let point = point.plus(heading.left().times(side * (street.kind.half_width() * 0.6 + dice.range(0.0, 1.5))));
            if self.city.district_at(point).is_some() && self.city.river.distance(point) > 2.0 {
                return Spot { point, place, name: street.name.clone(), street: Some(street.name.clone()), route: 0 };
            }
        }
        self.on_market(dice)
    }

    fn on_market(&self, dice: &mut Dice) -> Spot {
        let point = Point::polar(40.0 * dice.unit().sqrt(), dice.range(0.0, std::f64::consts::TAU));
        let name = self.city.parks.first().map_or("Marktplatz", |square| square.name);
        Spot { point, place: Place::PedestrianZone, name: name.to_owned(), street: None, route: 0 }
    }

    fn on_main(&self, dice: &mut Dice) -> Spot {
        self.on_street(&self.main, Place::MainRoad, dice)
    }

    fn on_side(&self, dice: &mut Dice) -> Spot {
        self.on_street(&self.side, Place::SideStreet, dice)
    }

    fn in_centre(&self, dice: &mut Dice) -> Spot {
        self.on_street(&self.centre, Place::PublicBuilding, dice)
    }

    fn on_pedestrian(&self, dice: &mut Dice) -> Spot {
        if dice.chance(0.15) { self.on_market(dice) } else { self.on_street(&self.pedestrian, Place::PedestrianZone, dice) }
    }

    fn in_park(&self, dice: &mut Dice) -> Spot {
        for _ in 0..200 {
            let Some(park) = self.city.parks.get(dice.index(self.city.parks.len())) else { break };
            let corners = || park.outline.iter();
            let low = corners().fold(Point::new(f64::MAX, f64::MAX), |a, b| Point::new(a.x.min(b.x), a.y.min(b.y)));
            let high = corners().fold(Point::new(f64::MIN, f64::MIN), |a, b| Point::new(a.x.max(b.x), a.y.max(b.y)));
            let point = Point::new(dice.range(low.x, high.x), dice.range(low.y, high.y));
            let is_in_town = self.city.district_at(point).is_some() && self.city.river.distance(point) > 2.0;
            if park.kind != "square" && contains(&park.outline, point) && is_in_town {
                return Spot { point, place: Place::Park, name: park.name.to_owned(), street: None, route: 0 };
            }
        }
        self.on_side(dice)
    }

    fn at_landmark(&self, place: Place, test: impl Fn(&str) -> bool, dice: &mut Dice) -> Spot {
        let fitting: Vec<_> = self.city.landmarks.iter().filter(|landmark| test(landmark.kind)).collect();
        match fitting.get(dice.index(fitting.len())) {
            Some(landmark) => {
                let around = Point::new(dice.range(-9.0, 9.0), dice.range(-9.0, 9.0));
                Spot { point: landmark.position.plus(around), place, name: landmark.name.clone(), street: None, route: 0 }
            }
            None => self.on_side(dice),
        }
    }

    fn at_school(&self, dice: &mut Dice) -> Spot {
        self.at_landmark(Place::School, |kind| kind == "school", dice)
    }

    fn at_building(&self, dice: &mut Dice) -> Spot {
        self.at_landmark(Place::PublicBuilding, |kind| kind != "station" && kind != "church", dice)
    }

    fn at_station(&self, dice: &mut Dice) -> Spot {
        self.at_landmark(Place::Station, |kind| kind == "station", dice)
    }

    fn on_bridge(&self, dice: &mut Dice) -> Spot {
        let bridges: Vec<_> = self.city.streets.iter().filter(|street| street.kind == StreetKind::Bridge).collect();
        match bridges.get(dice.index(bridges.len())) {
            Some(bridge) => {
                let (point, heading) = along(&bridge.line, length(&bridge.line) / 2.0);
                let point = point.plus(heading.left().times(dice.range(-5.0, 5.0)));
                Spot { point, place: Place::River, name: bridge.name.clone(), street: Some(bridge.name.clone()), route: 0 }
            }
            None => self.in_river(dice),
        }
    }

    fn in_river(&self, dice: &mut Dice) -> Spot {
        let line = &self.city.river.line;
        let total = length(line);
        let point = (0..60).map(|_| along(line, dice.unit() * total).0).find(|point| self.city.district_at(*point).is_some());
        let point = point.unwrap_or_else(|| along(line, total / 2.0).0);
        let district = self.city.district_at(point).map_or(self.city.river.name, |district| district.name);
        Spot { point, place: Place::River, name: format!("{} {district}", self.city.river.name), street: None, route: 0 }
    }

    fn on_bus(&mut self) -> Spot {
        let route = self.vehicles % self.city.bus_lines.len().max(1);
        self.vehicles += 1;
        let line = self.city.bus_lines.get(route);
        Spot {
            point: line.and_then(|line| line.line.first().copied()).unwrap_or_default(),
            place: Place::Vehicle,
            name: line.map_or_else(|| "Linie".to_owned(), |line| line.name.clone()),
            street: None,
            route,
        }
    }
}
