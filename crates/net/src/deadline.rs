//! Until when to wait.

use std::time::{Duration, Instant};

/// Until when a call may wait: a moment, or for ever.
///
/// Whatever takes one takes `impl Into<Deadline>`:
///
/// | given | waits |
/// |---|---|
/// | [`Instant`] | until then |
/// | [`Duration`] | so long from the call on; [`Duration::ZERO`] looks and does not wait |
/// | `Option<Duration>` | as Python's `timeout`: `None` is for ever |
/// | [`Deadline::NEVER`] | for ever |
///
/// An `Instant` or a `Deadline` bounds several calls together, a `Duration` each by itself.
///
/// ```
/// use std::time::Duration;
/// use sabir_net::Deadline;
///
/// let both = Deadline::from(Duration::from_secs(5));
/// assert!(both.left() <= Some(Duration::from_secs(5)));
/// assert_eq!(Deadline::from(None::<Duration>), Deadline::NEVER);
/// assert_eq!(Deadline::from(Duration::MAX), Deadline::NEVER);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Deadline {
    at: Option<Instant>,
}

impl Deadline {
    /// Waits for ever; also the default.
    pub const NEVER: Self = Self { at: None };

    /// The moment; `None` is never.
    #[must_use]
    pub fn instant(self) -> Option<Instant> {
        self.at
    }

    /// The time that is left, zero once it has passed; `None` is for ever.
    #[must_use]
    pub fn left(self) -> Option<Duration> {
        self.at.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Whether it has passed.
    #[must_use]
    pub fn has_passed(self) -> bool {
        self.left() == Some(Duration::ZERO)
    }
}

impl From<Instant> for Deadline {
    fn from(at: Instant) -> Self {
        Self { at: Some(at) }
    }
}

impl From<Duration> for Deadline {
    /// So long from now on; beyond what the clock can say, never.
    fn from(timeout: Duration) -> Self {
        Self { at: Instant::now().checked_add(timeout) }
    }
}

impl From<Option<Duration>> for Deadline {
    /// As Python's `timeout`: `None` is for ever.
    fn from(timeout: Option<Duration>) -> Self {
        timeout.map_or(Self::NEVER, Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_is_never_reached() {
        assert_eq!((Deadline::NEVER.left(), Deadline::NEVER.has_passed()), (None, false));
        assert_eq!(Deadline::default(), Deadline::NEVER);
    }

    #[test]
    fn a_zero_duration_has_passed_at_once() {
        assert!(Deadline::from(Duration::ZERO).has_passed());
        assert!(!Deadline::from(Duration::from_secs(60)).has_passed());
    }

    #[test]
    fn a_moment_of_the_past_leaves_nothing() {
        let deadline = Deadline::from(Instant::now());
        assert_eq!(deadline.left(), Some(Duration::ZERO));
    }
}
