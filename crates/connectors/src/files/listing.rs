//! Which files a path means: one file, all files of a directory, or those that match a pattern.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::settings::invalid;

/// A file that was found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Found {
    /// Its path, which is text.
    pub(crate) path: String,
    /// What tells it from another file that has been at the same path.
    pub(crate) inode: u64,
}

/// A checked path.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    path: String,
}

impl Listing {
    /// The files that `path` means.
    pub(crate) fn new(path: &str) -> Result<Self, Error> {
        if path.trim().is_empty() {
            return Err(invalid("path", "empty"));
        }
        glob::Pattern::new(path).map_err(|error| invalid("path", format!("not a pattern: {error}")))?;
        Ok(Self { path: path.to_owned() })
    }

    /// The path as given.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The files that are there now, in the order of their paths. Hidden files are none of them.
    pub(crate) fn files(&self) -> Result<Vec<Found>, Error> {
        let path = Path::new(&self.path);
        let failed =
            |error: &dyn std::fmt::Display| Error::Input { place: self.path.clone(), message: error.to_string() };
        let mut paths: Vec<PathBuf> = Vec::new();
        if path.is_dir() {
            for entry in fs::read_dir(path).map_err(|error| failed(&error))? {
                paths.push(entry.map_err(|error| failed(&error))?.path());
            }
            paths.retain(|path| !is_hidden(path));
        } else if path.exists() {
            paths.push(path.to_owned());
        } else {
            let matches = glob::glob(&self.path).map_err(|error| failed(&error))?;
            // A directory that cannot be read cannot be asked for what is in it.
            paths.extend(matches.filter_map(|entry| {
                entry.inspect_err(|error| tracing::warn!(path = self.path, %error, "cannot look for files")).ok()
            }));
            paths.retain(|path| !is_hidden(path));
        }
        let mut files: Vec<Found> = paths.iter().filter_map(|path| found(path)).collect();
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(files)
    }
}

/// A file that is gone between listing and looking is not there.
fn found(path: &Path) -> Option<Found> {
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let Some(text) = path.to_str() else {
        tracing::warn!(path = %path.display(), "skipping a file whose name is not UTF-8");
        return None;
    };
    Some(Found { path: text.to_owned(), inode: inode(&metadata) })
}

/// The file's number in its file system.
#[cfg(unix)]
pub(crate) fn inode(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

/// Without such numbers a file at the same path is the same file.
#[cfg(not(unix))]
pub(crate) fn inode(_metadata: &fs::Metadata) -> u64 {
    0
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}
