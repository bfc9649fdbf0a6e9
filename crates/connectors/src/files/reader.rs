//! Reading the files of a source one after another, and noticing what becomes of them: files that
//! come, grow, shrink, are renamed or go. It does not know what is in them.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use super::listing::{Found, inode};
use super::parquet::ParquetFile;
use super::position::{FilePosition, FilePositions, to_position};
use super::text::TextFile;
use super::{Encoding, FileSource, Step};
use crate::pace::Pacer;
use crate::{Error, Pace, Read, RecordError, SourceReader};

/// Looking for news takes at most this part of the time.
const LOOKING_SHARE: u32 = 50;

/// How long news may wait, however quickly they are found.
const IDLE_MIN: Duration = Duration::from_millis(50);

/// How long news may wait, however long looking for them takes.
const IDLE_MAX: Duration = Duration::from_secs(5);

/// A file that always has more may be read this many times before the next one has its turn.
const TURN_READS_MAX: usize = 64;

/// So many files, when they have been read and may grow, stay open: what is appended before they are renamed or
/// deleted is then still found. Of more files, each is closed.
const OPEN_MAX: usize = 64;

/// A reader of all files of a source.
pub(crate) struct FilesReader {
    source: FileSource,
    follow: bool,
    /// How far to read each file; none for their ends.
    until: Option<FilePositions>,
    /// How far each file has been read.
    positions: FilePositions,
    /// Files that may have more, in the order in which they are read.
    files: VecDeque<Tracked>,
    /// Reads since the first of `files` became the first.
    turn_reads: usize,
    pacer: Pacer,
}

/// A file that may have more.
struct Tracked {
    found: Found,
    content: Option<Content>,
    /// Nobody can append to it any more, since its path means another file, or none.
    gone: bool,
    /// Length of a file that could not be opened, after which it is worth another attempt.
    failed_length: Option<u64>,
    /// Length of a file that was read to its end and closed.
    closed_length: Option<u64>,
}

enum Content {
    Text(Box<TextFile>),
    Parquet(Box<ParquetFile>),
}

impl FilesReader {
    /// A reader of what follows `from`, up to `until`.
    pub(crate) fn new(
        source: FileSource,
        from: FilePositions,
        until: Option<FilePositions>,
        pace: Pace,
    ) -> Result<Self, Error> {
        let listed = source.listing.files()?;
        check_present(until.as_ref(), &listed)?;
        let mut reader = Self {
            follow: source.follow && until.is_none(),
            until: until.map(|until| by_present_path(until, &listed)),
            positions: by_present_path(from, &listed),
            files: VecDeque::new(),
            turn_reads: 0,
            pacer: Pacer::new(source.rate, pace),
            source,
        };
        reader.add_files(&listed);
        Ok(reader)
    }

    /// Adds the files that are new, or have more than was read of them. Whether there are any.
    fn add_files(&mut self, listed: &[Found]) -> bool {
        let tracked: HashSet<&str> = self.files.iter().map(|file| file.found.path.as_str()).collect();
        let has_more = |found: &&Found| {
            let read_to = self.positions.get(&found.path).map_or(0, |position| position.offset);
            self.limit(&found.path).is_none_or(|limit| limit > read_to)
        };
        let new = listed.iter().filter(|found| !tracked.contains(found.path.as_str())).filter(has_more);
        let new: Vec<Tracked> = new.map(|found| Tracked::new(found.clone())).collect();
        let is_any = !new.is_empty();
        self.files.extend(new);
        is_any
    }

    /// How far the file at `path` is to be read; none for its end.
    fn limit(&self, path: &str) -> Option<u64> {
        self.until.as_ref().map(|until| until.get(path).map_or(0, |stop| stop.offset))
    }

    /// Brings `files` in line with what is there now. Whether anything is new.
    fn look_for_changes(&mut self) -> Result<bool, Error> {
        let listed = self.source.listing.files()?;
        let present: HashSet<&Found> = listed.iter().collect();
        let mut news = false;
        for file in &mut self.files {
            if present.contains(&file.found) {
                continue;
            }
            // Renamed within the pattern, as log rotation does: what was read of it stays read.
            if let Some(renamed) = listed.iter().find(|found| found.inode == file.found.inode) {
                tracing::info!(from = file.found.path, to = renamed.path, "file was renamed");
                if let Some(position) = self.positions.remove(&file.found.path) {
                    self.positions.insert(renamed.path.clone(), position);
                }
                file.found = renamed.clone();
            } else {
                // It is read to its end before its successor, if its path means another file now.
                file.gone = true;
            }
            news = true;
        }
        Ok(self.add_files(&listed) || news)
    }

    /// The next rows of the first file; none if it has none now.
    fn read_first(&mut self, rows_max: usize) -> Option<Step> {
        let limit = self.limit(&self.files.front()?.found.path);
        let file = self.files.front_mut()?;
        let last = !self.follow || file.gone;
        let step = file.read(&self.source, &self.positions, limit, rows_max, last);
        let position = match &file.content {
            Some(Content::Text(text)) => Some(text.position()),
            Some(Content::Parquet(parquet)) => Some(parquet.position()),
            // A file that cannot be read at all counts as read.
            None if step.is_some() => Some(FilePosition::default()),
            None => None,
        };
        if let (Some(position), Some(_)) = (position, &step) {
            let inode = self.source.follow.then_some(file.found.inode);
            self.positions.insert(file.found.path.clone(), FilePosition { inode, ..position });
        }
        step
    }

    /// Goes on to the next file. False if all files have had their turn.
    fn end_turn(&mut self, has_more: bool) {
        self.turn_reads = 0;
        let Some(mut file) = self.files.pop_front() else { return };
        if !has_more && self.files.len() >= OPEN_MAX {
            file.close();
        }
        if has_more || (self.follow && !file.gone) {
            self.files.push_back(file);
        } else if file.gone {
            tracing::info!(path = file.found.path, "file is gone, and was read to its end");
            self.positions.remove(&file.found.path);
        }
    }
}

impl SourceReader for FilesReader {
    fn read(&mut self, rows_max: usize) -> Result<Read, Error> {
        let rows_max = match self.pacer.due(rows_max) {
            Ok(rows_max) => rows_max,
            Err(wait) => return Ok(Read::Idle(wait)),
        };
        let started = Instant::now();
        let mut files_left = self.files.len();
        loop {
            while files_left > 0 {
                if let Some(step) = self.read_first(rows_max) {
                    self.turn_reads += 1;
                    if self.follow && self.turn_reads >= TURN_READS_MAX {
                        self.end_turn(true);
                    }
                    if step.rows.num_rows() == 0 && step.errors.is_empty() {
                        // A header, or blank lines.
                        continue;
                    }
                    self.pacer.take((step.rows.num_rows() + step.errors.len()) as u64);
                    let position = to_position(&self.positions);
                    return Ok(Read::Rows { rows: step.rows, errors: step.errors, position, ends_epoch: false });
                }
                self.end_turn(false);
                files_left -= 1;
            }
            if !self.follow {
                return Ok(Read::End);
            }
            if !self.look_for_changes()? {
                return Ok(Read::Idle((started.elapsed() * LOOKING_SHARE).clamp(IDLE_MIN, IDLE_MAX)));
            }
            files_left = self.files.len();
        }
    }
}

/// Refuses to replay files that are gone, but for those that were followed: of them that is expected.
fn check_present(until: Option<&FilePositions>, listed: &[Found]) -> Result<(), Error> {
    let present: HashSet<&str> = listed.iter().map(|found| found.path.as_str()).collect();
    for (path, position) in until.into_iter().flatten() {
        if position.inode.is_none() && !present.contains(path.as_str()) {
            let message = "was read before, but is gone, so it cannot be read again".into();
            return Err(Error::Input { place: path.clone(), message });
        }
    }
    Ok(())
}

/// The positions under the paths that their files have now; without those of files that are gone.
fn by_present_path(positions: FilePositions, listed: &[Found]) -> FilePositions {
    let mut present = FilePositions::new();
    for (path, position) in positions {
        let Some(inode) = position.inode else {
            present.insert(path, position);
            continue;
        };
        let same_path = listed.iter().find(|found| found.inode == inode && found.path == path);
        match same_path.or_else(|| listed.iter().find(|found| found.inode == inode)) {
            Some(found) => drop(present.insert(found.path.clone(), position)),
            None => tracing::warn!(path, offset = position.offset, "file of a position is gone, and so are its rows"),
        }
    }
    present
}

impl Tracked {
    fn new(found: Found) -> Self {
        Self { found, content: None, gone: false, failed_length: None, closed_length: None }
    }

    fn read(
        &mut self,
        source: &FileSource,
        positions: &FilePositions,
        limit: Option<u64>,
        rows_max: usize,
        last: bool,
    ) -> Option<Step> {
        let mut from = positions.get(&self.found.path).copied().unwrap_or_default();
        if self.content.is_none() {
            if self.gone {
                return None;
            }
            if let Some(closed_length) = self.closed_length {
                let length = std::fs::metadata(&self.found.path).ok()?.len();
                if length == closed_length {
                    return None;
                }
                if length < closed_length {
                    tracing::info!(path = self.found.path, length, "file was truncated, reading it from the start");
                    from = FilePosition::default();
                }
            }
            match self.open(source, from, limit) {
                Ok(content) => (self.content, self.closed_length) = (Some(content), None),
                Err(message) => return self.failed(source, &message, last),
            }
            self.failed_length = None;
        }
        let result = match self.content.as_mut()? {
            Content::Parquet(parquet) => return parquet.read(rows_max),
            Content::Text(text) => {
                let truncated = if last { Ok(()) } else { text.restart_if_truncated() };
                truncated.and_then(|()| text.read(rows_max, last))
            }
        };
        result.unwrap_or_else(|error| self.failed(source, &error.to_string(), last))
    }

    /// Closes a file that has been read to its end, where that loses nothing.
    fn close(&mut self) {
        let length = match &self.content {
            Some(Content::Text(text)) if text.can_be_closed() => Some(text.read_to()),
            Some(Content::Parquet(_)) => std::fs::metadata(&self.found.path).ok().map(|metadata| metadata.len()),
            _ => None,
        };
        if length.is_some() {
            (self.content, self.closed_length) = (None, length);
        }
    }

    fn open(&mut self, source: &FileSource, from: FilePosition, limit: Option<u64>) -> Result<Content, String> {
        let path = &self.found.path;
        if let Some(failed_length) = self.failed_length {
            // Not a word about it again until it has changed.
            let length = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
            if length == failed_length {
                return Err(String::new());
            }
        }
        let schema = source.schema.clone();
        if source.encoding == Encoding::Parquet {
            return ParquetFile::open(path, schema, from, limit).map(|file| Content::Parquet(Box::new(file)));
        }
        let text = TextFile::open(path, schema, source.text_format(), from, limit, source.record_bytes_max)
            .map_err(|error| error.to_string())?;
        if let Ok(metadata) = text.metadata() {
            self.found.inode = inode(&metadata);
        }
        Ok(Content::Text(Box::new(text)))
    }

    /// Says once that a file cannot be read; it may become readable while it is being followed.
    fn failed(&mut self, source: &FileSource, message: &str, last: bool) -> Option<Step> {
        let length = std::fs::metadata(&self.found.path).map_or(0, |metadata| metadata.len());
        let is_known = self.failed_length == Some(length);
        self.failed_length = Some(length);
        self.content = None;
        if is_known || message.is_empty() {
            return None;
        }
        // A Parquet file has its footer at its end, and may be still being written.
        if !last && source.encoding == Encoding::Parquet {
            tracing::debug!(path = self.found.path, message, "file cannot be read yet");
            return None;
        }
        tracing::warn!(path = self.found.path, message, "file cannot be read");
        let error = RecordError {
            place: self.found.path.clone(),
            message: format!("the whole file is skipped: {message}"),
            payload: String::new(),
        };
        Some(Step { rows: arrow::array::RecordBatch::new_empty(source.schema.clone()), errors: vec![error] })
    }
}
