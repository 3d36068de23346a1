//! The challenges of this gateway that somebody still has to answer.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Who gets one of ours from somebody else must not answer it: the answer would let a stranger in by
/// another listener.
#[derive(Debug, Default)]
pub(super) struct Challenges {
    open: Mutex<HashSet<Tail>>,
}

/// The challenges that one handshake has sent, while it lasts.
#[derive(Debug)]
pub(super) struct Issued<'a> {
    challenges: &'a Challenges,
    own: Vec<Tail>,
}

/// The end of a challenge is random, whatever is before it.
type Tail = [u8; TAIL];

impl Challenges {
    pub(super) fn issue(&self) -> Issued<'_> {
        Issued { challenges: self, own: Vec::new() }
    }

    /// Whether a message is a challenge of ours.
    pub(super) fn contains(&self, message: &[u8]) -> bool {
        tail(message).is_some_and(|tail| self.open().contains(&tail))
    }

    fn open(&self) -> MutexGuard<'_, HashSet<Tail>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Issued<'_> {
    /// A message is sent; it may be a challenge.
    pub(super) fn sent(&mut self, message: &[u8]) {
        if let Some(tail) = tail(message) {
            self.challenges.open().insert(tail);
            self.own.push(tail);
        }
    }
}

impl Drop for Issued<'_> {
    fn drop(&mut self) {
        let mut open = self.challenges.open();
        for tail in &self.own {
            open.remove(tail);
        }
    }
}

fn tail(message: &[u8]) -> Option<Tail> {
    message.strip_prefix(CHALLENGE)?.last_chunk().copied()
}

const CHALLENGE: &[u8] = b"#CHALLENGE#";
/// In bytes: 2.7 to 3.11 challenge with so many, newer ones with more.
const TAIL: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_ours_while_its_handshake_lasts_under_any_digest() {
        let challenges = Challenges::default();
        let mut issued = challenges.issue();
        issued.sent(b"#CHALLENGE#{sha256}0123456789abcdefghijklmn");
        assert!(challenges.contains(b"#CHALLENGE#{md5}0123456789abcdefghijklmn"));
        assert!(!challenges.contains(b"#CHALLENGE#{sha256}another one, of the same length"));
        assert!(!challenges.contains(b"#WELCOME#"));
        drop(issued);
        assert!(!challenges.contains(b"#CHALLENGE#{sha256}0123456789abcdefghijklmn"));
    }
}
