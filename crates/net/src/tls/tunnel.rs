//! What carries a connection between TLS and our end of a pair of sockets.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};
use ::tokio::net::UnixStream;
use ::tokio::task::JoinHandle;
use ::tokio::time::sleep;
use bytes::BytesMut;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::deadline::Deadline;
use crate::error::{Doing, Error};
use crate::tls::failed;
use crate::tokio::by;

/// How a connection over TLS ended, once it has.
#[derive(Debug)]
pub struct Fate {
    broke: Arc<OnceLock<io::Error>>,
    task: JoinHandle<()>,
}

impl Fate {
    /// Why TLS broke it off, which its stream shows as a mere end.
    #[must_use]
    pub fn error(&self) -> Option<Error> {
        let broke = self.broke.get()?;
        // An error of the system cannot be had twice, but its reason can.
        let again = match broke.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(reason) => io::Error::new(broke.kind(), tokio_rustls::rustls::Error::clone(reason)),
            None => io::Error::new(broke.kind(), broke.to_string()),
        };
        Some(failed(again))
    }

    /// Waits until what the dropped stream had sent last has left, or cannot leave: a process that ends before loses it. What
    /// has not left by the deadline never does.
    pub async fn ended(mut self, deadline: impl Into<Deadline>) {
        if by(deadline.into(), Doing::Sending, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

/// Has a task carry what passes, on the runtime that this is called on: our end, and what becomes of it.
pub(super) fn carry(tls: impl AsyncRead + AsyncWrite + Send + 'static) -> Result<(UnixStream, Fate), Error> {
    let (ours, theirs) = UnixStream::pair().map_err(Error::io(Doing::Securing))?;
    let broke = Arc::<OnceLock<io::Error>>::default();
    let told = Arc::clone(&broke);
    let task = ::tokio::spawn(async move {
        if let Err(error) = tunnel(tls, &theirs).await {
            // Before our end learns that it is over.
            let _ = told.set(error);
        }
        drop(theirs);
    });
    Ok((ours, Fate { broke, task }))
}

/// Carries both ways until both are over, or our end is gone.
async fn tunnel(tls: impl AsyncRead + AsyncWrite, ours: &UnixStream) -> io::Result<()> {
    let (mut from_peer, mut to_peer) = split(tls);
    let outward = async {
        let mut buffer = BytesMut::with_capacity(PIECE);
        loop {
            ours.readable().await?;
            match ours.try_read_buf(&mut buffer) {
                Ok(0) => return to_peer.shutdown().await,
                Ok(_) => {
                    to_peer.write_all(&buffer).await?;
                    to_peer.flush().await?;
                    buffer.clear();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    };
    let inward = async {
        let mut buffer = BytesMut::with_capacity(PIECE);
        loop {
            if from_peer.read_buf(&mut buffer).await? == 0 {
                return Ok(rustix::net::shutdown(ours, rustix::net::Shutdown::Write)?);
            }
            while !buffer.is_empty() {
                ours.writable().await?;
                match ours.try_write(&buffer) {
                    Ok(written) => drop(buffer.split_to(written)),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    // Our end wants no more.
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
            buffer.clear();
            buffer.reserve(PIECE);
        }
    };
    ::tokio::pin!(outward, inward);
    let (mut sent, mut received) = (false, false);
    while !(sent && received) {
        ::tokio::select! {
            done = &mut outward, if !sent => {
                done?;
                sent = true;
            }
            done = &mut inward, if !received => {
                done?;
                received = true;
            }
            () = sleep(LOOK_AGAIN), if sent => {}
        }
        // It has ended its stream, or it is gone altogether: then nobody reads what still comes.
        if sent && is_gone(ours) {
            break;
        }
    }
    Ok(())
}

fn is_gone(ours: &UnixStream) -> bool {
    let mut fds = [PollFd::new(ours, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&now)).is_ok() && fds[0].revents().contains(PollFlags::HUP)
}

/// What one record of TLS holds, in bytes.
const PIECE: usize = 16 * 1024;
/// How often is looked whether an end that only receives is still there.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
