//! Which types there are, and how each is made.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::array::Array;
use super::barrier::Barrier;
use super::call::{Call, Raise};
use super::condition::Condition;
use super::dict::Dict;
use super::event::Event;
use super::iterator::Iterator;
use super::list::List;
use super::lock::{Lock, RLock};
use super::namespace::{Cell, Namespace};
use super::queue::Queue;
use super::semaphore::Semaphore;
use super::set::Set;
use super::{Handle, Shared};
use crate::server::{Registered, Server};
use crate::{Vocabulary, server};

/// Registers what every `SyncManager` does, each type with all methods that any version exposes.
///
/// `Pool` is among them, so that its clients are told what to do instead.
pub fn register(server: &mut Server<Handle>) {
    let vocabulary = Vocabulary::builtin();
    for (typeid, proxy) in TYPES {
        let mut returns = BTreeMap::new();
        let mut methods: Vec<&str> = Vec::new();
        for row in vocabulary.methods(typeid) {
            if let Some(typeid) = row.returns {
                returns.insert(row.method, typeid);
            } else if !methods.contains(&row.method) {
                methods.push(row.method);
            }
        }
        let mut registered = server::Registered::new().exposing(methods);
        for (method, typeid) in returns {
            registered = registered.returning(method, typeid);
        }
        if typeid == "Iterator" {
            registered = Registered::without_callable(registered);
        }
        if let Some(proxy) = proxy {
            registered = registered.proxied_by("multiprocessing.managers", proxy);
        }
        server.register(typeid, registered);
    }
}

/// Makes an object of what `create` was given; the call's method is the typeid.
pub(super) fn make(call: &mut Call, seed: u64) -> Result<Box<dyn Shared>, Raise> {
    Ok(match &*call.method {
        "dict" => {
            // In the text of an error it is the class that speaks.
            Box::new(Dict::new(call, seed)?)
        }
        "list" => Box::new(List::new(call)?),
        "set" => Box::new(Set::new(call, seed)?),
        "Namespace" => Box::new(Namespace::new(call)?),
        "Value" => Box::new(Cell::new(call)?),
        "Array" => Box::new(Array::new(call)?),
        "Queue" | "JoinableQueue" => Box::new(Queue::new(call)?),
        "Event" => Box::new(Event::new(call)?),
        "Lock" => Box::new(Lock::new(call)?),
        "RLock" => Box::new(RLock::new(call)?),
        "Semaphore" => Box::new(Semaphore::new(call, false)?),
        "BoundedSemaphore" => Box::new(Semaphore::new(call, true)?),
        "Condition" => Box::new(Condition::new(call)?),
        "Barrier" => Box::new(Barrier::new(call)?),
        "Iterator" => {
            let [given] = call.exactly("iter")?;
            Box::new(Iterator::given(&given)?)
        }
        _ => return Err(Raise::new("NotImplementedError", NO_POOL)),
    })
}

/// By typeid: the class of proxies that are sent as values, if it is no `AutoProxy`.
const TYPES: [(&str, Option<&str>); 17] = [
    ("Array", Some("ArrayProxy")),
    ("Barrier", Some("BarrierProxy")),
    ("BoundedSemaphore", Some("AcquirerProxy")),
    ("Condition", Some("ConditionProxy")),
    ("Event", Some("EventProxy")),
    ("Iterator", Some("IteratorProxy")),
    ("JoinableQueue", None),
    ("Lock", Some("AcquirerProxy")),
    ("Namespace", Some("NamespaceProxy")),
    ("Pool", Some("PoolProxy")),
    ("Queue", None),
    ("RLock", Some("AcquirerProxy")),
    ("Semaphore", Some("AcquirerProxy")),
    ("Value", Some("ValueProxy")),
    ("dict", Some("DictProxy")),
    ("list", Some("ListProxy")),
    ("set", Some("SetProxy")),
];
const NO_POOL: &str = "sabir serve runs no Python, which a Pool's workers would have to: start a \
                       multiprocessing.Pool in the client, or a stock manager for it";
