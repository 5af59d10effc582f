//! Catching the panics of actors, and finding out where they happened.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    fmt,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::pin,
    thread,
};

use super::{Crash, panic_text};

thread_local! {
    /// How many calls of [`catch`] this thread is in.
    static CATCHING: Cell<u32> = const { Cell::new(0) };
    /// How this thread panicked last, until somebody asks; only an installed hook knows.
    static LAST_PANIC: RefCell<Option<LastPanic>> = const { RefCell::new(None) };
}

/// A panic that was caught.
pub struct Caught {
    panic: Box<dyn Any + Send>,
    location: Option<String>,
}

impl Caught {
    /// Its text.
    pub fn text(&self) -> &str {
        panic_text(&*self.panic)
    }

    /// Where it happened, as `FILE:LINE`; known if a [`PanicHook`](super::PanicHook) is installed.
    pub fn location(&self) -> Option<&str> {
        self.location.as_deref()
    }

    /// What is known about it, for [`Life::crashed`](super::Life::crashed).
    pub fn crash(&self) -> Crash {
        Crash::panic(self.text()).at(self.location())
    }

    /// Lets the panic go on as if nobody had caught it. No panic hook is called again; who catches it next knows where it
    /// happened all the same.
    pub fn resume(self) -> ! {
        if self.location.is_some() {
            note_panic(LastPanic { text: self.text().to_owned(), location: self.location });
        }
        resume_unwind(self.panic)
    }
}

impl fmt::Debug for Caught {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caught").field("text", &self.text()).field("location", &self.location).finish()
    }
}

/// Calls a function up to its own panic. Unlike [`catch_unwind`] it tells where the panic happened, and an installed
/// [`PanicHook`](super::PanicHook) leaves it to the caller to record the panic.
///
/// # Errors
/// The panic.
pub fn catch<T>(function: impl FnOnce() -> T) -> Result<T, Caught> {
    // A panic that is passed on calls no hook: it must not be said to have happened where another one did before.
    if !thread::panicking() {
        drop(take_last_panic());
    }
    let called = {
        let _inside = Inside::enter();
        catch_unwind(AssertUnwindSafe(function))
    };
    called.map_err(|panic| Caught { panic, location: take_panic_location() })
}

/// Runs a future up to its own panic; like [`catch`]. It takes no memory besides the future's own.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let caught = papyra::observe::caught(async { panic!("no luck") }).await.unwrap_err();
/// assert_eq!(caught.text(), "no luck");
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// The panic. The future is not polled again.
///
/// # Cancel safety
/// That of the future.
pub async fn caught<F: Future>(future: F) -> Result<F::Output, Caught> {
    let mut future = pin!(future);
    poll_fn(|context| match catch(|| future.as_mut().poll(context)) {
        Ok(polled) => polled.map(Ok),
        Err(caught) => std::task::Poll::Ready(Err(caught)),
    })
    .await
}

/// Where this thread panicked last, as `FILE:LINE`, if a [`PanicHook`](super::PanicHook) is installed and nobody has asked
/// yet. For adapters whose framework catches panics itself: to be asked on the thread that panicked, right behind it.
pub fn take_panic_location() -> Option<String> {
    take_last_panic()?.location
}

/// What a hook has heard of a panic.
pub(super) struct LastPanic {
    pub(super) text: String,
    pub(super) location: Option<String>,
}

pub(super) fn take_last_panic() -> Option<LastPanic> {
    LAST_PANIC.try_with(|last| last.try_borrow_mut().ok()?.take()).ok().flatten()
}

pub(super) fn note_panic(panic: LastPanic) {
    // A thread that is ending has no memory of its own any more.
    let _ = LAST_PANIC.try_with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            *last = Some(panic);
        }
    });
}

/// Whether a panic of this thread would come to a caller of [`catch`].
pub(super) fn will_be_caught() -> bool {
    CATCHING.try_with(Cell::get).is_ok_and(|depth| depth > 0)
}

struct Inside;

impl Inside {
    fn enter() -> Self {
        let _ = CATCHING.try_with(|depth| depth.set(depth.get() + 1));
        Inside
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = CATCHING.try_with(|depth| depth.set(depth.get().saturating_sub(1)));
    }
}
