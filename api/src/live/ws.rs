//! The live stream over a WebSocket: the same events as JSON texts.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use tokio::time::timeout;

use super::event::Event;
use super::feed::{Beat, Feed};
use super::filter::Wish;
use crate::access::{Caller, Presented};
use crate::error::{CommonProblems, Computed, Problem};
use crate::state::ApiState;

/// Clients have nothing to say here.
const MAX_INCOMING_BYTES: usize = 4 << 10;

/// The same events over a WebSocket, each a JSON text `{"event": "reading", "id": "471800", "data": {…}}`.
///
/// Parameters as for `/api/v1/live`. The server pings a silent connection and closes it with 1001 when it shuts down.
#[utoipa::path(
    get, path = "/api/v1/live/ws", tag = "live", operation_id = "liveWebSocket",
    params(
        ("property" = Option<String>, Query, description = "Only these properties: codes, separated by commas or repeated.", example = "air_temperature"),
        ("station" = Option<String>, Query, description = "Only these stations: numbers, separated by commas or repeated.", example = "12"),
        ("bbox" = Option<String>, Query, description = "Only readings measured inside: minLon,minLat,maxLon,maxLat.", example = "9.9,48.3,10.1,48.5"),
        ("last_event_id" = Option<String>, Query, description = "Continue after this event or position.", example = "1843967"),
    ),
    responses(
        (status = 101, description = "The connection is a WebSocket from here on."),
        (status = 426, description = "The request was no WebSocket handshake.", body = crate::error::ProblemDetails, content_type = "application/problem+json"),
        CommonProblems, Computed
    )
)]
pub(crate) async fn live(
    State(state): State<ApiState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|rejection| Problem::upgrade(rejection.body_text()))?;
    let wish = Wish::read(&uri, &headers, state.limits().max_filter_values)?;
    let feed = Feed::open(&state, Presented::of(caller, &headers)?, wish)?;
    let max_stall = state.limits().write_timeout;
    Ok(upgrade.max_message_size(MAX_INCOMING_BYTES).on_upgrade(move |socket| send_all(socket, feed, max_stall)))
}

async fn send_all(mut socket: WebSocket, mut feed: Feed, max_stall: Duration) {
    loop {
        let messages = tokio::select! {
            beat = feed.next() => match beat {
                Some(beat) => messages_of(beat),
                None => vec![going_away()],
            },
            incoming = socket.recv() => match incoming {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                // Answers to pings are sent by the library; anything else is not for us.
                Some(Ok(_)) => continue,
            },
        };
        for message in messages {
            let is_last = matches!(message, Message::Close(_));
            let sent = timeout(max_stall, socket.send(message)).await;
            if is_last || !matches!(sent, Ok(Ok(()))) {
                return;
            }
        }
    }
}

fn messages_of(beat: Beat) -> Vec<Message> {
    match beat {
        Beat::Events(events) => events.iter().map(|event| Message::text(rendered(event))).collect(),
        Beat::Quiet(_) => vec![Message::Ping(Bytes::new())],
    }
}

fn rendered(Event { id, name, data }: &Event) -> String {
    format!(r#"{{"event":"{name}","id":"{id}","data":{data}}}"#)
}

fn going_away() -> Message {
    Message::Close(Some(CloseFrame {
        code: close_code::AWAY,
        reason: Utf8Bytes::from_static("the platform shuts down or the key was taken back"),
    }))
}
