//! `list.sort`, with what each version says of its arguments.

use alloc::format;

use super::era::Era;
use super::index::Index;
use super::list::List;
use super::order::{class, name, sort};
use super::raised::Raised;
use super::signature::Arguments;
use super::value::Value;
use super::view::View;
use super::waiting::truth;
use super::{Answer, Call, Called};

impl List {
    pub(super) fn sort(&mut self, call: &Call<'_>) -> Called {
        let era = call.caller.era;
        let Arguments { args, kwargs } = call.arguments;
        let (mut key, mut reverse) = (None, false);
        let names: &[&str] = if era.is_py2() { &["cmp", "key", "reverse"] } else { &["key", "reverse"] };
        let given = args.len() + kwargs.len();
        if given > names.len() {
            let most = names.len();
            return Err(Raised::type_error(format!("sort() takes at most {most} arguments ({given} given)")));
        }
        if let Some((keyword, _)) = kwargs.iter().find(|(keyword, _)| !names.contains(&&**keyword))
            && (args.is_empty() || !era.since(7))
        {
            return Err(Raised::type_error(if era.since(12) {
                format!("sort() got an unexpected keyword argument '{keyword}'")
            } else if era.since(7) {
                format!("'{keyword}' is an invalid keyword argument for sort()")
            } else {
                format!("'{keyword}' is an invalid keyword argument for this function")
            }));
        }
        if let [_, second] = &args[..]
            && !era.is_py2()
            && !era.since(7)
        {
            // Its arguments are read before it is found that there should be none.
            flag(era, second)?;
        }
        if !args.is_empty() && !era.is_py2() {
            return Err(Raised::type_error(if era.since(7) {
                "sort() takes no positional arguments"
            } else {
                "must use keyword argument for key function"
            }));
        }
        let places = args.iter().zip(names.iter().copied());
        let named = kwargs.iter().map(|(keyword, value)| (value, &**keyword));
        for (value, what) in places.chain(named) {
            match what {
                "reverse" => reverse = flag(era, value)?,
                _ if matches!(value.view(), View::None) => {}
                // What is never called may be anything.
                "cmp" if self.items.len() < 2 => {}
                _ if self.items.is_empty() => {}
                _ => key = Some(value),
            }
        }
        if let Some(key) = key {
            return Err(no_function(era, key));
        }
        sort(call.keys, era, &mut self.items, reverse)?;
        Ok(Answer::Value(Value::NONE))
    }
}

/// `reverse` of sort.
fn flag(era: Era, value: &Value) -> Result<bool, Raised> {
    if era.since(12) {
        return Ok(truth(value));
    }
    match Index::of(value) {
        Some(_) => Ok(truth(value)),
        None if matches!(value.view(), View::Float(_)) => {
            Err(Raised::type_error("integer argument expected, got float"))
        }
        None if era.since(10) => {
            let kind = name(value, era);
            Err(Raised::type_error(format!("'{kind}' object cannot be interpreted as an integer")))
        }
        None if era.is_py2() => Err(Raised::type_error("an integer is required")),
        None => {
            let kind = name(value, era);
            Err(Raised::type_error(format!("an integer is required (got type {kind})")))
        }
    }
}

/// What would have to be called is not here.
fn no_function(era: Era, key: &Value) -> Raised {
    match key.view() {
        View::Class(module, name) => Raised::type_error(format!(
            "sort by {module}.{name}: this server runs no Python; sort a copy in the program, and set it with [:]"
        )),
        View::Instance => Raised::type_error(format!(
            "sort by {}: this server runs no Python; sort a copy in the program, and set it with [:]",
            class(key)
        )),
        _ => Raised::type_error(format!("'{}' object is not callable", name(key, era))),
    }
}
