//! A pickle as one flat row of objects, borrowed from its bytes: what the deserializer reads.
//!
//! A [`Graph`](crate::Graph) is made to be changed and written again; a tape is made once, read once and dropped, so
//! that it can do without an allocation for every container. Escaped text and decimal numbers stay as they were
//! written until somebody asks for them.

use alloc::vec::Vec;

use crate::error::ErrorKind;

/// One object. What is longer than a word lies in the pickle or in one of the tape's side rows.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item<'de> {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Two's complement, little-endian.
    Long(&'de [u8]),
    /// A decimal number that does not fit into 64 bits.
    Decimal(&'de [u8]),
    /// UTF-8 in which surrogates pass.
    Str(&'de [u8]),
    /// Text in raw-unicode-escape.
    EscapedStr(&'de [u8]),
    Bytes(&'de [u8]),
    ByteArray(&'de [u8]),
    /// A Python 2 `str`.
    String(&'de [u8]),
    /// A Python 2 `str` as its repr.
    ReprString(&'de [u8]),
    List(Span),
    Tuple(Span),
    Set(Span),
    FrozenSet(Span),
    /// Keys and values in turn.
    Dict(Span),
    /// Which of the tape's names.
    Global(u32),
    /// Which of the tape's objects.
    Object(u32),
    /// What only the program that wrote it can resolve; the text says what it is.
    Opaque(&'static str),
}

/// Where the references of a container lie.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    start: u32,
    length: u32,
    /// How many there is room for without moving.
    room: u32,
}

impl Span {
    pub(super) fn len(self) -> usize {
        self.length as usize
    }
}

/// An object that a call makes, and all that is done to it afterwards.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) make: Make,
    /// What BUILD gives it.
    pub(super) state: Option<u32>,
    /// What further BUILDs give it, which no pickler writes.
    pub(super) more_states: Vec<u32>,
    /// What is appended or added to it.
    pub(super) items: Vec<u32>,
    /// Keys and values that are set in it, in turn.
    pub(super) pairs: Vec<u32>,
}

/// How an [`Object`] is made; see [`crate::Make`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Make {
    Reduce { callable: u32, args: u32 },
    NewObj { class: u32, args: u32 },
    NewObjEx { class: u32, args: u32, kwargs: u32 },
    Instance { class: u32, args: Span },
    Given(u32),
}

impl From<Make> for Object {
    fn from(make: Make) -> Object {
        Object { make, state: None, more_states: Vec::new(), items: Vec::new(), pairs: Vec::new() }
    }
}

/// A pickle as a flat row.
#[derive(Debug)]
pub(super) struct Tape<'de> {
    pub(super) items: Vec<Item<'de>>,
    references: Vec<u32>,
    pub(super) globals: Vec<(&'de [u8], &'de [u8])>,
    pub(super) objects: Vec<Object>,
    pub(super) root: u32,
    pub(super) protocol: u8,
    /// The bytes that all its text takes, at most.
    pub(super) length: u64,
}

pub(super) const NONE: u32 = 0;
pub(super) const TRUE: u32 = 1;
pub(super) const FALSE: u32 = 2;

impl<'de> Tape<'de> {
    pub(super) fn new() -> Tape<'de> {
        Tape {
            items: alloc::vec![Item::None, Item::Bool(true), Item::Bool(false)],
            references: Vec::new(),
            globals: Vec::new(),
            objects: Vec::new(),
            root: NONE,
            protocol: 0,
            length: 0,
        }
    }

    /// Makes room for that many items and references.
    pub(super) fn reserve(&mut self, items: usize, references: usize) {
        self.items.reserve(items);
        self.references.reserve(references);
    }

    #[inline]
    pub(super) fn item(&self, id: u32) -> Item<'de> {
        self.items[id as usize]
    }

    /// What the container refers to.
    #[inline]
    pub(super) fn references(&self, span: Span) -> &[u32] {
        &self.references[span.start as usize..][..span.length as usize]
    }

    pub(super) fn object(&self, index: u32) -> &Object {
        &self.objects[index as usize]
    }

    /// Module and name of a global.
    pub(super) fn global(&self, id: u32) -> Option<(&'de [u8], &'de [u8])> {
        match self.item(id) {
            Item::Global(index) => Some(self.globals[index as usize]),
            _ => None,
        }
    }

    /// The items of a tuple or a list.
    pub(super) fn row(&self, id: u32) -> Option<&[u32]> {
        match self.item(id) {
            Item::Tuple(span) | Item::List(span) => Some(self.references(span)),
            _ => None,
        }
    }

    /// A new span that holds `ids`.
    #[inline]
    pub(super) fn span(&mut self, ids: &[u32]) -> Result<Span, ErrorKind> {
        let start = self.references.len();
        // Every reference costs a byte of the pickle, so only one beyond 4 GiB comes here.
        u32::try_from(start + ids.len()).map_err(|_| ErrorKind::Limit("references"))?;
        // Most rows are short: a call that copies them costs more than the copy.
        let (chunks, rest) = ids.as_chunks::<4>();
        if chunks.len() <= 8 {
            chunks.iter().for_each(|chunk| self.references.extend_from_slice(chunk));
            rest.iter().for_each(|id| self.references.push(*id));
        } else {
            self.references.extend_from_slice(ids);
        }
        Ok(Span { start: start as u32, length: ids.len() as u32, room: ids.len() as u32 })
    }

    /// The span with `ids` added at its end: where it was if there is room, else moved and given twice the room, so
    /// that a list that grows item by item is moved as seldom as a vector is.
    #[inline]
    pub(super) fn extend(&mut self, span: Span, ids: &[u32]) -> Result<Span, ErrorKind> {
        if span.length == 0 {
            return self.span(ids);
        }
        self.extend_further(span, ids)
    }

    fn extend_further(&mut self, span: Span, ids: &[u32]) -> Result<Span, ErrorKind> {
        let length = span.len() + ids.len();
        let end = span.start as usize + span.len();
        if length <= span.room as usize {
            self.references[end..end + ids.len()].copy_from_slice(ids);
            return Ok(Span { length: length as u32, ..span });
        }
        if end == self.references.len() {
            self.span(ids)?;
            return Ok(Span { start: span.start, length: length as u32, room: length as u32 });
        }
        let start = self.references.len();
        let room = length.saturating_mul(2);
        u32::try_from(start.saturating_add(room)).map_err(|_| ErrorKind::Limit("references"))?;
        self.references.extend_from_within(span.start as usize..end);
        self.references.extend_from_slice(ids);
        self.references.resize(start + room, NONE);
        Ok(Span { start: start as u32, length: length as u32, room: room as u32 })
    }

    /// How many references there are from all containers together.
    pub(super) fn reference_count(&self) -> u64 {
        let of_objects = self.objects.iter().map(|object| object.items.len() + object.pairs.len());
        (self.references.len() + of_objects.sum::<usize>()) as u64
    }

    /// Whether what an object refers to leads back to it.
    pub(super) fn holds_itself(&self, id: u32) -> bool {
        let mut seen = alloc::vec![false; self.items.len()];
        let mut waiting = alloc::vec![id];
        while let Some(next) = waiting.pop() {
            let mut found = false;
            self.for_each_child(next, |child| {
                found |= child == id;
                if !core::mem::replace(&mut seen[child as usize], true) {
                    waiting.push(child);
                }
            });
            if found {
                return true;
            }
        }
        false
    }

    fn for_each_child(&self, id: u32, mut f: impl FnMut(u32)) {
        match self.item(id) {
            Item::List(span)
            | Item::Tuple(span)
            | Item::Set(span)
            | Item::FrozenSet(span)
            | Item::Dict(span) => {
                self.references(span).iter().copied().for_each(f);
            }
            Item::Object(index) => {
                let object = self.object(index);
                match object.make {
                    Make::Reduce { callable: a, args: b } | Make::NewObj { class: a, args: b } => {
                        [a, b].into_iter().for_each(&mut f);
                    }
                    Make::NewObjEx { class, args, kwargs } => {
                        [class, args, kwargs].into_iter().for_each(&mut f);
                    }
                    Make::Instance { args, .. } => self.references(args).iter().copied().for_each(&mut f),
                    Make::Given(id) => f(id),
                }
                let rows = [&object.more_states, &object.items, &object.pairs];
                object.state.iter().chain(rows.into_iter().flatten()).copied().for_each(f);
            }
            _ => {}
        }
    }
}
