//! One read of a socket, decoded packet by packet.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

/// A fixed buffer. It is filled only when it is empty: what has no room in flight stays here, and then in the socket.
#[derive(Debug)]
pub(super) struct Input {
    buffer: Box<[u8]>,
    begin: usize,
    end: usize,
}

impl Input {
    /// A buffer of at least `capacity` bytes that begins with what came after CONNECT.
    pub(super) fn new(capacity: usize, pipelined: &[u8]) -> Self {
        let mut buffer = vec![0; capacity.max(pipelined.len())].into_boxed_slice();
        buffer[..pipelined.len()].copy_from_slice(pipelined);
        Self { buffer, begin: 0, end: pipelined.len() }
    }

    /// Bytes read and not decoded yet.
    pub(super) fn unread(&self) -> &[u8] {
        &self.buffer[self.begin..self.end]
    }

    /// Marks bytes as decoded, so that `remaining` stay.
    pub(super) fn keep_last(&mut self, remaining: usize) {
        self.begin = self.end.saturating_sub(remaining);
    }

    /// Whether everything is decoded.
    pub(super) fn is_empty(&self) -> bool {
        self.begin == self.end
    }

    /// Reads once into the empty buffer; 0 is the end of the stream.
    pub(super) fn poll_fill<S: AsyncRead + Unpin>(&mut self, context: &mut Context<'_>, stream: &mut S) -> Poll<io::Result<usize>> {
        let mut target = ReadBuf::new(&mut self.buffer);
        match Pin::new(stream).poll_read(context, &mut target) {
            Poll::Ready(Ok(())) => {
                let read = target.filled().len();
                (self.begin, self.end) = (0, read);
                Poll::Ready(Ok(read))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }
}
