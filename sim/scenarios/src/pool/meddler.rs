//! One who works the switches of a pool while it is in use: at random moments, and whatever
//! is going on. It borrows nothing.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use bowline_link::BoxError;
use bowline_pool::{InUse, Suspend};
use tokio::time::sleep;

use super::chance::Chance;
use super::lender::Lender;
use super::{MAX, MIN, WAIT, brought_back};

/// How long nothing is switched at most.
const QUIET: Duration = Duration::from_millis(3_500);

pub(super) struct Meddler {
    pub(super) lender: Rc<Lender>,
    pub(super) chance: Chance,
    pub(super) stop: Rc<Cell<bool>>,
}

// === impl Meddler ===

impl Meddler {
    /// Switches until it is told to stop, and leaves everything as it was.
    pub(super) async fn run(mut self) -> Result<(), BoxError> {
        while !self.stop.get() {
            sleep(self.chance.up_to(QUIET)).await;
            if !self.stop.get() {
                self.switch().await?;
            }
        }
        self.lender.resize(MAX)
    }

    async fn switch(&mut self) -> Result<(), BoxError> {
        match self.chance.below(12) {
            0..3 => self.lender.clear(InUse::Finish),
            3..5 => self.lender.clear(InUse::CallBack),
            5..9 => {
                let size = self.size();
                self.lender.resize(size)?;
            }
            9 => self.suspend(Suspend::Wait).await,
            10 => self.suspend(Suspend::Fail).await,
            _ => {
                self.lender.drain(brought_back()).await;
                self.lender.reopen()?;
            }
        }
        Ok(())
    }

    async fn suspend(&mut self, suspend: Suspend) {
        let pool = self.lender.pool();
        pool.suspend(suspend);
        sleep(self.chance.up_to(2 * WAIT)).await;
        pool.resume();
    }

    fn size(&mut self) -> usize {
        let more = u64::try_from(MAX - MIN).expect("a few") + 1;
        MIN + usize::try_from(self.chance.below(more)).expect("a few")
    }
}
