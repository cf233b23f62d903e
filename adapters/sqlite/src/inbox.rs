//! The inbox: messages that wait, put there by a run. A row is there from its commit until it is
//! acknowledged; the same line of the same source with the same body is one row.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use fulfil_contract::ids::BodyHash;
use rusqlite::Connection;
use tokio::sync::watch;

use crate::{errors::StoreError, open::Sqlite};

/// Lines that are committed together.
const CHUNK: usize = 5_000;

/// Puts messages into a data folder.
#[derive(Debug, Clone)]
pub struct Inbox(Sqlite);

impl Sqlite {
    #[must_use]
    pub fn inbox(&self) -> Inbox {
        Inbox(self.clone())
    }
}

impl Inbox {
    /// Puts lines at the inbox's end, in their order, and says how many are new. A line that waits already is
    /// left where it is, so that a run that was killed can be repeated; one that was acknowledged comes again.
    ///
    /// # Errors
    /// [`StoreError`]; the lines before the failing thousands are there then.
    pub async fn ingest(&self, source: &str, lines: Vec<(u64, Vec<u8>)>) -> Result<u64, StoreError> {
        let (mut new, mut lines) = (0, lines.into_iter());
        loop {
            let chunk: Vec<_> = lines.by_ref().take(CHUNK).collect();
            if chunk.is_empty() {
                return Ok(new);
            }
            let source = source.to_owned();
            new += self.0.write(move |connection| ingest(connection, &source, &chunk)).await?;
            self.0.queue().tell();
        }
    }

    /// How many messages are not acknowledged yet, those in flight included.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn waiting(&self) -> Result<u64, StoreError> {
        let count = |connection: &Connection| {
            Ok(connection.query_row("select count(*) from inbox", [], |row| row.get::<_, i64>(0))?)
        };
        Ok(self.0.read(count).await?.unsigned_abs())
    }
}

fn ingest(connection: &Connection, source: &str, lines: &[(u64, Vec<u8>)]) -> Result<u64, StoreError> {
    connection.prepare_cached("insert into source (source) values (?1) on conflict do nothing")?.execute([source])?;
    let source_no: i64 = connection
        .prepare_cached("select source_no from source where source = ?1")?
        .query_row([source], |row| row.get(0))?;
    let sql = "insert into inbox (source_no, line_no, body_hash, body) values (?1, ?2, ?3, ?4) on conflict do nothing";
    let mut put = connection.prepare_cached(sql)?;
    let mut new = 0;
    for (line_no, body) in lines {
        let line_no = i64::try_from(*line_no).map_err(|_| StoreError::Data(format!("there is no line {line_no}")))?;
        new += put.execute((source_no, line_no, BodyHash::of(body).0, body))?;
    }
    Ok(new as u64)
}

/// Which rows are whose, in this process.
#[derive(Debug)]
pub(crate) struct Queue {
    held: Mutex<Held>,
    /// Changes whenever there may be rows to give.
    news: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Held {
    /// Rows above it were given to nobody.
    given_to: i64,
    /// Given to sessions that are over.
    returned: BTreeSet<i64>,
    sessions: HashMap<u64, Given>,
}

/// What a session holds, by rising tag: the tag and the row.
#[derive(Debug, Default)]
struct Given {
    last_tag: u64,
    rows: VecDeque<(u64, i64)>,
}

impl Default for Queue {
    fn default() -> Self {
        Self { held: Mutex::default(), news: watch::Sender::new(()) }
    }
}

/// Of all sessions of this process, so that no receipt of another folder's or an earlier one counts.
static SESSIONS: AtomicU64 = AtomicU64::new(1);

impl Queue {
    pub(crate) fn open(&self) -> u64 {
        let session = SESSIONS.fetch_add(1, Ordering::Relaxed);
        self.held().sessions.insert(session, Given::default());
        session
    }

    /// What the session holds goes back.
    pub(crate) fn close(&self, session: u64) {
        {
            let mut held = self.held();
            if let Some(given) = held.sessions.remove(&session) {
                held.returned.extend(given.rows.into_iter().map(|(_, row)| row));
            }
        }
        self.tell();
    }

    pub(crate) fn tell(&self) {
        self.news.send_replace(());
    }

    pub(crate) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// The rows that a session holds, up to a tag.
    pub(crate) fn up_to(&self, session: u64, tag: u64) -> Vec<i64> {
        let held = self.held();
        let rows = held.sessions.get(&session).map(|given| given.rows.iter());
        rows.into_iter().flatten().take_while(|(of, _)| *of <= tag).map(|(_, row)| *row).collect()
    }

    /// They are deleted.
    pub(crate) fn forget_up_to(&self, session: u64, tag: u64) {
        if let Some(given) = self.held().sessions.get_mut(&session) {
            while given.rows.front().is_some_and(|(of, _)| *of <= tag) {
                given.rows.pop_front();
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A row as it was given: its tag within the session, and how often it had been given before.
pub(crate) struct Row {
    pub(crate) tag: u64,
    pub(crate) deliveries: u32,
    pub(crate) body: Vec<u8>,
}

/// Bodies given together, in bytes, unless the first alone is larger.
const MOST_BYTES: usize = 4 << 20;

impl Queue {
    /// Gives a session up to `most` rows, those that came back first, and counts their deliveries. Done
    /// within a job: a row that was given though the job fails goes back when its session ends.
    pub(crate) fn give(&self, connection: &Connection, session: u64, most: usize) -> Result<Vec<Row>, StoreError> {
        let mut held = self.held();
        let Held { given_to, returned, sessions } = &mut *held;
        // The session may have ended while the job waited.
        let Some(given) = sessions.get_mut(&session) else { return Ok(Vec::new()) };
        let (mut rows, mut bytes) = (Vec::new(), 0);
        let mut give = |row: &rusqlite::Row<'_>| -> rusqlite::Result<bool> {
            let (seq, deliveries, body): (i64, u32, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
            given.last_tag += 1;
            given.rows.push_back((given.last_tag, seq));
            bytes += body.len();
            rows.push(Row { tag: given.last_tag, deliveries, body });
            Ok(rows.len() < most && bytes < MOST_BYTES)
        };
        let mut more = most > 0;
        while more && let Some(seq) = returned.pop_first() {
            let mut again = connection.prepare_cached(
                "select inbox.seq, coalesce(times, 0), body from inbox left join delivery using (seq) where inbox.seq = ?1",
            )?;
            let mut found = again.query([seq])?;
            // One that was acknowledged after all is gone.
            if let Some(row) = found.next()? {
                more = give(row)?;
                count_deliveries(connection, seq, seq)?;
            }
        }
        let before = *given_to;
        if more {
            let mut next = connection.prepare_cached(
                "select inbox.seq, coalesce(times, 0), body from inbox left join delivery using (seq) where inbox.seq > ?1 order by inbox.seq",
            )?;
            let mut found = next.query([before])?;
            while more && let Some(row) = found.next()? {
                *given_to = row.get(0)?;
                more = give(row)?;
            }
        }
        if *given_to > before {
            count_deliveries(connection, before + 1, *given_to)?;
        }
        Ok(rows)
    }

    /// How many rows are given to nobody now.
    pub(crate) fn ready(&self, connection: &Connection) -> Result<u64, StoreError> {
        let held = self.held();
        let above = "select count(*) from inbox where seq > ?1";
        let mut ready: i64 = connection.prepare_cached(above)?.query_row([held.given_to], |row| row.get(0))?;
        let mut there = connection.prepare_cached("select 1 from inbox where seq = ?1")?;
        for seq in &held.returned {
            ready += i64::from(there.exists([seq])?);
        }
        Ok(ready.unsigned_abs())
    }
}

fn count_deliveries(connection: &Connection, first: i64, last: i64) -> Result<(), StoreError> {
    let sql = "insert into delivery (seq, times) select seq, 1 from inbox where seq between ?1 and ?2
        on conflict (seq) do update set times = times + 1";
    connection.prepare_cached(sql)?.execute([first, last])?;
    Ok(())
}

/// Deletes acknowledged rows, run by run of consecutive ones.
pub(crate) fn delete(connection: &Connection, mut rows: Vec<i64>) -> Result<(), StoreError> {
    rows.sort_unstable();
    let mut forget = connection.prepare_cached("delete from delivery where seq between ?1 and ?2")?;
    let mut delete = connection.prepare_cached("delete from inbox where seq between ?1 and ?2")?;
    for run in rows.chunk_by(|one, next| one + 1 == *next) {
        if let [first, ..] = run {
            let last = first + (run.len() as i64 - 1);
            forget.execute([*first, last])?;
            delete.execute([*first, last])?;
        }
    }
    Ok(())
}
