//! The store's file on a simulated disk, which forgets at a power loss what was not synced.
//!
//! The file is sparse, as on most file systems: making it longer takes no room, and writing
//! where nothing was written does. So a disk that is full shows as early as it would.

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

impl Backend {
    /// Whether nothing but zeros is there: what was never written, near enough.
    fn is_hole(&self, offset: u64, len: usize) -> io::Result<bool> {
        let mut there = vec![0; len];
        match self.file.read_at(offset, &mut there) {
            Ok(()) => Ok(there.iter().all(|&byte| byte == 0)),
            // Beyond the end the write itself takes room.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Fails where the disk has no room for a byte more.
    fn take_room(&self) -> io::Result<()> {
        let len = self.file.len()?;
        self.file.set_len(len + 1)?;
        self.file.set_len(len)
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
        if self.is_hole(offset, data.len())? {
            self.take_room()?;
        }
        self.file.write_at(offset, data)
    }
}
