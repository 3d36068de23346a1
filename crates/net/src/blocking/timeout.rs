//! The timeout of the socket itself, so that to receive takes one system call and not two.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::net::RecvFlags;
use rustix::net::sockopt::{Timeout, set_socket_timeout};

use crate::deadline::Deadline;

/// SO_RCVTIMEO as it is set, none at first.
///
/// It is set to a power of two below what is left, and again only if that no longer fits, so calls
/// with deadlines that are about equally far share one setting. It ends a wait too early, never too
/// late; the rest is for `poll(2)`.
#[derive(Debug, Default)]
pub(crate) struct ReceiveTimeout {
    set: Option<Duration>,
}

impl ReceiveTimeout {
    /// How to receive so that the deadline is not overrun: waiting if the socket can be told until
    /// when, otherwise without.
    pub(crate) fn flags(&mut self, socket: BorrowedFd<'_>, deadline: Deadline) -> RecvFlags {
        let wanted = match deadline.left() {
            None => None,
            Some(left) if left < SHORTEST => return RecvFlags::DONTWAIT,
            Some(left) => Some(left.min(LONGEST)),
        };
        let fits = match (self.set, wanted) {
            (Some(set), Some(wanted)) => set <= wanted && set >= wanted / 4,
            (set, wanted) => set == wanted,
        };
        let below = wanted.map(|wanted| Duration::from_millis(1 << wanted.as_millis().max(1).ilog2()));
        if !fits && !self.set(socket, below) {
            return RecvFlags::DONTWAIT;
        }
        RecvFlags::empty()
    }

    fn set(&mut self, socket: BorrowedFd<'_>, timeout: Option<Duration>) -> bool {
        let done = set_socket_timeout(socket, Timeout::Recv, timeout).is_ok();
        if done {
            self.set = timeout;
        }
        done
    }
}

/// Below this the socket's clock is too coarse.
const SHORTEST: Duration = Duration::from_millis(16);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;
    use std::os::unix::net::UnixStream;

    use rustix::net::sockopt::socket_timeout;

    use super::*;

    #[test]
    fn the_socket_never_waits_longer_than_the_deadline_and_is_told_seldom() {
        let (socket, _other) = UnixStream::pair().unwrap();
        let set = || socket_timeout(&socket, Timeout::Recv).unwrap();
        let mut timeout = ReceiveTimeout::default();
        let mut flags = |left: Duration| timeout.flags(socket.as_fd(), left.into());
        for (seconds, expected) in [(30, 16_384), (20, 16_384), (60, 16_384), (10, 8192), (100, 65_536)] {
            assert_eq!(flags(Duration::from_secs(seconds)), RecvFlags::empty());
            assert_eq!(set(), Some(Duration::from_millis(expected)), "{seconds} s");
        }
        assert_eq!(flags(Duration::from_millis(10)), RecvFlags::DONTWAIT);
        assert_eq!(flags(Duration::MAX), RecvFlags::empty());
        assert_eq!(set(), None, "for ever");
        assert_eq!(flags(Duration::from_secs(1 << 40)), RecvFlags::empty());
        assert!(set() > Some(Duration::from_secs(60 * 60)) && set() <= Some(LONGEST));
    }
}
