//! Tables of text on a terminal, drawn over the last ones; or one after the other where the output
//! is no terminal.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::Result;
use tokio_postgres::{Client, SimpleQueryMessage};

/// A cell is cut to this many characters.
const CELL_CHARS_MAX: usize = 34;
/// Home, and clear what is below.
const REDRAW: &str = "\x1b[H\x1b[J";

/// What is drawn on.
pub struct Screen {
    is_terminal: bool,
}

/// A titled table.
pub struct Panel {
    title: String,
    rows: Vec<Vec<String>>,
}

impl Panel {
    /// The rows of a query, under the names of their columns.
    pub async fn query(client: &Client, title: &str, sql: &str) -> Result<Panel> {
        let mut rows = Vec::new();
        for message in client.simple_query(sql).await? {
            match message {
                SimpleQueryMessage::RowDescription(columns) => {
                    rows.push(columns.iter().map(|column| column.name().to_owned()).collect());
                }
                SimpleQueryMessage::Row(row) => {
                    rows.push((0..row.len()).map(|index| cell(row.get(index).unwrap_or(""))).collect());
                }
                _ => {}
            }
        }
        Ok(Panel { title: title.to_owned(), rows })
    }

    fn write(&self, out: &mut impl Write) -> Result<()> {
        writeln!(out, "{}", self.title)?;
        let Some(header) = self.rows.first() else { return Ok(()) };
        let widths: Vec<usize> = (0..header.len())
            .map(|column| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
            .collect();
        for (number, row) in self.rows.iter().enumerate() {
            let mut line = String::from("  ");
            for (value, width) in row.iter().zip(&widths) {
                // Numbers to the right, under whatever the column is called.
                let is_number = number > 0 && value.parse::<f64>().is_ok();
                line.push_str(&if is_number { format!("{value:>width$}  ") } else { format!("{value:<width$}  ") });
            }
            writeln!(out, "{}", line.trim_end())?;
            if number == 0 {
                let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
                writeln!(out, "  {}", rule.join("  "))?;
            }
        }
        writeln!(out)?;
        Ok(())
    }
}

impl Screen {
    pub fn new() -> Screen {
        Screen { is_terminal: std::io::stdout().is_terminal() }
    }

    /// Draws everything anew.
    pub fn draw(&self, hint: &str, elapsed: Duration, panels: &[Panel]) -> Result<()> {
        let mut text = Vec::new();
        if self.is_terminal {
            text.extend_from_slice(REDRAW.as_bytes());
        }
        writeln!(text, "Freshet, after {} s. {hint}\n", elapsed.as_secs())?;
        for panel in panels {
            panel.write(&mut text)?;
        }
        if self.is_terminal {
            writeln!(text, "Ctrl-C ends it.")?;
        }
        let mut out = std::io::stdout().lock();
        out.write_all(&text)?;
        out.flush()?;
        Ok(())
    }
}

fn cell(text: &str) -> String {
    if text.chars().count() <= CELL_CHARS_MAX {
        return text.to_owned();
    }
    let cut: String = text.chars().take(CELL_CHARS_MAX - 1).collect();
    cut + "…"
}
