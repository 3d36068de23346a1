//! A listener that no peer can block.

use std::collections::VecDeque;

use sabir_net::tokio::{self as net, Stream};
use sabir_net::{Address, Doing};
use tokio::task::{AbortHandle, JoinSet};

use super::connection::Connection;
use crate::address::IntoAddress;
use crate::channel::{Channel, config};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::peer::Peer;
use crate::reducer::Reducer;
use crate::timeouts::Timeouts;

/// A listening socket; the async sister of [`sabir::Listener`](crate::Listener).
///
/// All that have connected authenticate at once, so that one that says nothing keeps nobody waiting.
///
/// ```no_run
/// # async fn example() -> sabir::Result<()> {
/// use sabir::tokio::Listener;
/// use sabir::Context;
///
/// let context = Context::new().authkey(b"secret");
/// let mut listener = Listener::bind(&context, "127.0.0.1:5000").await?;
/// loop {
///     let mut connection = listener.accept().await?;
///     tokio::spawn(async move {
///         while let Ok(number) = connection.recv::<u64>().await {
///             connection.send(&(number + 1)).await?;
///         }
///         Ok::<_, sabir::Error>(())
///     });
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Listener {
    inner: net::Listener,
    context: Context,
    pending: JoinSet<Result<net::Connection>>,
    /// Those of `pending`, the oldest first, and some that are done.
    oldest: VecDeque<AbortHandle>,
    refused: VecDeque<Error>,
}

/// How many may authenticate at a time; beyond these the oldest is closed for the next.
const MOST_PENDING: usize = 1024;
/// How many failures are remembered.
const MOST_REFUSED: usize = 64;

impl Listener {
    /// Listens. Port 0 picks a free one.
    ///
    /// # Errors
    /// The address is none, is taken, or is not of this machine.
    pub async fn bind(context: &Context, address: impl IntoAddress) -> Result<Listener> {
        let inner = net::Listener::bind(&address.into_address()?).await?;
        let (pending, oldest, refused) = (JoinSet::new(), VecDeque::new(), VecDeque::new());
        Ok(Listener { inner, context: context.clone(), pending, oldest, refused })
    }

    /// Where peers connect to.
    #[must_use]
    pub fn address(&self) -> &Address {
        self.inner.local_address()
    }

    /// Waits until a peer has connected and authenticated. Dropped, it loses nobody.
    ///
    /// # Errors
    /// [`Error::Net`]: the timeout of accepting has passed, or the listener itself is broken. That a peer fails is no
    /// error.
    pub async fn accept(&mut self) -> Result<Connection> {
        match self.context.settings().timeouts.accept {
            None => self.accepted().await,
            Some(timeout) => match tokio::time::timeout(timeout, self.accepted()).await {
                Ok(accepted) => accepted,
                Err(_) => Err(sabir_net::Error::Timeout { doing: Doing::Accepting }.into()),
            },
        }
    }

    /// Gives what is accepted from now on another reducer.
    pub fn set_reducer(&mut self, reducer: impl Into<Reducer>) {
        self.context = self.context.clone().reducer(reducer);
    }

    /// How long things may take here, and on what is accepted.
    #[must_use]
    pub fn timeouts(&self) -> Timeouts {
        self.context.settings().timeouts
    }

    /// Gives what is accepted from now on other timeouts.
    pub fn set_timeouts(&mut self, timeouts: Timeouts) {
        self.context = self.context.clone().timeouts(timeouts);
    }

    /// Why peers were turned away since this was last asked: wrong keys, silence, bytes that are no handshake, too many at
    /// once. The last 64 are kept.
    pub fn refused(&mut self) -> Vec<Error> {
        self.refused.drain(..).collect()
    }

    async fn accepted(&mut self) -> Result<Connection> {
        loop {
            tokio::select! {
                stream = self.inner.accept() => {
                    let (context, stream) = (self.context.clone(), stream?);
                    self.oldest.push_back(self.pending.spawn(authenticated(context, stream)));
                    while self.oldest.len() > MOST_PENDING {
                        if let Some(oldest) = self.oldest.pop_front() {
                            oldest.abort();
                        }
                    }
                }
                Some(done) = self.pending.join_next() => match done {
                    Ok(Ok(inner)) => {
                        let peer = Peer::authenticated(inner.hints());
                        return Ok(Connection::joined(inner, Channel::to(&self.context, peer)));
                    }
                    Ok(Err(error)) => self.refuse(error),
                    Err(gone) if gone.is_cancelled() => self.refuse(Error::Crowded),
                    // A handshake that panicked is one peer less.
                    Err(_) => {}
                }
            }
        }
    }

    fn refuse(&mut self, error: Error) {
        self.refused.push_back(error);
        if self.refused.len() > MOST_REFUSED {
            self.refused.pop_front();
        }
    }
}

async fn authenticated(context: Context, stream: Stream) -> Result<net::Connection> {
    let (settings, config) = (context.settings(), config(&context));
    match &settings.authkey {
        None => Ok(net::Connection::new(stream, config)),
        Some(key) => {
            let timeout = settings.timeouts.handshake;
            Ok(net::Connection::accepting(stream, config, key.clone(), settings.auth, timeout).await?)
        }
    }
}
