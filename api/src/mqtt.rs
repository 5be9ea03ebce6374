//! The door for MQTT over WebSocket. What happens behind it is the MQTT endpoint's.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
use axum::http::header::{FORWARDED, HOST, HeaderName, HeaderValue, ORIGIN};
use axum::response::Response;
use futures::future::BoxFuture;

use crate::error::Problem;
use crate::state::ApiState;

/// Serves MQTT over an open WebSocket.
pub trait MqttUpgrade: Send + Sync {
    /// Speaks MQTT until the connection ends: every binary message holds a part of the byte stream (MQTT 5, section 6).
    ///
    /// `peer` is the client's address; its IP is 0.0.0.0 where the real one is not known: behind a proxy, and for web pages of other
    /// origins. So an exemption for loopback never covers a page that some browser on this machine has open.
    fn serve(&self, socket: WebSocket, peer: SocketAddr) -> BoxFuture<'static, ()>;
}

/// Upgrades to the subprotocol `mqtt`.
pub(crate) async fn upgrade(State(state): State<ApiState>, upgrade: WebSocketUpgrade, request: Request) -> Result<Response, Problem> {
    let mqtt = state.options.mqtt_websocket.as_ref().map(Arc::clone).ok_or(Problem::not_found("there is no MQTT here"))?;
    let upgrade = upgrade.protocols(["mqtt"]).max_message_size(state.limits().max_mqtt_message_bytes);
    if upgrade.selected_protocol().is_none() {
        return Err(Problem::invalid("`Sec-WebSocket-Protocol` must offer `mqtt`"));
    }
    let peer = peer_of(&request);
    Ok(upgrade.on_upgrade(move |socket| mqtt.serve(socket, peer)))
}

const UNKNOWN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

fn peer_of(request: &Request) -> SocketAddr {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map_or(UNKNOWN, |info| info.0);
    if is_proxied(request.headers()) || is_foreign(request.headers()) { SocketAddr::new(UNKNOWN.ip(), peer.port()) } else { peer }
}

fn is_proxied(headers: &HeaderMap) -> bool {
    let marks = [FORWARDED, HeaderName::from_static("x-forwarded-for"), HeaderName::from_static("x-real-ip")];
    marks.iter().any(|mark| headers.contains_key(mark))
}

/// Whether a page in a browser asks that did not come from this machine itself. A name other than `localhost` proves nothing, even if it
/// is also the `Host`: its owner may point it at 127.0.0.1 (DNS rebinding).
fn is_foreign(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let text = |value: Option<&HeaderValue>| value.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let host = text(headers.get(HOST));
    let origin = text(Some(origin));
    let is_same = origin.split_once("://").is_some_and(|(_, authority)| authority == host);
    !is_same || !names_this_machine(&host)
}

fn names_this_machine(host: &str) -> bool {
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit())).map_or(host, |(name, _)| name);
    name == "localhost" || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_believed_only_when_it_is_the_clients_own() {
        let local: SocketAddr = "127.0.0.1:5000".parse().unwrap();
        for (headers, believed) in [
            (vec![("host", "localhost:8080")], true),
            (vec![("host", "localhost:8080"), ("origin", "http://localhost:8080")], true),
            (vec![("host", "127.0.0.1"), ("origin", "http://127.0.0.1")], true),
            (vec![("host", "[::1]:8080"), ("origin", "http://[::1]:8080")], true),
            (vec![("host", "localhost:8080"), ("origin", "https://evil.example")], false),
            (vec![("host", "evil.example:8080"), ("origin", "http://evil.example:8080")], false),
            (vec![("host", "localhost:8080"), ("origin", "null")], false),
            (vec![("host", "localhost:8080"), ("x-forwarded-for", "203.0.113.7")], false),
            (vec![("host", "localhost:8080"), ("forwarded", "for=203.0.113.7")], false),
        ] {
            let mut request = Request::new(axum::body::Body::empty());
            request.extensions_mut().insert(ConnectInfo(local));
            for (name, value) in &headers {
                request.headers_mut().insert(*name, value.parse().unwrap());
            }
            assert_eq!(peer_of(&request).ip().is_loopback(), believed, "{headers:?}");
        }
    }
}
