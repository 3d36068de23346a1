//! `#[sabir::proxy]`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{FnArg, ItemTrait, Pat, TraitItem, TraitItemFn};

use crate::attributes::{self, Method, plain};

/// Blocking or async, as the methods of the trait are.
struct Kind {
    /// Where the proxies and managers are.
    home: TokenStream,
    asyncness: Option<TokenStream>,
    awaited: Option<TokenStream>,
}

impl Kind {
    fn of(item: &ItemTrait) -> syn::Result<Kind> {
        let signatures = item.items.iter().filter_map(|item| match item {
            TraitItem::Fn(function) => Some(&function.sig),
            _ => None,
        });
        let (waiting, blocking): (Vec<_>, Vec<_>) =
            signatures.partition(|signature| signature.asyncness.is_some());
        match (waiting.first(), blocking.first()) {
            (Some(_), Some(odd)) => {
                Err(syn::Error::new_spanned(odd, "either all methods of a proxy are async, or none"))
            }
            (Some(_), None) => Ok(Kind {
                home: quote!(::sabir::tokio),
                asyncness: Some(quote!(async)),
                awaited: Some(quote!(.await)),
            }),
            (None, _) => Ok(Kind { home: quote!(::sabir::manager), asyncness: None, awaited: None }),
        }
    }
}

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let mut item: ItemTrait = syn::parse2(item)?;
    let typeid = match attributes::typeid(arguments)? {
        Some(typeid) => typeid.value(),
        None => plain(&item.ident),
    };
    let kind = Kind::of(&item)?;
    let methods = item.items.iter_mut().map(|item| method(item, &kind)).collect::<syn::Result<Vec<_>>>()?;
    let Kind { home, asyncness, awaited } = &kind;
    let (visibility, docs, name) = (&item.vis, &item.attrs, format_ident!("{}Proxy", item.ident));
    let create = format!(
        "Creates a `{typeid}` in a manager. `args` are a tuple, an array or a vector, `()` for none."
    );
    let summary = format!("A proxy of a `{typeid}`.");
    Ok(quote! {
        #(#docs)*
        #[doc = #summary]
        #[derive(Clone, Debug)]
        #visibility struct #name {
            proxy: #home::Proxy,
        }

        #[allow(clippy::missing_errors_doc, reason = "each fails as Proxy::call does")]
        impl #name {
            /// The name under which the type is registered.
            #visibility const TYPEID: &'static str = #typeid;

            #[doc = #create]
            #visibility #asyncness fn create<A: ?::core::marker::Sized + ::sabir::serde::Serialize>(
                manager: &#home::Manager,
                args: &A,
            ) -> ::sabir::Result<Self> {
                ::core::result::Result::Ok(manager.create(Self::TYPEID, args) #awaited ?.into())
            }

            #(#visibility #methods)*
        }

        impl ::core::convert::From<#home::Proxy> for #name {
            fn from(proxy: #home::Proxy) -> Self {
                Self { proxy }
            }
        }

        impl #home::Typed for #name {
            fn proxy(&self) -> &#home::Proxy {
                &self.proxy
            }
        }

        impl ::sabir::serde::Serialize for #name {
            fn serialize<S: ::sabir::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                ::sabir::serde::Serialize::serialize(&self.proxy, serializer)
            }
        }
    })
}

fn method(item: &mut TraitItem, kind: &Kind) -> syn::Result<TokenStream> {
    let TraitItem::Fn(TraitItemFn { attrs, sig, default: None, .. }) = item else {
        return Err(syn::Error::new_spanned(item, "a proxy has methods without bodies, and nothing else"));
    };
    let method = Method::take(attrs)?;
    let by_reference =
        matches!(sig.inputs.first(), Some(FnArg::Receiver(receiver)) if attributes::is_shared(receiver));
    if !by_reference {
        return Err(syn::Error::new_spanned(&sig, "methods of a proxy take &self"));
    }
    let mut names = Vec::new();
    for input in sig.inputs.iter().skip(1) {
        match input {
            FnArg::Typed(typed) => match &*typed.pat {
                Pat::Ident(name) => names.push(&name.ident),
                pattern => return Err(syn::Error::new_spanned(pattern, "expected a name")),
            },
            FnArg::Receiver(receiver) => return Err(syn::Error::new_spanned(receiver, "a second self")),
        }
    }
    let python = method.python_name(&sig.ident);
    let awaited = &kind.awaited;
    let body = if method.proxy {
        quote!(::core::result::Result::Ok(self.proxy.call_proxy(#python, &(#(#names,)*)) #awaited ?.into()))
    } else {
        quote!(self.proxy.call(#python, &(#(#names,)*)) #awaited)
    };
    Ok(quote! {
        #(#attrs)*
        #sig {
            #body
        }
    })
}
