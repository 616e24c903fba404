//! The spool: where a file lies that was fetched or decrypted, for as long as it is being imported.
//!
//! An import reads a file twice, and what comes over a wire comes once. A spooled file has no name
//! from the moment it is made: nobody else can open it, and it is gone when the last of this process
//! that reads it is, be it by an error or a kill.

use harmonia_journey::ports::Readable;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// The folder of spooled files, and how large one may be.
#[derive(Clone, Debug)]
pub struct Spool {
    folder: PathBuf,
    limit_bytes: u64,
}

impl Spool {
    /// In `<data>/spool`, which is made when it is first needed; a file may have `limit_bytes`.
    pub fn new(data: &std::path::Path, limit_bytes: u64) -> Self {
        Self {
            folder: data.join("spool"),
            limit_bytes,
        }
    }

    /// The most bytes that one file may have.
    pub fn limit_bytes(&self) -> u64 {
        self.limit_bytes
    }

    /// An empty file to be filled.
    ///
    /// # Errors
    /// What the system says of the folder.
    pub fn draft(&self) -> io::Result<Draft> {
        let told = |error: io::Error| {
            let folder = self.folder.display();
            io::Error::new(
                error.kind(),
                format!("cannot make a spool file in {folder}: {error}"),
            )
        };
        make_private(&self.folder).map_err(told)?;
        Ok(Draft {
            file: tempfile::tempfile_in(&self.folder).map_err(told)?,
            written: 0,
            limit_bytes: self.limit_bytes,
        })
    }
}

#[cfg(unix)]
fn make_private(folder: &std::path::Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

#[cfg(not(unix))]
fn make_private(folder: &std::path::Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)
}

/// A spooled file that is being filled. Dropped, it is gone.
#[derive(Debug)]
pub struct Draft {
    file: File,
    written: u64,
    limit_bytes: u64,
}

impl Draft {
    /// How many bytes it has.
    pub fn len(&self) -> u64 {
        self.written
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.written == 0
    }

    /// Writes bytes behind those that are there, without holding up an async task's thread.
    ///
    /// # Errors
    /// What the system says, or that the limit is reached; the file is gone then.
    pub async fn append(mut self, bytes: impl AsRef<[u8]> + Send + 'static) -> io::Result<Self> {
        let write = tokio::task::spawn_blocking(move || {
            self.write_all(bytes.as_ref())?;
            Ok(self)
        });
        write
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    /// Ends the filling; `source` says where the bytes came from.
    pub fn finish(self, source: String) -> Spooled {
        Spooled {
            file: Arc::new(Mutex::new(self.file)),
            source,
        }
    }
}

impl Write for Draft {
    /// Refuses what goes beyond the limit: a stranger's file must not fill the disk.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.written + bytes.len() as u64 > self.limit_bytes {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!(
                    "it has more than {} bytes, the most that TXM_FETCH_LIMIT_MB allows",
                    self.limit_bytes
                ),
            ));
        }
        let count = self.file.write(bytes)?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A spooled file that is whole. Its last copy takes it away.
#[derive(Clone, Debug)]
pub struct Spooled {
    file: Arc<Mutex<File>>,
    source: String,
}

impl Readable for Spooled {
    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(SpoolReader {
            file: Arc::clone(&self.file),
            position: 0,
        }))
    }

    fn source(&self) -> String {
        self.source.clone()
    }
}

/// Reads a spooled file from its beginning. The readers share one descriptor, as there is no name
/// by which to open another, so each seeks to its own place.
struct SpoolReader {
    file: Arc<Mutex<File>>,
    position: u64,
}

impl Read for SpoolReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.position))?;
        let count = file.read(buffer)?;
        self.position += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_often_as_needed_and_never_has_a_name() {
        let data = tempfile::tempdir().unwrap();
        let mut draft = Spool::new(data.path(), 10).draft().unwrap();
        draft.write_all(b"0123456789").unwrap();
        let file = draft.finish("there".to_owned());
        let (mut one, mut other) = (file.open().unwrap(), file.open().unwrap());
        let mut start = [0; 4];
        one.read_exact(&mut start).unwrap();
        let mut all = String::new();
        other.read_to_string(&mut all).unwrap();
        one.read_exact(&mut start).unwrap();
        assert_eq!((all.as_str(), &start), ("0123456789", b"4567"));
        let names = std::fs::read_dir(data.path().join("spool")).unwrap();
        assert_eq!(names.count(), 0);
    }

    #[test]
    fn more_than_the_limit_is_refused() {
        let data = tempfile::tempdir().unwrap();
        let mut draft = Spool::new(data.path(), 3).draft().unwrap();
        let error = draft.write_all(b"1234").unwrap_err();
        assert!(error.to_string().contains("TXM_FETCH_LIMIT_MB"), "{error}");
    }
}
