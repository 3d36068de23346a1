//! How long things may take.

use std::time::Duration;

/// How long each kind of waiting may take; `None` is for ever. CPython has none of these but for a connection's `poll`.
///
/// ```
/// use std::time::Duration;
///
/// use sabir::{Context, Timeouts};
///
/// let timeouts = Timeouts::default().recv(Duration::from_millis(20));
/// let (mut one, _other) = Context::new().timeouts(timeouts).pipe()?;
/// assert!(one.recv::<String>().unwrap_err().is_timeout());
/// # Ok::<(), sabir::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// To be connected, the host's name looked up. 20 seconds. A listener that is not there is an error at once, as in
    /// Python 3; 2.7 tries for 20 seconds.
    pub connect: Option<Duration>,
    /// To prove and be proved the key, from the moment that the peers are connected. 20 seconds.
    pub handshake: Option<Duration>,
    /// Until somebody connects. For ever.
    pub accept: Option<Duration>,
    /// Until the peer has taken a message. For ever.
    pub send: Option<Duration>,
    /// Until a whole message is there. For ever.
    pub recv: Option<Duration>,
    /// Until a manager has answered a call, connecting to it included. For ever.
    pub call: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        let some = Some(Duration::from_secs(20));
        Timeouts { connect: some, handshake: some, accept: None, send: None, recv: None, call: None }
    }
}

impl Timeouts {
    /// The same time for everything.
    #[must_use]
    pub fn all(timeout: Duration) -> Timeouts {
        let some = Some(timeout);
        Timeouts { connect: some, handshake: some, accept: some, send: some, recv: some, call: some }
    }
}

macro_rules! setters {
    ($($name:ident: $what:literal,)*) => {
        impl Timeouts {$(
            #[doc = concat!("Another time ", $what, "; `None` is for ever.")]
            #[must_use]
            pub fn $name(mut self, timeout: impl Into<Option<Duration>>) -> Timeouts {
                self.$name = timeout.into();
                self
            }
        )*}
    };
}

setters! {
    connect: "to be connected",
    handshake: "to prove and be proved the key",
    accept: "until somebody connects",
    send: "until the peer has taken a message",
    recv: "until a whole message is there",
    call: "until a manager has answered a call",
}
