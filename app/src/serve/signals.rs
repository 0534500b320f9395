//! The signals that ask a process to end.

use std::io;

/// Calls this once, on a thread of its own, at the first SIGTERM or SIGINT. The second one ends the process at once.
#[cfg(unix)]
pub(super) fn on_termination(call: impl FnOnce() + Send + 'static) -> io::Result<()> {
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::{flag, low_level::pipe};

    let (mut read, write) = UnixStream::pair()?;
    let again = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // In this order: at the first signal, the flag is not set yet when it is asked for.
        flag::register_conditional_shutdown(signal, 1, Arc::clone(&again))?;
        flag::register(signal, Arc::clone(&again))?;
        pipe::register(signal, write.try_clone()?)?;
    }
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        if read.read_exact(&mut [0]).is_ok() {
            call();
        }
    })?;
    Ok(())
}

/// Calls this once, on a thread of its own, at the first Ctrl-C. The second one ends the process at once.
#[cfg(not(unix))]
pub(super) fn on_termination(call: impl FnOnce() + Send + 'static) -> io::Result<()> {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    let again = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&again))?;
        signal_hook::flag::register(signal, Arc::clone(&again))?;
    }
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        while !again.load(Ordering::SeqCst) {
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        call();
    })?;
    Ok(())
}
