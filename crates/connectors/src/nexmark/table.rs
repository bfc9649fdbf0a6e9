//! The three tables of the auction site: their columns, and which events are theirs. Of 50 events
//! in a row the first is a person, three are auctions, and the rest are bids.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use ::nexmark::event::EventType;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// A person, three auctions and 46 bids.
pub(crate) const ROUND: u64 = 50;

/// Which table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Table {
    /// Who sells and bids.
    Person,
    /// What is for sale.
    Auction,
    /// What is offered for it.
    Bid,
}

impl Table {
    /// How many events of each round are of this table.
    pub(crate) fn share(self) -> u64 {
        match self {
            Self::Person => 1,
            Self::Auction => 3,
            Self::Bid => 46,
        }
    }

    /// The first of them in its round.
    fn first(self) -> u64 {
        match self {
            Self::Person => 0,
            Self::Auction => 1,
            Self::Bid => 4,
        }
    }

    /// How many of the first `events` events are of this table.
    pub(crate) fn rows_before(self, events: u64) -> u64 {
        events / ROUND * self.share() + (events % ROUND).saturating_sub(self.first()).min(self.share())
    }

    /// The number of the event that is this table's row `row`.
    pub(crate) fn event_of(self, row: u64) -> u64 {
        row / self.share() * ROUND + self.first() + row % self.share()
    }

    /// The generator's name for it.
    pub(crate) fn event_type(self) -> EventType {
        match self {
            Self::Person => EventType::Person,
            Self::Auction => EventType::Auction,
            Self::Bid => EventType::Bid,
        }
    }

    /// All its columns.
    pub(crate) fn schema(self) -> SchemaRef {
        let columns: &[(&str, DataType)] = match self {
            Self::Person => &[
                ("id", DataType::Int64),
                ("name", DataType::Utf8),
                ("email_address", DataType::Utf8),
                ("credit_card", DataType::Utf8),
                ("city", DataType::Utf8),
                ("state", DataType::Utf8),
                ("date_time", DataType::Timestamp(TimeUnit::Microsecond, None)),
                ("extra", DataType::Utf8),
            ],
            Self::Auction => &[
                ("id", DataType::Int64),
                ("item_name", DataType::Utf8),
                ("description", DataType::Utf8),
                ("initial_bid", DataType::Int64),
                ("reserve", DataType::Int64),
                ("date_time", DataType::Timestamp(TimeUnit::Microsecond, None)),
                ("expires", DataType::Timestamp(TimeUnit::Microsecond, None)),
                ("seller", DataType::Int64),
                ("category", DataType::Int64),
                ("extra", DataType::Utf8),
            ],
            Self::Bid => &[
                ("auction", DataType::Int64),
                ("bidder", DataType::Int64),
                ("price", DataType::Int64),
                ("channel", DataType::Utf8),
                ("url", DataType::Utf8),
                ("date_time", DataType::Timestamp(TimeUnit::Microsecond, None)),
                ("extra", DataType::Utf8),
            ],
        };
        let fields: Vec<Field> =
            columns.iter().map(|(name, data_type)| Field::new(*name, data_type.clone(), false)).collect();
        Arc::new(Schema::new(fields))
    }
}

impl FromStr for Table {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.to_ascii_lowercase().as_str() {
            "person" => Ok(Self::Person),
            "auction" => Ok(Self::Auction),
            "bid" => Ok(Self::Bid),
            _ => Err(()),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Person => "person",
            Self::Auction => "auction",
            Self::Bid => "bid",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_events_agree() {
        for table in [Table::Person, Table::Auction, Table::Bid] {
            for event in 0..500 {
                let row = table.rows_before(event);
                let is_row = table.rows_before(event + 1) > row;
                assert_eq!(is_row, table.event_of(row) == event, "{table} {event}");
            }
        }
    }
}
