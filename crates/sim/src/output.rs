//! Files that appear whole or not at all.
//!
//! A watched folder must never show half a file. So each is written under another name, outside the
//! folder where it belongs, and moved there when all are complete.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

const BUFFER_BYTES: usize = 1 << 16;

/// A file in the making. Dropped before it is published, it leaves nothing behind.
pub(crate) struct Draft {
    /// Where it will be.
    path: PathBuf,
    /// Where it is until then.
    draft_path: PathBuf,
    out: BufWriter<File>,
    published: bool,
}

impl Draft {
    /// Begins the file that will be at `place` under `out_dir`; makes the folders it needs.
    pub(crate) fn create(out_dir: &Path, place: &Path) -> io::Result<Self> {
        let path = out_dir.join(place);
        let name = place.file_name().unwrap_or(place.as_os_str());
        // Several feeds' files may have one name: the draft has that of the folder too.
        let folder = place.parent().and_then(Path::file_name).unwrap_or_default();
        let draft_name = format!(".{}{}.draft", folder.display(), name.display());
        let draft_path = out_dir.join(draft_name);
        let folder = path.parent().unwrap_or(out_dir);
        let file = fs::create_dir_all(folder).and_then(|()| File::create(&draft_path));
        let out =
            BufWriter::with_capacity(BUFFER_BYTES, file.map_err(|error| about(&path, &error))?);
        Ok(Self {
            path,
            draft_path,
            out,
            published: false,
        })
    }

    /// Where the file will be.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Moves the complete file to its place, over an older one if there is one.
    pub(crate) fn publish(mut self) -> io::Result<()> {
        self.flush()?;
        fs::rename(&self.draft_path, &self.path).map_err(|error| about(&self.path, &error))?;
        self.published = true;
        Ok(())
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out
            .write(bytes)
            .map_err(|error| about(&self.path, &error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush().map_err(|error| about(&self.path, &error))
    }
}

/// A draft that is begun with its first byte: what is never written to leaves not even a folder.
pub(crate) struct LazyDraft {
    out_dir: PathBuf,
    place: PathBuf,
    draft: Option<Draft>,
}

impl LazyDraft {
    /// Of the file that will be at `place` under `out_dir`.
    pub(crate) fn new(out_dir: &Path, place: impl Into<PathBuf>) -> Self {
        Self {
            out_dir: out_dir.into(),
            place: place.into(),
            draft: None,
        }
    }

    /// Where the file will be.
    pub(crate) fn path(&self) -> PathBuf {
        self.out_dir.join(&self.place)
    }

    /// Moves the complete file to its place, an empty one where nothing was written.
    pub(crate) fn publish(mut self) -> io::Result<()> {
        self.begun()?;
        self.draft.map_or(Ok(()), Draft::publish)
    }

    fn begun(&mut self) -> io::Result<&mut Draft> {
        match &mut self.draft {
            Some(draft) => Ok(draft),
            none => Ok(none.insert(Draft::create(&self.out_dir, &self.place)?)),
        }
    }
}

impl Write for LazyDraft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        self.begun()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.draft.as_mut().map_or(Ok(()), Draft::flush)
    }
}

/// The same error, naming the file that it is about.
fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.published {
            // Whatever stopped the generation is the error to tell; this one could only hide it.
            let _ = fs::remove_file(&self.draft_path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_when_it_is_published_and_a_dropped_draft_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let place = Path::new("inbox/feed.dat");
        let mut draft = Draft::create(folder.path(), place).unwrap();
        draft.write_all(b"whole").unwrap();
        draft.flush().unwrap();
        let inbox = folder.path().join("inbox");
        assert_eq!(fs::read_dir(&inbox).unwrap().count(), 0);
        draft.publish().unwrap();
        assert_eq!(fs::read(inbox.join("feed.dat")).unwrap(), b"whole");

        drop(Draft::create(folder.path(), place).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
