//! Where a pickle is written: small pieces copied together, large ones only referred to, and frames around both.

use alloc::vec::Vec;

use bytes::Bytes;

/// A pickle in pieces, for a vectored write: what is large in the graph is not copied into it.
#[derive(Clone, Debug, Default)]
pub struct Segments {
    /// All that is not shared, in order.
    buffer: Vec<u8>,
    /// What stands between: after how many bytes of the buffer, and which bytes.
    shared: Vec<(usize, Bytes)>,
}

impl Segments {
    /// The pieces in order. None is empty.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        let pairs = self.shared.iter().flat_map(move |(end, bytes)| {
            let piece = &self.buffer[start..*end];
            start = *end;
            [piece, &bytes[..]]
        });
        let tail = self.shared.last().map_or(0, |(end, _)| *end);
        pairs.chain(core::iter::once(&self.buffer[tail..])).filter(|piece| !piece.is_empty())
    }

    /// The pickle, if it is in one piece.
    pub fn as_slice(&self) -> Option<&[u8]> {
        if self.shared.is_empty() { Some(&self.buffer) } else { None }
    }

    /// The pieces in order, to own.
    pub fn into_pieces(self) -> Vec<Bytes> {
        let mut rest = Bytes::from(self.buffer);
        let mut pieces = Vec::with_capacity(2 * self.shared.len() + 1);
        let mut taken = 0;
        for (end, bytes) in self.shared {
            pieces.push(rest.split_to(end - taken));
            pieces.push(bytes);
            taken = end;
        }
        pieces.push(rest);
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }

    /// The length of all pieces together, in bytes.
    pub fn len(&self) -> usize {
        self.buffer.len() + self.shared.iter().map(|(_, bytes)| bytes.len()).sum::<usize>()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pickle in one piece.
    pub fn into_vec(self) -> Vec<u8> {
        if self.shared.is_empty() {
            return self.buffer;
        }
        let mut all = Vec::with_capacity(self.len());
        self.iter().for_each(|piece| all.extend_from_slice(piece));
        all
    }
}

/// What is at least this long is referred to instead of copied, and stands outside of frames: CPython's
/// `FRAME_SIZE_TARGET`, at which a frame also ends (Modules/_pickle.c).
pub(crate) const LARGE: usize = 64 * 1024;
/// What is shorter than this gets no frame: CPython's `FRAME_SIZE_MIN`.
const MIN_FRAME: usize = 4;
const FRAME_HEADER: usize = 9;
/// Room for a short pickle.
const SHORT: usize = 128;

/// The writer's end of [`Segments`].
pub(crate) struct Output {
    segments: Segments,
    framing: bool,
    /// Where in the buffer the open frame's header stands.
    frame: Option<usize>,
}

impl Output {
    pub(crate) fn new() -> Output {
        // Most pickles are short, and to grow from nothing costs them more than to be written.
        let segments = Segments { buffer: Vec::with_capacity(SHORT), shared: Vec::new() };
        Output { segments, framing: false, frame: None }
    }

    /// From here on, frames: protocol 4.
    pub(crate) fn start_framing(&mut self) {
        self.framing = true;
    }

    /// The buffer, for an opcode and its argument.
    #[inline]
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        if self.framing && self.frame.is_none() {
            self.frame = Some(self.segments.buffer.len());
            self.segments.buffer.extend_from_slice(&[0; FRAME_HEADER]);
        }
        &mut self.segments.buffer
    }

    /// An opcode with its length, and the bytes: shared if they are large and can be.
    pub(crate) fn blob(&mut self, header: &[u8], bytes: &[u8], shared: impl FnOnce() -> Option<Bytes>) {
        if bytes.len() >= LARGE {
            self.end_frame();
            self.segments.buffer.extend_from_slice(header);
            match shared() {
                Some(shared) => self.segments.shared.push((self.segments.buffer.len(), shared)),
                None => self.segments.buffer.extend_from_slice(bytes),
            }
        } else {
            let buffer = self.buffer();
            buffer.extend_from_slice(header);
            buffer.extend_from_slice(bytes);
        }
    }

    /// Between two objects: a frame that is full ends here.
    #[inline]
    pub(crate) fn boundary(&mut self) {
        if let Some(start) = self.frame
            && self.segments.buffer.len() - start - FRAME_HEADER >= LARGE
        {
            self.end_frame();
        }
    }

    fn end_frame(&mut self) {
        let Some(start) = self.frame.take() else { return };
        let buffer = &mut self.segments.buffer;
        let length = buffer.len() - start - FRAME_HEADER;
        if length < MIN_FRAME {
            buffer.drain(start..start + FRAME_HEADER);
        } else {
            buffer[start] = crate::opcode::Opcode::Frame.byte();
            buffer[start + 1..start + FRAME_HEADER].copy_from_slice(&(length as u64).to_le_bytes());
        }
    }

    pub(crate) fn finish(mut self) -> Segments {
        self.end_frame();
        self.segments
    }
}
