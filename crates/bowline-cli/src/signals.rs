//! When to stop: Ctrl-C or SIGTERM once asks, the same again insists. What stopping
//! takes is the business of whoever is asked.

use std::io;
use std::process;

use tokio::sync::watch;
use tokio::task::JoinSet;

/// Tells whether somebody asked this process to stop.
///
/// Keep it until the process has stopped: once it is dropped, no signal is heard.
#[derive(Debug)]
pub(crate) struct Stop {
    asked: watch::Receiver<bool>,
    _listening: JoinSet<()>,
}

impl Stop {
    /// Listens to signals from now on. The second one ends the process at once,
    /// with 128 and its number as shells know it.
    ///
    /// # Errors
    ///
    /// Whatever the system answered.
    pub(crate) fn on_signals() -> io::Result<Self> {
        let mut signals = Signals::new()?;
        let (ask, asked) = watch::channel(false);
        let mut listening = JoinSet::new();
        listening.spawn(async move {
            loop {
                let exit_code = signals.next().await;
                if ask.send_replace(true) {
                    process::exit(exit_code);
                }
            }
        });
        Ok(Self {
            asked,
            _listening: listening,
        })
    }

    /// Waits until somebody asks to stop; at once when that has happened.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    pub(crate) async fn asked(&mut self) {
        if self.asked.wait_for(|asked| *asked).await.is_err() {
            // The listening task lives as long as `self`, so this is its panic:
            // reported there, and no reason to stop.
            std::future::pending().await
        }
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> i32 {
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => 130,
            _ = self.terminate.recv() => 143,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> i32 {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
        130
    }
}
