//! `stadtwarte check`.

use super::{Common, Outcome};
use crate::platform;

pub(super) fn run(common: &Common) -> Outcome {
    let settings = common.settings()?;
    platform::check(&settings).map_err(|mistakes| super::Failure::Usage(mistakes.join("\n")))?;
    println!("settings and files are in order");
    Ok(())
}
