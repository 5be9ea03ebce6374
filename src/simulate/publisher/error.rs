//! What can go wrong with publishing.

use std::path::PathBuf;

/// Why a run could not be started or finished.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is not of the form `mqtt://HOST[:PORT]`.
    #[error("`{address}` is not an MQTT address: {reason}; expected mqtt://HOST[:PORT]")]
    InvalidTarget {
        /// What was given.
        address: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Nobody answered in time.
    #[error("no MQTT server answers at {address} within {seconds} s: {reason}")]
    Unreachable {
        /// Host and port.
        address: String,
        /// How long was tried.
        seconds: u64,
        /// The last failure.
        reason: String,
    },
    /// The server does not want this client; check user and password.
    #[error("the MQTT server at {address} refuses the connection: {reason}")]
    Refused {
        /// Host and port.
        address: String,
        /// The code of its answer.
        reason: String,
    },
    /// The list of acknowledged messages cannot be written.
    #[error("cannot write the list of acknowledged messages to {}", path.display())]
    AckLog {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
