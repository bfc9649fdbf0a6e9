//! `connector = 'datagen'`: rows made up by a rule for each column. Every value is a function of the
//! seed, its column and its row's number, so a position is a number of rows.
//!
//! Options: `rate` (`rows.per.second`), `total`, `seed`, and the rules, for which see `rule.rs`.

mod column;
mod options;
mod ordinal;
mod reader;
mod rule;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use self::column::Column;
use self::options::Rules;
use self::reader::DatagenReader;
use crate::settings::{Settings, invalid};
use crate::{Error, Pace, Position, Source, SourceReader};

/// Rows by rules.
#[derive(Debug)]
pub struct DatagenSource {
    schema: SchemaRef,
    columns: Arc<[Column]>,
    rate: Option<f64>,
    total: u64,
}

impl DatagenSource {
    /// The source with these options.
    pub(crate) fn new(columns: Option<&SchemaRef>, mut settings: Settings) -> Result<Self, Error> {
        let Some(schema) = columns else {
            return Err(Error::Unsupported("connector \"datagen\" without declared columns".into()));
        };
        if let Some(encode) = settings.encode() {
            return Err(Error::Unsupported(format!("ENCODE {encode} of a generated source, which has no encoding")));
        }
        let rate = settings.rate(&["rate", "rows.per.second"])?;
        let total = settings.value::<u64>("total", "a number of rows")?.unwrap_or(u64::MAX);
        let seed = settings.value::<u64>("seed", "a whole number")?.unwrap_or(0);
        let mut rules = Rules::from_settings(&mut settings, schema)?;
        settings.finish()?;

        let mut made = Vec::new();
        for (index, field) in schema.fields().iter().enumerate() {
            made.push(Column::new(field, rules.of_column(field.name()), seed, index as u64, rate)?);
        }
        if made.is_empty() {
            return Err(invalid("connector", "datagen needs at least one column"));
        }
        Ok(Self { schema: schema.clone(), columns: made.into(), rate, total })
    }
}

impl Source for DatagenSource {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn is_finite(&self) -> bool {
        self.total < u64::MAX
    }

    fn open(
        &self,
        from: Option<&Position>,
        until: Option<&Position>,
        pace: Pace,
    ) -> Result<Box<dyn SourceReader>, Error> {
        let from = from.map_or(Ok(0), |position| position.number("row"))?;
        let until = until.map_or(Ok(u64::MAX), |position| position.number("row"))?;
        let end = until.min(self.total);
        Ok(Box::new(DatagenReader::new(self.schema.clone(), self.columns.clone(), from, end, self.rate, pace)))
    }
}
