//! A generator of the network's faults that costs nothing until a fault draws from it.

use std::convert::Infallible;

use rand_core::{Rng, TryRng};
use rand_pcg::Pcg64;

use crate::Streams;

/// One of the generators of a seed's faults, made when it is first asked.
#[derive(Debug)]
pub(super) struct Chance {
    streams: Streams,
    index: u64,
    made: Option<Pcg64>,
}

impl Chance {
    pub(super) fn new(streams: Streams, index: u64) -> Self {
        Self {
            streams,
            index,
            made: None,
        }
    }

    fn made(&mut self) -> &mut Pcg64 {
        let (streams, index) = (self.streams, self.index);
        self.made.get_or_insert_with(|| streams.toxics(index))
    }
}

impl TryRng for Chance {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.made().next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.made().next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.made().fill_bytes(bytes);
        Ok(())
    }
}
