//! SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, 2012): a keyed hash that nobody without the key can
//! make collide.

/// A hash in the making.
#[derive(Clone, Debug)]
pub(crate) struct Sip {
    v: [u64; 4],
    /// Bytes that fill no word yet, the first lowest.
    tail: u64,
    length: u64,
}

impl Sip {
    pub(crate) fn new(key: (u64, u64)) -> Sip {
        Sip {
            v: [
                key.0 ^ 0x736f_6d65_7073_6575,
                key.1 ^ 0x646f_7261_6e64_6f6d ^ 0xee,
                key.0 ^ 0x6c79_6765_6e65_7261,
                key.1 ^ 0x7465_6462_7974_6573,
            ],
            tail: 0,
            length: 0,
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let filled = 8 * (self.length % 8);
        let chunks = bytes.chunks_exact(8);
        let rest = chunks.remainder();
        for chunk in chunks {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            let word = u64::from_le_bytes(word);
            self.length = self.length.wrapping_add(8);
            self.word(self.tail | word << filled);
            self.tail = if filled == 0 { 0 } else { word >> (64 - filled) };
        }
        for &byte in rest {
            self.byte(byte);
        }
    }

    pub(crate) fn finish(mut self) -> u128 {
        let last = self.tail | (self.length << 56);
        self.word(last);
        self.v[2] ^= 0xee;
        self.rounds(4);
        let low = self.v[0] ^ self.v[1] ^ self.v[2] ^ self.v[3];
        self.v[1] ^= 0xdd;
        self.rounds(4);
        let high = self.v[0] ^ self.v[1] ^ self.v[2] ^ self.v[3];
        u128::from(low) | (u128::from(high) << 64)
    }

    fn byte(&mut self, byte: u8) {
        self.tail |= u64::from(byte) << (8 * (self.length % 8));
        self.length = self.length.wrapping_add(1);
        if self.length.is_multiple_of(8) {
            let word = self.tail;
            self.tail = 0;
            self.word(word);
        }
    }

    fn word(&mut self, word: u64) {
        self.v[3] ^= word;
        self.rounds(2);
        self.v[0] ^= word;
    }

    fn rounds(&mut self, count: usize) {
        let v = &mut self.v;
        for _ in 0..count {
            v[0] = v[0].wrapping_add(v[1]);
            v[1] = v[1].rotate_left(13) ^ v[0];
            v[0] = v[0].rotate_left(32);
            v[2] = v[2].wrapping_add(v[3]);
            v[3] = v[3].rotate_left(16) ^ v[2];
            v[0] = v[0].wrapping_add(v[3]);
            v[3] = v[3].rotate_left(21) ^ v[0];
            v[2] = v[2].wrapping_add(v[1]);
            v[1] = v[1].rotate_left(17) ^ v[2];
            v[2] = v[2].rotate_left(32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_reference_hash() {
        // The first two of vectors_sip128 of the reference implementation: key 00..0f, inputs of 0 and 1 bytes.
        let key = (0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
        let hash = |input: &[u8]| {
            let mut sip = Sip::new(key);
            sip.write(input);
            sip.finish().to_le_bytes()
        };
        assert_eq!(
            hash(&[]),
            [0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93]
        );
        assert_eq!(
            hash(&[0]),
            [0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc, 0x45]
        );
    }

    #[test]
    fn it_does_not_matter_how_the_input_is_cut() {
        let input: alloc::vec::Vec<u8> = (0..40).collect();
        let mut whole = Sip::new((1, 2));
        whole.write(&input);
        for cut in 0..input.len() {
            let mut sip = Sip::new((1, 2));
            sip.write(&input[..cut]);
            sip.write(&input[cut..]);
            assert_eq!(sip.finish(), whole.clone().finish());
        }
    }
}
