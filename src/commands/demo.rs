//! `stadtwarte demo`.

use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tempfile::TempDir;

use super::{Addresses, Common, Failure, Outcome, runtime};
use crate::demo::{DemoCity, DemoOptions};
use crate::platform::Platform;
use crate::settings::Settings;
use crate::system::asked_to_stop;

#[derive(Debug, Args)]
pub(super) struct Demo {
    #[command(flatten)]
    addresses: Addresses,
    /// How many devices the town has.
    #[arg(long, default_value_t = 1000, value_parser = super::from_one_to(100_000))]
    devices: u64,
    /// The number that town, devices and values follow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Days of history to begin with; 0 for none.
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(..=3660))]
    history_days: u32,
    /// Uplinks per second once every device has reported.
    #[arg(long, default_value_t = 15.0, value_parser = super::rate)]
    rate: f64,
}

impl Demo {
    pub fn run(&self, common: &Common) -> Outcome {
        let mut settings = common.server_settings(&self.addresses)?;
        if settings.mqtt.listen.is_none() {
            return Err(Failure::Usage("mqtt.listen: the demo needs the MQTT endpoint".to_owned()));
        }
        let folder = choose_folder(common, &mut settings)?;
        let options = DemoOptions {
            devices: usize::try_from(self.devices).unwrap_or(usize::MAX),
            seed: self.seed,
            history_days: self.history_days,
            rate: self.rate,
        };
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
        let mut running =
            tokio::spawn(city.live(platform.store().clone(), platform.catalogue().clone(), platform.doors(), platform.shutdown(), bar));
        let mut ended = None;
        let stop = async {
            tokio::select! {
                () = asked_to_stop() => {}
                // A town without a simulator is no demo.
                outcome = &mut running => ended = Some(outcome),
            }
        };
        platform.run_until(stop).await?;
        // The simulator stops with the platform; a moment is enough for its last words.
        let ended = match ended {
            Some(ended) => ended,
            None => tokio::time::timeout(Duration::from_secs(5), running).await.unwrap_or(Ok(Ok(()))),
        };
        ended?
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

/// The data folder of a demo: the one named on the command line, which must be empty, or a temporary one of this user alone that is
/// removed afterwards.
fn choose_folder(common: &Common, settings: &mut Settings) -> Result<Option<TempDir>, Failure> {
    if let Some(named) = &common.data {
        let is_empty = std::fs::read_dir(named).map_or(true, |mut entries| entries.next().is_none());
        if !is_empty {
            return Err(Failure::Usage(format!("{} is not empty: the demo begins on a fresh data folder", named.display())));
        }
        return Ok(None);
    }
    let folder = tempfile::Builder::new().prefix("stadtwarte-demo-").tempdir().context("a temporary data folder")?;
    folder.path().clone_into(&mut settings.data.dir);
    Ok(Some(folder))
}
