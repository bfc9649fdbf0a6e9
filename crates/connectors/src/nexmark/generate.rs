//! Events to columns. The events are the `nexmark` crate's; what it leaves open is settled here:
//! times that are exact however many events there are, and seeds.

use std::ops::Range;
use std::sync::Arc;

use ::nexmark::EventGenerator;
use ::nexmark::config::NexmarkConfig;
use ::nexmark::event::{Auction, Bid, Event, Person};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringBuilder, TimestampMicrosecondArray};
use arrow::datatypes::SchemaRef;

use super::table::{ROUND, Table};
use crate::Error;
use crate::reader::BATCH_BYTES_MAX;
use crate::settings::{Settings, invalid};

/// 2015-07-15 00:00:00, where every Nexmark generator's time starts.
const BASE_TIME_MS: u64 = 1_436_918_400_000;

/// The crate numbers events from here in each stretch of this many, because it reckons times in
/// `f32`, which has no more digits than that. A multiple of a round.
const STRETCH: u64 = 1_000_000;

/// The crate seeds each event by its number alone, so another seed is another part of its
/// endless sequence. A multiple of 100 rounds, since it picks hot people and auctions by the hundred.
const SEED_STRIDE: u64 = 5_000_000_000;

const US_STATES: [&str; 6] = ["AZ", "CA", "ID", "OR", "WA", "WY"];
const US_CITIES: [&str; 10] =
    ["Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Kent", "Cheyenne"];
const FIRST_NAMES: [&str; 11] =
    ["Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"];
const LAST_NAMES: [&str; 9] = ["Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"];

/// Everything that decides what the rows are: two sources with the same recipe have the same rows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Recipe {
    pub(crate) table: Table,
    /// Which of the table's columns.
    pub(crate) columns: Vec<usize>,
    pub(crate) seed: u64,
    /// Event time between two events.
    pub(crate) gap_ns: u64,
    /// Events of all three tables.
    pub(crate) total: Option<u64>,
    pub(crate) epoch_events: Option<u64>,
    pub(crate) sizes: Sizes,
}

/// The numbers of the generator's model that may be changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sizes(Vec<(&'static str, usize)>);

/// Option, and the largest value that makes sense.
const SIZES: [(&str, usize); 9] = [
    ("active.people", 1_000_000),
    ("in.flight.auctions", 1_000_000),
    ("avg.person.byte.size", 100_000),
    ("avg.auction.byte.size", 100_000),
    ("avg.bid.byte.size", 100_000),
    ("hot.seller.ratio", 1_000_000),
    ("hot.auction.ratio", 1_000_000),
    ("hot.bidder.ratio", 1_000_000),
    ("hot.channel.ratio", 1_000_000),
];

impl Sizes {
    /// Takes those that are given.
    pub(crate) fn from_settings(settings: &mut Settings) -> Result<Self, Error> {
        let mut sizes = Vec::new();
        for (name, max) in SIZES {
            let Some(size) = settings.value::<usize>(name, "a whole number")? else { continue };
            if !(1..=max).contains(&size) {
                return Err(invalid(name, format!("expected 1 to {max}, not {size}")));
            }
            sizes.push((name, size));
        }
        Ok(Self(sizes))
    }

    /// The most bytes of a table's row, about.
    fn row_bytes_max(&self, table: Table) -> usize {
        let (name, default) = match table {
            Table::Person => ("avg.person.byte.size", 200),
            Table::Auction => ("avg.auction.byte.size", 500),
            Table::Bid => ("avg.bid.byte.size", 100),
        };
        let average = self.0.iter().find(|(given, _)| *given == name).map_or(default, |&(_, size)| size);
        // The generator's texts are up to a fifth longer than their average, and some have a length of their own.
        average + average / 5 + 512
    }

    fn apply(&self, config: &mut NexmarkConfig) {
        for &(name, size) in &self.0 {
            match name {
                "active.people" => config.active_people = size,
                "in.flight.auctions" => config.in_flight_auctions = size,
                "avg.person.byte.size" => config.avg_person_byte_size = size,
                "avg.auction.byte.size" => config.avg_auction_byte_size = size,
                "avg.bid.byte.size" => config.avg_bid_byte_size = size,
                "hot.seller.ratio" => config.hot_seller_ratio = size,
                "hot.auction.ratio" => config.hot_auction_ratio = size,
                "hot.bidder.ratio" => config.hot_bidder_ratio = size,
                _ => config.hot_channel_ratio = size,
            }
        }
    }
}

impl Recipe {
    /// How many events are made at once, at most.
    pub(crate) fn events_max(&self) -> u64 {
        (BATCH_BYTES_MAX / self.sizes.row_bytes_max(self.table)).max(1) as u64
    }

    /// A generator of this recipe's rows.
    pub(crate) fn generator(&self, schema: SchemaRef) -> Generator {
        Generator { recipe: self.clone(), schema, events: None }
    }

    fn time_us(&self, event: u64) -> i64 {
        let time_ms = u128::from(BASE_TIME_MS) + u128::from(event) * u128::from(self.gap_ns) / 1_000_000;
        i64::try_from(time_ms * 1000).unwrap_or(i64::MAX / 2)
    }
}

/// Makes the rows of any range of events; fastest for ranges that follow each other.
#[derive(Debug)]
pub(crate) struct Generator {
    recipe: Recipe,
    schema: SchemaRef,
    /// The table's row that comes next from the crate's generator, and that generator.
    events: Option<(u64, EventGenerator)>,
}

impl Generator {
    /// The rows among these events.
    pub(crate) fn rows(&mut self, events: Range<u64>) -> RecordBatch {
        let table = self.recipe.table;
        let rows = table.rows_before(events.start)..table.rows_before(events.end);
        let columns = match table {
            Table::Person => {
                let people = self.take(rows.clone(), |event| match event {
                    Event::Person(person) => Some(person),
                    _ => None,
                });
                self.columns(|column| self.person_column(&people, rows.start, column))
            }
            Table::Auction => {
                let auctions = self.take(rows.clone(), |event| match event {
                    Event::Auction(auction) => Some(auction),
                    _ => None,
                });
                self.columns(|column| self.auction_column(&auctions, rows.start, column))
            }
            Table::Bid => {
                let bids = self.take(rows.clone(), |event| match event {
                    Event::Bid(bid) => Some(bid),
                    _ => None,
                });
                self.columns(|column| self.bid_column(&bids, rows.start, column))
            }
        };
        RecordBatch::try_new(self.schema.clone(), columns)
            .expect("every column is made of the schema's type and length")
    }

    fn take<Row>(&mut self, rows: Range<u64>, of_table: impl Fn(Event) -> Option<Row>) -> Vec<Row> {
        let mut taken = Vec::with_capacity((rows.end - rows.start) as usize);
        let mut next = rows.start;
        while next < rows.end {
            let stretch = self.recipe.table.event_of(next) / STRETCH;
            let stretch_end = self.recipe.table.rows_before((stretch + 1) * STRETCH).min(rows.end);
            let mut events = match self.events.take() {
                // At a stretch's first row, the generator at hand is still that of the one before.
                Some((at, events)) if at == next && next != self.recipe.table.rows_before(stretch * STRETCH) => events,
                _ => self.events_of_stretch(stretch, next),
            };
            taken.extend(events.by_ref().take((stretch_end - next) as usize).filter_map(&of_table));
            next = stretch_end;
            self.events = Some((next, events));
        }
        taken
    }

    fn events_of_stretch(&self, stretch: u64, row: u64) -> EventGenerator {
        let first = stretch * STRETCH;
        let mut config = NexmarkConfig {
            base_time: 0,
            first_event_id: (self.recipe.seed * SEED_STRIDE + first) as usize,
            // Microseconds between events are `us_per_unit / first_rate`.
            first_rate: 1000,
            next_rate: 1000,
            us_per_unit: self.recipe.gap_ns as usize,
            // As the benchmark's own generator spells them, for its queries compare with 'OR';
            // the crate has them in lower case.
            us_states: words(&US_STATES),
            us_cities: words(&US_CITIES),
            first_names: words(&FIRST_NAMES),
            last_names: words(&LAST_NAMES),
            ..NexmarkConfig::default()
        };
        self.recipe.sizes.apply(&mut config);
        EventGenerator::new(config)
            .with_type_filter(self.recipe.table.event_type())
            .with_offset(row - self.recipe.table.rows_before(first))
    }

    fn columns(&self, column: impl Fn(usize) -> ArrayRef) -> Vec<ArrayRef> {
        self.recipe.columns.iter().map(|&index| column(index)).collect()
    }

    fn person_column(&self, people: &[Person], first_row: u64, column: usize) -> ArrayRef {
        match column {
            0 => integers(people.iter().map(|person| self.person_id(person.id))),
            1 => texts(people.iter().map(|person| &person.name)),
            2 => texts(people.iter().map(|person| &person.email_address)),
            3 => texts(people.iter().map(|person| &person.credit_card)),
            4 => texts(people.iter().map(|person| &person.city)),
            5 => texts(people.iter().map(|person| &person.state)),
            6 => self.times(first_row, people.iter().map(|_| 0)),
            _ => texts(people.iter().map(|person| &person.extra)),
        }
    }

    fn auction_column(&self, auctions: &[Auction], first_row: u64, column: usize) -> ArrayRef {
        match column {
            0 => integers(auctions.iter().map(|auction| self.auction_id(auction.id))),
            1 => texts(auctions.iter().map(|auction| &auction.item_name)),
            2 => texts(auctions.iter().map(|auction| &auction.description)),
            3 => integers(auctions.iter().map(|auction| auction.initial_bid as i64)),
            4 => integers(auctions.iter().map(|auction| auction.reserve as i64)),
            5 => self.times(first_row, auctions.iter().map(|_| 0)),
            6 => self.times(first_row, auctions.iter().map(|auction| auction.expires - auction.date_time)),
            7 => integers(auctions.iter().map(|auction| self.person_id(auction.seller))),
            8 => integers(auctions.iter().map(|auction| auction.category as i64)),
            _ => texts(auctions.iter().map(|auction| &auction.extra)),
        }
    }

    fn bid_column(&self, bids: &[Bid], first_row: u64, column: usize) -> ArrayRef {
        match column {
            0 => integers(bids.iter().map(|bid| self.auction_id(bid.auction))),
            1 => integers(bids.iter().map(|bid| self.person_id(bid.bidder))),
            2 => integers(bids.iter().map(|bid| bid.price as i64)),
            3 => texts(bids.iter().map(|bid| &bid.channel)),
            4 => texts(bids.iter().map(|bid| &bid.url)),
            5 => self.times(first_row, bids.iter().map(|_| 0)),
            _ => texts(bids.iter().map(|bid| &bid.extra)),
        }
    }

    /// The times of the rows from `first_row` on, each with milliseconds added.
    fn times(&self, first_row: u64, later_ms: impl Iterator<Item = u64>) -> ArrayRef {
        let time = |(row, later_ms)| self.recipe.time_us(self.recipe.table.event_of(row)) + later_ms as i64 * 1000;
        Arc::new(TimestampMicrosecondArray::from_iter_values((first_row..).zip(later_ms).map(time)))
    }

    /// Ids start over with each seed. The first events refer to people and auctions before the
    /// first: those become the first.
    fn person_id(&self, id: usize) -> i64 {
        self.id_from(id, Table::Person)
    }

    fn auction_id(&self, id: usize) -> i64 {
        self.id_from(id, Table::Auction)
    }

    fn id_from(&self, id: usize, table: Table) -> i64 {
        const FIRST_ID: i64 = 1000;
        let before_seed = self.recipe.seed * SEED_STRIDE / ROUND * table.share();
        (id as i64 - before_seed as i64).max(FIRST_ID)
    }
}

fn integers(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

fn texts<'a>(values: impl ExactSizeIterator<Item = &'a String> + Clone) -> ArrayRef {
    // No larger than needed, since they may be kept.
    let bytes = values.clone().map(String::len).sum();
    let mut array = StringBuilder::with_capacity(values.len(), bytes);
    values.for_each(|value| array.append_value(value));
    Arc::new(array.finish())
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}
