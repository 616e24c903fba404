//! A connection that knows whether anything was written to it.
//!
//! It lies below TLS: what counts is what was handed to the network, not what waits in a buffer of ours.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Whether anything was written since it was last asked to forget.
#[derive(Clone, Debug, Default)]
pub struct Wrote(Arc<AtomicBool>);

impl Wrote {
    /// Forgets what was written.
    pub fn forget(&self) {
        self.0.store(false, Ordering::SeqCst);
    }

    /// Whether anything was written since.
    pub fn anything(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    fn note(&self, written: usize) {
        if written > 0 {
            self.0.store(true, Ordering::SeqCst);
        }
    }
}

/// A TCP connection, and whether anything was written to it.
pub struct Line {
    stream: TcpStream,
    wrote: Wrote,
}

impl Line {
    /// Over a connection.
    pub fn new(stream: TcpStream, wrote: Wrote) -> Self {
        Self { stream, wrote }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.wrote.note(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, pieces))?;
        self.wrote.note(written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
