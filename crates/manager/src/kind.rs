//! The kinds of replies.

/// What a reply is: its first item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `#RETURN`: what the method returned.
    Return,
    /// `#ERROR`: the exception that the method raised.
    Error,
    /// `#PROXY`: the exposed methods and the token of what the method returned, which the server keeps.
    Proxy,
    /// `#TRACEBACK`: the text of what went wrong in the server itself; the client raises RemoteError.
    Traceback,
    /// `#UNSERIALIZABLE`: the text of why the outcome cannot be pickled; the client raises RemoteError.
    Unserializable,
}

impl Kind {
    const ALL: [Kind; 5] = [Kind::Return, Kind::Error, Kind::Proxy, Kind::Traceback, Kind::Unserializable];

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Return => "#RETURN",
            Kind::Error => "#ERROR",
            Kind::Proxy => "#PROXY",
            Kind::Traceback => "#TRACEBACK",
            Kind::Unserializable => "#UNSERIALIZABLE",
        }
    }

    /// Whether the result must be text: 2.7 and 3.6 assert that it is their `str`, later versions raise TypeError.
    pub const fn has_text(self) -> bool {
        matches!(self, Kind::Traceback | Kind::Unserializable)
    }
}
