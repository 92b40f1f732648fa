//! The store: SQLite behind functions, one file per noun, one function per statement. The only SQL of the issuer.
//!
//! - Columns are named, never `*`. Rows become parsed values here; a row that does not parse is [`StoreError::Corrupt`].
//! - A function that touches a tenant's rows takes an [`OrgScope`] first, which exists only after a membership check.
//! - Not found is `None`. A violated constraint becomes a domain error beside the statement that may violate it.
//! - The caller owns the transaction: functions take a [`Connection`], which a [`Tx`] derefs to.
//! - SQL is written in the subset that SQLite and PostgreSQL both take (`$1`, `ON CONFLICT`, `RETURNING`; times as epoch
//!   milliseconds, UUIDs and JSON as text).

pub mod accounts;
pub mod admin_links;
pub mod admins;
pub mod agents;
pub mod api_keys;
pub mod audit;
pub mod audit_seals;
pub mod authority;
mod bulk;
pub mod enrolment_codes;
pub mod key_catalogue;
mod migrations;
pub mod orgs;
pub mod proofs;
pub mod replicas;
mod scope;
pub mod sealed_keys;
pub mod sealed_secrets;
pub mod sign_in_failures;
pub mod signing_keys;
pub mod used_assertions;
pub mod web_sessions;

use std::fs::{File, OpenOptions};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, Sqlite, SqliteConnection, Transaction};

pub use scope::OrgScope;

/// A connection that statements run on.
pub type Connection = SqliteConnection;

/// How long a statement waits for another writer.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pool: SqlitePool,
    file: Arc<OpenFile>,
}

/// The file that connections write to, whatever lies at its path by now.
#[derive(Debug)]
struct OpenFile {
    path: PathBuf,
    identity: Option<Identity>,
}

/// Device and inode.
type Identity = (u64, u64);

#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(_path: &Path) -> Option<Identity> {
    None
}

impl OpenFile {
    fn at(path: &Path) -> Arc<Self> {
        Arc::new(Self { path: path.to_owned(), identity: identity(path) })
    }
}

/// A write transaction: takes the write lock at once, rolls back unless committed.
#[derive(Debug)]
pub struct Tx(Transaction<'static, Sqlite>);

/// A connection of the pool, outside a transaction: each statement commits by itself.
#[derive(Debug)]
pub struct PooledConnection(PoolConnection<Sqlite>);

/// A fault of the store. Its text is for the log, not for callers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file can't be opened or created.
    #[error("can't open the store {}: {cause}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: String,
    },
    /// There is no file, and none was to be made.
    #[error("there is no store at {}", path.display())]
    Missing {
        /// The absolute path.
        path: PathBuf,
    },
    /// What is written goes to a file that no longer lies at the path.
    #[error("the store was moved, removed or replaced while it was open: {} is another file or none. Put it back, or start the issuer anew", path.display())]
    Moved {
        /// The path.
        path: PathBuf,
    },
    /// The file was written by another version, or a migration failed.
    #[error("can't bring the store {} to this version: {cause}", path.display())]
    Migration {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: String,
    },
    /// A statement failed.
    #[error("the store failed: {0}")]
    Statement(#[from] sqlx::Error),
    /// A row does not parse.
    #[error("the store holds a bad {column}: {cause}")]
    Corrupt {
        /// `table.column`.
        column: &'static str,
        /// Why it does not parse.
        cause: String,
    },
}

impl StoreError {
    /// Whether a statement broke a rule of the schema: what it wrote is at fault, not the store.
    pub fn is_constraint(&self) -> bool {
        use sqlx::error::ErrorKind;
        let Self::Statement(sqlx::Error::Database(error)) = self else { return false };
        // What a trigger refuses is told as Other, by SQLITE_CONSTRAINT_TRIGGER (1811).
        !matches!(error.kind(), ErrorKind::Other) || error.code().as_deref() == Some("1811")
    }

    /// Whether the same statement may succeed in a moment: another process holds the store's lock.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Statement(sqlx::Error::PoolTimedOut) => true,
            // SQLITE_BUSY (5) and SQLITE_LOCKED (6), in the lowest byte of the extended code.
            Self::Statement(sqlx::Error::Database(error)) => {
                error.code().and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| matches!(code & 0xff, 5 | 6))
            }
            _ => false,
        }
    }

    /// Whether the store's file is no longer the one at its path.
    pub fn is_moved(&self) -> bool {
        matches!(self, Self::Moved { .. })
    }

    /// Whether a row holds what is never written there, rather than that the store failed.
    pub fn is_unreadable(&self) -> bool {
        matches!(
            self,
            Self::Corrupt { .. } | Self::Statement(sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_))
        )
    }
}

impl Store {
    /// Opens a store that exists and brings its schema to this version. A wrong path makes no second store.
    pub async fn open_existing(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::Missing { path: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()) });
        }
        Self::open(path).await
    }

    /// Opens the store and brings its schema to this version. The file is made, for the owner alone, where it does not
    /// exist.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let open_fault = |cause: String| StoreError::Open { path: path.to_owned(), cause };
        create_parent(path).map_err(|error| open_fault(error.to_string()))?;
        // Two processes that migrate at once would both make the same tables: SQLite has no lock for that. The operating
        // system lets go of this one when the process ends, however it ends.
        let lock_path = lock_path(path);
        let _lock = tokio::task::spawn_blocking(move || lock(&lock_path))
            .await
            .map_err(|error| open_fault(error.to_string()))?
            .map_err(|error| open_fault(format!("its lock file: {error}")))?;
        create_private(path).map_err(|error| open_fault(error.to_string()))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            // What was answered must survive a power cut: NORMAL would lose the last commits.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            // What a statement would need to undo itself: in a file it would be written for each row of the audit log.
            .pragma("temp_store", "memory")
            .busy_timeout(BUSY_TIMEOUT);
        let pool = pool_options()
            .max_connections(8)
            .connect_with(options)
            .await
            .map_err(|error| open_fault(error.to_string()))?;
        migrations::migrator()
            .run(&pool)
            .await
            .map_err(|error| StoreError::Migration { path: path.to_owned(), cause: error.to_string() })?;
        Ok(Self { pool, file: OpenFile::at(path) })
    }

    /// Opens a store that exists for reading alone, at whatever version its schema is: for looking at it.
    pub async fn open_to_read(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::Missing { path: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()) });
        }
        let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(BUSY_TIMEOUT);
        let pool = pool_options()
            .max_connections(1)
            .connect_with(options)
            .await
            .map_err(|error| StoreError::Open { path: path.to_owned(), cause: error.to_string() })?;
        let store = Self { pool, file: OpenFile::at(path) };
        // Anything may lie there; this reads it.
        match store.check().await {
            Ok(()) => Ok(store),
            Err(error) => Err(StoreError::Open { path: path.to_owned(), cause: error.to_string() }),
        }
    }

    /// A connection for reads and single statements.
    pub async fn connection(&self) -> Result<PooledConnection, StoreError> {
        Ok(PooledConnection(self.pool.acquire().await?))
    }

    /// A write transaction.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        // A deferred transaction that reads before it writes may fail at once, whatever the busy time-out.
        Ok(Tx(self.pool.begin_with("BEGIN IMMEDIATE").await?))
    }

    /// The same store over one connection of its own: for a writer that must not wait for others' reads.
    pub async fn with_own_connection(&self) -> Result<Self, StoreError> {
        // In KiB where negative. Assertions of the last minutes lie everywhere in their index: it should stay in memory.
        let options = (*self.pool.connect_options())
            .clone()
            .pragma("cache_size", "-16384")
            // In pages of 4 KiB. Most of what a busy second writes are the same pages again: they are copied once, not each time.
            .pragma("wal_autocheckpoint", "4000");
        let pool = pool_options()
            .max_connections(1)
            // The file does not go away as a server would.
            .test_before_acquire(false)
            .connect_with(options)
            .await?;
        Ok(Self { pool, file: self.file.clone() })
    }

    /// Whether the store answers, and is still the file at its path.
    pub async fn check(&self) -> Result<(), StoreError> {
        let mut connection = self.connection().await?;
        // A statement that reads the file: SELECT 1 would not.
        sqlx::query("SELECT id FROM orgs LIMIT 1").fetch_optional(&mut *connection).await?;
        self.check_place()
    }

    /// Whether the open file is still the one at its path. Looks at the directory alone, in microseconds.
    pub fn check_place(&self) -> Result<(), StoreError> {
        if identity(&self.file.path) != self.file.identity {
            return Err(StoreError::Moved { path: self.file.path.clone() });
        }
        Ok(())
    }

    /// Closes every connection, so that the write-ahead log is folded in.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

impl Tx {
    /// Makes the changes durable.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.0.commit().await?)
    }
}

impl Deref for Tx {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.0
    }
}

impl Deref for PooledConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl DerefMut for PooledConnection {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.0
    }
}

/// What every pool holds to: a connection whose transaction did not end is closed, never lent again.
///
/// On a full disk and on an I/O error SQLite ends the transaction by itself (<https://sqlite.org/lang_transaction.html>, section
/// 3); the driver's `ROLLBACK` then fails, and the driver takes the connection to be inside that transaction for ever after.
fn pool_options() -> SqlitePoolOptions {
    SqlitePoolOptions::new().acquire_timeout(BUSY_TIMEOUT).after_release(|connection, _| {
        Box::pin(async move {
            if !connection.is_in_transaction() {
                return Ok(true);
            }
            // The rollback of a dropped transaction is on its way to the connection's thread; the ping comes after it.
            connection.ping().await?;
            let ended = !connection.is_in_transaction();
            if !ended {
                tracing::warn!("closing a connection to the store whose transaction was not rolled back");
            }
            Ok(ended)
        })
    })
}

/// A column's text as its type.
fn parse<T: FromStr<Err: std::fmt::Display>>(column: &'static str, text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|error: T::Err| StoreError::Corrupt { column, cause: error.to_string() })
}

fn create_parent(path: &Path) -> std::io::Result<()> {
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => std::fs::create_dir_all(parent),
        None => Ok(()),
    }
}

/// Beside the store: `issuer.db.lock`.
fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// Waits until no other process opens the store. The lock is held as long as the file is.
fn lock(path: &Path) -> std::io::Result<File> {
    let file = private(OpenOptions::new().write(true).create(true).truncate(false)).open(path)?;
    file.lock()?;
    Ok(file)
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

/// SQLite makes files by the umask, and its -wal and -shm files with the mode of the first.
fn create_private(path: &Path) -> std::io::Result<()> {
    match private(OpenOptions::new().write(true).create_new(true)).open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map(drop),
    }
}

/// Any statement, for tests that do to a store what nobody should.
#[cfg(test)]
pub(crate) async fn execute(db: &mut Connection, statement: &str) -> Result<(), StoreError> {
    sqlx::query(sqlx::AssertSqlSafe(statement)).execute(db).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
