//! Who plays whom: two Pythons that do not understand each other, if there are any.

use std::path::PathBuf;

use sabir::pickle::Version;
use sabir::pythons::{self, Python};

use super::TourArgs;
use crate::exit::Usage;

/// Who plays the server.
pub(super) enum Server {
    Python(Python),
    /// Rust plays it, as this Python would, since no Python here differs enough from the client's.
    StandIn(Version),
}

impl Server {
    pub(super) fn version(&self) -> Version {
        match self {
            Self::Python(python) => python.version,
            Self::StandIn(version) => *version,
        }
    }
}

/// Gives both parts. Who is named plays; the other is chosen so that the two fail without a gateway. `None` if there is no
/// Python at all.
pub(super) fn cast(args: &TourArgs, found: &[Python]) -> Result<Option<(Server, Python)>, Usage> {
    let named = (ask(args.server.as_ref(), found)?, ask(args.client.as_ref(), found)?);
    Ok(match named {
        (Some(server), Some(client)) => Some((Server::Python(server), client)),
        (Some(server), None) => {
            let strange = found.iter().rev().find(|client| !talk(server.version, client.version));
            let client = strange.or(found.last()).unwrap_or(&server).clone();
            Some((Server::Python(server), client))
        }
        (None, client) => {
            let Some(client) = client.or_else(|| found.last().cloned()) else { return Ok(None) };
            let strange = found.iter().find(|server| !talk(server.version, client.version));
            let server =
                strange.map_or_else(|| stand_in_for(&client), |server| Server::Python(server.clone()));
            Some((server, client))
        }
    })
}

/// Whether each reads the protocol that the other writes.
pub(super) fn talk(one: Version, other: Version) -> bool {
    one.default_protocol() <= other.highest_protocol() && other.default_protocol() <= one.highest_protocol()
}

/// Python 3 fails with any 2.7, and 2.7 with any 3.
fn stand_in_for(client: &Python) -> Server {
    Server::StandIn(if client.version.major == 2 { Version::new(3, 13) } else { Version::new(2, 7) })
}

/// A version of one that is here, or an executable.
fn ask(name: Option<&PathBuf>, found: &[Python]) -> Result<Option<Python>, Usage> {
    let Some(name) = name else { return Ok(None) };
    let version = name.to_str().and_then(|name| name.parse::<Version>().ok());
    let python = match version {
        Some(version) => found.iter().find(|python| python.version == version).cloned(),
        None => pythons::ask(name),
    };
    let wrong = || match version {
        Some(version) => format!("there is no Python {version} here: give its executable"),
        None => format!("{} is no Python 2.7, nor 3.6 or newer", name.display()),
    };
    python.map(Some).ok_or_else(|| Usage(wrong()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(minors: &[(u8, u8)]) -> Vec<Python> {
        let python = |(major, minor): &(u8, u8)| Python {
            executable: PathBuf::new(),
            version: Version::new(*major, *minor),
            full_version: format!("{major}.{minor}.0"),
        };
        minors.iter().map(python).collect()
    }

    fn roles(minors: &[(u8, u8)]) -> Option<(String, String, bool)> {
        let args = TourArgs { server: None, client: None };
        let (server, client) = cast(&args, &found(minors)).expect("nobody is named")?;
        let stand_in = matches!(server, Server::StandIn(_));
        Some((server.version().to_string(), client.version.to_string(), stand_in))
    }

    #[test]
    fn whoever_is_here_there_is_a_pair_that_fails() {
        let roles =
            |minors| roles(minors).map(|(server, client, stand_in)| format!("{server} {client} {stand_in}"));
        assert_eq!(roles(&[]), None);
        assert_eq!(roles(&[(2, 7)]).as_deref(), Some("3.13 2.7 true"));
        assert_eq!(roles(&[(3, 6)]).as_deref(), Some("2.7 3.6 true"));
        assert_eq!(roles(&[(3, 8), (3, 13)]).as_deref(), Some("2.7 3.13 true"));
        assert_eq!(roles(&[(3, 6), (3, 13), (3, 14)]).as_deref(), Some("3.6 3.14 false"));
        assert_eq!(roles(&[(2, 7), (3, 6)]).as_deref(), Some("2.7 3.6 false"));
    }
}
