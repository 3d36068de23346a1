//! Authentication keys: from a file or the environment, never from an argument that `ps` shows, and never empty.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use sabir::wire::auth::AuthKey;

use crate::exit::Usage;

/// Where the key of clients (and of the server, unless it has one of its own) is.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(multiple = false)]
#[command(next_help_heading = "Keys")]
pub(crate) struct KeyArgs {
    /// The authentication key is what this file holds; one newline at its end does not count
    #[arg(long, value_name = "FILE")]
    authkey_file: Option<PathBuf>,
    /// The key is in this file, in hexadecimal
    #[arg(long, value_name = "FILE")]
    authkey_hex_file: Option<PathBuf>,
    /// The key is in this environment variable
    #[arg(long, value_name = "VAR")]
    authkey_env: Option<String>,
}

/// Where the server's own key is.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(multiple = false)]
#[command(next_help_heading = "Keys")]
pub(crate) struct ServerKeyArgs {
    /// The server's key, if it is another than the clients': what this file holds. Given alone, clients need no key: whoever
    /// connects acts with the server's
    #[arg(long, value_name = "FILE")]
    to_authkey_file: Option<PathBuf>,
    /// The server's key is in this environment variable; given alone, as above
    #[arg(long, value_name = "VAR")]
    to_authkey_env: Option<String>,
}

impl KeyArgs {
    /// The key, if one was given.
    pub(crate) fn key(&self) -> Result<Option<AuthKey>, Usage> {
        if let Some(file) = &self.authkey_file {
            return from_file(file).map(Some);
        }
        if let Some(file) = &self.authkey_hex_file {
            return from_hex_file(file).map(Some);
        }
        self.authkey_env.as_deref().map(from_env).transpose()
    }
}

impl ServerKeyArgs {
    /// The key, if one was given.
    pub(crate) fn key(&self) -> Result<Option<AuthKey>, Usage> {
        if let Some(file) = &self.to_authkey_file {
            return from_file(file).map(Some);
        }
        self.to_authkey_env.as_deref().map(from_env).transpose()
    }
}

/// A new key, in a file of its own that only this user can read. The file stays when the program ends.
pub(crate) fn new_key() -> anyhow::Result<(AuthKey, PathBuf)> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let bytes: [u8; 32] = sabir::net::random().map_err(anyhow::Error::new)?;
    let key: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let path = env::temp_dir().join(format!("sabir-{}-{}.key", std::process::id(), &key[..8]));
    // It must be new: somebody else may own a file or a link of that name.
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    // The name shows a part of nothing: what is in the file is another half.
    let secret = &key[8..];
    file.and_then(|mut file| writeln!(file, "{secret}"))
        .map_err(|error| Usage(format!("cannot write a key to {}: {error}", path.display())))?;
    Ok((AuthKey::new(secret.as_bytes()), path))
}

fn from_file(file: &Path) -> Result<AuthKey, Usage> {
    let mut key = read(file)?;
    if key.last() == Some(&b'\n') {
        key.pop();
        if key.last() == Some(&b'\r') {
            key.pop();
        }
    }
    checked(key, || file.display().to_string())
}

fn from_hex_file(file: &Path) -> Result<AuthKey, Usage> {
    let text = read(file)?;
    let digits: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let key: Option<Vec<u8>> = digits
        .chunks(2)
        .map(|pair| {
            let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            let &[high, low] = pair else { return None };
            Some(digit(high)? << 4 | digit(low)?)
        })
        .collect();
    let wrong =
        || Usage(format!("{} holds no hexadecimal key: expected pairs of 0-9 and a-f", file.display()));
    checked(key.ok_or_else(wrong)?, || file.display().to_string())
}

fn from_env(variable: &str) -> Result<AuthKey, Usage> {
    let value =
        env::var_os(variable).ok_or_else(|| Usage(format!("the environment has no variable {variable}")))?;
    #[cfg(unix)]
    let bytes = std::os::unix::ffi::OsStringExt::into_vec(value);
    #[cfg(not(unix))]
    let bytes = value.to_string_lossy().into_owned().into_bytes();
    checked(bytes, || format!("the environment variable {variable}"))
}

/// An empty key is most likely a file that was not written: whoever guesses so would be let in.
fn checked(key: Vec<u8>, origin: impl FnOnce() -> String) -> Result<AuthKey, Usage> {
    if key.is_empty() {
        return Err(Usage(format!("the key in {} is empty, which would keep nobody out", origin())));
    }
    Ok(AuthKey::new(key))
}

fn read(file: &Path) -> Result<Vec<u8>, Usage> {
    fs::read(file).map_err(|error| Usage(format!("cannot read the key file {}: {error}", file.display())))
}
