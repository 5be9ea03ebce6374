//! MQTT over WebSocket: the HTTP door's sockets handed to the MQTT endpoint.

use std::net::SocketAddr;

use anyhow::bail;
use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use futures::future::{BoxFuture, ready};
use futures::{FutureExt, SinkExt, StreamExt};
use stadtwarte_api::MqttUpgrade;
use stadtwarte_ingest::mqtt::endpoint::{BinaryFrames, PeerAddr, Server};

/// Serves each socket with the endpoint's connection loop.
pub(crate) struct MqttOverWebsocket {
    server: Server,
}

impl MqttOverWebsocket {
    pub fn new(server: Server) -> Self {
        Self { server }
    }
}

impl MqttUpgrade for MqttOverWebsocket {
    fn serve(&self, socket: WebSocket, peer: SocketAddr) -> BoxFuture<'static, ()> {
        let server = self.server.clone();
        async move {
            let payloads = socket
                // The peer's goodbye is the end of its stream: what came before is still settled, and our goodbye answers it.
                .take_while(|message| ready(!matches!(message, Ok(Message::Close(_)))))
                .filter_map(|message| ready(payload(message).transpose()))
                .with(|bytes: Bytes| ready(Ok::<_, anyhow::Error>(Message::Binary(bytes))));
            server.serve_stream(BinaryFrames::new(payloads), PeerAddr::websocket(peer)).await;
        }
        .boxed()
    }
}

/// The bytes of a frame; `None` for pings and goodbyes, which are answered below us. A text frame ends the connection (MQTT 5, 6.0.0-1).
fn payload(message: Result<Message, axum::Error>) -> anyhow::Result<Option<Bytes>> {
    match message? {
        Message::Binary(bytes) => Ok(Some(bytes)),
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) => Ok(None),
        Message::Text(_) => bail!("MQTT over WebSocket takes binary frames only"),
    }
}
