//! All shared objects of the stock types, and the calls that wait for them.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::memory::Meter;
use super::room::{Most, OBJECT, Room, too_many};
use super::tally::Tally;
use super::waiting::Wakes;
use super::{Answer, Arguments, Call, Caller, Era, Keys, Many, Object, Raised, Value};
use crate::exposed::Vocabulary;
use crate::server::{ConnectionId, Fallback, Registered, Ticket};

/// Which object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u64);

/// What a call comes to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Came {
    /// A value.
    Value(Value),
    /// A value of many.
    Many(Many),
    /// An exception.
    Raised(Raised),
    /// An object of its own, which stays here, under this typeid.
    Object(&'static str, Key),
    /// Nothing yet: it is among the [`Woken`] of a later call.
    Parked,
    /// There is no such method in the caller's version.
    NoMethod,
    /// What it returned cannot be pickled: the exception that says so.
    Unserializable(String),
}

/// A call that was parked, and what it came to.
#[derive(Debug)]
pub struct Woken {
    /// Which call.
    pub ticket: Ticket,
    /// What it came to.
    pub result: Result<Value, Raised>,
}

/// The objects, and who waits for them. No call takes longer than its object and its arguments are large.
#[derive(Debug)]
pub struct Objects {
    keys: Keys,
    objects: BTreeMap<Key, Entry>,
    last: u64,
    parked: BTreeMap<Ticket, Parked>,
    deadlines: BTreeSet<(Duration, Ticket)>,
    /// What ends with a connection.
    held: BTreeMap<ConnectionId, BTreeSet<Key>>,
    woken: Vec<Woken>,
    meter: Meter,
    most: Most,
    tally: Tally,
}

#[derive(Debug)]
struct Entry {
    object: Object,
    /// What it was counted as when it was called last.
    places: usize,
    /// How many need it: whoever made it, and each iterator over it.
    needed: u64,
    /// Of an iterator, the dict that it goes over.
    over: Option<Key>,
}

#[derive(Debug)]
struct Parked {
    key: Key,
    deadline: Option<Duration>,
}

impl Objects {
    /// None yet.
    pub fn new(keys: Keys) -> Objects {
        Objects {
            keys,
            meter: Meter::default(),
            most: Most::ENDLESS,
            tally: Tally::default(),
            objects: BTreeMap::new(),
            last: 0,
            parked: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            held: BTreeMap::new(),
            woken: Vec::new(),
        }
    }

    /// How many there may be, and how much memory for values.
    pub fn set_most(&mut self, most: Most) {
        self.most = most;
    }

    /// Those that somebody waits for or holds. One may come twice.
    pub(crate) fn in_use(&self) -> impl Iterator<Item = Key> {
        let held = self.held.values().flatten().copied();
        self.parked.values().map(|parked| parked.key).chain(held)
    }

    /// Counts the memory that values take. Messages that are kept count by it too.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// How many of each type there are, and what was called.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// How many calls wait.
    pub fn waiting(&self) -> usize {
        self.parked.len()
    }

    /// Makes an object of one of the types.
    ///
    /// # Errors
    /// What the type's own constructor raises, `TypeError` for a type that only Python has, and `MemoryError` if there is
    /// no room.
    pub fn create(&mut self, typeid: &str, caller: &Caller, arguments: &Arguments) -> Result<Key, Raised> {
        self.has_room()?;
        self.room().take(OBJECT)?;
        let object = Object::make(typeid, caller, &self.keys, arguments)?;
        Ok(self.add(object, None))
    }

    fn has_room(&self) -> Result<(), Raised> {
        if self.objects.len() < self.most.objects { Ok(()) } else { Err(too_many(self.most.objects)) }
    }

    fn room(&self) -> Room {
        Room::of(&self.meter, self.most)
    }

    fn add(&mut self, object: Object, over: Option<Key>) -> Key {
        self.last += 1;
        let key = Key(self.last);
        let places = object.places();
        self.meter.changed(0, places);
        let row = self.tally.of(&object);
        row.objects += 1;
        row.made += 1;
        self.objects.insert(key, Entry { object, places, needed: 1, over });
        key
    }

    /// Calls a method.
    pub fn call(&mut self, key: Key, caller: Caller, method: &str, arguments: &Arguments) -> Came {
        let mut wakes = Wakes::default();
        let room = self.room();
        let mut call = Call { caller, keys: &self.keys, method, arguments, room, wakes: &mut wakes };
        let answer = match self.objects.get_mut(&key) {
            None => Ok(Answer::NoMethod),
            Some(Entry { over: Some(dict), .. }) => {
                let dict = *dict;
                next(&mut self.objects, key, dict, &call)
            }
            Some(entry) => {
                let allowed = room.allows(&entry.object, method, arguments);
                let answer = allowed.and_then(|()| entry.object.call(&mut call));
                let places = entry.object.places();
                self.meter.changed(entry.places, places);
                entry.places = places;
                answer
            }
        };
        let answer = match answer {
            Ok(Answer::Iterator(_)) => self.has_room().and(answer),
            answer => answer,
        };
        if let Some(entry) = self.objects.get(&key) {
            let row = self.tally.of(&entry.object);
            row.calls += 1;
            row.raised += u64::from(answer.is_err());
        }
        let came = match answer {
            Ok(Answer::Value(value)) => Came::Value(value),
            Ok(Answer::Many(many)) => Came::Many(many),
            Ok(Answer::NoMethod) => Came::NoMethod,
            Ok(Answer::Unserializable(why)) => Came::Unserializable(why),
            Ok(Answer::Iterator(iterator)) => {
                if let Some(entry) = self.objects.get_mut(&key) {
                    entry.needed += 1;
                }
                Came::Object("Iterator", self.add(Object::Iterator(iterator), Some(key)))
            }
            Ok(Answer::Parked(deadline)) => {
                self.parked.insert(caller.ticket, Parked { key, deadline });
                if let Some(deadline) = deadline {
                    self.deadlines.insert((deadline, caller.ticket));
                }
                Came::Parked
            }
            Err(raised) => Came::Raised(raised),
        };
        self.settle(key, wakes);
        came
    }

    /// What the server itself answers for an object.
    pub fn fallback(&self, key: Key, era: Era, fallback: Fallback) -> Came {
        let Some(entry) = self.objects.get(&key) else { return Came::NoMethod };
        let copies = if fallback == Fallback::GetValue { "#GETVALUE" } else { "__str__" };
        if let Err(raised) = self.room().allows(&entry.object, copies, &Arguments::default()) {
            return Came::Raised(raised);
        }
        match entry.object.fallback(era, fallback) {
            Ok(Answer::Many(many)) => Came::Many(many),
            Ok(Answer::Value(value)) => Came::Value(value),
            // Fallbacks do nothing else.
            Ok(_) => Came::NoMethod,
            Err(raised) if fallback == Fallback::GetValue => Came::Unserializable(raised.describe()),
            Err(raised) => Came::Raised(raised),
        }
    }

    /// What `debug_info` shows of an object.
    pub fn text(&self, key: Key, era: Era) -> String {
        let text = self.objects.get(&key).map(|entry| entry.object.repr(era));
        text.and_then(Result::ok).unwrap_or_default()
    }

    /// Nobody counts on an object any more.
    pub fn release(&mut self, key: Key) {
        let mut next = Some(key);
        while let Some(key) = next.take() {
            let Some(entry) = self.objects.get_mut(&key) else { return };
            entry.needed = entry.needed.saturating_sub(1);
            if entry.needed == 0 {
                next = self.objects.remove(&key).and_then(|entry| {
                    self.meter.changed(entry.places, 0);
                    self.tally.of(&entry.object).objects -= 1;
                    entry.over
                });
                // A call that waits for it waits for ever, unless it has a deadline: nobody can reach the object.
            }
        }
    }

    /// When the next call has waited long enough.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.deadlines.first().map(|&(deadline, _)| deadline)
    }

    /// Ends the calls whose time has come.
    pub fn expire(&mut self, now: Duration) {
        while let Some(&(deadline, ticket)) = self.deadlines.first()
            && deadline <= now
        {
            self.deadlines.remove(&(deadline, ticket));
            let Some(parked) = self.parked.get_mut(&ticket) else { continue };
            parked.deadline = None;
            let key = parked.key;
            let mut wakes = Wakes::default();
            let object = self.objects.get_mut(&key).map(|entry| &mut entry.object);
            let result = match object {
                Some(Object::Lock(lock)) => Some(lock.give_up(ticket)),
                Some(Object::RLock(lock)) => lock.give_up(ticket),
                Some(Object::Semaphore(semaphore)) => Some(semaphore.give_up(ticket)),
                Some(Object::Condition(condition)) => condition.give_up(ticket, &mut wakes),
                Some(Object::Event(event)) => Some(event.give_up(ticket)),
                Some(Object::Barrier(barrier)) => Some(barrier.give_up(ticket, &mut wakes)),
                Some(Object::Queue(queue)) => Some(queue.give_up(ticket)),
                _ => Some(Ok(Value::NONE)),
            };
            if let Some(result) = result {
                wakes.wake(ticket, result);
            }
            self.settle(key, wakes);
        }
    }

    /// A connection has ended: what it waited for is waited for no longer, and what it held is let go.
    pub fn gone(&mut self, connection: ConnectionId, waited: Option<Ticket>) {
        if let Some(ticket) = waited
            && let Some(Parked { key, deadline }) = self.parked.remove(&ticket)
        {
            if let Some(deadline) = deadline {
                self.deadlines.remove(&(deadline, ticket));
            }
            match self.objects.get_mut(&key).map(|entry| &mut entry.object) {
                Some(Object::Lock(lock)) => drop(lock.give_up(ticket)),
                Some(Object::RLock(lock)) => lock.abandon(ticket),
                Some(Object::Semaphore(semaphore)) => drop(semaphore.give_up(ticket)),
                Some(Object::Condition(condition)) => condition.abandon(ticket),
                Some(Object::Event(event)) => drop(event.give_up(ticket)),
                Some(Object::Barrier(barrier)) => barrier.abandon(ticket),
                Some(Object::Queue(queue)) => queue.abandon(ticket),
                _ => {}
            }
        }
        for key in self.held.remove(&connection).unwrap_or_default() {
            let mut wakes = Wakes::default();
            match self.objects.get_mut(&key).map(|entry| &mut entry.object) {
                Some(Object::Lock(lock)) => lock.gone(connection, &mut wakes),
                Some(Object::RLock(lock)) => lock.gone(connection, &mut wakes),
                Some(Object::Semaphore(semaphore)) => semaphore.gone(connection, &mut wakes),
                Some(Object::Condition(condition)) => condition.gone(connection, &mut wakes),
                _ => {}
            }
            self.settle(key, wakes);
        }
    }

    /// The calls that came to an end since this was asked last.
    #[must_use]
    pub fn take_woken(&mut self) -> Vec<Woken> {
        core::mem::take(&mut self.woken)
    }

    /// Takes note of what a call has led to.
    fn settle(&mut self, key: Key, wakes: Wakes) {
        for connection in wakes.holders {
            self.held.entry(connection).or_default().insert(key);
        }
        for ticket in wakes.patient {
            if let Some(deadline) = self.parked.get_mut(&ticket).and_then(|parked| parked.deadline.take()) {
                self.deadlines.remove(&(deadline, ticket));
            }
        }
        for (ticket, result) in wakes.woken {
            if let (Err(_), Some(entry)) = (&result, self.objects.get(&key)) {
                self.tally.of(&entry.object).raised += 1;
            }
            if let Some(Parked { deadline: Some(deadline), .. }) = self.parked.remove(&ticket) {
                self.deadlines.remove(&(deadline, ticket));
            }
            self.woken.push(Woken { ticket, result });
        }
    }
}

/// An iterator's method, with the dict that it goes over.
fn next(objects: &mut BTreeMap<Key, Entry>, key: Key, dict: Key, call: &Call<'_>) -> Result<Answer, Raised> {
    let Some(mut entry) = objects.remove(&key) else { return Ok(Answer::NoMethod) };
    let answer = match (&mut entry.object, objects.get(&dict).map(|entry| &entry.object)) {
        (Object::Iterator(iterator), Some(Object::Dict(dict))) => iterator.call(dict, call),
        _ => Ok(Answer::NoMethod),
    };
    objects.insert(key, entry);
    answer
}

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
