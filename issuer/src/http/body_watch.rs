//! Tells a request that took too long because of its caller from one that took too long because of the issuer.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use hyper::body::{Body as _, Frame, SizeHint};

/// Whether the handler waits for more of the body.
#[derive(Debug, Clone, Default)]
pub(super) struct BodyWatch(Arc<AtomicBool>);

impl BodyWatch {
    /// The request with its body watched. One without a body is left as it is.
    pub(super) fn of(request: Request) -> (Self, Request) {
        let watch = Self::default();
        if request.body().is_end_stream() {
            return (watch, request);
        }
        let awaited = watch.0.clone();
        (watch, request.map(|body| Body::new(WatchedBody { body, awaited })))
    }

    /// Whether the last look at the body found nothing new.
    pub(super) fn is_awaited(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

struct WatchedBody {
    body: Body,
    awaited: Arc<AtomicBool>,
}

impl hyper::body::Body for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.awaited.store(polled.is_pending(), Ordering::Relaxed);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
