//! Values on the command line: sizes, durations, where to connect.

use std::str::FromStr;
use std::time::Duration;

use sabir::gateway::Upstream;
use sabir::net::Address;

/// Bytes, as `64MiB`, `1GiB`, `512KiB` or a bare number.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let unit = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" | "k" => 1 << 10,
        "mib" | "m" => 1 << 20,
        "gib" | "g" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err("a size is a number and KiB, MiB or GiB, as in 64MiB".into()),
    };
    if number.is_empty() || !number.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err("a size begins with a whole number, as 64MiB does".into());
    }
    let bytes = number.parse().ok().and_then(|number: u64| number.checked_mul(unit));
    match bytes {
        Some(0) => Err("nothing fits into no bytes".into()),
        Some(bytes) => Ok(bytes),
        None => Err("more than 64 bits can count".into()),
    }
}

/// How many of something, of which there must be one.
pub(crate) fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a whole number from 1".into()),
        Ok(count) => Ok(count),
    }
}

/// A duration, as `10s`, `500ms`, `2m` or `1h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err("a duration is a number and ms, s, m or h, as in 10s".into()),
    };
    let number: f64 = number.parse().map_err(|_| "a duration begins with a number, as 10s does")?;
    match Duration::try_from_secs_f64(number * seconds) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("no such duration is possible".into()),
    }
}

/// `original`, or an address.
pub(crate) fn upstream(text: &str) -> Result<Upstream, String> {
    if text == "original" {
        return Ok(Upstream::Original);
    }
    match server(text) {
        Err(error) if text.contains([':', '/']) => Err(error),
        Err(error) => Err(format!("{error}; nor is it `original`")),
        Ok(address) => Ok(Upstream::At(address)),
    }
}

/// An address to connect to.
pub(crate) fn server(text: &str) -> Result<Address, String> {
    let address = Address::from_str(text).map_err(|error| error.to_string())?;
    match address {
        Address::Tcp { port: 0, .. } | Address::Tls { port: 0, .. } => {
            Err("nobody can be reached at port 0: give the server's own".into())
        }
        address => Ok(address),
    }
}

/// `LISTEN=TO`.
pub(crate) fn route(text: &str) -> Result<(Address, Upstream), String> {
    let (listen, to) =
        text.split_once('=').ok_or("a route is LISTEN=TO, as in 127.0.0.1:5002=127.0.0.1:6002")?;
    let listen = Address::from_str(listen).map_err(|error| error.to_string())?;
    Ok((listen, upstream(to)?))
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_two_where_they_say_so() {
        assert_eq!(size("64MiB"), Ok(64 << 20));
        assert_eq!(size("1 GB"), Ok(1_000_000_000));
        assert_eq!(size("17"), Ok(17));
        assert!(size("0").is_err() && size("1.5MiB").is_err() && size("99999999999GiB").is_err());
        assert_eq!(size("99999999999999999999"), Err("more than 64 bits can count".into()));
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert!(duration("10").is_err() && duration("0s").is_err() && duration("1e9h").is_err());
    }

    #[test]
    fn a_route_has_two_addresses() {
        let (listen, to) = route("127.0.0.1:0=unix:/tmp/a=b").expect("a route");
        assert_eq!(listen.to_string(), "127.0.0.1:0");
        assert_eq!(to, Upstream::At("unix:/tmp/a=b".parse().expect("an address")));
        assert!(route("127.0.0.1:0").is_err() && route("127.0.0.1:0=127.0.0.1:0").is_err());
    }
}
