//! A stream that ends when nothing moves on it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::telemetry::metrics::{ConnectionEnd, Metrics};

/// Ends reads and writes with `TimedOut` when neither has moved for a period, at most two: a stream that moves pays a flag for
/// it, no timer.
#[derive(Debug)]
pub(super) struct IdleGuard<S> {
    stream: S,
    period: Duration,
    /// One task polls a stream, so one timer wakes both directions.
    timer: Pin<Box<Sleep>>,
    has_moved: bool,
    metrics: Arc<Metrics>,
}

impl<S> IdleGuard<S> {
    pub(super) fn new(stream: S, period: Duration, metrics: Arc<Metrics>) -> Self {
        Self { stream, period, timer: Box::pin(tokio::time::sleep(period)), has_moved: false, metrics }
    }

    /// Passes on what the stream said; where it waits, looks at the timer.
    fn watch<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.has_moved = true;
            return polled;
        }
        loop {
            ready!(self.timer.as_mut().poll(cx));
            if !self.has_moved {
                self.metrics.connections.ended(ConnectionEnd::Idle);
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.has_moved = false;
            self.timer.set(tokio::time::sleep(self.period));
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for IdleGuard<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.watch(cx, polled)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for IdleGuard<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.watch(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn a_stream_that_lies_still_ends_and_one_that_moves_does_not() {
        let metrics = Arc::new(Metrics::default());
        let (stream, mut peer) = tokio::io::duplex(64);
        let mut guarded = IdleGuard::new(stream, Duration::from_millis(20), metrics.clone());
        peer.write_all(b"moved").await.unwrap();
        let mut text = [0; 5];
        guarded.read_exact(&mut text).await.unwrap();
        assert_eq!(guarded.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        // Nobody takes what is written: the peer's buffer is full after 64 bytes.
        let mut guarded = IdleGuard::new(guarded.stream, Duration::from_millis(20), metrics);
        assert_eq!(guarded.write_all(&[0; 65]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
