//! The store's file on a simulated disk, which forgets at a power loss what was not synced.

use std::io;

use bowline_sim::disk::File;
use redb::StorageBackend;

/// redb's view of the disk.
#[derive(Debug)]
pub(super) struct Backend {
    file: File,
    /// Off, it is the disk that says "synced" and lies.
    syncs: bool,
}

impl Backend {
    pub(super) fn new(file: File, syncs: bool) -> Self {
        Self { file, syncs }
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.syncs { self.file.sync() } else { Ok(()) }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, data)
    }
}
