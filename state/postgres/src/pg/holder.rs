//! Who holds an advisory lock.
//!
//! Terraform records nothing about its locks. Sessions of this engine begin each statement with a
//! comment that holds what [`LockInfo`] says; the server shows the last statement of a session to
//! others of the same role for as long as the session lives, so it needs no table and never
//! outlives the lock.

use std::time::{Duration, Instant};

use muster_store::LockInfo;
use tokio_postgres::{Client, Row};

use crate::fault::Fault;

const START: &str = "/* muster lock ";
const END: &str = " */";
/// What the names of states begin with.
const PATH: &str = "workspace ";
/// How long a session may take to end.
const LONGEST_END: Duration = Duration::from_secs(10);

/// A session that holds a lock.
pub(super) struct Holder {
    /// The server's process.
    pub(super) pid: i32,
    /// What is known of it.
    pub(super) info: LockInfo,
    /// The state that it has the lock for, as it says itself.
    path: String,
}

impl Holder {
    /// Whether it says that it has the lock for the state of another workspace. Terraform's
    /// sessions say nothing.
    pub(super) fn is_elsewhere(&self, workspace: &str) -> bool {
        let path = &self.path;
        path.starts_with(PATH) && !path.starts_with(&path_of(workspace))
    }
}

/// How a state is named in marks, up to its database, which has several names.
pub(super) fn path_of(workspace: &str) -> String {
    format!("{PATH}{workspace:?} in ")
}

/// A comment that tells about a lock. There is no asterisk in it that could end it.
pub(super) fn mark(info: &LockInfo) -> String {
    let json = serde_json::to_string(info).unwrap_or_default();
    format!("{START}{}{END} ", json.replace('*', "\\u002a"))
}

/// What a statement tells about a lock. Servers cut long statements, and then it is nothing.
fn read_mark(statement: &str) -> Option<LockInfo> {
    let (json, _) = statement.strip_prefix(START)?.split_once(END)?;
    serde_json::from_str(json).ok()
}

/// The session that holds one of these locks.
pub(super) async fn find(
    client: &Client,
    locks: &[i64],
    place: &str,
) -> Result<Option<Holder>, Fault> {
    let statement = "
        SELECT lock.pid, session.query, session.usename::text, host(session.client_addr),
               session.application_name,
               to_char(session.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')
        FROM pg_locks AS lock LEFT JOIN pg_stat_activity AS session ON session.pid = lock.pid
        WHERE lock.locktype = 'advisory' AND lock.objsubid = 1 AND lock.granted
          AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND ((lock.classid::bigint << 32) | lock.objid::bigint) = ANY ($1)
        ORDER BY lock.pid LIMIT 1";
    let row = client.query_opt(statement, &[&locks]).await?;
    Ok(row.map(|row| {
        let mut info = told(&row);
        Holder {
            pid: row.get(0),
            path: std::mem::replace(&mut info.path, place.to_owned()),
            info,
        }
    }))
}

/// Ends a session, and waits until it has ended.
pub(super) async fn end(client: &Client, pid: i32) -> Result<(), Fault> {
    let end = "SELECT pg_terminate_backend($1)";
    let mut is_there: bool = client.query_one(end, &[&pid]).await?.get(0);
    let deadline = Instant::now() + LONGEST_END;
    while is_there && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let look = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)";
        is_there = client.query_one(look, &[&pid]).await?.get(0);
    }
    match is_there {
        true => Err(Fault::other("the session that holds the lock does not end")),
        false => Ok(()),
    }
}

fn told(row: &Row) -> LockInfo {
    let text = |column: usize| row.get::<_, Option<String>>(column).unwrap_or_default();
    let pid: i32 = row.get(0);
    read_mark(&text(1)).unwrap_or_else(|| {
        let host = Some(text(3)).filter(|host| !host.is_empty());
        LockInfo {
            id: format!("session-{pid}"),
            who: format!("{}@{}", text(2), host.unwrap_or("localhost".to_owned())),
            info: text(4),
            created: text(5),
            ..LockInfo::default()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_back() {
        let info = LockInfo {
            info: "*/ DROP TABLE x; /* \"' $1".to_owned(),
            ..LockInfo::new("apply", "1")
        };
        let mark = mark(&info);
        assert_eq!(mark.matches("*/").count(), 1, "{mark}");
        assert_eq!(read_mark(&format!("{mark}SELECT 1")), Some(info));
        assert_eq!(read_mark("SELECT 1"), None);
        assert_eq!(read_mark(&mark[..40]), None);
    }
}
