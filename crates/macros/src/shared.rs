//! `#[sabir::shared]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{FnArg, GenericArgument, ImplItem, ImplItemFn, ItemImpl, Pat, PathArguments, ReturnType, Type};

use crate::attributes::{self, Method, plain};

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let mut item: ItemImpl = syn::parse2(item)?;
    if let Some((path, _)) = &item.trait_ {
        return Err(syn::Error::new_spanned(path, "expected an impl block of a type's own methods"));
    }
    let own = &item.self_ty;
    let typeid = match attributes::typeid(arguments)? {
        Some(typeid) => quote!(#typeid),
        None => {
            let name =
                last_name(own).ok_or_else(|| syn::Error::new_spanned(own, "expected a type's name"))?;
            quote!(#name)
        }
    };
    let mut methods = Vec::new();
    for item in &mut item.items {
        if let ImplItem::Fn(function) = item {
            methods.extend(exposed(function)?);
        }
    }
    methods.sort_by(|one, other| one.python.cmp(&other.python));
    let names: Vec<&String> = methods.iter().map(|method| &method.python).collect();
    let calls = methods.iter().map(|method| &method.call);
    let returns = methods.iter().filter_map(|Exposed { python, object, .. }| {
        object.as_ref().map(|kind| quote!((#python, <#kind as ::sabir::server::Shared>::typeid())))
    });
    let (generics, own, condition) = (&item.generics, &item.self_ty, &item.generics.where_clause);
    Ok(quote! {
        #[allow(clippy::needless_pass_by_value, reason = "what a caller sends is owned")]
        #item

        impl #generics ::sabir::server::Shared for #own #condition {
            fn typeid() -> &'static str {
                #typeid
            }

            fn returns() -> ::std::vec::Vec<(&'static str, &'static str)> {
                ::std::vec![#(#returns),*]
            }

            fn text(&self) -> ::std::string::String {
                ::std::format!("<{} object of a Rust program>", <Self as ::sabir::server::Shared>::typeid())
            }

            fn public(&self) -> &'static [&'static str] {
                &[#(#names),*]
            }

            fn call<'a>(
                &'a self,
                method: &'a str,
                #[allow(unused_mut, reason = "methods without parameters take nothing")]
                mut arguments: ::sabir::server::Arguments,
            ) -> ::sabir::server::Called<'a> {
                ::std::boxed::Box::pin(async move {
                    match method {
                        #(#calls)*
                        _ => ::core::result::Result::Err(::sabir::server::Exception::no_method(method)),
                    }
                })
            }
        }
    })
}

/// A method that clients can call.
struct Exposed {
    python: String,
    /// What it returns an object of.
    object: Option<Type>,
    call: TokenStream,
}

fn exposed(function: &mut ImplItemFn) -> syn::Result<Option<Exposed>> {
    let method = Method::take(&mut function.attrs)?;
    let signature = &function.sig;
    let python = method.python_name(&signature.ident);
    let Some(FnArg::Receiver(receiver)) = signature.inputs.first() else { return Ok(None) };
    // As Python's `public_methods` has it, unless a name was given.
    if method.skip || (method.name.is_none() && python.starts_with('_')) {
        return Ok(None);
    }
    if !attributes::is_shared(receiver) {
        let why = "shared by many clients at once, it is called by &self: keep what changes in a Mutex";
        return Err(syn::Error::new_spanned(receiver, why));
    }
    let (mut names, mut takes) = (Vec::new(), Vec::new());
    for input in signature.inputs.iter().skip(1) {
        let FnArg::Typed(parameter) = input else { continue };
        let (Pat::Ident(pattern), kind) = (&*parameter.pat, &*parameter.ty) else {
            return Err(syn::Error::new_spanned(&parameter.pat, "expected a name"));
        };
        if matches!(kind, Type::Reference(_)) {
            return Err(syn::Error::new_spanned(kind, "what a caller sends is owned: String and not &str"));
        }
        let (name, text) = (&pattern.ident, plain(&pattern.ident));
        takes.push(match argument_of(kind, "Option") {
            _ if argument_of(kind, "Object").is_some() => {
                quote!(let #name: #kind = arguments.take_object(#text)?;)
            }
            Some(inner) if argument_of(inner, "Object").is_some() => {
                quote!(let #name: #kind = arguments.optional_object(#text)?;)
            }
            Some(inner) => quote! {
                let #name: #kind =
                    arguments.optional::<::core::option::Option<#inner>>(#text)?.flatten();
            },
            None => quote!(let #name: #kind = arguments.take(#text)?;),
        });
        names.push(name);
    }
    let ident = &signature.ident;
    let awaited = signature.asyncness.map(|_| quote!(.await));
    let output = match &signature.output {
        ReturnType::Type(_, kind) => Some(&**kind),
        ReturnType::Default => None,
    };
    let fallible = output.and_then(|kind| argument_of(kind, "Result"));
    let unwrapped = fallible.map(|_| quote!(.map_err(::sabir::server::Exception::from)?));
    let object = fallible.or(output).and_then(|kind| argument_of(kind, "Object")).cloned();
    let result = match &object {
        Some(_) => quote!(::core::result::Result::Ok(::sabir::server::Return::from(returned))),
        None => quote!(::sabir::server::Return::value(&returned)),
    };
    let call = quote! {
        #python => {
            #(#takes)*
            arguments.end()?;
            #[allow(clippy::let_unit_value, reason = "a method may return nothing")]
            let returned = self.#ident(#(#names),*) #awaited #unwrapped;
            #result
        }
    };
    Ok(Some(Exposed { python, object, call }))
}

/// The first argument of a type, if its last name is this one: `T` of `Option<T>`.
fn argument_of<'t>(kind: &'t Type, name: &str) -> Option<&'t Type> {
    let Type::Path(path) = kind else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(kind) => Some(kind),
        _ => None,
    })
}

fn last_name(kind: &Type) -> Option<String> {
    let Type::Path(path) = kind else { return None };
    path.path.segments.last().map(|last| plain(&last.ident))
}
