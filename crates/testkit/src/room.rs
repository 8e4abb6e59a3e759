//! A thread with a current-thread tokio runtime of its own, for servers that must go on while a test's thread blocks.
//!
//! Used by the backend and the OTLP sink. Always holds: dropping it ends the runtime and joins the thread.

use std::future::Future;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

/// The thread; `stop` resolves the future that the main task was given.
#[derive(Debug)]
pub(crate) struct Room {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Room {
    /// Starts the thread and runs `main(stop)` on it; `stop` resolves when the room is closed.
    pub(crate) fn open<M, F>(name: &str, main: M) -> Self
    where
        M: FnOnce(oneshot::Receiver<()>) -> F + Send + 'static,
        F: Future<Output = ()>,
    {
        let (stop, stopped) = oneshot::channel();
        let builder = std::thread::Builder::new().name(name.chars().take(15).collect());
        let thread = builder.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.unwrap_or_else(|error| panic!("cannot build a tokio runtime: {error}"));
            runtime.block_on(main(stopped));
        });
        let thread = thread.unwrap_or_else(|error| panic!("cannot start a thread: {error}"));
        Self { stop: Some(stop), thread: Some(thread) }
    }

    /// Asks the main task to end and joins the thread; a second call does nothing.
    pub(crate) fn close(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The receiver is gone when the main task has ended by itself: then there is nobody to ask.
            stop.send(()).ok();
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("a server thread of the test kit panicked; its message is above");
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.close();
    }
}
