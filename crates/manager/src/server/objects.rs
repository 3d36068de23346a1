//! The table of shared objects, and who counts on them.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::registry::{MethodNames, Registered};

/// Which object of which start of a server.
///
/// On the wire it is the text that [`Display`](fmt::Display) gives: lower-case hexadecimal, as CPython's are, of the
/// start's nonce in 16 digits and a number in at least 6. Numbers are never given twice, so a proxy that outlives its
/// object, or the server, finds nothing, and never another object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ident {
    pub(super) nonce: u64,
    pub(super) number: u64,
}

impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:06x}", self.nonce, self.number)
    }
}

impl Ident {
    /// The ident of a text, as [`Display`](fmt::Display) writes it and not otherwise.
    pub fn parse(text: &str) -> Option<Ident> {
        let (nonce, number) = text.split_at_checked(16)?;
        let hex = |text: &str| {
            text.bytes().try_fold(0, |number: u64, byte| {
                let digit = match byte {
                    b'0'..=b'9' => byte - b'0',
                    b'a'..=b'f' => byte - b'a' + 10,
                    _ => return None,
                };
                // What has 16 digits already has no room for one more.
                (number >> 60 == 0).then_some(number << 4 | u64::from(digit))
            })
        };
        let canonical = number.len() == 6 || (number.len() > 6 && !number.starts_with('0'));
        if canonical { Some(Ident { nonce: hex(nonce)?, number: hex(number)? }) } else { None }
    }
}

/// A shared object.
#[derive(Debug)]
pub(super) struct Entry<O> {
    pub(super) object: O,
    pub(super) typeid: Arc<str>,
    pub(super) registered: Arc<Registered>,
    pub(super) exposed: MethodNames,
    /// What clients hold, each by a proxy of its own: CPython's `id_to_refcount`.
    pub(super) references: u64,
    /// How many of these are those of processes that are known.
    owned: u64,
    /// When it was called last; when it was made, if it never was.
    used: Duration,
    /// What the server's own objects hold. CPython keeps such objects in `id_to_local_proxy_obj` until it ends.
    holds: u64,
}

/// All shared objects. Those that nobody counts on any more wait to be taken out, for what dropping one runs is the
/// program's own.
#[derive(Debug)]
pub(super) struct Objects<O> {
    nonce: u64,
    last: u64,
    entries: BTreeMap<u64, Entry<O>>,
    /// How many references each process has to which object.
    processes: BTreeMap<u32, BTreeMap<u64, u64>>,
    /// The latest time that was told.
    now: Duration,
    dropped: Vec<O>,
}

impl<O> Objects<O> {
    pub(super) fn new(nonce: u64) -> Objects<O> {
        Objects {
            nonce,
            last: 0,
            entries: BTreeMap::new(),
            processes: BTreeMap::new(),
            now: Duration::ZERO,
            dropped: Vec::new(),
        }
    }

    pub(super) fn add(
        &mut self,
        object: O,
        typeid: Arc<str>,
        registered: Arc<Registered>,
        public: MethodNames,
        count: Count,
    ) -> Ident {
        self.last += 1;
        let exposed = registered.exposes(public);
        let used = self.now;
        let entry = Entry { object, typeid, registered, exposed, references: 0, owned: 0, used, holds: 0 };
        self.entries.insert(self.last, entry);
        let ident = Ident { nonce: self.nonce, number: self.last };
        // It is there.
        let _ = self.count(ident, count);
        ident
    }

    pub(super) fn get(&self, ident: Ident) -> Option<&Entry<O>> {
        if ident.nonce == self.nonce { self.entries.get(&ident.number) } else { None }
    }

    pub(super) fn count(&mut self, ident: Ident, count: Count) -> Result<(), Gone> {
        let entry = self.get_mut(ident).ok_or(Gone)?;
        match count {
            Count::Reference(process) => {
                entry.references += 1;
                if let Some(process) = process {
                    entry.owned += 1;
                    *self.processes.entry(process).or_default().entry(ident.number).or_default() += 1;
                }
            }
            Count::Hold => entry.holds += 1,
        }
        Ok(())
    }

    /// Takes a count back. A reference to an object that only holds keep alive is none, and nothing is taken: CPython's
    /// "Server DECREF skipping".
    pub(super) fn discount(&mut self, ident: Ident, count: Count) -> Result<(), Gone> {
        let owned = match count {
            Count::Reference(Some(process)) => self.disown(process, ident.number),
            _ => false,
        };
        let entry = self.get_mut(ident).ok_or(Gone)?;
        match count {
            Count::Reference(_) => {
                entry.owned -= u64::from(owned);
                entry.references = entry.references.saturating_sub(1);
            }
            Count::Hold => entry.holds = entry.holds.saturating_sub(1),
        }
        self.drop_if_unneeded(ident.number);
        Ok(())
    }

    /// Takes back what a process that has ended did not give back.
    pub(super) fn process_ended(&mut self, process: u32) {
        for (number, count) in self.processes.remove(&process).unwrap_or_default() {
            let Some(entry) = self.entries.get_mut(&number) else { continue };
            entry.owned = entry.owned.saturating_sub(count);
            entry.references = entry.references.saturating_sub(count);
            self.drop_if_unneeded(number);
        }
    }

    pub(super) fn used(&mut self, ident: Ident, now: Duration) {
        self.now = now;
        if let Some(entry) = self.get_mut(ident) {
            entry.used = now;
        }
    }

    /// Takes back references of no known process to what was not used since then.
    pub(super) fn expire(&mut self, since: Duration, is_in_use: impl Fn(&O) -> bool) {
        let old = |entry: &Entry<O>| {
            entry.references > entry.owned && entry.used <= since && !is_in_use(&entry.object)
        };
        let expired: Vec<u64> =
            self.entries.iter().filter(|(_, entry)| old(entry)).map(|(&number, _)| number).collect();
        for number in expired {
            if let Some(entry) = self.entries.get_mut(&number) {
                entry.references = entry.owned;
            }
            self.drop_if_unneeded(number);
        }
    }

    /// One reference of a process fewer, if it has any.
    fn disown(&mut self, process: u32, number: u64) -> bool {
        let Some(counts) = self.processes.get_mut(&process) else { return false };
        let Some(count) = counts.get_mut(&number) else { return false };
        *count -= 1;
        if *count == 0 {
            counts.remove(&number);
        }
        if counts.is_empty() {
            self.processes.remove(&process);
        }
        true
    }

    fn drop_if_unneeded(&mut self, number: u64) {
        let unneeded = |entry: &Entry<O>| (entry.references, entry.holds) == (0, 0);
        if self.entries.get(&number).is_some_and(unneeded)
            && let Some(entry) = self.entries.remove(&number)
        {
            self.dropped.push(entry.object);
        }
    }

    pub(super) fn drop_later(&mut self, object: O) {
        self.dropped.push(object);
    }

    pub(super) fn take_dropped(&mut self) -> Vec<O> {
        core::mem::take(&mut self.dropped)
    }

    /// Those that clients count on, in the order of their idents.
    pub(super) fn counted(&self) -> impl Iterator<Item = (Ident, &Entry<O>)> {
        let nonce = self.nonce;
        let counted = self.entries.iter().filter(|(_, entry)| entry.references > 0);
        counted.map(move |(&number, entry)| (Ident { nonce, number }, entry))
    }

    fn get_mut(&mut self, ident: Ident) -> Option<&mut Entry<O>> {
        if ident.nonce == self.nonce { self.entries.get_mut(&ident.number) } else { None }
    }
}

/// Who counts on an object.
#[derive(Clone, Copy)]
pub(super) enum Count {
    /// A client's proxy; of which process, if that is known.
    Reference(Option<u32>),
    /// The server's own program.
    Hold,
}

/// There is no such object (any more).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no object has this ident")]
pub struct Gone;

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn idents_have_one_spelling() {
        for (nonce, number) in [(0x7f, 1), (u64::MAX, 0xff_ffff), (1, 0x100_0000), (0, u64::MAX)] {
            let ident = Ident { nonce, number };
            assert_eq!(Ident::parse(&ident.to_string()), Some(ident));
        }
        for text in [
            "",
            "7f",
            "000000000000007f00001",
            "000000000000007f0000001",
            "000000000000007F000001",
            "+00000000000007f000001",
            "000000000000007f+00001",
            "\u{e9}00000000000007f000001",
        ] {
            assert_eq!(Ident::parse(text), None, "{text}");
        }
    }
}
