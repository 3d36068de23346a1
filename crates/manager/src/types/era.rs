//! Which rules a caller knows: those of its own version, where versions differ.

use sabir_pickle::{Pythons, Version};

/// The version whose rules and texts a caller gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Era(Version);

impl Era {
    /// The rules for a peer that is one of these.
    ///
    /// The wire tells 2.7, 3.6 and 3.7, 3.8 to 3.11, 3.12 and 3.13, and all newer ones apart, and of each group one
    /// stands for the others, which differ in texts of errors at most: 3.6, 3.9, 3.13 and the newest.
    pub fn of(peer: Pythons) -> Era {
        let newest = peer.max;
        Era(if newest < Version::new(3, 0) {
            Version::new(2, 7)
        } else if newest < Version::new(3, 8) {
            Version::new(3, 6)
        } else if newest < Version::new(3, 12) {
            Version::new(3, 9)
        } else if newest < Version::new(3, 14) {
            Version::new(3, 13)
        } else {
            Version::new(3, 15)
        })
    }

    /// Whether it is Python 2.
    pub fn is_py2(self) -> bool {
        self.0.major == 2
    }

    /// Whether it is Python 3 from this minor version on.
    pub(crate) fn since(self, minor: u8) -> bool {
        self.0 >= Version::new(3, minor)
    }
}
