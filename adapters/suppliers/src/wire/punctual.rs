//! A body that is not sent after its time.
//!
//! What holds here: hyper takes the body after it has put the head into its buffer and before it writes that buffer
//! to the connection (`proto/h1/dispatch.rs`: `poll_write`, then `poll_flush`), and drops both when the body fails. So
//! not a byte of a request leaves whose body is late. Between this look at the clock and the write is no other wait.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// The whole body at once, or nothing of the request.
pub(super) fn punctual(body: Vec<u8>, send_by: Option<Instant>) -> reqwest::Body {
    match send_by {
        Some(send_by) => reqwest::Body::wrap(Punctual { rest: body.into(), send_by }),
        None => body.into(),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the time in which it could be sent is over")]
struct Late;

struct Punctual {
    rest: Bytes,
    send_by: Instant,
}

impl Body for Punctual {
    type Data = Bytes;
    type Error = Late;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Late>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        if Instant::now() > self.send_by {
            return Poll::Ready(Some(Err(Late)));
        }
        Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.rest)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    /// Known, so that it goes with a Content-Length.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
