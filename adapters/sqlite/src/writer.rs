//! The one thread that writes. What holds here: a job is done whole or not at all, and is answered only
//! after its commit, however soon its caller goes away; jobs that wait together share one commit.

use std::{
    fmt, io,
    thread::{self, JoinHandle},
    time::Duration,
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::errors::StoreError;

/// Jobs that may wait; more callers wait for room.
const QUEUE: usize = 64;
/// Jobs that share a commit at most, so that the first of them is not held up for long.
const MOST_TOGETHER: usize = 16;
/// How long a caller waits for its answer.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Writer {
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(connection: Connection) -> io::Result<Self> {
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new().name("fulfil.db".into()).spawn(move || write_all(&connection, waiting))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Does `work` in a transaction and answers once it is committed.
    pub(crate) async fn write<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.decide(work).await
    }

    /// As [`write`](Self::write), for work that may refuse: whatever it has written by then is undone.
    pub(crate) async fn decide<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        W: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    {
        let answer = self.send(work).await?;
        match tokio::time::timeout(LIMIT, answer).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(gone().into())),
            Err(_) => {
                let text = format!("no answer from the disk within {} s", LIMIT.as_secs());
                Err(StoreError::OutcomeUnknown(text).into())
            }
        }
    }

    /// As [`write`](Self::write), for a caller that waits for the answer by itself. Dropping the future
    /// before it is ready leaves the job undone; afterwards it is done whoever waits.
    pub(crate) async fn submit<T, W>(&self, work: W) -> Result<Answer<T>, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.send(work).await
    }

    async fn send<T, E, W>(&self, work: W) -> Result<Answer<T, E>, StoreError>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        W: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Work { work: Some(work), made: None, reply };
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        match tokio::time::timeout(LIMIT, jobs.send(Box::new(job))).await {
            Ok(sent) => sent.map_err(|_| gone())?,
            Err(_) => {
                return Err(StoreError::Unavailable(format!(
                    "the disk has not taken a write for {} s",
                    LIMIT.as_secs()
                )));
            }
        }
        Ok(answer)
    }
}

/// What a submitted job will be answered with.
pub(crate) type Answer<T, E = StoreError> = oneshot::Receiver<Result<T, E>>;

/// What a caller is told when the thread ended without an answer.
pub(crate) fn gone() -> StoreError {
    StoreError::Broken("the thread that writes fulfil.db has ended: start fulfil again".into())
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}

impl Drop for Writer {
    /// Waits for the jobs that were given, and for the file to be closed.
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes fulfil.db panicked");
        }
    }
}

trait Job: Send {
    /// Whether it went well; if not, what it did is rolled back.
    fn work(&mut self, connection: &Connection) -> bool;
    /// Tells the caller, with what became of the commit.
    fn answer(self: Box<Self>, commit: Result<(), StoreError>);
}

struct Work<T, E, W> {
    work: Option<W>,
    made: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, W> Job for Work<T, E, W>
where
    T: Send,
    E: From<StoreError> + Send,
    W: FnOnce(&Connection) -> Result<T, E> + Send,
{
    fn work(&mut self, connection: &Connection) -> bool {
        self.made = self.work.take().map(|work| work(connection));
        matches!(self.made, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, commit: Result<(), StoreError>) {
        let answer = match (self.made, commit) {
            // Its own failure says more than that of the commit.
            (Some(Err(error)), _) => Err(error),
            (_, Err(error)) => Err(error.into()),
            (Some(Ok(made)), Ok(())) => Ok(made),
            (None, Ok(())) => Err(gone().into()),
        };
        // Nobody may be waiting any more.
        drop(self.reply.send(answer));
    }
}

fn write_all(connection: &Connection, mut waiting: mpsc::Receiver<Box<dyn Job>>) {
    let mut together = Vec::with_capacity(MOST_TOGETHER);
    while let Some(first) = waiting.blocking_recv() {
        let commit = write_together(connection, first, &mut waiting, &mut together);
        for job in together.drain(..) {
            job.answer(commit.clone());
        }
    }
}

/// One transaction of `first` and of what waits behind it; each job that fails is undone alone.
fn write_together(
    connection: &Connection,
    first: Box<dyn Job>,
    waiting: &mut mpsc::Receiver<Box<dyn Job>>,
    together: &mut Vec<Box<dyn Job>>,
) -> Result<(), StoreError> {
    let mut next = Some(first);
    let begun = connection.execute_batch("begin immediate").map_err(StoreError::from);
    while let Some(mut job) = next.take() {
        let done = begun.clone().and_then(|()| work_alone(connection, job.as_mut(), together.is_empty()));
        together.push(job);
        if done.is_err() {
            roll_back(connection);
            return done;
        }
        if together.len() < MOST_TOGETHER {
            next = waiting.try_recv().ok();
        }
    }
    connection.execute_batch("commit").map_err(|error| {
        roll_back(connection);
        StoreError::of_commit(error)
    })
}

/// A job, within a savepoint of its own unless it is the first: a savepoint makes it dearer by a third.
///
/// # Errors
/// When the transaction as a whole is lost, its neighbours' work too.
fn work_alone(connection: &Connection, job: &mut dyn Job, first: bool) -> Result<(), StoreError> {
    if !first {
        connection.prepare_cached("savepoint job")?.execute([])?;
    }
    let done = job.work(connection);
    if connection.is_autocommit() {
        // A full or failing disk makes SQLite roll everything back.
        return Err(StoreError::Unavailable("a write beside this one failed".into()));
    }
    match (first, done) {
        (true, true) => Ok(()),
        (true, false) => connection.execute_batch("rollback; begin immediate").map_err(StoreError::from),
        (false, _) => {
            if !done {
                connection.prepare_cached("rollback to job")?.execute([])?;
            }
            connection.prepare_cached("release job")?.execute([])?;
            Ok(())
        }
    }
}

fn roll_back(connection: &Connection) {
    if !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("rollback")
    {
        tracing::error!(%error, "fulfil.db: a transaction could not be rolled back");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    fn writer() -> Writer {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("create table t (n integer unique, x blob)").unwrap();
        Writer::start(connection).unwrap()
    }

    fn put(n: i64) -> impl FnOnce(&Connection) -> Result<i64, StoreError> + Send + 'static {
        move |connection| {
            connection.execute("insert into t (n) values (?1)", [n])?;
            Ok(n)
        }
    }

    async fn there(writer: &Writer) -> Vec<i64> {
        let read = |connection: &Connection| {
            let mut all = connection.prepare("select n from t order by n")?;
            Ok(all.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
        };
        writer.write(read).await.unwrap()
    }

    /// Makes jobs wait for one another, so that they are written together; dropping it lets them go.
    async fn hold(writer: &Writer) -> std::sync::mpsc::SyncSender<()> {
        let (go, wait) = sync_channel::<()>(0);
        let (begun, begins) = oneshot::channel();
        let held = move |_: &Connection| {
            begun.send(()).unwrap();
            // Ends when the other side is dropped.
            wait.recv().unwrap_err();
            Ok(())
        };
        writer.submit(held).await.unwrap();
        begins.await.unwrap();
        go
    }

    #[tokio::test]
    async fn a_failing_job_costs_its_neighbours_nothing() {
        let writer = writer();
        let go = hold(&writer).await;
        let mut answers = Vec::new();
        for n in [1, 2, 1, 3, 2, 4] {
            answers.push(writer.submit(put(n)).await.unwrap());
        }
        drop(go);
        let mut said = Vec::new();
        for answer in answers {
            said.push(answer.await.unwrap().ok());
        }
        assert_eq!(said, [Some(1), Some(2), None, Some(3), None, Some(4)]);
        assert_eq!(there(&writer).await, [1, 2, 3, 4]);
    }

    #[tokio::test]
    async fn the_first_job_of_a_group_is_undone_alone_too() {
        let writer = writer();
        writer.write(put(1)).await.unwrap();
        let fails_late = |connection: &Connection| {
            connection.execute("insert into t (n) values (2)", [])?;
            put(1)(connection)
        };
        assert!(matches!(writer.write(fails_late).await, Err(StoreError::Data(_))));
        assert_eq!(there(&writer).await, [1]);
    }

    #[tokio::test]
    async fn when_the_disk_is_full_nothing_of_the_group_is_committed() {
        let writer = writer();
        let full = |connection: &Connection| {
            let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
            connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
            Ok(())
        };
        writer.write(full).await.unwrap();
        let go = hold(&writer).await;
        let small = writer.submit(put(1)).await.unwrap();
        let large = |connection: &Connection| {
            connection.execute("insert into t (n, x) values (2, zeroblob(100000))", [])?;
            Ok(2)
        };
        let large = writer.submit(large).await.unwrap();
        let after = writer.submit(put(3)).await.unwrap();
        drop(go);
        let large = large.await.unwrap().unwrap_err();
        assert!(matches!(&large, StoreError::Unavailable(text) if text.contains("disk is full")), "{large:?}");
        // What was answered well is there, and nothing else.
        let mut said = Vec::new();
        for answer in [small, after] {
            said.extend(answer.await.unwrap());
        }
        assert_eq!(there(&writer).await, said);
        // And it goes on.
        writer.write(put(9)).await.unwrap();
        assert!(there(&writer).await.ends_with(&[9]));
    }

    #[tokio::test]
    async fn a_job_is_done_though_nobody_waits_for_it() {
        let writer = writer();
        let go = hold(&writer).await;
        drop(writer.submit(put(1)).await.unwrap());
        drop(go);
        assert_eq!(there(&writer).await, [1]);
    }

    #[tokio::test]
    async fn dropping_the_writer_does_what_was_given() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("t.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("create table t (n integer unique)").unwrap();
        let writer = Writer::start(connection).unwrap();
        let go = hold(&writer).await;
        for n in 0..40 {
            drop(writer.submit(put(n)).await.unwrap());
        }
        drop(go);
        drop(writer);
        let count =
            Connection::open(&path).unwrap().query_row("select count(*) from t", [], |row| row.get::<_, i64>(0));
        assert_eq!(count.unwrap(), 40);
    }

    #[tokio::test]
    async fn a_panicking_job_ends_the_writer_with_a_clear_error() {
        let writer = writer();
        let panics = |_: &Connection| -> Result<(), StoreError> { panic!("a mistake of ours") };
        assert_eq!(writer.write(panics).await, Err(gone()));
        assert_eq!(writer.write(put(1)).await, Err(gone()));
    }
}
