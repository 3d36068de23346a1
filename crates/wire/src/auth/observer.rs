//! A handshake that passes through a relay without the key.

use super::{ChallengeStyle, FAILURE, PeerHints, ResponseStyle, WELCOME};

/// Who sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// The end that accepted, and challenges first.
    Listener,
    /// The end that connected.
    Client,
}

/// What a message belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Authentication: pass it on untouched.
    Handshake,
    /// The application.
    Application,
}

/// How the authentication phase ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ended {
    /// Both were welcomed.
    Authenticated,
    /// One message was no part of a handshake: there is no key on (at least) one end, or only one end had to prove
    /// itself (`deliver_challenge` used alone). From that message on all is the application's.
    Unfinished,
    /// This end sent `#FAILURE#`. Both CPython ends hang up then; if more messages come they count as the application's.
    Failed(Sender),
}

/// Watches the messages of both directions and tells where authentication ends.
///
/// Call [`observe`](Observer::observe) for each message, in the order in which they were read and before they are
/// passed on; since the handshake alternates strictly, that order is the true one.
///
/// It never waits for a message that may not come: a message that is not the one due, by sender, size (256 bytes) or
/// form, ends the phase at once and is the application's.
#[derive(Clone, Debug)]
pub struct Observer {
    due: Due,
    listener: PeerHints,
    client: PeerHints,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Challenge(Sender),
    /// The answer of this end.
    Response(Sender),
    /// The verdict of this end on the other's answer.
    Verdict(Sender),
    Nothing(Ended),
}

impl Default for Observer {
    fn default() -> Observer {
        Observer::new()
    }
}

impl Observer {
    /// Before the first message.
    pub fn new() -> Observer {
        Observer {
            due: Due::Challenge(Sender::Listener),
            listener: PeerHints::default(),
            client: PeerHints::default(),
        }
    }

    /// Takes one message, without its header, and says what it belongs to.
    pub fn observe(&mut self, from: Sender, body: &[u8]) -> Part {
        if let Due::Nothing(_) = self.due {
            return Part::Application;
        }
        match self.fits(from, body) {
            Some(due) => {
                self.due = due;
                Part::Handshake
            }
            None => {
                self.due = Due::Nothing(Ended::Unfinished);
                Part::Application
            }
        }
    }

    /// How the phase ended; `None` while it lasts.
    pub fn ended(&self) -> Option<Ended> {
        match self.due {
            Due::Nothing(ended) => Some(ended),
            _ => None,
        }
    }

    /// What has been seen of this end.
    pub fn hints(&self, of: Sender) -> PeerHints {
        match of {
            Sender::Listener => self.listener,
            Sender::Client => self.client,
        }
    }

    /// What is due after this message; `None` if it is not the one that is due.
    fn fits(&mut self, from: Sender, body: &[u8]) -> Option<Due> {
        let (due, hints) = match (self.due, from) {
            (Due::Challenge(by) | Due::Response(by) | Due::Verdict(by), from) if by != from => return None,
            (due, Sender::Listener) => (due, &mut self.listener),
            (due, Sender::Client) => (due, &mut self.client),
        };
        let other = match from {
            Sender::Listener => Sender::Client,
            Sender::Client => Sender::Listener,
        };
        match due {
            Due::Challenge(_) => {
                let (_, style) = ChallengeStyle::parse(body)?;
                hints.challenge = Some(style);
                Some(Due::Response(other))
            }
            Due::Response(_) => {
                let (_, style) = ResponseStyle::parse(body)?;
                hints.response = Some(style);
                Some(Due::Verdict(other))
            }
            Due::Verdict(_) => match (body, from) {
                (FAILURE, _) => Some(Due::Nothing(Ended::Failed(from))),
                (WELCOME, Sender::Listener) => Some(Due::Challenge(Sender::Client)),
                (WELCOME, Sender::Client) => Some(Due::Nothing(Ended::Authenticated)),
                _ => None,
            },
            Due::Nothing(_) => None,
        }
    }
}
