//! MQTT over WebSocket (section 6): binary frames as a byte stream. Packets may begin and end anywhere in frames.
//!
//! This crate knows no HTTP server. The wiring maps the server's WebSocket to a stream and sink of binary payloads, answers the
//! subprotocol `mqtt`, and ends the stream with an error on a text frame (6.0.0-1):
//!
//! ```text
//! upgrade.protocols(["mqtt"]).max_message_size(n).on_upgrade(|socket| {
//!     let frames = socket.filter_map(binary payload, or an error for text).with(binary frame from bytes);
//!     server.serve_stream(BinaryFrames::new(frames), PeerAddr::websocket(address))
//! })
//! ```

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Makes bytes of a stream and sink of binary frames.
#[derive(Debug)]
pub struct BinaryFrames<F> {
    frames: F,
    unread: Bytes,
}

impl<F> BinaryFrames<F> {
    /// Wraps `frames`.
    pub fn new(frames: F) -> Self {
        Self { frames, unread: Bytes::new() }
    }
}

impl<F, E> AsyncRead for BinaryFrames<F>
where
    F: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, target: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // Empty frames are legal and are not the end of the stream.
        while self.unread.is_empty() {
            match ready!(Pin::new(&mut self.frames).poll_next(context)) {
                Some(Ok(frame)) => self.unread = frame,
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None => return Poll::Ready(Ok(())),
            }
        }
        let len = self.unread.len().min(target.remaining());
        target.put_slice(&self.unread[..len]);
        self.unread.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl<F, E> AsyncWrite for BinaryFrames<F>
where
    F: Sink<Bytes, Error = E> + Unpin,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(Pin::new(&mut self.frames).poll_ready(context)).map_err(io::Error::other)?;
        Pin::new(&mut self.frames).start_send(Bytes::copy_from_slice(bytes)).map_err(io::Error::other)?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.frames).poll_flush(context).map_err(io::Error::other)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.frames).poll_close(context).map_err(io::Error::other)
    }
}
