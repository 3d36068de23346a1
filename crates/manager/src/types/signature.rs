//! How many arguments a method takes, and what CPython says of too few, too many or those with names it has not.
//!
//! There are five ways to be written in CPython, and each has its own words, which versions changed.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use sabir_pickle::{Graph, Node, NodeId};

use super::era::Era;
use super::raised::Raised;
use super::value::Value;
use super::writer::Writer;

/// What a call gives.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    /// By place.
    pub args: Vec<Value>,
    /// By name.
    pub kwargs: Vec<(String, Value)>,
}

/// How a method takes its arguments.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signature {
    /// A slot of a type, which counts its arguments itself.
    Slot(usize),
    /// A slot whose arguments are unpacked: the same but for a space.
    Unpacked(usize),
    /// A method of C without arguments, or with one.
    Exactly(usize),
    /// A method of C with so many.
    Between(usize, usize),
    /// The same, if the arguments are unpacked.
    Unpack(usize, usize),
    /// A slot whose arguments are parsed, under no name: 2.7's simple slices.
    Parsed(usize),
    /// A function of Python: its parameters, of which the first so many must be given.
    Python(&'static [&'static str], usize),
}

impl Arguments {
    /// Adds them to a graph whose names are Python 3's: those by place, and the dict of those by name.
    pub fn add(&self, graph: Graph) -> (Graph, Vec<NodeId>, NodeId) {
        let mut writer = Writer::over(graph);
        let args = self.args.iter().map(|arg| writer.add(arg)).collect();
        let pairs: Vec<(NodeId, NodeId)> =
            self.kwargs.iter().map(|(name, value)| (writer.graph.add_str(name), writer.add(value))).collect();
        let kwargs = writer.graph.add(Node::Dict(pairs));
        (writer.graph, args, kwargs)
    }

    /// One of them, if it was given.
    pub(crate) fn get(&self, place: usize) -> Option<&Value> {
        self.args.get(place)
    }

    /// Checks the arguments of `owner.method`, and puts those of a Python function in their places: None stands for
    /// what was left out.
    pub(crate) fn take(
        &self,
        era: Era,
        owner: &str,
        method: &str,
        signature: Signature,
    ) -> Result<Vec<Option<Value>>, Raised> {
        if let Signature::Python(parameters, required) = signature {
            let call = Call { era, owner, method, given: self.args.len() };
            return call.bind(self, parameters, required, 1);
        }
        self.check(era, owner, method, signature)?;
        Ok(self.args.iter().cloned().map(Some).collect())
    }

    /// The same for a method that is not written in Python, and whose arguments are taken from where they are.
    pub(crate) fn check(
        &self,
        era: Era,
        owner: &str,
        method: &str,
        signature: Signature,
    ) -> Result<(), Raised> {
        let call = Call { era, owner, method, given: self.args.len() };
        if !self.kwargs.is_empty() {
            return Err(Raised::type_error(call.no_keywords(signature)));
        }
        call.miscounted(signature).map_or(Ok(()), |text| Err(Raised::type_error(text)))
    }

    /// The same for a function that is no method.
    pub(crate) fn bind(
        &self,
        era: Era,
        function: &str,
        parameters: &[&str],
        required: usize,
    ) -> Result<Vec<Option<Value>>, Raised> {
        let call = Call { era, owner: "", method: function, given: self.args.len() };
        call.bind(self, parameters, required, 0)
    }

    /// The same for a class, whose `__init__` is written in Python.
    pub(crate) fn init(
        &self,
        era: Era,
        class: &str,
        parameters: &[&str],
        required: usize,
    ) -> Result<Vec<Option<Value>>, Raised> {
        let call = Call { era, owner: class, method: "__init__", given: self.args.len() };
        call.bind(self, parameters, required, 1)
    }
}

struct Call<'a> {
    era: Era,
    owner: &'a str,
    method: &'a str,
    given: usize,
}

impl Call<'_> {
    /// The name of a method of C.
    fn builtin(&self) -> String {
        if self.era.since(9) { format!("{}.{}", self.owner, self.method) } else { self.method.to_string() }
    }

    /// The name of a function of Python.
    fn qualified(&self) -> String {
        if self.era.since(10) && !self.owner.is_empty() {
            format!("{}.{}", self.owner, self.method)
        } else {
            self.method.to_string()
        }
    }

    fn no_keywords(&self, signature: Signature) -> String {
        let method = self.method;
        match signature {
            Signature::Slot(_) | Signature::Unpacked(_) | Signature::Parsed(_) if self.era.since(7) => {
                format!("wrapper {method}() takes no keyword arguments")
            }
            Signature::Slot(_) | Signature::Unpacked(_) | Signature::Parsed(_) => {
                format!("wrapper {method} doesn't take keyword arguments")
            }
            _ => format!("{}() takes no keyword arguments", self.builtin()),
        }
    }

    fn miscounted(&self, signature: Signature) -> Option<String> {
        let (given, old) = (self.given, !self.era.since(8));
        Some(match signature {
            Signature::Slot(count) if given != count => {
                let s = if count == 1 && !old { "" } else { "s" };
                format!("expected {count} argument{s}, got {given}")
            }
            Signature::Unpacked(count) if given != count => {
                let name = match count {
                    // Since 3.14 it is like any other, if it takes one.
                    1 if self.era.since(14) => return Some(format!("expected 1 argument, got {given}")),
                    _ if self.era.since(14) => self.method,
                    _ => "",
                };
                let s = if count == 1 && !old { "" } else { "s" };
                format!("{name} expected {count} argument{s}, got {given}")
            }
            Signature::Parsed(count) if given != count => {
                format!("function takes exactly {count} arguments ({given} given)")
            }
            Signature::Exactly(0) if given != 0 => {
                format!("{}() takes no arguments ({given} given)", self.builtin())
            }
            Signature::Exactly(count) if given != count => {
                format!("{}() takes exactly one argument ({given} given)", self.builtin())
            }
            Signature::Between(least, most) if !(least..=most).contains(&given) => {
                self.between(least, most, old)
            }
            Signature::Unpack(least, most) if !(least..=most).contains(&given) && old => {
                let (word, bound) = if given < least { ("at least ", least) } else { ("at most ", most) };
                let word = if least == most { "" } else { word };
                format!("{} expected {word}{bound} arguments, got {given}", self.method)
            }
            Signature::Unpack(least, most) if !(least..=most).contains(&given) => {
                self.between(least, most, old)
            }
            _ => return None,
        })
    }

    fn between(&self, least: usize, most: usize, old: bool) -> String {
        let (method, given) = (self.method, self.given);
        let (bound, word) = if least == most {
            (least, if old { "exactly " } else { "" })
        } else if given < least {
            (least, "at least ")
        } else {
            (most, "at most ")
        };
        let s = if bound == 1 { "" } else { "s" };
        if old {
            format!("{method}() takes {word}{bound} argument{s} ({given} given)")
        } else {
            format!("{method} expected {word}{bound} argument{s}, got {given}")
        }
    }

    fn bind(
        &self,
        arguments: &Arguments,
        parameters: &[&str],
        required: usize,
        with_self: usize,
    ) -> Result<Vec<Option<Value>>, Raised> {
        let name = self.qualified();
        let Arguments { args, kwargs } = arguments;
        let too_many = || {
            let (least, most) = (required + with_self, parameters.len() + with_self);
            let given = args.len() + with_self;
            if self.era.is_py2() {
                return self.python2(least, most, given + kwargs.len());
            }
            let takes = if least == most { format!("{most}") } else { format!("from {least} to {most}") };
            let s = if most == 1 { "" } else { "s" };
            let were = if given == 1 { "was" } else { "were" };
            format!("{name}() takes {takes} positional argument{s} but {given} {were} given")
        };
        if self.era.is_py2() && args.len() > parameters.len() {
            return Err(Raised::type_error(too_many()));
        }
        let mut bound: Vec<Option<Value>> = args.iter().take(parameters.len()).cloned().map(Some).collect();
        bound.resize(parameters.len(), None);
        for (keyword, value) in kwargs {
            let place = parameters.iter().position(|parameter| parameter == keyword);
            match place.and_then(|place| bound.get_mut(place)) {
                None => {
                    let text = format!("{name}() got an unexpected keyword argument '{keyword}'");
                    return Err(Raised::type_error(text));
                }
                Some(Some(_)) => {
                    let kind = if self.era.is_py2() { "keyword argument" } else { "argument" };
                    return Err(Raised::type_error(format!(
                        "{name}() got multiple values for {kind} '{keyword}'"
                    )));
                }
                Some(empty) => *empty = Some(value.clone()),
            }
        }
        if args.len() > parameters.len() {
            return Err(Raised::type_error(too_many()));
        }
        let missing: Vec<String> = parameters
            .iter()
            .zip(&bound)
            .take(required)
            .filter(|(_, value)| value.is_none())
            .map(|(parameter, _)| format!("'{parameter}'"))
            .collect();
        if missing.is_empty() {
            return Ok(bound);
        }
        if self.era.is_py2() {
            let given = args.len() + kwargs.len() + with_self;
            let text = self.python2(required + with_self, parameters.len() + with_self, given);
            return Err(Raised::type_error(text));
        }
        let s = if missing.len() == 1 { "" } else { "s" };
        let names = match &missing[..] {
            [first, second] => format!("{first} and {second}"),
            [first, middle @ .., last] if !middle.is_empty() => {
                format!("{first}, {}, and {last}", middle.join(", "))
            }
            _ => missing.join(", "),
        };
        let count = missing.len();
        Err(Raised::type_error(format!("{name}() missing {count} required positional argument{s}: {names}")))
    }

    fn python2(&self, least: usize, most: usize, given: usize) -> String {
        let (word, count) = if least == most {
            ("exactly", most)
        } else if given < least {
            ("at least", least)
        } else {
            ("at most", most)
        };
        let s = if count == 1 { "" } else { "s" };
        if count == 0 {
            return format!("{}() takes no arguments ({given} given)", self.method);
        }
        format!("{}() takes {word} {count} argument{s} ({given} given)", self.method)
    }
}
