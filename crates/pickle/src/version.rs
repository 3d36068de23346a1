//! Which Python a pickle is from, or for: one version, or the span of versions that a peer may be.

use core::fmt;
use core::str::FromStr;

/// A Python version, such as 2.7 or 3.14. Patch levels do not change what a pickle says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// 2 or 3.
    pub major: u8,
    /// The number after the dot.
    pub minor: u8,
}

impl Version {
    /// `major.minor`.
    pub const fn new(major: u8, minor: u8) -> Version {
        Version { major, minor }
    }

    /// The highest pickle protocol that this version reads.
    pub const fn highest_protocol(self) -> u8 {
        match (self.major, self.minor) {
            (0..=2, _) => 2,
            (3, 0..=3) => 3,
            (3, 4..=7) => 4,
            _ => 5,
        }
    }

    /// The protocol that this version's `multiprocessing` writes, which nothing can set.
    pub const fn default_protocol(self) -> u8 {
        match (self.major, self.minor) {
            (0..=2, _) => 2,
            (3, 0..=7) => 3,
            (3, 8..=13) => 4,
            _ => 5,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The text is no version: `2.7` and `3.14` are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a Python version: write it as 2.7 or 3.14")]
pub struct ParseVersionError;

impl FromStr for Version {
    type Err = ParseVersionError;

    fn from_str(s: &str) -> Result<Version, ParseVersionError> {
        let (major, minor) = s.split_once('.').ok_or(ParseVersionError)?;
        let part = |s: &str| s.parse::<u8>().map_err(|_| ParseVersionError);
        let version = Version::new(part(major)?, part(minor)?);
        if matches!(version.major, 2 | 3) { Ok(version) } else { Err(ParseVersionError) }
    }
}

/// All that is known of a peer's version: it lies between `min` and `max`, both included.
///
/// A peer never says its version, but what it writes narrows it: protocol 3 is 3.6 or 3.7, a `{sha256}` challenge is
/// 3.12 or newer, and so on. What is sent must then be right for every version in the span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pythons {
    /// The oldest version that the peer may be.
    pub min: Version,
    /// The newest version that the peer may be.
    pub max: Version,
}

impl Pythons {
    /// Nothing is known.
    pub const ANY: Pythons = Pythons::between(Version::new(2, 7), Version::new(3, 255));
    /// Python 2.7, the only Python 2 on this wire.
    pub const PY2: Pythons = Pythons::exactly(Version::new(2, 7));
    /// Some Python 3. Those before 3.4, which brought protocol 4, are taken to be extinct.
    pub const PY3: Pythons = Pythons::between(Version::new(3, 4), Version::new(3, 255));

    /// This version and no other.
    pub const fn exactly(version: Version) -> Pythons {
        Pythons { min: version, max: version }
    }

    /// Any version from `min` to `max`.
    pub const fn between(min: Version, max: Version) -> Pythons {
        Pythons { min, max }
    }

    /// The versions whose `multiprocessing` writes this protocol: 2 is 2.7; 3 is 3.6 or 3.7; 4 is 3.8 to 3.13; 5 is 3.14 or newer.
    ///
    /// A program may call `pickle.dumps` itself and `send_bytes` the outcome, so this is what is likely, not what is proven.
    pub const fn writing(protocol: u8) -> Pythons {
        match protocol {
            0..=2 => Pythons::PY2,
            3 => Pythons::between(Version::new(3, 4), Version::new(3, 7)),
            4 => Pythons::between(Version::new(3, 8), Version::new(3, 13)),
            _ => Pythons::between(Version::new(3, 14), Version::new(3, 255)),
        }
    }

    /// Whether the peer may be 2.7.
    pub fn may_be_py2(self) -> bool {
        self.min.major == 2
    }

    /// Whether the peer may be a Python 3.
    pub fn may_be_py3(self) -> bool {
        self.max.major >= 3
    }

    /// Whether the peer may be this version.
    pub fn contains(self, version: Version) -> bool {
        self.min <= version && version <= self.max
    }

    /// Whether every version of this span is in the other.
    pub fn within(self, other: Pythons) -> bool {
        other.min <= self.min && self.max <= other.max
    }

    /// The highest protocol that every version of the span reads.
    pub fn readable_protocol(self) -> u8 {
        self.min.highest_protocol()
    }

    /// What both spans allow; `None` if they contradict each other.
    pub fn intersect(self, other: Pythons) -> Option<Pythons> {
        let (min, max) = (self.min.max(other.min), self.max.min(other.max));
        (min <= max).then_some(Pythons { min, max })
    }
}

impl fmt::Display for Pythons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min == self.max, self.max.minor) {
            (true, _) => write!(f, "{}", self.min),
            (_, 255) => write!(f, "{} or newer", self.min),
            _ => write!(f, "{} to {}", self.min, self.max),
        }
    }
}

impl From<Version> for Pythons {
    fn from(version: Version) -> Pythons {
        Pythons::exactly(version)
    }
}
