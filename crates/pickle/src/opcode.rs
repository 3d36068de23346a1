//! The opcode table: 68 rows that the lexer, the disassembler, the documentation and the fuzzers all read.
//!
//! Names and stack effects are those of CPython's `pickletools`, and a test compares them with what every installed
//! Python exports. Adding an opcode is adding a row here, a variant in [`Op`](crate::Op) and its two arms beside it.

/// How an opcode's argument is written after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgKind {
    /// No argument.
    None,
    /// One byte, unsigned.
    U1,
    /// Two bytes, unsigned, little-endian.
    U2,
    /// Four bytes, signed, little-endian.
    I4,
    /// Four bytes, unsigned, little-endian.
    U4,
    /// Eight bytes, unsigned, little-endian.
    U8,
    /// Eight bytes, IEEE 754, big-endian.
    F8,
    /// Text up to a newline.
    Line,
    /// Two texts, each up to a newline.
    TwoLines,
    /// A length of one byte, and so many bytes.
    Bytes1,
    /// A length of four bytes, unsigned, and so many bytes.
    Bytes4,
    /// A length of four bytes, signed but never negative, and so many bytes.
    Bytes4Signed,
    /// A length of eight bytes, unsigned, and so many bytes.
    Bytes8,
}

/// What stands on the stack before or after an opcode, in the words of `pickletools`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is the Python type that it names")]
pub enum StackItem {
    Any,
    Bool,
    Buffer,
    ByteArray,
    Bytes,
    BytesOrStr,
    Dict,
    Float,
    FrozenSet,
    Int,
    IntOrBool,
    List,
    Mark,
    None,
    Set,
    Slice,
    Str,
    Tuple,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct OpInfo {
    /// The opcode.
    pub opcode: Opcode,
    /// CPython's name for it, such as `SHORT_BINUNICODE`.
    pub name: &'static str,
    /// The form of its argument.
    pub arg: ArgKind,
    /// The first protocol that has it.
    pub protocol: u8,
    /// What it takes from the stack, the top last.
    pub before: &'static [StackItem],
    /// What it leaves there.
    pub after: &'static [StackItem],
    /// What it does, in a line.
    pub doc: &'static str,
}

/// The 68 rows, numbers first, as `pickletools` orders them.
pub static OPCODES: [OpInfo; 68] = opcode_table();

macro_rules! opcodes {
    ($(($variant:ident, $name:literal, $byte:literal, $arg:ident, $protocol:literal, &[$($before:ident),*], &[$($after:ident),*], $doc:literal),)*) => {
        /// An opcode; its value is the byte on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Opcode {
            $(#[doc = concat!("`", $name, "`. ", $doc, ".")] $variant = $byte,)*
        }

        impl Opcode {
            /// The opcode that this byte is, if it is one.
            pub const fn from_byte(byte: u8) -> Option<Opcode> {
                match byte {
                    $($byte => Some(Opcode::$variant),)*
                    _ => None,
                }
            }
        }

        const fn opcode_table() -> [OpInfo; 68] {
            [$(OpInfo {
                opcode: Opcode::$variant,
                name: $name,
                arg: ArgKind::$arg,
                protocol: $protocol,
                before: &[$(StackItem::$before),*],
                after: &[$(StackItem::$after),*],
                doc: $doc,
            },)*]
        }
    };
}

opcodes![
    // variant, name, byte, argument, protocol, stack before, stack after, meaning
    (Int, "INT", b'I', Line, 0, &[], &[IntOrBool], "An integer in decimal, or `01`/`00` for True and False"),
    (BinInt, "BININT", b'J', I4, 1, &[], &[Int], "A signed 32-bit integer"),
    (BinInt1, "BININT1", b'K', U1, 1, &[], &[Int], "An integer from 0 to 255"),
    (BinInt2, "BININT2", b'M', U2, 1, &[], &[Int], "An integer from 0 to 65,535"),
    (Long, "LONG", b'L', Line, 0, &[], &[Int], "An integer in decimal, with Python 2's trailing `L`"),
    (
        Long1,
        "LONG1",
        0x8a,
        Bytes1,
        2,
        &[],
        &[Int],
        "An integer as up to 255 bytes, two's complement, little-endian"
    ),
    (
        Long4,
        "LONG4",
        0x8b,
        Bytes4Signed,
        2,
        &[],
        &[Int],
        "An integer as up to 2 GiB, two's complement, little-endian"
    ),
    (String, "STRING", b'S', Line, 0, &[], &[BytesOrStr], "A Python 2 `str` as its repr"),
    (BinString, "BINSTRING", b'T', Bytes4Signed, 1, &[], &[BytesOrStr], "A Python 2 `str` of up to 2 GiB"),
    (
        ShortBinString,
        "SHORT_BINSTRING",
        b'U',
        Bytes1,
        1,
        &[],
        &[BytesOrStr],
        "A Python 2 `str` of up to 255 bytes"
    ),
    (BinBytes, "BINBYTES", b'B', Bytes4, 3, &[], &[Bytes], "`bytes` of up to 4 GiB"),
    (ShortBinBytes, "SHORT_BINBYTES", b'C', Bytes1, 3, &[], &[Bytes], "`bytes` of up to 255 bytes"),
    (BinBytes8, "BINBYTES8", 0x8e, Bytes8, 4, &[], &[Bytes], "`bytes` of any length"),
    (ByteArray8, "BYTEARRAY8", 0x96, Bytes8, 5, &[], &[ByteArray], "A `bytearray`"),
    (
        NextBuffer,
        "NEXT_BUFFER",
        0x97,
        None,
        5,
        &[],
        &[Buffer],
        "The next of the buffers that travel beside the pickle"
    ),
    (
        ReadOnlyBuffer,
        "READONLY_BUFFER",
        0x98,
        None,
        5,
        &[Buffer],
        &[Buffer],
        "Makes the buffer on top read-only"
    ),
    (None, "NONE", b'N', None, 0, &[], &[None], "None"),
    (NewTrue, "NEWTRUE", 0x88, None, 2, &[], &[Bool], "True"),
    (NewFalse, "NEWFALSE", 0x89, None, 2, &[], &[Bool], "False"),
    (Unicode, "UNICODE", b'V', Line, 0, &[], &[Str], "Text, raw-unicode-escaped up to the end of the line"),
    (ShortBinUnicode, "SHORT_BINUNICODE", 0x8c, Bytes1, 4, &[], &[Str], "Text of up to 255 bytes of UTF-8"),
    (BinUnicode, "BINUNICODE", b'X', Bytes4, 1, &[], &[Str], "Text of up to 4 GiB of UTF-8"),
    (BinUnicode8, "BINUNICODE8", 0x8d, Bytes8, 4, &[], &[Str], "Text of any length in UTF-8"),
    (Float, "FLOAT", b'F', Line, 0, &[], &[Float], "A float as its repr"),
    (BinFloat, "BINFLOAT", b'G', F8, 1, &[], &[Float], "A float as eight bytes, big-endian"),
    (EmptyList, "EMPTY_LIST", b']', None, 1, &[], &[List], "A new list"),
    (Append, "APPEND", b'a', None, 0, &[List, Any], &[List], "Appends the top to the list below"),
    (
        Appends,
        "APPENDS",
        b'e',
        None,
        1,
        &[List, Mark, Slice],
        &[List],
        "Extends the list below the mark by all above it"
    ),
    (List, "LIST", b'l', None, 0, &[Mark, Slice], &[List], "A list of all above the mark"),
    (EmptyTuple, "EMPTY_TUPLE", b')', None, 1, &[], &[Tuple], "The empty tuple"),
    (Tuple, "TUPLE", b't', None, 0, &[Mark, Slice], &[Tuple], "A tuple of all above the mark"),
    (Tuple1, "TUPLE1", 0x85, None, 2, &[Any], &[Tuple], "A tuple of the top"),
    (Tuple2, "TUPLE2", 0x86, None, 2, &[Any, Any], &[Tuple], "A tuple of the top two"),
    (Tuple3, "TUPLE3", 0x87, None, 2, &[Any, Any, Any], &[Tuple], "A tuple of the top three"),
    (EmptyDict, "EMPTY_DICT", b'}', None, 1, &[], &[Dict], "A new dict"),
    (Dict, "DICT", b'd', None, 0, &[Mark, Slice], &[Dict], "A dict of the pairs above the mark"),
    (
        SetItem,
        "SETITEM",
        b's',
        None,
        0,
        &[Dict, Any, Any],
        &[Dict],
        "Sets the value on top at the key below it, in the dict below both"
    ),
    (
        SetItems,
        "SETITEMS",
        b'u',
        None,
        1,
        &[Dict, Mark, Slice],
        &[Dict],
        "Sets all pairs above the mark in the dict below it"
    ),
    (EmptySet, "EMPTY_SET", 0x8f, None, 4, &[], &[Set], "A new set"),
    (
        AddItems,
        "ADDITEMS",
        0x90,
        None,
        4,
        &[Set, Mark, Slice],
        &[Set],
        "Adds all above the mark to the set below it"
    ),
    (
        FrozenSet,
        "FROZENSET",
        0x91,
        None,
        4,
        &[Mark, Slice],
        &[FrozenSet],
        "A frozenset of all above the mark"
    ),
    (Pop, "POP", b'0', None, 0, &[Any], &[], "Drops the top, or the mark that is there"),
    (Dup, "DUP", b'2', None, 0, &[Any], &[Any, Any], "Pushes the top again"),
    (Mark, "MARK", b'(', None, 0, &[], &[Mark], "Pushes a mark"),
    (PopMark, "POP_MARK", b'1', None, 1, &[Mark, Slice], &[], "Drops the mark and all above it"),
    (Get, "GET", b'g', Line, 0, &[], &[Any], "Pushes the memo's entry of the index in decimal"),
    (BinGet, "BINGET", b'h', U1, 1, &[], &[Any], "Pushes the memo's entry, index up to 255"),
    (LongBinGet, "LONG_BINGET", b'j', U4, 1, &[], &[Any], "Pushes the memo's entry, index of 32 bits"),
    (Put, "PUT", b'p', Line, 0, &[], &[], "Stores the top in the memo, index in decimal"),
    (BinPut, "BINPUT", b'q', U1, 1, &[], &[], "Stores the top in the memo, index up to 255"),
    (LongBinPut, "LONG_BINPUT", b'r', U4, 1, &[], &[], "Stores the top in the memo, index of 32 bits"),
    (Memoize, "MEMOIZE", 0x94, None, 4, &[Any], &[Any], "Stores the top in the memo at the next free index"),
    (Ext1, "EXT1", 0x82, U1, 2, &[], &[Any], "An object by its `copyreg` extension code, 1 to 255"),
    (Ext2, "EXT2", 0x83, U2, 2, &[], &[Any], "An object by its extension code, 16 bits"),
    (Ext4, "EXT4", 0x84, I4, 2, &[], &[Any], "An object by its extension code, 31 bits"),
    (Global, "GLOBAL", b'c', TwoLines, 0, &[], &[Any], "The object named by two lines: module and name"),
    (
        StackGlobal,
        "STACK_GLOBAL",
        0x93,
        None,
        4,
        &[Str, Str],
        &[Any],
        "The object named by the two texts on top"
    ),
    (
        Reduce,
        "REDUCE",
        b'R',
        None,
        0,
        &[Any, Any],
        &[Any],
        "Calls what is below the top with the tuple on top"
    ),
    (
        Build,
        "BUILD",
        b'b',
        None,
        0,
        &[Any, Any],
        &[Any],
        "Gives the object below the top its state: `__setstate__` or `__dict__`"
    ),
    (
        Inst,
        "INST",
        b'i',
        TwoLines,
        0,
        &[Mark, Slice],
        &[Any],
        "An instance of the class named by two lines, from all above the mark"
    ),
    (
        Obj,
        "OBJ",
        b'o',
        None,
        1,
        &[Mark, Any, Slice],
        &[Any],
        "An instance of the class after the mark, from all above that"
    ),
    (NewObj, "NEWOBJ", 0x81, None, 2, &[Any, Any], &[Any], "`cls.__new__(cls, *args)`"),
    (NewObjEx, "NEWOBJ_EX", 0x92, None, 4, &[Any, Any, Any], &[Any], "`cls.__new__(cls, *args, **kwargs)`"),
    (Proto, "PROTO", 0x80, U1, 2, &[], &[], "The protocol, at the start"),
    (Stop, "STOP", b'.', None, 0, &[Any], &[], "The end; the top is the pickle"),
    (Frame, "FRAME", 0x95, U8, 4, &[], &[], "The next so many bytes may be read at once"),
    (PersId, "PERSID", b'P', Line, 0, &[], &[Any], "An object by its persistent id, a line of text"),
    (BinPersId, "BINPERSID", b'Q', None, 1, &[Any], &[Any], "An object by its persistent id, on the stack"),
];

impl Opcode {
    /// The byte on the wire.
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// The row of the table.
    pub fn info(self) -> &'static OpInfo {
        &OPCODES[usize::from(ROW_OF_BYTE[usize::from(self.byte())])]
    }
}

/// From an opcode's byte to its row.
static ROW_OF_BYTE: [u8; 256] = {
    let mut rows = [0; 256];
    let mut row = 0;
    while row < OPCODES.len() {
        rows[OPCODES[row].opcode.byte() as usize] = row as u8;
        row += 1;
    }
    rows
};

/// A set of opcodes: what a pickle is made of, found in one walk over it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpcodeSet([u128; 2]);

impl OpcodeSet {
    /// The set of these opcodes.
    pub const fn of(opcodes: &[Opcode]) -> OpcodeSet {
        let mut set = OpcodeSet([0; 2]);
        let mut i = 0;
        while i < opcodes.len() {
            set.insert(opcodes[i]);
            i += 1;
        }
        set
    }

    /// Every opcode that a later protocol than this one brought.
    pub const fn newer_than(protocol: u8) -> OpcodeSet {
        let mut set = OpcodeSet([0; 2]);
        let mut row = 0;
        while row < OPCODES.len() {
            if OPCODES[row].protocol > protocol {
                set.insert(OPCODES[row].opcode);
            }
            row += 1;
        }
        set
    }

    /// Adds an opcode.
    pub const fn insert(&mut self, opcode: Opcode) {
        self.insert_byte(opcode.byte());
    }

    /// Adds the opcode that a byte is.
    pub(crate) const fn insert_byte(&mut self, byte: u8) {
        self.0[(byte >> 7) as usize] |= 1 << (byte & 127);
    }

    /// Whether the opcode is in the set.
    pub const fn contains(self, opcode: Opcode) -> bool {
        let byte = opcode.byte();
        self.0[(byte >> 7) as usize] & (1 << (byte & 127)) != 0
    }

    /// Whether the two sets have an opcode in common.
    pub const fn intersects(self, other: OpcodeSet) -> bool {
        self.0[0] & other.0[0] != 0 || self.0[1] & other.0[1] != 0
    }

    /// What is in either set.
    pub const fn union(self, other: OpcodeSet) -> OpcodeSet {
        OpcodeSet([self.0[0] | other.0[0], self.0[1] | other.0[1]])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_its_byte() {
        for row in &OPCODES {
            assert_eq!(Opcode::from_byte(row.opcode.byte()), Some(row.opcode));
            assert_eq!(row.opcode.info().name, row.name);
        }
        assert_eq!((0..=255).filter_map(Opcode::from_byte).count(), OPCODES.len());
    }

    #[test]
    fn sets_hold_what_was_put_in() {
        let newer = OpcodeSet::newer_than(2);
        assert!(newer.contains(Opcode::ShortBinBytes) && newer.contains(Opcode::ByteArray8));
        assert!(!newer.contains(Opcode::Long1) && !newer.contains(Opcode::Stop));
        assert!(newer.intersects(OpcodeSet::of(&[Opcode::Stop, Opcode::Memoize])));
    }
}
