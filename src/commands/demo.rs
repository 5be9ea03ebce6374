//! `stadtwarte demo`.

use std::time::Duration;

use clap::Args;

use super::{Addresses, Common, Failure, Outcome, runtime};
use crate::demo::{DemoCity, DemoOptions};
use crate::platform::Platform;
use crate::settings::Settings;
use crate::system::{asked_to_stop, init_logging};

#[derive(Debug, Args)]
pub(super) struct Demo {
    #[command(flatten)]
    addresses: Addresses,
    /// How many devices the town has.
    #[arg(long, default_value_t = 1000)]
    devices: usize,
    /// The number that town, devices and values follow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Days of history to begin with; 0 for none.
    #[arg(long, default_value_t = 365)]
    history_days: u32,
    /// Uplinks per second once every device has reported.
    #[arg(long, default_value_t = 15.0)]
    rate: f64,
}

impl Demo {
    pub fn run(&self, common: &Common) -> Outcome {
        if !(self.rate > 0.0 && self.rate.is_finite()) {
            return Err(Failure::Usage(format!("--rate {} must be greater than 0", self.rate)));
        }
        let mut settings = common.settings()?;
        self.addresses.apply(&mut settings);
        if settings.mqtt.listen.is_none() {
            return Err(Failure::Usage("mqtt.listen: the demo needs the MQTT endpoint".to_owned()));
        }
        init_logging(&settings.log).map_err(|error| Failure::Usage(error.to_string()))?;
        let folder = DemoFolder::choose(common, &mut settings)?;
        let options = DemoOptions { devices: self.devices, seed: self.seed, history_days: self.history_days, rate: self.rate };
        let city = DemoCity::new(options);
        city.name().clone_into(&mut settings.town.name);
        settings.town.title = String::from("Demo");
        settings.town.center = Some(city.center());
        let outcome = runtime()?.block_on(self.serve(common, &settings, city));
        drop(folder);
        Ok(outcome?)
    }

    async fn serve(&self, common: &Common, settings: &Settings, city: DemoCity) -> anyhow::Result<()> {
        let platform = Platform::start(settings, true).await?;
        city.lay_out(platform.store())?;
        platform.announce(self.addresses.ready_file.as_deref())?;
        if !common.quiet {
            tell(&platform);
        }
        let bar = super::simulate::progress_bar(common, None);
        let running =
            tokio::spawn(city.live(platform.store().clone(), platform.catalogue().clone(), platform.doors(), platform.shutdown(), bar));
        platform.run_until(asked_to_stop()).await?;
        // The simulator stops with the platform; a moment is enough for its last words.
        match tokio::time::timeout(Duration::from_secs(5), running).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => Err(panic.into()),
            Err(_) => Ok(()),
        }
    }
}

fn tell(platform: &Platform) {
    let doors = platform.doors();
    let http = doors.http;
    eprintln!("The demo city is up. Look here:");
    eprintln!("  map          http://{http}/");
    eprintln!("  API          http://{http}/docs");
    eprintln!("  stations     curl http://{http}/api/v1/stations.geojson");
    eprintln!("  live stream  curl -N http://{http}/api/v1/live");
    eprintln!(
        "  SQL          stadtwarte sql --server http://{http} \"SELECT thing, value, unit FROM latest WHERE property = 'pm10' LIMIT 5\""
    );
    if let Some(mqtt) = doors.mqtt {
        eprintln!(
            "  MQTT         mosquitto_pub -h {} -p {} -q 1 -t application/1/device/0202020202020202/event/up -f uplink.json",
            mqtt.ip(),
            mqtt.port()
        );
    }
    eprintln!("History is being imported in the background. Ctrl-C stops it all.");
}

/// The data folder of a demo: the one named on the command line, which must be empty, or a temporary one that is removed afterwards.
enum DemoFolder {
    Named,
    Temporary(std::path::PathBuf),
}

impl DemoFolder {
    fn choose(common: &Common, settings: &mut Settings) -> Result<Self, Failure> {
        if let Some(named) = &common.data {
            let is_empty = std::fs::read_dir(named).map_or(true, |mut entries| entries.next().is_none());
            if !is_empty {
                return Err(Failure::Usage(format!("{} is not empty: the demo begins on a fresh data folder", named.display())));
            }
            return Ok(Self::Named);
        }
        let folder = std::env::temp_dir().join(format!("stadtwarte-demo-{}", std::process::id()));
        settings.data.dir.clone_from(&folder);
        Ok(Self::Temporary(folder))
    }
}

impl Drop for DemoFolder {
    fn drop(&mut self) {
        if let Self::Temporary(folder) = self {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}
