//! What stands in the attributes.

use proc_macro2::TokenStream;
use syn::parse::Parser;
use syn::{Attribute, Ident, LitStr, Meta, Receiver, ReceiverKind, Token, punctuated::Punctuated};

/// `typeid = "..."`, of a type.
pub(crate) fn typeid(arguments: TokenStream) -> syn::Result<Option<LitStr>> {
    let mut found = None;
    let parser = syn::meta::parser(|meta| {
        if meta.path.is_ident("typeid") {
            found = Some(meta.value()?.parse()?);
            Ok(())
        } else {
            Err(meta.error("expected typeid = \"...\""))
        }
    });
    parser.parse2(arguments)?;
    Ok(found)
}

/// `#[sabir(...)]`, of a method.
#[derive(Default)]
pub(crate) struct Method {
    pub(crate) name: Option<LitStr>,
    pub(crate) proxy: bool,
    pub(crate) skip: bool,
}

impl Method {
    /// Takes what is ours out of the attributes of a method.
    pub(crate) fn take(attributes: &mut Vec<Attribute>) -> syn::Result<Method> {
        let mut method = Method::default();
        let mut wrong = None;
        attributes.retain(|attribute| {
            if !attribute.path().is_ident("sabir") {
                return true;
            }
            if let Err(error) = method.read(attribute) {
                wrong = Some(error);
            }
            false
        });
        wrong.map_or(Ok(method), Err)
    }

    fn read(&mut self, attribute: &Attribute) -> syn::Result<()> {
        let metas = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)?;
        for meta in metas {
            match &meta {
                Meta::Path(path) if path.is_ident("proxy") => self.proxy = true,
                Meta::Path(path) if path.is_ident("skip") => self.skip = true,
                Meta::NameValue(pair) if pair.path.is_ident("name") => {
                    let value = &pair.value;
                    self.name = Some(syn::parse2(quote::quote!(#value))?);
                }
                _ => {
                    return Err(syn::Error::new_spanned(meta, "expected name = \"...\", proxy or skip"));
                }
            }
        }
        Ok(())
    }

    /// The name in Python: what was given, or that of the function.
    pub(crate) fn python_name(&self, function: &Ident) -> String {
        self.name.as_ref().map_or_else(|| plain(function), LitStr::value)
    }
}

/// Whether a method takes `&self`.
pub(crate) fn is_shared(receiver: &Receiver) -> bool {
    matches!(receiver.kind, ReceiverKind::Reference(_, _, None))
}

/// A name without the `r#` by which Rust has it.
pub(crate) fn plain(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").map(str::to_owned).unwrap_or(name)
}
