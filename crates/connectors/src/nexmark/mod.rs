//! `connector = 'nexmark'`: the auction site of the Nexmark benchmark (Tucker et al., "NEXMark, a
//! benchmark for queries over data streams"), of which one source shows one table.
//!
//! Every event is a function of the seed and its number, so a position is simply how many events
//! of all three kinds have gone by. It does not know what is done with the events.
//!
//! | option | meaning |
//! |---|---|
//! | `table` (`table.type`) | person, auction or bid |
//! | `rate` | events a second, of all tables; without it, as fast as possible, and 10,000 a second of event time |
//! | `min.event.gap.in.ns` | the same, as time between two events |
//! | `total` (`event.num`) | events of all tables; without it, no end |
//! | `seed` | which events |
//! | `epoch_events` | ends an epoch after so many events of all tables, and makes them beforehand |
//! | `pregenerate` | whether all events are made before the first one is read |
//! | `avg.bid.byte.size`, `hot.seller.ratio`, ... | numbers of the generator's model |

mod generate;
mod reader;
mod stored;
mod table;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};

use self::generate::Recipe;
use self::reader::NexmarkReader;
use self::stored::SharedBatches;
use self::table::Table;
use crate::settings::{Settings, invalid};
use crate::{Error, Pace, Position, Source, SourceReader};

/// Events a second of event time, when there is no rate.
const EVENTS_PER_SECOND: f64 = 10_000.0;

/// An event every twenty minutes.
const GAP_NS_MAX: u64 = 1_200_000_000_000;

/// Each seed has its own part of the generator's sequence of events, which has room for so many.
const SEED_MAX: u64 = 1_000_000_000;

/// One table of the auction site.
#[derive(Debug)]
pub struct NexmarkSource {
    schema: SchemaRef,
    recipe: Recipe,
    rate: Option<f64>,
    /// The events made beforehand, if they are to be.
    stored: Option<SharedBatches>,
}

impl NexmarkSource {
    /// The source with these options, of which `columns` are shown.
    pub(crate) fn new(columns: Option<&SchemaRef>, mut settings: Settings) -> Result<Self, Error> {
        let table = settings.value_of_any::<Table>(&["table", "table.type"], "person, auction or bid")?;
        let rate = settings.rate(&["rate"])?;
        let gap_ns = settings.value::<u64>("min.event.gap.in.ns", "a number of nanoseconds")?;
        let total = settings.value_of_any::<u64>(&["total", "event.num"], "a number of events")?;
        let seed = settings.value::<u64>("seed", "a whole number")?.unwrap_or(0);
        let pregenerate = settings.flag("pregenerate")?;
        let epoch_events = settings.value::<u64>("epoch_events", "a number of events")?;
        let sizes = generate::Sizes::from_settings(&mut settings)?;
        if let Some(encode) = settings.encode() {
            return Err(Error::Unsupported(format!("ENCODE {encode} of a generated source, which has no encoding")));
        }
        settings.finish()?;

        let table = table.ok_or_else(|| invalid("table", "missing; it is person, auction or bid"))?;
        if rate.is_some() && gap_ns.is_some() {
            return Err(invalid("min.event.gap.in.ns", "another way to say \"rate\", which is given too"));
        }
        let rate = rate.or(gap_ns.filter(|&gap| gap > 0).map(|gap| 1e9 / gap as f64));
        if gap_ns.is_some_and(|gap_ns| gap_ns > GAP_NS_MAX) {
            return Err(invalid("min.event.gap.in.ns", format!("at most {GAP_NS_MAX}")));
        }
        if seed > SEED_MAX {
            return Err(invalid("seed", format!("at most {SEED_MAX}")));
        }
        if epoch_events == Some(0) {
            return Err(invalid("epoch_events", "at least 1"));
        }
        let pregenerate = pregenerate.unwrap_or(epoch_events.is_some());
        if pregenerate && total.is_none() {
            return Err(invalid("total", "missing; events made beforehand must have an end"));
        }

        let (columns, schema) = shown_columns(table, columns)?;
        let gap_ns = (1e9 / rate.unwrap_or(EVENTS_PER_SECOND)).round().max(1.0) as u64;
        let recipe = Recipe { table, columns, seed, gap_ns, total, epoch_events, sizes };
        let stored = pregenerate.then(|| stored::shared(&recipe));
        Ok(Self { schema, recipe, rate, stored })
    }
}

impl Source for NexmarkSource {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn is_finite(&self) -> bool {
        self.recipe.total.is_some()
    }

    fn open(
        &self,
        from: Option<&Position>,
        until: Option<&Position>,
        pace: Pace,
    ) -> Result<Box<dyn SourceReader>, Error> {
        let from = from.map_or(Ok(0), |position| position.number("event"))?;
        let until = until.map(|position| position.number("event")).transpose()?;
        let rate = self.rate;
        Ok(match &self.stored {
            Some(shared) => {
                let stored = shared.get_or_init(|| stored::generate(&self.recipe, &self.schema)).clone();
                Box::new(NexmarkReader::new(&self.recipe, self.schema.clone(), stored, from, until, rate, pace))
            }
            None => {
                let generator = self.recipe.generator(self.schema.clone());
                Box::new(NexmarkReader::new(&self.recipe, self.schema.clone(), generator, from, until, rate, pace))
            }
        })
    }
}

/// Which of the table's columns the declared ones are, and the schema to show them with. It says
/// NOT NULL whether they did or not, since that is so.
fn shown_columns(table: Table, declared: Option<&SchemaRef>) -> Result<(Vec<usize>, SchemaRef), Error> {
    let all = table.schema();
    let Some(declared) = declared else { return Ok(((0..all.fields().len()).collect(), all)) };
    let mut columns = Vec::new();
    let mut fields = Vec::new();
    for field in declared.fields() {
        let Ok(column) = all.index_of(field.name()) else {
            let names: Vec<&str> = all.fields().iter().map(|field| field.name().as_str()).collect();
            let hint = crate::settings::hint(field.name(), &names, "columns");
            return Err(Error::Unsupported(format!("column \"{}\" of Nexmark's {table}. {hint}", field.name())));
        };
        let (given, made) = (field.data_type(), all.field(column).data_type());
        if given != made {
            let (name, given, made) =
                (field.name(), crate::formats::type_name(field), crate::formats::type_name(all.field(column)));
            return Err(Error::Unsupported(format!("column \"{name}\" of Nexmark's {table} as {given}; it is {made}")));
        }
        columns.push(column);
        fields.push(field.as_ref().clone().with_nullable(false));
    }
    Ok((columns, Arc::new(Schema::new(fields))))
}
