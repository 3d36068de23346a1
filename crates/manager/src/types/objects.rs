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
use crate::server::{ConnectionId, Fallback, Ticket};

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
    /// How many need it: whoever made it, and each object over it.
    needed: u64,
    /// Of an iterator, the dict that it goes over; of a condition, the lock that it was given.
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
        self.create_over(None, typeid, caller, arguments)
    }

    /// The same, where the first argument is a proxy of an object that is here: a condition takes a lock.
    ///
    /// # Errors
    /// As of [`create`](Objects::create).
    pub fn create_over(
        &mut self,
        first: Option<Key>,
        typeid: &str,
        caller: &Caller,
        arguments: &Arguments,
    ) -> Result<Key, Raised> {
        self.has_room()?;
        self.room().take(OBJECT)?;
        let lock = first.filter(|key| {
            let object = self.objects.get(key).map(|entry| &entry.object);
            typeid == "Condition" && matches!(object, Some(Object::Lock(_) | Object::RLock(_)))
        });
        let object = Object::make(typeid, caller, &self.keys, arguments, lock.is_some())?;
        if let Some(entry) = lock.and_then(|key| self.objects.get_mut(&key)) {
            entry.needed += 1;
        }
        Ok(self.add(object, lock))
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
            Some(Entry { over: Some(_), .. }) => {
                let answer = with_over(&mut self.objects, key, |object, over| match (object, over) {
                    (Object::Iterator(iterator), Some(Object::Dict(dict))) => iterator.call(dict, &call),
                    (Object::Condition(condition), lock) => condition.call(&mut call, lock),
                    _ => Ok(Answer::NoMethod),
                });
                answer.unwrap_or(Ok(Answer::NoMethod))
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
        let answer = match (&entry.object, fallback) {
            (Object::Condition(_), Fallback::Str | Fallback::Repr) => {
                self.repr(entry, era).map(|text| Answer::Value(Value::text(&text)))
            }
            (object, fallback) => object.fallback(era, fallback),
        };
        match answer {
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
        let text = self.objects.get(&key).map(|entry| self.repr(entry, era));
        text.and_then(Result::ok).unwrap_or_default()
    }

    fn repr(&self, entry: &Entry, era: Era) -> Result<String, Raised> {
        let over = entry.over.and_then(|key| self.objects.get(&key));
        match (&entry.object, over) {
            (Object::Condition(condition), Some(lock)) => {
                Ok(condition.repr(era, Some(lock.object.repr(era)?)))
            }
            (object, _) => object.repr(era),
        }
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
                // A call that waits for it waits for ever, unless it has a deadline: nobody can reach the object. But it
                // may have its turn for the lock of a condition, which stays.
                if let Some(over) = next {
                    for parked in self.parked.values_mut().filter(|parked| parked.key == key) {
                        parked.key = over;
                    }
                }
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
            let result = with_over(&mut self.objects, key, |object, over| match object {
                Object::Lock(lock) => lock.give_up(ticket),
                Object::RLock(lock) => lock.give_up(ticket),
                Object::Semaphore(semaphore) => Some(semaphore.give_up(ticket)),
                Object::Condition(condition) => condition.give_up(ticket, over, &mut wakes),
                Object::Event(event) => Some(event.give_up(ticket)),
                Object::Barrier(barrier) => Some(barrier.give_up(ticket, &mut wakes)),
                Object::Queue(queue) => Some(queue.give_up(ticket)),
                _ => Some(Ok(Value::NONE)),
            });
            // Of an object that is gone.
            let result = result.unwrap_or(Some(Ok(Value::NONE)));
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
            with_over(&mut self.objects, key, |object, over| match object {
                Object::Lock(lock) => lock.abandon(ticket),
                Object::RLock(lock) => lock.abandon(ticket),
                Object::Semaphore(semaphore) => drop(semaphore.give_up(ticket)),
                Object::Condition(condition) => condition.abandon(ticket, over),
                Object::Event(event) => drop(event.give_up(ticket)),
                Object::Barrier(barrier) => barrier.abandon(ticket),
                Object::Queue(queue) => queue.abandon(ticket),
                _ => {}
            });
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
        // Who takes the lock of a condition holds the lock, also when the condition is gone.
        let key = self.objects.get(&key).and_then(|entry| entry.over).unwrap_or(key);
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

/// Does something with an object and the one that it is over.
fn with_over<R>(
    objects: &mut BTreeMap<Key, Entry>,
    key: Key,
    act: impl FnOnce(&mut Object, Option<&mut Object>) -> R,
) -> Option<R> {
    let entry = objects.get_mut(&key)?;
    let Some(over) = entry.over else { return Some(act(&mut entry.object, None)) };
    let mut entry = objects.remove(&key)?;
    let done = act(&mut entry.object, objects.get_mut(&over).map(|entry| &mut entry.object));
    objects.insert(key, entry);
    Some(done)
}
