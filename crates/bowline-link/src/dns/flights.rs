//! Questions under way: who asks for what is being asked for already waits for that answer.
//! It remembers nothing: an answer is gone once everybody who waited has it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{BoxFuture, Shared, WeakShared};
use futures_util::{FutureExt as _, TryFutureExt as _};

use super::{Error, Found};

/// How many different questions for addresses may be under way at once in one resolver, and as
/// many for services: each holds up to two sockets. The next one is refused, and an old answer
/// serves where there is one.
pub const ASKED_AT_ONCE_MAX: usize = 1024;

/// What those who share a question get.
type Shareable<T> = Result<Found<T>, Arc<Error>>;

type Asking<T> = BoxFuture<'static, Shareable<T>>;

/// A question under way. It moves as long as anyone who waits for it is polled, and is given
/// up with the last of them; wakers are woken in the order in which they came.
pub(super) type Flight<T> = Shared<Asking<T>>;

/// What is asked for (a name as the memory has it), and how often each server is.
pub(super) type Key = (String, u32);

#[derive(Debug)]
pub(super) struct Flights<T: Clone> {
    table: Arc<Mutex<Table<T>>>,
}

/// The questions under way, held still: nothing ends or begins meanwhile.
#[derive(Debug)]
pub(super) struct HeldStill<'a, T: Clone> {
    flights: &'a Flights<T>,
    table: MutexGuard<'a, Table<T>>,
}

#[derive(Debug)]
struct Table<T: Clone> {
    begun: u64,
    under_way: BTreeMap<Key, (u64, WeakShared<Asking<T>>)>,
}

/// Takes a question off the table when it ends or is given up.
struct UnderWay<T: Clone> {
    table: Arc<Mutex<Table<T>>>,
    key: Key,
    number: u64,
}

// === impl Flights ===

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    pub(super) fn hold_still(&self) -> HeldStill<'_, T> {
        HeldStill {
            flights: self,
            table: lock(&self.table),
        }
    }
}

impl<T: Clone> Clone for Flights<T> {
    fn clone(&self) -> Self {
        let table = Arc::clone(&self.table);
        Self { table }
    }
}

impl<T: Clone> Default for Flights<T> {
    fn default() -> Self {
        let (begun, under_way) = (0, BTreeMap::new());
        let table = Table { begun, under_way };
        Self {
            table: Arc::new(Mutex::new(table)),
        }
    }
}

// === impl HeldStill ===

impl<T: Clone + Send + Sync + 'static> HeldStill<'_, T> {
    /// The answer to what is asked for already, or else to `asking`.
    ///
    /// # Errors
    ///
    /// Where too much is under way.
    pub(super) fn join(
        mut self,
        key: Key,
        asking: impl Future<Output = Result<Found<T>, Error>> + Send + 'static,
    ) -> Result<Flight<T>, Error> {
        let table = &mut *self.table;
        let under_way = table.under_way.get(&key);
        if let Some(flight) = under_way.and_then(|(_, flight)| flight.upgrade()) {
            return Ok(flight);
        }
        let is_new = !table.under_way.contains_key(&key);
        if is_new && table.under_way.len() >= ASKED_AT_ONCE_MAX {
            let (name, max) = (key.0, ASKED_AT_ONCE_MAX);
            return Err(Error::TooManyQuestions { name, max });
        }
        table.begun += 1;
        let until_it_ends = UnderWay {
            table: Arc::clone(&self.flights.table),
            key: key.clone(),
            number: table.begun,
        };
        let flight = async move {
            let _until_it_ends = until_it_ends;
            asking.map_err(Arc::new).await
        };
        let flight = flight.boxed().shared();
        let weak = flight.downgrade().expect("it was not polled yet");
        table.under_way.insert(key, (table.begun, weak));
        Ok(flight)
    }
}

// === impl UnderWay ===

impl<T: Clone> Drop for UnderWay<T> {
    fn drop(&mut self) {
        let mut table = lock(&self.table);
        // One that was given up on another thread may have a successor by now.
        if table.under_way.get(&self.key).map(|it| it.0) == Some(self.number) {
            table.under_way.remove(&self.key);
        }
    }
}

/// The error itself for the last who shares it.
pub(super) fn owned(error: Arc<Error>) -> Error {
    Arc::try_unwrap(error).unwrap_or_else(|shared| shared.again())
}

fn lock<T: Clone>(table: &Mutex<Table<T>>) -> MutexGuard<'_, Table<T>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}
