//! Opening a data folder: to work in it (one process at a time), or only to read (beside a run).

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    sync::Arc,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

use crate::{
    errors::StoreError, inbox::Queue, leases::Leases, lock::FolderLock, reader::Reader, schema, writer::Writer,
};

/// Why a data folder could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "the data folder {folder} is in use by another fulfil (pid {pid}): wait for it, or use another --data folder"
    )]
    InUse { folder: String, pid: String },
    #[error("no data folder at {folder}: run `fulfil run --orders FILE --keys FILE --data {folder}` first")]
    Missing { folder: String },
    #[error("the data folder {folder} can't be used: {why}")]
    Folder { folder: String, why: String },
    #[error("the data folder {folder}: {error}")]
    Store { folder: String, error: StoreError },
}

impl OpenError {
    pub(crate) fn folder(folder: &Path, error: &io::Error) -> Self {
        Self::Folder { folder: folder.display().to_string(), why: error.to_string() }
    }

    fn store(folder: &Path, error: StoreError) -> Self {
        Self::Store { folder: folder.display().to_string(), error }
    }
}

/// A data folder: all of embedded mode's backend. Cheap to clone; the last clone to go closes the file.
#[derive(Debug, Clone)]
pub struct Sqlite(Arc<Inner>);

/// Dropped in this order: the lock goes when nobody writes any more.
#[derive(Debug)]
struct Inner {
    writer: Option<Writer>,
    reader: Reader,
    queue: Arc<Queue>,
    leases: Arc<Leases>,
    _lock: Option<FolderLock>,
}

impl Sqlite {
    /// Opens `folder` to work in it, and makes what is missing: the folder (for its owner alone), the file,
    /// its tables.
    ///
    /// # Errors
    /// [`OpenError`]; another process that works in the folder is named.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| OpenError::folder(folder, &error))?;
        let lock = FolderLock::take(folder)?;
        let writing = open_to_write(folder).map_err(|error| OpenError::store(folder, error))?;
        let reading = open_to_read(folder).map_err(|error| OpenError::store(folder, error))?;
        let writer = Writer::start(writing).map_err(|error| OpenError::folder(folder, &error))?;
        Ok(Self::over(Some(writer), reading, Some(lock)))
    }

    /// Opens `folder` to read it, also while another process works in it. Whatever writes is refused.
    ///
    /// # Errors
    /// [`OpenError`]; a folder that no run has made yet is named.
    pub fn open_to_read(folder: &Path) -> Result<Self, OpenError> {
        if !folder.join(FILE).is_file() {
            return Err(OpenError::Missing { folder: folder.display().to_string() });
        }
        let reading = open_to_read(folder).map_err(|error| OpenError::store(folder, error))?;
        schema::check(&reading).map_err(|error| OpenError::store(folder, error))?;
        Ok(Self::over(None, reading, None))
    }

    fn over(writer: Option<Writer>, reading: Connection, lock: Option<FolderLock>) -> Self {
        Self(Arc::new(Inner {
            writer,
            reader: Reader::new(reading),
            queue: Arc::default(),
            leases: Arc::default(),
            _lock: lock,
        }))
    }

    pub(crate) fn writer(&self) -> Result<&Writer, StoreError> {
        self.0.writer.as_ref().ok_or_else(|| StoreError::Broken("this data folder was opened to read only".into()))
    }

    /// [`Writer::write`].
    pub(crate) async fn write<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.writer()?.write(work).await
    }

    /// [`Writer::decide`].
    pub(crate) async fn decide<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        W: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    {
        self.writer()?.decide(work).await
    }

    /// [`Reader::read`].
    pub(crate) async fn read<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.0.reader.read(work).await
    }

    pub(crate) fn queue(&self) -> &Arc<Queue> {
        &self.0.queue
    }

    pub(crate) fn leases(&self) -> &Arc<Leases> {
        &self.0.leases
    }
}

pub(crate) const FILE: &str = "fulfil.db";
/// What a connection that writes is told: a commit is on the disk before it is told.
pub(crate) const DURABLE: &str = "pragma synchronous = full";
/// Only a foreign program holds the file's locks for longer than a moment.
const BUSY: Duration = Duration::from_secs(10);
/// Statements kept prepared: more than there are.
const STATEMENTS: usize = 256;

fn open_to_write(folder: &Path) -> Result<Connection, StoreError> {
    let path = folder.join(FILE);
    // SQLite would let the whole world read it; its log takes the file's mode.
    let made = fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    drop(made.map_err(|error| StoreError::Unavailable(format!("fulfil.db can't be opened: {error}")))?);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    set_up(&connection)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0))?;
    connection.execute_batch(DURABLE)?;
    connection.execute_batch("pragma foreign_keys = on; pragma wal_autocheckpoint = 16000;")?;
    schema::migrate(&mut connection)?;
    Ok(connection)
}

pub(crate) fn open_to_read(folder: &Path) -> Result<Connection, StoreError> {
    // Not SQLITE_OPEN_READ_ONLY: after a killed run the first to open the file has its log to recover.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(folder.join(FILE), flags)?;
    set_up(&connection)?;
    connection.execute_batch("pragma query_only = on")?;
    Ok(connection)
}

fn set_up(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // 64 MiB of pages at most; the default is 2.
    connection.execute_batch("pragma cache_size = -65536; pragma temp_store = memory;")?;
    Ok(())
}
