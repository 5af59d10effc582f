//! The attribute [`macro@observed`] of `papyra-kameo`, which re-exports it: use it from there. The compiler wants attributes in
//! a crate of their own. This one parses no Rust and has no dependencies.

mod hooks;

use proc_macro::TokenStream;

/// On an `impl Actor for …`: writes the hooks into it that tell a Papyra observer what kameo tells nobody else.
///
/// These are kameo's `next`, `on_panic` and `on_undelivered`, as [`hooks!`](../papyra_kameo/macro.hooks.html) describes them.
/// A hook that the actor has already is left alone: it may call the functions of `papyra_kameo::hook` itself.
///
/// `#[observed(Place, Cancel)]` tells messages of these types apart among those that were left in the mailbox.
///
/// It is a compile error on anything but an `impl`:
///
/// ```compile_fail
/// #[papyra_kameo_macros::observed]
/// struct Orders;
/// ```
///
/// and if message types are listed though the actor has an `on_undelivered` of its own:
///
/// ```compile_fail
/// struct Orders;
/// #[papyra_kameo_macros::observed(u8)]
/// impl Orders {
///     fn next() {}
///     fn on_panic() {}
///     fn on_undelivered() {}
/// }
/// ```
///
/// Without the list there is nothing to write, and nothing is:
///
/// ```
/// struct Orders;
/// #[papyra_kameo_macros::observed]
/// impl Orders {
///     fn next() {}
///     fn on_panic() {}
///     fn on_undelivered() {}
/// }
/// ```
#[proc_macro_attribute]
pub fn observed(messages: TokenStream, item: TokenStream) -> TokenStream {
    hooks::added(messages, item)
}
