//! Where one state is kept: its object, its lock, and its digest.

use std::time::{Duration, Instant};

use bytes::Bytes;
use md5::{Digest as _, Md5};

use crate::bucket::{Condition, Object, Put};
use crate::fault::Fault;
use crate::lock::Lock;
use crate::table::digest_id;

/// How long the recorded digest may be another than that of the state: both are not changed at
/// the same moment.
const SETTLING: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 10 });
/// The pause before both are compared again.
const PAUSE: Duration = Duration::from_millis(500);

/// The object of a state and what belongs to it.
#[derive(Clone)]
pub(crate) struct Desk {
    /// Names the state for people.
    pub place: String,
    pub key: String,
    pub lock: Lock,
}

impl Desk {
    /// The fault of a thread that has ended.
    pub(crate) fn lost() -> Fault {
        Fault::Other("what does the requests has ended".to_owned())
    }

    /// The object, whatever its digest.
    pub(crate) async fn object(&self) -> Result<Option<Object>, Fault> {
        self.lock.bucket.get(&self.key, None).await
    }

    /// The object, which has the digest that is recorded.
    pub(crate) async fn get(&self) -> Result<Option<Object>, Fault> {
        let started = Instant::now();
        loop {
            let object = self.object().await?;
            let Some(table) = &self.lock.table else {
                return Ok(object);
            };
            let Some(recorded) = table.digest(&self.lock.id).await? else {
                return Ok(object);
            };
            let found = object.as_ref().map(|object| digest(&object.bytes));
            if found.as_ref() == Some(&recorded) {
                return Ok(object);
            }
            if started.elapsed() >= SETTLING {
                return Err(self.mismatch(found, &recorded));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn mismatch(&self, found: Option<String>, recorded: &str) -> Fault {
        let found = match found {
            Some(digest) => format!("the digest of the stored state is {digest:?}"),
            None => "there is no state".to_owned(),
        };
        Fault::Other(format!(
            "{found}, but the item {:?} of the DynamoDB table {:?} says {recorded:?}. Either a state was stored and its digest was not, or the state was changed by hand: if the stored state is the right one, put its digest into the item",
            digest_id(&self.lock.id),
            self.lock.table.as_ref().map_or("", |table| &table.name),
        ))
    }

    /// Stores bytes if a condition holds.
    pub(crate) async fn put(&self, bytes: Bytes, condition: &Condition) -> Result<Put, Fault> {
        let bucket = &self.lock.bucket;
        match bucket.put(&self.key, bytes.clone(), condition).await {
            // Services that know no conditions are used as Terraform uses them all: the serial
            // numbers were compared just now, and there may be a lock.
            Err(fault) if fault.is(501) && matches!(condition, Condition::Unchanged(_)) => {
                bucket.put(&self.key, bytes, &Condition::Always).await
            }
            result => result,
        }
    }

    /// Records the digest of what is stored, where that is done.
    pub(crate) async fn record(&self, bytes: &[u8]) -> Result<(), Fault> {
        let Some(table) = &self.lock.table else {
            return Ok(());
        };
        table.set_digest(&self.lock.id, &digest(bytes)).await
    }

    /// Deletes the state and its digest.
    pub(crate) async fn delete(&self) -> Result<(), Fault> {
        self.lock.bucket.delete(&self.key).await?;
        match &self.lock.table {
            Some(table) => table.remove_digest(&self.lock.id).await,
            None => Ok(()),
        }
    }
}

fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for byte in Md5::digest(bytes) {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
