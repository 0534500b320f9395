//! A panic must not cross C frames: it is caught where C called Rust, C returns early, and it resumes behind C.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Keeps the first panic of the callbacks of one call.
#[derive(Debug, Default)]
pub(crate) struct PanicGuard(Option<Box<dyn Any + Send>>);

impl PanicGuard {
    /// What `callback` returns; nothing if it panicked, now or in an earlier call: whatever it left behind may be in an
    /// odd state, which nobody sees before the panic resumes.
    pub(crate) fn run<T>(&mut self, callback: impl FnOnce() -> T) -> Option<T> {
        if self.0.is_some() {
            return None;
        }
        match catch_unwind(AssertUnwindSafe(callback)) {
            Ok(value) => Some(value),
            Err(panic) => {
                self.0 = Some(panic);
                None
            }
        }
    }

    /// Goes on with the panic, if there was one.
    pub(crate) fn resume(&mut self) {
        if let Some(panic) = self.0.take() {
            resume_unwind(panic);
        }
    }

    /// The same, for a `drop`: a panic during another one would end the process, so then it ends here.
    pub(crate) fn resume_unless_panicking(&mut self) {
        if !std::thread::panicking() {
            self.resume();
        }
    }
}
