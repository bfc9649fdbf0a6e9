//! How far each file has been read, as JSON:
//! `{"/data/a.csv": {"offset": 1024, "line": 7, "inode": 123}}`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Error, Position};

/// How far one file has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FilePosition {
    /// Bytes of a text file, always whole records; rows of a Parquet file.
    pub(crate) offset: u64,
    /// Lines of a text file before `offset`, so that bad records can be named after reopening.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) line: u64,
    /// Which file the path meant, for paths under which files come and go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) inode: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// How far every file has been read that was read at all.
pub(crate) type FilePositions = BTreeMap<String, FilePosition>;

/// The stored form of `positions`.
pub(crate) fn to_position(positions: &FilePositions) -> Position {
    Position(serde_json::to_string(positions).expect("a map of text to numbers can always be written as JSON"))
}

/// What `to_position` made.
pub(crate) fn from_position(position: &Position) -> Result<FilePositions, Error> {
    serde_json::from_str(&position.0).map_err(|error| position.foreign(format!("expected offsets by file: {error}")))
}
