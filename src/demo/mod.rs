//! The demo city at work: its map layers, its simulator over real MQTT, its year of history.

mod history;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use indicatif::ProgressBar;
use stadtwarte_ingest::normalise::Catalogue;
use stadtwarte_model::{Clock as _, Role};
use stadtwarte_store::Store;
use tokio_util::sync::CancellationToken;

use crate::platform::Doors;
use crate::simulate::city::{Layer, TOWN_NAME};
use crate::simulate::fleet::{Fleet, FleetOptions};
use crate::simulate::publisher::{self, Clock, Options, Pace, Target};
use crate::system::SystemClock;

/// The time in which every device reports for the first times.
const BURST: Duration = Duration::from_secs(2);

/// How the demo city is made.
#[derive(Debug, Clone, Copy)]
pub struct DemoOptions {
    /// How many devices it has.
    pub devices: usize,
    /// The number that everything follows from.
    pub seed: u64,
    /// Days of history to begin with.
    pub history_days: u32,
    /// Uplinks per second once every device has reported.
    pub rate: f64,
}

/// The demo city.
pub struct DemoCity {
    options: DemoOptions,
    fleet: Arc<Fleet>,
}

impl DemoCity {
    /// Makes the city; the same options make the same city.
    #[must_use]
    pub fn new(options: DemoOptions) -> Self {
        let fleet = Fleet::generate(FleetOptions { seed: options.seed, devices: options.devices, ..FleetOptions::default() });
        Self { options, fleet }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        TOWN_NAME
    }

    /// Longitude and latitude of its market place.
    #[must_use]
    pub fn center(&self) -> [f64; 2] {
        let centre = self.fleet.city.centre();
        [centre.lon_deg, centre.lat_deg]
    }

    /// Stores its map layers.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn lay_out(&self, store: &Store) -> anyhow::Result<()> {
        for layer in Layer::ALL {
            store.layers().put(layer.as_str(), serde_json::to_vec(&self.fleet.city.layer(*layer))?)?;
        }
        Ok(())
    }

    /// Runs the simulator against the MQTT door until `shutdown`, and imports the history as soon as the devices are known.
    ///
    /// # Errors
    /// When the endpoint cannot be reached or the history cannot be stored.
    pub async fn live(
        self,
        store: Store,
        catalogue: Catalogue,
        doors: Doors,
        shutdown: CancellationToken,
        bar: ProgressBar,
    ) -> anyhow::Result<()> {
        let mqtt = doors.mqtt.context("the demo needs the MQTT endpoint")?;
        let target = Target { host: mqtt.ip().to_string(), port: mqtt.port() };
        // Of its own, because the settings may demand one also from programs on this machine.
        let key = store.registry().write(|registry| registry.create_key("demo-city", Role::Publisher, SystemClock.now()))?;
        let history = history::import(&self.fleet, self.options.history_days, &store, &catalogue, shutdown.clone(), bar);
        let history = async { history.await.context("history") };
        let simulator = async { self.simulate(target, key, &shutdown).await.context("simulator") };
        tokio::try_join!(history, simulator)?;
        Ok(())
    }

    /// First every device reports once, within two seconds; then they take turns.
    async fn simulate(&self, target: Target, key: String, shutdown: &CancellationToken) -> anyhow::Result<()> {
        let mut options = Options::new(target, Clock::new(|| SystemClock.now().as_micros()));
        options.client_id = String::from("demo-city");
        options.credentials = Some((String::from("demo-city"), key));
        options.pace = Pace::Turns { burst: BURST, per_s: self.options.rate };
        publisher::run(Arc::clone(&self.fleet), options, |_| {}, shutdown.clone().cancelled_owned()).await?;
        Ok(())
    }
}
