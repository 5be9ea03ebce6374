//! The live stream as server-sent events (WHATWG HTML, section 9.2).

use std::convert::Infallible;
use std::fmt::Write;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use futures::StreamExt;

use super::event::{Event, LiveReading};
use super::feed::{Beat, Feed};
use super::filter::Wish;
use crate::access::{Caller, Presented};
use crate::error::{CommonProblems, Computed, Problem};
use crate::state::ApiState;

/// How long an `EventSource` waits before it comes back, in milliseconds.
const RETRY_MS: u32 = 2000;

/// New readings as they become durable, as server-sent events.
///
/// Event `reading`: its id is the reading's, its data a `LiveReading`. Event `reset`: more was missed than is kept; load the state again and
/// go on from `position`. After a break an `EventSource` comes back by itself with `Last-Event-ID` and gets what it missed, without gaps
/// or doubles; another client passes `last_event_id`. Blocks with only an id move the position on where the filter lets nothing through.
#[utoipa::path(
    get, path = "/api/v1/live", tag = "live", operation_id = "live",
    params(
        ("property" = Option<String>, Query, description = "Only these properties: codes, separated by commas or repeated.", example = "air_temperature"),
        ("station" = Option<String>, Query, description = "Only these stations: numbers, separated by commas or repeated.", example = "12"),
        ("bbox" = Option<String>, Query, description = "Only readings measured inside: minLon,minLat,maxLon,maxLat.", example = "9.9,48.3,10.1,48.5"),
        ("last_event_id" = Option<String>, Query, description = "Continue after this event or position.", example = "1843967"),
        ("Last-Event-ID" = Option<String>, Header, description = "The same; goes before the parameter.", example = "1843967"),
    ),
    responses(
        (status = 200, description = "The stream; it has no end.", body = LiveReading, content_type = "text/event-stream"),
        CommonProblems, Computed
    )
)]
pub(crate) async fn live(State(state): State<ApiState>, caller: Caller, headers: HeaderMap, uri: Uri) -> Result<Response, Problem> {
    let wish = Wish::read(&uri, &headers, state.limits().max_filter_values)?;
    let feed = Feed::open(&state, Presented::of(caller, &headers)?, wish)?;
    // The first block makes the position known, so that nothing is lost when the connection breaks before the first event.
    let begin = format!("retry: {RETRY_MS}\nid: {}\n\n", feed.position());
    let blocks = futures::stream::unfold(feed, async |mut feed| Some((rendered(feed.next().await?), feed)));
    let blocks = futures::stream::iter([begin]).chain(blocks).map(|block| Ok::<_, Infallible>(Bytes::from(block)));
    let mut response = Response::new(Body::from_stream(blocks));
    for (name, value) in [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
        // Asks nginx not to hold events back.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

fn rendered(beat: Beat) -> String {
    match beat {
        Beat::Events(events) => events.iter().fold(String::new(), |mut text, Event { id, name, data }| {
            // Writing to a String cannot fail.
            let _ = write!(text, "id: {id}\nevent: {name}\ndata: {data}\n\n");
            text
        }),
        Beat::Quiet(position) => format!(": still here\nid: {position}\n\n"),
    }
}
