//! What tables must hold: foretold before each write by queries over what is there.
//!
//! Views are compared with queries over the tables, so that a write that goes wrong would make
//! both wrong alike. Here it shows.

use anyhow::{Result, bail};

use super::changes::Write;
use super::compare::difference;
use super::database::Database;
use super::schema::Table;

/// The rows of all tables.
#[derive(Clone, Debug)]
pub struct Model {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Model {
    /// Empty tables.
    pub fn new(tables: &[Table]) -> Model {
        let names = tables.iter().map(|table| table.relation.name.clone()).collect();
        Model { names, rows: vec![Vec::new(); tables.len()] }
    }

    /// Runs a write, and checks that its table is then what it should be.
    pub async fn apply(&mut self, database: &mut Database, write: &Write) -> Result<()> {
        let mut rows = if write.keeps { self.rows[write.table].clone() } else { Vec::new() };
        for query in &write.becomes {
            rows.extend(database.rows(query).await?);
        }
        rows.sort_unstable();
        self.rows[write.table] = rows;
        database.run(&write.sql).await?;
        self.check(database, write.table).await
    }

    /// Checks all tables.
    pub async fn check_all(&self, database: &mut Database) -> Result<()> {
        for table in 0..self.names.len() {
            self.check(database, table).await?;
        }
        Ok(())
    }

    async fn check(&self, database: &mut Database, table: usize) -> Result<()> {
        let name = &self.names[table];
        let held = database.rows(&format!("SELECT * FROM {name}")).await?;
        match difference(&held, &self.rows[table]) {
            Some(difference) => bail!("table {name} (+) against what was to be expected (-)\n{difference}"),
            None => Ok(()),
        }
    }
}
