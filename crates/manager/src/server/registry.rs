//! Which types clients can create, under which names.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use sabir_pickle::Pythons;

/// Names of methods, in the order in which they are told to clients; shared by all that have the same.
pub type MethodNames = Arc<[Arc<str>]>;

/// A type, as the arguments of `BaseManager.register` describe it.
///
/// ```
/// use sabir_manager::server::Registered;
/// // SyncManager.register('dict', dict, DictProxy), in short.
/// let dict = Registered::new()
///     .exposing(["__getitem__", "__iter__", "keys"])
///     .returning("__iter__", "Iterator")
///     .proxied_by("multiprocessing.managers", "DictProxy");
/// assert_eq!(dict.method_to_typeid("__iter__"), Some("Iterator"));
/// ```
#[derive(Clone, Debug)]
pub struct Registered {
    pub(super) callable: bool,
    pub(super) exposed: Option<MethodNames>,
    /// The versions that have a method, of those that not all have.
    only: BTreeMap<Arc<str>, Vec<Pythons>>,
    returns: BTreeMap<Arc<str>, Arc<str>>,
    /// The methods of `returns` in the order in which they were given.
    returning: Vec<Arc<str>>,
    pub(super) proxy: Option<(String, String)>,
}

impl Default for Registered {
    fn default() -> Registered {
        Registered::new()
    }
}

impl Registered {
    /// Clients can create it; its objects say themselves which methods are public; proxies of it are `AutoProxy`.
    pub fn new() -> Registered {
        Registered {
            callable: true,
            exposed: None,
            only: BTreeMap::new(),
            returns: BTreeMap::new(),
            returning: Vec::new(),
            proxy: None,
        }
    }

    /// No callable makes it: it is only what methods return, as `Iterator` is.
    ///
    /// CPython lets clients `create` such a type with one argument, which becomes the shared object itself.
    pub fn without_callable(mut self) -> Registered {
        self.callable = false;
        self
    }

    /// `exposed`: these methods and no others.
    pub fn exposing<'a>(mut self, methods: impl IntoIterator<Item = &'a str>) -> Registered {
        self.exposed = Some(methods.into_iter().map(Arc::from).collect());
        self
    }

    /// The same where versions differ: each method with the versions whose managers expose it. What a client's own
    /// version has not, it is not shown, and cannot call.
    pub fn exposing_in<'a>(mut self, methods: impl IntoIterator<Item = (&'a str, Pythons)>) -> Registered {
        let mut names: Vec<Arc<str>> = Vec::new();
        for (method, versions) in methods {
            let name: Arc<str> = method.into();
            self.only.entry(name.clone()).or_default().push(versions);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        // Most are in all of them, and each call asks.
        self.only.retain(|_, versions| !versions.contains(&Pythons::ANY));
        self.exposed = Some(names.into());
        self
    }

    /// Whether a client of one of these versions sees a method.
    pub(super) fn shows(&self, method: &str, client: Pythons) -> bool {
        self.only
            .get(method)
            .is_none_or(|versions| versions.iter().any(|versions| versions.intersect(client).is_some()))
    }

    /// `method_to_typeid`: what the method returns stays with the server, as an object of that type. Exposes the method.
    pub fn returning(mut self, method: &str, typeid: &str) -> Registered {
        let method: Arc<str> = method.into();
        if self.returns.insert(method.clone(), typeid.into()).is_none() {
            self.returning.push(method);
        }
        self
    }

    /// `proxytype`: the class of proxies that are sent as values, by its Python 3 name.
    pub fn proxied_by(mut self, module: &str, name: &str) -> Registered {
        self.proxy = Some((module.into(), name.into()));
        self
    }

    /// The type of what a method returns, if that stays with the server.
    pub fn method_to_typeid(&self, method: &str) -> Option<&str> {
        self.returns.get(method).map(|typeid| &**typeid)
    }

    /// The types of all that its methods leave with the server.
    pub fn typeids(&self) -> impl Iterator<Item = &str> {
        self.returns.values().map(|typeid| &**typeid)
    }

    pub(super) fn returned_by(&self, method: &str) -> Option<Arc<str>> {
        self.returns.get(method).cloned()
    }

    /// What an object exposes whose public methods are these: as `Server.create` of CPython has it, with the keys of
    /// `method_to_typeid` at the end, even those that stand before.
    pub(super) fn exposes(&self, public: MethodNames) -> MethodNames {
        let methods = self.exposed.clone().unwrap_or(public);
        if self.returning.is_empty() {
            return methods;
        }
        methods.iter().chain(&self.returning).cloned().collect()
    }
}
