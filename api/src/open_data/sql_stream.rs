//! SQL over HTTP: the answer, streamed in constant memory.
//!
//! ```text
//! first 64 KiB computed ─▶ status and headers ─▶ pump ─▶ bounded channel ─▶ connection
//!      error: problem                             error or stalled reader: the connection is broken off
//! ```
//! The pump is a task of its own, so that a reader who stands still cannot hold a query slot: it gives up after `sql_stall`.

use std::time::Duration;

use arrow::array::RecordBatch;
use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use axum::response::Response;
use futures::{Stream, StreamExt};
use http_body_util::StreamBody;
use hyper::body::Frame;
use stadtwarte_model::Visibility;
use stadtwarte_query::output::{Format, Writer, batch_bytes, writer};
use stadtwarte_query::{Answer, Error as QueryError};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::Instrument;

use crate::access::Caller;
use crate::error::Problem;
use crate::headers::{ROW_LIMIT, note_damage};
use crate::state::ApiState;

/// Pieces that wait for the reader at most.
const QUEUED_PIECES: usize = 4;

/// An answer on its way into a format.
struct Document {
    answer: Answer,
    writer: Box<dyn Writer>,
    /// How much the rows of a format may take that is only written at the end.
    buffer_left: Option<usize>,
}

impl Document {
    fn new(answer: Answer, format: Format, max_buffer: usize) -> Result<Self, QueryError> {
        let writer = writer(format, &answer.schema())?;
        let buffer_left = matches!(format, Format::Table | Format::Parquet).then_some(max_buffer);
        Ok(Self { answer, writer, buffer_left })
    }

    /// The next piece; `None` after the last.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Problem> {
        let Some(batch) = self.answer.next().await.transpose()? else { return Ok(None) };
        self.take_from_buffer(&batch)?;
        Ok(Some(self.writer.rows(&batch)?))
    }

    fn take_from_buffer(&mut self, batch: &RecordBatch) -> Result<(), Problem> {
        let Some(left) = self.buffer_left else { return Ok(()) };
        let left = left.checked_sub(usize::try_from(batch_bytes(batch)).unwrap_or(usize::MAX));
        let too_expensive = || Problem::too_expensive("the answer is too large for this format; arrow, ndjson and csv have no such limit");
        self.buffer_left = Some(left.ok_or_else(too_expensive)?);
        Ok(())
    }
}

/// The response for an answer: an error of its beginning is a problem, one later breaks off the connection.
pub(super) async fn respond(state: &ApiState, caller: Caller, format: Format, answer: Answer) -> Result<Response, Problem> {
    let limits = state.limits();
    let mut document = Document::new(answer, format, limits.sql_buffer_bytes)?;
    let mut head = document.writer.begin()?;
    while head.len() < limits.sql_head_bytes {
        if let Some(piece) = document.next().await? {
            head.extend(piece);
        } else {
            head.extend(document.writer.end()?);
            return Ok(with_headers(state, caller, format, Body::from(head)));
        }
    }
    let (sender, pieces) = mpsc::channel(QUEUED_PIECES);
    tokio::spawn(pump(document, sender, limits.sql_stall).in_current_span());
    Ok(with_headers(state, caller, format, Body::new(StreamBody::new(frames(head, pieces)))))
}

fn with_headers(state: &ApiState, caller: Caller, format: Format, body: Body) -> Response {
    let mut response = Response::new(body);
    note_damage(&mut response, state.engine.store());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    if !caller.role.sees(Visibility::Internal) {
        headers.insert(ROW_LIMIT, HeaderValue::from(state.engine.limits().public_rows));
    }
    let file_name = match format {
        Format::Table | Format::Json => return response,
        Format::Csv => "inline; filename=\"answer.csv\"",
        Format::Ndjson => "inline; filename=\"answer.ndjson\"",
        Format::Geojson => "inline; filename=\"answer.geojson\"",
        Format::Arrow => "inline; filename=\"answer.arrows\"",
        Format::Parquet => "inline; filename=\"answer.parquet\"",
    };
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static(file_name));
    response
}

/// A part of the answer, or that it is whole.
enum Piece {
    Bytes(Vec<u8>),
    End,
}

/// Computes pieces for as long as somebody takes them.
async fn pump(mut document: Document, sender: mpsc::Sender<Piece>, max_stall: Duration) {
    loop {
        let next = tokio::select! {
            biased;
            // Dropping the answer cancels the query.
            () = sender.closed() => return,
            next = document.next() => next,
        };
        let pieces = match next {
            Ok(Some(bytes)) => vec![Piece::Bytes(bytes)],
            Ok(None) => match document.writer.end() {
                Ok(bytes) => vec![Piece::Bytes(bytes), Piece::End],
                Err(error) => return tracing::warn!(%error, "an answer was broken off at its end"),
            },
            Err(problem) => return tracing::warn!(?problem, "an answer was broken off"),
        };
        let is_last = pieces.len() > 1;
        for piece in pieces {
            match timeout(max_stall, sender.send(piece)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return,
                Err(_) => return tracing::info!("an answer was given up because its reader stands still"),
            }
        }
        if is_last {
            return;
        }
    }
}

/// The frames of the body. It ends well only after [`Piece::End`]; when the pump just stops, it ends with an error, and the server closes the
/// connection without the mark that makes a body whole.
fn frames(head: Vec<u8>, pieces: mpsc::Receiver<Piece>) -> impl Stream<Item = Result<Frame<Bytes>, BrokenOff>> + Send {
    let head = futures::stream::iter([Ok(Frame::data(Bytes::from(head)))]);
    head.chain(futures::stream::unfold(Some(pieces), async |pieces| {
        let mut pieces = pieces?;
        match pieces.recv().await {
            Some(Piece::Bytes(bytes)) => Some((Ok(Frame::data(Bytes::from(bytes))), Some(pieces))),
            Some(Piece::End) => None,
            None => Some((Err(BrokenOff), None)),
        }
    }))
}

/// The answer could not be computed to its end.
#[derive(Debug, thiserror::Error)]
#[error("the answer was broken off")]
struct BrokenOff;
