//! The attributes of `sabir`: use them from there.
//!
//! They write nothing that could not be written by hand: an implementation of a trait, or a type around a proxy.

mod attributes;
mod proxy;
mod shared;

use proc_macro::TokenStream;

/// A type for the objects of a typeid, from a trait that says what they can do.
///
/// Of a trait `Robot` it makes a `RobotProxy` with these methods, and `RobotProxy::create(&manager, &args)`;
/// `#[sabir::proxy(typeid = "...")]` names the typeid where that is not the trait's name. The trait itself is not kept.
/// If its methods are `async`, so are those of the proxy, which is then of a `sabir::tokio::Manager`.
/// `#[sabir(name = "...")]` is a method's name in Python, and `#[sabir(proxy)]` says that its result stays with the
/// manager.
#[proc_macro_attribute]
pub fn proxy(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand(proxy::expand(arguments.into(), item.into()))
}

/// Makes the type of an `impl` block one whose objects Python programs can share, by the methods of the block.
///
/// Methods take `&self` and owned values; those of type `Option` may be left out, and for one of type `Object` callers
/// give a proxy of an object of this server. They may be `async`, may return a `Result` whose error converts into an
/// `Exception`, and may return an `Object`, which stays with the server. What counts is what a type is, under whatever name.
/// `#[sabir(name = "...")]` is a method's name in Python, `#[sabir(skip)]` keeps it from clients, as an underscore in front
/// of its name does. `#[sabir::shared(typeid = "...")]` names the type where that is not its own name.
#[proc_macro_attribute]
pub fn shared(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand(shared::expand(arguments.into(), item.into()))
}

fn expand(result: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    result.unwrap_or_else(syn::Error::into_compile_error).into()
}
