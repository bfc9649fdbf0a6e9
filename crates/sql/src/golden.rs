//! Tests as files of text: each case is an input, `----`, and what is expected of it. Blank lines
//! stand between cases; lines from `#` on at the start of a case are comments.
//!
//! `UPDATE_EXPECTED=1` in the environment writes what is there instead of comparing.

use std::fmt::Write;
use std::path::Path;

/// Runs each case of a file, named from the crate's root, through `run`.
pub(crate) fn check(file: &str, mut run: impl FnMut(&str) -> String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = std::fs::read_to_string(&path).expect("the file of cases is there");
    let mut updated = String::new();
    let mut failures = String::new();
    for case in text.split("\n\n").map(|case| case.trim_matches('\n')).filter(|case| !case.is_empty()) {
        let (input, expected) = case.split_once("\n----").unwrap_or((case, ""));
        let statement = input.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
        let expected = expected.trim_matches('\n');
        if statement.is_empty() {
            let _ = write!(updated, "{case}\n\n");
            continue;
        }
        let actual = run(&statement);
        let actual = actual.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        if actual != expected {
            let _ = write!(failures, "{statement}\n  expected:\n{expected}\n  actual:\n{actual}\n\n");
        }
        let _ = write!(updated, "{input}\n----\n{actual}\n\n");
    }
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&path, updated.trim_end().to_owned() + "\n").expect("the file can be written");
    } else {
        assert!(failures.is_empty(), "{file}:\n\n{failures}");
    }
}
