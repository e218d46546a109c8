//! A disk that fails when told to, and forgets at a power loss what was not synced.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use redb::StorageBackend;

const SECTOR: usize = 512;

#[derive(Debug, Clone)]
pub(super) struct Disk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// What a power loss leaves, apart from some of the unsynced.
    durable: Vec<u8>,
    /// What a read shows.
    shown: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
    /// How many more writes and syncs succeed.
    fuse: Option<u32>,
    fault: io::ErrorKind,
    opening: u32,
    luck: ChaCha8Rng,
}

/// The disk as one opening of it sees it; dead once there is a later one.
#[derive(Debug)]
pub(super) struct Handle {
    disk: Disk,
    opening: u32,
}

impl Disk {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            durable: Vec::new(),
            shown: Vec::new(),
            unsynced: Vec::new(),
            fuse: None,
            fault: io::ErrorKind::Other,
            opening: 0,
            luck: ChaCha8Rng::seed_from_u64(seed),
        })))
    }

    pub(super) fn attach(&self) -> Handle {
        let mut state = self.state();
        state.opening += 1;
        Handle {
            disk: self.clone(),
            opening: state.opening,
        }
    }

    /// Lets `more` writes and syncs succeed, and the next one fail with `fault`.
    pub(super) fn fail_after(&self, more: u32, fault: io::ErrorKind) {
        let mut state = self.state();
        state.fuse = Some(more);
        state.fault = fault;
    }

    pub(super) fn heal(&self) {
        self.state().fuse = None;
    }

    /// Takes the power away: of what was not synced, any sectors may be there.
    pub(super) fn lose_power(&self) {
        let mut state = self.state();
        state.opening += 1;
        state.write_back_some();
        state.shown = state.durable.clone();
    }

    /// All that is on the disk, to go back to with [`restore`](Self::restore).
    pub(super) fn image(&self) -> Vec<u8> {
        self.state().durable.clone()
    }

    pub(super) fn restore(&self, image: Vec<u8>) {
        let mut state = self.state();
        state.unsynced.clear();
        state.shown = image.clone();
        state.durable = image;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl State {
    fn write_back_some(&mut self) {
        for (at, data) in std::mem::take(&mut self.unsynced) {
            for (index, sector) in data.chunks(SECTOR).enumerate() {
                if self.luck.next_u32().is_multiple_of(2) {
                    put(&mut self.durable, at + index * SECTOR, sector);
                }
            }
        }
    }

    fn burn(&mut self) -> io::Result<()> {
        match &mut self.fuse {
            None => Ok(()),
            Some(0) => {
                self.fuse = None;
                Err(self.fault.into())
            }
            Some(more) => {
                *more -= 1;
                Ok(())
            }
        }
    }
}

fn put(file: &mut Vec<u8>, at: usize, data: &[u8]) {
    let end = at + data.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[at..end].copy_from_slice(data);
}

impl Handle {
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        if state.opening != self.opening {
            return Err(io::Error::other("the disk was detached"));
        }
        Ok(state)
    }
}

impl StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state()?.shown.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let at = usize::try_from(offset).unwrap();
        let state = self.state()?;
        let data = state
            .shown
            .get(at..at + out.len())
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(data);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).unwrap();
        let mut state = self.state()?;
        state.burn()?;
        state.shown.resize(len, 0);
        if state.durable.len() < len {
            state.durable.resize(len, 0);
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state()?;
        if let Err(error) = state.burn() {
            // As Linux does it: what could not be written is called clean and
            // shown as if it were there, and the next sync does not try it again.
            state.write_back_some();
            return Err(error);
        }
        let length = state.shown.len();
        state.durable.resize(length, 0);
        for (at, data) in std::mem::take(&mut state.unsynced) {
            let end = length.min(at + data.len());
            if at < end {
                put(&mut state.durable, at, &data[..end - at]);
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let at = usize::try_from(offset).unwrap();
        let mut state = self.state()?;
        state.burn()?;
        put(&mut state.shown, at, data);
        state.unsynced.push((at, data.to_vec()));
        Ok(())
    }
}
