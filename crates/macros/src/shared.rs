//! `#[sabir::shared]`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, Pat, PatType, ReturnType, Signature, Type};

use crate::attributes::{self, Method, plain};

/// The block as it was, and the implementation of the trait; or what is wrong, beside the block, so that it is the only
/// complaint.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let mut item: ItemImpl = syn::parse2(item)?;
    let written = implementation(arguments, &mut item).unwrap_or_else(syn::Error::into_compile_error);
    Ok(quote! {
        #[allow(clippy::needless_pass_by_value, reason = "what a caller sends is owned")]
        #item

        #written
    })
}

fn implementation(arguments: TokenStream, item: &mut ItemImpl) -> syn::Result<TokenStream> {
    let exposed = methods(item)?;
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
    let names = exposed.iter().map(|method| &method.python);
    let calls = exposed.iter().map(|method| &method.call);
    let returns = exposed.iter().map(|Exposed { python, kind, .. }| {
        quote_spanned!(at(&kind)=> if let ::core::option::Option::Some(typeid) = #kind.typeid() {
            returns.push((#python, typeid));
        })
    });
    let (generics, condition) = (&item.generics, &item.generics.where_clause);
    let given = given();
    Ok(quote! {
        impl #generics ::sabir::server::Shared for #own #condition {
            fn typeid() -> &'static str {
                #typeid
            }

            fn returns() -> ::std::vec::Vec<(&'static str, &'static str)> {
                #[allow(unused_imports, reason = "a type may have no methods")]
                use ::sabir::server::glue::Returned as _;
                #[allow(unused_mut, reason = "a type may have no methods")]
                let mut returns = ::std::vec::Vec::new();
                #(#returns)*
                returns
            }

            fn text(&self) -> ::std::string::String {
                ::std::format!("<{} object of a Rust program>", <Self as ::sabir::server::Shared>::typeid())
            }

            fn exposed(&self) -> &'static [&'static str] {
                &[#(#names),*]
            }

            fn call<'a>(
                &'a self,
                method: &'a str,
                #[allow(unused_mut, reason = "methods without parameters take nothing")]
                mut #given: ::sabir::server::Arguments,
            ) -> ::sabir::server::Called<'a> {
                #[allow(unused_imports, reason = "methods may have no parameters, a type no methods")]
                use ::sabir::server::glue::{Parameter as _, Returned as _};
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

/// Where to complain; what is written there is ours all the same, which lints go by.
fn at(place: &impl syn::spanned::Spanned) -> Span {
    Span::call_site().located_at(place.span())
}

/// What was given: a name that no parameter of a method can be taken for.
fn given() -> Ident {
    Ident::new("given", Span::mixed_site())
}

/// A method that clients can call.
struct Exposed {
    python: String,
    /// What it returns, to be asked about.
    kind: TokenStream,
    call: TokenStream,
}

/// The methods that clients can call, in the order of their names; all that is wrong with them at once.
fn methods(item: &mut ItemImpl) -> syn::Result<Vec<Exposed>> {
    let mut methods = Vec::new();
    let mut wrong: Option<syn::Error> = None;
    for item in &mut item.items {
        let ImplItem::Fn(function) = item else { continue };
        match exposed(function) {
            Ok(method) => methods.extend(method),
            Err(error) => match &mut wrong {
                Some(others) => others.combine(error),
                None => wrong = Some(error),
            },
        }
    }
    methods.sort_by(|one, other| one.python.cmp(&other.python));
    wrong.map_or(Ok(methods), Err)
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
    for parameter in signature.inputs.iter().skip(1) {
        let FnArg::Typed(parameter) = parameter else { continue };
        let (name, take) = taken(parameter)?;
        names.push(name);
        takes.push(take);
    }
    let kind = returned(signature);
    let (ident, given) = (&signature.ident, given());
    let awaited = signature.asyncness.map(|_| quote!(.await));
    let finish = quote_spanned!(at(&kind)=> #kind.finish(self.#ident(#(#names),*) #awaited));
    let call = quote! {
        #python => {
            #(#takes)*
            #given.end()?;
            #finish
        }
    };
    Ok(Some(Exposed { python, kind, call }))
}

/// A parameter's name, and the statement that takes it out of what was given.
fn taken(parameter: &PatType) -> syn::Result<(&Ident, TokenStream)> {
    let (Pat::Ident(pattern), kind) = (&*parameter.pat, &*parameter.ty) else {
        return Err(syn::Error::new_spanned(&parameter.pat, "expected a name"));
    };
    if matches!(kind, Type::Reference(_)) {
        return Err(syn::Error::new_spanned(kind, "what a caller sends is owned: String and not &str"));
    }
    let (name, text, given) = (&pattern.ident, plain(&pattern.ident), given());
    let take = quote_spanned! {at(&kind)=>
        let #name: #kind = (&&&::sabir::server::glue::Kind::<#kind>::NEW).given(&mut #given, #text)?;
    };
    Ok((name, take))
}

/// What a method returns, to be asked about; of `impl Serialize`, which has no name, only that it is some value.
fn returned(signature: &Signature) -> TokenStream {
    match &signature.output {
        ReturnType::Type(_, kind) if matches!(**kind, Type::ImplTrait(_)) => {
            quote_spanned!(at(&kind)=> ::sabir::server::glue::Unnamed)
        }
        ReturnType::Type(_, kind) => {
            quote_spanned!(at(&kind)=> (&&&::sabir::server::glue::Kind::<#kind>::NEW))
        }
        ReturnType::Default => quote!((&&&::sabir::server::glue::Kind::<()>::NEW)),
    }
}

fn last_name(kind: &Type) -> Option<String> {
    let Type::Path(path) = kind else { return None };
    path.path.segments.last().map(|last| plain(&last.ident))
}
