//! Device types: real LoRaWAN products whose payload bytes follow the vendor's published format, one file per product.
//!
//! Nothing here is copied from a codec repository; layouts are facts taken from the documents named in each file.

mod bosch_tps110;
mod decentlab;
mod decentlab_dl_atm41;
mod decentlab_dl_mbx;
mod decentlab_dl_pm;
mod decentlab_dl_pr26;
mod decentlab_dl_tbrg;
mod device_type;
mod dragino_lse01;
mod dragino_trackerd;
mod elsys_ers_co2;
mod elvaco_cmi4110;
mod field_table;
mod milesight;
mod milesight_ct101;
mod milesight_em300_th;
mod milesight_em400_mud;
mod milesight_em500_smtc;
mod milesight_vs133;
mod milesight_ws302;
mod milesight_wts506;
mod nas_ul2020;
mod payload;
mod spec;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use bosch_tps110::BoschTps110;
pub use decentlab_dl_atm41::DecentlabDlAtm41;
pub use decentlab_dl_mbx::DecentlabDlMbx;
pub use decentlab_dl_pm::DecentlabDlPm;
pub use decentlab_dl_pr26::DecentlabDlPr26;
pub use decentlab_dl_tbrg::DecentlabDlTbrg;
pub use device_type::{DeviceType, Report};
pub use dragino_lse01::DraginoLse01;
pub use dragino_trackerd::DraginoTrackerd;
pub use elsys_ers_co2::ElsysErsCo2;
pub use elvaco_cmi4110::ElvacoCmi4110;
pub use field_table::field_table;
pub use milesight_ct101::MilesightCt101;
pub use milesight_em300_th::MilesightEm300Th;
pub use milesight_em400_mud::MilesightEm400Mud;
pub use milesight_em500_smtc::MilesightEm500Smtc;
pub use milesight_vs133::MilesightVs133;
pub use milesight_ws302::MilesightWs302;
pub use milesight_wts506::MilesightWts506;
pub use nas_ul2020::NasUl2020;
pub use payload::{DecodeError, Moment, Payload};
pub use spec::{Category, Field, FieldKind, Spec};
