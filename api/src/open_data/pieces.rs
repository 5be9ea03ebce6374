//! JSON documents with a long list in them, written piece by piece: memory stays the same however large the town is.

use std::convert::Infallible;

use axum::body::Body;
use bytes::Bytes;
use serde::Serialize;

/// A piece is sent once it has this size.
const PIECE_BYTES: usize = 64 << 10;

/// A document of `begin`, the items that `next` gives separated by commas, and `end`.
///
/// Nothing can fail any more once it has begun: what is written is in memory already.
pub(crate) fn list<T: Serialize>(begin: String, end: &'static str, mut next: impl FnMut() -> Option<T> + Send + 'static) -> Body {
    let mut piece = begin.into_bytes();
    let mut is_first = true;
    let mut done = false;
    let pieces = std::iter::from_fn(move || {
        while !done && piece.len() < PIECE_BYTES {
            let Some(item) = next() else {
                piece.extend_from_slice(end.as_bytes());
                done = true;
                break;
            };
            if !is_first {
                piece.push(b',');
            }
            is_first = false;
            // Writing plain structures to a Vec cannot fail.
            let _ = serde_json::to_writer(&mut piece, &item);
        }
        (!piece.is_empty()).then(|| Bytes::from(std::mem::take(&mut piece)))
    });
    Body::from_stream(futures::stream::iter(pieces.map(Ok::<_, Infallible>)))
}
