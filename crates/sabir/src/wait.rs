//! Waiting for many objects at once.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::Duration;

use sabir_net::Deadline;
use sabir_net::blocking as net;

use crate::connection::Connection;
use crate::error::Result;
use crate::halves::ReadHalf;
use crate::listener::{Doors, Listener};
use crate::turn::Turn;

/// What [`wait`] waits for: connections, the receiving halves of such, listeners, and whatever else has a descriptor that
/// `poll(2)` takes.
///
/// ```
/// use std::os::fd::AsFd;
///
/// use sabir::{Source, Waitable};
///
/// /// A program's own, by its descriptor.
/// struct Worker {
///     done: std::io::PipeReader,
/// }
///
/// impl Waitable for Worker {
///     fn source(&self) -> Source<'_> {
///         Source::descriptor(self.done.as_fd())
///     }
/// }
/// ```
pub trait Waitable {
    /// How it is waited for.
    fn source(&self) -> Source<'_>;
}

/// How an object is waited for.
pub struct Source<'a>(Kind<'a>);

enum Kind<'a> {
    Descriptor(BorrowedFd<'a>),
    /// With what was read ahead.
    Connection(&'a dyn net::Waitable),
    /// Who has connected has to prove the key first.
    Listener(&'a Listener),
}

impl<'a> Source<'a> {
    /// By a descriptor: until it is readable, or its other end is gone.
    #[must_use]
    pub fn descriptor(descriptor: BorrowedFd<'a>) -> Source<'a> {
        Source(Kind::Descriptor(descriptor))
    }
}

impl std::fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Kind::Descriptor(_) => "Source of a descriptor",
            Kind::Connection(_) => "Source of a connection",
            Kind::Listener(_) => "Source of a listener",
        })
    }
}

impl Waitable for Connection {
    fn source(&self) -> Source<'_> {
        Source(Kind::Connection(self.get_ref()))
    }
}

impl Waitable for ReadHalf {
    fn source(&self) -> Source<'_> {
        Source(Kind::Connection(self.get_ref()))
    }
}

impl Waitable for Listener {
    fn source(&self) -> Source<'_> {
        Source(Kind::Listener(self))
    }
}

impl Waitable for BorrowedFd<'_> {
    fn source(&self) -> Source<'_> {
        Source::descriptor(*self)
    }
}

impl Waitable for OwnedFd {
    fn source(&self) -> Source<'_> {
        Source::descriptor(self.as_fd())
    }
}

/// Waits until one or more of `objects` are ready, as `multiprocessing.connection.wait` does, and says which, by their
/// places, in order. None are at the deadline (a `Duration` from now on, an `Instant`, or `None` for ever), or if none were
/// given.
///
/// A connection is ready by the rule of [`Connection::poll`], a descriptor if a read would not block. A listener is ready if
/// [`accept`](Listener::accept) returns at once: meanwhile it goes on with those who authenticate, so that one who connects
/// and says nothing makes nobody wait. In Python it is ready as soon as somebody has connected.
///
/// ```
/// use std::time::Duration;
///
/// use sabir::Context;
///
/// let context = Context::new().authkey(b"secret");
/// let listener = context.listener("127.0.0.1:0")?;
/// let (mut one, other) = context.pipe()?;
/// one.send("ahoy")?;
/// assert_eq!(sabir::wait(&[&listener, &other], Duration::from_secs(1))?, [1]);
///
/// let address = listener.address().clone();
/// let client = std::thread::spawn(move || context.client(address));
/// assert_eq!(sabir::wait(&[&listener], None)?, [0]);
/// let accepted = listener.accept()?;
/// # client.join().expect("no panic")?;
/// # Ok::<(), sabir::Error>(())
/// ```
///
/// # Errors
/// [`Error::Net`](crate::Error::Net): there are more objects than this process may have descriptors, or a listener is broken.
pub fn wait(objects: &[&dyn Waitable], deadline: impl Into<Deadline>) -> Result<Vec<usize>> {
    let deadline = deadline.into();
    let sources: Vec<Source<'_>> = objects.iter().map(|object| object.source()).collect();
    let Some(mut doors) = all_doors(&sources, deadline) else { return Ok(Vec::new()) };
    loop {
        let ready = once(&sources, &mut doors, deadline)?;
        if !ready.is_empty() || deadline.has_passed() || objects.is_empty() {
            return Ok(ready);
        }
    }
}

/// A listener, and its doors while we have them.
type Held<'a> = (&'a Listener, Turn<'a, Doors>);

/// The doors of each listener, taken in one order by all who wait for several; nothing if the deadline comes first.
fn all_doors<'a>(sources: &[Source<'a>], deadline: Deadline) -> Option<Vec<Held<'a>>> {
    let mut listeners: Vec<&Listener> = sources.iter().filter_map(Source::listener).collect();
    listeners.sort_by_key(|listener| std::ptr::from_ref(*listener).addr());
    listeners.dedup_by_key(|listener| std::ptr::from_ref(*listener));
    listeners.into_iter().map(|listener| Some((listener, listener.doors(deadline)?))).collect()
}

/// Waits once for whatever comes first; which objects are ready by then.
fn once(sources: &[Source<'_>], doors: &mut [Held<'_>], deadline: Deadline) -> Result<Vec<usize>> {
    let mut until = deadline;
    let mut all: Vec<&dyn net::Waitable> = Vec::new();
    // Where in `all` the objects of each listener begin.
    let mut begins = Vec::new();
    for (listener, doors) in &*doors {
        until = if doors.is_ready() { Duration::ZERO.into() } else { doors.next(until) };
        begins.push(all.len());
        all.extend(listener.objects(doors));
    }
    begins.push(all.len());
    all.extend(sources.iter().filter_map(Source::plain));
    let ready = net::wait(&all, until)?;
    drop(all);
    for ((listener, doors), range) in doors.iter_mut().zip(begins.windows(2)) {
        let its = ready.iter().filter(|place| (range[0]..range[1]).contains(*place));
        listener.advance(doors, &its.map(|place| place - range[0]).collect::<Vec<_>>())?;
    }
    let mut place = begins.last().copied().unwrap_or(0);
    let mut is_ready = |source: &Source<'_>| match source.listener() {
        Some(listener) => doors.iter().any(|(held, doors)| std::ptr::eq(*held, listener) && doors.is_ready()),
        None => {
            place += 1;
            ready.binary_search(&(place - 1)).is_ok()
        }
    };
    Ok((0..sources.len()).filter(|place| is_ready(&sources[*place])).collect())
}

impl<'a> Source<'a> {
    fn listener(&self) -> Option<&'a Listener> {
        match self.0 {
            Kind::Listener(listener) => Some(listener),
            _ => None,
        }
    }

    fn plain(&self) -> Option<&dyn net::Waitable> {
        match &self.0 {
            Kind::Descriptor(descriptor) => Some(descriptor),
            Kind::Connection(connection) => Some(*connection),
            Kind::Listener(_) => None,
        }
    }
}
