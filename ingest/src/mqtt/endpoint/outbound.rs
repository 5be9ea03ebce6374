//! What waits to be written to a peer. Everything that became ready in one turn leaves in one write.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use tokio::time::Instant;

/// Bytes to write. Growth is bounded by the connection, which stops reading above `max_outbound_bytes`.
#[derive(Debug, Default)]
pub(super) struct Outbound {
    bytes: Vec<u8>,
    written: usize,
    needs_flush: bool,
    stalled_since: Option<Instant>,
}

/// Above this the buffer is given back once it is empty.
const KEPT_CAPACITY: usize = 16 << 10;

impl Outbound {
    /// Where answers are appended.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Bytes not written yet.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// Whether everything was written and flushed.
    pub(super) fn is_idle(&self) -> bool {
        self.len() == 0 && !self.needs_flush
    }

    /// Since when the peer has not taken a byte, while there is something to take.
    pub(super) fn stalled_since(&self) -> Option<Instant> {
        self.stalled_since
    }

    /// Writes what there is; ready once all of it is written and flushed.
    pub(super) fn poll_write<S: AsyncWrite + Unpin>(&mut self, context: &mut Context<'_>, stream: &mut S) -> Poll<io::Result<()>> {
        while self.written < self.bytes.len() {
            match Pin::new(&mut *stream).poll_write(context, &self.bytes[self.written..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => {
                    self.written += written;
                    self.needs_flush = true;
                    self.stalled_since = None;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return self.stall(),
            }
        }
        self.bytes.clear();
        self.written = 0;
        if self.bytes.capacity() > KEPT_CAPACITY {
            self.bytes = Vec::new();
        }
        if self.needs_flush {
            match Pin::new(stream).poll_flush(context) {
                Poll::Ready(Ok(())) => self.needs_flush = false,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return self.stall(),
            }
        }
        self.stalled_since = None;
        Poll::Ready(Ok(()))
    }

    fn stall(&mut self) -> Poll<io::Result<()>> {
        self.stalled_since.get_or_insert_with(Instant::now);
        Poll::Pending
    }
}
