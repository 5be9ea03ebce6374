//! Where to publish to.

use super::error::Error;
use std::fmt;
use std::str::FromStr;

/// Host and port of an MQTT server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Name or address of the host.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

const DEFAULT_PORT: u16 = 1883;

impl FromStr for Target {
    type Err = Error;

    /// Reads `mqtt://HOST[:PORT]`; the scheme may be left out, an IPv6 address stands in brackets.
    fn from_str(address: &str) -> Result<Self, Self::Err> {
        let invalid = |reason| Error::InvalidTarget { address: address.to_owned(), reason };
        let rest = match address.split_once("://") {
            Some(("mqtt" | "tcp", rest)) => rest,
            Some(("mqtts", _)) => return Err(invalid("TLS is not supported by the simulator")),
            Some(_) => return Err(invalid("the scheme must be mqtt")),
            None => address,
        };
        let rest = rest.trim_end_matches('/');
        let (host, port) = match rest.strip_prefix('[').map(|rest| rest.split_once(']')) {
            Some(Some((host, port))) => (host, port.strip_prefix(':')),
            Some(None) => return Err(invalid("the bracket is not closed")),
            None => rest.rsplit_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        if host.is_empty() || host.contains(['/', '@', ' ']) {
            return Err(invalid("the host is missing or malformed"));
        }
        let port = match port {
            None => DEFAULT_PORT,
            Some(digits) => digits.parse().map_err(|_| invalid("the port must be a number from 0 to 65535"))?,
        };
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "mqtt://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "mqtt://{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_addresses_read_back_as_they_print() {
        for (text, host, port) in [
            ("mqtt://127.0.0.1:1884", "127.0.0.1", 1884),
            ("mqtt://broker.example/", "broker.example", 1883),
            ("localhost", "localhost", 1883),
            ("mqtt://[::1]:1885", "::1", 1885),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!((target.host.as_str(), target.port), (host, port));
            assert_eq!(target.to_string().parse::<Target>().unwrap(), target);
        }
    }

    #[test]
    fn err_addresses_say_what_is_wrong() {
        for (text, part) in
            [("http://a:1", "scheme"), ("mqtts://a", "TLS"), ("mqtt://a:99999", "port"), ("mqtt://", "host"), ("mqtt://[::1", "bracket")]
        {
            let error = text.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
