//! The one thing to configure.

use std::sync::{Arc, PoisonError, RwLock};

use sabir_net::blocking::Stream;
use sabir_pickle::AllowList;
use sabir_wire::auth::{AuthKey, AuthOptions};
use sabir_wire::frame::FrameLimits;

use crate::address::IntoAddress;
use crate::connection::Connection;
use crate::error::Result;
use crate::known::Known;
use crate::listener::Listener;
use crate::manager::Manager;
use crate::peer::Peer;
use crate::reducer::Reducer;
use crate::secure::Connector;
use crate::timeouts::Timeouts;

/// What connections, listeners and managers have in common: the reducer, the key, the timeouts, the limits,
/// the policy.
///
/// A context is a value. What it makes keeps the settings that it had then; a clone with another setting is another
/// context, which shares nothing with the first but what was learnt of peers. What a listener accepts has the
/// listener's settings, and any one object can be given its own afterwards.
///
/// ```
/// use sabir::reducer::Pickle;
/// use sabir::Context;
///
/// let context = Context::new().authkey(b"secret");
/// let old = context.clone().reducer(Pickle::protocol(2));
///
/// let listener = old.listener("127.0.0.1:0")?;
/// let address = listener.address().clone();
/// let client = std::thread::spawn(move || -> sabir::Result<u32> {
///     let mut connection = context.client(&address)?; // in Python: Client(address, authkey=b'secret')
///     connection.send(&("add", 2, 3))?;
///     connection.recv()
/// });
/// let mut connection = listener.accept()?;
/// let (name, a, b): (String, u32, u32) = connection.recv()?;
/// assert_eq!(name, "add");
/// connection.send(&(a + b))?;
/// assert_eq!(client.join().expect("no panic")?, 5);
/// # Ok::<(), sabir::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Context {
    settings: Arc<Settings>,
}

/// The settings of a [`Context`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) reducer: Reducer,
    pub(crate) authkey: Option<AuthKey>,
    pub(crate) auth: AuthOptions,
    pub(crate) timeouts: Timeouts,
    pub(crate) frames: FrameLimits,
    pub(crate) allow: Option<Arc<AllowList>>,
    pub(crate) known: Known,
    pub(crate) tls: Option<Connector>,
}

/// The context that [`Context::current`] gives.
static CURRENT: RwLock<Option<Context>> = RwLock::new(None);

impl Context {
    /// Adaptive pickle, no key, default timeouts and limits.
    pub fn new() -> Context {
        Context::default()
    }

    /// The process's own context: what [`Context::set_current`] was last given, or [`Context::new`]. Nothing in this
    /// library looks at it but the functions of the crate's root ([`client`](crate::client) and its like).
    pub fn current() -> Context {
        // Whoever panicked while holding the lock was replacing a whole value.
        let current = CURRENT.read().unwrap_or_else(PoisonError::into_inner);
        current.clone().unwrap_or_default()
    }

    /// Makes this the process's own context, at any time: it is what everything has that is made from it afterwards.
    ///
    /// ```standalone_crate
    /// use sabir::reducer::Pickle;
    /// use sabir::Context;
    ///
    /// Context::new().reducer(Pickle::protocol(2)).set_current();
    /// let (mut one, mut other) = sabir::pipe()?;
    /// one.send("ahoy")?;
    /// assert!(other.recv_bytes()?.starts_with(b"\x80\x02"));
    /// # Ok::<(), sabir::Error>(())
    /// ```
    pub fn set_current(self) {
        *CURRENT.write().unwrap_or_else(PoisonError::into_inner) = Some(self);
    }

    /// How values become messages and back. Managers speak pickle, whatever this is: their requests are by its protocol if it
    /// is a [`Pickle`](crate::reducer::Pickle), else adaptive.
    pub fn reducer(mut self, reducer: impl Into<Reducer>) -> Context {
        self.settings_mut().reducer = reducer.into();
        self
    }

    /// The key that peers prove to each other: bytes, as `b"secret"`, or an [`AuthKey`]. Without one nobody is asked for any, as in Python: whoever can connect
    /// is trusted.
    pub fn authkey(mut self, key: impl Into<AuthKey>) -> Context {
        self.settings_mut().authkey = Some(key.into());
        self
    }

    /// No key any more.
    pub fn no_authkey(mut self) -> Context {
        self.settings_mut().authkey = None;
        self
    }

    /// How we challenge and what proof we take and give.
    pub fn auth_options(mut self, options: AuthOptions) -> Context {
        self.settings_mut().auth = options;
        self
    }

    /// Whom clients trust at addresses `tls:host:port`, and what they show of themselves. What was sent last over TLS may still
    /// be on its way inside of this process: one that ends at once waits for an answer before.
    ///
    /// ```no_run
    /// use sabir::Context;
    /// use sabir::net::tls::{Authorities, Connector};
    ///
    /// let trusted = Authorities::from_pem(&std::fs::read("ca.pem")?)?;
    /// let context = Context::new().authkey(b"secret").tls(Connector::new(trusted, None)?);
    /// let manager = context.manager("tls:example.org:5000")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "tls")]
    pub fn tls(mut self, connector: Connector) -> Context {
        self.settings_mut().tls = Some(connector);
        self
    }

    /// How long things may take.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use sabir::{Context, Timeouts};
    ///
    /// let context = Context::new().timeouts(Timeouts::all(Duration::from_millis(20)));
    /// let (mut one, _other) = context.pipe()?;
    /// assert!(one.recv::<u8>().unwrap_err().is_timeout());
    /// # Ok::<(), sabir::Error>(())
    /// ```
    pub fn timeouts(mut self, timeouts: Timeouts) -> Context {
        self.settings_mut().timeouts = timeouts;
        self
    }

    /// The longest message that is received, in bytes; [`FrameLimits::default`] without this. A longer one ends its
    /// connection with an error.
    ///
    /// ```
    /// use sabir::Context;
    ///
    /// let (mut one, mut other) = Context::new().max_message(1000).pipe()?;
    /// one.send_bytes(&[0; 1001])?;
    /// assert!(other.recv_bytes().is_err());
    /// # Ok::<(), sabir::Error>(())
    /// ```
    pub fn max_message(mut self, bytes: u64) -> Context {
        self.settings_mut().frames.max_message = bytes;
        self
    }

    /// Which names the pickles of peers may mention, by a list of exact ones: the policy. Whatever else a pickle names is an
    /// error ([`NotAllowed`](sabir_pickle::ErrorKind::NotAllowed)) with the name and its offset, and the connection goes on.
    ///
    /// Without a list all are allowed, since all that is received is data here: nothing that a pickle names is ever
    /// imported, resolved or called. A list is for programs that hand on what they receive to those who do.
    /// [`AllowList::builtin`] holds what managers need; bytes as they are and other formats than pickle have no names.
    ///
    /// ```
    /// use sabir::pickle::AllowList;
    /// use sabir::pickle::serde::{Class, Instance};
    /// use sabir::Context;
    ///
    /// let mut list = AllowList::builtin();
    /// list.add("shop.Order")?;
    /// let (mut one, mut other) = Context::new().allow(list).pipe()?;
    /// one.send(&Instance { class: Class::new("shop", "Order"), state: [("id", 7)] })?;
    /// one.send(&Class::new("os", "system"))?;
    /// one.send("ahoy")?;
    /// assert_eq!(other.recv::<Instance<Vec<(String, u8)>>>()?.class.name, "Order");
    /// let error = other.recv::<Class>().unwrap_err().to_string();
    /// assert!(error.contains("os.system is not allowed at offset "), "{error}");
    /// assert_eq!(other.recv::<String>()?, "ahoy");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allow(mut self, list: AllowList) -> Context {
        self.settings_mut().allow = Some(Arc::new(list));
        self
    }

    /// All names again.
    pub fn allow_all(mut self) -> Context {
        self.settings_mut().allow = None;
        self
    }

    /// How values become messages.
    #[must_use]
    pub fn get_reducer(&self) -> &Reducer {
        &self.settings.reducer
    }

    /// The key.
    #[must_use]
    pub fn get_authkey(&self) -> Option<&AuthKey> {
        self.settings.authkey.as_ref()
    }

    /// How long things may take.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use sabir::Context;
    ///
    /// let context = Context::current();
    /// let patient = context.clone().timeouts(context.get_timeouts().connect(Duration::from_secs(60)));
    /// ```
    #[must_use]
    pub fn get_timeouts(&self) -> Timeouts {
        self.settings.timeouts
    }

    /// The longest message that is received, in bytes.
    #[must_use]
    pub fn get_max_message(&self) -> u64 {
        self.settings.frames.max_message
    }

    /// Which names pickles may mention; all, if there is no list.
    #[must_use]
    pub fn get_allow(&self) -> Option<&AllowList> {
        self.settings.allow.as_deref()
    }

    /// Listens, as `multiprocessing.connection.Listener` does. Port 0 picks a free one.
    ///
    /// ```
    /// let listener = sabir::Context::new().listener("127.0.0.1:0")?;
    /// println!("Client(('127.0.0.1', ...)) in Python reaches {}", listener.address());
    /// # Ok::<(), sabir::Error>(())
    /// ```
    ///
    /// # Errors
    /// The address is none, is taken, or is not of this machine.
    pub fn listener(&self, address: impl IntoAddress) -> Result<Listener> {
        Listener::bind(self, address)
    }

    /// Connects to a listener and authenticates, as `multiprocessing.connection.Client` does.
    ///
    /// # Errors
    /// Nobody listens there, the key is wrong, or the peer is too slow.
    pub fn client(&self, address: impl IntoAddress) -> Result<Connection> {
        Connection::connect(self, address)
    }

    /// Connects to a manager, as `BaseManager.connect()` does.
    ///
    /// # Errors
    /// As [`client`](Context::client).
    pub fn manager(&self, address: impl IntoAddress) -> Result<Manager> {
        Manager::connect(self, &address.into_address()?)
    }

    /// The two ends of a connection inside this process, as `multiprocessing.Pipe` makes them.
    ///
    /// ```
    /// let (mut one, mut other) = sabir::Context::new().pipe()?;
    /// std::thread::spawn(move || one.send(&vec![1, 2, 3]));
    /// assert_eq!(other.recv::<Vec<u8>>()?, [1, 2, 3]);
    /// # Ok::<(), sabir::Error>(())
    /// ```
    ///
    /// # Errors
    /// The system has no more descriptors.
    pub fn pipe(&self) -> Result<(Connection, Connection)> {
        let (one, other) = Stream::pair()
            .map_err(|source| sabir_net::Error::Io { doing: sabir_net::Doing::Connecting, source })?;
        Ok((Connection::over(self, one, Peer::EQUAL), Connection::over(self, other, Peer::EQUAL)))
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    fn settings_mut(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.settings)
    }
}
