//! Frames: a length, then that many bytes. No type, no checksum, no sequence number.
//!
//! ```text
//!  0        4                                   up to 0x7fffffff bytes, every Python
//! | length  | body ...
//!
//!  0        4                 12                above, 3.8 and newer
//! | ff*4    | length (u64)    | body ...
//! ```
//! Big-endian throughout. The same bytes travel on stream sockets and pipes; Windows named pipes have no header.

use bytes::{Buf, Bytes, BytesMut};

use crate::error::{EofPlace, FrameError, SendError};

/// The longest body that a 4-byte header announces, in bytes: 2.7 and 3.x all write at most this there.
pub const MAX_SHORT_BODY: u64 = 0x7fff_ffff;

/// A header ready to be written; derefs to its 4 or 12 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    bytes: [u8; 12],
    len: u8,
}

impl core::ops::Deref for Header {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// The header of a body of `len` bytes, as 3.8 and newer write it; older ones write the same up to
/// [`MAX_SHORT_BODY`]. [`FrameDialect::header`] refuses what the peer could not read.
pub fn header(len: u64) -> Header {
    let mut bytes = [0xff; 12];
    match u32::try_from(len) {
        Ok(short) if len <= MAX_SHORT_BODY => {
            bytes[..4].copy_from_slice(&short.to_be_bytes());
            Header { bytes, len: 4 }
        }
        _ => {
            bytes[4..].copy_from_slice(&len.to_be_bytes());
            Header { bytes, len: 12 }
        }
    }
}

/// A header that has wholly arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameHeader {
    /// 4 or 12.
    pub header_len: usize,
    /// Bytes of the body that follow.
    pub body_len: u64,
}

impl FrameHeader {
    /// Header and body together, in bytes; saturates.
    pub fn frame_len(self) -> u64 {
        self.body_len.saturating_add(self.header_len as u64)
    }
}

/// The header at the start of `buf`; `None` if more bytes are needed.
///
/// This is the primitive that a relay uses on its own buffers: nothing is copied, and the body need not have
/// arrived. A length beyond `limits` is refused as soon as it is known.
pub fn peek(
    buf: &[u8],
    dialect: FrameDialect,
    limits: FrameLimits,
) -> Result<Option<FrameHeader>, FrameError> {
    let Some((short, rest)) = buf.split_first_chunk::<4>() else { return Ok(None) };
    let frame = match (i32::from_be_bytes(*short), dialect.length) {
        (-1, LengthField::Extended) => {
            let Some((long, _)) = rest.split_first_chunk::<8>() else { return Ok(None) };
            FrameHeader { header_len: 12, body_len: u64::from_be_bytes(*long) }
        }
        (length, LengthField::Signed | LengthField::Extended) => {
            let body_len = u64::try_from(length).map_err(|_| FrameError::NegativeLength { length })?;
            FrameHeader { header_len: 4, body_len }
        }
        (_, LengthField::Unsigned) => {
            FrameHeader { header_len: 4, body_len: u64::from(u32::from_be_bytes(*short)) }
        }
    };
    if frame.body_len > limits.max_message {
        return Err(FrameError::TooLong { length: frame.body_len, limit: limits.max_message });
    }
    Ok(Some(frame))
}

/// How one family of Pythons reads and writes the length.
///
/// What a Python *writes* is read alike by all three; they differ in what they can be sent. Where nothing is
/// known of the peer, [`FrameDialect::PY38`] is right for reading, and for writing up to 0x7fffffff bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameDialect {
    length: LengthField,
    max_body: u64,
    pythons: &'static str,
}

/// How the first four bytes are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum LengthField {
    Unsigned,
    Signed,
    Extended,
}

impl FrameDialect {
    /// 2.7: 32 bits, read as unsigned, so that `ff ff ff ff` is a message of 4 GiB; never written above 0x7fffffff.
    pub const PY27: FrameDialect =
        FrameDialect { length: LengthField::Unsigned, max_body: MAX_SHORT_BODY, pythons: "Python 2.7" };
    /// 3.6 and 3.7: 32 bits, signed; no longer messages.
    pub const PY36: FrameDialect =
        FrameDialect { length: LengthField::Signed, max_body: MAX_SHORT_BODY, pythons: "Python 3.6 and 3.7" };
    /// 3.8 and newer: -1 says that 64 bits follow, for any length; written only above 0x7fffffff.
    pub const PY38: FrameDialect =
        FrameDialect { length: LengthField::Extended, max_body: u64::MAX, pythons: "Python 3.8" };

    /// The longest body that such a peer reads, in bytes.
    pub fn max_body(self) -> u64 {
        self.max_body
    }

    /// The header for such a peer; an error if it could not read the message.
    pub fn header(self, len: u64) -> Result<Header, SendError> {
        if len > self.max_body {
            return Err(SendError::TooLongForPeer { length: len, limit: self.max_body, peer: self.pythons });
        }
        Ok(header(len))
    }
}

impl Default for FrameDialect {
    fn default() -> FrameDialect {
        FrameDialect::PY38
    }
}

/// The budget of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameLimits {
    /// The longest body that is taken, in bytes.
    pub max_message: u64,
}

impl FrameLimits {
    /// 256 bytes: CPython's `connection.recv_bytes(256)` in `deliver_challenge` and `answer_challenge`.
    pub const BEFORE_AUTHENTICATION: FrameLimits = FrameLimits { max_message: 256 };
    /// 1 GiB. CPython has no limit here.
    pub const DEFAULT: FrameLimits = FrameLimits { max_message: 1 << 30 };
    /// No limit but memory. What has not arrived is never allocated, so an announcement alone costs nothing.
    pub const UNLIMITED: FrameLimits = FrameLimits { max_message: u64::MAX };
}

impl Default for FrameLimits {
    fn default() -> FrameLimits {
        FrameLimits::DEFAULT
    }
}

/// Cuts a stream into messages: push bytes, pull messages.
///
/// 1. Append what arrived: [`push`](Deframer::push), or read straight into [`buffer`](Deframer::buffer).
/// 2. Call [`next_message`](Deframer::next_message) until it says `None`.
/// 3. At the end of the stream call [`end`](Deframer::end).
///
/// Every split of the same bytes gives the same messages. Memory grows by doubling with what has arrived and is not
/// pulled yet (the law in `testing` says four times that and 128 KiB), plus the slack that the caller asks for; never
/// with what a header merely announces.
#[derive(Debug, Default)]
pub struct Deframer {
    buf: BytesMut,
    offset: u64,
}

impl Deframer {
    /// An empty one; allocates nothing.
    pub fn new() -> Deframer {
        Deframer::default()
    }

    /// Appends bytes that arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buf.extend_from_slice(bytes);
    }

    /// The buffer to append to, for drivers that read straight into it. It has room for at least `slack` bytes.
    ///
    /// Only append: what is in it has not been pulled yet.
    pub fn buffer(&mut self, slack: usize) -> &mut BytesMut {
        self.buf.reserve(slack);
        &mut self.buf
    }

    /// How many bytes a read may ask for without reserving more than has already arrived: the rest of the message,
    /// but no more than `max(slack, bytes waiting)`, and at least `slack`.
    pub fn read_size(&self, slack: usize, dialect: FrameDialect, limits: FrameLimits) -> usize {
        let missing = match peek(&self.buf, dialect, limits) {
            Ok(Some(frame)) => frame.frame_len().saturating_sub(self.buf.len() as u64),
            Ok(None) | Err(_) => 0,
        };
        let missing = usize::try_from(missing).unwrap_or(usize::MAX);
        missing.min(self.buf.len()).max(slack)
    }

    /// The next whole message, without its header; `None` if more bytes are needed. An error is returned again on
    /// each call, since the stream cannot be read on.
    #[inline]
    pub fn next_message(
        &mut self,
        dialect: FrameDialect,
        limits: FrameLimits,
    ) -> Result<Option<Bytes>, FrameError> {
        let Some(frame) = peek(&self.buf, dialect, limits)? else { return Ok(None) };
        let Ok(body_len) = usize::try_from(frame.body_len) else { return Ok(None) };
        if self.buf.len() - frame.header_len < body_len {
            return Ok(None);
        }
        self.buf.advance(frame.header_len);
        self.offset = self.offset.saturating_add(frame.frame_len());
        if body_len == 0 {
            // Which keeps no buffer alive.
            return Ok(Some(Bytes::new()));
        }
        if self.buf.len() == body_len && self.buf.capacity() == body_len {
            // There is no memory to read on into, and the message is the only one that has any of it.
            return Ok(Some(core::mem::take(&mut self.buf).freeze()));
        }
        let body = self.buf.split_to(body_len).freeze();
        if body_len > KEEP && self.buf.len() <= KEEP {
            // The rest would keep all of the long message's memory alive.
            self.buf = BytesMut::from(&self.buf[..]);
        }
        Ok(Some(body))
    }

    /// The stream ended here: fine between messages, an error inside one. Pull the whole messages first.
    pub fn end(&self, dialect: FrameDialect, limits: FrameLimits) -> Result<(), FrameError> {
        if self.buf.is_empty() {
            return Ok(());
        }
        let place = match peek(&self.buf, dialect, limits)? {
            None => EofPlace::Header { arrived: u8::try_from(self.buf.len()).unwrap_or(u8::MAX) },
            Some(FrameHeader { header_len, body_len: length }) => match self.buf.len() - header_len {
                0 => EofPlace::AfterHeader { length },
                arrived => EofPlace::Body { arrived: arrived as u64, length },
            },
        };
        Err(FrameError::EndOfFile { place })
    }

    /// Steps over the next message, whose header is `frame`, for a driver that reads it elsewhere: as much as has
    /// arrived is dropped here (copy it from [`arrived`](Deframer::arrived) first), and the rest counts as read.
    pub fn skip(&mut self, frame: FrameHeader) {
        let here = usize::try_from(frame.frame_len()).unwrap_or(usize::MAX).min(self.buf.len());
        self.buf.advance(here);
        self.offset = self.offset.saturating_add(frame.frame_len());
    }

    /// Whether a header has arrived without any of its body, and the body is not empty.
    ///
    /// Stock Pythons write bodies of more than 16 KiB apart from the header, and over TCP the second write waits for
    /// our acknowledgement: a driver that sees `true` acknowledges at once (`TCP_QUICKACK`).
    pub fn awaits_body(&self, dialect: FrameDialect, limits: FrameLimits) -> bool {
        matches!(peek(&self.buf, dialect, limits), Ok(Some(frame))
            if frame.body_len > 0 && frame.header_len == self.buf.len())
    }

    /// Takes exactly `n` bytes that belong to no frame, if they have arrived.
    pub fn take_unframed(&mut self, n: usize) -> Option<Bytes> {
        (self.buf.len() >= n).then(|| {
            self.offset = self.offset.saturating_add(n as u64);
            self.buf.split_to(n).freeze()
        })
    }

    /// Gives the buffer's memory back if nothing waits in it.
    pub fn release(&mut self) {
        if self.buf.is_empty() {
            self.buf = BytesMut::new();
        }
    }

    /// The bytes that arrived and are not pulled yet.
    pub fn arrived(&self) -> &[u8] {
        &self.buf
    }

    /// How many those are.
    pub fn waiting(&self) -> usize {
        self.buf.len()
    }

    /// Bytes of the stream before the message that is next.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The bytes that are not pulled yet.
    pub fn into_rest(self) -> BytesMut {
        self.buf
    }
}

/// A buffer up to this size, in bytes, is used again; a longer message takes its memory along.
const KEEP: usize = 64 * 1024;

#[cfg(test)]
mod tests;
