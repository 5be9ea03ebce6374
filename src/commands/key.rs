//! `stadtwarte key`.

use std::sync::Arc;

use anyhow::Context;
use clap::Subcommand;
use stadtwarte_model::{Clock, Role};
use stadtwarte_store::{DataFolder, Registry};

use super::{Common, Failure, Outcome};
use crate::system::SystemClock;

#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// Make a key and print it; it is shown only this once and stored hashed.
    #[command(after_help = "Example:\n  stadtwarte key create --role publisher --name gateway-north")]
    Create {
        /// What it opens: publisher, planner, operator or admin.
        #[arg(long)]
        role: Role,
        /// Whom it is for.
        #[arg(long, default_value = "")]
        name: String,
    },
}

impl Key {
    pub fn run(&self, common: &Common) -> Outcome {
        let settings = common.settings()?;
        let Self::Create { role, name } = self;
        if *role == Role::Public {
            return Err(Failure::Usage("role public needs no key".to_owned()));
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let folder = DataFolder::new(&settings.data.dir);
        // Beside a running server: the registry is a database and takes turns; the server notices within seconds.
        let registry = Registry::open_beside(&folder).context("start `stadtwarte up` once, or name its data folder with --data")?;
        let key = registry.write(|registry| registry.create_key(name, *role, clock.now())).map_err(anyhow::Error::from)?;
        println!("{key}");
        if !common.quiet {
            eprintln!("Keep it safe: it cannot be shown again. Send it as `Authorization: Bearer {}...`.", &key[..10]);
        }
        Ok(())
    }
}
