//! The list of device types, and calls that find the right one.

use super::super::json::{Integers, JsonWriter};
use super::super::world::{Site, World};
use super::payload::{DecodeError, Moment, Payload};
use super::spec::Spec;

/// What a device sends at one moment.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// LoRaWAN port.
    pub f_port: u8,
    /// Payload bytes in the vendor's format.
    pub payload: Vec<u8>,
    pub(crate) object: JsonWriter,
}

impl Report {
    /// The decoded object as JSON text.
    #[must_use]
    pub fn object(&self) -> &str {
        self.object.as_str()
    }

    fn fill<P: Payload>(&mut self, message: &P, integers: Integers) {
        self.f_port = message.f_port();
        self.payload.clear();
        message.encode(&mut self.payload);
        self.object.reset(integers);
        self.object.begin_object();
        message.object(&mut self.object);
        self.object.end_object();
    }
}

/// Declares the enum and sends every call to the type behind the variant.
macro_rules! device_types {
    ($($variant:ident),+ $(,)?) => {
        /// A supported device type.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum DeviceType {
            $(#[doc = concat!("See [`", stringify!($variant), "`](super::", stringify!($variant), ").")] $variant,)+
        }

        impl DeviceType {
            /// All device types.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Constant facts of the type.
            #[must_use]
            pub const fn spec(self) -> &'static Spec {
                match self {
                    $(Self::$variant => const { &<super::$variant as Payload>::SPEC },)+
                }
            }

            /// Measures the world and fills `report` with fPort, bytes and decoded object.
            pub(crate) fn report(self, world: &World, site: &Site, moment: Moment, integers: Integers, report: &mut Report) {
                match self {
                    $(Self::$variant => report.fill(&super::$variant::measure(world, site, moment), integers),)+
                }
            }

            /// Measures the world and appends the numeric fields, in the order of [`Spec::numeric_fields`]; NaN where absent.
            pub fn numbers(self, world: &World, site: &Site, moment: Moment, out: &mut Vec<f64>) {
                match self {
                    $(Self::$variant => super::$variant::measure(world, site, moment).numbers(out),)+
                }
            }

            /// Decodes a payload and returns the decoded object as JSON text.
            ///
            /// # Errors
            /// [`DecodeError`] when the bytes do not follow the format of this type.
            pub fn decode(self, f_port: u8, bytes: &[u8]) -> Result<String, DecodeError> {
                let mut json = JsonWriter::default();
                json.begin_object();
                match self {
                    $(Self::$variant => super::$variant::decode(f_port, bytes)?.object(&mut json),)+
                }
                json.end_object();
                Ok(json.into_text())
            }
        }
    };
}

device_types!(
    DecentlabDlPm,
    DecentlabDlAtm41,
    MilesightWts506,
    MilesightEm300Th,
    DecentlabDlTbrg,
    DraginoLse01,
    MilesightEm500Smtc,
    DecentlabDlMbx,
    DecentlabDlPr26,
    MilesightWs302,
    BoschTps110,
    MilesightEm400Mud,
    MilesightVs133,
    NasUl2020,
    MilesightCt101,
    ElvacoCmi4110,
    DraginoTrackerd,
    ElsysErsCo2,
);

impl DeviceType {
    /// Measures the world and returns what the device sends, with the decoded object as JavaScript would print it.
    #[must_use]
    pub fn sample(self, world: &World, site: &Site, moment: Moment) -> Report {
        let mut report = Report::default();
        self.report(world, site, moment, Integers::Bare, &mut report);
        report
    }
}
