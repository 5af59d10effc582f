//! What is known about the end of an actor that ended with an error.

use std::any::Any;

/// How an actor crashed.
///
/// ```
/// use papyra::observe::Crash;
/// let crash = Crash::panic("index out of bounds").at(Some("src/orders.rs:42")).handling(Some("orders::Place"));
/// # let _ = crash;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a crash is recorded by `Life::crashed`"]
pub struct Crash {
    pub(super) error: String,
    pub(super) how: Option<How>,
    pub(super) location: Option<String>,
    pub(super) message_type: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Panic,
    Error,
}

impl How {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            How::Panic => "panic",
            How::Error => "error",
        }
    }
}

impl Crash {
    /// It panicked with this text.
    pub fn panic(text: impl Into<String>) -> Self {
        Crash { how: Some(How::Panic), ..Crash::unknown(text) }
    }

    /// It returned this error.
    pub fn error(text: impl Into<String>) -> Self {
        Crash { how: Some(How::Error), ..Crash::unknown(text) }
    }

    /// It ended with this text, and nobody can say whether that was a panic or an error.
    pub fn unknown(text: impl Into<String>) -> Self {
        Crash { error: text.into(), how: None, location: None, message_type: None }
    }

    /// Says where it panicked, as `FILE:LINE`, if that is known.
    pub fn at(mut self, location: Option<impl Into<String>>) -> Self {
        self.location = location.map(Into::into);
        self
    }

    /// Says which type of message it was handling, if it was handling one and that is known.
    pub fn handling(mut self, message_type: Option<impl Into<String>>) -> Self {
        self.message_type = message_type.map(Into::into);
        self
    }
}

/// The text of a caught panic.
///
/// ```
/// # use papyra::observe::panic_text;
/// let panic = std::panic::catch_unwind(|| panic!("no {}", "luck")).unwrap_err();
/// assert_eq!(panic_text(&*panic), "no luck");
/// ```
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a text")
}
