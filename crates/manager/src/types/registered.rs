//! What a server has to know of the shared types.

use alloc::vec::Vec;

use crate::exposed::Vocabulary;
use crate::server::Registered;

/// The types that every `SyncManager` registers, under their names: what a server of them has to know.
///
/// What versions expose differs; [`Registered::exposing_in`] says who sees what.
pub fn registered(vocabulary: &Vocabulary) -> Vec<(&'static str, Registered)> {
    TYPES
        .iter()
        .map(|&(typeid, proxy)| {
            let mut registered =
                if typeid == "Iterator" { Registered::new().without_callable() } else { Registered::new() };
            let rows: Vec<_> = vocabulary.methods(typeid).collect();
            registered = registered.exposing_in(rows.iter().map(|row| (row.method, row.servers)));
            if typeid == "dict" {
                registered = registered.returning("__iter__", "Iterator");
            }
            if let Some(proxy) = proxy {
                registered = registered.proxied_by("multiprocessing.managers", proxy);
            }
            (typeid, registered)
        })
        .collect()
}

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
