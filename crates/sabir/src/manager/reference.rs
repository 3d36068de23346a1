//! A proxy as a value: what a stock proxy pickles as.

use sabir_net::{Address, PythonAddress};
use sabir_pickle::serde::{Class, Instance, Reduce, Tuple};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Which object of which manager: a proxy inside a message, or inside another object.
///
/// To read one touches nothing: it is data, until [`Manager::attach`](super::Manager::attach) makes a
/// [`Proxy`](super::Proxy) of it. It is written as the call of `multiprocessing.managers.RebuildProxy` that every stock
/// proxy pickles as, so a stock Python that reads it has a proxy.
///
/// ```no_run
/// # fn example(manager: &sabir::manager::Manager) -> sabir::Result<()> {
/// let (mut one, mut other) = sabir::pipe()?;
/// one.send(&manager.create("Robot", &("Marvin",))?)?;
/// let reference: sabir::manager::Reference = other.recv()?;
/// assert_eq!(reference.typeid(), "Robot");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    typeid: String,
    ident: String,
    address: PythonAddress,
    exposed: Option<Vec<String>>,
}

impl Reference {
    pub(crate) fn new(address: &Address, typeid: &str, ident: &str, exposed: &[String]) -> Reference {
        // A manager is reached by sockets that Python has a word for, or it would be no manager.
        let address = address.to_python().unwrap_or(PythonAddress::Unix(Vec::new()));
        let exposed = stock(typeid).is_none().then(|| exposed.to_vec());
        Reference { typeid: typeid.to_owned(), ident: ident.to_owned(), address, exposed }
    }

    /// The name under which the object's type is registered.
    #[must_use]
    pub fn typeid(&self) -> &str {
        &self.typeid
    }

    /// Which of the manager's objects it is.
    #[must_use]
    pub fn ident(&self) -> &str {
        &self.ident
    }

    /// Where the manager is, by its own word or that of whoever sent this.
    #[must_use]
    pub fn address(&self) -> &PythonAddress {
        &self.address
    }

    /// The methods that it exposes; `None` for the stock types, whose proxies know.
    #[must_use]
    pub fn exposed(&self) -> Option<&[String]> {
        self.exposed.as_deref()
    }
}

/// The class of the stock proxy for a typeid of `SyncManager`; the others have what `AutoProxy` makes.
fn stock(typeid: &str) -> Option<&'static str> {
    Some(match typeid {
        "dict" => "DictProxy",
        "list" => "ListProxy",
        "set" => "SetProxy",
        "Namespace" => "NamespaceProxy",
        "Event" => "EventProxy",
        "Lock" | "RLock" | "Semaphore" | "BoundedSemaphore" => "AcquirerProxy",
        "Condition" => "ConditionProxy",
        "Barrier" => "BarrierProxy",
        "Pool" => "PoolProxy",
        "Value" => "ValueProxy",
        "Array" => "ArrayProxy",
        "Iterator" => "IteratorProxy",
        _ => return None,
    })
}

const MODULE: &str = "multiprocessing.managers";

/// The arguments of `RebuildProxy`: what makes the proxy, the token, the serializer, keyword arguments.
type Rebuild = Reduce<(Class, Instance<(String, Place, String)>, String, Keywords)>;

#[derive(Serialize, Deserialize)]
struct Keywords {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exposed: Option<Tuple<Vec<String>>>,
}

/// An address in a token.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Place {
    Inet(String, u16),
    Text(String),
    Bytes(#[serde(with = "bytes_of_name")] Vec<u8>),
}

/// An abstract name is bytes in Python 3.
mod bytes_of_name {
    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(name: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(name)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;

        impl Visitor<'_> for Bytes {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an address")
            }

            fn visit_bytes<E: Error>(self, name: &[u8]) -> Result<Vec<u8>, E> {
                Ok(name.to_vec())
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

impl From<&PythonAddress> for Place {
    fn from(address: &PythonAddress) -> Place {
        match address {
            PythonAddress::Inet(host, port) => Place::Inet(host.clone(), *port),
            PythonAddress::Pipe(name) => Place::Text(name.clone()),
            PythonAddress::Unix(name) => match std::str::from_utf8(name) {
                Ok(path) if !address.is_abstract() => Place::Text(path.to_owned()),
                _ => Place::Bytes(name.clone()),
            },
            // A kind that this crate does not know of cannot come out of an `Address` that it connects to.
            _ => Place::Text(String::new()),
        }
    }
}

impl From<Place> for PythonAddress {
    fn from(place: Place) -> PythonAddress {
        match place {
            Place::Inet(host, port) => PythonAddress::Inet(host, port),
            Place::Text(name) if name.starts_with(r"\\") => PythonAddress::Pipe(name),
            Place::Text(name) => PythonAddress::Unix(name.into_bytes()),
            Place::Bytes(name) => PythonAddress::Unix(name),
        }
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let token = Instance {
            class: Class::new(MODULE, "Token"),
            state: (self.typeid.clone(), Place::from(&self.address), self.ident.clone()),
        };
        let function = Class::new(MODULE, stock(&self.typeid).unwrap_or("AutoProxy"));
        let keywords = Keywords { exposed: self.exposed.clone().map(Tuple) };
        let args = (function, token, "pickle".to_owned(), keywords);
        Rebuild::new(Class::new(MODULE, "RebuildProxy"), args).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Reference, D::Error> {
        use serde::de::Error;

        let Reduce { callable, args: (_, token, _, keywords), .. } = Rebuild::deserialize(deserializer)?;
        if callable != Class::new(MODULE, "RebuildProxy") {
            return Err(D::Error::custom(format_args!("expected a proxy, found a call of {callable}")));
        }
        let (typeid, address, ident) = token.state;
        let exposed = keywords.exposed.map(|Tuple(names)| names);
        Ok(Reference { typeid, ident, address: address.into(), exposed })
    }
}
