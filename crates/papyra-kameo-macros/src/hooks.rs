//! Adds to an `impl` the hooks that it does not have.

use proc_macro::{Delimiter, Group, Span, TokenStream, TokenTree};

/// The item with the hooks that it lacks, or with a compile error behind it.
pub(crate) fn added(messages: TokenStream, item: TokenStream) -> TokenStream {
    let mut tokens: Vec<TokenTree> = item.into_iter().collect();
    let Some(TokenTree::Group(body)) = tokens.last().filter(|_| is_impl(&tokens)) else {
        return refused(tokens, Span::call_site(), "`observed` belongs on an `impl Actor for …`");
    };
    let methods = methods_of(body.stream());
    let lacks = |hook: &str| !methods.iter().any(|method| method == hook);
    if let Some(first) = messages.clone().into_iter().next().filter(|_| !lacks("on_undelivered")) {
        let why = "this actor has an `on_undelivered` of its own: list the types where it calls `hook::undelivered`";
        return refused(tokens.clone(), first.span(), why);
    }
    let mut listed: Vec<TokenStream> = ["next", "on_panic"].into_iter().filter(|hook| lacks(hook)).map(rust).collect();
    if lacks("on_undelivered") {
        let mut hook = rust("on_undelivered");
        hook.extend([TokenTree::from(Group::new(Delimiter::Parenthesis, messages))]);
        listed.push(hook);
    }
    let mut hooks = TokenStream::new();
    for hook in listed {
        hooks.extend(rust(if hooks.is_empty() { "" } else { "," }));
        hooks.extend(hook);
    }
    if !hooks.is_empty() {
        let mut written = body.stream();
        written.extend(rust("::papyra_kameo::hooks!"));
        written.extend([TokenTree::from(Group::new(Delimiter::Brace, hooks))]);
        let mut written = Group::new(Delimiter::Brace, written);
        written.set_span(body.span());
        tokens.pop();
        tokens.push(written.into());
    }
    tokens.into_iter().collect()
}

/// Whether this is an `impl` with a body: behind its own attributes, maybe `unsafe`.
fn is_impl(tokens: &[TokenTree]) -> bool {
    let is_word = |token: &TokenTree, word: &str| matches!(token, TokenTree::Ident(found) if found.to_string() == word);
    let first_word = tokens.iter().find(|token| matches!(token, TokenTree::Ident(_)) && !is_word(token, "unsafe"));
    let has_body = matches!(tokens.last(), Some(TokenTree::Group(body)) if body.delimiter() == Delimiter::Brace);
    has_body && first_word.is_some_and(|token| is_word(token, "impl"))
}

/// The names behind each `fn` of the body; what stands within its functions are groups, which are not looked into.
fn methods_of(body: TokenStream) -> Vec<String> {
    let tokens: Vec<TokenTree> = body.into_iter().collect();
    let pairs = tokens.windows(2).filter_map(|pair| match pair {
        [TokenTree::Ident(word), TokenTree::Ident(name)] if word.to_string() == "fn" => Some(name.to_string()),
        _ => None,
    });
    pairs.collect()
}

/// The item as it was, so that the compiler finds nothing else wrong with it, and what is.
fn refused(mut tokens: Vec<TokenTree>, at: Span, why: &str) -> TokenStream {
    let error = rust(&format!("::core::compile_error!({why:?});"));
    tokens.extend(error.into_iter().map(|mut token| {
        token.set_span(at);
        token
    }));
    tokens.into_iter().collect()
}

/// Rust that stands in this file.
fn rust(text: &str) -> TokenStream {
    text.parse().unwrap_or_default()
}
