//! Both halves of authentication, over anything that sends and receives bytes.

use pyo3::exceptions::{PyOSError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use sabir_net::Deadline;
use sabir_wire::auth::{
    AnswerChallenge, AuthKey, Challenge, ChallengeStyle, DeliverChallenge, LegacyDigest, MAX_AUTH_MESSAGE,
    MinAuth, ResponseStyle,
};
use sabir_wire::error::AuthError;

use crate::error::refused;
use crate::timeouts::deadline;

/// Challenge the peer, and raise AuthenticationError unless it proves that it knows the key.
///
/// Every dialect of answer is taken. digest_name="md5" sends the short challenge of Python 3.11 and older, which
/// newer ones answer too. min_auth="sha256" refuses md5. The digest that the peer named, or None if it named none.
#[pyfunction]
#[pyo3(signature = (connection, authkey, digest_name = "sha256", *, min_auth = "md5", timeout = None))]
pub(crate) fn deliver_challenge(
    connection: &Bound<'_, PyAny>,
    authkey: &Bound<'_, PyAny>,
    digest_name: &str,
    min_auth: &str,
    timeout: Option<f64>,
) -> PyResult<Option<String>> {
    let key = key(authkey)?;
    let style = match digest_name {
        "sha256" => Challenge::Sha256,
        "md5" => Challenge::Legacy,
        _ => return Err(PyValueError::new_err("digest_name must be 'sha256' or 'md5'")),
    };
    let nonce = sabir_net::nonce().map_err(|error| PyOSError::new_err(error.to_string()))?;
    let peer = Peer { connection, deadline: deadline(timeout)? };
    let ours = DeliverChallenge::new(key, nonce, style, least(min_auth)?);
    peer.send(ours.challenge())?;
    let (verdict, outcome) = ours.handle_response(peer.recv()?.as_bytes());
    peer.send(verdict)?;
    match outcome.map_err(|error| peer.refused(&error))? {
        ResponseStyle::Named(digest) => Ok(Some(digest.name().to_owned())),
        _ => Ok(None),
    }
}

/// Answer the peer's challenge, and raise AuthenticationError unless it takes the proof.
///
/// legacy_digest="sha256-raw" is for listeners on builds of some vendors which have no md5. The digest that the challenge
/// named, as Python 3.12 and newer do, or None.
#[pyfunction]
#[pyo3(signature = (connection, authkey, *, legacy_digest = "md5", min_auth = "md5", timeout = None))]
pub(crate) fn answer_challenge(
    connection: &Bound<'_, PyAny>,
    authkey: &Bound<'_, PyAny>,
    legacy_digest: &str,
    min_auth: &str,
    timeout: Option<f64>,
) -> PyResult<Option<String>> {
    let legacy = match legacy_digest {
        "md5" => LegacyDigest::Md5,
        "sha256-raw" => LegacyDigest::Sha256Raw,
        _ => return Err(PyValueError::new_err("legacy_digest must be 'md5' or 'sha256-raw'")),
    };
    let mut ours = AnswerChallenge::new(key(authkey)?, legacy, least(min_auth)?);
    let peer = Peer { connection, deadline: deadline(timeout)? };
    let challenge = peer.recv()?;
    let (answer, style) =
        ours.handle_challenge(challenge.as_bytes()).map_err(|error| peer.refused(&error))?;
    peer.send(&answer)?;
    ours.handle_verdict(peer.recv()?.as_bytes()).map_err(|error| peer.refused(&error))?;
    match style {
        ChallengeStyle::Named(digest) => Ok(Some(digest.name().to_owned())),
        _ => Ok(None),
    }
}

/// Any object with `send_bytes` and `recv_bytes`; a timeout is told to those that are given one.
struct Peer<'a, 'py> {
    connection: &'a Bound<'py, PyAny>,
    deadline: Deadline,
}

impl<'py> Peer<'_, 'py> {
    fn send(&self, message: &[u8]) -> PyResult<()> {
        let message = PyBytes::new(self.connection.py(), message);
        self.connection.call_method("send_bytes", (message,), self.timeout()?.as_ref()).map(drop)
    }

    fn recv(&self) -> PyResult<Bound<'py, PyBytes>> {
        let message =
            self.connection.call_method("recv_bytes", (MAX_AUTH_MESSAGE,), self.timeout()?.as_ref())?;
        message.cast_into().map_err(|_| PyTypeError::new_err("recv_bytes() must return bytes"))
    }

    fn timeout(&self) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(left) = self.deadline.left() else { return Ok(None) };
        let arguments = PyDict::new(self.connection.py());
        arguments.set_item("timeout", left.as_secs_f64())?;
        Ok(Some(arguments))
    }

    fn refused(&self, error: &AuthError) -> PyErr {
        refused(self.connection.py(), &error.to_string())
    }
}

fn key(authkey: &Bound<'_, PyAny>) -> PyResult<AuthKey> {
    let bytes = authkey.cast::<PyBytes>();
    let bytes = bytes
        .map_err(|_| PyValueError::new_err(format!("Authkey must be bytes, not {}", authkey.get_type())))?;
    Ok(AuthKey::new(bytes.as_bytes().to_vec()))
}

fn least(min_auth: &str) -> PyResult<MinAuth> {
    match min_auth {
        "md5" => Ok(MinAuth::Md5),
        "sha256" => Ok(MinAuth::Sha256),
        _ => Err(PyValueError::new_err("min_auth must be 'md5' or 'sha256'")),
    }
}
