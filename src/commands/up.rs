//! `stadtwarte up`.

use clap::Args;

use super::{Addresses, Common, Outcome, runtime};
use crate::platform::Platform;
use crate::system::asked_to_stop;

#[derive(Debug, Args)]
pub(super) struct Up {
    #[command(flatten)]
    addresses: Addresses,
}

impl Up {
    pub fn run(&self, common: &Common) -> Outcome {
        let settings = common.server_settings(&self.addresses)?;
        runtime()?.block_on(async {
            let platform = Platform::start(&settings, false).await?;
            platform.announce(self.addresses.ready_file.as_deref())?;
            if !common.quiet {
                let doors = platform.doors();
                eprintln!("Stadtwarte is up: portal and API at http://{}", doors.http);
                if let Some(mqtt) = doors.mqtt {
                    eprintln!("MQTT at mqtt://{mqtt}");
                }
            }
            platform.run_until(asked_to_stop()).await
        })?;
        Ok(())
    }
}
